/** Reading what the server says. It is not trusted: each value is taken by its type, or the answer is refused. */
import type { Bytes } from "../crypto/bytes.ts"
import { isMap } from "../crypto/cbor.ts"
import { CoreFailure } from "./failure.ts"

export type Answer = Readonly<Record<string, unknown>>

function broken(): never {
    throw new CoreFailure("server")
}

export function asMap(value: unknown): Answer {
    return isMap(value) ? value : broken()
}

export function asList(value: unknown): readonly unknown[] {
    return Array.isArray(value) ? value : broken()
}

/** A byte string, of exactly `length` bytes if that is given. */
export function asBytes(value: unknown, length?: number): Bytes {
    if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length)) broken()
    return value as Bytes
}

export function asText(value: unknown): string {
    return typeof value === "string" ? value : broken()
}

export function asUint(value: unknown): number {
    return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : broken()
}

export function asBool(value: unknown): boolean {
    return typeof value === "boolean" ? value : broken()
}

/** `read` of the value, or null for null and for a member that is not there. */
export function orNull<T>(value: unknown, read: (value: unknown) => T): T | null {
    return value === null || value === undefined ? null : read(value)
}
