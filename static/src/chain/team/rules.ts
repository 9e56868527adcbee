/** The rules of each kind of team link, in the order of SPEC.md 4. Each checks everything before it changes anything. */
import type { Cut, GivenRight, TeamType } from "../../crypto/bodies"
import { equal, hex } from "../../crypto/bytes"
import { need } from "../../crypto/errors"
import { fingerprint } from "../../crypto/keys"
import type { Parsed } from "../../crypto/links"
import { verifyAccept } from "../../crypto/links"
import type { Given, Id, Invite, Member, Role, TeamState } from "./state"
import { LEVELS, MANAGE, NONE, RANKS, Vault, WRITE } from "./state"

/** A link to be applied. `verify` is false for links whose signatures this device has verified before. */
export interface Applied<T extends TeamType> {
    readonly state: TeamState
    readonly link: Parsed<T>
    readonly actor: Member
    readonly seq: number
    readonly verify: boolean
}

type Later = Exclude<TeamType, "genesis">
export const RULES: { readonly [T in Later]: (applied: Applied<T>) => void } = {
    invite,
    invite_revoke: inviteRevoke,
    add_member: addMember,
    verify,
    set_role: setRole,
    remove_member: removeMember,
    set_profile: setProfile,
    vault_create: vaultCreate,
    vault_grant: vaultGrant,
    vault_revoke: vaultRevoke,
    vault_rotate: vaultRotate,
}

function administers(actor: Member): boolean {
    return RANKS[actor.role] >= RANKS.admin
}

function mayGive(actor: Member, role: Role): boolean {
    return RANKS[role] < RANKS.admin || actor.role === "owner"
}

/** An owner is over everyone, an admin over members and auditors. */
function isOver(actor: Member, subject: Member): boolean {
    return actor.role === "owner" || (actor.role === "admin" && RANKS[subject.role] < RANKS.admin)
}

function given(rights: readonly GivenRight[]): Given[] {
    return rights.map(({ vault, right }) => ({ vault: hex(vault), right: LEVELS[right] }))
}

function invite({ state, link, actor }: Applied<"invite">): void {
    const { body } = link
    need(state.kind === "team", "T2.personal")
    need(administers(actor), "T2.role")
    need(mayGive(actor, body.role), "T2.give")
    need(body.via === "link" || RANKS[body.role] < RANKS.admin, "T10.via")
    need(body.role !== "auditor" || body.vaults.length === 0, "T2.auditor")
    const vaults = given(body.vaults)
    for (const { vault } of vaults) need(state.rightAt(vault, actor.id) === MANAGE, "F1.manage")
    const id = hex(body.invite)
    need(!state.hasOffered(id), "T10.invite_id")
    const { email, expiry, key, role, via } = body
    const hash = hex(link.hash)
    state.offer({
        hash,
        actor: actor.id,
        email,
        expiry,
        invite: id,
        key,
        role,
        vaults,
        via,
        state: "open",
    })
}

function openInvite(state: TeamState, hash: Id): Invite {
    const found = state.invites.get(hash)
    need(found !== undefined && found.state === "open", "T10.invite")
    return found
}

function inviteRevoke({ state, link, actor }: Applied<"invite_revoke">): void {
    need(administers(actor), "T2.role")
    state.close(openInvite(state, hex(link.body.invite)), "revoked")
}

