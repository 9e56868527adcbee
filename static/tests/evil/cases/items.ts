/** R7, R11, R12, R13, R15, R16, T9, T14, T15, F3, F4, F26: the items of a vault. */
import { expect } from "vitest"
import type { RefusalId } from "../../../src/chain/refusals.ts"
import type { Bytes } from "../../../src/crypto/bytes.ts"
import { hex, random, unhex } from "../../../src/crypto/bytes.ts"
import type { Value } from "../../../src/crypto/cbor.ts"
import { decode, encode } from "../../../src/crypto/cbor.ts"
import type { Dek } from "../../../src/crypto/keys.ts"
import { pad, partCommitment, sealPart } from "../../../src/crypto/parts.ts"
import { collude, personOf, signRaw } from "../collusion.ts"
import { lie } from "../declare.ts"
import type { LINES, Line } from "../lines.ts"
import type { Lie, Said } from "../lying.ts"
import { failureOf, refused } from "../scene.ts"
import { flipped } from "../spoil.ts"
import { Twin } from "../twin.ts"
import type { World } from "../world.ts"
import { linksOf, nextChange, ofVault, rowsOf, serving } from "./serving.ts"

const [ITEM, REVISION, EPOCH, AUTHOR, DETAILS, OVERVIEW] = [0, 1, 2, 3, 4, 5] as const

type Case<L extends Line> = keyof (typeof LINES)[L] & string

/** A new browser gets the row of the first item bent: that item is refused, the others stand. */
function bentRow<L extends Line>(
    w: World,
    line: L,
    name: Case<L>,
    bend: (row: Said, rows: Said[]) => void,
): void {
    lie(line, name, (id: RefusalId) =>
        refused(w, id, {
            who: w.ana,
            lie: rowsOf(w.vault, (rows) => {
                bend(
                    rows.find((row) => hex(row[ITEM]) === w.items[0]),
                    rows,
                )
                return rows
            }),
            scope: "nothing",
            sees: (victim) => {
                expect(victim.titles.has(w.items[0] as string)).toBe(false)
                expect(victim.titles.has(w.items[2] as string)).toBe(true)
            },
        }),
    )
}

/** A row whose loss is the whole vault's: then nothing is written there. */
function bentRows<L extends Line>(
    w: World,
    line: L,
    name: Case<L>,
    bend: (rows: Said[]) => Said[],
    also: RefusalId[] = [],
): void {
    lie(line, name, (id: RefusalId) =>
        refused(w, id, { who: w.ana, lie: rowsOf(w.vault, bend), scope: "vault", also }),
    )
}

/** Somebody opens the first item, and its answer is bent. `from` is another answer, fetched honestly before. */
function bentDetails<L extends Line>(
    w: World,
    line: L,
    name: Case<L>,
    bend: (
        answer: Said,
        from: (vault: string, item: string, revision?: number) => Promise<Said>,
    ) => Promise<Said> | Said,
): void {
    lie(line, name, async (id: RefusalId) => {
        const victim = await Twin.of(w.ana, w.ana)
        await victim.look()
        const item = w.items[0] as string
        const answers = await served(w)
        expect((await victim.open(w.vault, item)).revision).toBe(2)
        const bent = await bend(structuredClone(await answers(w.vault, item)), answers)
        victim.transport.lie = { answer: (path, value) => (path.includes("/items/") ? bent : value) }
        await expect(victim.open(w.vault, item)).rejects.toMatchObject({ refusal: id })
        expect(victim.refusals).toEqual([id])
        // It is not tried again by itself, nor at a second asking.
        const asked = victim.transport.sent.length
        expect(await failureOf(victim.open(w.vault, item))).toBe("refused")
        expect(await failureOf(victim.save(w.vault, "never", item, 2))).toBe("refused")
        expect(victim.transport.sent.length).toBe(asked)
        const again = await Twin.of(w.ana, { store: await victim.close() })
        await again.look()
        expect([again.refusals, (await again.open(w.vault, item)).revision]).toEqual([[], 2])
    })
}

/** Whatever the honest server answers for an item. */
async function served(w: World) {
    return async (vault: string, item: string, revision?: number): Promise<Said> => {
        let answer: Said = null
        const reader = await Twin.of(w.ana, w.ana)
        await reader.look()
        reader.transport.lie = {
            answer: (path, value) => {
                if (path.includes("/items/")) answer = structuredClone(value)
                return value
            },
        }
        await reader.open(vault, item, revision)
        return answer
    }
}

