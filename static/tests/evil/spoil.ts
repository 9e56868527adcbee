/** Bytes spoilt in the ways that decoders and signatures are known to be lenient about. */
import type { Bytes } from "../../src/crypto/bytes.ts"
import { concat, hex, unhex } from "../../src/crypto/bytes.ts"
import type { Value } from "../../src/crypto/cbor.ts"
import { decode, encode } from "../../src/crypto/cbor.ts"

const L = 2n ** 252n + 27742317777372353535851937790883648493n // the order of Ed25519's group

/** The same signature with S + L for S: it satisfies the equation and is not canonical. */
export function uncanonical(sig: Uint8Array): Bytes {
    const s = BigInt(`0x${hex(sig.slice(32).reverse())}`) + L
    return concat(sig.slice(0, 32), unhex(s.toString(16).padStart(64, "0")).reverse())
}

/** One byte changed; counted from the end if negative. */
export function flipped(bytes: Uint8Array, at: number, mask = 1): Bytes {
    const bent = new Uint8Array(bytes)
    const place = at < 0 ? bytes.length + at : at
    bent[place] = (bent[place] as number) ^ mask
    return bent
}

/** The fields of signed bytes, changed, and encoded again. */
export function rewritten(
    signed: Uint8Array,
    change: (fields: Record<string, Value>) => Record<string, Value>,
): Bytes {
    return encode(change(decode(signed) as Record<string, Value>))
}

/** Ways to write a small map with one text key `a` … that are not the canonical one, by what is wrong. */
export function uncanonicalMap(link: Uint8Array): ReadonlyMap<string, Bytes> {
    const head = link[0] as number // a9: a map of nine
    const actor = link.slice(1, 7) // 65 "actor"
    const rest = link.slice(1)
    return new Map<string, Bytes>([
        ["a duplicate key", concat(Uint8Array.of(head + 1), rest.slice(0, 23), rest)],
        ["a length that is not the shortest", concat(Uint8Array.of(0xb8, head & 0x1f), rest)],
        ["an indefinite length", concat(Uint8Array.of(0xbf), rest, Uint8Array.of(0xff))],
        ["keys out of order", concat(Uint8Array.of(head), rest.slice(23), actor, rest.slice(6, 23))],
        ["trailing bytes", concat(link, Uint8Array.of(0))],
        ["a tag", concat(Uint8Array.of(0xc1), link)],
        ["a NaN", concat(Uint8Array.of(head + 1), rest, unhex("617af97e00"))],
        ["an integer beyond 2^53", concat(Uint8Array.of(head + 1), rest, unhex("617a1bffffffffffffffff"))],
    ])
}