function addMember({ state, link, actor, seq, verify: verifies }: Applied<"add_member">): void {
    const { body, acceptance } = link
    need(administers(actor), "T2.role")
    need(equal(acceptance.team, state.id), "T10.team")
    const found = openInvite(state, hex(acceptance.invite))
    need(link.at <= found.expiry, "T10.expired")
    need(mayGive(actor, found.role), "T2.give")
    if (verifies) {
        need(verifyAccept(body.accept, body.by_invite, found.key), "T10.sig_invite")
        need(verifyAccept(body.accept, body.by_identity, acceptance.identity), "T10.sig_identity")
    }
    need(equal(acceptance.profile.email, found.email), "T10.email")
    const id = hex(acceptance.member)
    const fp = fingerprint(acceptance.identity, acceptance.box)
    need(!state.members.has(id), "T10.member")
    need(state.byAccount(hex(acceptance.account)) === undefined, "T10.account")
    need(state.byFp(fp) === undefined, "T10.fp")

    state.close(found, "used")
    const mailed = found.via === "mail"
    const verified = mailed ? "none" : "token"
    const pending = mailed ? found.vaults : []
    const { identity, box, profile } = acceptance
    const account = hex(acceptance.account)
    const roster = { id, account, identity, box, fp, role: found.role, verified, profile } as const
    const since = { joined: seq, checked: seq, left: null, invite: found.hash }
    const member: Member = { ...roster, ...since, pending, formerly: [], held: new Set() }
    state.enter(member)
    if (!mailed) giveAll(state, member, found.vaults, seq)
}

function giveAll(state: TeamState, member: Member, rights: readonly Given[], seq: number): void {
    for (const { vault, right } of rights) {
        state.vaults.get(vault)?.give(member.id, right, seq)
        member.held.add(vault)
    }
}

function presentSubject(state: TeamState, member: Uint8Array): Member {
    const subject = state.presentAt(hex(member))
    need(subject !== undefined, "T2.subject")
    return subject
}

function verify({ state, link, actor, seq }: Applied<"verify">): void {
    need(administers(actor), "T2.role")
    const subject = presentSubject(state, link.body.member)
    need(subject !== actor, "T2.self")
    need(equal(link.body.fp, subject.fp), "T6.fp")
    need(subject.verified !== "words", "T2.nothing")
    const mine = subject.pending.filter(({ vault }) => state.rightAt(vault, actor.id) === MANAGE)
    giveAll(state, subject, mine, seq)
    subject.pending = []
    subject.verified = "words"
    subject.checked = seq
}

function setRole({ state, link, actor, seq }: Applied<"set_role">): void {
    const { role, cut } = link.body
    const subject = presentSubject(state, link.body.member)
    need(isOver(actor, subject), "T2.role")
    need(mayGive(actor, role), "T2.give")
    need(subject.verified !== "none", "T13.subject")
    need(role !== subject.role, "T2.nothing")
    need(subject.role !== "owner" || state.owners() > 1, "T12.owner")
    const lost = role === "auditor" ? [...subject.held] : []
    applyCut(state, cut, lost, seq)
    takeAll(state, subject, lost, seq)
    const demoted = RANKS[role] < RANKS[subject.role]
    subject.role = role
    if (demoted) endInvites(state, subject)
}

function removeMember({ state, link, actor, seq }: Applied<"remove_member">): void {
    const subject = presentSubject(state, link.body.member)
    need(subject === actor || isOver(actor, subject), "T2.role")
    need(subject.role !== "owner" || state.owners() > 1, "T12.owner")
    const lost = [...subject.held]
    applyCut(state, link.body.cut, lost, seq)
    takeAll(state, subject, lost, seq)
    subject.pending = []
    state.leave(subject, seq)
    endInvites(state, subject)
}

function setProfile({ link, actor, seq }: Applied<"set_profile">): void {
    const { email, name } = link.body.profile
    need(!equal(email, actor.profile.email) || !equal(name, actor.profile.name), "T2.nothing")
    if (!equal(name, actor.profile.name)) actor.formerly.push({ name: actor.profile.name, until: seq })
    actor.profile = { email, name }
}

function vaultCreate({ state, link, actor, seq }: Applied<"vault_create">): void {
    const { epoch, dek_commit: commit } = link.body
    const id = hex(link.body.vault)
    need(actor.role !== "auditor", "T2.role")
    need(!state.vaults.has(id), "T2.vault_id")
    need(epoch === 1, "T2.epoch")
    const vault = new Vault(id, { seq, epoch, commit, signer: actor.id }, { s: seq, n: 0, h: link.hash })
    state.vaults.set(id, vault)
    giveAll(state, actor, [{ vault: id, right: MANAGE }], seq)
}

