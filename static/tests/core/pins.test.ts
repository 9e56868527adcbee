// @vitest-environment node
/** Under test: pins of this browser and of the server, and what they demand of a verified chain. */
import { beforeAll, describe, expect, it } from "vitest"
import { Hashes } from "../../src/chain/columns.ts"
import { encodePins } from "../../src/chain/pins.ts"
import type { Me } from "../../src/core/account.ts"
import { PinBook } from "../../src/core/pins.ts"
import { MemoryStore } from "../../src/core/store.ts"
import type { Method, Response, Transport } from "../../src/core/transport.ts"
import { Server } from "../../src/core/transport.ts"
import { hex, random, utf8 } from "../../src/crypto/bytes.ts"
import { decode, encode } from "../../src/crypto/cbor.ts"
import { Amk, Keyring } from "../../src/crypto/keys.ts"
import { seal } from "../../src/crypto/seal.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"

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

    async request(method: Method, _path: string, body: Uint8Array | null): Promise<Response> {
        const answer = (status: number, bytes: Uint8Array<ArrayBuffer>) => ({
            status,
            headers: new Map(),
            body: bytes,
        })
        if (method === "GET") return answer(200, encode({ ...this.stored }))
        const put = decode(body as Uint8Array) as unknown as PinServer["stored"]
        if (put.counter !== this.stored.counter + 1)
            return answer(409, utf8(JSON.stringify({ code: "counter_moved" })))
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
        const map = new Map(teams.map((one) => [hex(one.team), one]))
        const bytes = encodePins({ serverKey: me.serverKey, teams: map, vaults: new Map() })
        return {
            counter,
            blob: await seal(me.amk, "coffret/pins/v1", { account: me.account, counter }, bytes),
        }
    }

    const bookOn = (server: Transport, store: MemoryStore, seq: number) =>
        new PinBook(new Server(server), store, me, () => ({ teams: [pin(seq)], vaults: [] }))

    it("are the same bytes here and on the server, and open on the next visit", async () => {
        const [server, store] = [new PinServer(), new MemoryStore()]
        const book = bookOn(server, store, 2)
        await book.load(null)
        expect(book.isNew).toBe(true)
        await book.keep()
        await book.upload()
        const local = decode((await store.get(`pins/${hex(me.account)}`)) as Uint8Array)
        expect(local).toEqual(server.stored)
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

    it("that do not open are a refusal, not an empty set", async () => {
        const { blob } = await blobOf(1, pin(1))
        const book = bookOn(new PinServer(), new MemoryStore(), 0)
        await expect(book.load({ counter: 2, blob })).rejects.toMatchObject({ refusal: "R17.bundle" })
    })

    it("of another browser become a condition when both write at once", async () => {
        const server = new PinServer()
        server.stored = await blobOf(1, pin(4, random(32)))
        const book = bookOn(server, new MemoryStore(), 2)
        await book.load(null)
        await book.keep()
        await book.upload()
        expect(server.stored.counter).toBe(2)
        expect(() => book.checkTeam(hex(team), chain(5))).toThrow("T4.fork")
    })
})
