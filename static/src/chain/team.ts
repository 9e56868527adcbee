/** The team fold (SPEC.md 4): a pure function of the links, without a clock, a server or a batch. */
import type { Bytes } from "../crypto/bytes"
import { equal, hex, unhex } from "../crypto/bytes"
import { encode } from "../crypto/cbor"
import { need, Refused } from "../crypto/errors"
import { fingerprint, teamId } from "../crypto/keys"
import type { Parsed, TeamLink } from "../crypto/links"
import { parseSigned, verifyLink } from "../crypto/links"
import { sha256 } from "../crypto/sodium"
import type { RefusalId } from "./refusals"
import type { Applied } from "./team/rules"
import { RULES } from "./team/rules"
import type { Id, Member } from "./team/state"
import { NONE, TeamState } from "./team/state"

export type { CutAt, Epoch, Given, Holding, Id, Invite, Level, Member, Role, Vault } from "./team/state"
export { LEVELS, MANAGE, NONE, RANKS, TeamState, WRITE } from "./team/state"
export { restoreTeam, serialiseTeam } from "./team/store"

const ZERO16 = new Uint8Array(16)
const ZERO32 = new Uint8Array(32)

/**
 * The team after one more link. A given state is changed in place if the link is valid, and is as before if not.
 *
 * @param state - null before the first link.
 * @param verify - false only for links whose signatures this device has verified before.
 * @throws {Refused} with the first check that fails.
 */
export function step(state: TeamState | null, bytes: Uint8Array, verify = true): TeamState {
    return stepParsed(state, parseSigned(bytes, "team", verify), verify)
}

/** {@link step} for a link that is parsed already, such as one's own. */
export function stepParsed(state: TeamState | null, link: TeamLink, verify = true): TeamState {
    if (state === null) return first(link, verify)
    need(link.type !== "genesis", "T1.genesis")
    need(equal(link.chain, state.id), "T5.chain")
    need(link.seq === state.seq + 1, "T1.seq")
    need(equal(link.prev, state.head), "T1.prev")
    need(link.seen === null, "T1.seen")
    const actor = state.presentAt(hex(link.actor))
    need(actor !== undefined, "T2.actor")
    checkSignature(link, actor.fp, actor.identity, verify)
    const leaves = link.type === "remove_member" && equal(link.body.member, link.actor)
    need(actor.verified !== "none" || leaves, "T13.actor")
    const rule = RULES[link.type] as (applied: Applied<typeof link.type>) => void
    rule({ state, link, actor, seq: link.seq, verify })
    state.append(link.hash, actor.id, link.at)
    return state
}

function first(link: TeamLink, verify: boolean): TeamState {
    need(link.type === "genesis", "T1.genesis")
    need(link.seen === null, "T1.seen")
    need(link.seq === 0 && equal(link.prev, ZERO32) && equal(link.chain, ZERO16), "T1.place")
    const { founder } = link.body
    need(equal(link.actor, founder.member), "T2.actor")
    const fp = fingerprint(founder.identity, founder.box)
    checkSignature(link, fp, founder.identity, verify)
    return found(link, fp)
}

function found({ body, link, hash, at }: Parsed<"genesis">, fp: Bytes): TeamState {
    const { account, box, identity, member, profile } = body.founder
    const state = new TeamState({ id: teamId(link), kind: body.kind, name: body.name })
    const founder: Member = {
        id: hex(member),
        account: hex(account),
        identity,
        box,
        fp,
        role: "owner",
        verified: "founder",
        checked: 0,
        invite: null,
        profile,
        joined: 0,
        left: null,
        pending: [],
        formerly: [],
        held: new Set(),
    }
    state.enter(founder)
    state.append(hash, founder.id, at)
    return state
}

function checkSignature(link: TeamLink, fp: Bytes, identity: Bytes, verify: boolean): void {
    const [sig, more] = link.sigs
    need(sig !== undefined && more === undefined && equal(sig.fp, fp), "T1.signers")
    if (verify) need(verifyLink(link, identity), "T1.sig")
}

export interface TeamFold {
    /** The team after the valid links, null if the first is refused already. */
    readonly state: TeamState | null
    /** How many links are valid. */
    readonly valid: number
    /** What was wrong with the next one, or null if there is none. */
    readonly refusal: RefusalId | null
}

/** Fold links up to the first that is refused. Pass a state to go on from there; it is changed. */
export function foldTeam(
    links: Iterable<Uint8Array>,
    state: TeamState | null = null,
    verify = true,
): TeamFold {
    let team = state
    let valid = 0
    for (const bytes of links) {
        try {
            team = step(team, bytes, verify)
        } catch (error) {
            if (error instanceof Refused) return { state: team, valid, refusal: error.refusal }
            throw error
        }
        valid++
    }
    return { state: team, valid, refusal: null }
}

/** The digest by which implementations compare their states (SPEC.md 4.2), 32 bytes. */
export function digest(state: TeamState): Bytes {
    const members = byId(state.members).map(
        ([id, { fp, role, verified, joined, left }]) =>
            [unhex(id), fp, role, verified, joined, left] as const,
    )
    const invites = byId(state.invites).map(([hash, invite]) => [unhex(hash), invite.state] as const)
    const vaults = byId(state.vaults).map(([id, vault]) => {
        const held = byId(vault.holdings)
            .map(([member, { since }]) => [unhex(member), vault.rightAt(member, state.seq), since] as const)
            .filter(([, right]) => right !== NONE)
        const cuts = vault.cuts.map(({ s, n, h }) => [s, n, h] as const)
        return [unhex(id), vault.current.epoch, vault.dueAt(state.seq), held, cuts] as const
    })
    const { head, id, kind, seq } = state
    return sha256(encode({ head, id, invites, kind, members, seq, vaults }))
}

function byId<T>(entries: ReadonlyMap<Id, T>): [Id, T][] {
    return [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
}
