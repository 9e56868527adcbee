/** Overviews: opened in batches, shown, and held against the vault's fold. */
import type { Revision } from "../chain/vault.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { equal, hex, unhex } from "../crypto/bytes.ts"
import { Refused } from "../crypto/errors.ts"
import type { Dek } from "../crypto/keys.ts"
import { partCommitment, revisionHash } from "../crypto/parts.ts"
import type { PartPlace } from "../crypto/seal.ts"
import { openBatch } from "../crypto/seal.ts"
import type { Books, Row, VaultBook } from "./books.ts"
import { overviewIn } from "./items.ts"
import type { ItemRow } from "./records.ts"
import type { View } from "./view.ts"

const BATCH = 500 // rows that are opened, shown and sent to the page at once
/** In place of a row that did not open: it is no padded text either. */
const NOTHING = new Uint8Array()
const SPENT = new Uint8Array()

function overviewPlace(vault: VaultBook, row: ItemRow): PartPlace {
    return {
        author: row.author,
        epoch: row.epoch,
        item: unhex(row.item),
        part: "overview",
        revision: row.revision,
        team: vault.team.state.id,
        vault: unhex(vault.id),
    }
}

/** Open every sealed row whose DEK is in the ring. */
export async function openRows(books: Books, vault: VaultBook, view: View): Promise<void> {
    const byEpoch = new Map<number, ItemRow[]>()
    for (const row of vault.sealed.values()) {
        if (!vault.ring.has(row.epoch)) continue
        const rows = byEpoch.get(row.epoch)
        if (rows === undefined) byEpoch.set(row.epoch, [row])
        else rows.push(row)
    }
    for (const [epoch, rows] of byEpoch) await openEpoch(books, vault, epoch, rows, view)
}

/** While the rows of one batch are read and shown, the next one is being opened on other threads. */
async function openEpoch(
    books: Books,
    vault: VaultBook,
    epoch: number,
    rows: readonly ItemRow[],
    view: View,
): Promise<void> {
    const dek = vault.ring.get(epoch) as Dek
    let [batch, opening] = begin(vault, dek, rows, 0)
    for (let next = BATCH; batch.length > 0; next += BATCH) {
        const opened = await opening
        const now = batch
        ;[batch, opening] = begin(vault, dek, rows, next)
        take(books, vault, now, opened, view)
    }
}

function begin(
    vault: VaultBook,
    dek: Dek,
    rows: readonly ItemRow[],
    start: number,
): [readonly ItemRow[], Promise<(Bytes | null)[]>] {
    const batch = rows.slice(start, start + BATCH)
    const sealed = batch.map((row) => ({ context: overviewPlace(vault, row), sealed: row.overview }))
    return [batch, openBatch(dek, "coffret/item/v1", sealed)]
}

function take(
    books: Books,
    vault: VaultBook,
    rows: readonly ItemRow[],
    opened: readonly (Bytes | null)[],
    view: View,
): void {
    const shown: Row[] = []
    for (const [i, sealed] of rows.entries()) {
        vault.sealed.delete(sealed.item)
        try {
            const row = readRow(sealed, opened[i] ?? NOTHING, vault.rows.get(sealed.item))
            vault.rows.set(row.item, row)
            shown.push(row)
        } catch (error) {
            if (!(error instanceof Refused)) throw error
            refuseRow(books, vault, sealed, error, view)
        }
    }
    view.rows(vault, shown)
}

function readRow(sealed: ItemRow, padded: Bytes, known: Row | undefined): Row {
    return {
        item: sealed.item,
        revision: sealed.revision,
        epoch: sealed.epoch,
        author: hex(sealed.author),
        overview: overviewIn(padded),
        padded,
        details: sealed.details,
        isVerified: false,
        before: known === undefined || known.isVerified ? (known ?? null) : known.before,
    }
}

/** Once its link is folded, the page is told of it: see {@link tellBroken}. */
function refuseRow(
    books: Books,
    vault: VaultBook,
    { item, revision }: Pick<Row, "item" | "revision">,
    error: Refused,
    view: View,
): void {
    vault.noteRefused(item, revision)
    vault.told.delete(item)
    if (vault.rows.delete(item)) view.gone(vault, [item])
    const place = { team: vault.team.id, vault: vault.id, item }
    books.refuse(error.refusal, place, { seq: vault.state.seq, revision })
}

/** An item whose newest revision was refused stands in the list without its text: its older revisions can be read. */
function tellBroken(books: Books, vault: VaultBook, view: View): void {
    for (const item of vault.broken.keys()) {
        const last = vault.state.latest(item)
        if (last === undefined || last.hash === null || vault.told.has(item) || vault.rows.has(item)) continue
        vault.told.add(item)
        books.nameAuthor(vault.id, item, last.author)
        view.unopened(vault, last)
    }
}

function refuseSealed(books: Books, vault: VaultBook, row: ItemRow, error: Refused, view: View): void {
    vault.sealed.delete(row.item)
    refuseRow(books, vault, row, error, view)
}

