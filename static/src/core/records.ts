/** What the sync route says (contract of `/sync`), read by type. Nothing here is believed; the folds decide. */
import type { Bytes } from "../crypto/bytes.ts"
import { hex } from "../crypto/bytes.ts"
import { CoreFailure, ensure } from "./failure.ts"
import type { Answer } from "./wire.ts"
import { asBool, asBytes, asList, asMap, asText, asUint, orNull } from "./wire.ts"

export interface HeadRow {
    readonly seq: number
    readonly hash: Bytes
}

export interface Opening {
    readonly kind: "name" | "email" | "team"
    readonly salt: Bytes
    readonly text: string
}

export interface GrantRow {
    readonly vault: string
    readonly grant: Bytes
    readonly sig: Bytes
    readonly opened: boolean
}

export interface OldRow {
    readonly vault: string
    readonly from: number
    readonly to: number
    readonly blob: Bytes
}

export interface WaitingRow {
    readonly invite: string
    readonly accept: Bytes
    readonly by_invite: Bytes
    readonly by_identity: Bytes
    readonly opening: Opening
}

export interface PendingRow {
    readonly vault: string
    readonly epoch: number
    readonly to: string
}

/** A grant whose recipient's browser reported that it does not open. Told to managers only. */
export interface BrokenRow {
    readonly vault: string
    readonly epoch: number
    /** Fingerprints, hex. */
    readonly to: string
    readonly from: string
}

/** Everything of a team that is not in its chain. Replaced as a whole by each record. */
export interface Extras {
    readonly stir: number
    readonly openings: readonly Opening[]
    readonly grants: readonly GrantRow[]
    readonly olds: readonly OldRow[]
    readonly waiting: readonly WaitingRow[]
    readonly pending: readonly PendingRow[]
    readonly broken: readonly BrokenRow[]
}

export interface TeamRecord extends HeadRow {
    readonly team: string
    readonly links: readonly Bytes[]
    readonly extras: Extras
}

export interface VaultRecord extends HeadRow {
    readonly vault: string
    readonly team: string
}

export interface ItemRow {
    readonly item: string
    readonly revision: number
    readonly epoch: number
    readonly author: Bytes
    readonly details: Bytes // c(details)
    readonly overview: Bytes // sealed
}

export interface LinksRecord {
    readonly vault: string
    readonly first: number
    readonly links: readonly Bytes[]
}

/** What lies behind my cursor. */
export interface Delta {
    readonly teams: TeamRecord[]
    readonly vaults: Map<string, VaultRecord>
    readonly items: Map<string, ItemRow[]>
    readonly links: Map<string, LinksRecord[]>
}

/** The first record of an answer: which chains there are, and how far. */
export interface Heads {
    readonly teams: readonly (HeadRow & { team: string; stir: number })[]
    readonly unavailable: readonly string[]
    readonly vaults: readonly VaultRecord[]
}

const KINDS: readonly string[] = ["name", "email", "team"]

function id(value: unknown): string {
    return hex(asBytes(value, 16))
}

function opening(value: unknown): Opening {
    const fields = asMap(value)
    const kind = asText(fields["kind"])
    if (!KINDS.includes(kind)) throw new CoreFailure("server")
    return { kind: kind as Opening["kind"], salt: asBytes(fields["salt"], 32), text: asText(fields["text"]) }
}

function grant(value: unknown): GrantRow {
    const fields = asMap(value)
    return {
        vault: id(fields["vault"]),
        grant: asBytes(fields["grant"]),
        sig: asBytes(fields["sig"], 64),
        opened: asBool(fields["opened"]),
    }
}

function old(value: unknown): OldRow {
    const fields = asMap(value)
    return {
        vault: id(fields["vault"]),
        from: asUint(fields["from"]),
        to: asUint(fields["to"]),
        blob: asBytes(fields["blob"]),
    }
}

function waiting(value: unknown): WaitingRow {
    const fields = asMap(value)
    return {
        invite: hex(asBytes(fields["invite"], 32)),
        accept: asBytes(fields["accept"]),
        by_invite: asBytes(fields["by_invite"], 64),
        by_identity: asBytes(fields["by_identity"], 64),
        opening: opening(fields["opening"]),
    }
}

