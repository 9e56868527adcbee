/** Grants (SPEC.md 7): a vault's DEK sealed to one member, signed by who gives it. */
import type { Bytes } from "./bytes"
import { concat, utf8 } from "./bytes"
import { encode, tryDecode } from "./cbor"
import { need } from "./errors"
import type { Dek, EpochPlace, Keyring } from "./keys"
import { SUITE } from "./keys"
import type { Head } from "./links"
import type { Shape } from "./shapes"
import { anyBytes, b16, b32, b64, bytesOf, map, uint } from "./shapes"
import { boxSeal, sha256, verify } from "./sodium"

const MAX_GRANT = 1_024 // bytes
const LABEL = "coffret/grant/v1\0"

export interface Grant {
    readonly ct: Bytes
    readonly epoch: number
    readonly from: Bytes
    readonly head: Head
    readonly suite: number
    readonly team: Bytes
    readonly to: Bytes
    readonly vault: Bytes
    /** The bytes that are signed. */
    readonly bytes: Bytes
    readonly sig: Bytes
}

const STORED = map({ grant: anyBytes, sig: b64 })
const GRANT = map({
    ct: bytesOf(80),
    epoch: uint,
    from: b32,
    head: map({ hash: b32, seq: uint }),
    suite: uint,
    team: b16,
    to: b32,
    vault: b16,
})

/** Whom a grant is for: both values come from the fold, never from an answer of the server. */
export interface Recipient {
    readonly fp: Uint8Array
    readonly box: Uint8Array
}

/**
 * Seal a DEK to one member.
 *
 * @param head - the giver's verified team head; for a rotation or a creation, that link.
 * @returns `CBOR{grant, sig}` for the server, and the hash of the grant by which its row is known.
 */
export function makeGrant(keyring: Keyring, dek: Dek, at: EpochPlace, to: Recipient, head: Head) {
    const grant = encode({
        ct: boxSeal(dek.expose(), to.box),
        epoch: at.epoch,
        from: keyring.fp,
        head: { hash: head.hash, seq: head.seq },
        suite: SUITE,
        team: at.team,
        to: to.fp,
        vault: at.vault,
    })
    return { stored: encode({ grant, sig: keyring.identity.sign(LABEL, grant) }), hash: sha256(grant) }
}

/**
 * Read `CBOR{grant, sig}`.
 *
 * @throws {Refused} `T7.parse`, `R15.suite`.
 */
export function parseGrant(stored: Uint8Array): Grant {
    need(stored.length <= MAX_GRANT, "T7.parse")
    const { grant: bytes, sig } = read(stored, STORED) as { grant: Bytes; sig: Bytes }
    const fields = read(bytes, GRANT) as unknown as Omit<Grant, "bytes" | "sig">
    need(fields.suite === SUITE, "R15.suite")
    return { ...fields, bytes, sig }
}

function read(bytes: Uint8Array, shape: Shape): unknown {
    const value = tryDecode(bytes)
    need(value !== undefined && shape(value), "T7.parse")
    return value
}

/** Does the grant's signature hold under its sender's identity key? */
export function verifyGrant(grant: Grant, identity: Uint8Array): boolean {
    return verify(grant.sig, concat(utf8(LABEL), grant.bytes), identity)
}
