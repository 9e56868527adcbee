/** Whom something that was refused names as its signer. */
import type { TeamState } from "../chain/team.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { equal, hex } from "../crypto/bytes.ts"
import type { Grant } from "../crypto/grants.ts"
import { verifyGrant } from "../crypto/grants.ts"
import { readActor } from "../crypto/links.ts"
import type { Refusal } from "../worker/api.ts"

export type Signer = NonNullable<Refusal["signer"]>

/**
 * The member that a refused link names, present or gone, and whether the signature is theirs. Without a team, or for
 * somebody whom it does not know, nothing is proven.
 */
export function signerOf(team: TeamState | null, signed: Bytes): Signer | null {
    const named = readActor(signed)
    if (named === null) return null
    const member = hex(named.actor)
    const identity = team?.members.get(member)?.identity
    return { member, isProven: identity !== undefined && named.isBy(identity) }
}

/** The same for a grant. Its sender is named by the fingerprint of their keys. */
export function senderOf(team: TeamState, grant: Grant): Signer | null {
    const member = [...team.members.values()].findLast(({ fp }) => equal(fp, grant.from))
    return member === undefined ? null : { member: member.id, isProven: verifyGrant(grant, member.identity) }
}
