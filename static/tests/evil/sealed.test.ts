// @vitest-environment node
/**
 * Under test: every bit, every length and every exchange of what is stored sealed, through the functions by which the
 * core opens it. What does not open at its place is refused, or counts for nothing where the design says so.
 */
import { beforeAll, describe, expect, it, vi } from "vitest"
import { encodePins } from "../../src/chain/pins.ts"
import type { RefusalId } from "../../src/chain/refusals.ts"
import type { Me } from "../../src/core/account.ts"
import { Books, TeamBook } from "../../src/core/books.ts"
import type { Bundle } from "../../src/core/bundle.ts"
import { openBundle, readBundle } from "../../src/core/bundle.ts"
import { Cache } from "../../src/core/cache.ts"
import type { Context } from "../../src/core/context.ts"
import { listDrafts, putDraft } from "../../src/core/drafts.ts"
import type { Verdicts } from "../../src/core/pins.ts"
import { PinBook } from "../../src/core/pins.ts"
import { openItem } from "../../src/core/read.ts"
import { fillRings } from "../../src/core/ring.ts"
import { openRows } from "../../src/core/rows.ts"
import { readSettings } from "../../src/core/settings.ts"
import { Shelf } from "../../src/core/shelf.ts"
import { Server } from "../../src/core/transport.ts"
import { View } from "../../src/core/view.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, random, utf8 } from "../../src/crypto/bytes.ts"
import { encode } from "../../src/crypto/cbor.ts"
import { Refused } from "../../src/crypto/errors.ts"
import type { Dek } from "../../src/crypto/keys.ts"
import { Amk, Auk } from "../../src/crypto/keys.ts"
import { seal } from "../../src/crypto/seal.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import { sealAmk, sealKeyring, sealOldDek } from "../../src/crypto/wraps.ts"
import type { Snapshot } from "../../src/worker/api.ts"
import { Person, TeamBuilder } from "../chains.ts"
import { MemoryStore } from "../core/memory.ts"
import { everyBend } from "./bending.ts"
import type { Orchard } from "./orchard.ts"
import { heldOf, orchard } from "./orchard.ts"

async function refusalOf(job: () => Promise<unknown>): Promise<string> {
    try {
        await job()
        return "taken"
    } catch (error) {
        if (error instanceof Refused) return error.refusal
        return `${(error as { code?: string }).code}`
    }
}

const nothing = new View(
    () => undefined,
    () => ({}) as Snapshot,
)

// Thousands of seals are opened one by one.
vi.setConfig({ testTimeout: 300_000 })
beforeAll(sodiumReady)

