/**
 * The outbox (design 3). A link counts as written when my own fold holds its hash at its place, never by an answer: until
 * then the signed request stays here, sealed, with what a person typed in it. After a time-out only the same bytes are
 * sent again, as long as they may still leave; after a definite conflict the caller builds anew.
 */
import type { Bytes } from "../crypto/bytes.ts"
import { equal, hex, random } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import { encode } from "../crypto/cbor.ts"
import { Waiting } from "../crypto/errors.ts"
import type { Draft } from "../worker/api.ts"
import type { Clock } from "./clock.ts"
import { sleep } from "./clock.ts"
import { draftValue, listDrafts, putDraft, readDraft } from "./drafts.ts"
import { CoreFailure, Unanswered } from "./failure.ts"
import type { Kept } from "./kept.ts"
import type { Shelf } from "./shelf.ts"
import type { Folds, Standing } from "./standing.ts"
import { FOUNDING } from "./standing.ts"
import type { Server } from "./transport.ts"
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
    /** The draft that is spent when this is written, hex. */
    readonly draft: string | null
    /** What a person typed: a draft again if another link takes the place. */
    readonly typed: readonly Draft[]
    /**
     * Put the links into my folds. The server said that it has them.
     *
     * @throws {RefusedThere} another link stands at such a place, so it has not.
     * @throws {Waiting} only the next sync can tell.
     */
    readonly take: () => Promise<void>
}

/** `pending`: no answer came, or my folds cannot tell yet. The bytes stay here. */
export type Sent = "done" | "pending"

interface Entry {
    readonly id: string
    readonly path: string
    readonly body: Bytes
    readonly marks: readonly Mark[]
    readonly draft: string | null
    readonly typed: readonly Draft[]
}

/** Of an entry whose answer was unknown: written, or never to be. */
export interface Outcome {
    readonly result: "done" | "lost"
    readonly draft: string | null
    /** What was typed is a draft again. */
    readonly isDraft: boolean
}

const ATTEMPTS = 8
const BACK_OFF = 80 // ms, doubled each time, times a random number below 1
/** The server will never take these bytes. */
const LOST: readonly string[] = [
    ...["head_moved", "stale_seen", "rotation_due", "taken", "refused"],
    ...["personal_exists", "too_many_held"],
]
/** Build anew and try again. */
const MOVED: readonly string[] = ["head_moved", "stale_seen", "rotation_due", "taken", "held", "kek_moved"]
const LONGEST_HOLD = 12_000 // ms

export class Outbox {
    readonly #server: Server
    readonly #shelf: Shelf
    readonly #clock: Clock
    readonly #folds: Folds
    readonly #kept: Kept
    readonly #unknown = new Map<string, Entry>()

    constructor(server: Server, shelf: Shelf, clock: Clock, folds: Folds, kept: Kept) {
        this.#kept = kept
        this.#server = server
        this.#shelf = shelf
        this.#clock = clock
        this.#folds = folds
    }

    /** Requests of which it is not known whether they are written. */
    get pending(): number {
        return this.#unknown.size
    }

