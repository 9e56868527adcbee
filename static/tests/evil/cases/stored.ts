/** R11, R12, T2, T4: what this browser stored itself, in one tab or two; rows that no key opens; cuts that nothing meets. */
import { expect } from "vitest"
import { removeMember } from "../../../src/core/members.ts"
import type { Cut } from "../../../src/crypto/bodies.ts"
import type { Bytes } from "../../../src/crypto/bytes.ts"
import { hex, random, unhex } from "../../../src/crypto/bytes.ts"
import { decode } from "../../../src/crypto/cbor.ts"
import { parseSigned } from "../../../src/crypto/links.ts"
import { sha256 } from "../../../src/crypto/sodium.ts"
import type { MemoryStore } from "../../core/memory.ts"
import { type Collusion, collude } from "../collusion.ts"
import { lie } from "../declare.ts"
import type { Lie, Said } from "../lying.ts"
import { BEARING, failureOf, refused } from "../scene.ts"
import { copyOf, Twin } from "../twin.ts"
import type { Somebody, World } from "../world.ts"
import { MARKER } from "../world.ts"
import { olderVault } from "./pinned.ts"
import { rowsOf, teamRecord } from "./serving.ts"

const [ITEM, EPOCH, AUTHOR] = [0, 2, 3]

interface Head {
    readonly seq: number
    readonly hash: Uint8Array
}

export function stored(w: World): void {
    lie("T4", "an older vault behind a cut, on a browser without a cache", (id) =>
        refused(w, id, { who: w.mary, lie: olderVault(w.vault), scope: "vault" }),
    )
    lie("T4", "what this browser stored is older than its pins, and nothing comes", async () => {
        const { store, seq } = await left(w.mary, w.vault)
        for (const told of [failing(500), failing(304)]) {
            const twin = await Twin.of(w.mary, { store, lie: told })
            expect(twin.vault(w.vault)).toMatchObject({ state: "behind", verified: seq - 1 })
            await twin.look()
            await twin.look()
            expect([twin.refusals, twin.vault(w.vault).state]).toEqual([[], "behind"])
            expect(await failureOf(twin.save(w.vault, `${MARKER} never`))).toBe("waiting")
            expect(twin.transport.sent.filter(({ path }) => path.endsWith("/changes"))).toEqual([])
        }
        const again = await Twin.of(w.mary, { store })
        await again.look()
        expect(again.vault(w.vault)).toMatchObject({ state: "ready", verified: seq })
        await readsOn(w.mary, await again.close(), w.vault)
    })
    lie("T4", "what this browser stored is older than its pins, and an older state comes", async (id) => {
        const { store, before } = await left(w.mary, w.vault)
        const twin = await Twin.of(w.mary, { store, lie: headOf(w.vault, before) })
        await twin.look()
        expect([twin.refusals, twin.vault(w.vault).state]).toEqual([[id], "refused"])
        expect(await failureOf(twin.save(w.vault, `${MARKER} never`))).toBe("frozen")
        await readsOn(w.mary, await twin.close(), w.vault)
    })
    lie("T4", "nothing new, to a browser that said nothing of what it has", async () => {
        const twin = await Twin.of(w.rita, { store: w.rita.store, lie: failing(304) })
        expect(await failureOf(twin.session.syncNow())).toBe("server")
        const anew = await Twin.of(w.rita, { lie: failing(304) })
        expect(await failureOf(anew.session.syncNow())).toBe("server")
        for (const each of [twin, anew]) {
            expect(each.transport.sent.filter(({ path }) => BEARING.test(path))).toEqual([])
            each.transport.lie = null
            await each.look()
            expect([each.refusals, each.titles.has(w.items[0] as string)]).toEqual([[], true])
        }
    })
    lie("T4", "an older state to one of two tabs", async (id) => {
        const store = await copyOf(w.mary.store)
        const [tab, held] = [
            await Twin.of(w.mary, { beside: store }),
            await Twin.of(w.mary, { beside: store }),
        ]
        await tab.look()
        await held.look()
        await elsewhere(w.mary, w.vault)
        await tab.look()
        const { verified } = tab.vault(w.vault)
        const older = headAt(tab, w.vault, verified - 1)
        held.transport.lie = headOf(w.vault, older)
        await held.look()
        expect([held.refusals, held.vault(w.vault).state]).toEqual([[id], "refused"])
        // Whatever else moves there, its pins and its cache are written.
        await held.session.keepAgain()
        await tab.close(failing(304))
        await held.close(failing(304))
        const next = await Twin.of(w.mary, { store, lie: withoutPins(headOf(w.vault, older)) })
        expect(next.context.pins.seqOf(w.vault)).toBe(verified)
        expect(next.vault(w.vault).verified).toBe(verified)
        await next.look()
        expect(next.refusals).toEqual([id])
        await readsOn(w.mary, await next.close(), w.vault)
    })
    lie("R11", "an epoch that is not there", (id) =>
        refused(w, id, {
            ...{ who: w.ana, scope: "item", lie: bentRow(w, (row) => row.with(EPOCH, 99)) },
            sees: (victim) => expect(victim.titles.has(w.items[0] as string)).toBe(false),
        }),
    )
    lie("R11", "another author under an older key that is withheld", (id) =>
        refused(w, id, {
            ...{ who: w.rita, scope: "item" },
            lie: {
                ...withoutOlderKeys(w),
                records: (records) => {
                    withoutOlderKeys(w).records?.(records)
                    return bentRow(w, (row) => row.with(AUTHOR, unhex(w.adam.member))).records?.(records)
                },
            },
        }),
    )
    lie("R12", "the older keys of a vault are withheld", async () => {
        const honest = await Twin.of(w.mary)
        await honest.look()
        expect(honest.vault(w.vault)).toMatchObject({ state: "ready", shut: 0 })
        const twin = await Twin.of(w.mary, { lie: withoutOlderKeys(w) })
        await twin.look()
        const { state, shut, items } = twin.vault(w.vault)
        expect([twin.refusals, state, items]).toEqual([[], "incomplete", honest.vault(w.vault).items])
        // The vault's name is one of the titles, and none of its items.
        expect(shut + 1).toBe(honest.titles.size - twin.titles.size)
        expect(shut).toBeGreaterThan(1)
        expect(await twin.save(w.vault, `${MARKER} for the rest`)).toMatchObject({ result: "saved" })
    })
}

