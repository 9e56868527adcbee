/** What a call of the core may end in. Carries codes and numbers only: never a key, never something a person typed. */

import type { RefusalId } from "../chain/refusals.ts"
import { Refused } from "../crypto/errors.ts"
import type { Failure } from "../worker/api.ts"

/** What a refusal is about: the page finds its report by it. Never taken from what the server said. */
export class Place {
    readonly team: string | null
    readonly vault: string | null
    readonly item: string | null

    constructor(team: string | null, vault: string | null = null, item: string | null = null) {
        this.team = team
        this.vault = vault
        this.item = item
    }
}

/** A refusal of something that has a place. */
export class RefusedThere extends Refused {
    readonly place: Place

    constructor(refusal: RefusalId, place: Place) {
        super(refusal)
        this.place = place
    }
}

/** What only this browser says, and of itself: from a server it would be words put into this browser's mouth. */
export const OWN_CODES: ReadonlySet<string> = new Set([
    ...["offline", "pending", "under_way", "locked", "waiting", "frozen", "no_right", "no_key"],
    ...["not_compared", "already_verified", "password_unsure"],
    ...["already_member", "invite_used", "invite_revoked", "invite_expired", "invite_dead"],
])

/** What this browser itself refused, where that ended a call. */
interface Own {
    readonly refusal?: string | null | undefined
    readonly place?: Place
}

/** A call ended without its effect. `code` is the server's or the client's own. */
export class CoreFailure extends Error implements Failure {
    readonly code: string
    readonly refusal?: string
    readonly place?: Place
    readonly retryAfter?: number
    readonly triesLeft?: number
    /** The members of the server's problem document, for the code that handles it; they do not reach the page. */
    readonly extras: Readonly<Record<string, unknown>>

    /** @param own - apart from `extras`, so that no answer can name a refusal of this browser's. */
    constructor(code: string, extras: Readonly<Record<string, unknown>> = {}, own: Own = {}) {
        super(code)
        this.name = "CoreFailure"
        this.code = code
        this.extras = extras
        const retryAfter = extras["retry_after"]
        const triesLeft = extras["tries_left"]
        if (own.refusal) this.refusal = own.refusal
        if (own.place !== undefined) this.place = own.place
        if (typeof retryAfter === "number") this.retryAfter = retryAfter
        if (typeof triesLeft === "number") this.triesLeft = triesLeft
    }
}

/** The connection broke or timed out: whether the request arrived is not known. */
export class Unanswered extends CoreFailure {
    constructor() {
        super("offline")
        this.name = "Unanswered"
    }
}

/** What the page may see of any error: an error of our own by its code, any other as a bare "unknown". */
export function toFailure(error: unknown): Failure {
    if (error instanceof RefusedThere)
        return { code: "refused", refusal: error.refusal, place: { ...error.place } }
    if (error instanceof Refused) return { code: "refused", refusal: error.refusal }
    if (!(error instanceof CoreFailure)) return { code: "unknown" }
    const { code, refusal, place, retryAfter, triesLeft } = error
    return {
        code,
        ...(refusal === undefined ? {} : { refusal }),
        ...(place === undefined ? {} : { place: { ...place } }),
        ...(retryAfter === undefined ? {} : { retryAfter }),
        ...(triesLeft === undefined ? {} : { triesLeft }),
    }
}

/** Fail with `code` unless `condition` holds. */
export function ensure(condition: boolean, code: string): asserts condition {
    if (!condition) throw new CoreFailure(code)
}
