/**
 * What this client could give back to a server whose backup was restored (design 5), and what it shows when a server
 * tells two histories: signed links as they came, and my own requests with their blobs, of the last thirty days. Sealed
 * in this browser. Nothing is decided by it: every link is held against the fold, or judged by the server, before it is
 * used. This browser's clock only says what is old enough to be thrown away.
 */
import type { Bytes } from "../crypto/bytes.ts"
import { hex, random } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import { decode } from "../crypto/cbor.ts"
import { sha256 } from "../crypto/sodium.ts"
import type { Clock } from "./clock.ts"
import type { Shelf } from "./shelf.ts"
import { asBytes, asList, asMap, asText, orNull } from "./wire.ts"

export const DAY = 86_400_000 // ms
const DAYS = 30
const BATCH = 500 // links of one record

/** One link as it was signed, with what went beside it if it was mine. */
export interface Piece {
    readonly signed: Bytes
    /** What my own request brought with the link; null for a link that I only read. */
    readonly mine: {
        readonly openings: readonly Value[]
        readonly grants: readonly Value[]
        readonly olds: readonly Value[]
        readonly blobs: readonly Value[]
    } | null
    /** The whole request, if the link is a genesis of mine. */
    readonly genesis: Bytes | null
}

/** By the hash of the link, hex: two histories have two links for one place. */
export type Pieces = ReadonlyMap<string, Piece>

interface Read {
    readonly chain: string
    readonly signed: Bytes
}

export class Kept {
    readonly #shelf: Shelf
    readonly #clock: Clock
    #unwritten: Read[] = []

    constructor(shelf: Shelf, clock: Clock) {
        this.#shelf = shelf
        this.#clock = clock
    }

    /** A link that was verified here. Written with the next {@link flush}; an old one is not kept. */
    note(chain: string, link: { readonly signed: Bytes; readonly at: number }): void {
        if (link.at >= this.#clock.now() - DAYS * DAY) this.#unwritten.push({ chain, signed: link.signed })
    }

    /** A request of mine that was accepted. */
    async request(path: string, body: Bytes): Promise<void> {
        await this.#shelf.put("kept", this.#id(), { path, body })
    }

    async flush(): Promise<void> {
        while (this.#unwritten.length > 0) {
            const links = this.#unwritten.splice(0, BATCH).map((link) => ({ ...link }))
            await this.#shelf.put("kept", this.#id(), { links })
        }
    }

    /** Throw away what is older than thirty days. */
    async prune(): Promise<void> {
        await this.#shelf.prune("kept", dayOf(this.#clock.now() - DAYS * DAY))
    }

    /** Everything that is kept, and what is still to be written. */
    async pieces(): Promise<Pieces> {
        const pieces = new Map<string, Piece>()
        for (const { signed } of this.#unwritten) addRead(pieces, signed)
        for (const { value } of await this.#shelf.list("kept")) addRecord(pieces, asMap(value))
        return pieces
    }

    /** The day first, so that old records are known by their names. */
    #id(): string {
        return dayOf(this.#clock.now()) + hex(random(12))
    }
}

/** Eight hexadecimal digits. */
function dayOf(at: number): string {
    return Math.max(0, Math.floor(at / DAY))
        .toString(16)
        .padStart(8, "0")
}

function addRecord(pieces: Map<string, Piece>, record: Readonly<Record<string, unknown>>): void {
    const links = orNull(record["links"], asList)
    if (links === null) addRequest(pieces, asText(record["path"]), asBytes(record["body"]))
    else for (const link of links) addRead(pieces, asBytes(asMap(link)["signed"]))
}

function addRead(pieces: Map<string, Piece>, signed: Bytes): void {
    const hash = hex(sha256(signed))
    if (!pieces.has(hash)) pieces.set(hash, { signed, mine: null, genesis: null })
}

/** Take a request of mine apart: a team link, a vault link, or a rotation with the change that needed it. */
function addRequest(pieces: Map<string, Piece>, path: string, bytes: Bytes): void {
    const body = asMap(decode(bytes))
    const link = orNull(body["link"], asBytes)
    const [rotation, change] = [orNull(body["rotation"], asMap), orNull(body["change"], asMap)]
    if (link !== null) addMine(pieces, link, body, path === "teams" ? bytes : null)
    if (rotation !== null) addMine(pieces, asBytes(rotation["link"]), rotation, null)
    if (change !== null) addMine(pieces, asBytes(change["link"]), change, null)
}

function addMine(
    pieces: Map<string, Piece>,
    signed: Bytes,
    from: Readonly<Record<string, unknown>>,
    genesis: Bytes | null,
): void {
    const list = (name: string) => (orNull(from[name], asList) ?? []) as readonly Value[]
    const mine = {
        openings: list("openings"),
        grants: list("grants"),
        olds: list("olds"),
        blobs: list("blobs"),
    }
    pieces.set(hex(sha256(signed)), { signed, mine, genesis })
}

/** The blobs of a revision that I wrote, by the place of its link's entry among those that are no purge. */
export function blobAt(
    piece: Piece,
    place: number,
): { overview: Bytes; details: Bytes; c_details: Bytes } | null {
    const blob = orNull(piece.mine?.blobs[place], asMap)
    if (blob === null) return null
    return {
        overview: asBytes(blob["overview"]),
        details: asBytes(blob["details"]),
        c_details: asBytes(blob["c_details"], 32),
    }
}
