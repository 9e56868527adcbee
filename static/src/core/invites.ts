/** Joining without trusting the server (design 6): the link's fragment carries what the chain is held against. */
import { inviteVerdict } from "../chain/invite.ts"
import { type Invite, type Member, RANKS, stepParsed, type TeamState } from "../chain/team.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { compare, equal, hex, random, unhex } from "../crypto/bytes.ts"
import { need, Refused } from "../crypto/errors.ts"
import { inviteKey, profileCommitment } from "../crypto/keys.ts"
import { inviteFragment, makeAccept, openProof, parseInviteFragment, parseSigned } from "../crypto/links.ts"
import { sodiumReady } from "../crypto/sodium.ts"
import type { InvitePreview, Right, Role, Written } from "../worker/api.ts"
import type { Me } from "./account.ts"
import { normalised } from "./address.ts"
import type { Context } from "./context.ts"
import { CoreFailure, ensure } from "./failure.ts"
import { lookAtWithheld } from "./looked.ts"
import type { Opening } from "./records.ts"
import { readOpenings } from "./records.ts"
import { changeSettings, isInviterKnown } from "./settings.ts"
import { commitTo, openingValue, sendTeamLink } from "./teamlink.ts"
import type { Server } from "./transport.ts"
import { goneSince } from "./waiting.ts"
import type { Answer } from "./wire.ts"
import { asBytes, asList, asText } from "./wire.ts"

const DAY = 86_400_000 // ms
const MAX_DAYS = 30

/**
 * Invite an address. The secret is in the fragment alone; it is neither sent nor kept: whoever asked gets it also where
 * the answer is unknown, since the invitation may be written.
 */
export async function invite(
    context: Context,
    team: string,
    email: string,
    role: Role,
    vaults: readonly { vault: string; right: Right }[],
    days: number,
    via: "link" | "mail",
): Promise<{ url: string; written: Written }> {
    ensure(Number.isInteger(days) && days >= 1 && days <= MAX_DAYS, "invalid")
    // Drawn once for all attempts: a secret opens one invitation, since the chain takes an id once.
    const [t, id] = [random(32), random(16)]
    const address = commitTo("email", normalised(email))
    const { link, written } = await sendTeamLink(context, team, "invite", async (book) => {
        const key = await inviteKey(t, book.state.id, id)
        const given = vaults.map(({ vault, right }) => ({ right, vault: unhex(vault) }))
        const body = {
            email: address.commitment,
            expiry: context.clock.now() + days * DAY,
            invite: id,
            key: key.public,
            role,
            vaults: given.toSorted((a, b) => compare(a.vault, b.vault)),
            via,
        }
        key.wipe()
        return { body, openings: [address.opening] }
    })
    return { url: `${context.origin}/join#${inviteFragment(t, link.hash)}`, written }
}

/** What the server says of an invitation, folded. */
interface Seen {
    readonly team: TeamState
    readonly invite: Invite
    readonly openings: readonly Opening[]
    readonly isWaiting: boolean
    readonly t: Bytes
    readonly hash: Bytes
}

/** Why an invitation is closed, as the server says it, and the code that the page has words for. */
const CLOSED: Readonly<Record<string, string>> = {
    used: "invite_used",
    revoked: "invite_revoked",
    expired: "invite_expired",
    dead: "invite_dead",
}

/**
 * Ask for the chain, with a proof that I hold the secret: the hash is known to whoever was in the team. The ids of team
 * and invitation are the server's word here; a key of other ids proves nothing, and opens nothing.
 */
async function ask(server: Server, t: Bytes, invite: Bytes): Promise<Answer> {
    const place = await server.call("POST", "invites/find", { invite })
    const key = await inviteKey(t, asBytes(place["team"], 16), asBytes(place["invite"], 16))
    const proof = openProof(key, invite)
    key.wipe()
    try {
        return await server.call("POST", "invites/open", { invite, proof })
    } catch (error) {
        if (!(error instanceof CoreFailure) || error.code !== "invite_closed") throw error
        const { reason } = error.extras
        const known = typeof reason === "string" && Object.hasOwn(CLOSED, reason)
        throw new CoreFailure(known ? (CLOSED[reason] as string) : error.code)
    }
}

/**
 * @throws {CoreFailure} `invite_used`, `invite_revoked`, `invite_expired`, `invite_dead`.
 * @throws {Refused} `T10.link`, `F8.short`, and every refusal of the team fold.
 */
