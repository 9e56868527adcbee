/** Pins (SPEC.md 8): what this account has verified, so that no server can show an older or another history. */
import type { Bytes } from "../crypto/bytes"
import { equal, hex } from "../crypto/bytes"
import { encode, tryDecode } from "../crypto/cbor"
import { need, Refused } from "../crypto/errors"
import { ascending, b16, b32, map, uint } from "../crypto/shapes"
import type { RefusalId } from "./refusals"
import type { Id } from "./team"

const VERSION = 1

export interface TeamPin {
    /** The hash of the genesis link: the id alone is not enough to tell two teams apart. */
    readonly genesis: Bytes
    readonly hash: Bytes
    readonly seq: number
    readonly team: Bytes
}

export interface VaultPin {
    readonly hash: Bytes
    readonly seq: number
    readonly team: Bytes
    readonly vault: Bytes
}

export interface Pins {
    readonly serverKey: Bytes
    readonly teams: ReadonlyMap<Id, TeamPin>
    readonly vaults: ReadonlyMap<Id, VaultPin>
}

const ANY = Number.POSITIVE_INFINITY
const SHAPE = map({
    server_key: b32,
    teams: ascending<TeamPin>(
        map({ genesis: b32, hash: b32, seq: uint, team: b16 }),
        0,
        ANY,
        (pin) => pin.team,
    ),
    v: uint,
    vaults: ascending<VaultPin>(
        map({ hash: b32, seq: uint, team: b16, vault: b16 }),
        0,
        ANY,
        (pin) => pin.vault,
    ),
})

/** The plaintext of the pins' seal. */
export function encodePins(pins: Pins): Bytes {
    const teams = byId(pins.teams).map(({ genesis, hash, seq, team }) => ({ genesis, hash, seq, team }))
    const vaults = byId(pins.vaults).map(({ hash, seq, team, vault }) => ({ hash, seq, team, vault }))
    return encode({ server_key: pins.serverKey, teams, v: VERSION, vaults })
}

function byId<T>(pins: ReadonlyMap<Id, T>): T[] {
    return [...pins].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pin]) => pin)
}

/** @throws {Refused} `R17.bundle` if the bytes are not exactly pins. */
export function decodePins(bytes: Uint8Array): Pins {
    const value = tryDecode(bytes)
    need(value !== undefined && SHAPE(value), "R17.bundle")
    const stored = value as unknown as { server_key: Bytes; teams: TeamPin[]; v: number; vaults: VaultPin[] }
    need(stored.v === VERSION, "R17.bundle")
    return {
        serverKey: stored.server_key,
        teams: new Map(stored.teams.map((pin) => [hex(pin.team), pin])),
        vaults: new Map(stored.vaults.map((pin) => [hex(pin.vault), pin])),
    }
}

/** A chain that this client has verified from its beginning. A `TeamState`'s or `VaultState`'s hashes are one. */
export interface Verified {
    /** The number of links, counting the one with seq 0. */
    readonly length: number
    /** Is this the hash at `seq`? */
    is(seq: number, hash: Uint8Array): boolean
}

/**
 * Hold a verified chain against its pin.
 *
 * @throws {Refused} `R23.genesis`, `T4.older`, `T4.fork`.
 */
export function checkPin(pin: TeamPin | VaultPin, chain: Verified): void {
    if ("genesis" in pin) need(chain.is(0, pin.genesis), "R23.genesis")
    need(pin.seq < chain.length, "T4.older")
    need(chain.is(pin.seq, pin.hash), "T4.fork")
}

/** My verified chains, by id; undefined for one that I have not folded (yet). */
export interface Chains {
    team(id: Id): Verified | undefined
    vault(id: Id): Verified | undefined
}

export interface Merged {
    readonly pins: Pins
    /** Chains whose two pins differ and that I have not folded as far as the higher: they keep my pin. Merge again later. */
    readonly undecided: readonly Id[]
    /** Chains whose two pins contradict each other, and how: they keep my pin. `R23.genesis`, `T4.fork`. */
    readonly refused: ReadonlyMap<Id, RefusalId>
}

/**
 * Merge the pins of this browser with those of the server, chain by chain: the higher seq wins, but only if my
 * verified chain up to there contains the lower.
 *
 * @throws {Refused} `A3.server_key`.
 */
export function mergePins(mine: Pins, theirs: Pins, chains: Chains): Merged {
    need(equal(mine.serverKey, theirs.serverKey), "A3.server_key")
    const open = { undecided: [] as Id[], refused: new Map<Id, RefusalId>() }
    const teams = mergeAll(mine.teams, theirs.teams, (id) => chains.team(id), open)
    const vaults = mergeAll(mine.vaults, theirs.vaults, (id) => chains.vault(id), open)
    return { pins: { serverKey: mine.serverKey, teams, vaults }, ...open }
}

function mergeAll<P extends TeamPin | VaultPin>(
    mine: ReadonlyMap<Id, P>,
    theirs: ReadonlyMap<Id, P>,
    chainOf: (id: Id) => Verified | undefined,
    open: { undecided: Id[]; refused: Map<Id, RefusalId> },
): Map<Id, P> {
    const merged = new Map(mine)
    for (const [id, their] of theirs) {
        const my = mine.get(id)
        try {
            const pin = my === undefined ? their : merge(my, their, chainOf(id))
            if (pin === undefined) open.undecided.push(id)
            else merged.set(id, pin)
        } catch (error) {
            if (!(error instanceof Refused)) throw error
            open.refused.set(id, error.refusal)
        }
    }
    return merged
}

/** The pin that wins, or undefined if my chain does not reach the higher one. @throws {Refused} */
function merge<P extends TeamPin | VaultPin>(mine: P, theirs: P, chain: Verified | undefined): P | undefined {
    if ("genesis" in mine && "genesis" in theirs) need(equal(mine.genesis, theirs.genesis), "R23.genesis")
    // A vault stays in its team: of one id in two teams each browser keeps the one that it saw first.
    if (!equal(mine.team, theirs.team)) return undefined
    if (mine.seq === theirs.seq) {
        need(equal(mine.hash, theirs.hash), "T4.fork")
        return mine
    }
    const higher = mine.seq > theirs.seq ? mine : theirs
    if (chain === undefined || chain.length <= higher.seq) return undefined
    need(chain.is(mine.seq, mine.hash) && chain.is(theirs.seq, theirs.hash), "T4.fork")
    return higher
}
