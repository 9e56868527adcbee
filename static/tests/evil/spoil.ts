/** Bytes spoilt in the ways that decoders and signatures are known to be lenient about. */
import sodium from "libsodium-wrappers-sumo"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { concat, hex, unhex, utf8 } from "../../src/crypto/bytes.ts"
import type { Value } from "../../src/crypto/cbor.ts"
import { decode, encode } from "../../src/crypto/cbor.ts"
import type { Keyring } from "../../src/crypto/keys.ts"

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
        ["an integer that is not the shortest", concat(link.subarray(0, -1), Uint8Array.of(0x18, 1))],
        ["an indefinite length", concat(Uint8Array.of(0xbf), rest, Uint8Array.of(0xff))],
        ["keys out of order", concat(Uint8Array.of(head), rest.slice(23), actor, rest.slice(6, 23))],
        ["trailing bytes", concat(link, Uint8Array.of(0))],
        ["a tag", concat(Uint8Array.of(0xc1), link)],
        ["a NaN", concat(Uint8Array.of(head + 1), rest, unhex("617af97e00"))],
        ["an integer beyond 2^53", concat(Uint8Array.of(head + 1), rest, unhex("617a1bffffffffffffffff"))],
    ])
}

/** A point of order 8 on Ed25519's curve. */
const ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"

/** The same point with a part of order 8: outside the group in which keys and signatures live. */
export function ofMixedOrder(point: Uint8Array): Bytes {
    return new Uint8Array(sodium.crypto_core_ed25519_add(point, unhex(ORDER_8)))
}

/**
 * The same link with another signature of the same key: Ed25519 with a nonce of the signer's choice. It is valid, or
 * with `bend` of its R it is so for whoever multiplies the equation by the cofactor.
 */
export function signedOtherwise(
    signed: Bytes,
    type: string,
    keyring: Keyring,
    bend: (R: Bytes) => Bytes = (R) => R,
): Bytes {
    const { link } = decode(signed) as { link: Bytes }
    const message = concat(utf8(`coffret/link/${type}/v1\0`), link)
    const scalar = sodium.crypto_hash_sha512(keyring.identity.expose()).slice(0, 32)
    scalar[0] = (scalar[0] as number) & 248
    scalar[31] = ((scalar[31] as number) & 63) | 64
    const nonce = sodium.crypto_core_ed25519_scalar_random()
    const R = bend(new Uint8Array(sodium.crypto_scalarmult_ed25519_base_noclamp(nonce)))
    const k = sodium.crypto_core_ed25519_scalar_reduce(
        sodium.crypto_hash_sha512(concat(R, keyring.identity.public, message)),
    )
    // The secret scalar is reduced first: it is larger than the order of the group.
    const a = sodium.crypto_core_ed25519_scalar_reduce(concat(scalar, new Uint8Array(32)))
    const S = sodium.crypto_core_ed25519_scalar_add(nonce, sodium.crypto_core_ed25519_scalar_mul(k, a))
    return encode({ link, sigs: [{ fp: keyring.fp, sig: concat(R, S) }] })
}
