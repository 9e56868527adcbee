/**
 * The CBOR profile of SPEC.md 1.1. Encoding is a library's work after a walk over the value. Decoding is done here: a
 * library lets pass what the profile refuses (it even drops a byte order mark), and bytes from strangers go through it.
 */
import { encode as encodeLoosely } from "cborg"
import type { Bytes } from "./bytes"

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
 * @throws {CborError} on anything that {@link encode} would not have written.
 */
export function decode(bytes: Uint8Array): Decoded {
    const reader = new Reader(bytes)
    const value = reader.item(1)
    reader.end()
    return value
}

/** As {@link decode}; undefined for what is not of the profile. */
export function tryDecode(bytes: Uint8Array): Decoded | undefined {
    try {
        return decode(bytes)
    } catch {
        return undefined
    }
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

/** Major types, RFC 8949 section 3.1. */
const UINT = 0
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5

const FALSE = 0xf4
const TRUE = 0xf5
const NULL = 0xf6

const LARGEST_SHORT = 23 // an argument up to here lies in the first byte
const SHORT_TEXT = 32 // bytes up to which a loop beats the text decoder
const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Reads items off a byte string, and refuses at the first byte that is not as the profile would write it. */
class Reader {
    readonly #bytes: Uint8Array
    #at = 0

    constructor(bytes: Uint8Array) {
        this.#bytes = bytes
    }

    end(): void {
        if (this.#at !== this.#bytes.length) throw new CborError("bytes after the item")
    }

    item(depth: number): Decoded {
        const first = this.#byte()
        switch (first >> 5) {
            case UINT:
                return this.#argument(first & 31)
            case BYTES:
                return this.#take(this.#argument(first & 31)).slice() as Bytes
            case TEXT:
                return this.#text(this.#argument(first & 31))
            case ARRAY:
                return this.#array(this.#argument(first & 31), depth)
            case MAP:
                return this.#map(this.#argument(first & 31), depth)
        }
        if (first === NULL) return null
        if (first !== TRUE && first !== FALSE) throw new CborError("a type outside the profile")
        return first === TRUE
    }

    #byte(): number {
        const byte = this.#bytes[this.#at++]
        if (byte === undefined) throw new CborError("cut short")
        return byte
    }

    #take(length: number): Uint8Array {
        const end = this.#at + length
        if (end > this.#bytes.length) throw new CborError("cut short")
        const taken = this.#bytes.subarray(this.#at, end)
        this.#at = end
        return taken
    }

    /** The number in an item's head, only if no shorter head could hold it. */
    #argument(info: number): number {
        if (info <= LARGEST_SHORT) return info
        // Reserved heads and indefinite lengths, 28 to 31, come to 16 bytes or more: never the shortest head.
        const width = 2 ** (info - 24)
        let value = 0
        for (let i = 0; i < width; i++) value = value * 256 + this.#byte()
        const least = width === 1 ? LARGEST_SHORT + 1 : 2 ** (4 * width)
        // Above 2^53 the sum is rounded, but never to a value that is safe.
        if (value < least || value > Number.MAX_SAFE_INTEGER) throw new CborError("not the shortest head")
        return value
    }

    #text(length: number): string {
        const bytes = this.#take(length)
        if (length <= SHORT_TEXT) {
            const text = ascii(bytes)
            if (text !== undefined) return text
        }
        try {
            return strictText.decode(bytes)
        } catch {
            throw new CborError("not UTF-8")
        }
    }

    #array(length: number, depth: number): Decoded[] {
        if (depth > MAX_DEPTH) throw new CborError("nested too deeply")
        const items: Decoded[] = []
        for (let i = 0; i < length; i++) items.push(this.item(depth + 1))
        return items
    }

    #map(length: number, depth: number): { [key: string]: Decoded } {
        if (depth > MAX_DEPTH) throw new CborError("nested too deeply")
        const map: { [key: string]: Decoded } = {}
        let before: Uint8Array | undefined
        for (let i = 0; i < length; i++) {
            const start = this.#at
            const first = this.#byte()
            if (first >> 5 !== TEXT) throw new CborError("a key that is not text")
            const key = this.#text(this.#argument(first & 31))
            const encoded = this.#bytes.subarray(start, this.#at)
            if (before !== undefined && !isBefore(before, encoded)) throw new CborError("keys out of order")
            before = encoded
            put(map, key, this.item(depth + 1))
        }
        return map
    }
}

/** The text of bytes that are all ASCII, or undefined. */
function ascii(bytes: Uint8Array): string | undefined {
    let text = ""
    for (let i = 0; i < bytes.length; i++) {
        const byte = bytes[i] as number
        if (byte > 0x7f) return undefined
        text += String.fromCharCode(byte)
    }
    return text
}

/** Is `a` before `b`, and not the same? Keys in their encoding: a prefix of another cannot be one. */
function isBefore(a: Uint8Array, b: Uint8Array): boolean {
    for (let i = 0; i < a.length; i++) {
        const difference = (a[i] as number) - (b[i] ?? -1)
        if (difference !== 0) return difference < 0
    }
    return false
}

/** An assignment would take this one key for the prototype. */
function put(map: { [key: string]: Decoded }, key: string, value: Decoded): void {
    if (key !== "__proto__") map[key] = value
    else Object.defineProperty(map, key, { value, configurable: true, enumerable: true, writable: true })
}
