/** The vault fold (SPEC.md 4.1): one pass over a vault's links, on a team that is folded already. */
import type { Entry } from "../crypto/bodies"
import type { Bytes } from "../crypto/bytes"
import { equal, hex, unhex } from "../crypto/bytes"
import { decode, encode } from "../crypto/cbor"
import { need, Refused, Waiting } from "../crypto/errors"
import type { VaultLink } from "../crypto/links"
import { parseSigned, verifyLink } from "../crypto/links"
import { sha256 } from "../crypto/sodium"
import { Hashes, Numbers } from "./columns"
import type { RefusalId } from "./refusals"
import type { Id, TeamState, Vault } from "./team"
import { MANAGE, WRITE } from "./team"
import { lastAtMost } from "./team/state"

const ID_SIZE = 16 // bytes
const ZERO32 = new Uint8Array(32)

/** One revision of an item, as its author signed it. */
export interface Revision {
    readonly item: Id
    readonly revision: number
    /** null: the item is purged. */
    readonly hash: Bytes | null
    /** The member who signed it; never changes. */
    readonly author: Id
    /** The epoch it was written in. A blob may have been sealed again in a later one. */
    readonly epoch: number
    readonly seq: number
    readonly at: number // Unix ms by the author's clock
}

interface Item {
    readonly index: number
    /** Rows of the changes, by revision − 1. */
    readonly rows: number[]
    purged: boolean
}

/** What is kept of a vault's links and changes, one row each. Row 0 of the links is the `vault_create`. */
interface Columns {
    readonly hashes: Hashes
    readonly seens: Numbers
    readonly ats: Numbers
    readonly epochs: Numbers
    readonly actors: Numbers // index into `authors`
    readonly changeHashes: Hashes
    readonly changeSeqs: Numbers
    readonly changeItems: Numbers // index of the item
}

/** A folded vault chain. Only `step` and `judgeCuts` change it; everyone else reads. */
export class VaultState {
    readonly id: Id
    /** The team seq up to which every cut has been compared with this chain. */
    judged: number
    readonly columns: Columns
    readonly #authors: Id[] = []
    readonly #authorPlaces = new Map<Id, number>()
    readonly #items = new Map<Id, Item>()
    readonly #order: Id[] = []

    constructor(
        id: Id,
        judged: number,
        columns: Columns,
        authors: readonly Id[],
        items: readonly Id[],
        purged: Set<Id>,
    ) {
        this.id = id
        this.judged = judged
        this.columns = columns
        for (const author of authors) this.#authorPlace(author)
        for (const item of items) this.#enter(item).purged = purged.has(item)
        for (let row = 0; row < columns.changeItems.length; row++) {
            this.#items.get(this.#order[columns.changeItems.at(row)] as Id)?.rows.push(row)
        }
    }

    get seq(): number {
        return this.columns.hashes.length - 1
    }

    get head(): Bytes {
        return this.columns.hashes.at(this.seq)
    }

    /** The team seq that the last link's signer had seen. */
    get seen(): number {
        return this.columns.seens.at(this.seq)
    }

    get authors(): readonly Id[] {
        return this.#authors
    }

    /** The ids of all items ever, in the order in which they came. */
    get order(): readonly Id[] {
        return this.#order
    }

    isPurged(item: Id): boolean {
        return this.#items.get(item)?.purged ?? false
    }

    /** How many revisions an item has; 0 if it does not exist. */
    revisionOf(item: Id): number {
        return this.#items.get(item)?.rows.length ?? 0
    }

    /** The last revision of an item. */
    latest(item: Id): Revision | undefined {
        return this.revision(item, this.revisionOf(item))
    }

    /** A revision by its number, from 1. */
    revision(item: Id, revision: number): Revision | undefined {
        const found = this.#items.get(item)
        const row = found?.rows[revision - 1]
        if (found === undefined || row === undefined) return undefined
        const { columns } = this
        const seq = columns.changeSeqs.at(row)
        const purge = found.purged && revision === found.rows.length
        return {
            item,
            revision,
            hash: purge ? null : columns.changeHashes.at(row),
            author: this.#authors[columns.actors.at(seq)] as Id,
            epoch: columns.epochs.at(seq),
            seq,
            at: columns.ats.at(seq),
        }
    }

    /** The last revision of every item, purged ones included. */
    *items(): Generator<Revision> {
        for (const id of this.#order) {
            const last = this.latest(id)
            if (last !== undefined) yield last
        }
    }

