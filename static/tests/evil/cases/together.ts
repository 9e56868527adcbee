/** T9, T13, F4, F7, F9, F12, F20, F31, F36: a server with a member, and what a browser cannot know. */
import { expect } from "vitest"
import type { TeamFold, TeamState } from "../../../src/chain/team.ts"
import { digest, foldTeam } from "../../../src/chain/team.ts"
import { refusedLinks } from "../../../src/core/evidence.ts"
import type { Bytes } from "../../../src/crypto/bytes.ts"
import { hex, random, unhex } from "../../../src/crypto/bytes.ts"
import { encode } from "../../../src/crypto/cbor.ts"
import { Person, TeamBuilder } from "../../chains.ts"
import type { Collusion } from "../collusion.ts"
import { collude, nextFields, signBytes, signRaw } from "../collusion.ts"
import { lie } from "../declare.ts"
import type { Lie, Said } from "../lying.ts"
import { passedOver, refused } from "../scene.ts"
import { ofMixedOrder, rewritten, signedOtherwise, uncanonical, uncanonicalMap } from "../spoil.ts"
import { Twin } from "../twin.ts"
import type { World } from "../world.ts"
import { invitation } from "./authority.ts"
import { both, nextChange, serving, teamRecord } from "./serving.ts"

export function withASigner(w: World): void {
    serving(
        w,
        "T9",
        "a write while a key is due",
        (c) => {
            c.remove(c.ana, c.rita)
            const seen = { ...c.head }
            return c.putChange(c.vault, signRaw(c.mary.keyring, { ...nextChange(c), seen }))
        },
        { scope: "vault", who: "adam", forked: true },
    )
    lie("T13", "a key for a member without proof", (id) =>
        refused(w, id, {
            ...{ who: w.adam, scope: "nothing", flow: twice },
            lie: teamRecord(w.team, (record) =>
                record.pending.push({ vault: unhex(w.vault), epoch: 2, to: w.max.me.keyring.fp }),
            ),
        }),
    )
    serving(
        w,
        "F36",
        "a cut behind what this browser has seen",
        (c) =>
            c.add(
                c.ana,
                "vault_rotate",
                rotationAt(c, c.vault.state.seq - 1, c.vault.state.columns.hashes.at(c.vault.state.seq - 1)),
                Date.now(),
            ),
        {
            scope: "vault",
            forked: true,
            sees: async (victim, honest) => {
                expect(victim.titles).toEqual(honest.titles)
                await savesTheCut(victim, w)
            },
        },
    )
    serving(
        w,
        "F36",
        "a cut with another hash at what this browser has seen",
        (c) => c.add(c.ana, "vault_rotate", rotationAt(c, c.vault.state.seq, random(32)), Date.now()),
        {
            scope: "vault",
            forked: true,
            sees: async (victim, honest) => {
                expect(victim.titles).toEqual(honest.titles)
                await savesTheCut(victim, w)
            },
        },
    )
}

/** What can be saved names the link that cuts, with its signer, beside what this browser verified. */
async function savesTheCut({ context }: Twin, w: World): Promise<void> {
    const rotation = context.books.teams.get(w.team)?.state
    const { links, seq } = JSON.parse((await refusedLinks(context, w.team, w.vault)).text) as Said
    const found: Map<string, Said> = new Map(links.map((link: Said) => [link.source, link]))
    expect(found.get("cut by the team")).toMatchObject({
        ...{ chain: "team", hash: hex(rotation?.head as Bytes) },
        signer: { member: w.ana.member, signature: "holds" },
    })
    const mine = context.books.vault(w.vault)?.state.columns.hashes.at(seq)
    expect(found.get("verified by this browser")).toMatchObject({ chain: "vault", hash: hex(mine as Bytes) })
}

function rotationAt(c: Collusion, seq: number, hash: Bytes) {
    return {
        cut: [{ hash, seq, vault: c.vault.bytes }],
        dek_commit: random(32),
        epoch: 3,
        vault: c.vault.bytes,
    }
}

async function twice(twin: Twin): Promise<void> {
    await twin.look()
    for (const team of twin.context.books.teams.values()) team.extras = { ...team.extras, stir: -1 }
    await twin.look()
}

export function mailed(w: World): void {
    lie("F7", "the server takes the mailed link itself", async (id) => {
        const c = await collude(w)
        const thief = await c.join(c.ana, new Person("thief"), {
            via: "mail",
            vaults: [{ vault: c.vault, right: "manage" }],
        })
        expect(c.state.rightAt(c.vault.id, thief.id)).toBe(0)
        await refused(w, id, {
            ...{ who: w.adam, known: true, scope: "nothing", forked: true, flow: twice },
            lie: both(c.lie(w.adam), asking(w, thief)),
            sees: (victim) => {
                const member = victim.team(w.team).members.find((one) => one.id === thief.id)
                expect(member).toMatchObject({ verified: "none", rights: {} })
            },
        })
    })
    lie("F31", "the server takes the mailed link, and an admin without manage verifies it", async (id) => {
        const c = await collude(w)
        const thief = await c.join(c.ana, new Person("thief"), {
            via: "mail",
            vaults: [{ vault: c.other, right: "manage" }],
        })
        c.add(c.adam, "verify", { fp: thief.keyring.fp, how: "words", member: thief.member })
        await refused(w, id, {
            ...{ who: w.adam, known: true, scope: "nothing", forked: true, flow: twice },
            lie: both(c.lie(w.adam), asking(w, thief)),
            sees: (victim) => {
                const state = victim.context.books.teams.get(w.team)?.state
                expect([w.vault, w.other].map((vault) => state?.rightAt(vault, thief.id))).toEqual([0, 0])
            },
        })
    })
}