/** The lie is over: the same browser, opened again, has everything and writes. */
async function readsOn(who: Somebody, store: MemoryStore, vault: string): Promise<void> {
    const again = await Twin.of(who, { store })
    await again.look()
    expect([again.refusals, again.vault(vault).state]).toEqual([[], "ready"])
    expect(await again.save(vault, `${MARKER} after`)).toMatchObject({ result: "saved" })
}

/** Whoever holds a vault may sign such links, and a server that lied once has them in its chain for good. */
export function stuck(w: World): void {
    lie("T2", "a cut that nothing meets, by somebody who is to go", async () => {
        const c = await collude(w)
        const cut = { hash: random(32), seq: Number.MAX_SAFE_INTEGER, vault: c.vault.bytes }
        const body = { cut: [cut], dek_commit: random(32), epoch: 3, vault: c.vault.bytes }
        const { twin, cuts } = await removing(w, c.force(c.mary, "vault_rotate", body))
        expect(twin.refusals).toEqual([])
        expect(twin.vault(w.vault)).toMatchObject({ state: "waiting", awaits: { by: w.mary.member } })
        expect(cuts).toEqual([cut])
    })
    lie("T2", "a vault under another's id, by somebody who is to go", async () => {
        const c = await collude(w)
        const vault = unhex(w.vault2)
        c.force(c.mary, "vault_create", { dek_commit: random(32), epoch: 1, vault })
        const hash = sha256(c.links.at(-1) as Uint8Array)
        const { twin, cuts } = await removing(w, c)
        expect(twin.refusals).toEqual(["R13.vault"])
        expect(twin.vault(w.vault2)).toMatchObject({ team: w.team2, state: "ready" })
        const { state } = c.vault
        const known = { hash: state.head, seq: state.seq, vault: c.vault.bytes }
        expect(new Set(cuts)).toEqual(new Set([known, { hash, seq: 0, vault }]))
    })
}

