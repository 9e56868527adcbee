/** What must hold of every team and vault after every answer: my own keys in it, the pins, and the cuts. R22, R23, S4. */
import type { Verified } from "../chain/pins.ts"
import type { RefusalId } from "../chain/refusals.ts"
import { awaitsCut, judgeCuts } from "../chain/vault.ts"
import { equal } from "../crypto/bytes.ts"
import { need, Refused, Waiting } from "../crypto/errors.ts"
import type { Me } from "./account.ts"
import type { Books, VaultBook } from "./books.ts"
import { TeamBook } from "./books.ts"
import type { PinBook } from "./pins.ts"
import type { Heads } from "./records.ts"
import { dropUnverified } from "./rows.ts"
import type { View } from "./view.ts"

export class Judge {
    readonly #books: Books
    readonly #me: Me
    readonly #pins: PinBook
    readonly #view: View

    constructor(books: Books, me: Me, pins: PinBook, view: View) {
        this.#books = books
        this.#me = me
        this.#pins = pins
        this.#view = view
    }

    /** A team that carries my account with other keys than mine, or is older than its pin or beside it, is frozen. */
    team(book: TeamBook): void {
        try {
            const { me } = book
            need(me === undefined || equal(me.fp, this.#me.keyring.fp), "S4.keys")
            this.#pins.checkTeam(book.id, book.state.hashes)
        } catch (error) {
            if (!(error instanceof Refused)) throw error
            this.#besidePin(book, error.refusal, this.#pins.seqOf(book.id))
            this.#books.freezeTeam(book, error.refusal, {})
        }
    }

    /** And of every vault: that its links meet the cuts, and the pins. It waits for what is not here yet. */
    vault(vault: VaultBook): void {
        this.guard(vault, () => {
            judgeCuts(vault.team.state, vault.state)
            const isCut = awaitsCut(vault.team.state, vault.state)
            // What was announced and did not fold refers to what is not here yet, or was not served: it waits too. So do
            // links whose rows did not come: what is here is not the whole vault.
            vault.isWaiting = isCut || vault.announced > vault.state.seq || vault.lacksRows
            // Also while it waits: a cut that the server holds the links back for is no leave to show older rows.
            if (vault.isServed) this.#checkPin(vault)
        })
    }

    /**
     * After every round: a team that was not served again is held against the pins too.
     *
     * @returns true if the server has caught up with something: then all is to be asked for.
     */
    all(heads: Heads): boolean {
        const teams = new Map(heads.teams.map((head) => [head.team, head]))
        const vaults = new Map(heads.vaults.map((head) => [`${head.team}/${head.vault}`, head]))
        for (const team of this.#books.teams.values()) {
            if (team.isKmsUnavailable) continue
            team.listed = teams.get(team.id) ?? null
            this.#miss(team, team.listed === null)
            for (const vault of team.vaults.values())
                vault.listed = vaults.get(`${team.id}/${vault.id}`) ?? null
        }
        return this.again()
    }

    /** The same where the heads are those of the last round: the pins may have moved since. */
    again(): boolean {
        let isAskedAgain = false
        for (const team of this.#books.teams.values()) {
            if (team.isKmsUnavailable || team.isFinal || team.isMissing) continue
            team.isStale = false
            this.team(team)
            if (this.#hasCaughtUp(team, team.state.hashes)) isAskedAgain = true
            for (const vault of team.vaults.values()) {
                vault.isStale = false
                if (vault.isFinal) continue
                this.vault(vault)
                if (this.#hasCaughtUp(vault, vault.state.columns.hashes)) isAskedAgain = true
            }
        }
        this.#dropUnverified()
        this.#view.changed()
        return isAskedAgain
    }

    /**
     * What this browser's store gave back, before the server was heard. Pins are written at once and the rest some time
     * later: what is behind its pin waits for what the server has. What is beside it is refused as ever.
     */
    restored(): void {
        for (const team of this.#books.teams.values()) {
            team.isStale = isOlder(() => this.#pins.checkTeam(team.id, team.state.hashes))
            if (!team.isStale) this.team(team)
            for (const vault of team.vaults.values()) {
                if (!vault.isServed) continue
                vault.isStale = isOlder(() => this.#pins.checkVault(vault.id, vault.state.columns.hashes))
                if (!vault.isStale) this.vault(vault)
            }
        }
    }

    /** A vault for which a check fails is frozen, or waits. */
    guard(vault: VaultBook, check: () => void): void {
        try {
            check()
        } catch (error) {
            this.#caught(vault, error)
        }
    }

    async guardAsync(vault: VaultBook, check: () => Promise<void>): Promise<void> {
        try {
            await check()
        } catch (error) {
            this.#caught(vault, error)
        }
    }

    /** Older than the pin can be read, as what it is; beside the pin cannot. */
    #besidePin(book: TeamBook | VaultBook, refusal: RefusalId, seq: number | null): void {
        if (refusal === "T4.older" || book.refusal !== null) return
        book.isBeside = true
        if (seq !== null && refusal !== "S4.keys") book.stopAt(seq, null)
    }

    #miss(team: TeamBook, isMissing: boolean): void {
        if (team.isMissing === isMissing) return
        team.isMissing = isMissing
        team.isDirty = true
        if (isMissing && team.me !== undefined) this.#view.notice("removed")
    }

    /** The server was behind what is verified and pinned here, and is not any more. */
    #hasCaughtUp(book: TeamBook | VaultBook, hashes: Verified): boolean {
        const { listed } = book
        const last = hashes.length - 1
        if (!book.isBehind || listed === null || listed.seq < last || !this.#pins.isReached(book.id, hashes))
            return false
        if (listed.seq === last && !hashes.is(last, listed.hash)) return false
        this.#books.thaw(book)
        if (book instanceof TeamBook) book.missExtras()
        this.#view.notice("caught_up")
        return true
    }

    #checkPin(vault: VaultBook): void {
        try {
            this.#pins.checkVault(vault.id, vault.state.columns.hashes)
        } catch (error) {
            if (error instanceof Refused) this.#besidePin(vault, error.refusal, this.#pins.seqOf(vault.id))
            throw error
        }
    }

    #caught(vault: VaultBook, error: unknown): void {
        if (error instanceof Waiting) vault.isWaiting = true
        else if (error instanceof Refused) {
            const cut = vault.team.state.vaults.get(vault.id)?.lastCut
            if (error.refusal === "T4.cut" && cut !== undefined)
                vault.stopAt(Math.min(cut.n, vault.state.seq), null)
            this.#books.freezeVault(vault, error.refusal, {})
        } else throw error
    }

    #dropUnverified(): void {
        for (const team of this.#books.teams.values()) {
            for (const vault of team.vaults.values())
                if (team.isFrozen || vault.refusal !== null) dropUnverified(vault, this.#view)
        }
    }
}

function isOlder(check: () => void): boolean {
    try {
        check()
        return false
    } catch (error) {
        if (!(error instanceof Refused)) throw error
        return error.refusal === "T4.older"
    }
}
