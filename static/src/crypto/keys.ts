/**
 * Keys (SPEC.md 1.2). Each class is one role, and its `role` field keeps the compiler from taking one for another.
 * Their bytes are private: they do not show in a log, a JSON text or a message to another thread.
 */
import type { Bytes } from "./bytes"
import { concat, random, utf8 } from "./bytes"
import { encode } from "./cbor"
import { Refused } from "./errors"
import { boxOpen, boxPublic, sha256, sign, signingPublic } from "./sodium"

export const SUITE = 1 // X25519 sealed boxes, Ed25519, HKDF, AES-256-GCM, SHA-256
export const KEY_SIZE = 32 // bytes of every symmetric key, seed and secret

/** 32 secret bytes. The bytes given are copied: whoever made them overwrites them. */
abstract class Secret {
    readonly #bytes: Bytes
    abstract readonly role: string

    /** @throws {Refused} `R18.length` unless `bytes` are exactly 32. */
    constructor(bytes: Uint8Array) {
        if (!(bytes instanceof Uint8Array) || bytes.length !== KEY_SIZE) throw new Refused("R18.length")
        this.#bytes = new Uint8Array(bytes)
    }

    /** The secret itself, not a copy: not to be kept, nor changed. */
    expose(): Bytes {
        return this.#bytes
    }

    /** Overwrite the bytes. The key is of no use afterwards. */
    wipe(): void {
        this.#bytes.fill(0)
    }

    toString(): string {
        return `<${this.role}>`
    }

    toJSON(): never {
        throw new TypeError(`<${this.role}> does not leave the worker`)
    }
}

/** A secret that is input of HKDF and nothing else. */
abstract class SealingKey extends Secret {
    #base: Promise<CryptoKey> | undefined

    /** The key as HKDF wants it, imported once, not extractable. */
    base(): Promise<CryptoKey> {
        this.#base ??= hkdfBase(this.expose())
        return this.#base
    }

    override wipe(): void {
        super.wipe()
        this.#base = undefined
    }
}

/** Seals the parts of a vault's items during one epoch, and the DEKs of earlier epochs. */
export class Dek extends SealingKey {
    readonly role = "dek"
    static generate(): Dek {
        return new Dek(random(KEY_SIZE))
    }
}

/** Seals what an account keeps for itself: keyring, pins, settings, drafts, cache. */
export class Amk extends SealingKey {
    readonly role = "amk"
    static generate(): Amk {
        return new Amk(random(KEY_SIZE))
    }
}

/** Wraps the AMK; comes out of a login. */
export class Auk extends SealingKey {
    readonly role = "auk"
}

/** Wraps the AMK; comes out of the recovery kit's code. */
export class KitKey extends SealingKey {
    readonly role = "kit"
}

/** Ed25519. */
abstract class SigningKey extends Secret {
    readonly public: Bytes

    constructor(seed: Uint8Array) {
        super(seed)
        this.public = signingPublic(this.expose())
    }

    /** A signature of 64 bytes over `label ‖ message`. */
    sign(label: string, message: Uint8Array): Bytes {
        return sign(concat(utf8(label), message), this.expose())
    }
}

/** Signs everything that a member says. */
export class IdentityKey extends SigningKey {
    readonly role = "identity"
}

/** From the secret in an invitation's link: signs one acceptance. */
export class InviteKey extends SigningKey {
    readonly role = "invite"
}

/** X25519: opens grants. */
export class BoxKey extends Secret {
    readonly role = "box"
    readonly public: Bytes

    constructor(secret: Uint8Array) {
        super(secret)
        this.public = boxPublic(this.expose())
    }

    /** @throws {DecryptionError} if the box is not for this key, or was altered. */
    open(sealed: Uint8Array): Bytes {
        return boxOpen(sealed, this.public, this.expose())
    }
}

/** An account's two secret keys; one person is the same keyring in every team. */
export class Keyring {
    readonly identity: IdentityKey
    readonly box: BoxKey
    /** The fingerprint of the two public keys, 32 bytes. */
    readonly fp: Bytes

    constructor(identity: IdentityKey, box: BoxKey) {
        this.identity = identity
        this.box = box
        this.fp = fingerprint(identity.public, box.public)
    }

