/** Teams, vaults, roles and rights: the team links that a person asks for. */
import type { Invite } from "../chain/team.ts"
import { restoreTeam, serialiseTeam, stepParsed } from "../chain/team.ts"
import type { Profile } from "../crypto/bodies.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { hex, random, unhex } from "../crypto/bytes.ts"
import { makeGrant } from "../crypto/grants.ts"
import { Dek, dekCommit, SUITE, teamId } from "../crypto/keys.ts"
import type { Parsed } from "../crypto/links.ts"
import { signLink } from "../crypto/links.ts"
import type { Right, Role } from "../worker/api.ts"
import { TeamBook, VaultBook } from "./books.ts"
import { makeChange } from "./change.ts"
import type { Context } from "./context.ts"
import { CoreFailure, ensure, Place, RefusedThere } from "./failure.ts"
import { uuid7 } from "./ids.ts"
import { cutsForRemoval, grantValue, headOf, markOf, requireTeam, requireVault } from "./links.ts"
import type { Shipment } from "./outbox.ts"
import { FOUNDING } from "./standing.ts"
import type { SentLink } from "./teamlink.ts"
import { commitTo, definite, openingValue, sendTeamLink } from "./teamlink.ts"
import { levelOf } from "./view.ts"
import { acceptRefusal, confirmsAlone, isForAnother } from "./waiting.ts"

/**
 * Found a team, one at a time: a second press while the first has no answer would make another of the same name.
 *
 * @throws {CoreFailure} `personal_exists` for a second personal one, `pending`, `under_way`.
 */
export async function createTeam(
    context: Context,
    kind: "team" | "personal",
    name: string,
    founder: string,
): Promise<string> {
    return context.writes.run(FOUNDING, async () => {
        ensure(!context.outbox.isFounding, "under_way")
        const { id, shipment } = founding(context, kind, name, founder)
        ensure((await context.outbox.send(async () => shipment, context.sync)) === "done", "pending")
        await context.written()
        return id
    })
}

/** A genesis of mine, and the request that brings it. */
function founding(context: Context, kind: "team" | "personal", name: string, founder: string) {
    const { me } = context
    const called = commitTo("team", name)
    const own = commitTo("name", founder)
    const email = commitTo("email", me.email)
    const profile = { email: email.commitment, name: own.commitment }
    const link = genesis(context, { kind, name: called.commitment, profile })
    const id = hex(teamId(link.link))
    const openings = [own.opening, email.opening, called.opening]
    const body = { link: link.signed, openings: openings.map(openingValue) }
    const take = (): Promise<void> =>
        context.state.run(async () => {
            if (context.books.teams.has(id)) return
            const team = new TeamBook(stepParsed(null, link), hex(me.account))
            team.isDirty = true
            team.takeOpenings(openings)
            context.books.teams.set(id, team)
        })
    const shipment: Shipment = {
        ...{ path: FOUNDING, body, marks: [markOf(id, link)] },
        ...{ draft: null, typed: [], take },
    }
    return { id, shipment }
}

function genesis(
    { me, clock }: Context,
    { kind, name, profile }: { kind: "team" | "personal"; name: Bytes; profile: Profile },
) {
    const { account, keyring } = me
    const member = random(16)
    const founder = {
        ...{ account, box: keyring.box.public, identity: keyring.identity.public },
        ...{ member, profile, suite: SUITE },
    }
    return signLink<"genesis">(keyring, {
        actor: member,
        at: clock.now(),
        body: { founder, kind, name, nonce: random(32) },
        chain: new Uint8Array(16),
        prev: new Uint8Array(32),
        seen: null,
        seq: 0,
        type: "genesis",
    })
}

/** Create a vault: its link, my own grant and the item that names it, in one request. @throws as {@link definite}. */
export async function createVault(context: Context, teamIdHex: string, name: string): Promise<string> {
    // Drawn once for all attempts: the chain takes an id once, whatever the server says of the first.
    const vault = uuid7(context.clock.now())
    const dek = Dek.generate()
    const sent = sendTeamLink(context, teamIdHex, "vault_create", (team) => {
        const place = { team: team.state.id, vault, epoch: 1 }
        return {
            body: { dek_commit: dekCommit(dek, place), epoch: 1, vault },
            ride: (created) => rideAlong(context, team, dek, created, name),
        }
    })
    await definite(sent)
    const book = context.books.vault(hex(vault))
    // My own grant comes with the next sync and is checked like any other; until then this is the key that I drew.
    if (book !== undefined && !book.ring.has(1)) book.ring.set(1, dek)
    context.view.changed()
    return hex(vault)
}

async function rideAlong(
    context: Context,
    team: TeamBook,
    dek: Dek,
    created: Parsed<"vault_create">,
    name: string,
) {
    const { keyring, account } = context.me
    const { vault, epoch } = created.body
    const place = { team: team.state.id, vault, epoch }
    const grant = makeGrant(keyring, dek, place, { fp: keyring.fp, box: keyring.box.public }, headOf(created))
    // The first vault link stands on a team that has this vault: a copy that is one link ahead.
    const ahead = new TeamBook(
        stepParsed(restoreTeam(serialiseTeam(team.state)), created, false),
        hex(account),
    )
    const id = hex(vault)
    const content = {
        overview: { type: "vault", title: name, tags: [], trash: null, v: 1 },
        details: { fields: [], note: "", v: 1 },
    }
    const change = await makeChange(
        context,
        new VaultBook(id, ahead),
        { dek, epoch, seen: headOf(created) },
        [{ item: id, content }],
    )
    return { grants: [grantValue(grant.stored)], change }
}