function knownVault(state: TeamState, id: Uint8Array): Vault {
    const vault = state.vaults.get(hex(id))
    need(vault !== undefined, "T2.vault")
    return vault
}

function vaultGrant({ state, link, actor, seq }: Applied<"vault_grant">): void {
    const vault = knownVault(state, link.body.vault)
    const subject = presentSubject(state, link.body.member)
    need(subject.verified !== "none", "T13.subject")
    need(subject.role !== "auditor", "T2.auditor")
    const right = LEVELS[link.body.right]
    const had = state.rightAt(vault.id, subject.id)
    const manages = state.rightAt(vault.id, actor.id) === MANAGE
    const heir = actor.role === "owner" && had !== NONE && right === MANAGE
    need(manages || (heir && !isManaged(state, vault)), "T2.manage")
    need(right !== had, "T2.nothing")
    applyCut(state, link.body.cut, right < had ? [vault.id] : [], seq)
    giveAll(state, subject, [{ vault: vault.id, right }], seq)
    if (had === MANAGE) endInvites(state, subject, vault.id)
}

function isManaged(state: TeamState, vault: Vault): boolean {
    for (const member of vault.holdings.keys()) if (state.rightAt(vault.id, member) === MANAGE) return true
    return false
}

function vaultRevoke({ state, link, actor, seq }: Applied<"vault_revoke">): void {
    const vault = knownVault(state, link.body.vault)
    const subject = presentSubject(state, link.body.member)
    need(state.rightAt(vault.id, actor.id) === MANAGE, "T2.manage")
    need(subject.held.has(vault.id), "T2.nothing")
    const had = state.rightAt(vault.id, subject.id)
    applyCut(state, link.body.cut, [vault.id], seq)
    takeAll(state, subject, [vault.id], seq)
    if (had === MANAGE) endInvites(state, subject, vault.id)
}

function vaultRotate({ state, link, actor, seq }: Applied<"vault_rotate">): void {
    const { epoch, dek_commit: commit } = link.body
    const vault = knownVault(state, link.body.vault)
    need(state.rightAt(vault.id, actor.id) >= WRITE, "T2.write")
    need(epoch === vault.current.epoch + 1, "T2.epoch")
    applyCut(state, link.body.cut, [vault.id], seq)
    vault.rotate({ seq, epoch, commit, signer: actor.id })
}

/** The cut rules over `vaults`: all are checked before the first is applied. */
function applyCut(state: TeamState, cut: readonly Cut[], vaults: readonly Id[], seq: number): void {
    const expected = vaults.toSorted()
    const named = cut.map((one) => hex(one.vault))
    need(named.length === expected.length && named.every((id, i) => id === expected[i]), "T2.cut")
    const pairs = cut.map((one, i) => [one, state.vaults.get(named[i] as Id) as Vault] as const)
    for (const [{ seq: n, hash }, vault] of pairs) {
        const last = vault.lastCut
        need(n > last.n || (n === last.n && equal(hash, last.h)), "T2.cut_back")
    }
    for (const [{ seq: n, hash }, vault] of pairs) vault.cuts.push({ s: seq, n, h: hash })
}

function takeAll(state: TeamState, subject: Member, vaults: readonly Id[], seq: number): void {
    for (const vault of vaults) {
        state.vaults.get(vault)?.take(subject.id, seq)
        subject.held.delete(vault)
    }
}

/**
 * End the open invites of a member who lost role or place, or manage in `vault`: those into it. What carries an open
 * invite holds until a link about its actor takes it away, so no link pays for rights that it does not touch.
 */
function endInvites(state: TeamState, subject: Member, vault?: Id): void {
    for (const one of state.openInvites(subject.id)) {
        if (vault === undefined || one.vaults.some((into) => into.vault === vault)) state.close(one, "dead")
    }
}