    /** Who made the link at `seq` (from 1), and when by their clock (Unix ms). */
    linkAt(seq: number): { actor: Id; at: number } {
        return { actor: this.#authors[this.columns.actors.at(seq)] as Id, at: this.columns.ats.at(seq) }
    }

    /** Count a link in, after its checks. */
    append(link: VaultLink, seen: number): void {
        const { columns } = this
        columns.hashes.push(link.hash)
        columns.seens.push(seen)
        columns.ats.push(link.at)
        columns.epochs.push(link.body.epoch)
        columns.actors.push(this.#authorPlace(hex(link.actor)))
        for (const [item, , hash] of link.body.entries) this.#change(hex(item), hash, link.seq)
    }

    #change(id: Id, hash: Bytes | null, seq: number): void {
        const item = this.#items.get(id) ?? this.#enter(id)
        item.rows.push(this.columns.changeSeqs.length)
        item.purged = hash === null
        this.columns.changeHashes.push(hash ?? ZERO32)
        this.columns.changeSeqs.push(seq)
        this.columns.changeItems.push(item.index)
    }

    #enter(id: Id): Item {
        const item = { index: this.#order.length, rows: [], purged: false }
        this.#items.set(id, item)
        this.#order.push(id)
        return item
    }

    #authorPlace(author: Id): number {
        const known = this.#authorPlaces.get(author)
        if (known !== undefined) return known
        this.#authorPlaces.set(author, this.#authors.length)
        return this.#authors.push(author) - 1
    }
}

/**
 * The state before the first vault link.
 *
 * @throws {Refused} `R13.vault` if the team has no such vault.
 */
export function startVault(team: TeamState, vault: Id): VaultState {
    const created = team.vaults.get(vault)?.cuts[0]
    need(created !== undefined, "R13.vault")
    const columns = {
        hashes: new Hashes(),
        seens: new Numbers(),
        ats: new Numbers(),
        epochs: new Numbers(),
        actors: new Numbers(),
        changeHashes: new Hashes(),
        changeSeqs: new Numbers(),
        changeItems: new Numbers(),
    }
    columns.hashes.push(created.h)
    columns.seens.push(created.s)
    columns.ats.push(team.linkAt(created.s).at)
    columns.epochs.push(1)
    columns.actors.push(0)
    return new VaultState(vault, created.s, columns, [team.linkAt(created.s).actor.id], [], new Set())
}

/**
 * The vault after one more link. The state is changed in place if the link is valid, and is as before if not.
 *
 * @param verify - false only for links whose signatures this device has verified before.
 * @throws {Refused} with the first check that fails.
 * @throws {Waiting} if the signer had seen more of the team than `team` holds.
 */
export function step(team: TeamState, state: VaultState, bytes: Uint8Array, verify = true): VaultState {
    judgeCuts(team, state)
    const link = parseSigned(bytes, "vault")
    const seen = checkPlace(team, state, link)
    const vault = team.vaults.get(state.id) as Vault
    checkCuts(vault, link, seen)
    checkActor(team, vault, link, seen, verify)
    checkEntries(state, link.body.entries, vault.rightAt(hex(link.actor), seen) === MANAGE)
    state.append(link, seen)
    return state
}

function checkPlace(team: TeamState, state: VaultState, link: VaultLink): number {
    need(hex(link.chain) === state.id, "T5.chain")
    need(link.seq === state.seq + 1, "T1.seq")
    need(equal(link.prev, state.head), "T1.prev")
    need(link.seen !== null, "T1.seen")
    if (link.seen.seq > team.seq) throw new Waiting()
    need(team.hashes.is(link.seen.seq, link.seen.hash), "T1.seen_hash")
    need(link.seen.seq >= state.seen, "T15.seen")
    return link.seen.seq
}

/** Of all cuts two can matter, since neither s nor n ever falls: one at this place, and the last one before it. */
function checkCuts({ cuts }: Vault, link: VaultLink, seen: number): void {
    const here = cuts[lastAtMost(cuts.length, (i) => cuts[i]?.n as number, link.seq)]
    need(here?.n !== link.seq || equal(here.h, link.hash), "T15.cut")
    const before = cuts[lastAtMost(cuts.length, (i) => cuts[i]?.n as number, link.seq - 1)]
    need(before === undefined || seen >= before.s, "T15.backdated")
}

function checkActor(team: TeamState, vault: Vault, link: VaultLink, seen: number, verify: boolean): void {
    const actor = team.presentAt(hex(link.actor), seen)
    need(actor !== undefined, "T2.actor")
    const [sig, more] = link.sigs
    need(sig !== undefined && more === undefined && equal(sig.fp, actor.fp), "T1.signers")
    if (verify) need(verifyLink(link, actor.identity), "T1.sig")
    need(vault.rightAt(actor.id, seen) >= WRITE, "T15.right")
    need(link.body.epoch === vault.epochAt(seen), "T15.epoch")
    need(!vault.dueAt(seen), "T9.due")
}

function checkEntries(state: VaultState, entries: readonly Entry[], manages: boolean): void {
    for (const [bytes, revision, hash] of entries) {
        const item = hex(bytes)
        const before = state.revisionOf(item)
        need(revision === before + 1 && !state.isPurged(item), "T14.revision")
        need(hash !== null || (manages && before > 0 && item !== state.id), "T14.purge")
    }
}

