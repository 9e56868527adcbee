// @vitest-environment node
/** Under test: what becomes of a signed request when the server is slow, busy or gone. */
import { beforeEach, describe, expect, it } from "vitest"
import type { Clock } from "../../src/core/clock.ts"
import { listDrafts, putDraft } from "../../src/core/drafts.ts"
import { CoreFailure, Place, RefusedThere, Unanswered } from "../../src/core/failure.ts"
import { Kept } from "../../src/core/kept.ts"
import type { Mark, Outcome, Shipment } from "../../src/core/outbox.ts"
import { Outbox } from "../../src/core/outbox.ts"
import { Shelf } from "../../src/core/shelf.ts"
import type { Standing } from "../../src/core/standing.ts"
import type { Response, Transport } from "../../src/core/transport.ts"
import { Server } from "../../src/core/transport.ts"
import { hex, random, utf8 } from "../../src/crypto/bytes.ts"
import { encode } from "../../src/crypto/cbor.ts"
import { Waiting } from "../../src/crypto/errors.ts"
import { Amk, Keyring } from "../../src/crypto/keys.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import type { Draft } from "../../src/worker/api.ts"
import { MemoryStore } from "./memory.ts"

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
    let filled: Map<string, Uint8Array<ArrayBuffer>>
    let built: number
    let taken: number
    let standing: Standing

    beforeEach(async () => {
        await sodiumReady()
        const me = { account: random(16), email: "", serverKey: random(32), cred: random(16) }
        shelf = new Shelf(store, { ...me, amk: Amk.generate(), keyring: Keyring.generate() })
        filled = new Map()
        built = 0
        taken = 0
        standing = "now"
        waited.length = 0
    })

    const outboxOn = (script: Script) =>
        new Outbox(
            new Server(script),
            shelf,
            clock,
            { hashAt: (chain, seq) => filled.get(`${chain}/${seq}`) ?? null, standing: () => standing },
            new Kept(shelf, clock),
        )

    const hash = random(32)
    const mark = { chain: CHAIN, seq: 1, hash }
    const typed: Draft = {
        ...{ id: "cd".repeat(16), vault: CHAIN, item: null, base: 0, at: 5 },
        overview: { type: "note", title: "Typed", tags: [], trash: null },
        details: { fields: [], note: "by hand" },
    }
    const build = async (): Promise<Shipment> => {
        built++
        const take = async () => {
            taken++
            fill(mark)
        }
        return { path: "x", body: { built }, marks: [mark], draft: typed.id, typed: [typed], take }
    }
    const fill = ({ chain, seq, hash: there }: Mark) => void filled.set(`${chain}/${seq}`, there)
    const again = async () => undefined
    const results = (outcomes: readonly Outcome[]) => outcomes.map(({ result }) => result)

    it("forgets what is written", async () => {
        const outbox = outboxOn(new Script("stored"))
        expect([await outbox.send(build, again), taken]).toEqual(["done", 1])
        expect([outbox.pending, await shelf.list("outbox")]).toEqual([0, []])
    })

    it("sends the same bytes after a time-out, and never builds anew", async () => {
        const script = new Script("lost", "lost", "stored")
        const outbox = outboxOn(script)
        expect(await outbox.send(build, again)).toBe("pending")
        expect([outbox.isPending([CHAIN]), await outbox.flush(again)]).toEqual([true, []])
        expect(results(await outbox.flush(async () => fill(mark)))).toEqual(["done"])
        expect([new Set(script.bodies).size, built, outbox.pending]).toEqual([1, 1, 0])
    })

    it("believes no answer: what is not in the chain is not written", async () => {
        const outbox = outboxOn(new Script("lost", "stored", "stored"))
        await outbox.send(build, again)
        expect([await outbox.flush(again), await outbox.flush(again)]).toEqual([[], []])
        expect([outbox.pending, (await shelf.list("outbox")).length]).toEqual([1, 1])
    })

    it("is done when all its links are there, and not before", async () => {
        const more = { chain: "ef".repeat(16), seq: 4, hash: random(32) }
        const both = async () => ({ ...(await build()), marks: [mark, more] })
        const outbox = outboxOn(new Script("lost", "lost"))
        await outbox.send(both, again)
        fill(mark)
        expect(await outbox.flush(again)).toEqual([])
        fill(more)
        expect(results(await outbox.flush(again))).toEqual(["done"])
    })

    it("is lost when another has the place of its second link", async () => {
        const more = { chain: "ef".repeat(16), seq: 4, hash: random(32) }
        const outbox = outboxOn(new Script("lost"))
        await outbox.send(async () => ({ ...(await build()), marks: [mark, more] }), again)
        fill(mark)
        fill({ ...more, hash: random(32) })
        expect(results(await outbox.flush(again))).toEqual(["lost"])
    })

    it("finds what it sent in the chain, though the server says that another was faster", async () => {
        const script = new Script({ status: 409, problem: { code: "head_moved" } })
        const outbox = outboxOn(script)
        expect(await outbox.send(build, async () => fill(mark))).toBe("done")
        expect([built, taken, outbox.pending, await shelf.list("outbox")]).toEqual([1, 1, 0, []])
    })

    it("keeps what the server said it took and the chain denies", async () => {
        const outbox = outboxOn(new Script("stored"))
        const denied = async () => {
            throw new RefusedThere("T4.fork", new Place(CHAIN))
        }
        await expect(outbox.send(async () => ({ ...(await build()), take: denied }), again)).rejects.toThrow(
            RefusedThere,
        )
        expect([outbox.pending, (await shelf.list("outbox")).length]).toEqual([1, 1])
    })

    it("keeps what only the next sync can tell", async () => {
        const outbox = outboxOn(new Script("stored"))
        const waits = async () => {
            throw new Waiting()
        }
        expect(await outbox.send(async () => ({ ...(await build()), take: waits }), again)).toBe("pending")
        fill(mark)
        expect(results(await outbox.flush(again))).toEqual(["done"])
    })

    it.each([
        ["mine", hash, "done"],
        ["another", random(32), "lost"],
    ])("asks nobody once its place is filled by %s", async (_name, there, result) => {
        const script = new Script("lost")
        const outbox = outboxOn(script)
        await outbox.send(build, again)
        fill({ ...mark, hash: there })
        expect(results(await outbox.flush(again))).toEqual([result])
        expect(script.bodies).toHaveLength(1)
    })

    it("is taken up after a reload, sealed meanwhile", async () => {
        await outboxOn(new Script("lost")).send(build, again)
        const reloaded = outboxOn(new Script("stored"))
        await reloaded.load()
        expect([reloaded.pending, reloaded.drafts]).toEqual([1, new Set([typed.id])])
        expect(results(await reloaded.flush(async () => fill(mark)))).toEqual(["done"])
    })

    it("makes a draft of what was typed before the request goes", async () => {
        const conflict: Step = { status: 409, problem: { code: "head_moved" } }
        await outboxOn(new Script("lost")).send(build, again)
        const reloaded = outboxOn(new Script(conflict))
        await reloaded.load()
        expect(await reloaded.flush(again)).toEqual([{ result: "lost", draft: typed.id, isDraft: true }])
        expect([await listDrafts(shelf), await shelf.list("outbox")]).toEqual([[typed], []])
    })

    it("founds one personal team: what waited is lost once another is there", async () => {
        const another: Step = { status: 409, problem: { code: "personal_exists" } }
        const outbox = outboxOn(new Script("lost", another))
        await outbox.send(async () => ({ ...(await build()), path: "teams" }), again)
        expect(outbox.isFounding).toBe(true)
        expect(results(await outbox.flush(again))).toEqual(["lost"])
        expect(outbox.isFounding).toBe(false)
    })

    it("leaves a draft that is newer than what was sent", async () => {
        const outbox = outboxOn(new Script("lost"))
        await outbox.send(build, again)
        await putDraft(shelf, { ...typed, at: 9 })
        fill({ ...mark, hash: random(32) })
        await outbox.flush(again)
        expect((await listDrafts(shelf)).map(({ at }) => at)).toEqual([9])
    })

    it("does not believe a conflict while the chain holds what was sent", async () => {
        const outbox = outboxOn(new Script("lost", { status: 409, problem: { code: "head_moved" } }))
        await outbox.send(build, again)
        expect(results(await outbox.flush(async () => fill(mark)))).toEqual(["done"])
    })

    it("sends nothing again that may not leave any more", async () => {
        const script = new Script("lost")
        const outbox = outboxOn(script)
        await outbox.send(build, again)
        standing = "later"
        expect(await outbox.flush(again)).toEqual([])
        standing = "never"
        expect(results(await outbox.flush(again))).toEqual(["lost"])
        expect([script.bodies.length, (await listDrafts(shelf)).length]).toEqual([1, 1])
    })

    it("builds anew what may not leave any more when it is sealed", async () => {
        const script = new Script("stored")
        standing = "never"
        const sent = await outboxOn(script).send(build, async () => {
            standing = "now"
        })
        expect([sent, built, script.bodies.length]).toEqual(["done", 2, 1])
    })

    it("builds anew after a conflict, once the folds are up to date", async () => {
        let synced = 0
        const script = new Script({ status: 409, problem: { code: "head_moved" } }, "stored")
        const outbox = outboxOn(script)
        const sent = await outbox.send(build, async () => void synced++)
        expect([sent, built, synced, new Set(script.bodies).size]).toEqual(["done", 2, 1, 2])
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
