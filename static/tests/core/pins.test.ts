// @vitest-environment node
/** Under test: pins of this browser and of the server, and what they demand of a verified chain. */
import { beforeAll, describe, expect, it } from "vitest"
import { Hashes } from "../../src/chain/columns.ts"
import { decodePins, encodePins } from "../../src/chain/pins.ts"
import type { Me } from "../../src/core/account.ts"
import { PinBook } from "../../src/core/pins.ts"
import type { Method, Response, Transport } from "../../src/core/transport.ts"
import { Server } from "../../src/core/transport.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, random, utf8 } from "../../src/crypto/bytes.ts"
import { decode, encode } from "../../src/crypto/cbor.ts"
import { Amk, Keyring } from "../../src/crypto/keys.ts"
import { open, seal } from "../../src/crypto/seal.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import { MemoryStore } from "./memory.ts"

const team = random(16)
const hashes = Array.from({ length: 5 }, () => random(32))

function chain(length: number): Hashes {
    const column = new Hashes()
    for (const hash of hashes.slice(0, length)) column.push(hash)
    return column
}

function pin(seq: number, hash = hashes[seq] as Uint8Array<ArrayBuffer>) {
    return { genesis: hashes[0] as Uint8Array<ArrayBuffer>, hash, seq, team }
}

/** A server that keeps one blob by compare-and-swap on its counter, as the route says. */
class PinServer implements Transport {
    stored: { counter: number; blob: Uint8Array } = { counter: 0, blob: new Uint8Array() }
    conflicts = 0

    async request(method: Method, _path: string, body: Uint8Array | null): Promise<Response> {
        const answer = (status: number, bytes: Uint8Array<ArrayBuffer>) => ({
            status,
            headers: new Map(),
            body: bytes,
        })
        if (method === "GET") return answer(200, encode({ ...this.stored }))
        const put = decode(body as Uint8Array) as unknown as PinServer["stored"]
        if (put.counter !== this.stored.counter + 1) {
            this.conflicts++
            return answer(409, utf8(JSON.stringify({ code: "counter_moved" })))
        }
        this.stored = put
        return answer(200, encode({ counter: put.counter }))
    }
}

