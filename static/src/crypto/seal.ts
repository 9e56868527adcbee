/**
 * The seal (SPEC.md 2): `suite(1) ‖ salt(32) ‖ commit(32) ‖ ciphertext ‖ tag(16)`, 81 bytes over the plaintext. Every
 * seal has a key of its own, derived from a fresh salt and from the place where it belongs.
 */
import type { Bytes } from "./bytes"
import { concat, equal, random, utf8 } from "./bytes"
import { encode } from "./cbor"
import { DecryptionError } from "./errors"
import type { Amk, Auk, Dek, KitKey } from "./keys"
import { SUITE } from "./keys"

const SALT_SIZE = 32
const COMMIT_SIZE = 32
const TAG_SIZE = 16
export const SEAL_OVERHEAD = 1 + SALT_SIZE + COMMIT_SIZE + TAG_SIZE // 81 bytes

const BODY = 1 + SALT_SIZE + COMMIT_SIZE // offset of the ciphertext
const BATCH = 500 // opens in flight; more gain nothing and hold memory
const NONCE = new Uint8Array(12) // zeros: the key is fresh, so it is used with one nonce only

/** One part of one revision of an item. */
export interface PartPlace {
    readonly author: Uint8Array
    readonly epoch: number
    readonly item: Uint8Array
    readonly part: "overview" | "details"
    readonly revision: number
    readonly team: Uint8Array
    readonly vault: Uint8Array
}

/** An account's blob that is replaced as a whole; the counter grows by one each time. */
export interface CounterPlace {
    readonly account: Uint8Array
    readonly counter: number
}

/** Each label, with the key that seals under it and the context it asks for. `suite` is added to each. */
interface Seals {
    "coffret/item/v1": { key: Dek; context: PartPlace }
    "coffret/olddek/v1": {
        key: Dek
        context: { from: number; team: Uint8Array; to: number; vault: Uint8Array }
    }
    "coffret/amk/v1": {
        key: Auk | KitKey
        context: { account: Uint8Array; cred: Uint8Array; id: Uint8Array; wrap: "auk" | "kit" }
    }
    "coffret/keyring/v1": { key: Amk; context: CounterPlace }
    "coffret/pins/v1": { key: Amk; context: CounterPlace }
    "coffret/settings/v1": { key: Amk; context: CounterPlace }
    "coffret/draft/v1": { key: Amk; context: { account: Uint8Array; draft: Uint8Array } }
    "coffret/cache/v1": { key: Amk; context: { account: Uint8Array; chain: Uint8Array } }
}

export type Label = keyof Seals
export type KeyOf<L extends Label> = Seals[L]["key"]
export type ContextOf<L extends Label> = Readonly<Seals[L]["context"]>

/** Seal `plaintext` for one place. */
export async function seal<L extends Label>(
    key: KeyOf<L>,
    label: L,
    context: ContextOf<L>,
    plaintext: Uint8Array,
): Promise<Bytes> {
    const salt = random(SALT_SIZE)
    const info = infoOf(label, context)
    const okm = await expand(await key.base(), salt, info)
    const aes = await aesKey(okm, "encrypt")
    const ciphertext = await crypto.subtle.encrypt({ name: "AES-GCM", iv: NONCE }, aes, plaintext as Bytes)
    const sealed = concat(Uint8Array.of(SUITE), salt, okm.subarray(32), new Uint8Array(ciphertext))
    okm.fill(0)
    return sealed
}

/**
 * Undo {@link seal}.
 *
 * @throws {DecryptionError} on a wrong key, another place, altered bytes.
 */
export async function open<L extends Label>(
    key: KeyOf<L>,
    label: L,
    context: ContextOf<L>,
    sealed: Uint8Array,
): Promise<Bytes> {
    return openWith(await key.base(), infoOf(label, context), sealed)
}

export interface ToOpen<L extends Label> {
    readonly context: ContextOf<L>
    readonly sealed: Uint8Array
}

/**
 * Open many seals of one key, each with what {@link open} would say of it: null stands for its error. Far faster
 * than one by one, since up to 500 are under way at a time.
 */
export async function openBatch<L extends Label>(
    key: KeyOf<L>,
    label: L,
    rows: readonly ToOpen<L>[],
): Promise<(Bytes | null)[]> {
    const base = await key.base()
    const opened: (Bytes | null)[] = []
    for (let start = 0; start < rows.length; start += BATCH) {
        const batch = rows.slice(start, start + BATCH)
        const results = await Promise.all(
            batch.map((row) => openWith(base, infoOf(label, row.context), row.sealed).catch(() => null)),
        )
        for (const result of results) opened.push(result)
    }
    return opened
}

function infoOf<L extends Label>(label: L, context: ContextOf<L>): Bytes {
    return concat(utf8(label), encode({ ...context, suite: SUITE }))
}

/** The AES key (32 bytes) and the commitment (32 bytes) of one seal. */
async function expand(base: CryptoKey, salt: Bytes, info: Bytes): Promise<Bytes> {
    const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, base, 512)
    return new Uint8Array(bits)
}

function aesKey(okm: Bytes, use: "encrypt" | "decrypt"): Promise<CryptoKey> {
    return crypto.subtle.importKey("raw", okm.subarray(0, 32), "AES-GCM", false, [use])
}

async function openWith(base: CryptoKey, info: Bytes, given: Uint8Array): Promise<Bytes> {
    // Another suite's byte is refused before any attempt: no old decoder is left to be talked into.
    if (given.length < SEAL_OVERHEAD || given[0] !== SUITE) throw new DecryptionError()
    const sealed = given as Bytes
    const okm = await expand(base, sealed.subarray(1, 1 + SALT_SIZE), info)
    try {
        if (!equal(okm.subarray(32), sealed.subarray(1 + SALT_SIZE, BODY))) throw new DecryptionError()
        const aes = await aesKey(okm, "decrypt")
        const iv = { name: "AES-GCM", iv: NONCE }
        return new Uint8Array(await crypto.subtle.decrypt(iv, aes, sealed.subarray(BODY)))
    } catch {
        throw new DecryptionError()
    } finally {
        okm.fill(0)
    }
}
