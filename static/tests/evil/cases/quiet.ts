/** R1, R4 to R6, R8, R9, R13 to R15, R19, R20, R23: what the client does not do, whatever it is told. */
import sodium from "libsodium-wrappers-sumo"
import { expect, vi } from "vitest"
import { toFailure } from "../../../src/core/failure.ts"
import { openInvite } from "../../../src/core/invites.ts"
import { createTeam, createVault } from "../../../src/core/members.ts"
import { rotateVault } from "../../../src/core/write.ts"
import type { Bytes } from "../../../src/crypto/bytes.ts"
import { concat, hex, random, unhex, utf8 } from "../../../src/crypto/bytes.ts"
import { decode, encode } from "../../../src/crypto/cbor.ts"
import type { Keyring } from "../../../src/crypto/keys.ts"
import { Dek, inviteKey } from "../../../src/crypto/keys.ts"
import { inviteFragment, makeAccept } from "../../../src/crypto/links.ts"
import { open } from "../../../src/crypto/seal.ts"
import { sha256 } from "../../../src/crypto/sodium.ts"
import { Person } from "../../chains.ts"
import { collude } from "../collusion.ts"
import { lie } from "../declare.ts"
import type { Lie, Said, Sent } from "../lying.ts"
import { expectNothingOut, failureOf, passedOver, refused } from "../scene.ts"
import { flipped } from "../spoil.ts"
import { Twin } from "../twin.ts"
import type { Offered, Somebody, World } from "../world.ts"
import { teamRecord } from "./serving.ts"

/** Fields put into every map that the server answers with. */
function decorated(more: Record<string, unknown>): Lie {
    return {
        heads: (heads) => {
            Object.assign(heads, more)
            for (const head of [...heads.teams, ...heads.vaults]) Object.assign(head, more)
        },
        records: (records) => {
            for (const [kind, one] of records)
                if (kind === "team" || kind === "vault") Object.assign(one, more)
            return undefined
        },
        answer: (_path, value) => ({ ...value, ...more }),
    }
}

async function looked(who: Somebody, told: Lie | null = null, known = true): Promise<Twin> {
    const twin = await Twin.of(who, { ...(known && { store: who.store }), ...(told && { lie: told }) })
    await twin.look()
    return twin
}

export function recipients(w: World): void {
    lie("R1", "another key for a colleague who waits for one", (id) =>
        refused(w, id, {
            ...{ who: w.adam, scope: "nothing", flow: twice },
            lie: teamRecord(w.team, (record) =>
                record.pending.push({
                    vault: unhex(w.vault),
                    epoch: 2,
                    to: new Person("fake bob").keyring.fp,
                }),
            ),
        }),
    )
    lie("R1", "another key for somebody who was invited", async (id) => {
        const c = await collude(w)
        const forged = await acceptance(w, new Person("fake bob"))
        await refused(w, id, {
            ...{ who: w.adam, scope: "nothing" },
            lie: waitingFor(w, {
                ...forged,
                by_invite: c.ana.keyring.identity.sign("coffret/accept/v1\0", forged.accept),
            }),
            sees: (victim) => expect(victim.team(w.team).members).toHaveLength(6),
        })
    })
    lie(
        "R1",
        "another key for a colleague of mine, by an invitation whose secret the server has",
        async (id) => {
            const fake = Object.assign(new Person("fake mary"), { account: w.mary.me.account })
            const forged = await acceptance(w, fake)
            await refused(w, id, { ...{ who: w.adam, scope: "nothing" }, lie: waitingFor(w, forged) })
        },
    )
    lie("R5", "a recipient more in the server's list", async () => {
        for (const told of [null, decorated({}), extraRecipient(w)]) {
            const twin = await looked(w.adam, told, false)
            const sent = await rotationOf(w, twin)
            const holders = [w.ana, w.adam, w.mary, w.rita].map(({ me }) => hex(me.keyring.fp))
            expect(sent.toSorted()).toEqual(holders.toSorted())
        }
    })
    lie("R5", "one recipient, asked for more often than a request can hold", async () => {
        const honest = (await looked(w.adam)).context.books.teams.get(w.team)
        const epoch = honest?.vaults.get(w.vault)?.epoch
        const asked = { vault: unhex(w.vault), epoch, to: w.mary.me.keyring.fp }
        const told = teamRecord(w.team, (record) => record.pending.push(...Array(501).fill(asked)))
        const twin = await looked(w.adam, told, false)
        const posts = twin.transport.sent.filter(({ path }) => path.endsWith("/grants"))
        const sizes = posts.map(({ body }) => (decode(body as Bytes) as Said).grants.length)
        expect(sizes[0]).toBe(500)
    })
    lie("R5", "a recipient put in by a link that nobody signed", async (id) => {
        expect(await rotationOf(w, await looked(w.adam))).toHaveLength(4)
        const c = await collude(w)
        const member = w.max.member
        const granted = c.sign(c.ana, "vault_grant", {
            cut: [],
            member: c.mary.member,
            right: "manage",
            vault: c.vault.bytes,
        })
        c.put(flipped(granted.signed, -1))
        await refused(w, id, {
            ...{ who: w.adam, known: true, scope: "team", lie: c.lie(w.adam) },
            sees: async (victim) => {
                const before = victim.transport.sent.length
                expect(await failureOf(rotateVault(victim.context, w.vault))).toBe("frozen")
                expect(victim.transport.sent.length).toBe(before)
                expect(member).not.toBe("")
            },
        })
    })
}

