/**
 * The outbox (design 3). A signed link stays here until its place in the chain is filled: whichever link of mine fills
 * it is mine. After a time-out only the same bytes are sent again; after a definite conflict the caller builds anew.
 */
import type { Bytes } from "../crypto/bytes.ts"
import { equal, hex, random } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import { encode } from "../crypto/cbor.ts"
import type { Clock } from "./clock.ts"
import { sleep } from "./clock.ts"
import { CoreFailure, Unanswered } from "./failure.ts"
import type { Kept } from "./kept.ts"
import type { Shelf } from "./shelf.ts"
import type { Server } from "./transport.ts"
import type { Answer } from "./wire.ts"
import { asBytes, asList, asMap, asText, asUint, orNull } from "./wire.ts"

/** Where a link of mine belongs. */
export interface Mark {
    /** Team or vault, hex. */
    readonly chain: string
    readonly seq: number
    readonly hash: Bytes
}

/** One request with signed links in it. */
export interface Shipment {
    readonly path: string
    readonly body: Value
    /** At least one: the links that the request adds. */
    readonly marks: readonly Mark[]
    /** The draft that is spent when this is accepted, hex. */
    readonly draft: string | null
}

export type Sent = { readonly result: "done"; readonly answer: Answer } | { readonly result: "pending" }

/** What my verified folds say of a place: the hash there, or null while nothing is. */
export type HashAt = (chain: string, seq: number) => Bytes | null

interface Entry {
    readonly id: string
    readonly path: string
    readonly body: Bytes
    readonly marks: readonly Mark[]
    readonly draft: string | null
}

/** Of an entry whose answer was unknown: accepted, or another link took its place. */
export type Outcome = {
    readonly result: "done" | "lost"
    readonly draft: string | null
    readonly chains: readonly string[]
}

const ATTEMPTS = 8
const BACK_OFF = 80 // ms, doubled each time, times a random number below 1
/** Another link has the place: the bytes will never be taken. */
const LOST: readonly string[] = ["head_moved", "stale_seen", "rotation_due", "taken", "refused"]
/** Build anew and try again. */
const MOVED: readonly string[] = ["head_moved", "stale_seen", "rotation_due", "taken", "held", "kek_moved"]
const LONGEST_HOLD = 12_000 // ms

export class Outbox {
    readonly #server: Server
    readonly #shelf: Shelf
    readonly #clock: Clock
    readonly #hashAt: HashAt
    readonly #kept: Kept
    readonly #unknown = new Map<string, Entry>()

    constructor(server: Server, shelf: Shelf, clock: Clock, hashAt: HashAt, kept: Kept) {
        this.#kept = kept
        this.#server = server
        this.#shelf = shelf
        this.#clock = clock
        this.#hashAt = hashAt
    }

    /** Requests whose answer is unknown. */
    get pending(): number {
        return this.#unknown.size
    }

    /** Is a link of mine under way in one of these chains? Nothing else may then be signed for its place. */
    isPending(chains: readonly string[]): boolean {
        return [...this.#unknown.values()].some((entry) =>
            entry.marks.some((mark) => chains.includes(mark.chain)),
        )
    }

    /** Take up what an earlier visit left. */
    async load(): Promise<void> {
        for (const { id, value } of await this.#shelf.list("outbox"))
            this.#unknown.set(id, readEntry(id, value))
    }

    /**
     * Build, keep, send. After a conflict: `again` brings the folds up to date, and it is built anew.
     *
     * @param build - checks rights, epoch and recipients on the folds as they are now; its errors end the attempt.
     * @returns `pending` if no answer came: the bytes stay here.
     * @throws {CoreFailure} of the server, definite: nothing was written.
     */
    async send(build: () => Promise<Shipment>, again: () => Promise<void>): Promise<Sent> {
        for (let attempt = 0; ; attempt++) {
            const entry = await this.#keep(await build())
            try {
                const answer = await this.#post(entry)
                await this.#accepted(entry)
                return { result: "done", answer }
            } catch (error) {
                if (error instanceof Unanswered) {
                    this.#unknown.set(entry.id, entry)
                    return { result: "pending" }
                }
                await this.#drop(entry)
                if (!(error instanceof CoreFailure) || !MOVED.includes(error.code) || attempt + 1 >= ATTEMPTS)
                    throw error
                await this.#wait(error, attempt)
                await again()
            }
        }
    }

    /** Look at every entry again: settled by the folds, or sent once more with the same bytes. */
    async flush(): Promise<Outcome[]> {
        const outcomes: Outcome[] = []
        for (const entry of [...this.#unknown.values()]) {
            const result = await this.#settle(entry)
            if (result === null) continue
            await (result === "done" ? this.#accepted(entry) : this.#drop(entry))
            outcomes.push({ result, draft: entry.draft, chains: entry.marks.map((mark) => mark.chain) })
        }
        return outcomes
    }

    async #settle(entry: Entry): Promise<"done" | "lost" | null> {
        for (const mark of entry.marks) {
            const there = this.#hashAt(mark.chain, mark.seq)
            if (there !== null) return equal(there, mark.hash) ? "done" : "lost"
        }
        try {
            await this.#post(entry)
            return "done"
        } catch (error) {
            if (error instanceof Unanswered || !(error instanceof CoreFailure)) return null
            // A sign-in or a pause may mend the others.
            return LOST.includes(error.code) ? "lost" : null
        }
    }

    #post(entry: Entry): Promise<Answer> {
        return this.#server.callBytes("POST", entry.path, entry.body)
    }

    async #keep(shipment: Shipment): Promise<Entry> {
        const { path, marks, draft } = shipment
        const entry = { id: hex(random(16)), path, body: encode(shipment.body), marks, draft }
        await this.#shelf.put("outbox", entry.id, {
            path,
            body: entry.body,
            marks: marks.map((mark) => ({ ...mark })),
            draft,
        })
        return entry
    }

    /** Kept for the day on which the server has lost it. */
    async #accepted(entry: Entry): Promise<void> {
        // A full store costs that help, not the write, which is done.
        await this.#kept.request(entry.path, entry.body).catch(() => undefined)
        await this.#drop(entry)
    }

    async #drop(entry: Entry): Promise<void> {
        this.#unknown.delete(entry.id)
        await this.#shelf.delete("outbox", entry.id)
    }

    /** Writers on one head would meet again and again, hence the jitter; a held vault says itself how long. */
    async #wait(error: CoreFailure, attempt: number): Promise<void> {
        const until = error.code === "held" ? error.extras["until"] : undefined
        const hold =
            typeof until === "number" ? Math.min(Math.max(until - this.#clock.now(), 0), LONGEST_HOLD) : 0
        await sleep(this.#clock, hold + Math.random() * BACK_OFF * 2 ** attempt)
    }
}

function readEntry(id: string, value: unknown): Entry {
    const fields = asMap(value)
    const marks = asList(fields["marks"]).map((mark) => {
        const { chain, seq, hash } = asMap(mark)
        return { chain: asText(chain), seq: asUint(seq), hash: asBytes(hash, 32) }
    })
    return {
        id,
        path: asText(fields["path"]),
        body: asBytes(fields["body"]),
        marks,
        draft: orNull(fields["draft"], asText),
    }
}
