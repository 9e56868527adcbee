/** Keys sealed under keys: the AMK under AUK and kit, the keyring under the AMK, an older DEK under a later one. */
import type { Bytes } from "./bytes"
import { equal } from "./bytes"
import { encode, tryDecode } from "./cbor"
import { Refused } from "./errors"
import type { Auk, EpochPlace, KitKey } from "./keys"
import { Amk, BoxKey, Dek, dekCommit, IdentityKey, Keyring, SUITE } from "./keys"
import type { CounterPlace } from "./seal"
import { open, seal } from "./seal"
import { b32, map, uint } from "./shapes"

/** Where a wrap of the AMK belongs; `cred` is sixteen zeros for a kit. */
export interface WrapPlace {
    readonly account: Uint8Array
    readonly cred: Uint8Array
    readonly id: Uint8Array
}

export function sealAmk(key: Auk | KitKey, place: WrapPlace, amk: Amk): Promise<Bytes> {
    return seal(key, "coffret/amk/v1", { ...place, wrap: key.role }, amk.expose())
}

/** @throws {Refused} `A4.bundle` if the wrap does not open to 32 bytes at this place. */
export async function openAmk(key: Auk | KitKey, place: WrapPlace, wrap: Uint8Array): Promise<Amk> {
    const bytes = await open(key, "coffret/amk/v1", { ...place, wrap: key.role }, wrap).catch(() => null)
    if (bytes === null || bytes.length !== 32) throw new Refused("A4.bundle")
    try {
        return new Amk(bytes)
    } finally {
        bytes.fill(0)
    }
}

export function sealKeyring(amk: Amk, place: CounterPlace, keyring: Keyring): Promise<Bytes> {
    const secrets = { box: keyring.box.expose(), identity: keyring.identity.expose(), suite: SUITE, v: 1 }
    return seal(amk, "coffret/keyring/v1", place, encode(secrets))
}

/**
 * @throws {DecryptionError} if the blob does not open at this place.
 * @throws {Refused} `R17.bundle` if what opens is not exactly a keyring.
 */
export async function openKeyring(amk: Amk, place: CounterPlace, sealed: Uint8Array): Promise<Keyring> {
    const bytes = await open(amk, "coffret/keyring/v1", place, sealed)
    const keyring = readKeyring(bytes)
    bytes.fill(0)
    if (keyring === null) throw new Refused("R17.bundle")
    return keyring
}

const KEYRING = map({ box: b32, identity: b32, suite: uint, v: uint })

function readKeyring(bytes: Bytes): Keyring | null {
    const value = tryDecode(bytes)
    if (value === undefined || !KEYRING(value)) return null
    const { box, identity, suite, v } = value as unknown as {
        box: Bytes
        identity: Bytes
        suite: number
        v: number
    }
    return suite === SUITE && v === 1 ? new Keyring(new IdentityKey(identity), new BoxKey(box)) : null
}

/** The DEK of an earlier epoch, for whoever holds this later one. */
export function sealOldDek(dek: Dek, at: EpochPlace, old: Dek, from: number): Promise<Bytes> {
    const context = { from, team: at.team, to: at.epoch, vault: at.vault }
    return seal(dek, "coffret/olddek/v1", context, old.expose())
}

/**
 * The DEK of epoch `from`, or null if the seal gives none that the chain knows by `commit`: such a row is passed
 * over, since any holder may have put it there.
 */
export async function openOldDek(
    dek: Dek,
    at: EpochPlace,
    from: number,
    commit: Uint8Array,
    sealed: Uint8Array,
): Promise<Dek | null> {
    const context = { from, team: at.team, to: at.epoch, vault: at.vault }
    const bytes =
        from < at.epoch ? await open(dek, "coffret/olddek/v1", context, sealed).catch(() => null) : null
    if (bytes === null || bytes.length !== 32) return null
    const old = new Dek(bytes)
    bytes.fill(0)
    return equal(dekCommit(old, { ...at, epoch: from }), commit) ? old : null
}
