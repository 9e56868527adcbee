/** From what the server says to what this client holds: links are folded, rows are opened and held against the fold. */

import type { RefusalId } from "../chain/refusals.ts"
import { NONE, stepParsed, type TeamState } from "../chain/team.ts"
import { judgeCuts, step as stepVault } from "../chain/vault.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { hex } from "../crypto/bytes.ts"
import { need, Refused } from "../crypto/errors.ts"
import type { TeamLink } from "../crypto/links.ts"
import { parseSigned } from "../crypto/links.ts"
import { sha256 } from "../crypto/sodium.ts"
import type { Me } from "./account.ts"
import type { Books, Stop, VaultBook } from "./books.ts"
import { TeamBook } from "./books.ts"
import { breathe } from "./clock.ts"
import { Judge } from "./judge.ts"
import type { Kept } from "./kept.ts"
import type { PinBook } from "./pins.ts"
import type { Delta, ItemRow, LinksRecord, TeamRecord } from "./records.ts"
import { fillRings, isWhole } from "./ring.ts"
import { openRows, settleLate, settleRows } from "./rows.ts"
import type { View } from "./view.ts"

const SLICE = 12 // ms of folding before messages and timers are let through

interface Folded {
    readonly state: TeamState | null
    readonly stop: Stop | null
    readonly refusal: RefusalId | null
}

export class Applier {
    readonly #books: Books
    readonly #me: Me
    readonly #pins: PinBook
    readonly #view: View
    readonly #kept: Kept
    readonly judge: Judge
    #sliceEnd = 0

    constructor(books: Books, me: Me, pins: PinBook, view: View, kept: Kept) {
        this.#kept = kept
        this.#books = books
        this.#me = me
        this.#pins = pins
        this.#view = view
        this.judge = new Judge(books, me, pins, view)
    }

    /** Teams, their texts and keys. */
    async teams(delta: Delta): Promise<void> {
        for (const record of delta.teams) await this.#team(record)
    }

