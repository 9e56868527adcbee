// @vitest-environment node
/** Under test: what is kept for a server that lost it, for how long, and what is found in it again. */
import { beforeEach, describe, expect, it } from "vitest"
import type { Clock } from "../../src/core/clock.ts"
import { blobAt, DAY, Kept } from "../../src/core/kept.ts"
import { Shelf } from "../../src/core/shelf.ts"
import { hex, random, utf8 } from "../../src/crypto/bytes.ts"
import { encode } from "../../src/crypto/cbor.ts"
import { Amk, Keyring } from "../../src/crypto/keys.ts"
import { sha256, sodiumReady } from "../../src/crypto/sodium.ts"
import { MemoryStore } from "./memory.ts"

describe("what is kept", () => {
    let now: number
    let store: MemoryStore
    let kept: Kept
    const clock: Clock = { now: () => now, after: () => () => undefined }
    const hashOf = (signed: Uint8Array<ArrayBuffer>) => hex(sha256(signed))

    beforeEach(async () => {
        await sodiumReady()
        now = 20_000 * DAY
        store = new MemoryStore()
        const keys = { amk: Amk.generate(), keyring: Keyring.generate() }
        const me = { account: random(16), email: "", serverKey: random(32), cred: random(16), ...keys }
        kept = new Kept(new Shelf(store, me), clock)
    })

    it("are links that were read, before and after they are written", async () => {
        const signed = utf8("a link")
        kept.note("ab", { signed, at: now })
        expect((await kept.pieces()).get(hashOf(signed))).toEqual({ signed, mine: null, genesis: null })
        await kept.flush()
        expect((await store.keys("kept/")).length).toBe(1)
        expect((await kept.pieces()).has(hashOf(signed))).toBe(true)
    })

    it("are my requests, taken apart into links with what went beside them", async () => {
        const [link, rotation] = [utf8("a change"), utf8("a rotation")]
        const blob = { overview: utf8("o"), details: utf8("d"), c_details: random(32) }
        const brought = { link: rotation, grants: [{ grant: utf8("g"), sig: utf8("s") }], olds: [] }
        await kept.request("teams/x/vaults/y/changes", encode({ link, blobs: [blob], rotation: brought }))
        const pieces = await kept.pieces()
        const piece = pieces.get(hashOf(link))
        expect(piece && blobAt(piece, 0)).toEqual(blob)
        expect(piece && blobAt(piece, 1)).toBe(null)
        expect(pieces.get(hashOf(rotation))?.mine?.grants).toHaveLength(1)
    })

    it("is not what is older than thirty days, and is thrown away after them", async () => {
        kept.note("ab", { signed: utf8("old"), at: now - 31 * DAY })
        kept.note("ab", { signed: utf8("new"), at: now })
        await kept.flush()
        expect((await kept.pieces()).size).toBe(1)
        now += 30 * DAY
        await kept.prune()
        expect((await kept.pieces()).size).toBe(1)
        now += DAY
        await kept.prune()
        expect(await store.keys("kept/")).toEqual([])
    })
})
