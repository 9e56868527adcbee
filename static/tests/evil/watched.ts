/** The browsers that a case opened: what they sent is searched when the case is over, with the keys that came to be in them. */
import type { Dek } from "../../src/crypto/keys.ts"
import type { Sent } from "./lying.ts"

export interface Watched {
    readonly sent: readonly Sent[]
    readonly deks: () => readonly Dek[]
}

const watched: Watched[] = []

export function watch(one: Watched): void {
    watched.push(one)
}

/** Those since the last call. */
export function takeWatched(): Watched[] {
    return watched.splice(0)
}