    async #team(record: TeamRecord): Promise<void> {
        const known = this.#books.teams.get(record.team)
        if (known?.isFinal) return
        const wasMine = known?.me !== undefined
        const folded = await this.#foldTeam(known?.state ?? null, record.links)
        const book = known ?? this.#found(record.team, folded)
        if (book === null) return
        if (folded.added.length > 0) book.isDirty = true
        for (const link of folded.added) this.#kept.note(book.id, link)
        if (folded.refusal !== null) {
            if (folded.stop !== null) book.stopAt(folded.stop.seq, folded.stop.theirs)
            this.#books.freezeTeam(book, folded.refusal, {
                server_seq: record.seq,
                server_head: hex(record.hash),
            })
        }
        this.judge.team(book)
        book.isKmsUnavailable = false
        this.#takeExtras(book, record)
        this.#tell(book, wasMine)
        if (book.isFinal) return
        this.#syncVaults(book)
        const arrived = await fillRings(this.#books, book, this.#me.keyring)
        if (arrived) this.#view.notice("key_arrived")
        if (!isWhole(book)) book.missExtras()
    }

    /** What lies beside the chain; not that of a server which is behind, since keys of mine would be missing in it. */
    #takeExtras(book: TeamBook, record: TeamRecord): void {
        if (record.seq < book.state.seq) return
        if (book.extras.stir !== record.extras.stir) book.isDirty = true
        book.takeExtras(record.extras)
    }

    /** Each is said once: the pins, which follow, know that I am in; and the chain, that I am out. */
    #tell(book: TeamBook, wasMine: boolean): void {
        const { me } = book
        if (wasMine && me === undefined) this.#view.notice("removed")
        const pinned = this.#pins.seqOf(book.id)
        if (!wasMine && me !== undefined && pinned !== null && pinned < me.joined) this.#view.notice("joined")
    }

    async #foldTeam(start: TeamState | null, links: readonly Bytes[]) {
        let state = start
        const added: TeamLink[] = []
        for (const bytes of links) {
            let seq = (state?.seq ?? -1) + 1
            try {
                const link = parseSigned(bytes, "team")
                if (state !== null && link.seq <= state.seq) {
                    seq = link.seq
                    need(state.hashes.is(seq, link.hash), "T4.fork")
                    continue
                }
                state = stepParsed(state, link)
                added.push(link)
            } catch (error) {
                if (!(error instanceof Refused)) throw error
                return { state, added, stop: { seq, theirs: bytes }, refusal: error.refusal }
            }
            await this.#breathe()
        }
        return { state, added, stop: null, refusal: null }
    }

    /** A team that is new here. One whose chain does not carry me is no team of mine. */
    #found(team: string, { state, refusal, stop }: Folded): TeamBook | null {
        if (stop !== null) this.#books.strangers.set(team, stop)
        if (state === null) {
            this.#books.refuse(refusal ?? "R13.team", { team }, {}, { stop })
            return null
        }
        const account = hex(this.#me.account)
        const mine = [...state.members.values()].filter((member) => member.account === account)
        if (hex(state.id) !== team || mine.length === 0) {
            // A chain that breaks before I come in is broken; whether it is mine nobody can say.
            const why = hex(state.id) === team ? refusal : null
            const facts = { head: hex(state.head), seq: state.seq }
            this.#books.refuse(why ?? "R13.team", { team }, facts, { stop })
            return null
        }
        const book = new TeamBook(state, account)
        this.#books.teams.set(team, book)
        return book
    }

    /**
     * Does a vault's id belong to another team of mine? An id is drawn at random, so somebody made the second on
     * purpose: to have the first one refused, whose id it carries in pins and addresses. It is the second that is.
     */
    #isTwin(book: TeamBook, id: string): boolean {
        const owner = this.#pins.teamOf(id) ?? this.#books.vault(id)?.team.id ?? book.id
        if (owner === book.id) return false
        book.twins.add(id)
        this.#books.refuse("R13.vault", { team: book.id }, { twin: id, seq: book.state.seq })
        return true
    }

    /** Open a book for each vault that concerns me, and let go of those whose right ended. */
    #syncVaults(book: TeamBook): void {
        for (const id of book.state.vaults.keys()) {
            if (this.#isTwin(book, id)) continue
            const vault = book.vault(id) as VaultBook
            this.judge.guard(vault, () => judgeCuts(book.state, vault.state))
            const { broken, rows, sealed, told } = vault
            if (vault.right !== NONE || rows.size + sealed.size + broken.size === 0) continue
            this.#view.gone(vault, [...rows.keys(), ...told])
            broken.clear()
            told.clear()
            vault.rows.clear()
            vault.sealed.clear()
            vault.served = 0
            vault.isDirty = true
        }
    }

    /** Rows, shown at once and not yet counted. */
    async items(delta: Delta): Promise<void> {
        for (const [id, { team, seq }] of delta.vaults) {
            const vault = this.#books.teams.get(team)?.vault(id)
            if (vault === undefined) continue
            vault.announced = Math.max(vault.announced, seq)
            for (const row of delta.items.get(id) ?? [])
                if (isNewer(vault, row)) vault.sealed.set(row.item, row)
        }
        for (const team of this.#books.teams.values()) {
            for (const vault of team.vaults.values()) {
                if (vault.sealed.size > 0 && vault.right !== NONE)
                    await openRows(this.#books, vault, this.#view)
            }
        }
    }

    /**
     * Vault links; then each row is held against the fold.
     *
     * @param asked - by vault, the seq after which the answer was asked for.
     */
    async links(delta: Delta, asked: ReadonlyMap<string, number>): Promise<void> {
        const touched = new Set([...delta.links.keys(), ...delta.vaults.keys()])
        for (const team of this.#books.teams.values()) {
            if (team.isFinal) continue
            for (const vault of team.vaults.values()) {
                if (vault.isFinal) continue
                if (touched.has(vault.id)) await this.#foldVault(vault, delta, asked.get(vault.id) ?? 0)
                this.judge.vault(vault)
                if (!vault.isFinal) settleLate(this.#books, vault, this.#view)
            }
        }
        this.#view.progress(null)
    }

    async #foldVault(vault: VaultBook, delta: Delta, asked: number): Promise<void> {
        // Rows and links are no snapshot: what is ahead of the rows waits for the next answer.
        const record = delta.vaults.get(vault.id)
        const served = record?.team === vault.team.id ? record.seq : undefined
        const limit = vault.right === NONE ? Number.POSITIVE_INFINITY : (served ?? vault.state.seq)
        const before = vault.state.seq
        await this.judge.guardAsync(vault, async () => {
            for (const record of delta.links.get(vault.id) ?? []) await this.#foldLinks(vault, record, limit)
        })
        if (vault.state.seq !== before) vault.isDirty = true
        if (vault.isFinal || vault.right === NONE || served === undefined) return
        // Asked for without the right that came in this answer: rows from before are not in it, and nothing is whole yet.
        if (asked > vault.served) return
        settleRows(this.#books, vault, { from: vault.served, to: served }, this.#view)
    }

    async #foldLinks(vault: VaultBook, { first, links }: LinksRecord, limit: number): Promise<void> {
        for (const [i, bytes] of links.entries()) {
            const seq = first + i
            if (seq > limit) return
            try {
                if (seq <= vault.state.seq) {
                    need(vault.state.columns.hashes.is(seq, sha256(bytes)), "T4.fork")
                    continue
                }
                stepVault(vault.team.state, vault.state, bytes)
            } catch (error) {
                // A cut that contradicts what stands before this link is not about it.
                if (error instanceof Refused && error.refusal !== "T4.cut") vault.stopAt(seq, bytes)
                throw error
            }
            this.#kept.note(vault.id, { signed: bytes, at: vault.state.linkAt(seq).at })
            await this.#breathe(vault)
        }
    }

    async #breathe(vault?: VaultBook): Promise<void> {
        const now = performance.now()
        if (now < this.#sliceEnd) return
        if (vault !== undefined && vault.announced > vault.state.seq) {
            this.#view.progress({ label: "verify", done: vault.state.seq, total: vault.announced })
        }
        await breathe()
        this.#sliceEnd = performance.now() + SLICE
    }
}

/** Is a row ahead of what is here? One that I wrote a moment ago is not replaced by its predecessor. */
function isNewer(vault: VaultBook, row: ItemRow): boolean {
    const here = vault.rows.get(row.item)
    return here === undefined || row.revision > here.revision || !here.isVerified
}
