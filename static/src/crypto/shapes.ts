/** Shapes of decoded CBOR: exact fields, types, lengths, orders. A shape is a question with yes or no as answer. */
import type { Bytes } from "./bytes"
import { compare } from "./bytes"
import { isMap } from "./cbor"

export type Shape = (value: unknown) => boolean

export const uint: Shape = (value) => typeof value === "number"
export const text: Shape = (value) => typeof value === "string"
export const anyMap: Shape = isMap
export const anyBytes: Shape = (value) => value instanceof Uint8Array

/** A byte string of exactly `length` bytes. */
export function bytesOf(length: number): Shape {
    return (value) => value instanceof Uint8Array && value.length === length
}

export const b16 = bytesOf(16)
export const b32 = bytesOf(32)
export const b64 = bytesOf(64)

export function oneOf(...texts: readonly string[]): Shape {
    return (value) => typeof value === "string" && texts.includes(value)
}

export function orNull(shape: Shape): Shape {
    return (value) => value === null || shape(value)
}

/** A map with exactly these fields. */
export function map(fields: Readonly<Record<string, Shape>>): Shape {
    const expected = Object.entries(fields)
    return (value) => {
        if (!isMap(value) || Object.keys(value).length !== expected.length) return false
        for (const [name, shape] of expected)
            if (!Object.hasOwn(value, name) || !shape(value[name])) return false
        return true
    }
}

/** An array with exactly these items. */
export function tuple(...shapes: readonly Shape[]): Shape {
    return (value) =>
        Array.isArray(value) && value.length === shapes.length && shapes.every((shape, i) => shape(value[i]))
}

/** An array of `least` to `most` items of one shape. */
export function list(shape: Shape, least: number, most: number): Shape {
    return (value) =>
        Array.isArray(value) &&
        value.length >= least &&
        value.length <= most &&
        value.every((item) => shape(item))
}

/** The same, strictly ascending by the byte string that `key` takes from an item. */
export function ascending<T>(shape: Shape, least: number, most: number, key: (item: T) => Bytes): Shape {
    const inside = list(shape, least, most)
    return (value) => {
        if (!inside(value)) return false
        const items = value as T[]
        return items.every((item, i) => i === 0 || compare(key(items[i - 1] as T), key(item)) < 0)
    }
}
