/** From what the server says to what this client holds: links are folded, rows are opened and held against the fold. */
import type { RefusalId } from "../chain/refusals.ts"
import { NONE, stepParsed, type TeamState } from "../chain/team.ts"
import { cutVerdict, judgeCuts, step as stepVault } from "../chain/vault.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { equal, hex } from "../crypto/bytes.ts"
import { need, Refused, Waiting } from "../crypto/errors.ts"
import { parseSigned } from "../crypto/links.ts"
import { sha256 } from "../crypto/sodium.ts"
import type { Me } from "./account.ts"
import type { Books, VaultBook } from "./books.ts"
import { TeamBook } from "./books.ts"
import { breathe } from "./clock.ts"
import type { PinBook } from "./pins.ts"
import type { Delta, Heads, ItemRow, LinksRecord, TeamRecord } from "./records.ts"
import { fillRings, isWhole } from "./ring.ts"
import { dropUnverified, openRows, settleLate, settleRows } from "./rows.ts"
import type { View } from "./view.ts"

const UNKNOWN = -1 // as a team's stir: nothing of it is here yet
const SLICE = 12 // ms of folding before messages and timers are let through

export class Applier {
    readonly #books: Books
    readonly #me: Me
    readonly #pins: PinBook
    readonly #view: View
    #sliceEnd = 0

    constructor(books: Books, me: Me, pins: PinBook, view: View) {
        this.#books = books
        this.#me = me
        this.#pins = pins
        this.#view = view
    }

    /** Teams, their texts and keys. */
    async teams(delta: Delta): Promise<void> {
        for (const record of delta.teams) await this.#team(record)
    }

