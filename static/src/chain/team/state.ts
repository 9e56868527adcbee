/** What a team's chain says, with the histories that vault links and grants are judged by (SPEC.md 4). */
import type { Right as RightName, Role } from "../../crypto/bodies"
import type { Bytes } from "../../crypto/bytes"
import { hex } from "../../crypto/bytes"
import { Hashes, Numbers } from "../columns"

export type { Role } from "../../crypto/bodies"

/** Ids and hashes that serve as keys, in lower-case hexadecimal. */
export type Id = string

/** 0 is no right at all. */
export type Level = 0 | 1 | 2 | 3
export const NONE = 0
export const WRITE = 2
export const MANAGE = 3
export const LEVELS: Readonly<Record<RightName, Exclude<Level, 0>>> = { read: 1, write: 2, manage: MANAGE }
export const RANKS: Readonly<Record<Role, number>> = { auditor: 0, member: 0, admin: 1, owner: 2 }

export interface Given {
    readonly vault: Id
    readonly right: Exclude<Level, 0>
}

export interface Member {
    readonly id: Id
    readonly account: Id
    readonly identity: Bytes
    readonly box: Bytes
    readonly fp: Bytes
    role: Role
    verified: "founder" | "token" | "words" | "none"
    /** seq of the link that `verified` came with. */
    checked: number
    /** The invite that they joined by; null for the founder. */
    readonly invite: Id | null
    profile: { readonly email: Bytes; readonly name: Bytes }
    /**
     * Commitments to the names before, oldest first, and the links that replaced them. Shown beside the present name, so
     * that nobody takes a colleague's without a trace; no rule and no digest reads them.
     */
    readonly formerly: { readonly name: Bytes; readonly until: number }[]
    readonly joined: number // seq
    left: number | null // seq
    /** Rights that wait for `verify`. */
    pending: readonly Given[]
    /** The vaults in which the member holds a right now. */
    readonly held: Set<Id>
}

export interface Invite {
    readonly hash: Id // of the invite's link
    readonly actor: Id
    readonly email: Bytes
    readonly expiry: number // Unix ms
    readonly invite: Id
    readonly key: Bytes
    readonly role: Role
    readonly vaults: readonly Given[]
    readonly via: "link" | "mail"
    state: "open" | "used" | "revoked" | "dead"
}

export interface Epoch {
    readonly seq: number
    readonly epoch: number
    readonly commit: Bytes
    readonly signer: Id
}

export interface CutAt {
    readonly s: number // seq of the team link
    readonly n: number // seq in the vault
    readonly h: Bytes // hash of that vault link
}

/** One member's rights in one vault over time. */
export interface Holding {
    /** seq, right, seq, right … ascending by seq */
    readonly history: number[]
    /** seq since which some right is held without a break, of no meaning when none is. */
    since: number
}

export class Vault {
    readonly id: Id
    readonly epochs: Epoch[]
    readonly holdings: Map<Id, Holding>
    /** seq, 1 or 0 (due or not), … ascending by seq */
    readonly dues: number[]
    /** Ascending by s; n never falls, and the same n has the same h. */
    readonly cuts: CutAt[]

    constructor(id: Id, first: Epoch, cut: CutAt) {
        this.id = id
        this.epochs = [first]
        this.holdings = new Map()
        this.dues = []
        this.cuts = [cut]
    }

    get current(): Epoch {
        return this.epochs[this.epochs.length - 1] as Epoch
    }

    get lastCut(): CutAt {
        return this.cuts[this.cuts.length - 1] as CutAt
    }

    /** The epoch open at a team seq, or undefined before the vault was created. */
    epochAt(seq: number): number | undefined {
        return this.epochs[lastAtMost(this.epochs.length, (i) => (this.epochs[i] as Epoch).seq, seq)]?.epoch
    }

    /** Was a new key owed at this team seq, because a holder had lost all right? */
    dueAt(seq: number): boolean {
        return valueAt(this.dues, seq) === 1
    }

    rightAt(member: Id, seq: number): Level {
        return valueAt(this.holdings.get(member)?.history ?? [], seq) as Level
    }

    give(member: Id, right: Exclude<Level, 0>, seq: number): void {
        const holding = this.holdings.get(member)
        if (holding === undefined) {
            this.holdings.set(member, { history: [seq, right], since: seq })
            return
        }
        if (holding.history[holding.history.length - 1] === NONE) holding.since = seq
        holding.history.push(seq, right)
    }

    /** End a member's rights: from now on a new key is owed. */
    take(member: Id, seq: number): void {
        this.holdings.get(member)?.history.push(seq, NONE)
        if (!this.dueAt(seq)) this.dues.push(seq, 1)
    }

    rotate(epoch: Epoch): void {
        this.epochs.push(epoch)
        if (this.dueAt(epoch.seq)) this.dues.push(epoch.seq, 0)
    }
}

/** The value of the last pair `seq, value` that is not after `seq`; 0 before the first. */
function valueAt(pairs: readonly number[], seq: number): number {
    const i = lastAtMost(pairs.length / 2, (pair) => pairs[2 * pair] as number, seq)
    return pairs[2 * i + 1] ?? 0
}