describe("an account", () => {
    const COUNTER = 3
    let amk: Amk
    let auk: Auk
    let me: Me
    let bundle: Bundle

    beforeAll(async () => {
        const olive = new Person("olive")
        amk = Amk.generate()
        auk = new Auk(random(32))
        const { account, keyring } = olive
        const [cred, id, serverKey] = [random(16), random(16), random(32)]
        me = { account, email: "olive@example.org", serverKey, amk, keyring, cred }
        const place = { account, counter: COUNTER }
        const pins = { serverKey, teams: new Map(), vaults: new Map() }
        bundle = {
            ...{ account, email: me.email, cred, suite: 1, kit_saved: true, deployment: random(16) },
            wrap: { id, wrap: "auk", cred, blob: await sealAmk(auk, { account, cred, id }, amk) },
            keyring: { counter: COUNTER, blob: await sealKeyring(amk, place, keyring) },
            pins: { counter: COUNTER, blob: await seal(amk, "coffret/pins/v1", place, encodePins(pins)) },
            settings: {
                counter: COUNTER,
                blob: await seal(amk, "coffret/settings/v1", place, encode({ name: "Olive", v: 1 })),
            },
        }
    })

    const opened = (changed: Bundle) =>
        refusalOf(async () => openBundle(auk, readBundle(changed), new MemoryStore()))
    const pinned = (pins: Bundle["pins"]) =>
        refusalOf(async () => {
            const verdicts = {
                refuse: (_chain: string | null, refusal: RefusalId) => {
                    throw new Refused(refusal)
                },
            } as unknown as Verdicts
            const book = new PinBook(null as unknown as Server, new MemoryStore(), me, verdicts)
            await book.load(pins)
        })

    it("opens its own wrap, keyring, pins and settings", async () => {
        expect(await opened(bundle)).toBe("taken")
        expect(await pinned(bundle.pins)).toBe("taken")
        expect((await readSettings(me, bundle.settings))?.name).toBe("Olive")
    })

    it("refuses a wrap with any bit changed, at any other length", async () => {
        for (const blob of everyBend(bundle.wrap.blob))
            expect(await opened({ ...bundle, wrap: { ...bundle.wrap, blob } })).toMatch(/^(A4|R17)\.bundle$/)
    })

    it("refuses a keyring with any bit changed, at any other length", async () => {
        for (const blob of everyBend(bundle.keyring?.blob as Bytes))
            expect(await opened({ ...bundle, keyring: { counter: COUNTER, blob } })).toBe("R17.keyring")
    })

    it("refuses pins with any bit changed, at any other length", async () => {
        for (const blob of everyBend(bundle.pins?.blob as Bytes))
            expect(await pinned({ counter: COUNTER, blob })).toBe("R17.pins")
    })

    it("passes over settings with any bit changed, at any other length", async () => {
        for (const blob of everyBend(bundle.settings?.blob as Bytes))
            expect(await readSettings(me, { counter: COUNTER, blob })).toBeNull()
    })

    it("refuses each blob in each other's place, under another number, for another account", async () => {
        const { keyring, pins, settings } = bundle
        for (const other of [pins, settings])
            expect(await opened({ ...bundle, keyring: other })).toBe("R17.keyring")
        for (const other of [keyring, settings]) expect(await pinned(other)).toBe("R17.pins")
        for (const other of [keyring, pins]) expect(await readSettings(me, other)).toBeNull()
        const moved = <T extends { counter: number } | null>(one: T): T =>
            one && { ...one, counter: COUNTER - 1 }
        expect(await opened({ ...bundle, keyring: moved(keyring) })).toBe("R17.keyring")
        expect(await pinned(moved(pins))).toBe("R17.pins")
        expect(await readSettings(me, moved(settings))).toBeNull()
        const account = random(16)
        expect(await opened({ ...bundle, account })).toBe("A4.bundle")
        expect(await opened({ ...bundle, wrap: { ...bundle.wrap, id: random(16) } })).toBe("A4.bundle")
        const cred = random(16)
        expect(await opened({ ...bundle, cred, wrap: { ...bundle.wrap, cred } })).toBe("A4.bundle")
    })

    it("passes over a draft of this browser with any bit changed, at any other length", async () => {
        const store = new MemoryStore()
        const shelf = new Shelf(store, me)
        const id = hex(random(16))
        const typed = { id, vault: null, item: null, base: 0, at: 1 }
        const overview = { type: "note", title: "half a thought", tags: [], trash: null } as const
        await putDraft(shelf, {
            ...typed,
            overview: { ...overview, tags: [] },
            details: { fields: [], note: "" },
        })
        expect(await listDrafts(shelf)).toHaveLength(1)
        const [{ key, value }] = (await store.list("draft/")) as [{ key: string; value: Bytes }]
        for (const bent of everyBend(value)) {
            await store.put(key, bent)
            expect(await listDrafts(shelf)).toEqual([])
        }
    })

    it("fetches anew what this browser verified, if any bit of it changed", async () => {
        const team = new TeamBuilder(
            Object.assign(new Person("olive"), { account: me.account, keyring: me.keyring }),
        )
        const books = new Books()
        const book = new TeamBook(team.state, hex(me.account))
        book.isDirty = true
        books.teams.set(book.id, book)
        const store = new MemoryStore()
        await new Cache(store, me).save(books)
        const loaded = async () => {
            const again = new Books()
            await new Cache(store, me).load(again)
            return again.teams.size
        }
        expect(await loaded()).toBe(1)
        const [{ key, value }] = (await store.list("cache/")) as [{ key: string; value: Bytes }]
        for (const bent of everyBend(value)) {
            await store.put(key, bent)
            expect(await loaded()).toBe(0)
        }
    })
})

