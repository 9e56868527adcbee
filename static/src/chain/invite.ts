/** What an invitee's client checks before it makes keys and signs (SPEC.md 5). */
import type { Bytes } from "../crypto/bytes"
import { equal, hex, unhex } from "../crypto/bytes"
import { need } from "../crypto/errors"
import type { InviteKey } from "../crypto/keys"
import { inviteKey } from "../crypto/keys"
import type { Invite, TeamState } from "./team"

/**
 * The invitation that a link names, and the key to accept it with.
 *
 * @param team - folded from its genesis; its id is computed from there, never taken from an answer.
 * @param t - the link's secret, 32 bytes.
 * @param hash - the hash of the signed invite, from the same link.
 * @throws {Refused} `F8.short` if the chain ends before it, `T10.link` if it is not open or not for this secret.
 */
export async function inviteVerdict(
    team: TeamState,
    t: Bytes,
    hash: Uint8Array,
): Promise<{ invite: Invite; key: InviteKey }> {
    const invite = team.invites.get(hex(hash))
    need(invite !== undefined, "F8.short")
    const key = await inviteKey(t, team.id, unhex(invite.invite))
    need(invite.state === "open" && equal(key.public, invite.key), "T10.link")
    return { invite, key }
}