async function twice(twin: Twin): Promise<void> {
    await twin.look()
    for (const team of twin.context.books.teams.values()) team.extras = { ...team.extras, stir: -1 }
    await twin.look()
}

/** An acceptance of the world's open invitation, by whoever has its secret. */
export async function acceptance(w: World, who: Person) {
    const { t, hash } = w.offered.get("open") as Offered
    const invite = (await looked(w.ana)).context.books.teams.get(w.team)?.state.invites.get(hex(hash))
    const key = await inviteKey(t, unhex(w.team), unhex(invite?.invite as string))
    const { account, member } = who
    const profile = { email: invite?.email as Bytes, name: random(32) }
    return makeAccept(who.keyring, key, { account, invite: hash, member, profile, team: unhex(w.team) })
}

export function waitingFor(w: World, accept: { accept: Bytes; by_identity: Bytes; by_invite: Bytes }): Lie {
    const { hash } = w.offered.get("open") as Offered
    const opening = { kind: "name", salt: random(32), text: "Bob" }
    return teamRecord(w.team, (record) => record.waiting.push({ invite: hash, ...accept, opening }))
}

function extraRecipient(w: World): Lie {
    return teamRecord(w.team, (record) => {
        for (const to of [w.max.me.keyring.fp, w.zed.me.keyring.fp, random(32)])
            record.pending.push({ vault: unhex(w.vault), epoch: 3, to })
    })
}

/** To whom a rotation seals. It is caught on its way, so that the world stays as it is. */
async function rotationOf(w: World, twin: Twin): Promise<string[]> {
    let caught: Said = null
    twin.transport.lie = {
        request: async ({ path, body }, send) => {
            if (!path.endsWith("/changes")) return send()
            caught = decode(body as Bytes)
            return { status: 422, headers: new Map(), body: utf8(JSON.stringify({ code: "invalid" })) }
        },
    }
    expect(await failureOf(rotateVault(twin.context, w.vault))).toBe("invalid")
    return caught.rotation.grants.map(({ grant }: { grant: Bytes }) => hex((decode(grant) as Said).to))
}