    /** Drafts that are on their way. */
    get drafts(): Set<string> {
        return new Set([...this.#unknown.values()].flatMap(({ draft }) => (draft === null ? [] : [draft])))
    }

    /** Is a link of mine under way in one of these chains? Nothing else may then be signed for its place. */
    isPending(chains: readonly string[]): boolean {
        return [...this.#unknown.values()].some((entry) =>
            entry.marks.some((mark) => chains.includes(mark.chain)),
        )
    }

    /** Is a genesis of mine under way? */
    get isFounding(): boolean {
        return [...this.#unknown.values()].some(({ path }) => path === FOUNDING)
    }

    /** Take up what an earlier visit left. */
    async load(): Promise<void> {
        for (const { id, value } of await this.#shelf.list("outbox"))
            this.#unknown.set(id, readEntry(id, value))
    }

    /**
     * Build, keep, send. After a conflict: `again` brings the folds up to date, and it is built anew, unless they hold
     * what was sent: an answer says nothing, the chain does.
     *
     * @param build - checks rights, epoch and recipients on the folds as they are now; its errors end the attempt.
     * @throws {CoreFailure} of the server, definite; and what `take` throws: then it stays here.
     */
    async send(build: () => Promise<Shipment>, again: () => Promise<void>): Promise<Sent> {
        const tried: { entry: Entry; take: () => Promise<void> }[] = []
        for (let attempt = 1; ; attempt++) {
            const shipment = await build()
            const entry = await this.#keep(shipment)
            tried.push({ entry, take: shipment.take })
            const failure = await this.#try(entry)
            if (failure instanceof Unanswered) return "pending"
            if (failure === null) return this.#taken(entry, shipment.take)
            await this.#drop(entry)
            if (!MOVED.includes(failure.code) || attempt >= ATTEMPTS) throw failure
            await this.#wait(failure, attempt - 1)
            await again()
            const held = tried.find((one) => this.#verdict(one.entry) === "done")
            if (held !== undefined) return this.#taken(held.entry, held.take)
        }
    }

    /** Null if the server says that it is taken. What was sealed on folds that have moved since does not leave. */
    async #try(entry: Entry): Promise<CoreFailure | null> {
        if (this.#folds.standing(entry.path, entry.body) !== "now") return new CoreFailure("head_moved")
        try {
            await this.#post(entry)
            return null
        } catch (error) {
            if (error instanceof Unanswered) this.#unknown.set(entry.id, entry)
            // The keys went while it was on its way: the next visit finds it.
            else if (!(error instanceof CoreFailure) || error.code === "locked") throw error
            return error
        }
    }

    async #taken(entry: Entry, take: () => Promise<void>): Promise<Sent> {
        try {
            await take()
        } catch (error) {
            this.#unknown.set(entry.id, entry)
            if (!(error instanceof Waiting)) throw error
        }
        if (this.#verdict(entry) === "done") {
            await this.#accepted(entry)
            return "done"
        }
        this.#unknown.set(entry.id, entry)
        return "pending"
    }

    /**
     * Look at every entry again: settled by the folds, or sent once more with the same bytes, if it may still leave.
     *
     * @param again - brings the folds up to date.
     */
    async flush(again: () => Promise<void>): Promise<Outcome[]> {
        const hopeless = new Set<string>()
        let isAnswered = false
        for (const entry of [...this.#unknown.values()]) {
            if (this.#verdict(entry) !== null) continue
            const answer = await this.#resend(entry)
            if (answer === "taken" || answer === "refused") isAnswered = true
            if (answer === "refused" || answer === "never") hopeless.add(entry.id)
        }
        if (isAnswered) await again()
        const outcomes: Outcome[] = []
        for (const entry of [...this.#unknown.values()]) {
            const result = this.#verdict(entry) ?? (hopeless.has(entry.id) ? "lost" : null)
            // Of two flushes at once one ends it.
            if (result === null || !this.#unknown.delete(entry.id)) continue
            await this.#end(entry, result)
            outcomes.push({ result, draft: entry.draft, isDraft: entry.typed.length > 0 })
        }
        return outcomes
    }

    /** Done when every link of it is in my folds; lost when another one stands in the place of any. */
    #verdict({ marks }: Entry): "done" | "lost" | null {
        const there = marks.map((mark) => {
            const hash = this.#folds.hashAt(mark.chain, mark.seq)
            return hash === null ? null : equal(hash, mark.hash)
        })
        if (there.includes(false)) return "lost"
        return there.includes(null) ? null : "done"
    }

    async #resend(entry: Entry): Promise<"taken" | "refused" | Standing> {
        const standing = this.#folds.standing(entry.path, entry.body)
        if (standing !== "now") return standing
        try {
            await this.#post(entry)
            return "taken"
        } catch (error) {
            if (error instanceof Unanswered || !(error instanceof CoreFailure)) return "later"
            // A sign-in or a pause may mend the others.
            return LOST.includes(error.code) ? "refused" : "later"
        }
    }

    async #end(entry: Entry, result: "done" | "lost"): Promise<void> {
        try {
            await (result === "done" ? this.#accepted(entry) : this.#lost(entry))
        } catch (error) {
            this.#unknown.set(entry.id, entry)
            throw error
        }
    }

    #post(entry: Entry): Promise<unknown> {
        return this.#server.callBytes("POST", entry.path, entry.body)
    }

    async #keep({ path, body, marks, draft, typed }: Shipment): Promise<Entry> {
        const entry = { id: hex(random(16)), path, body: encode(body), marks, draft, typed }
        await this.#shelf.put("outbox", entry.id, {
            path,
            body: entry.body,
            marks: marks.map((mark) => ({ ...mark })),
            draft,
            typed: typed.map((each) => ({ ...draftValue(each), id: each.id })),
        })
        return entry
    }

    /** Kept for the day on which the server has lost it. */
    async #accepted(entry: Entry): Promise<void> {
        // A full store costs that help, not the write, which is done.
        await this.#kept.request(entry.path, entry.body).catch(() => undefined)
        await this.#drop(entry)
    }

    /** Nothing that was typed is lost: it is a draft again before the request goes. One that is there may be newer. */
    async #lost(entry: Entry): Promise<void> {
        const there = new Set((await listDrafts(this.#shelf)).map(({ id }) => id))
        for (const draft of entry.typed) if (!there.has(draft.id)) await putDraft(this.#shelf, draft)
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
    // An earlier version kept no text beside the request.
    const typed = asList(fields["typed"] ?? []).map((each) => readDraft(asText(asMap(each)["id"]), each))
    return {
        id,
        path: asText(fields["path"]),
        body: asBytes(fields["body"]),
        marks,
        draft: orNull(fields["draft"], asText),
        typed,
    }
}
