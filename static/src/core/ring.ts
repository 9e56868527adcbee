/** The DEKs of a vault: from grants that pass every check, and from `old` seals that give what the chain names. */
import { grantVerdict } from "../chain/grant.ts"
import { NONE } from "../chain/team.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { concat, equal, hex, unhex } from "../crypto/bytes.ts"
import { encode } from "../crypto/cbor.ts"
import { Refused, Waiting } from "../crypto/errors.ts"
import type { Grant } from "../crypto/grants.ts"
import { parseGrant } from "../crypto/grants.ts"
import type { Dek, Keyring } from "../crypto/keys.ts"
import { sha256 } from "../crypto/sodium.ts"
import { openOldDek } from "../crypto/wraps.ts"
import type { Books, TeamBook, VaultBook } from "./books.ts"
import type { GrantRow } from "./records.ts"
import { senderOf } from "./signers.ts"

/** Refusals that an honest server's leftovers cause: a grant from before my present right. Not used, and no lie. */
const STALE: readonly string[] = ["T7.right", "T7.since"]

/**
 * Open what the team's grants and `old` seals give me.
 *
 * @returns true if a vault got the first key that somebody else sealed to me, which no browser of mine has reported yet.
 */
export async function fillRings(books: Books, team: TeamBook, keyring: Keyring): Promise<boolean> {
    for (const vault of team.vaults.values()) dropEnded(vault)
    const known = new Set(team.extras.grants.filter((row) => row.opened).map((row) => row.vault))
    let hasArrived = false
    for (const row of team.extras.grants) {
        const sender = takeGrant(books, team, keyring, row)
        if (sender !== null && !known.has(row.vault) && !equal(sender, keyring.fp)) hasArrived = true
    }
    for (const vault of team.vaults.values()) if (vault.ring.size > 0) await openOlds(vault)
    return hasArrived
}

/** A right that ended takes its keys along; one that came back starts anew. */
function dropEnded(vault: VaultBook): void {
    const { team } = vault
    const holding =
        vault.right === NONE ? undefined : team.state.vaults.get(vault.id)?.holdings.get(team.me?.id ?? "")
    const since = holding?.since ?? -1
    if (since === vault.since) return
    if (vault.since !== -1) vault.dropKeys()
    if (vault.since !== -1) team.memo.clear()
    vault.since = since
}

/** Over the signature too: a good grant that came once with a bad one is tried again with its own. */
export function grantKey(row: GrantRow): string {
    return hex(sha256(concat(row.grant, row.sig)))
}

/** Whose grant has given its key just now; null if it gives none, or gave it before. */
function takeGrant(books: Books, team: TeamBook, keyring: Keyring, row: GrantRow): Bytes | null {
    const key = grantKey(row)
    const { me } = team
    if (team.memo.has(key) || me === undefined) return null
    const vault = team.vault(row.vault)
    const stored = encode({ grant: row.grant, sig: row.sig })
    try {
        const dek = grantVerdict(team.state, { member: me.id, keyring }, stored)
        const { epoch, from, vault: named } = parseGrant(stored)
        if (vault === undefined || hex(named) !== row.vault) throw new Refused("T7.place")
        vault.ring.set(epoch, dek)
        team.memo.set(key, "opened")
        return from
    } catch (error) {
        if (error instanceof Waiting) return null
        if (!(error instanceof Refused)) throw error
        team.memo.set(key, { refusal: error.refusal })
        if (vault !== undefined) noteBroken(vault, stored)
        if (!STALE.includes(error.refusal)) {
            const grant = readGrant(row)
            books.refuse(
                error.refusal,
                { team: team.id, vault: row.vault },
                { grant: key, seq: team.state.seq, ...(grant && { from: hex(grant.from) }) },
                { bytes: key, signer: grant && senderOf(team.state, grant) },
            )
        }
        return null
    }
}

/** Was this grant tried and refused as a lie? */
export function isFalse(team: TeamBook, row: GrantRow): boolean {
    const memo = team.memo.get(grantKey(row))
    return typeof memo === "object" && !STALE.includes(memo.refusal)
}

/**
 * Did the server's last word on this team give all that it should: keys that open for every epoch, and everyone's name?
 * If not, it is asked again whenever something moves, whatever it says of having nothing new.
 */
export function isWhole(team: TeamBook): boolean {
    if (team.extras.grants.some((row) => isFalse(team, row))) return false
    for (const vault of team.vaults.values())
        if (vault.right !== NONE && vault.ring.size < vault.epoch) return false
    for (const { left, profile } of team.state.members.values())
        if (left === null && team.textOf(profile.name) === null) return false
    return true
}

function noteBroken(vault: VaultBook, stored: Uint8Array): void {
    try {
        if (parseGrant(stored).epoch === vault.epoch) vault.hasBrokenGrant = true
    } catch {
        // What cannot be parsed names no epoch.
    }
}

/** Step down from every DEK in the ring. An `old` that gives nothing is passed over: any holder may have put it there. */
async function openOlds(vault: VaultBook): Promise<void> {
    const { ring } = vault
    await stepDown(
        vault,
        (epoch) => ring.has(epoch),
        (epoch, dek) => ring.set(epoch, dek),
    )
}

/** The epochs that can be opened from `epoch` by `old` seals alone, itself included. */
export async function reachOf(vault: VaultBook, epoch: number): Promise<Set<number>> {
    const reach = new Set([epoch])
    await stepDown(
        vault,
        (known) => reach.has(known),
        (found, dek) => {
            dek.wipe()
            reach.add(found)
        },
    )
    return reach
}

/** Open every `old` seal that leads from a known epoch, whose DEK is in the ring, to one that is not known yet. */
async function stepDown(
    vault: VaultBook,
    isKnown: (epoch: number) => boolean,
    take: (epoch: number, dek: Dek) => void,
): Promise<void> {
    const olds = vault.team.extras.olds.filter((old) => old.vault === vault.id)
    for (let found = true; found; ) {
        found = false
        for (const { from, to, blob } of olds) {
            if (!isKnown(to) || isKnown(from)) continue
            const dek = vault.ring.get(to)
            const commit = vault.team.state.vaults.get(vault.id)?.epochs[from - 1]?.commit
            if (dek === undefined || commit === undefined) continue
            const old = await openOldDek(dek, placeOf(vault, to), from, commit, blob)
            if (old === null) continue
            take(from, old)
            found = true
        }
    }
}

/** Was the open epoch made while I held a right, and without a key for me? Whoever makes one owes it to every holder. */
export function isPassedOver({ team, id, epoch }: VaultBook): boolean {
    const folded = team.state.vaults.get(id)
    const held = folded?.holdings.get(team.me?.id ?? "")
    if (folded === undefined || held === undefined || held.since >= folded.current.seq) return false
    return !team.extras.grants.some((row) => row.vault === id && readGrant(row)?.epoch === epoch)
}

/** What a grant says of itself; null if it cannot be read. */
export function readGrant(row: GrantRow): Grant | null {
    try {
        return parseGrant(encode({ grant: row.grant, sig: row.sig }))
    } catch {
        return null
    }
}

export function placeOf(vault: VaultBook, epoch: number) {
    return { team: vault.team.state.id, vault: unhex(vault.id), epoch }
}