export function flags(w: World): void {
    const escrow = {
        auto_recover: true,
        recovery_policy: { custodians: [random(32)] },
        escrow_key: random(32),
    }
    lie("R4", "auto_recover at joining", async () => {
        const { t, hash } = w.offered.get("open") as Offered
        const fragment = inviteFragment(t, hash)
        const [honest, victim] = [await looked(w.rita), await looked(w.rita)]
        victim.transport.lie = decorated(escrow)
        const [one, other] = await Promise.all(
            [honest, victim].map((twin) => openInvite(twin.context.server, twin.context, fragment)),
        )
        expect(other).toEqual(one)
    })
    lie("R4", "auto_recover at making a vault", async () => {
        const told = await looked(w.ana, decorated(escrow), false)
        const vault = await createVault(told.context, w.team2, "zz-plain more")
        const { body } = told.transport.sent.find(({ path }) => path.endsWith("/links")) as Sent
        const sent = decode(body as Bytes) as Said
        expect(Object.keys(sent).toSorted()).toEqual(["change", "grants", "link", "openings"])
        const to = sent.grants.map(({ grant }: { grant: Bytes }) => hex((decode(grant) as Said).to))
        expect(to).toEqual([hex(w.ana.me.keyring.fp)])
        expect((await looked(w.ana)).vault(vault).state).toBe("ready")
    })
    lie("R6", "a key host in every answer", () =>
        passedOver(w, {
            ...{ who: w.mary, scope: "nothing", flow: (twin) => twice(twin) },
            lie: decorated({
                key_host: "https://evil.example",
                upload_keys_to: "https://evil.example/k",
                location: "//evil",
            }),
            sees: async (victim) => {
                await victim.open(w.vault, w.items[0] as string)
                await victim.save(w.vault, "zz-plain told to")
                const paths = victim.transport.sent.map(({ path }) => path)
                expect(
                    paths.filter((path) => !/^(sync|account\/pins|teams\/[0-9a-f-]{36}\/)/.test(path)),
                ).toEqual([])
                expect(JSON.stringify(victim.transport.sent.map(({ headers }) => headers))).not.toContain(
                    "evil",
                )
            },
        }),
    )
    lie("R14", "an older server, other features, another suite", () =>
        passedOver(w, {
            ...{ who: w.mary, scope: "nothing" },
            lie: decorated({ version: "0.1", features: ["legacy", "plain"], suite: 0, v: 0, formats: [0] }),
            sees: async (victim) => {
                await victim.save(w.vault, "zz-plain as ever")
                const { body } = victim.transport.sent.findLast(({ path }) =>
                    path.endsWith("/changes"),
                ) as Sent
                const { link, blobs } = decode(body as Bytes) as Said
                expect((decode((decode(link) as Said).link) as Said).v).toBe(1)
                expect(blobs.map((blob: Said) => [blob.overview[0], blob.details[0]])).toEqual([[1, 1]])
            },
        }),
    )
    lie("R20", "flows that nobody asked for", () =>
        passedOver(w, {
            ...{ who: w.mary, scope: "nothing" },
            lie: decorated({
                join: random(32),
                recover: true,
                convert: "v2",
                migrate: "/api/v2",
                reset_key: random(32),
            }),
            sees: (victim) => expect(victim.notices).toEqual([]),
        }),
    )
    lie("R20", "a record of a kind that nobody knows", async () => {
        const victim = await looked(
            w.mary,
            {
                records: (records) => [["recover", { team: unhex(w.team), to: random(32) }], ...records],
            },
            false,
        )
        expect([victim.refusals, victim.titles.size]).toEqual([[], 0])
        expect(new Set(victim.transport.sent.map(({ path }) => path))).toEqual(
            new Set(["account/pins", "sync"]),
        )
        victim.transport.lie = null
        await victim.look()
        expect(victim.titles.size).toBeGreaterThan(4)
    })
    lie("R15", "no attempt is made on another suite's seal", async () => {
        const derive = vi.spyOn(crypto.subtle, "deriveBits")
        const context = { from: 1, team: random(16), to: 2, vault: random(16) }
        const attempt = (suite: number) =>
            open(
                Dek.generate(),
                "coffret/olddek/v1",
                context,
                concat(Uint8Array.of(suite), random(112)),
            ).catch(() => null)
        await attempt(1)
        expect(derive).toHaveBeenCalledTimes(1)
        for (const suite of [0, 2, 3, 255]) await attempt(suite)
        expect(derive).toHaveBeenCalledTimes(1)
        derive.mockRestore()
    })
}