async function look(server: Server, fragment: string): Promise<Seen> {
    await sodiumReady()
    const { t, invite: hash } = parseInviteFragment(fragment.replace(/^#/, ""))
    const answer = await ask(server, t, hash)
    let team: TeamState | null = null
    for (const link of asList(answer["links"])) team = stepParsed(team, parseSigned(asBytes(link), "team"))
    if (team === null) throw new Refused("F8.short")
    need(hex(team.id) === hex(asBytes(answer["team"], 16)), "T10.link")
    const found = team.invites.get(hex(hash))
    need(found !== undefined, "F8.short")
    const key = await inviteKey(t, team.id, unhex(found.invite))
    need(hex(key.public) === hex(found.key), "T10.link")
    key.wipe()
    // That somebody waits only the server knows; all else is in the chain.
    const isWaiting = asText(answer["state"]) === "waiting"
    return { team, invite: found, openings: readOpenings(answer["openings"]), isWaiting, t, hash }
}

/**
 * Where I stand with an invitation, by the chain.
 *
 * @throws {CoreFailure} `invite_used`, `invite_revoked`, `invite_dead`.
 * @throws {Refused} `S4.keys` if somebody is in the team as my account with other keys.
 */
function standing(me: Me | null, { team, invite: found, isWaiting, openings }: Seen): InvitePreview["state"] {
    const mine = me === null ? undefined : team.byAccount(hex(me.account))
    need(mine === undefined || me === null || equal(mine.fp, me.keyring.fp), "S4.keys")
    if (mine !== undefined && mine.invite === found.hash) return "joined"
    if (found.state !== "open") throw new CoreFailure(`invite_${found.state}`)
    // One for somebody else's address is not for me, member or not.
    if (mine !== undefined && textOf(openings, found.email) === me?.email) return "member"
    return isWaiting ? "waiting" : "open"
}

/** Who can let somebody in with this invitation, by name; those whose name is not shown are left out. */
function awaitedFor({ team, invite: found, openings }: Seen): string[] {
    const able = [...team.members.values()].filter(
        ({ left, role, verified }) =>
            left === null && verified !== "none" && RANKS[role] >= Math.max(RANKS[found.role], RANKS.admin),
    )
    return able.map(({ profile }) => textOf(openings, profile.name)).filter((name) => name !== null)
}

function textOf(openings: readonly Opening[], commitment: Bytes): string | null {
    const wanted = hex(commitment)
    const found = openings.find(({ kind, salt, text }) => hex(profileCommitment(kind, text, salt)) === wanted)
    return found?.text ?? null
}

export async function openInvite(
    server: Server,
    context: Pick<Context, "me" | "settings"> | null,
    fragment: string,
): Promise<InvitePreview> {
    const me = context?.me ?? null
    const seen = await look(server, fragment)
    const { team, invite: found, openings } = seen
    const state = standing(me, seen)
    const inviter = team.members.get(found.actor)
    const isMine = ({ account }: Member) => me !== null && account === hex(me.account)
    return {
        team: hex(team.id),
        teamName: textOf(openings, team.name),
        inviter: inviter === undefined ? null : textOf(openings, inviter.profile.name),
        role: found.role,
        vaults: found.vaults.length,
        expiry: found.expiry,
        via: found.via,
        compares: context === null ? found.via === "mail" : !isInviterKnown(found, context.settings),
        awaited: awaitedFor(seen),
        byHand: RANKS[found.role] >= RANKS.admin || goneSince(team, found).some(isMine),
        state,
        forMe: me === null ? null : textOf(openings, found.email) === me.email,
    }
}

/**
 * Accept: sign with the link's key and with mine, under the e-mail commitment of the invite. How the link came only the
 * person knows: whoever can change a mail can put in a link of their own team that says it went another way.
 */
export async function acceptInvite(
    context: Context,
    fragment: string,
    name: string,
    came: "hand" | "mail",
): Promise<void> {
    const { me, server, clock, pins, books, shelf } = context
    const seen = await look(server, fragment)
    const { team, openings, t, hash } = seen
    const at = standing(me, seen)
    ensure(at !== "member", "already_member")
    if (at === "joined") return
    const { invite: found, key } = await inviteVerdict(team, t, hash)
    ensure(clock.now() <= found.expiry, "invite_expired")
    ensure(textOf(openings, found.email) === me.email, "invite_other_email")
    const called = commitTo("name", name)
    const accept = makeAccept(me.keyring, key, {
        account: me.account,
        invite: hash,
        member: random(16),
        profile: { email: found.email, name: called.commitment },
        team: team.id,
    })
    key.wipe()
    if (found.via === "link") await noteWay(context, found, came)
    // From here on another team under this id is a fork: the chain that I agreed to is pinned before I say so.
    pins.expect({ genesis: team.hashes.at(0), hash: team.head, seq: team.seq, team: team.id }, team.hashes)
    // Until somebody lets me in, that the server does not show it is no news.
    await lookAtWithheld(books, shelf, pins, [hex(team.id)], clock.now())
    await server.call("POST", "invites/accept", {
        invite: hash,
        ...accept,
        opening: openingValue(called.opening),
    })
    await context.written()
}

/** The link to a team that I am in came from the inviter by hand: said afterwards. @throws {CoreFailure} `not_found`. */
export async function cameByHand(context: Context, team: string): Promise<void> {
    const found = context.books.teams.get(team)?.joinedBy
    ensure(found !== undefined && found.via === "link", "not_found")
    await noteWay(context, found, "hand")
}

async function noteWay(context: Context, { hash }: Invite, way: "hand" | "mail"): Promise<void> {
    if (context.settings.came.get(hash) === way) return
    await changeSettings(context, (now) => ({ ...now, came: new Map(now.came).set(hash, way) }))
}
