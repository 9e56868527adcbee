/** What a recipient checks before it takes a DEK from a grant (SPEC.md 7.3). */
import { equal, hex } from "../crypto/bytes"
import { need, Refused, Waiting } from "../crypto/errors"
import type { Grant } from "../crypto/grants"
import { parseGrant, verifyGrant } from "../crypto/grants"
import type { Keyring } from "../crypto/keys"
import { Dek, dekCommit } from "../crypto/keys"
import type { Id, TeamState, Vault } from "./team"
import { MANAGE, NONE } from "./team"

/** Who I am in the team. */
export interface Me {
    readonly member: Id
    readonly keyring: Keyring
}

/**
 * The DEK that a grant gives me.
 *
 * @param stored - `CBOR{grant, sig}`, as the server gives it.
 * @throws {Refused} with the first check that fails.
 * @throws {Waiting} if the sender had seen more of the team than `team` holds.
 */
export function grantVerdict(team: TeamState, me: Me, stored: Uint8Array): Dek {
    const grant = parseGrant(stored)
    checkGrant(team, me, grant)
    const commit = team.vaults.get(hex(grant.vault))?.epochs[grant.epoch - 1]?.commit
    const dek = openGrant(grant, me.keyring)
    if (commit !== undefined && equal(dekCommit(dek, grant), commit)) return dek
    dek.wipe()
    throw new Refused("T8.commit")
}

function checkGrant(team: TeamState, me: Me, grant: Grant): void {
    need(equal(grant.team, team.id), "T5.chain")
    const { seq, hash } = grant.head
    // Before all that the team is asked: the vault or the epoch may be among the links not yet here.
    if (seq > team.seq) throw new Waiting()
    const vault = team.vaults.get(hex(grant.vault))
    const epoch = vault?.epochs[grant.epoch - 1]
    need(vault !== undefined && epoch !== undefined, "T7.place")
    need(team.hashes.is(seq, hash), "T7.head")
    const sender = team.byFp(grant.from, seq)
    need(sender !== undefined, "T7.sender")
    need(verifyGrant(grant, sender.identity), "T7.sig")
    const madeEpoch = epoch.signer === sender.id && epoch.seq === seq
    need(madeEpoch || vault.rightAt(sender.id, seq) === MANAGE, "T7.authority")
    const mine = team.members.get(me.member)?.fp
    need(mine !== undefined && equal(grant.to, mine) && equal(mine, me.keyring.fp), "T7.to")
    checkMine(team, vault, me.member, seq)
}

function checkMine(team: TeamState, vault: Vault, member: Id, seq: number): void {
    const now = vault.rightAt(member, team.seq)
    need(now !== NONE && vault.rightAt(member, seq) !== NONE, "T7.right")
    need(seq >= (vault.holdings.get(member)?.since ?? Number.POSITIVE_INFINITY), "T7.since")
}

function openGrant(grant: Grant, keyring: Keyring): Dek {
    let bytes: Uint8Array
    try {
        bytes = keyring.box.open(grant.ct)
    } catch {
        throw new Refused("T7.open")
    }
    try {
        return new Dek(bytes)
    } finally {
        bytes.fill(0)
    }
}
