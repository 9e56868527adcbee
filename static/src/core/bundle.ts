/** What the server hands out after a login: checked to the byte, then opened into an account's keys. */
import type { Bytes } from "../crypto/bytes.ts"
import { compare, equal, hex } from "../crypto/bytes.ts"
import { decode, encode } from "../crypto/cbor.ts"
import { Refused } from "../crypto/errors.ts"
import type { Amk, Auk, Keyring } from "../crypto/keys.ts"
import { SUITE } from "../crypto/keys.ts"
import type { Shape } from "../crypto/shapes.ts"
import { anyBytes, b16, bytesOf, map, orNull, text, uint } from "../crypto/shapes.ts"
import { openAmk, openKeyring } from "../crypto/wraps.ts"
import type { Store } from "./store.ts"
import type { Answer } from "./wire.ts"
import { asMap } from "./wire.ts"

/** A sealed blob that is replaced as a whole, by compare-and-swap on its counter. */
export interface Counted {
    readonly counter: number
    readonly blob: Bytes
}

export interface Bundle {
    readonly account: Bytes
    readonly email: string
    readonly cred: Bytes
    readonly suite: number
    readonly wrap: { readonly id: Bytes; readonly wrap: string; readonly cred: Bytes; readonly blob: Bytes }
    readonly keyring: Counted | null
    readonly pins: Counted | null
    readonly settings: Counted | null
    readonly kit_saved: boolean
    readonly deployment: Bytes
}

const WRAP_SIZE = 113 // bytes: 32 and the seal
const MAX_KEYRING = 1_024 // bytes
const counted = map({ counter: uint, blob: anyBytes })
const truth: Shape = (value) => typeof value === "boolean"

const BUNDLE = map({
    account: b16,
    email: text,
    cred: b16,
    suite: uint,
    wrap: map({ id: b16, wrap: text, cred: b16, blob: bytesOf(WRAP_SIZE) }),
    keyring: orNull(counted),
    pins: orNull(counted),
    settings: orNull(counted),
    kit_saved: truth,
    deployment: b16,
})

/**
 * Read a bundle.
 *
 * @throws {Refused} `R17.bundle` if anything is missing, null, short or extra; `R10.kdf` for another suite;
 *   `A4.bundle` for a wrap of another registration; `R17.keyring` if there is no keyring.
 */
export function readBundle(value: unknown): Bundle {
    const { csrf: _, ...fields } = asMap(value)
    if (!BUNDLE(fields)) throw new Refused("R17.bundle")
    const bundle = fields as unknown as Bundle
    if (bundle.suite !== SUITE) throw new Refused("R10.kdf")
    if (bundle.wrap.wrap !== "auk" || !equal(bundle.wrap.cred, bundle.cred)) throw new Refused("A4.bundle")
    if (bundle.keyring === null) throw new Refused("R17.keyring")
    if (bundle.keyring.blob.length > MAX_KEYRING) throw new Refused("R17.bundle")
    return bundle
}

/** Open the AMK and the keyring. @throws {Refused} `A4.bundle`, `R17.keyring`, `R17.bundle`. */
export async function openBundle(
    auk: Auk,
    bundle: Bundle,
    store: Store,
): Promise<{ amk: Amk; keyring: Keyring }> {
    const { account, cred, wrap } = bundle
    const amk = await openAmk(auk, { account, cred, id: wrap.id }, wrap.blob)
    const served = bundle.keyring as Counted
    const keyring = await keyringOf(amk, account, served)
    const name = `keyring/${hex(account)}`
    const known = await store.get(name)
    if (known === null) await store.put(name, encode({ ...served }))
    else await compareKeyrings(amk, account, known, keyring)
    return { amk, keyring }
}

async function keyringOf(amk: Amk, account: Bytes, { counter, blob }: Counted): Promise<Keyring> {
    try {
        return await openKeyring(amk, { account, counter }, blob)
    } catch (error) {
        throw error instanceof Refused ? error : new Refused("R17.keyring")
    }
}

/** Two keyrings that open and differ are never merged: one of them is not ours. */
async function compareKeyrings(amk: Amk, account: Bytes, known: Bytes, served: Keyring): Promise<void> {
    const { counter, blob } = asMap(decode(known)) as unknown as Counted
    const mine = await openKeyring(amk, { account, counter }, blob).catch(() => null)
    // One that does not open was left by an earlier AMK of this account.
    if (mine !== null && compare(mine.fp, served.fp) !== 0) throw new Refused("R17.keyring")
    mine?.wipe()
}

/** The bundle inside an answer. */
export function bundleIn(answer: Answer): Bundle {
    if (answer["bundle"] === undefined || answer["bundle"] === null) throw new Refused("R17.bundle")
    return readBundle(answer["bundle"])
}
