/** The bodies of links (SPEC.md 3): their types, and the shapes that decide whether bytes are one. */
import type { Bytes } from "./bytes"
import type { Shape } from "./shapes"
import { anyBytes, ascending, b16, b32, b64, map, oneOf, orNull, tuple, uint } from "./shapes"

export type Role = "owner" | "admin" | "member" | "auditor"
export type Right = "read" | "write" | "manage"

export interface Profile {
    readonly email: Bytes
    readonly name: Bytes
}

export interface Cut {
    readonly hash: Bytes
    readonly seq: number
    readonly vault: Bytes
}

export interface GivenRight {
    readonly right: Right
    readonly vault: Bytes
}

export interface Person {
    readonly account: Bytes
    readonly box: Bytes
    readonly identity: Bytes
    readonly member: Bytes
    readonly profile: Profile
    readonly suite: number
}

/** What an invitee signs (SPEC.md 5). */
export interface Acceptance extends Person {
    readonly invite: Bytes
    readonly team: Bytes
}

/** `[item, revision, hash of the revision or null for a purge]` */
export type Entry = readonly [item: Bytes, revision: number, hash: Bytes | null]

export interface Bodies {
    genesis: { founder: Person; kind: "team" | "personal"; name: Bytes; nonce: Bytes }
    invite: {
        email: Bytes
        expiry: number
        invite: Bytes
        key: Bytes
        role: Role
        vaults: readonly GivenRight[]
        via: "link" | "mail"
    }
    invite_revoke: { invite: Bytes }
    add_member: { accept: Bytes; by_identity: Bytes; by_invite: Bytes }
    verify: { fp: Bytes; how: "words"; member: Bytes }
    set_role: { cut: readonly Cut[]; member: Bytes; role: Role }
    remove_member: { cut: readonly Cut[]; member: Bytes }
    set_profile: { profile: Profile }
    vault_create: { dek_commit: Bytes; epoch: number; vault: Bytes }
    vault_grant: { cut: readonly Cut[]; member: Bytes; right: Right; vault: Bytes }
    vault_revoke: { cut: readonly Cut[]; member: Bytes; vault: Bytes }
    vault_rotate: { cut: readonly Cut[]; dek_commit: Bytes; epoch: number; vault: Bytes }
    change: { entries: readonly Entry[]; epoch: number }
}

export type LinkType = keyof Bodies
export type TeamType = Exclude<LinkType, "change">

const MAX_INVITED = 1_000 // vaults of one invite
const MAX_CUTS = 2_000 // vaults of one cut
const MAX_ENTRIES = 1_000 // items of one change

const role = oneOf("owner", "admin", "member", "auditor")
const right = oneOf("read", "write", "manage")
const profile = map({ email: b32, name: b32 })
const person = { account: b16, box: b32, identity: b32, member: b16, profile, suite: uint }
const cut = ascending<Cut>(map({ hash: b32, seq: uint, vault: b16 }), 0, MAX_CUTS, (c) => c.vault)
const givenRight = map({ right, vault: b16 })
const entry = tuple(b16, uint, orNull(b32))

export const BODIES: Readonly<Record<LinkType, Shape>> = {
    genesis: map({ founder: map(person), kind: oneOf("team", "personal"), name: b32, nonce: b32 }),
    invite: map({
        email: b32,
        expiry: uint,
        invite: b16,
        key: b32,
        role,
        vaults: ascending<GivenRight>(givenRight, 0, MAX_INVITED, (given) => given.vault),
        via: oneOf("link", "mail"),
    }),
    invite_revoke: map({ invite: b32 }),
    add_member: map({ accept: anyBytes, by_identity: b64, by_invite: b64 }),
    verify: map({ fp: b32, how: oneOf("words"), member: b16 }),
    set_role: map({ cut, member: b16, role }),
    remove_member: map({ cut, member: b16 }),
    set_profile: map({ profile }),
    vault_create: map({ dek_commit: b32, epoch: uint, vault: b16 }),
    vault_grant: map({ cut, member: b16, right, vault: b16 }),
    vault_revoke: map({ cut, member: b16, vault: b16 }),
    vault_rotate: map({ cut, dek_commit: b32, epoch: uint, vault: b16 }),
    change: map({ entries: ascending<Entry>(entry, 1, MAX_ENTRIES, (e) => e[0]), epoch: uint }),
}

export const ACCEPTANCE: Shape = map({ ...person, invite: b32, team: b16 })

export function isTeamType(type: string): type is TeamType {
    return type !== "change" && Object.hasOwn(BODIES, type)
}
