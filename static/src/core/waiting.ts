/** People who accepted an invitation, as the server shows them: judged before this client signs that they are in. */
import type { RefusalId } from "../chain/refusals.ts"
import type { Invite } from "../chain/team.ts"
import { RANKS } from "../chain/team.ts"
import type { Acceptance } from "../crypto/bodies.ts"
import { equal, hex } from "../crypto/bytes.ts"
import { Refused } from "../crypto/errors.ts"
import { fingerprint } from "../crypto/keys.ts"
import { parseAccept, verifyAccept } from "../crypto/links.ts"
import type { Books, TeamBook } from "./books.ts"
import type { WaitingRow } from "./records.ts"

/** May this client confirm the person by itself? Admins and owners are confirmed by hand. */
export function confirmsAlone({ role }: Invite): boolean {
    return RANKS[role] < RANKS.admin
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
    let accept: Acceptance
    try {
        accept = parseAccept(row.accept)
    } catch (error) {
        if (error instanceof Refused) return error.refusal
        throw error
    }
    if (!equal(accept.team, team.state.id)) return "T10.team"
    if (hex(accept.invite) !== invite.hash) return "T10.invite"
    if (!verifyAccept(row.accept, row.by_invite, invite.key)) return "T10.sig_invite"
    if (!verifyAccept(row.accept, row.by_identity, accept.identity)) return "T10.sig_identity"
    if (!equal(accept.profile.email, invite.email)) return "T10.email"
    return isKnownByOtherKeys(books, accept) ? "T6.key" : null
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