/** The server's list says that somebody waits for the vault's key. */
function asking(w: World, whom: Person): Lie {
    return teamRecord(w.team, (record) =>
        record.pending.push({ vault: unhex(w.vault), epoch: 2, to: whom.keyring.fp }),
    )
}

const FAULTS = [
    "a duplicate key",
    "a length that is not the shortest",
    "an integer that is not the shortest",
    "an indefinite length",
    "keys out of order",
    "trailing bytes",
    "a tag",
    "a NaN",
    "an integer beyond 2^53",
] as const

export function encodings(w: World): void {
    const fields = (c: Collusion) =>
        nextFields(c, c.mary, "set_profile", { profile: { email: random(32), name: random(32) } })
    for (const fault of FAULTS)
        serving(w, "F9", fault, (c) =>
            c.put(
                signBytes(
                    c.mary.keyring,
                    "set_profile",
                    uncanonicalMap(encode(fields(c))).get(fault) as Bytes,
                ),
            ),
        )
    const honest = (c: Collusion) => signRaw(c.mary.keyring, fields(c))
    const point = (last: number) => new Uint8Array(32).fill(0).with(31, last)
    serving(w, "F9", "a signature of small order", (c) => c.put(withSig(c, fields(c), point(0x80))))
    serving(w, "F9", "a signature of zeros", (c) => c.put(withSig(c, fields(c), new Uint8Array(32))))
    serving(w, "F9", "a signature that is not canonical (S + L)", (c) =>
        c.put(
            rewritten(honest(c), ({ link, sigs }) => {
                const [{ fp, sig }] = sigs as unknown as [{ fp: Bytes; sig: Bytes }]
                return { link: link as Bytes, sigs: [{ fp, sig: uncanonical(sig) }] }
            }),
        ),
    )
    serving(w, "F9", "a signature whose R is of mixed order", (c) =>
        c.put(signedOtherwise(honest(c), "set_profile", c.mary.keyring, ofMixedOrder)),
    )
    const mixed = (c: Collusion) => ofMixedOrder(c.mary.keyring.identity.public)
    for (const [name, key] of [
        ["a key that is not canonical", () => new Uint8Array(32).fill(255)],
        ["a key of mixed order", mixed],
        ["a key of small order", () => point(0).with(0, 1)],
    ] as const)
        serving(w, "F9", name, (c) =>
            c.put(
                signRaw(
                    c.adam.keyring,
                    nextFields(c, c.adam, "invite", { ...invitation("member"), key: key(c) }),
                ),
            ),
        )
}

/** The link with `R` as given and zeros for S. */
function withSig(c: Collusion, fields: Parameters<typeof encode>[0], R: Uint8Array): Bytes {
    const signed = signRaw(c.mary.keyring, fields as never)
    const sig = new Uint8Array(64)
    sig.set(R)
    return rewritten(signed, ({ link }) => ({ link: link as Bytes, sigs: [{ fp: c.mary.keyring.fp, sig }] }))
}

export function namesAndViews(w: World): void {
    lie("F20", "two people's names exchanged", () =>
        passedOver(w, {
            ...{ who: w.rita, scope: "nothing" },
            lie: teamRecord(w.team, (record) => {
                const names = record.openings.filter((one: Said) => one.kind === "name")
                const texts = names.map((one: Said) => one.text)
                for (const [i, one] of names.entries()) one.text = texts[(i + 1) % texts.length]
            }),
            sees: (victim) => {
                const { members } = victim.team(w.team)
                expect(members.map(({ name }) => name)).toEqual(members.map(() => null))
            },
        }),
    )
    lie("F20", "an item under another's name", async (id) => {
        await refused(w, id, {
            ...{ who: w.rita, scope: "nothing" },
            lie: {
                records: (records) => {
                    for (const record of records)
                        if (record[0] === "items" && hex(record[1]) === w.vault)
                            record[2] = record[2].map((row: Said) =>
                                hex(row[0]) === w.items[1] ? row.with(3, unhex(w.ana.member)) : row,
                            )
                    return undefined
                },
            },
            sees: (victim) => expect(victim.titles.has(w.items[1] as string)).toBe(false),
        })
    })
    lie("F12", "a browser whose storage was cleared says that it is new", async () => {
        const known = await Twin.of(w.mary, w.mary)
        await known.look()
        const cleared = await Twin.of(w.mary)
        await cleared.look()
        expect([known, cleared].map((twin) => twin.session.snapshot().newBrowser)).toEqual([false, true])
        expect([...cleared.titles].filter(([item]) => !known.titles.has(item))).toEqual([])
    })
    lie("F4", "the same links one by one and in one batch", async (id) => {
        const c = await collude(w)
        const base = foldTeam(w.mary.record.links).state as TeamState
        const rotation = rotationAt(c, c.vault.state.seq, c.vault.state.head)
        const forged = new TeamBuilder(c.rita, "team", base).sign(c.rita, "vault_rotate", rotation).signed
        const links: Bytes[] = [...w.mary.record.links, forged]
        const batch = foldTeam(links)
        let [state, valid]: [TeamState | null, number] = [null, 0]
        for (const link of links) {
            const one: TeamFold = foldTeam([link], state)
            state = one.state
            if (one.refusal === null) valid++
            else expect(one.refusal).toBe(id)
        }
        expect([batch.refusal, batch.valid, batch.valid]).toEqual([id, links.length - 1, valid])
        expect(hex(digest(state as TeamState))).toBe(hex(digest(batch.state as TeamState)))
    })
}