/** Ana removes Mary, on a server that goes on from a colluder's link; what her link cuts. */
async function removing(w: World, collusion: Collusion): Promise<{ twin: Twin; cuts: readonly Cut[] }> {
    const sent: Bytes[] = []
    const told = collusion.lie(w.ana)
    const twin = await Twin.of(w.ana, {
        store: w.ana.store,
        lie: {
            ...told,
            request: async ({ method, path, body }, send) => {
                if (method === "GET" || path === "sync") return send()
                if (path.endsWith("/links")) sent.push((decode(body as Uint8Array) as { link: Bytes }).link)
                return { status: 201, headers: new Map(), body: new Uint8Array() }
            },
        },
    })
    await twin.look()
    await removeMember(twin.context, w.team, w.mary.member)
    const link = parseSigned(sent[0] as Bytes, "team")
    if (link.type !== "remove_member" || sent.length !== 1) throw new Error("not one removal")
    return { twin, cuts: link.body.cut }
}

/** A browser that was left right after it saved: the pins are written, the rest of what it verified is not. */
async function left(
    who: Somebody,
    vault: string,
): Promise<{ store: MemoryStore; seq: number; before: Head }> {
    const before = await Twin.of(who, { store: who.store })
    await before.look()
    const twin = await Twin.of(who, { store: await before.close() })
    await twin.look()
    await twin.save(vault, `${MARKER} at the last moment`)
    const seq = twin.vault(vault).verified
    return { store: await copyOf(twin.store), seq, before: headAt(twin, vault, seq - 1) }
}

/** What a twin has folded of a vault at a place. */
function headAt(twin: Twin, vault: string, seq: number): Head {
    return { seq, hash: twin.context.books.vault(vault)?.state.columns.hashes.at(seq) as Uint8Array }
}

/** Another browser of the account writes; its pins do not reach the server. */
async function elsewhere(who: Somebody, vault: string): Promise<void> {
    const other = await Twin.of(who, { lie: withoutPins({}) })
    await other.look()
    await other.save(vault, `${MARKER} elsewhere`)
}

function failing(status: number): Lie {
    return {
        request: async ({ path }, send) =>
            path === "sync" ? { status, headers: new Map(), body: new Uint8Array() } : send(),
    }
}

function withoutPins(told: Lie): Lie {
    return {
        ...told,
        request: async ({ path }, send) =>
            path === "account/pins" ? { status: 503, headers: new Map(), body: new Uint8Array() } : send(),
    }
}

/** The vault is as it was: an older head, and nothing behind it. */
function headOf(vault: string, older: Head): Lie {
    return {
        heads: (heads) => {
            for (const head of heads.vaults) if (hex(head.vault) === vault) Object.assign(head, older)
        },
        records: (records) => {
            for (const record of records)
                if (record[0] === "vault" && hex(record[1].vault) === vault) Object.assign(record[1], older)
            return records.filter(([kind, id]) => !["items", "links"].includes(kind) || hex(id) !== vault)
        },
    }
}

function bentRow(w: World, bend: (row: Said) => Said): Lie {
    return rowsOf(w.vault, (rows) => rows.map((row) => (hex(row[ITEM]) === w.items[0] ? bend(row) : row)))
}

/** Only the key of the vault's newest epoch comes, and no way from it to an older one. */
function withoutOlderKeys(w: World): Lie {
    return teamRecord(w.team, (record) => {
        record.olds = record.olds.filter((old: Said) => hex(old.vault) !== w.vault)
        record.grants = record.grants.filter((row: Said) => {
            const { epoch, vault } = decode(row.grant) as { epoch: number; vault: Uint8Array }
            return hex(vault) !== w.vault || epoch > 1
        })
    })
}