export function swaps(w: World): void {
    const other = (rows: Said[], item: string) => rows.find((row) => hex(row[ITEM]) === item)
    bentRow(w, "R7", "overview: another item's", (row, rows) => {
        row[OVERVIEW] = other(rows, w.items[2] as string)[OVERVIEW]
    })
    bentDetails(w, "R7", "details: the other part of the same item", (answer) => ({
        ...answer,
        details: answer.overview,
    }))
    bentDetails(w, "R7", "both parts exchanged", (answer) => ({
        ...answer,
        details: answer.overview,
        overview: answer.details,
    }))
    bentDetails(w, "R7", "details: another item's", async (answer, from) => ({
        ...answer,
        details: (await from(w.vault, w.items[2] as string)).details,
    }))
    bentDetails(w, "R7", "details: another vault's", async (answer, from) => ({
        ...answer,
        details: (await from(w.other, w.otherItem)).details,
    }))
    bentDetails(w, "R7", "details: another team's", async (answer, from) => ({
        ...answer,
        details: (await from(w.vault2, w.item2)).details,
    }))
    bentDetails(w, "R7", "details: an older revision's", async (answer, from) => ({
        ...answer,
        details: (await from(w.vault, w.items[0] as string, 1)).details,
    }))
    bentDetails(w, "R7", "an older revision under the new number", async (_answer, from) => ({
        ...(await from(w.vault, w.items[0] as string, 1)),
        revision: 2,
    }))
    bentDetails(w, "R7", "an older revision as the newest", async (_answer, from) =>
        from(w.vault, w.items[0] as string, 1),
    )
    bentDetails(w, "R16", "one bit of the details", (answer) => ({
        ...answer,
        details: flipped(answer.details, 120),
    }))
    bentDetails(w, "R15", "a blob of another suite", (answer) => ({
        ...answer,
        details: flipped(answer.details, 0, 3),
    }))
}

export function serversCopies(w: World): void {
    bentRow(w, "R11", "another author", (row) => {
        row[AUTHOR] = unhex(w.adam.member)
    })
    bentRow(w, "R11", "another epoch", (row) => {
        row[EPOCH] = 2
    })
    bentRow(w, "R11", "another commitment of the details", (row) => {
        row[DETAILS] = random(32)
    })
    bentRow(w, "R16", "one bit of an overview", (row) => {
        row[OVERVIEW] = flipped(row[OVERVIEW], -1)
    })
    bentRow(w, "R11", "another revision", (row) => {
        row[REVISION] = 1
    })
    bentRows(
        w,
        "R11",
        "another item's id",
        (rows) => rows.map((row) => (hex(row[ITEM]) === w.items[0] ? row.with(ITEM, random(16)) : row)),
        ["R7.open"],
    )
    bentRows(w, "R12", "an item is dropped", (rows) => rows.filter((row) => hex(row[ITEM]) !== w.items[2]))
    bentRows(w, "R12", "all items are dropped", () => [])
    bentRows(w, "F4", "an item is called purged under a good head", (rows) =>
        rows.map((row) => (hex(row[ITEM]) === w.items[2] ? row.with(OVERVIEW, null) : row)),
    )
    lie("R12", "a link of the vault is dropped", (id) =>
        refused(w, id, {
            who: w.ana,
            lie: linksOf(w.vault, (links) => links.toSpliced(2, 1)),
            scope: "vault",
        }),
    )
    lie("R12", "a link of the vault comes twice", (id) =>
        refused(w, id, {
            who: w.ana,
            lie: linksOf(w.vault, (links) => links.with(2, links[1])),
            scope: "vault",
        }),
    )
    lie("R12", "two links of the vault are exchanged", (id) =>
        refused(w, id, { who: w.ana, lie: linksOf(w.vault, exchanged), scope: "vault" }),
    )
}

function exchanged(links: Said[]): Said[] {
    return links.length < 4 ? links : links.with(1, links[2]).with(2, links[1])
}