    async #team(record: TeamRecord): Promise<void> {
        const known = this.#books.teams.get(record.team)
        if (known?.isFrozen) return
        const folded = await this.#foldTeam(known?.state ?? null, record.links)
        const book = known ?? this.#found(record.team, folded.state, folded.refusal)
        if (book === null) return
        if (folded.added > 0) book.isDirty = true
        if (folded.refusal !== null)
            this.#books.freezeTeam(book, folded.refusal, {
                server_seq: record.seq,
                server_head: hex(record.hash),
            })
        this.#judgeTeam(book)
        book.isKmsUnavailable = false
        if (book.extras.stir !== record.extras.stir) book.isDirty = true
        book.takeExtras(record.extras)
        if (book.isFrozen) return
        this.#syncVaults(book)
        await fillRings(this.#books, book, this.#me.keyring)
        if (!isWhole(book)) book.extras = { ...book.extras, stir: UNKNOWN }
    }

    async #foldTeam(start: TeamState | null, links: readonly Bytes[]) {
        let state = start
        let added = 0
        try {
            for (const bytes of links) {
                const link = parseSigned(bytes, "team")
                if (state !== null && link.seq <= state.seq) {
                    need(state.hashes.is(link.seq, link.hash), "T4.fork")
                    continue
                }
                state = stepParsed(state, link)
                added++
                await this.#breathe()
            }
        } catch (error) {
            if (!(error instanceof Refused)) throw error
            return { state, added, refusal: error.refusal }
        }
        return { state, added, refusal: null }
    }

    /** A team that is new here. One whose chain does not carry me is no team of mine. */
    #found(team: string, state: TeamState | null, refusal: RefusalId | null): TeamBook | null {
        if (state === null) {
            this.#books.refuse(refusal ?? "R13.team", { team }, {})
            return null
        }
        const account = hex(this.#me.account)
        const mine = [...state.members.values()].filter((member) => member.account === account)
        if (hex(state.id) !== team || mine.length === 0) {
            // A chain that breaks before I come in is broken; whether it is mine nobody can say.
            const why = hex(state.id) === team ? refusal : null
            this.#books.refuse(why ?? "R13.team", { team }, { head: hex(state.head), seq: state.seq })
            return null
        }
        const book = new TeamBook(state, account)
        this.#books.teams.set(team, book)
        return book
    }

    /** What must hold of every team after every sync: my own keys in it, and the pins. R22, R23, S4. */
    #judgeTeam(book: TeamBook): void {
        try {
            const { me } = book
            need(me === undefined || equal(me.fp, this.#me.keyring.fp), "S4.keys")
            this.#pins.checkTeam(book.id, book.state.hashes)
        } catch (error) {
            if (!(error instanceof Refused)) throw error
            this.#books.freezeTeam(book, error.refusal, {})
        }
    }

    /** After every round: a team that was not served again is held against the pins too. */
    judge(heads: Heads): void {
        const listed = new Set(heads.teams.map(({ team }) => team))
        for (const team of this.#books.teams.values()) {
            if (team.isFrozen || team.isKmsUnavailable) continue
            team.isMissing = !listed.has(team.id)
            if (team.isMissing) continue
            this.#judgeTeam(team)
            for (const vault of team.vaults.values()) if (vault.refusal === null) this.#judgeVault(vault)
        }
        this.#dropUnverified()
        this.#view.changed()
    }

    #dropUnverified(): void {
        for (const team of this.#books.teams.values()) {
            for (const vault of team.vaults.values())
                if (team.isFrozen || vault.refusal !== null) dropUnverified(vault, this.#view)
        }
    }

    /** Open a book for each vault that concerns me, and let go of those whose right ended. */
    #syncVaults(book: TeamBook): void {
        for (const id of book.state.vaults.keys()) {
            const vault = book.vault(id) as VaultBook
            this.#guard(vault, () => judgeCuts(book.state, vault.state))
            if (vault.right !== NONE || vault.rows.size + vault.sealed.size === 0) continue
            this.#view.gone([...vault.rows.keys()])
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

    /** Vault links; then each row is held against the fold. */
    async links(delta: Delta): Promise<void> {
        const touched = new Set([...delta.links.keys(), ...delta.vaults.keys()])
        for (const team of this.#books.teams.values()) {
            if (team.isFrozen) continue
            for (const vault of team.vaults.values()) {
                if (vault.refusal !== null) continue
                if (touched.has(vault.id)) await this.#foldVault(vault, delta)
                this.#judgeVault(vault)
                if (vault.refusal === null) settleLate(this.#books, vault, this.#view)
            }
        }
        this.#view.progress(null)
    }

    async #foldVault(vault: VaultBook, delta: Delta): Promise<void> {
        // Rows and links are no snapshot: what is ahead of the rows waits for the next answer.
        const served = delta.vaults.get(vault.id)?.seq
        const limit = vault.right === NONE ? Number.POSITIVE_INFINITY : (served ?? vault.state.seq)
        const before = vault.state.seq
        await this.#guardAsync(vault, async () => {
            for (const record of delta.links.get(vault.id) ?? []) await this.#foldLinks(vault, record, limit)
        })
        if (vault.state.seq !== before) vault.isDirty = true
        if (vault.refusal !== null || vault.right === NONE || served === undefined) return
        settleRows(this.#books, vault, { from: vault.served, to: served }, this.#view)
    }

    async #foldLinks(vault: VaultBook, { first, links }: LinksRecord, limit: number): Promise<void> {
        for (const [i, bytes] of links.entries()) {
            const seq = first + i
            if (seq > limit) return
            if (seq <= vault.state.seq) {
                need(vault.state.columns.hashes.is(seq, sha256(bytes)), "T4.fork")
                continue
            }
            stepVault(vault.team.state, vault.state, bytes)
            await this.#breathe(vault)
        }
    }

    #judgeVault(vault: VaultBook): void {
        this.#guard(vault, () => {
            const verdict = cutVerdict(vault.team.state, vault.state)
            need(verdict !== "fork", "T4.cut")
            // What was announced and did not fold refers to what is not here yet, or was not served: it waits too.
            vault.isWaiting = verdict === "waiting" || vault.announced > vault.state.seq
            // A vault that waits for a cut is behind its pin for a reason, and says so.
            if (vault.right !== NONE && verdict !== "waiting")
                this.#pins.checkVault(vault.id, vault.state.columns.hashes)
        })
    }

    #guard(vault: VaultBook, check: () => void): void {
        try {
            check()
        } catch (error) {
            this.#caught(vault, error)
        }
    }

    async #guardAsync(vault: VaultBook, check: () => Promise<void>): Promise<void> {
        try {
            await check()
        } catch (error) {
            this.#caught(vault, error)
        }
    }

    #caught(vault: VaultBook, error: unknown): void {
        if (error instanceof Waiting) vault.isWaiting = true
        else if (error instanceof Refused) this.#books.freezeVault(vault, error.refusal, {})
        else throw error
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