/** Which links the rows of one answer are the outcome of: those after `from`, up to `to`. */
export interface Span {
    readonly from: number
    readonly to: number
}

/**
 * Hold the rows against the fold: each must be what its author's link says, and each link's outcome must be here.
 *
 * Nothing is judged before the fold has come as far as the rows.
 */
export function settleRows(books: Books, vault: VaultBook, span: Span, view: View): void {
    if (vault.state.seq < span.to) return
    const settled: Row[] = []
    try {
        for (const row of vault.rows.values()) {
            if (row.isVerified) continue
            const verdict = judgeRow(vault, row, span)
            if (verdict instanceof Refused) refuseRow(books, vault, row, verdict, view)
            else if (verdict) settled.push(row)
        }
        for (const row of [...vault.sealed.values()]) {
            const last = lastOf(vault, row, span)
            // Its link is folded, and so is the team that the link's author had seen: a later epoch is none.
            if (last !== null && (isElsewhere(hex(row.author), row.epoch, last) || row.epoch > vault.epoch))
                refuseSealed(books, vault, row, new Refused("R7.open"), view)
        }
        checkComplete(vault, span, view)
    } catch (error) {
        if (!(error instanceof Refused)) throw error
        books.freezeVault(vault, error.refusal, { rows: vault.rows.size, server_seq: span.to })
        return
    }
    if (span.to > vault.served) vault.isDirty = true
    vault.served = Math.max(vault.served, span.to)
    for (const { item, revision } of settled) vault.heal(item, revision)
    view.verified(vault, settled)
    tellBroken(books, vault, view)
}

/** Rows that opened after their links were folded, because the key came late. */
export function settleLate(books: Books, vault: VaultBook, view: View): void {
    if (vault.served > 0) settleRows(books, vault, { from: vault.served, to: vault.served }, view)
}

/** True if the row counts from now on, false if a later answer decides. @throws {Refused} `R12.items`. */
function judgeRow(vault: VaultBook, row: Row, span: Span): boolean | Refused {
    const last = lastOf(vault, row, span)
    return last === null ? false : verifyRow(row, last)
}

/** The revision that a row is, as folded; null if a later answer decides. @throws {Refused} `R12.items`. */
function lastOf(vault: VaultBook, row: Pick<Row, "item" | "revision">, span: Span): Revision | null {
    const last = vault.state.latest(row.item)
    if (last === undefined || last.revision < row.revision) {
        if (span.to < vault.announced) return null
        throw new Refused("R12.items")
    }
    if (last.revision > row.revision || last.hash === null) {
        if (last.seq <= span.to) throw new Refused("R12.items")
        return null
    }
    return last
}

/** Not by its author, or under a key from before it was written. */
function isElsewhere(author: string, epoch: number, last: Revision): boolean {
    return author !== last.author || epoch < last.epoch
}

/** Hold one row against its revision as folded. */
export function verifyRow(row: Row, last: Revision): true | Refused {
    if (isElsewhere(row.author, row.epoch, last)) return new Refused("R7.open")
    const hash = revisionHash(partCommitment("overview", row.padded), row.details)
    if (last.hash === null || !equal(hash, last.hash)) return new Refused("R7.hash")
    row.isVerified = true
    row.before = null
    row.padded = SPENT
    return true
}

/**
 * A frozen vault shows what its fold says and nothing else: a row that came with what was refused goes, and the one
 * that it took the place of comes back.
 */
export function dropUnverified(vault: VaultBook, view: View): void {
    const shown: Row[] = []
    const settled: Row[] = []
    const gone: string[] = []
    vault.sealed.clear()
    for (const row of [...vault.rows.values()]) {
        if (row.isVerified) continue
        const last = vault.state.latest(row.item)
        if (last?.revision === row.revision && verifyRow(row, last) === true) settled.push(row)
        else if (row.before === null) gone.push(row.item)
        else shown.push(row.before)
    }
    for (const row of shown) vault.rows.set(row.item, row)
    for (const item of gone) vault.rows.delete(item)
    if (gone.length > 0) view.gone(vault, gone)
    view.rows(vault, shown)
    view.verified(vault, settled)
}

function checkComplete(vault: VaultBook, span: Span, view: View): void {
    const { changeSeqs, changeItems } = vault.state.columns
    const gone: string[] = []
    for (let i = changeSeqs.length - 1; i >= 0 && changeSeqs.at(i) > span.from; i--) {
        if (changeSeqs.at(i) > span.to) continue
        const item = vault.state.order[changeItems.at(i)] as string
        const last = vault.state.latest(item) as Revision
        if (last.hash === null) {
            if (vault.rows.delete(item) || vault.broken.delete(item)) gone.push(item)
            continue
        }
        const revision = vault.rows.get(item)?.revision ?? vault.sealed.get(item)?.revision
        if (
            revision === undefined ? !vault.broken.has(item) : revision < last.revision && last.seq <= span.to
        ) {
            throw new Refused("R12.items")
        }
    }
    if (gone.length > 0) view.gone(vault, gone)
}