export function silence(w: World): void {
    lie("R8", "two seals of the same text", async () => {
        const twin = await looked(w.mary)
        for (let i = 0; i < 4; i++) await twin.save(w.vault, "zz-plain the same")
        const changes = twin.transport.sent.filter(({ path }) => path.endsWith("/changes"))
        const blobs = changes.flatMap(({ body }) => (decode(body as Bytes) as Said).blobs)
        const sealed: Bytes[] = blobs.flatMap((blob: Said) => [blob.overview, blob.details])
        expect(sealed).toHaveLength(8)
        // The salt makes the key; the commitment is made of it too.
        for (const [from, to] of [
            [1, 33],
            [33, 65],
            [65, 97],
        ] as const)
            expect(new Set(sealed.map((blob) => hex(blob.slice(from, to)))).size).toBe(8)
    })
    lie("R9", "opening an item asks the same, whatever is in it", async () => {
        const twin = await looked(w.ana)
        const traffic = async (vault: string, item: string) => {
            const from = twin.transport.sent.length
            await twin.open(vault, item)
            return shapes(twin.transport.sent.slice(from))
        }
        const one = await traffic(w.vault, w.items[2] as string)
        expect(one).toHaveLength(1)
        expect(await traffic(w.vault2, w.item2)).toEqual(one)
        expect(await traffic(w.other, w.otherItem)).toEqual(one)
    })
    lie("R9", "a visit asks the same, whatever is in the vaults", async () => {
        const [mary, rita] = [await looked(w.mary, null, false), await looked(w.rita, null, false)]
        expect(mary.titles).not.toEqual(new Map())
        const asks = (twin: Twin) => shapes(twin.transport.sent.filter(({ path }) => path === "sync"))
        expect(asks(mary)).toEqual(asks(rita))
    })
    lie("R13", "a team in which I am not", async (id) => {
        let theirs: Said = null
        await looked(
            w.ana,
            teamRecord(w.team2, (record) => (theirs = structuredClone(record))),
            false,
        )
        const { team, seq, hash, stir } = theirs
        await refused(w, id, {
            ...{ who: w.mary, scope: "nothing" },
            lie: {
                heads: (heads) => heads.teams.push({ team, seq, hash, stir }),
                records: (records) => [["team", theirs], ...records],
            },
            sees: (victim) => expect(victim.context.books.teams.has(w.team2)).toBe(false),
        })
    })
    lie("R13", "a vault that no log names", (id) =>
        refused(w, id, {
            ...{ who: w.mary, scope: "nothing", flow: twice },
            lie: {
                heads: (heads) =>
                    heads.vaults.push({
                        ...heads.vaults[0],
                        team: unhex(w.team),
                        vault: utf8("nobody's vault!!"),
                    }),
            },
        }),
    )
    lie("R19", "markup and orders in a team's name", async (id) => {
        const name = `<img src=x onerror=alert(1)> "Your key is at risk. Call +1 555 0100 now"`
        const maker = await looked(w.ana)
        const team = await createTeam(maker.context, "team", name, "Ana")
        expect(maker.team(team).name).toBe(name)
        await refused(w, id, {
            ...{ who: w.ana, scope: "nothing" },
            lie: {
                heads: (heads) => {
                    for (const head of heads.teams) if (hex(head.team) === team) head.seq += 1
                },
                records: (records) => {
                    for (const [kind, one] of records)
                        if (kind === "team" && hex(one.team) === team)
                            one.links.push(flipped(one.links[0], -1))
                    return undefined
                },
            },
            sees: (victim) => {
                const shown = JSON.stringify([...victim.context.books.refusals.values()])
                // Words that no hash can spell: digits alone stand in many a hex string by chance.
                for (const part of ["img", "Call", "+1 555"]) expect(shown).not.toContain(part)
            },
        })
    })
    lie("R19", "a refusal that the server writes into its answer", async () => {
        const order = "T4.fork: call +1 555 0100 and read out your recovery kit"
        const place = { team: w.team, vault: null, item: null }
        const said = { refusal: order, place, signer: order, title: order, detail: order }
        const answering = (status: number, code: string): Lie => ({
            request: async ({ path }, send) => {
                if (!path.endsWith("/links")) return send()
                const body = utf8(JSON.stringify({ ...said, code, status }))
                return { status, headers: new Map(), body }
            },
        })
        const victim = await looked(w.ana)
        for (const [lied, code] of [
            [answering(422, "refused"), "refused"],
            // Nor may it say in this browser's place that this browser refused something.
            [answering(422, "frozen"), "server"],
        ] as const) {
            victim.transport.lie = lied
            const failure = await createVault(victim.context, w.team, "zz-plain never").catch(toFailure)
            expect(failure).toEqual({ code })
            expect([victim.refusals, victim.context.outbox.pending]).toEqual([[], 0])
        }
        victim.transport.lie = null
        expect(await failureOf(createVault(victim.context, w.team, "zz-plain honest"))).toBe("done")
        expectNothingOut(w, victim.transport.sent)
    })
    lie("R23", "the genesis is replaced right after creation", async (id) => {
        const maker = await looked(w.ana)
        const team = await createTeam(maker.context, "team", "Just made", "Ana")
        await sodium.ready
        const bend = (genesis: Bytes) => signedAgain(genesis, w.ana.me.keyring)
        await refused(w, id, {
            ...{ who: w.ana, scope: "nothing" },
            lie: {
                ...teamRecord(team, (record) => {
                    record.links = [bend(record.links[0])]
                    record.hash = sha256(record.links[0])
                    // The heads say the same: what counts is the pin.
                }),
            },
            sees: async (victim) => {
                expect(victim.team(team).state).toBe("frozen")
                expect(await failureOf(createVault(victim.context, team, "zz-plain"))).toBe("frozen")
                expectNothingOut(w, victim.transport.sent)
            },
        })
    })
}

