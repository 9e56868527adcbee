/** Every way to bend a byte string by a little: each bit, each length, one byte more. */
import type { Bytes } from "../../src/crypto/bytes.ts"
import { concat } from "../../src/crypto/bytes.ts"

/** The same array is given each time, with another bit changed: whoever keeps it copies it. */
export function* everyBit(bytes: Uint8Array): Generator<Bytes> {
    const bent = new Uint8Array(bytes)
    for (let at = 0; at < bent.length; at++) {
        const honest = bent[at] as number
        for (let bit = 0; bit < 8; bit++) {
            bent[at] = honest ^ (1 << bit)
            yield bent
        }
        bent[at] = honest
    }
}

/** Each byte once, by another bit each. */
export function* everyByte(bytes: Uint8Array): Generator<Bytes> {
    for (const [i, byte] of bytes.entries()) yield new Uint8Array(bytes).fill(byte ^ (1 << (i % 8)), i, i + 1)
}

export function* everyLength(bytes: Uint8Array): Generator<Bytes> {
    for (let length = 0; length < bytes.length; length++) yield new Uint8Array(bytes.subarray(0, length))
    yield concat(bytes, Uint8Array.of(0))
    yield concat(bytes, bytes.subarray(-1))
}

export function* everyBend(bytes: Uint8Array): Generator<Bytes> {
    yield* everyBit(bytes)
    yield* everyLength(bytes)
}

/** Every list in which two places are exchanged, one is missing, or one comes twice. */
export function* everySwap<T>(list: readonly T[]): Generator<{ list: T[]; what: string }> {
    for (let i = 0; i < list.length; i++) {
        for (let j = i + 1; j < list.length; j++)
            yield { list: list.with(i, list[j] as T).with(j, list[i] as T), what: `${i} and ${j} exchanged` }
        if (i < list.length - 1) yield { list: list.toSpliced(i, 1), what: `${i} missing` }
        yield { list: list.toSpliced(i, 0, list[i] as T), what: `${i} twice` }
    }
}
