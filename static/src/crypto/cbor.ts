/**
 * The CBOR profile of SPEC.md 1.1. A library decodes; what it lets pass and the profile does not is caught by walking
 * the value and by encoding it again: only bytes that come out the same are accepted.
 */
import { decode as decodeLoosely, encode as encodeLoosely, Tokenizer } from "cborg"
import type { Bytes } from "./bytes"
import { compare } from "./bytes"

export type Value =
    | number
    | string
    | boolean
    | null
    | Uint8Array
    | readonly Value[]
    | { readonly [key: string]: Value }

/** What {@link decode} gives: byte strings are copies of their own. */
export type Decoded = number | string | boolean | null | Bytes | Decoded[] | { [key: string]: Decoded }

const MAX_DEPTH = 6 // maps and arrays inside each other; the outermost is level 1
const TEXT = 3 // major type of text strings
const STRICT = {
    strict: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowNaN: false,
    allowInfinity: false,
}
const exactText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Not of the profile. */
export class CborError extends Error {}

/**
 * Encode deterministically.
 *
 * @throws {CborError} on a value outside the profile: a programming mistake.
 */
export function encode(value: Value): Bytes {
    walk(value, 1)
    return encodeLoosely(value) as Bytes
}

/**
 * Decode bytes that are exactly the encoding of one value of the profile.
 *
 * @throws {CborError} on anything else.
 */
export function decode(bytes: Uint8Array): Decoded {
    let value: unknown
    let again: Uint8Array
    try {
        const tokenizer = new ExactText(bytes, { ...STRICT, rejectDuplicateMapKeys: true })
        value = decodeLoosely(bytes, { ...STRICT, rejectDuplicateMapKeys: true, tokenizer })
        walk(value, 1)
        again = encodeLoosely(value)
    } catch {
        // Deep nesting ends here as well, as an overflow of the stack.
        throw new CborError("not of the profile")
    }
    if (again.length !== bytes.length || compare(again, bytes) !== 0) throw new CborError("not deterministic")
    return value as Decoded
}

/** The library drops a byte order mark at the start of a text. Such a text is decoded once more, with it. */
class ExactText extends Tokenizer {
    override next() {
        const start = this.pos()
        const token = super.next()
        if (token.type.major === TEXT && typeof token.value === "string") {
            const head = headLength((this.data[start] ?? 0) & 31)
            if (this.data[start + head] === 0xef)
                token.value = exactText.decode(this.data.subarray(start + head, this.pos()))
        }
        return token
    }
}

/** Bytes of an item's head, by the low five bits of its first byte. */
function headLength(minor: number): number {
    return minor < 24 ? 1 : 1 + 2 ** (minor - 24)
}

const LONE_SURROGATE = /\p{Cs}/u

/** Throw unless `value` is of the profile; `depth` is the level of a map or array met here. */
function walk(value: unknown, depth: number): void {
    if (typeof value === "number") {
        if (!Number.isSafeInteger(value) || value < 0) throw new CborError("not an unsigned integer")
    } else if (typeof value === "string") {
        if (LONE_SURROGATE.test(value)) throw new CborError("not Unicode")
    } else if (Array.isArray(value)) {
        if (depth > MAX_DEPTH) throw new CborError("nested too deeply")
        for (let i = 0; i < value.length; i++) walk(value[i], depth + 1)
    } else if (isMap(value)) {
        if (depth > MAX_DEPTH) throw new CborError("nested too deeply")
        for (const key of Object.keys(value)) {
            walk(key, depth)
            walk(value[key], depth + 1)
        }
    } else if (!(value instanceof Uint8Array || value === null || typeof value === "boolean")) {
        throw new CborError("a type outside the profile")
    }
}

/** Is this a map of the profile: a plain object? */
export function isMap(value: unknown): value is { [key: string]: unknown } {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false
    return Object.getPrototypeOf(value) === Object.prototype
}
