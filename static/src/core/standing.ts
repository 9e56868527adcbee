/**
 * May a signed request still leave? What was sealed under a key that a removal has made stale, or signed for a team that
 * is refused here, stays: the server could hand it to whoever was removed. Asked before every sending, the first too,
 * since folds move while seals are made.
 */
import type { Cut } from "../crypto/bodies.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { equal, hex } from "../crypto/bytes.ts"
import { decode } from "../crypto/cbor.ts"
import type { TeamLink, VaultLink } from "../crypto/links.ts"
import { parseSigned } from "../crypto/links.ts"
import type { Books, TeamBook, VaultBook } from "./books.ts"
import { asBytes, asMap, orNull } from "./wire.ts"

/** `later`: something is to come first. `never`: as things stand it may not leave any more. */
export type Standing = "now" | "later" | "never"

/** What the verified folds say of a signed request. */
export interface Folds {
    /** The hash at a place, or null while nothing is there. */
    hashAt(chain: string, seq: number): Bytes | null
    /** May this request still leave? */
    standing(path: string, body: Bytes): Standing
}

export function foldsOf(books: Books): Folds {
    return {
        hashAt: (chain, seq) => books.hashAt(chain, seq),
        standing: (path, body) => standingOf(books, path, body),
    }
}

/** The path of a request that founds a team. */
export const FOUNDING = "teams"

/** @param path - of the request, whose body holds a genesis, a team link, or a change with or without a new key. */
function standingOf(books: Books, path: string, body: Bytes): Standing {
    if (path === FOUNDING) return "now"
    const request = asMap(decode(body))
    const link = orNull(request["link"], asBytes)
    if (path.endsWith("/links")) return ofTeamLink(books, parseSigned(asBytes(link), "team"))
    const rotation = orNull(request["rotation"], asMap)
    const made = rotation === null ? null : parseSigned(asBytes(rotation["link"]), "team")
    const change = link === null ? null : parseSigned(link, "vault")
    const first = made === null ? "now" : ofTeamLink(books, made)
    return change === null || first !== "now" ? first : ofChange(books, change, made)
}

function ofTeamLink(books: Books, link: TeamLink): Standing {
    const team = books.teams.get(hex(link.chain))
    const standing = ofTeam(team)
    if (standing !== "now" || team === undefined) return standing
    const cuts: readonly Cut[] = "cut" in link.body ? link.body.cut : []
    return cuts.every((cut) => isHead(team, cut)) ? "now" : "never"
}

/** A cut behind what is folded by now would make a fork of it. One that nothing meets may be said again. */
function isHead(team: TeamBook, { vault, hash }: Cut): boolean {
    const unmet = team.unmetCut(hex(vault))
    if (unmet !== null) return equal(unmet.h, hash)
    const head = team.vaults.get(hex(vault))?.state.head
    return head !== undefined && equal(head, hash)
}

function ofTeam(team: TeamBook | undefined): Standing {
    if (team === undefined) return "later"
    if (team.isFinal) return "never"
    return team.isBehind || team.isStale || team.isMissing || team.isKmsUnavailable ? "later" : "now"
}

function ofChange(books: Books, change: VaultLink, rotation: TeamLink | null): Standing {
    const vault = books.vault(hex(change.chain))
    const standing = ofTeam(vault?.team)
    if (standing !== "now" || vault === undefined) return standing
    if (vault.isFinal) return "never"
    if (vault.isBehind || vault.isStale || vault.isWaiting) return "later"
    if (rotation !== null && !isThere(books, rotation)) return "now"
    return isCurrent(vault, change) ? "now" : "never"
}

/** Sealed under the open key, which nobody owes a successor, having seen the last cut: every right that is lowered cuts. */
function isCurrent(vault: VaultBook, { body, seen }: VaultLink): boolean {
    const cut = vault.team.state.vaults.get(vault.id)?.lastCut
    return !vault.isDue && body.epoch === vault.epoch && seen !== null && seen.seq >= (cut?.s ?? 0)
}

function isThere(books: Books, { chain, seq, hash }: TeamLink): boolean {
    const there = books.hashAt(hex(chain), seq)
    return there !== null && equal(there, hash)
}
