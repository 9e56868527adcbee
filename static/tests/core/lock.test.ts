// @vitest-environment node
/** Under test: after the lock nothing is sent and nothing is kept, whatever was under way. */
import { describe, expect, it } from "vitest"
import { whileOpen } from "../../src/core/store.ts"
import type { Transport } from "../../src/core/transport.ts"
import { Server } from "../../src/core/transport.ts"
import { random } from "../../src/crypto/bytes.ts"
import { encode } from "../../src/crypto/cbor.ts"
import { MemoryStore } from "./memory.ts"

describe("once an account is locked", () => {
    it("its requests are not sent, others are, with the token that both share", async () => {
        const sent: string[] = []
        const transport: Transport = {
            async request(_method, path, _body, headers) {
                sent.push(`${path} ${headers["x-csrftoken"] ?? ""}`)
                return { status: 200, headers: new Map(), body: encode({ csrf: "token" }) }
            },
        }
        let closed = false
        const whole = new Server(transport)
        const mine = whole.whileOpen(() => closed, random(16))
        await mine.call("GET", "one")
        closed = true
        await expect(mine.call("POST", "two", {})).rejects.toMatchObject({ code: "locked" })
        await whole.call("POST", "three", {})
        expect(sent).toEqual(["one ", "three token"])
    })

    it("its records are not written, and can be read and dropped", async () => {
        const store = new MemoryStore()
        let closed = false
        const mine = whileOpen(store, () => closed)
        await mine.put("a", Uint8Array.of(1))
        closed = true
        expect(() => mine.put("b", Uint8Array.of(2))).toThrow("locked")
        expect([await mine.get("a"), await store.get("b")]).toEqual([Uint8Array.of(1), null])
    })
})
