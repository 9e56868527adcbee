/** Signed links (SPEC.md 3) and acceptances (5): parsing strictly, signing, verifying. */
import type { Acceptance, Bodies, Cut, Entry, GivenRight, LinkType, TeamType } from "./bodies"
import { ACCEPTANCE, BODIES, isTeamType } from "./bodies"
import type { Bytes } from "./bytes"
import { base64url, compare, concat, unbase64url, utf8 } from "./bytes"
import type { Value } from "./cbor"
import { encode, isMap, tryDecode } from "./cbor"
import { need, Refused } from "./errors"
import type { InviteKey, Keyring } from "./keys"
import { SUITE } from "./keys"
import type { Shape } from "./shapes"
import { anyBytes, anyMap, b16, b32, b64, list, map, orNull, text, uint } from "./shapes"
import { sha256, validBoxKey, validSigningKey, verify } from "./sodium"

const MAX_LINK = 262_144 // bytes
const MAX_SIGNED = 263_168 // bytes
const MAX_ACCEPT = 4_096 // bytes
const VERSION = 1
const ACCEPT_LABEL = "coffret/accept/v1\0"
const OPEN_LABEL = "coffret/open/v1\0"

/** A place in a team's chain. */
export interface Head {
    readonly hash: Bytes
    readonly seq: number
}

interface Sig {
    readonly fp: Bytes
    readonly sig: Bytes
}

interface Fields<T extends LinkType> {
    readonly actor: Bytes
    readonly at: number // Unix ms by the signer's clock
    readonly body: Bodies[T]
    readonly chain: Bytes
    readonly prev: Bytes
    readonly seen: Head | null
    readonly seq: number
    readonly type: T
}

export interface Parsed<T extends LinkType> extends Fields<T> {
    /** The bytes that are signed. */
    readonly link: Bytes
    /** The link and its signatures as received: these are hashed, stored, sent. */
    readonly signed: Bytes
    readonly hash: Bytes
    readonly sigs: readonly Sig[]
    /** Of `add_member` only. */
    readonly acceptance: T extends "add_member" ? Acceptance : null
}

/** A link of a team's chain, told apart by `type`. */
export type TeamLink = { [T in TeamType]: Parsed<T> }[TeamType]
export type VaultLink = Parsed<"change">

const SIGNED = map({ link: anyBytes, sigs: list(map({ fp: b32, sig: b64 }), 0, Number.POSITIVE_INFINITY) })
const HEAD = map({ hash: b32, seq: uint })
const LINK = map({
    actor: b16,
    at: uint,
    body: anyMap,
    chain: b16,
    prev: b32,
    seen: orNull(HEAD),
    seq: uint,
    type: text,
    v: uint,
})

export function parseSigned(bytes: Uint8Array, chain: "team", checkKeys?: boolean): TeamLink
export function parseSigned(bytes: Uint8Array, chain: "vault"): VaultLink
/**
 * Read the bytes of one link.
 *
 * @param checkKeys - false leaves out `F10.key`, for links that this device has let in before.
 * @throws {Refused} with the first of SPEC.md 3, "Parsing", that fails.
 */
export function parseSigned(
    bytes: Uint8Array,
    chain: "team" | "vault",
    checkKeys = true,
): TeamLink | VaultLink {
    const signed = read(bytes, MAX_SIGNED, SIGNED) as { link: Bytes; sigs: Sig[] }
    const link = read(signed.link, MAX_LINK, LINK) as Omit<Fields<LinkType>, "type"> & {
        type: string
        v: number
    }
    need(link.v === VERSION, "T3.version")
    const { type, v: _, ...fields } = link
    need(chain === "team" ? isTeamType(type) : type === "change", "T3.type")
    const known = type as LinkType
    need(BODIES[known](link.body), "T16.body")
    const acceptance = judgeKeys(known, link.body, checkKeys)
    const { link: content, sigs } = signed
    const whole = { ...fields, type, link: content, signed: bytes, hash: sha256(bytes), sigs, acceptance }
    return whole as unknown as TeamLink | VaultLink
}

function read(bytes: Uint8Array, most: number, shape: Shape): unknown {
    need(bytes.length <= most, "T1.size")
    const value = tryDecode(bytes)
    need(value !== undefined, "T1.cbor")
    need(shape(value), "T16.fields")
    return value
}

/** Steps 8 and 9 of parsing: the suite, and the public keys in the body. */
function judgeKeys(type: LinkType, body: unknown, keys: boolean): Acceptance | null {
    if (type === "genesis") checkPerson((body as Bodies["genesis"]).founder, keys)
    if (type === "invite" && keys) need(validSigningKey((body as Bodies["invite"]).key), "F10.key")
    return type === "add_member" ? parseAccept((body as Bodies["add_member"]).accept, keys) : null
}

function checkPerson(person: { suite: number; identity: Bytes; box: Bytes }, keys: boolean): void {
    need(person.suite === SUITE, "R15.suite")
    if (keys) need(validSigningKey(person.identity) && validBoxKey(person.box), "F10.key")
}

/**
 * Read an acceptance.
 *
 * @throws {Refused} `T10.accept`, `R15.suite`, `F10.key`.
 */