describe("pins", () => {
    let me: Me

    beforeAll(async () => {
        await sodiumReady()
        const keys = { amk: Amk.generate(), keyring: Keyring.generate() }
        me = { account: random(16), email: "", serverKey: random(32), cred: random(16), ...keys }
    })

    async function blobOf(counter: number, ...teams: ReturnType<typeof pin>[]) {
        return blobOn(me.serverKey, counter, teams)
    }

    async function blobOn(serverKey: Bytes, counter: number, pins: ReturnType<typeof pin>[]) {
        const teams = new Map(pins.map((one) => [hex(one.team), one]))
        const bytes = encodePins({ serverKey, teams, vaults: new Map() })
        return {
            counter,
            blob: await seal(me.amk, "coffret/pins/v1", { account: me.account, counter }, bytes),
        }
    }

    /** My chain is folded up to `seq`; null: not at all. */
    const bookOn = (server: Transport, store: MemoryStore, seq: number | null) =>
        new PinBook(new Server(server), store, me, {
            team: () => (seq === null ? undefined : chain(seq + 1)),
            vault: () => undefined,
            heads: () => ({ teams: seq === null ? [] : [pin(seq)], vaults: [] }),
            refuse: (id, refusal) => refusals.push(`${id} ${refusal}`),
        })
    const refusals: string[] = []
    const stored = async (store: MemoryStore) =>
        decode((await store.get(`pins/${hex(me.account)}`)) as Uint8Array) as unknown as {
            counter: number
            blob: Uint8Array<ArrayBuffer>
            others: { counter: number; blob: Uint8Array<ArrayBuffer> }[]
        }
    const opened = async ({ counter, blob }: { counter: number; blob: Uint8Array }) =>
        decodePins(await open(me.amk, "coffret/pins/v1", { account: me.account, counter }, blob))
    const seqOf = async (counted: { counter: number; blob: Uint8Array }) =>
        (await opened(counted)).teams.get(hex(team))?.seq

    it("are the same bytes here and on the server, and open on the next visit", async () => {
        const [server, store] = [new PinServer(), new MemoryStore()]
        const book = bookOn(server, store, 2)
        await book.load(null)
        expect(book.isNew).toBe(true)
        await book.keep()
        await book.upload()
        expect(await stored(store)).toEqual({ ...server.stored, others: [] })
        const next = bookOn(server, store, 2)
        await next.load(server.stored as Awaited<ReturnType<typeof blobOf>>)
        expect(next.isNew).toBe(false)
        expect(() => next.checkTeam(hex(team), chain(3))).not.toThrow()
    })

    it.each([
        ["an older chain", 3, undefined, 2, "T4.older"],
        ["another hash at the pin", 2, "other", 4, "T4.fork"],
    ])("refuse %s", async (_name, seq, other, length, refusal) => {
        const book = bookOn(new PinServer(), new MemoryStore(), 0)
        await book.load(await blobOf(1, other === undefined ? pin(seq) : pin(seq, random(32))))
        expect(() => book.checkTeam(hex(team), chain(length))).toThrow(refusal)
    })

    it("refuse another genesis of a known team", async () => {
        const book = bookOn(new PinServer(), new MemoryStore(), 0)
        await book.load(await blobOf(1, { ...pin(1), genesis: random(32) }))
        expect(() => book.checkTeam(hex(team), chain(3))).toThrow("R23.genesis")
    })

    it("of the server's that do not open are told, and this browser's own are written over them", async () => {
        const [server, store] = [new PinServer(), new MemoryStore()]
        const before = bookOn(server, store, 2)
        await before.load(null)
        await before.keep()
        // Sealed for another place; as well as by another account.
        const broken = { ...(await blobOf(7, pin(3))), counter: 8 }
        server.stored = broken
        refusals.length = 0
        const book = bookOn(server, store, 2)
        await book.load(broken)
        expect([refusals, book.isNew, book.isDirty]).toEqual([["null R17.pins"], false, true])
        expect(() => book.checkTeam(hex(team), chain(2))).toThrow("T4.older")
        await book.upload()
        expect([server.stored.counter, await seqOf(server.stored)]).toEqual([9, 2])
    })

    it("that do not open stay as they are for the first visit of a new browser", async () => {
        const [server, store] = [new PinServer(), new MemoryStore()]
        const broken = { ...(await blobOf(7, pin(3))), counter: 8 }
        server.stored = broken
        refusals.length = 0
        const first = bookOn(server, store, 2)
        await first.load(broken)
        await first.keep()
        await first.upload()
        expect([refusals, first.isNew, server.stored]).toEqual([["null R17.pins"], true, broken])
        const second = bookOn(server, store, 2)
        await second.load(broken)
        await second.upload()
        expect([server.stored.counter, await seqOf(server.stored)]).toEqual([9, 2])
    })

    it("that another browser put there while this one was at work do not stop it either", async () => {
        const [server, store] = [new PinServer(), new MemoryStore()]
        const book = bookOn(server, store, 2)
        await book.load(null)
        await book.keep()
        server.stored = { ...(await blobOf(3, pin(3))), counter: 4 }
        refusals.length = 0
        await book.upload()
        expect([refusals, server.stored.counter, await seqOf(server.stored)]).toEqual([
            ["null R17.pins"],
            5,
            2,
        ])
    })

    it("of this browser's that do not open are a refusal, not an empty set", async () => {
        const store = new MemoryStore()
        const { blob } = await blobOf(1, pin(1))
        await store.put(`pins/${hex(me.account)}`, encode({ counter: 2, blob, others: [] }))
        const book = bookOn(new PinServer(), store, 0)
        await expect(book.load(null)).rejects.toMatchObject({ refusal: "R17.bundle" })
    })

    it("of a browser that knew another server are a refusal", async () => {
        const book = bookOn(new PinServer(), new MemoryStore(), 0)
        const loading = book.load(await blobOn(random(32), 1, [pin(1)]))
        await expect(loading).rejects.toMatchObject({ refusal: "A3.server_key" })
    })

    it("of another browser win once my chain reaches and contains both", async () => {
        const [server, store] = [new PinServer(), new MemoryStore()]
        server.stored = await blobOf(1, pin(3))
        const before = bookOn(server, store, 1)
        await before.load(null)
        await before.keep()
        const book = bookOn(server, store, 4)
        await book.load(server.stored as Awaited<ReturnType<typeof blobOf>>)
        await book.keep()
        await book.upload()
        expect([await seqOf(server.stored), (await stored(store)).others]).toEqual([4, []])
    })

    it("that cannot be decided yet are all kept here, none is uploaded, and a later visit decides", async () => {
        const [server, store] = [new PinServer(), new MemoryStore()]
        const theirs = await blobOf(1, pin(3))
        server.stored = theirs
        const first = bookOn(server, store, 1)
        await first.load(null)
        await first.keep()
        for (const _visit of [1, 2, 3]) {
            const withheld = bookOn(server, store, null)
            await withheld.load(theirs)
            await withheld.keep()
            await withheld.upload()
            expect([withheld.isDirty, server.stored]).toEqual([true, theirs])
        }
        const kept = await stored(store)
        expect([await seqOf(kept), await Promise.all(kept.others.map(seqOf))]).toEqual([1, [3]])
        const later = bookOn(server, store, 4)
        await later.load(theirs)
        await later.keep()
        await later.upload()
        expect([await seqOf(server.stored), (await stored(store)).others]).toEqual([4, []])
    })

    it.each([
        ["the same place with another hash", { hash: random(32) }, "T4.fork"],
        ["another genesis", { genesis: random(32) }, "R23.genesis"],
    ])(
        "with %s are refused, even of a team that is not served, and none is dropped",
        async (_name, other, id) => {
            const [server, store] = [new PinServer(), new MemoryStore()]
            const first = bookOn(server, store, 2)
            await first.load(null)
            await first.keep()
            const theirs = await blobOf(1, { ...pin(2), ...other })
            server.stored = theirs
            const book = bookOn(server, store, null)
            await book.load(theirs)
            refusals.length = 0
            await book.keep()
            await book.upload()
            expect(refusals).toContain(`${hex(team)} ${id}`)
            expect([server.stored, (await stored(store)).others]).toEqual([theirs, [theirs]])
            expect(() => book.checkTeam(hex(team), chain(5))).toThrow(id)
        },
    )

    it("never take a head whose chain does not contain the pin", async () => {
        const [server, store] = [new PinServer(), new MemoryStore()]
        const book = bookOn(server, store, 4)
        await book.load(await blobOf(1, pin(2, random(32))))
        await book.keep()
        expect(await seqOf(await stored(store))).toBe(2)
    })

    it("are written one after the other, so that this browser never races with itself", async () => {
        const server = new PinServer()
        const book = bookOn(server, new MemoryStore(), 2)
        await book.load(null)
        await Promise.all([book.keep(), book.upload(), book.keep(), book.upload(), book.upload()])
        await book.upload()
        expect(server.conflicts).toBe(0)
        expect(book.isDirty).toBe(false)
    })

    it("of an invitation stand for the whole chain that was read there", async () => {
        const book = bookOn(new PinServer(), new MemoryStore(), null)
        await book.load(await blobOf(1, pin(1)))
        expect(() => book.expect(pin(3, random(32)), { ...chain(1), length: 1, is: () => false })).toThrow()
        book.expect(pin(3), chain(4))
        expect(() => book.checkTeam(hex(team), chain(3))).toThrow("T4.older")
        expect(() => book.checkTeam(hex(team), chain(4))).not.toThrow()
    })

    it("of another browser become a condition when both write at once", async () => {
        const server = new PinServer()
        server.stored = await blobOf(1, pin(3))
        const book = bookOn(server, new MemoryStore(), 4)
        await book.load(null)
        await book.keep()
        await book.upload()
        expect([server.conflicts, server.stored.counter]).toEqual([1, 2])
        expect(await seqOf(server.stored)).toBe(4)
    })

    it("of another tab are not written over by one that was shown less", async () => {
        const [server, store] = [new PinServer(), new MemoryStore()]
        const [ahead, held] = [bookOn(server, store, 4), bookOn(server, store, 2)]
        await Promise.all([ahead.load(null), held.load(null)])
        await Promise.all([held.keep(), ahead.keep(), held.keep()])
        expect(() => held.checkTeam(hex(team), chain(3))).toThrow("T4.older")
        await held.upload()
        expect(await seqOf(server.stored)).toBe(4)
        const next = bookOn(server, store, 2)
        await next.load(null)
        expect(() => next.checkTeam(hex(team), chain(3))).toThrow("T4.older")
        expect(() => next.checkTeam(hex(team), chain(5))).not.toThrow()
        await ahead.keep()
        await ahead.upload()
        expect([await seqOf(server.stored), (await stored(store)).others]).toEqual([4, []])
    })

    it("of another browser that contradict my chain are neither overwritten nor forgotten", async () => {
        const server = new PinServer()
        const theirs = await blobOf(1, pin(4, random(32)))
        server.stored = theirs
        const book = bookOn(server, new MemoryStore(), 2)
        await book.load(await blobOf(1, pin(1)))
        await book.keep()
        server.stored = { ...theirs, counter: 2, blob: (await blobOf(2, pin(4, random(32)))).blob }
        await book.upload()
        expect(server.stored.counter).toBe(2)
        expect(() => book.checkTeam(hex(team), chain(5))).toThrow("T4.fork")
    })

    it("of one vault id in two teams each copy keeps its own, and neither is refused", async () => {
        const vault = random(16)
        const of = (owner: Uint8Array<ArrayBuffer>) => ({ hash: random(32), seq: 1, team: owner, vault })
        const copy = async (counter: number, owner: Uint8Array<ArrayBuffer>) => {
            const vaults = new Map([[hex(vault), of(owner)]])
            const bytes = encodePins({ serverKey: me.serverKey, teams: new Map(), vaults })
            const blob = await seal(me.amk, "coffret/pins/v1", { account: me.account, counter }, bytes)
            return { counter, blob }
        }
        const [server, store] = [new PinServer(), new MemoryStore()]
        const mine = await copy(1, team)
        await store.put(`pins/${hex(me.account)}`, encode({ ...mine, others: [] }))
        const book = bookOn(server, store, null)
        server.stored = await copy(2, random(16))
        await book.load(server.stored as Awaited<ReturnType<typeof blobOf>>)
        refusals.length = 0
        await book.keep()
        await book.upload()
        expect(refusals).toEqual([])
        expect(book.teamOf(hex(vault))).toBe(hex(team))
        expect((await stored(store)).others).toHaveLength(1)
    })
})
