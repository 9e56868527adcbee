// @vitest-environment node
/** Under test: what becomes of a signed request when the server is slow, busy or gone. */
import { beforeEach, describe, expect, it } from "vitest"
import type { Clock } from "../../src/core/clock.ts"
import { CoreFailure, Unanswered } from "../../src/core/failure.ts"
import { Kept } from "../../src/core/kept.ts"
import type { Shipment } from "../../src/core/outbox.ts"
import { Outbox } from "../../src/core/outbox.ts"
import { Shelf } from "../../src/core/shelf.ts"
import { MemoryStore } from "../../src/core/store.ts"
import type { Response, Transport } from "../../src/core/transport.ts"
import { Server } from "../../src/core/transport.ts"
import { hex, random, utf8 } from "../../src/crypto/bytes.ts"
import { encode } from "../../src/crypto/cbor.ts"
import { Amk, Keyring } from "../../src/crypto/keys.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"

const CHAIN = "ab".repeat(16)
type Step = "lost" | "stored" | { status: number; problem: Record<string, unknown> }

function response(status: number, body: Uint8Array<ArrayBuffer>): Response {
    return { status, headers: new Map(), body }
}

/** Answers as told, one step a request, and remembers the bodies. */
class Script implements Transport {
    readonly bodies: string[] = []
    readonly #steps: Step[]

    constructor(...steps: Step[]) {
        this.#steps = steps
    }

    async request(_method: string, _path: string, body: Uint8Array | null): Promise<Response> {
        this.bodies.push(hex(body ?? new Uint8Array()))
        const step = this.#steps.shift()
        if (step === undefined || step === "lost") throw new Unanswered()
        if (step === "stored") return response(201, encode({ seq: 1 }))
        return response(step.status, utf8(JSON.stringify(step.problem)))
    }
}

describe("the outbox", () => {
    const store = new MemoryStore()
    const waited: number[] = []
    const clock: Clock = {
        now: () => 1_000_000,
        after(ms, run) {
            waited.push(ms)
            queueMicrotask(run)
            return () => undefined
        },
    }
    let shelf: Shelf
    let filled: Map<number, Uint8Array<ArrayBuffer>>
    let built: number

    beforeEach(async () => {
        await sodiumReady()
        const me = { account: random(16), email: "", serverKey: random(32), cred: random(16) }
        shelf = new Shelf(store, { ...me, amk: Amk.generate(), keyring: Keyring.generate() })
        filled = new Map()
        built = 0
        waited.length = 0
    })

    const outboxOn = (script: Script) =>
        new Outbox(
            new Server(script),
            shelf,
            clock,
            (chain, seq) => (chain === CHAIN ? (filled.get(seq) ?? null) : null),
            new Kept(shelf, clock),
        )

    const hash = random(32)
    const build = async (): Promise<Shipment> => {
        built++
        return { path: "x", body: { built }, marks: [{ chain: CHAIN, seq: 1, hash }], draft: null }
    }
    const again = async () => undefined

    it("forgets what was stored", async () => {
        const outbox = outboxOn(new Script("stored"))
        expect((await outbox.send(build, again)).result).toBe("done")
        expect([outbox.pending, await shelf.list("outbox")]).toEqual([0, []])
    })

    it("sends the same bytes after a time-out, and never builds anew", async () => {
        const script = new Script("lost", "lost", "stored")
        const outbox = outboxOn(script)
        expect((await outbox.send(build, again)).result).toBe("pending")
        expect([outbox.isPending([CHAIN]), await outbox.flush()]).toEqual([true, []])
        expect((await outbox.flush()).map(({ result }) => result)).toEqual(["done"])
        expect([new Set(script.bodies).size, built, outbox.pending]).toEqual([1, 1, 0])
    })

    it.each([
        ["mine", hash, "done"],
        ["another", random(32), "lost"],
    ])("asks nobody once its place is filled by %s", async (_name, there, result) => {
        const script = new Script("lost")
        const outbox = outboxOn(script)
        await outbox.send(build, again)
        filled.set(1, there)
        expect((await outbox.flush()).map((outcome) => outcome.result)).toEqual([result])
        expect(script.bodies).toHaveLength(1)
    })

    it("is taken up after a reload, sealed meanwhile", async () => {
        await outboxOn(new Script("lost")).send(build, again)
        const reloaded = outboxOn(new Script("stored"))
        await reloaded.load()
        expect(reloaded.pending).toBe(1)
        expect((await reloaded.flush()).map(({ result }) => result)).toEqual(["done"])
    })

    it("builds anew after a conflict, once the folds are up to date", async () => {
        let synced = 0
        const script = new Script({ status: 409, problem: { code: "head_moved" } }, "stored")
        const outbox = outboxOn(script)
        const sent = await outbox.send(build, async () => void synced++)
        expect([sent.result, built, synced, new Set(script.bodies).size]).toEqual(["done", 2, 1, 2])
    })

    it("waits as long as a held vault says", async () => {
        const held = { status: 409, problem: { code: "held", until: 1_000_000 + 7_000 } }
        await outboxOn(new Script(held, "stored")).send(build, again)
        expect(waited[0]).toBeGreaterThanOrEqual(7_000)
        expect(waited[0]).toBeLessThan(8_000)
    })

    it.each([403, 404, 422])("gives up on a definite %i", async (status) => {
        const outbox = outboxOn(new Script({ status, problem: { code: "no" } }))
        await expect(outbox.send(build, again)).rejects.toThrow(CoreFailure)
        expect([outbox.pending, built]).toEqual([0, 1])
    })

    it("stops after a number of conflicts", async () => {
        const moved: Step = { status: 409, problem: { code: "head_moved" } }
        const outbox = outboxOn(new Script(...Array.from({ length: 20 }, () => moved)))
        await expect(outbox.send(build, again)).rejects.toMatchObject({ code: "head_moved" })
        expect(built).toBe(8)
    })
})
