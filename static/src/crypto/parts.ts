/** The two parts of an item's revision: padding, commitments, seals (SPEC.md 6.1). */
import type { Bytes } from "./bytes"
import { concat, equal, random, u32, utf8 } from "./bytes"
import { DecryptionError, Refused } from "./errors"
import type { Dek } from "./keys"
import type { PartPlace } from "./seal"
import { open, seal } from "./seal"
import { sha256 } from "./sodium"

export type Part = PartPlace["part"]

const BLIND_SIZE = 32 // random bytes that hide the text from whoever guesses at its commitment
const HEAD_SIZE = BLIND_SIZE + 4
const SMALLEST = 256 // bytes of the shortest padded part

const MAX_SEALED = { overview: 65_536, details: 2_097_152 } as const // bytes

/** Padmé: round a length up so that at most log log bits of it show. */
export function padme(length: number): number {
    const exponent = log2(length)
    const step = 2 ** (exponent - log2(exponent) - 1)
    return Math.ceil(length / step) * step
}

/** The exponent of the highest bit of a length below 2^32. */
function log2(length: number): number {
    return 31 - Math.clz32(length)
}

/** `r(32) ‖ u32 length ‖ text ‖ zeros`. The author draws `r`; a reseal keeps the padded bytes as they are. */
export function pad(text: Uint8Array, blind: Uint8Array = random(BLIND_SIZE)): Bytes {
    if (blind.length !== BLIND_SIZE) throw new Refused("R18.length")
    const used = HEAD_SIZE + text.length
    const zeros = new Uint8Array(padme(Math.max(SMALLEST, used)) - used)
    return concat(blind, u32(text.length), text, zeros)
}

/** @throws {DecryptionError} unless `padded` is exactly what {@link pad} makes. */
export function unpad(padded: Bytes): Bytes {
    if (padded.length < SMALLEST) throw new DecryptionError()
    const length = new DataView(padded.buffer, padded.byteOffset).getUint32(BLIND_SIZE)
    const used = HEAD_SIZE + length
    if (used > padded.length || padme(Math.max(SMALLEST, used)) !== padded.length) throw new DecryptionError()
    for (let i = used; i < padded.length; i++) if (padded[i] !== 0) throw new DecryptionError()
    return padded.slice(HEAD_SIZE, used)
}

/** c(part), 32 bytes: what the author wrote, whatever key seals it. */
export function partCommitment(part: Part, padded: Uint8Array): Bytes {
    return sha256(concat(utf8(`coffret/part/v1\0${part}\0`), padded))
}

/** The hash of a revision, as it stands in the vault's chain. */
export function revisionHash(overview: Uint8Array, details: Uint8Array): Bytes {
    return sha256(concat(utf8("coffret/rev/v1"), overview, details))
}

/** Seal a part that {@link pad} made, or that {@link openPart} gave back for a reseal. */
export async function sealPart(dek: Dek, place: PartPlace, padded: Uint8Array): Promise<Bytes> {
    const blob = await seal(dek, "coffret/item/v1", place, padded)
    if (blob.length > MAX_SEALED[place.part]) throw new RangeError(`${place.part} is too long`)
    return blob
}

/** What a part is checked against: the revision's hash as folded, and the commitment of the other part. */
export interface PartCheck {
    readonly hash: Uint8Array
    readonly other: Uint8Array
}

export interface OpenedPart {
    readonly text: Bytes
    readonly padded: Bytes
    readonly commitment: Bytes
}

/**
 * Open a part and hold it against the chain.
 *
 * @throws {Refused} `R7.open` if it does not open here, `R7.hash` if it is not what the author's link says.
 */
export async function openPart(
    dek: Dek,
    place: PartPlace,
    blob: Uint8Array,
    check: PartCheck,
): Promise<OpenedPart> {
    // What does not open is read as nothing, which is not padded either.
    const padded = await open(dek, "coffret/item/v1", place, blob).catch(() => new Uint8Array())
    return checkPart(place.part, padded, check)
}

function checkPart(part: Part, padded: Bytes, check: PartCheck): OpenedPart {
    const text = unpadded(padded)
    const commitment = partCommitment(part, padded)
    const [overview, details] = part === "overview" ? [commitment, check.other] : [check.other, commitment]
    if (!equal(revisionHash(overview, details), check.hash)) throw new Refused("R7.hash")
    return { text, padded, commitment }
}

function unpadded(padded: Bytes): Bytes {
    try {
        return unpad(padded)
    } catch {
        throw new Refused("R7.open")
    }
}