export function revisions(w: World): void {
    const entries = (list: Value) => (): Record<string, Value> => ({ body: { entries: list, epoch: 2 } })
    const first = () => unhex(w.items[0] as string)
    ofVault(w, "T14", "a revision is left out", () => entries([[first(), 4, random(32)]])())
    ofVault(w, "T14", "a revision comes twice", () => entries([[first(), 2, random(32)]])())
    ofVault(w, "T14", "a revision goes back", () => entries([[first(), 1, random(32)]])())
    ofVault(w, "T14", "a new item begins late", () => entries([[random(16), 2, random(32)]])())
    ofVault(w, "T14", "a writer deletes for ever", () => entries([[first(), 3, null]])())
    serving(
        w,
        "T14",
        "a manager deletes the vault's own item",
        (c) => {
            const body = { entries: [[c.vault.bytes, 2, null]] as Value, epoch: 2 }
            return c.putChange(
                c.vault,
                signRaw(c.ana.keyring, { ...nextChange(c), actor: c.ana.member, body }),
            )
        },
        { scope: "vault" },
    )
    serving(
        w,
        "T15",
        "by a reader",
        (c) => c.putChange(c.vault, signRaw(c.rita.keyring, { ...nextChange(c), actor: c.rita.member })),
        { scope: "vault", who: "adam" },
    )
    serving(
        w,
        "T15",
        "by a member who holds no right",
        (c) => c.putChange(c.other, signRaw(c.mary.keyring, { ...nextOther(c), actor: c.mary.member })),
        { scope: "vault", who: "ana", vault: "other" },
    )
    ofVault(w, "T15", "of an epoch that is closed", () => ({
        body: { entries: [[random(16), 1, random(32)]] as Value, epoch: 1 },
    }))
    ofVault(w, "T15", "of an epoch that is not there", () => ({
        body: { entries: [[random(16), 1, random(32)]] as Value, epoch: 3 },
    }))
    ofVault(w, "T15", "on an older state of the team than the link before it", (c) => ({
        seen: { ...c.headAt(c.state.seq - 3) },
    }))
    for (const line of ["T15", "F3"] as const)
        serving(
            w,
            line,
            "by a removed writer, dated back behind the removal's cut",
            (c) => {
                const zed = personOf(w.zed)
                const seen = { ...c.headAt(removalOf(c, w.zed.member) - 1) }
                const link = { ...nextOther(c), actor: zed.member, seen }
                return c.putChange(c.other, signRaw(zed.keyring, link))
            },
            { scope: "vault", who: "ana", vault: "other" },
        )
    lie("F3", "a removed writer's last link is another", (id) =>
        refused(w, id, { who: w.ana, lie: otherLast(w), scope: "vault", vault: w.other }),
    )
}

function nextOther(c: Awaited<ReturnType<typeof collude>>): Record<string, Value> {
    const { state, bytes } = c.other
    const body = { entries: [[random(16), 1, random(32)]] as Value, epoch: 1 }
    return { ...nextChange(c), body, chain: bytes, prev: state.head, seq: state.seq + 1 }
}

/** The seq of the link that removed a member. */
function removalOf(c: Awaited<ReturnType<typeof collude>>, member: string): number {
    return c.state.members.get(member)?.left as number
}

/** Zed wrote the last link of `other` before he was removed; with his key the server has him write another. */
function otherLast(w: World): Lie {
    const zed = personOf(w.zed)
    return {
        records: (records) => {
            for (const record of records) {
                if (record[0] !== "links" || hex(record[1]) !== w.other) continue
                record[3] = record[3].map((link: Bytes) => resigned(link, zed))
            }
            return undefined
        },
    }
}

function resigned(signed: Bytes, zed: ReturnType<typeof personOf>): Bytes {
    const link = decode((decode(signed) as { link: Bytes }).link) as Record<string, Value>
    if (hex(link["actor"] as Bytes) !== zed.id) return signed
    return signRaw(zed.keyring, { ...link, at: (link["at"] as number) + 1 })
}

export function resealed(w: World): void {
    bentDetails(w, "F26", "details with another text, sealed by somebody who has the key", async (answer) => {
        const c = await collude(w)
        const padded = pad(encode({ fields: [], note: "forged", v: 1 }))
        const details = await sealPart(c.vault.deks[0] as Dek, { ...placeOf(w), part: "details" }, padded)
        return { ...answer, details, c_details: partCommitment("details", padded) }
    })
    lie("F26", "an overview with another text, sealed by somebody who has the key", async (id) => {
        const c = await collude(w)
        const padded = pad(encode({ type: "note", title: "forged", tags: [], trash: null, v: 1 }))
        const overview = await sealPart(
            c.vault.deks[1] as Dek,
            { ...placeOf(w), epoch: 2, part: "overview" },
            padded,
        )
        await refused(w, id, {
            who: w.ana,
            lie: rowsOf(w.vault, (rows) =>
                rows.map((row) =>
                    hex(row[ITEM]) === w.items[0] ? row.with(EPOCH, 2).with(OVERVIEW, overview) : row,
                ),
            ),
            scope: "nothing",
            sees: (victim) => {
                // The author as folded is who it was; the row is gone.
                const state = victim.context.books.vault(w.vault)?.state
                expect(state?.latest(w.items[0] as string)?.author).toBe(w.ana.member)
                expect(victim.titles.has(w.items[0] as string)).toBe(false)
            },
        })
    })
}

function placeOf(w: World) {
    return {
        ...{ author: unhex(w.ana.member), epoch: 1, item: unhex(w.items[0] as string), revision: 2 },
        ...{ team: unhex(w.team), vault: unhex(w.vault) },
    }
}