/** The last index whose value is at most `limit`, of values that never fall; −1 if there is none. */
export function lastAtMost(length: number, value: (i: number) => number, limit: number): number {
    let low = -1
    let high = length
    while (high - low > 1) {
        const middle = (low + high) >>> 1
        if (value(middle) <= limit) low = middle
        else high = middle
    }
    return low
}

export interface TeamStart {
    readonly id: Bytes
    readonly kind: "team" | "personal"
    readonly name: Bytes
}

/** A folded team. Only `step` changes it; everyone else reads. */
export class TeamState {
    readonly id: Bytes
    readonly kind: "team" | "personal"
    /** The commitment to the team's name. */
    readonly name: Bytes
    readonly members = new Map<Id, Member>()
    readonly invites = new Map<Id, Invite>()
    readonly vaults = new Map<Id, Vault>()

    readonly hashes: Hashes
    readonly ats: Numbers
    readonly actors: Numbers // index into the order of `members`

    readonly #order: Member[] = []
    readonly #places = new Map<Id, number>()
    readonly #presentByAccount = new Map<Id, Member>()
    readonly #byFp = new Map<Id, Member[]>() // present and gone
    readonly #inviteIds = new Set<Id>()
    readonly #openInvites = new Map<Id, Set<Invite>>() // by actor

    constructor(start: TeamStart, hashes = new Hashes(), ats = new Numbers(), actors = new Numbers()) {
        this.id = start.id
        this.kind = start.kind
        this.name = start.name
        this.hashes = hashes
        this.ats = ats
        this.actors = actors
    }

    get seq(): number {
        return this.hashes.length - 1
    }

    get head(): Bytes {
        return this.hashes.at(this.seq)
    }

    /** Who made the link at `seq`, and when by their clock (Unix ms). */
    linkAt(seq: number): { actor: Member; at: number } {
        return { actor: this.#order[this.actors.at(seq)] as Member, at: this.ats.at(seq) }
    }

    /** A member who is there at `seq`, or undefined. */
    presentAt(member: Id, seq = this.seq): Member | undefined {
        const found = this.members.get(member)
        return found !== undefined && isThere(found, seq) ? found : undefined
    }

    /** The member with this fingerprint who is there at `seq`. A fingerprint belongs to one present member at a time. */
    byFp(fp: Uint8Array, seq = this.seq): Member | undefined {
        return this.#byFp.get(hex(fp))?.find((member) => isThere(member, seq))
    }

    byAccount(account: Id): Member | undefined {
        return this.#presentByAccount.get(account)
    }

    rightAt(vault: Id, member: Id, seq = this.seq): Level {
        return this.vaults.get(vault)?.rightAt(member, seq) ?? NONE
    }

    /** The members with a right in a vault now: whom a rotation seals to. */
    holders(vault: Id): { member: Member; right: Level; since: number }[] {
        const found = []
        for (const [id, { since }] of this.vaults.get(vault)?.holdings ?? []) {
            const right = this.rightAt(vault, id)
            const member = this.members.get(id)
            if (right !== NONE && member !== undefined) found.push({ member, right, since })
        }
        return found
    }

    owners(): number {
        let count = 0
        for (const member of this.#order) if (member.left === null && member.role === "owner") count++
        return count
    }

    /** Count a link in, after its rules were applied. */
    append(hash: Uint8Array, actor: Id, at: number): void {
        this.hashes.push(hash)
        this.ats.push(at)
        this.actors.push(this.#places.get(actor) as number)
    }

    enter(member: Member): void {
        this.#places.set(member.id, this.#order.length)
        this.#order.push(member)
        this.members.set(member.id, member)
        const fp = hex(member.fp)
        this.#byFp.set(fp, [...(this.#byFp.get(fp) ?? []), member])
        if (member.left === null) this.#presentByAccount.set(member.account, member)
    }

    leave(member: Member, seq: number): void {
        member.left = seq
        this.#presentByAccount.delete(member.account)
    }

    offer(invite: Invite): void {
        this.invites.set(invite.hash, invite)
        this.#inviteIds.add(invite.invite)
        if (invite.state !== "open") return
        const open = this.#openInvites.get(invite.actor)
        if (open === undefined) this.#openInvites.set(invite.actor, new Set([invite]))
        else open.add(invite)
    }

    /** None of these states is ever left. */
    close(invite: Invite, how: "used" | "revoked" | "dead"): void {
        invite.state = how
        this.#openInvites.get(invite.actor)?.delete(invite)
    }

    /** The invites of this member that can still be used. */
    openInvites(actor: Id): readonly Invite[] {
        return [...(this.#openInvites.get(actor) ?? [])]
    }

    /** Was this id of an invite used in this chain? */
    hasOffered(invite: Id): boolean {
        return this.#inviteIds.has(invite)
    }
}

/** A member is there from the link that adds them, up to the one before the link that removes them. */
function isThere(member: Member, seq: number): boolean {
    return member.joined <= seq && (member.left === null || seq < member.left)
}
