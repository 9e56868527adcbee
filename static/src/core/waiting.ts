/** People who accepted an invitation, as the server shows them: judged before this client signs that they are in. */
import type { RefusalId } from "../chain/refusals.ts"
import type { Invite, Member, TeamState } from "../chain/team.ts"
import { RANKS } from "../chain/team.ts"
import type { Acceptance } from "../crypto/bodies.ts"
import { equal, hex, unhex } from "../crypto/bytes.ts"
import { Refused } from "../crypto/errors.ts"
import { fingerprint } from "../crypto/keys.ts"
import { parseAccept, verifyAccept } from "../crypto/links.ts"
import type { Books, TeamBook } from "./books.ts"
import type { WaitingRow } from "./records.ts"

/**
 * May this client confirm the person by itself? Admins and owners are confirmed by hand, and so is whoever left, or was
 * taken out, after the invitation was made: it promises what they may have lost since.
 */
export function confirmsAlone(team: TeamBook, row: WaitingRow, invite: Invite): boolean {
    return RANKS[invite.role] < RANKS.admin && formerOf(team, row, invite) === null
}

/**
 * Who of those that went after the invitation was made may have accepted it: somebody of the same account or keys, else
 * one for whose address the invitation may be. Null if that is nobody.
 */
export function formerOf(team: TeamBook, row: WaitingRow, invite: Invite): Member | null {
    const accept = acceptanceIn(row)
    const gone = goneSince(team.state, invite)
    const same = gone.findLast((member) => accept instanceof Refused || isSame(member, accept))
    return same ?? gone.findLast((member) => !isForAnother(team, invite, member)) ?? null
}

/** Members who went after the invitation was made. */
export function goneSince({ hashes, members }: TeamState, { hash }: Invite): Member[] {
    const bytes = unhex(hash)
    let made = hashes.length - 1
    while (made > 0 && !hashes.is(made, bytes)) made--
    return [...members.values()].filter(({ left }) => left !== null && left > made)
}

/** Is an invitation surely for somebody else? Texts come from the server, so one that lacks says nothing. */
export function isForAnother(team: TeamBook, { email }: Invite, { invite, profile }: Member): boolean {
    // The address that an administrator wrote counts, whatever the member's own profile says by now.
    const invited = team.state.invites.get(invite ?? "")?.email ?? profile.email
    const address = team.textOf(email)
    const theirs = [profile.email, invited].map((commitment) => team.textOf(commitment))
    return address !== null && theirs.every((text) => text !== null && text !== address)
}

function isSame({ account, fp }: Member, accept: Acceptance): boolean {
    return account === hex(accept.account) || equal(fp, fingerprint(accept.identity, accept.box))
}

/**
 * What no honest server shows: an acceptance that is not one, is for something else, is not signed by both keys, or names
 * an account that members of my teams know by other keys. Null if nothing of that is so.
 *
 * `accept.account` is what the stranger says. That it is their own, only the server can check at the door; here a known
 * account at least cannot be taken under other keys.
 */
export function acceptRefusal(
    books: Books,
    team: TeamBook,
    row: WaitingRow,
    invite: Invite,
): RefusalId | null {
    const accept = acceptanceIn(row)
    if (accept instanceof Refused) return accept.refusal
    if (!equal(accept.team, team.state.id)) return "T10.team"
    if (hex(accept.invite) !== invite.hash) return "T10.invite"
    if (!verifyAccept(row.accept, row.by_invite, invite.key)) return "T10.sig_invite"
    if (!verifyAccept(row.accept, row.by_identity, accept.identity)) return "T10.sig_identity"
    if (!equal(accept.profile.email, invite.email)) return "T10.email"
    return isKnownByOtherKeys(books, accept) ? "T6.key" : null
}

function acceptanceIn(row: WaitingRow): Acceptance | Refused {
    try {
        return parseAccept(row.accept)
    } catch (error) {
        if (error instanceof Refused) return error
        throw error
    }
}

/** One person is the same keyring in every team. Who never was verified proves nothing about an account. */
function isKnownByOtherKeys(books: Books, accept: Acceptance): boolean {
    const account = hex(accept.account)
    const fp = fingerprint(accept.identity, accept.box)
    for (const { state } of books.teams.values()) {
        const known = state.byAccount(account)
        if (known !== undefined && known.verified !== "none" && !equal(known.fp, fp)) return true
    }
    return false
}
