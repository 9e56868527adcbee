/** Everything that a folded state holds, as canonical bytes: tests/fuzz/dump.py writes the same. */
import type { Given, Id, Invite, Member, TeamState, Vault } from "../../src/chain/team"
import { NONE } from "../../src/chain/team"
import type { VaultState } from "../../src/chain/vault"
import type { Bytes } from "../../src/crypto/bytes"
import { unhex } from "../../src/crypto/bytes"
import type { Value } from "../../src/crypto/cbor"
import { encode } from "../../src/crypto/cbor"

/** Also what the digest of SPEC.md 4.2 leaves out: histories, keys, profiles, indexes. */
export function dumpTeam(state: TeamState): Bytes {
    const members = sorted(state.members)
    const opened = members.map(({ id }) => ids(state.openInvites(id).map(({ hash }) => hash)))
    return encode({
        hashes: state.hashes.toBytes(),
        head: state.head,
        id: state.id,
        invites: sorted(state.invites).map(dumpInvite),
        kind: state.kind,
        members: members.map(dumpMember),
        name: state.name,
        open: opened,
        owners: state.owners(),
        seq: state.seq,
        vaults: sorted(state.vaults).map((vault) => dumpOneVault(state, vault)),
    })
}

export function dumpVault(state: VaultState): Bytes {
    const items = [...state.items()]
        .toSorted((a, b) => (a.item < b.item ? -1 : 1))
        .map(({ item, revision, hash }) => [unhex(item), revision, hash])
    const { head, seen, seq, judged } = state
    return encode({ head, seen, seq, id: unhex(state.id), items, judged })
}

function sorted<T>(entries: ReadonlyMap<Id, T>): T[] {
    return [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value)
}

function ids(these: readonly Id[]): Bytes[] {
    return these.toSorted().map(unhex)
}

function dumpMember(member: Member): Value {
    const { identity, box, fp, role, verified, joined, left, profile } = member
    const who = [unhex(member.id), unhex(member.account), identity, box, fp]
    const standing = [role, verified, joined, left, profile.email, profile.name]
    return [...who, ...standing, rights(member.pending), ids([...member.held])]
}

function dumpInvite(one: Invite): Value {
    const said = [one.email, one.expiry, unhex(one.invite), one.key, one.role, one.via]
    return [unhex(one.hash), unhex(one.actor), one.state, ...said, rights(one.vaults)]
}

function rights(given: readonly Given[]): Value {
    return given.map(({ vault, right }) => [unhex(vault), right])
}

function dumpOneVault(state: TeamState, vault: Vault): Value {
    const epochs = vault.epochs.map(({ seq, epoch, commit, signer }) => [seq, epoch, commit, unhex(signer)])
    const held = [...vault.holdings]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([member, { history, since }]) => {
            const now = state.rightAt(vault.id, member)
            return [unhex(member), changes(history), now === NONE ? null : since]
        })
    const cuts = vault.cuts.map(({ s, n, h }) => [s, n, h])
    return [unhex(vault.id), epochs, cuts, changes(vault.dues), held]
}

/** seq, value, seq, value …: only where the value becomes another, 0 before the first. */
function changes(pairs: readonly number[]): number[] {
    const kept: number[] = []
    let before = 0
    for (let i = 0; i < pairs.length; i += 2) {
        const [seq, value] = [pairs[i] as number, pairs[i + 1] as number]
        if (value !== before) kept.push(seq, value)
        before = value
    }
    return kept
}
