/** R4, R6, R8, R9, R13 to R15, R19, R20, R23: what the client does not do, whatever it is told. */
import { expect, vi } from "vitest"
import { toFailure } from "../../../src/core/failure.ts"
import { openInvite } from "../../../src/core/invites.ts"
import { createTeam, createVault } from "../../../src/core/members.ts"
import type { Bytes } from "../../../src/crypto/bytes.ts"
import { concat, hex, random, unhex, utf8 } from "../../../src/crypto/bytes.ts"
import { decode } from "../../../src/crypto/cbor.ts"
import { Dek } from "../../../src/crypto/keys.ts"
import { inviteFragment } from "../../../src/crypto/links.ts"
import { open } from "../../../src/crypto/seal.ts"
import { sha256 } from "../../../src/crypto/sodium.ts"
import { lie } from "../declare.ts"
import type { Lie, Said, Sent } from "../lying.ts"
import { expectNothingOut, failureOf, passedOver, refused } from "../scene.ts"
import { flipped, signedOtherwise } from "../spoil.ts"
import { Twin } from "../twin.ts"
import type { Offered, Somebody, World } from "../world.ts"
import { teamRecord } from "./serving.ts"

/** Fields put into every map that the server answers with. */
export function decorated(more: Record<string, unknown>): Lie {
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

export async function looked(who: Somebody, told: Lie | null = null, known = true): Promise<Twin> {
    const twin = await Twin.of(who, { ...(known && { store: who.store }), ...(told && { lie: told }) })
    await twin.look()
    return twin
}

/** Two looks, of which each asks for all that lies beside the chains. */
export async function twice(twin: Twin): Promise<void> {
    await twin.look()
    for (const team of twin.context.books.teams.values()) team.extras = { ...team.extras, stir: -1 }
    await twin.look()
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
    for (const [name, more] of [
        ["an older server", { version: "0.1", server_version: 0, formats: [0], v: 0 }],
        ["other features", { features: ["legacy", "plain"], flags: { encrypt: false } }],
        ["another suite", { suite: 0, suites: [0, 2], config: 2 }],
    ] as const)
        lie("R14", name, () =>
            passedOver(w, {
                ...{ who: w.mary, scope: "nothing", lie: decorated(more) },
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
    for (const [name, more] of [
        ["a joining that nobody asked for", { join: random(32), invite: random(32) }],
        ["a conversion that nobody asked for", { convert: "v2" }],
        ["a recovery that nobody asked for", { recover: true, reset_key: random(32) }],
        ["a migration that nobody asked for", { migrate: "/api/v2" }],
    ] as const)
        lie("R20", name, () =>
            passedOver(w, {
                ...{ who: w.mary, scope: "nothing", lie: decorated(more) },
                sees: (victim, honest) => {
                    expect([victim.notices, victim.titles]).toEqual([[], honest.titles])
                    const asked = new Set(victim.transport.sent.map(({ path }) => path))
                    expect([...asked].filter((path) => !["sync", "account/pins"].includes(path))).toEqual([])
                },
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
        const bend = (genesis: Bytes) => signedOtherwise(genesis, "genesis", w.ana.me.keyring)
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