/**
 * Take a member out, or leave. Open invitations that are not surely for another address are taken back first: by one of
 * them they could come back.
 *
 * @throws {CoreFailure} `pending` if the removal is kept, `under_way` if it is not even made.
 */
export async function removeMember(context: Context, teamIdHex: string, member: string): Promise<void> {
    // Kept is the taking back alone: the removal is then not made, and not to be told as kept.
    for (const { hash } of openInvitesOf(requireTeam(context, teamIdHex), member))
        ensure((await takeBack(context, teamIdHex, hash)).written === "done", "under_way")
    const sent = sendTeamLink(context, teamIdHex, "remove_member", (team) => {
        const cut = heldBy(team, member)
        return { body: { cut: cutsForRemoval(context, team, cut), member: unhex(member) }, cut }
    })
    await definite(sent)
}

/** Those that a removal takes back. None for myself: whoever leaves may have been asked to come back. */
export function openInvitesOf(team: TeamBook, member: string): Invite[] {
    const { me, state } = team
    const found = state.presentAt(member)
    if (found === undefined || found.id === me?.id) return []
    return [...state.invites.values()].filter(
        (invite) => invite.state === "open" && !isForAnother(team, invite, found),
    )
}

export async function setRole(
    context: Context,
    teamIdHex: string,
    member: string,
    role: Role,
): Promise<void> {
    const sent = sendTeamLink(context, teamIdHex, "set_role", (team) => {
        const cut = role === "auditor" ? heldBy(team, member) : []
        return { body: { cut: cutsForRemoval(context, team, cut), member: unhex(member), role }, cut }
    })
    await definite(sent)
}

/** The vaults in which a member holds a right on the fold. */
function heldBy(team: TeamBook, member: string): string[] {
    const found = team.state.presentAt(member)
    if (found === undefined) throw new CoreFailure("not_found")
    return [...found.held]
}

export async function grantVault(
    context: Context,
    vaultId: string,
    member: string,
    right: Right,
): Promise<void> {
    const { team } = requireVault(context, vaultId)
    const sent = sendTeamLink(context, team.id, "vault_grant", (book) => {
        const cut = levelOf(right) < book.state.rightAt(vaultId, member) ? [vaultId] : []
        const body = {
            cut: cutsForRemoval(context, book, cut),
            member: unhex(member),
            right,
            vault: unhex(vaultId),
        }
        return { body, cut }
    })
    await definite(sent)
}

export async function revokeVault(context: Context, vaultId: string, member: string): Promise<void> {
    const { team } = requireVault(context, vaultId)
    const sent = sendTeamLink(context, team.id, "vault_revoke", (book) => {
        const cut = [vaultId]
        return {
            body: { cut: cutsForRemoval(context, book, cut), member: unhex(member), vault: unhex(vaultId) },
            cut,
        }
    })
    await definite(sent)
}

export async function revokeInvite(context: Context, teamIdHex: string, hash: string): Promise<void> {
    await definite(takeBack(context, teamIdHex, hash))
}

function takeBack(context: Context, team: string, hash: string): Promise<SentLink<"invite_revoke">> {
    return sendTeamLink(context, team, "invite_revoke", () => ({ body: { invite: unhex(hash) } }))
}

/**
 * Confirm somebody who accepted. The link copies everything from the invite and changes nothing of it. If another admin's
 * client was faster, the person is in: mine is dropped, and that is no failure.
 *
 * @param isUnasked - no person said so: each attempt asks again whether this client may, by the chain as it is then.
 * @throws {CoreFailure} `not_found`, `invite_expired`, `invite_dead`, `invite_revoked`.
 * @throws {Refused} as the acceptance deserves.
 */
export async function confirmMember(
    context: Context,
    teamIdHex: string,
    hash: string,
    isUnasked = false,
): Promise<void> {
    const sent = sendTeamLink(context, teamIdHex, "add_member", (team) => {
        const invite = team.state.invites.get(hash)
        if (invite !== undefined && invite.state !== "open") throw new CoreFailure(`invite_${invite.state}`)
        const row = team.extras.waiting.find((waiting) => waiting.invite === hash)
        if (row === undefined || invite === undefined) throw new CoreFailure("not_found")
        ensure(context.clock.now() <= invite.expiry, "invite_expired")
        const refusal = acceptRefusal(context.books, team, row, invite)
        if (refusal !== null) throw new RefusedThere(refusal, new Place(team.id))
        ensure(!isUnasked || confirmsAlone(team, row, invite), "not_found")
        const { accept, by_identity, by_invite } = row
        return { body: { accept, by_identity, by_invite } }
    })
    try {
        await definite(sent)
    } catch (error) {
        if (!(error instanceof CoreFailure) || error.code !== "invite_used") throw error
    }
}
