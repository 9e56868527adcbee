/** The three ways in which a check ends badly. */
import type { RefusalId } from "../chain/refusals"

/** A sealed blob did not open. There is one way to fail: no reason is told, and there is none to read. */
export class DecryptionError extends Error {
    constructor() {
        super("does not open")
        this.name = "DecryptionError"
    }
}

/** A check of SPEC.md failed; `refusal` is its id. */
export class Refused extends Error {
    readonly refusal: RefusalId

    constructor(refusal: RefusalId) {
        super(refusal)
        this.name = "Refused"
        this.refusal = refusal
    }
}

/** Neither valid nor refused yet: it refers to links beyond what this client has verified. Read, do not write. */
export class Waiting extends Error {
    constructor() {
        super("waiting")
        this.name = "Waiting"
    }
}

/** Refuse with `refusal` unless `condition` holds. */
export function need(condition: boolean, refusal: RefusalId): asserts condition {
    if (!condition) throw new Refused(refusal)
}