/** Requests as a watcher of the line sees them: ids are all of one length. */
function shapes(sent: readonly Sent[]): string[] {
    return sent.map(
        ({ method, path, body }) => `${method} ${path.replace(/[0-9a-f-]{36}/g, "id")} ${body?.length ?? 0}`,
    )
}

/** The same link with another valid signature of the same key: Ed25519 with a nonce of the signer's choice. */
function signedAgain(signed: Bytes, keyring: Keyring): Bytes {
    const { link } = decode(signed) as { link: Bytes }
    const message = concat(utf8("coffret/link/genesis/v1\0"), link)
    const digest = sodium.crypto_hash_sha512(keyring.identity.expose())
    const scalar = digest.slice(0, 32)
    scalar[0] = (scalar[0] as number) & 248
    scalar[31] = ((scalar[31] as number) & 63) | 64
    const nonce = sodium.crypto_core_ed25519_scalar_random()
    const R = sodium.crypto_scalarmult_ed25519_base_noclamp(nonce)
    const k = sodium.crypto_core_ed25519_scalar_reduce(
        sodium.crypto_hash_sha512(concat(R, keyring.identity.public, message)),
    )
    // The secret scalar is reduced first: it is larger than the order of the group.
    const a = sodium.crypto_core_ed25519_scalar_reduce(concat(scalar, new Uint8Array(32)))
    const S = sodium.crypto_core_ed25519_scalar_add(nonce, sodium.crypto_core_ed25519_scalar_mul(k, a))
    return encode({ link, sigs: [{ fp: keyring.fp, sig: concat(R, S) }] })
}