export function parseAccept(bytes: Uint8Array, checkKeys = true): Acceptance {
    need(bytes.length <= MAX_ACCEPT, "T10.accept")
    const value = tryDecode(bytes)
    need(value !== undefined && ACCEPTANCE(value), "T10.accept")
    const acceptance = value as unknown as Acceptance
    checkPerson(acceptance, checkKeys)
    return acceptance
}

/** An acceptance with its two signatures: the body of the `add_member` that follows. */
export function makeAccept(
    keyring: Keyring,
    key: InviteKey,
    said: Omit<Acceptance, "box" | "identity" | "suite">,
) {
    const accept = encode({
        account: said.account,
        box: keyring.box.public,
        identity: keyring.identity.public,
        invite: said.invite,
        member: said.member,
        profile: { email: said.profile.email, name: said.profile.name },
        suite: SUITE,
        team: said.team,
    })
    const by_identity = keyring.identity.sign(ACCEPT_LABEL, accept)
    return { accept, by_identity, by_invite: key.sign(ACCEPT_LABEL, accept) } satisfies Bodies["add_member"]
}

/** What shows the server that I hold the secret of an invitation, before it serves the team's chain. */
export function openProof(key: InviteKey, invite: Bytes): Bytes {
    return key.sign(OPEN_LABEL, invite)
}

/** Does a signature over these acceptance bytes hold under `key`? */
export function verifyAccept(accept: Bytes, signature: Bytes, key: Bytes): boolean {
    return verify(signature, concat(utf8(ACCEPT_LABEL), accept), key)
}

/**
 * Whom the bytes of a link name as its actor, also if they break every other rule; null if that cannot be read. For
 * showing what was refused: nothing may be built on it.
 */
export function readActor(bytes: Uint8Array): { actor: Bytes; isBy: (key: Bytes) => boolean } | null {
    if (bytes.length > MAX_SIGNED) return null
    const signed = tryDecode(bytes)
    if (!SIGNED(signed)) return null
    const { link: content, sigs } = signed as unknown as { link: Bytes; sigs: Sig[] }
    const link = tryDecode(content)
    if (!isMap(link)) return null
    const { actor, type } = link as Record<string, unknown>
    const first = sigs[0]
    if (!b16(actor) || typeof type !== "string" || !/^[a-z_]+$/.test(type)) return null
    const said = concat(utf8(labelOf(type)), content)
    return { actor: actor as Bytes, isBy: (key) => first !== undefined && verify(first.sig, said, key) }
}

/** Does the link's first signature hold under `key`? */
export function verifyLink(link: TeamLink | VaultLink, key: Bytes): boolean {
    const first = link.sigs[0]
    return first !== undefined && verify(first.sig, concat(utf8(labelOf(link.type)), link.link), key)
}

function labelOf(type: string): string {
    return `coffret/link/${type}/v1\0`
}

/** What {@link signLink} signs. Lists in the body may be in any order. */
export type ToSign<T extends LinkType> = Fields<T>

/**
 * Sign a link. It is parsed once more: nothing leaves that this client would refuse to read.
 *
 * @throws {Refused} as {@link parseSigned}.
 */
export function signLink<T extends LinkType>(keyring: Keyring, fields: ToSign<T>): Parsed<T> {
    const { actor, at, chain, prev, seen, seq, type } = fields
    const body = sorted(fields.body)
    const link = encode({ actor, at, body, chain, prev, seen: seen && { ...seen }, seq, type, v: VERSION })
    const sig = keyring.identity.sign(labelOf(type), link)
    const signed = encode({ link, sigs: [{ fp: keyring.fp, sig }] })
    const parsed = type === "change" ? parseSigned(signed, "vault") : parseSigned(signed, "team")
    return parsed as unknown as Parsed<T>
}

/** The body with its lists in the order that the format asks for. */
function sorted(body: object): Value {
    const lists = {
        ...("cut" in body && { cut: byVault(body.cut as Cut[]) }),
        ...("vaults" in body && { vaults: byVault(body.vaults as GivenRight[]) }),
        ...("entries" in body && {
            entries: (body.entries as Entry[]).toSorted((a, b) => compare(a[0], b[0])),
        }),
    }
    return { ...(body as Record<string, Value>), ...(lists as Record<string, Value>) }
}

function byVault<T extends { vault: Bytes }>(items: readonly T[]) {
    return items.toSorted((a, b) => compare(a.vault, b.vault)).map((item) => ({ ...item }))
}

/** The fragment of an invitation's link: `base64url(t ‖ invite hash)`, without `#`. */
export function inviteFragment(t: Bytes, invite: Bytes): string {
    return base64url(concat(t, invite))
}

/** @throws {Refused} `T10.link` if the fragment is not one of ours. */
export function parseInviteFragment(fragment: string): { t: Bytes; invite: Bytes } {
    let bytes: Bytes
    try {
        bytes = unbase64url(fragment)
    } catch {
        throw new Refused("T10.link")
    }
    need(bytes.length === 64, "T10.link")
    return { t: bytes.slice(0, 32), invite: bytes.slice(32) }
}
