/** libsodium: Ed25519, X25519 boxes and the synchronous SHA-256. The only file that imports it (SPEC.md 1.2). */
import type { Bytes } from "./bytes"
import { DecryptionError } from "./errors"

type Sodium = typeof import("libsodium-wrappers-sumo")["default"]

let sodium: Sodium | undefined
let loading: Promise<void> | undefined

/** Load libsodium (182 kB) once. Everything else in this file may be called only afterwards. */
export function sodiumReady(): Promise<void> {
    loading ??= load()
    return loading
}

async function load(): Promise<void> {
    const module = await import("libsodium-wrappers-sumo")
    await module.default.ready
    sodium = module.default
}

function library(): Sodium {
    if (sodium === undefined) throw new Error("libsodium is not loaded: await sodiumReady() first")
    return sodium
}

/** SHA-256, 32 bytes. Synchronous: an awaited digest costs fourteen times as much for a link. */
export function sha256(message: Uint8Array): Bytes {
    return library().crypto_hash_sha256(message) as Bytes
}

/** The public key (32 bytes) of an Ed25519 seed (32 bytes). */
export function signingPublic(seed: Uint8Array): Bytes {
    const pair = library().crypto_sign_seed_keypair(seed)
    pair.privateKey.fill(0)
    return pair.publicKey as Bytes
}

/** An Ed25519 signature, 64 bytes, by the key of a 32-byte seed. */
export function sign(message: Uint8Array, seed: Uint8Array): Bytes {
    const pair = library().crypto_sign_seed_keypair(seed)
    try {
        return library().crypto_sign_detached(message, pair.privateKey) as Bytes
    } finally {
        pair.privateKey.fill(0)
    }
}

/** Does `signature` (64 bytes) hold for `message` under an Ed25519 key (32 bytes)? Other lengths never do. */
export function verify(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
    if (signature.length !== 64 || key.length !== 32) return false
    return library().crypto_sign_verify_detached(signature, message, key)
}

/** Is this an Ed25519 key that may enter a chain: canonical, on the curve, in the main subgroup, not of small order? */
export function validSigningKey(key: Uint8Array): boolean {
    return key.length === 32 && library().crypto_core_ed25519_is_valid_point(key)
}

const PROBE = new Uint8Array(32).fill(0x42)

/** Is this an X25519 key that may enter a chain? A low-order key gives a shared secret of zeros, which is refused. */
export function validBoxKey(key: Uint8Array): boolean {
    if (key.length !== 32) return false
    try {
        return library()
            .crypto_scalarmult(PROBE, key)
            .some((byte) => byte !== 0)
    } catch {
        // The wrapper reports the shared secret of zeros as an error.
        return false
    }
}

/** The public key (32 bytes) of an X25519 secret (32 bytes). */
export function boxPublic(secret: Uint8Array): Bytes {
    return library().crypto_scalarmult_base(secret) as Bytes
}

/** `crypto_box_seal`: 48 bytes longer than the message. Says nothing about who sealed it. */
export function boxSeal(message: Uint8Array, to: Uint8Array): Bytes {
    return library().crypto_box_seal(message, to) as Bytes
}

/** @throws {DecryptionError} if the box is not for this key, or was altered. */
export function boxOpen(sealed: Uint8Array, publicKey: Uint8Array, secret: Uint8Array): Bytes {
    try {
        return library().crypto_box_seal_open(sealed, publicKey, secret) as Bytes
    } catch {
        throw new DecryptionError()
    }
}

const ARGON2_PASSES = 3
const ARGON2_MEMORY = 67_108_864 // bytes

/** Argon2id (version 1.3, one lane) of a message under a salt of 16 bytes: 32 bytes, after about 0.2 s. */
export function argon2id(message: Uint8Array, salt: Uint8Array): Bytes {
    const { crypto_pwhash, crypto_pwhash_ALG_ARGON2ID13: algorithm } = library()
    return crypto_pwhash(32, message, salt, ARGON2_PASSES, ARGON2_MEMORY, algorithm) as Bytes
}