describe("a vault", () => {
    let made: Orchard
    beforeAll(async () => {
        made = await orchard()
    })

    const bookOf = () => heldOf(made)

    it("takes no older key from a seal with any bit changed, at any other length, or of another place", async () => {
        const { books, held } = await bookOf()
        const given = async (blob: Bytes) => {
            held.ring.delete(1)
            held.team.extras = { ...held.team.extras, olds: [{ vault: held.id, from: 1, to: 2, blob }] }
            await fillRings(books, held.team, made.olive.keyring)
            return [...held.ring.keys()]
        }
        expect(await given(made.old)).toEqual([2, 1])
        for (const blob of everyBend(made.old)) expect(await given(blob)).toEqual([2])
        const { team, vault } = made
        const [one, two] = vault.deks as [Dek, Dek]
        const at = { team: team.id, vault: vault.bytes, epoch: 2 }
        for (const blob of [
            await sealOldDek(two, { ...at, vault: random(16) }, one, 1),
            await sealOldDek(two, { ...at, team: random(16) }, one, 1),
            await sealOldDek(two, { ...at, epoch: 3 }, one, 1),
            await sealOldDek(two, at, one, 0),
            await sealOldDek(two, at, two, 1),
            await sealOldDek(one, at, one, 1),
        ])
            expect(await given(blob)).toEqual([2])
    })

    it("shows no row whose overview has any bit changed, or any other length", async () => {
        const { books, held } = await bookOf()
        const [, row] = made.written
        if (row === undefined) throw new Error("no row")
        const id = hex(row.item)
        const sealed = { item: id, ...{ revision: 1, epoch: 2, author: row.author, details: row.c_details } }
        held.sealed.set(id, { ...sealed, overview: row.overview })
        await openRows(books, held, nothing)
        expect(held.rows.get(id)?.overview.title).toBe("two")
        for (const overview of everyBend(row.overview)) {
            held.rows.clear()
            held.sealed.set(id, { ...sealed, overview: new Uint8Array(overview) })
            await openRows(books, held, nothing)
            expect([held.rows.size, held.broken.has(id)]).toEqual([0, true])
        }
        expect(new Set([...books.refusals.values()].map((one) => one.id))).toEqual(new Set(["R7.open"]))
    })

    /** The core opens an item; the server's whole answer is these bytes. */
    async function opening(answer: () => Bytes) {
        const { books, held } = await bookOf()
        const server = new Server({
            request: async () => ({ status: 200, headers: new Map(), body: answer() }),
        })
        const context = { books, server, view: nothing, recent: new Map() } as unknown as Context
        for (const team of books.teams.values()) team.isMissing = false
        return async (item: Bytes, revision?: number) => {
            held.broken.clear()
            return openItem(context, held.id, hex(item), revision)
        }
    }

    it("opens nothing else from an answer with any bit changed, at any other length", async () => {
        const [, row] = made.written
        if (row === undefined) throw new Error("no row")
        const { item, author: _, ...rest } = row
        const honest = encode({ ...rest })
        let answer = honest
        const open = await opening(() => answer)
        const { overview, details, revision } = await open(item)
        expect(overview.title).toBe("two")
        for (const bent of everyBend(honest)) {
            answer = bent
            const seen = await open(item).catch(() => null)
            if (seen !== null)
                expect([seen.overview, seen.details, seen.revision]).toEqual([overview, details, revision])
        }
    })

    it("refuses every exchange of two blobs, of two parts, of two revisions", async () => {
        const answers = made.written.map(({ item, author: _, ...rest }) => ({ item, rest }))
        let answer: Bytes = utf8("")
        const open = await opening(() => answer)
        for (const { item, rest } of answers) {
            answer = encode(rest)
            expect((await open(item, rest.revision)).revision).toBe(rest.revision)
            for (const other of answers) {
                for (const fields of exchanged(rest, other.rest)) {
                    if (other.rest === rest && hex(encode(fields)) === hex(encode(rest))) continue
                    answer = encode(fields)
                    expect(await refusalOf(() => open(item, rest.revision))).toMatch(
                        /^(R7\.(open|hash)|R12\.items)$/,
                    )
                }
            }
        }
    })
})

/** Fields of one answer in another's, one by one and together, and the two parts of one in each other's place. */
function* exchanged<T extends { overview: Bytes; details: Bytes; c_details: Bytes }>(
    mine: T,
    theirs: T,
): Generator<T> {
    if (mine !== theirs) {
        for (const field of ["overview", "details", "c_details"] as const)
            yield { ...mine, [field]: theirs[field] }
        yield { ...mine, overview: theirs.overview, details: theirs.details }
        const { overview, details, c_details } = theirs
        yield { ...mine, overview, details, c_details }
    }
    yield { ...mine, overview: theirs.details, details: theirs.overview }
    yield { ...mine, details: theirs.overview }
    yield { ...mine, overview: theirs.details }
}
