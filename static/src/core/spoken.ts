/** Fingerprints in words (SPEC 5.3). Each takes 0.2 s of this thread, so they are made when asked for, and kept. */
import { hex } from "../crypto/bytes.ts"
import { safetyWords } from "../crypto/words.ts"
import { breathe } from "./clock.ts"
import { Mutex } from "./mutex.ts"

/** By fingerprint. It is public and has the same words for ever, so nothing here is of an account's. */
const known = new Map<string, string>()
const making = new Mutex()

/** The words if they were asked for before, else null. */
export function spokenIfKnown(fp: Uint8Array): string | null {
    return known.get(hex(fp)) ?? null
}

export function spokenFingerprint(fp: Uint8Array): Promise<string> {
    return making.run(async () => {
        const id = hex(fp)
        const words = known.get(id) ?? (await safetyWords("key", fp))
        known.set(id, words)
        await breathe()
        return words
    })
}
