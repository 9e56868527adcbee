/** A verified team state as bytes, for the sealed cache of this browser; read back without folding again. */
import type { Bytes } from "../../crypto/bytes"
import { hex, unhex } from "../../crypto/bytes"
import { decode, encode } from "../../crypto/cbor"
import { Hashes, Numbers } from "../columns"
import type { CutAt, Epoch, Given, Holding, Id, Invite, Member } from "./state"
import { NONE, TeamState, Vault } from "./state"

const VERSION = 3

type StoredGiven = [vault: Bytes, right: Given["right"]][]
type StoredMember = [
    id: Bytes,
    keys: [account: Bytes, identity: Bytes, box: Bytes, fp: Bytes],
    role: Member["role"],
    verified: [how: Member["verified"], checked: number],
    invite: Bytes | null,
    profile: [email: Bytes, name: Bytes],
    joined: number,
    left: number | null,
    pending: StoredGiven,
    formerly: [name: Bytes, until: number][],
]
type StoredInvite = [
    hash: Bytes,
    actor: Bytes,
    email: Bytes,
    expiry: number,
    invite: Bytes,
    key: Bytes,
    role: Invite["role"],
    vaults: StoredGiven,
    via: Invite["via"],
    state: Invite["state"],
]
type StoredVault = [
    id: Bytes,
    epochs: [seq: number, epoch: number, commit: Bytes, signer: Bytes][],
    holdings: [member: Bytes, since: number, history: Bytes][],
    dues: number[],
    cuts: [s: number, n: number, h: Bytes][],
]

interface Stored {
    v: number
    id: Bytes
    kind: TeamState["kind"]
    name: Bytes
    hashes: Bytes
    ats: Bytes
    actors: Bytes
    members: StoredMember[]
    invites: StoredInvite[]
    vaults: StoredVault[]
}

/** The whole state. Sealed by the caller: whoever can change these bytes decides what this client believes. */
export function serialiseTeam(state: TeamState): Bytes {
    const stored: Stored = {
        v: VERSION,
        id: state.id,
        kind: state.kind,
        name: state.name,
        hashes: state.hashes.toBytes(),
        ats: state.ats.toBytes(),
        actors: state.actors.toBytes(),
        members: Array.from(state.members.values(), storedMember),
        invites: Array.from(state.invites.values(), storedInvite),
        vaults: Array.from(state.vaults.values(), storedVault),
    }
    return encode({ ...stored })
}

/** @throws {Error} if the bytes are of another version of this client: fold again. */
export function restoreTeam(bytes: Uint8Array): TeamState {
    const stored = decode(bytes) as unknown as Stored
    if (stored.v !== VERSION) throw new Error("stored by another version")
    const columns = [new Hashes(stored.hashes), new Numbers(stored.ats), new Numbers(stored.actors)] as const
    const state = new TeamState(stored, ...columns)
    for (const row of stored.members) state.enter(restoreMember(row))
    for (const row of stored.invites) state.offer(restoreInvite(row))
    for (const row of stored.vaults) {
        const vault = restoreVault(row)
        state.vaults.set(vault.id, vault)
        for (const member of vault.holdings.keys()) {
            if (vault.rightAt(member, state.seq) !== NONE) state.members.get(member)?.held.add(vault.id)
        }
    }
    return state
}

function storedGiven(rights: readonly Given[]): StoredGiven {
    return rights.map(({ vault, right }) => [unhex(vault), right])
}

function restoreGiven(rights: StoredGiven): Given[] {
    return rights.map(([vault, right]) => ({ vault: hex(vault), right }))
}

function storedMember(member: Member): StoredMember {
    const { id, account, identity, box, fp, role, verified, checked, profile, joined, left, pending } = member
    const keys: StoredMember[1] = [unhex(account), identity, box, fp]
    return [
        unhex(id),
        keys,
        role,
        [verified, checked],
        member.invite === null ? null : unhex(member.invite),
        [profile.email, profile.name],
        joined,
        left,
        storedGiven(pending),
        member.formerly.map(({ name, until }) => [name, until]),
    ]
}

function restoreMember([
    id,
    keys,
    role,
    [verified, checked],
    invite,
    [email, name],
    joined,
    left,
    pending,
    formerly,
]: StoredMember): Member {
    const [account, identity, box, fp] = keys
    const roster = {
        id: hex(id),
        account: hex(account),
        identity,
        box,
        fp,
        role,
        verified,
        checked,
        invite: invite === null ? null : hex(invite),
        profile: { email, name },
    }
    const names = formerly.map(([name, until]) => ({ name, until }))
    const rest = { pending: restoreGiven(pending), formerly: names, held: new Set<Id>() }
    return { ...roster, joined, left, ...rest }
}

function storedInvite(one: Invite): StoredInvite {
    const { hash, actor, email, expiry, invite, key, role, vaults, via, state } = one
    const given = storedGiven(vaults)
    return [unhex(hash), unhex(actor), email, expiry, unhex(invite), key, role, given, via, state]
}

function restoreInvite([hash, actor, email, expiry, id, key, role, given, via, state]: StoredInvite): Invite {
    const names = { hash: hex(hash), actor: hex(actor), invite: hex(id) }
    return { ...names, email, expiry, key, role, vaults: restoreGiven(given), via, state }
}

function storedVault(vault: Vault): StoredVault {
    return [
        unhex(vault.id),
        vault.epochs.map(({ seq, epoch, commit, signer }) => [seq, epoch, commit, unhex(signer)]),
        Array.from(vault.holdings, ([member, { since, history }]) => [
            unhex(member),
            since,
            numbers(history),
        ]),
        vault.dues,
        vault.cuts.map(({ s, n, h }) => [s, n, h]),
    ]
}

function restoreVault([id, epochs, holdings, dues, cuts]: StoredVault): Vault {
    const eras = epochs.map(
        ([seq, epoch, commit, signer]): Epoch => ({ seq, epoch, commit, signer: hex(signer) }),
    )
    const restored = cuts.map(([s, n, h]): CutAt => ({ s, n, h }))
    const vault = new Vault(hex(id), eras[0] as Epoch, restored[0] as CutAt)
    for (const era of eras.slice(1)) vault.epochs.push(era)
    for (const cut of restored.slice(1)) vault.cuts.push(cut)
    for (const due of dues) vault.dues.push(due)
    for (const [member, since, history] of holdings) vault.holdings.set(hex(member), holding(since, history))
    return vault
}

function holding(since: number, history: Bytes): Holding {
    return { since, history: Array.from(new Float64Array(new Uint8Array(history).buffer)) }
}

function numbers(values: readonly number[]): Bytes {
    return new Uint8Array(Float64Array.from(values).buffer)
}