/**
 * Compare the cuts that are new since the last time with the verified head. A cut beyond the head is compared later,
 * with the link that comes to its place.
 *
 * @throws {Refused} `T4.cut`, a fork: a new cut lies behind the head (the link after it cannot have seen the cut), or
 * names another link for the head's place.
 */
export function judgeCuts(team: TeamState, state: VaultState): void {
    const cuts = team.vaults.get(state.id)?.cuts ?? []
    for (let i = cuts.length - 1; i >= 0; i--) {
        const cut = cuts[i]
        if (cut === undefined || cut.s <= state.judged) break
        need(cut.n > state.seq || (cut.n === state.seq && equal(cut.h, state.head)), "T4.cut")
    }
    state.judged = team.seq
}

export type Verdict = "valid" | "waiting" | "refused" | "fork"

/** The verdict of the cuts on a chain without a next link: `waiting` if one lies beyond the head (read, do not write). */
export function cutVerdict(team: TeamState, state: VaultState): Exclude<Verdict, "refused"> {
    try {
        judgeCuts(team, state)
    } catch (error) {
        if (error instanceof Refused) return "fork"
        throw error
    }
    return awaitsCut(team, state) ? "waiting" : "valid"
}

/** Does a cut lie beyond the head? Then links are still to come: read, do not write. */
export function awaitsCut(team: TeamState, state: VaultState): boolean {
    return (team.vaults.get(state.id)?.lastCut.n ?? 0) > state.seq
}

export interface VaultFold {
    readonly state: VaultState
    /** How many of the links are valid. */
    readonly valid: number
    readonly verdict: Verdict
    /** What was wrong, if refused or a fork. */
    readonly refusal: RefusalId | null
}

/** Fold links onto a start or a verified state, which is changed, and judge the cuts before and after. */
export function foldVault(
    team: TeamState,
    state: VaultState,
    links: Iterable<Uint8Array>,
    verify = true,
): VaultFold {
    if (cutVerdict(team, state) === "fork") return { state, valid: 0, verdict: "fork", refusal: "T4.cut" }
    let valid = 0
    for (const bytes of links) {
        try {
            step(team, state, bytes, verify)
        } catch (error) {
            if (error instanceof Waiting) return { state, valid, verdict: "waiting", refusal: null }
            if (error instanceof Refused) return { state, valid, verdict: "refused", refusal: error.refusal }
            throw error
        }
        valid++
    }
    return { state, valid, verdict: cutVerdict(team, state), refusal: null }
}

/** The digest by which implementations compare their states (SPEC.md 4.2), 32 bytes. */
export function digest(state: VaultState): Bytes {
    const items = [...state.items()]
        .sort((a, b) => (a.item < b.item ? -1 : 1))
        .map(({ item, revision, hash }) => [unhex(item), revision, hash] as const)
    return sha256(encode({ head: state.head, items, seen: state.seen, seq: state.seq }))
}

const VERSION = 1

interface Stored extends Record<keyof Columns, Bytes> {
    v: number
    id: Bytes
    judged: number
    authors: Bytes
    items: Bytes
    purged: Bytes
}

/** The whole state, for the sealed cache of this browser. Sealed by the caller. */
export function serialiseVault(state: VaultState): Bytes {
    const columns = Object.entries(state.columns).map(([name, column]) => [name, column.toBytes()] as const)
    return encode({
        v: VERSION,
        id: unhex(state.id),
        judged: state.judged,
        authors: unhex(state.authors.join("")),
        items: unhex(state.order.join("")),
        purged: unhex(state.order.filter((item) => state.isPurged(item)).join("")),
        ...Object.fromEntries(columns),
    })
}

/** @throws {Error} if the bytes are of another version of this client: fold again. */
export function restoreVault(bytes: Uint8Array): VaultState {
    const stored = decode(bytes) as unknown as Stored
    if (stored.v !== VERSION) throw new Error("stored by another version")
    const columns: Columns = {
        hashes: new Hashes(stored.hashes),
        seens: new Numbers(stored.seens),
        ats: new Numbers(stored.ats),
        epochs: new Numbers(stored.epochs),
        actors: new Numbers(stored.actors),
        changeHashes: new Hashes(stored.changeHashes),
        changeSeqs: new Numbers(stored.changeSeqs),
        changeItems: new Numbers(stored.changeItems),
    }
    const purged = new Set(split(stored.purged))
    return new VaultState(
        hex(stored.id),
        stored.judged,
        columns,
        split(stored.authors),
        split(stored.items),
        purged,
    )
}

function split(bytes: Bytes): Id[] {
    const ids: Id[] = []
    for (let at = 0; at < bytes.length; at += ID_SIZE) ids.push(hex(bytes.subarray(at, at + ID_SIZE)))
    return ids
}