function pending(value: unknown): PendingRow {
    const fields = asMap(value)
    return { vault: id(fields["vault"]), epoch: asUint(fields["epoch"]), to: hex(asBytes(fields["to"], 32)) }
}

function broken(value: unknown): BrokenRow {
    return { ...pending(value), from: hex(asBytes(asMap(value)["from"], 32)) }
}

function rows<T>(value: unknown, read: (row: unknown) => T): T[] {
    return (orNull(value, asList) ?? []).map(read)
}

export function readOpenings(value: unknown): Opening[] {
    return rows(value, opening)
}

function readTeam(fields: Answer): TeamRecord {
    return {
        team: id(fields["team"]),
        seq: asUint(fields["seq"]),
        hash: asBytes(fields["hash"], 32),
        links: rows(fields["links"], (link) => asBytes(link)),
        extras: {
            stir: asUint(fields["stir"]),
            openings: readOpenings(fields["openings"]),
            grants: rows(fields["grants"], grant),
            olds: rows(fields["olds"], old),
            waiting: rows(fields["waiting"], waiting),
            pending: rows(fields["pending"], pending),
            broken: rows(fields["broken"], broken),
        },
    }
}

function readVault(fields: Answer): VaultRecord {
    return {
        vault: id(fields["vault"]),
        team: id(fields["team"]),
        seq: asUint(fields["seq"]),
        hash: asBytes(fields["hash"], 32),
    }
}

/** A row without an overview says that the item was purged. That is not taken from here: the vault's chain says it. */
function hasOverview(value: unknown): boolean {
    return asList(value)[5] !== null
}

function readItem(value: unknown): ItemRow {
    const [item, revision, epoch, author, details, overview] = asList(value)
    return {
        item: id(item),
        revision: asUint(revision),
        epoch: asUint(epoch),
        author: asBytes(author, 16),
        details: asBytes(details, 32),
        overview: asBytes(overview),
    }
}

/** How many values each kind of record has, its kind counted. */
const LENGTHS: ReadonlyMap<unknown, number> = new Map([
    ["heads", 2],
    ["team", 2],
    ["vault", 2],
    ["items", 3],
    ["links", 4],
    ["end", 1],
])

/** The records of one answer. @throws {CoreFailure} `server`, also if the first or the last record is missing. */
export function readAnswer(values: readonly unknown[]): { heads: Heads; delta: Delta } {
    const records = values.map(asList)
    const [first, last] = [records[0], records.at(-1)]
    if (first?.[0] !== "heads" || last?.[0] !== "end") throw new CoreFailure("server")
    for (const record of records) ensure(record.length === LENGTHS.get(record[0]), "server")
    const delta: Delta = { teams: [], vaults: new Map(), items: new Map(), links: new Map() }
    for (const record of records.slice(1, -1)) readRecord(record, delta)
    return { heads: readHeads(first[1]), delta }
}

function readRecord(record: readonly unknown[], delta: Delta): void {
    const [kind, first, second, third] = record
    if (kind === "team") delta.teams.push(readTeam(asMap(first)))
    else if (kind === "vault") delta.vaults.set(id(asMap(first)["vault"]), readVault(asMap(first)))
    else if (kind === "items")
        append(delta.items, id(first), asList(second).filter(hasOverview).map(readItem))
    else if (kind === "links") {
        const links = asList(third).map((link) => asBytes(link))
        append(delta.links, id(first), [{ vault: id(first), first: asUint(second), links }])
    } else throw new CoreFailure("server")
}

function append<T>(into: Map<string, T[]>, key: string, more: T[]): void {
    const there = into.get(key)
    if (there === undefined) into.set(key, more)
    else for (const one of more) there.push(one)
}

function readHeads(value: unknown): Heads {
    const fields = asMap(value)
    const teams = asList(fields["teams"]).map(asMap)
    const whole = teams.filter((team) => team["error"] === undefined)
    return {
        teams: whole.map((team) => ({
            team: id(team["team"]),
            seq: asUint(team["seq"]),
            hash: asBytes(team["hash"], 32),
            stir: asUint(team["stir"]),
        })),
        unavailable: teams.filter((team) => team["error"] !== undefined).map((team) => id(team["team"])),
        vaults: asList(fields["vaults"]).map((vault) => readVault(asMap(vault))),
    }
}