    /** Two independent draws. */
    static generate(): Keyring {
        return new Keyring(new IdentityKey(random(KEY_SIZE)), new BoxKey(random(KEY_SIZE)))
    }

    wipe(): void {
        this.identity.wipe()
        this.box.wipe()
    }
}

function hkdfBase(bytes: Bytes): Promise<CryptoKey> {
    return crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveBits"])
}

async function derive(hash: "SHA-256" | "SHA-512", secret: Bytes, salt: Bytes, info: Bytes): Promise<Bytes> {
    const base = await hkdfBase(secret)
    return new Uint8Array(
        await crypto.subtle.deriveBits({ name: "HKDF", hash, salt, info }, base, 8 * KEY_SIZE),
    )
}

async function derived<K>(make: new (bytes: Uint8Array) => K, bytes: Promise<Bytes>): Promise<K> {
    const raw = await bytes
    try {
        return new make(raw)
    } finally {
        raw.fill(0)
    }
}

export interface LoginPlace {
    readonly account: Uint8Array // 16 bytes
    readonly cred: Uint8Array // 16 bytes
    readonly serverKey: Uint8Array // OPAQUE public key, 32 bytes
}

/**
 * The AUK of one registration.
 *
 * @param exportKey - what OPAQUE exports, 64 bytes.
 * @param accountSecret - 32 bytes, or null for an account without one.
 * @throws {Refused} `R18.length`.
 */
export function deriveAuk(exportKey: Bytes, accountSecret: Bytes | null, place: LoginPlace): Promise<Auk> {
    const salt = accountSecret ?? new Uint8Array()
    if (exportKey.length !== 64 || (accountSecret !== null && salt.length !== KEY_SIZE))
        throw new Refused("R18.length")
    const info = encode(["coffret/auk/v1", place.account, place.cred, SUITE, place.serverKey])
    return derived(Auk, derive("SHA-512", exportKey, salt, info))
}

/**
 * The key of a recovery kit.
 *
 * @param code - 32 bytes.
 * @throws {Refused} `R18.length`.
 */
export function deriveKit(code: Bytes, account: Uint8Array): Promise<KitKey> {
    if (code.length !== KEY_SIZE) throw new Refused("R18.length")
    const info = encode(["coffret/kit/v1", account, SUITE])
    return derived(KitKey, derive("SHA-512", code, new Uint8Array(), info))
}

/**
 * The key of one invitation, known to whoever holds its link.
 *
 * @param t - the link's secret, 32 bytes.
 * @throws {Refused} `R18.length`.
 */
export function inviteKey(t: Bytes, team: Uint8Array, invite: Uint8Array): Promise<InviteKey> {
    if (t.length !== KEY_SIZE) throw new Refused("R18.length")
    const info = encode(["coffret/inv/v1", team, invite])
    return derived(InviteKey, derive("SHA-256", t, new Uint8Array(), info))
}

/** The fingerprint of a member's public keys, 32 bytes. */
export function fingerprint(identity: Uint8Array, box: Uint8Array): Bytes {
    return sha256(concat(utf8("coffret/fp/v1"), encode({ box, identity, suite: SUITE })))
}

export interface EpochPlace {
    readonly team: Uint8Array // 16 bytes
    readonly vault: Uint8Array // 16 bytes
    readonly epoch: number
}

/** What the chain says of an epoch's DEK, 32 bytes. */
export function dekCommit(dek: Dek, { team, vault, epoch }: EpochPlace): Bytes {
    return sha256(concat(utf8("coffret/dek/v1"), encode({ epoch, team, vault }), dek.expose()))
}

/** A team's id (SPEC.md 1.3): a UUIDv8 of the hash of its genesis link, without the signature. */
export function teamId(genesisLink: Uint8Array): Bytes {
    const id = sha256(concat(utf8("coffret/genesis/v1"), genesisLink)).slice(0, 16)
    id[6] = ((id[6] as number) & 0x0f) | 0x80
    id[8] = ((id[8] as number) & 0x3f) | 0x80
    return id
}

/** A commitment to a name or an address that is kept where it can be deleted; `salt` is 32 random bytes. */
export function profileCommitment(kind: "name" | "email" | "team", text: string, salt: Uint8Array): Bytes {
    if (salt.length !== 32) throw new Refused("R18.length")
    return sha256(concat(utf8("coffret/profile/v1"), salt, encode({ kind, text })))
}
