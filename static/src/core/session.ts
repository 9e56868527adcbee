/** An unlocked account: its folds, its timers, its rounds of sync and upkeep. Ends with the lock. */
import { NONE } from "../chain/team.ts"
import { hex } from "../crypto/bytes.ts"
import { Refused } from "../crypto/errors.ts"
import type { Snapshot } from "../worker/api.ts"
import type { Me } from "./account.ts"
import { wipe } from "./account.ts"
import { Applier } from "./apply.ts"
import { Books } from "./books.ts"
import type { Bundle } from "./bundle.ts"
import { Cache } from "./cache.ts"
import type { Clock } from "./clock.ts"
import { sleep } from "./clock.ts"
import { Comparisons } from "./compare.ts"
import type { Context } from "./context.ts"
import { dropDraft } from "./drafts.ts"
import { CoreFailure, Unanswered } from "./failure.ts"
import { Kept } from "./kept.ts"
import { loadLooked, withheldTeams } from "./looked.ts"
import { mark } from "./marks.ts"
import { createTeam, createVault } from "./members.ts"
import { Mutex, Mutexes } from "./mutex.ts"
import { Outbox } from "./outbox.ts"
import { PinBook } from "./pins.ts"
import { Restore } from "./restore.ts"
import { fillRings } from "./ring.ts"
import type { Settings } from "./settings.ts"
import { loadSettings, sendSettings, settingsOf } from "./settings.ts"
import { Shelf } from "./shelf.ts"
import { spokenFingerprint, spokenIfKnown } from "./spoken.ts"
import { foldsOf } from "./standing.ts"
import type { Store } from "./store.ts"
import { whileOpen } from "./store.ts"
import { Sync } from "./sync.ts"
import type { Server } from "./transport.ts"
import { Upkeep } from "./upkeep.ts"
import { verdictsOf } from "./verdicts.ts"
import type { View } from "./view.ts"
import { teamViews } from "./view.ts"

const VISIBLE = 5_000 // ms between two rounds
const HIDDEN = 60_000 // ms
const UPLOAD = 60_000 // ms between two uploads of pins that others' links moved
const PATIENCE = 2_000 // ms that a lock waits for the last upload
const TURNS = 3 // of upkeep in one look
const SAVE = 2_000 // ms from a change to the cache

export interface Parts {
    readonly server: Server
    readonly store: Store
    readonly clock: Clock
    readonly view: View
    readonly origin: string
    /** Other tabs of this browser look at once. */
    readonly announce: () => void
    /** The server ended the session. */
    readonly ended: () => void
}

export class Session {
    readonly context: Context
    readonly comparisons: Comparisons
    readonly #parts: Parts
    readonly #cache: Cache
    readonly #applier: Applier
    readonly #sync: Sync
    readonly #upkeep: Upkeep
    readonly #restore: Restore
    readonly #rounds = new Mutex()
    /** Two looks at once would each make the personal vault. */
    readonly #founding = new Mutex()
    #isVisible = true
    #isClosed = false
    /** The server's session is over: nothing is sent any more, and what can be kept is kept here. */
    #isOver = false
    #cancelPoll: () => void = () => undefined
    #cancelSave: (() => void) | null = null
    #uploadedAt = 0
    #isPersonalChecked = false
    #areSettingsSent = false
    /** The server has said in this visit what it has for me. */
    #isAnswered = false
    isOnline = true
    kitSaved: boolean

    private constructor(parts: Parts, me: Me, bundle: Bundle) {
        const { clock, view, origin } = parts
        const isClosed = (): boolean => this.#isClosed
        const server = parts.server.whileOpen(() => this.#isClosed || this.#isOver, me.account)
        const store = whileOpen(parts.store, isClosed)
        const books = new Books(() => clock.now())
        const pins = new PinBook(server, store, me, verdictsOf(books))
        const shelf = new Shelf(store, me)
        const kept = new Kept(shelf, clock)
        const outbox = new Outbox(server, shelf, clock, foldsOf(books), kept)
        const state = new Mutex()
        this.#applier = new Applier(books, me, pins, view, kept)
        this.#parts = parts
        this.kitSaved = bundle.kit_saved
        this.#cache = new Cache(store, me)
        this.#sync = new Sync(server, books, this.#applier, state)
        const sync = (): Promise<void> => this.#round()
        const written = (): Promise<void> => this.#written()
        this.context = {
            ...{ me, server, clock, books, pins, shelf, outbox, kept, view, origin },
            ...{ state, writes: new Mutexes(), recent: new Map(), settings: settingsOf(""), sync, written },
        }
        this.comparisons = new Comparisons(this.context)
        this.#upkeep = new Upkeep(this.context)
        this.#restore = new Restore(this.context)
    }

    /** Load what this browser verified before, and show it. @throws {Refused} if its own pins do not open. */
    static async open(parts: Parts, me: Me, bundle: Bundle, settings: Settings | null): Promise<Session> {
        const session = new Session(parts, me, bundle)
        const { books, pins, outbox, kept, shelf } = session.context
        session.context.settings = settings ?? (await loadSettings(books, shelf, me, bundle.settings))
        mark("unsealing")
        await loadLooked(books, shelf)
        await pins.load(bundle.pins)
        await session.#cache.load(books)
        session.#applier.judge.restored()
        mark("pinned")
        await outbox.load()
        // Once a visit, in the background; what stays is found the next time.
        kept.prune().catch(() => undefined)
        for (const team of books.teams.values()) {
            await fillRings(books, team, me.keyring)
            for (const vault of team.vaults.values()) {
                if (vault.right !== NONE) parts.view.rows(vault, [...vault.rows.values()])
            }
        }
        return session
    }

    /** The page's part of the snapshot that an unlocked account fills. */
    snapshot(): Pick<
        Snapshot,
        | "teams"
        | "refusals"
        | "withheld"
        | "pending"
        | "online"
        | "kmsUnavailable"
        | "newBrowser"
        | "kitSaved"
    > {
        const { books, outbox, pins, settings, clock } = this.context
        const teams = teamViews(books, settings, clock.now())
        return {
            teams,
            refusals: [...books.refusals.values()],
            withheld: this.#isAnswered ? withheldTeams(books, pins).length : 0,
            pending: outbox.pending,
            online: this.isOnline,
            kmsUnavailable: books.unavailable.length > 0,
            newBrowser: pins.isNew,
            kitSaved: this.kitSaved,
        }
    }

    /** Begin to look, now and from then on. */
    startPolling(): void {
        void this.look().finally(() => this.#schedule())
    }

    setVisible(visible: boolean): void {
        const wasVisible = this.#isVisible
        this.#isVisible = visible
        this.#cancelPoll()
        if (visible && !wasVisible) this.startPolling()
        else this.#schedule()
    }

    #schedule(): void {
        this.#cancelPoll()
        if (this.#isClosed) return
        const wait = this.#isVisible ? VISIBLE : HIDDEN
        this.#cancelPoll = this.#parts.clock.after(wait, () => this.startPolling())
    }

    /** One look in the background: its failures are states, not errors. */
    async look(): Promise<void> {
        try {
            await this.syncNow()
        } catch (error) {
            this.#noteFailure(error)
        }
    }

    /** Sync, then what a client does unasked; again if that changed something. */
    async syncNow(): Promise<void> {
        await this.#round()
        if ((await this.#restore.run()) > 0) await this.#round()
        await this.#flush()
        await this.#founding.run(() => this.#ensurePersonal())
        // Who was confirmed needs keys, whoever got a key reports it: a few turns, and the rest next time.
        for (let turn = 0; turn < TURNS && !this.#isClosed; turn++) {
            const before = this.#heads()
            await this.#upkeep.run()
            if (this.#isClosed || this.#heads() === before) break
            await this.#round()
        }
        if (!this.#areSettingsSent) await sendSettings(this.context)
        this.#areSettingsSent = true
        await this.#uploadNow(false)
        this.context.view.changed()
        void this.#nameTheNameless()
    }

    /** Whoever's name does not open its commitment is called by the words of their fingerprint. */
    async #nameTheNameless(): Promise<void> {
        for (const team of this.context.books.teams.values()) {
            for (const { fp, profile } of team.state.members.values()) {
                if (this.#isClosed) return
                if (team.textOf(profile.name) !== null || spokenIfKnown(fp) !== null) continue
                await spokenFingerprint(fp)
                this.context.view.changed()
            }
        }
    }

    async #round(): Promise<void> {
        await this.#rounds.run(async () => {
            if (this.#isClosed) throw new CoreFailure("locked")
            const before = this.#heads()
            // Before the server is asked: what it says then cannot honestly be older than another tab has seen.
            await this.context.pins.takeStored()
            await this.#sync.run()
            this.#setOnline(true)
            this.#isAnswered = true
            if (this.#heads() === before) return
            await this.context.pins.keep()
            this.#saveSoon()
        })
    }

    #heads(): string {
        const { teams } = this.context.books
        const heads: string[] = []
        for (const team of teams.values()) {
            heads.push(`${team.id}${team.state.seq}/${team.extras.stir}`)
            for (const vault of team.vaults.values())
                heads.push(`${vault.id}${vault.state.seq}/${vault.rows.size}`)
        }
        return heads.join()
    }

    async #flush(): Promise<void> {
        const { outbox, shelf, view } = this.context
        if (outbox.pending === 0) return
        const outcomes = await outbox.flush(() => this.#round())
        for (const { result, draft, isDraft } of outcomes) {
            if (result === "done" && draft !== null) await dropDraft(shelf, draft)
            view.notice(result === "done" ? "sent" : isDraft ? "draft_kept" : "not_written")
        }
        if (outcomes.length > 0) view.changed()
    }

    /** A personal team with one vault, made at the first unlock of an account. */
    async #ensurePersonal(): Promise<void> {
        const { books, pins, view } = this.context
        if (this.#isPersonalChecked || hasNews(books)) return
        // It may be one that the server keeps back: only the pins can say that there is none.
        if (pins.teams().some((team) => !books.teams.has(team))) return
        const account = hex(this.context.me.account)
        const personal = [...books.teams.values()].find(
            (team) => team.state.kind === "personal" && team.state.byAccount(account),
        )
        try {
            const id =
                personal?.id ??
                (await createTeam(this.context, "personal", "Personal", this.context.settings.name))
            if (books.teams.get(id)?.state.vaults.size === 0) await createVault(this.context, id, "Personal")
            this.#isPersonalChecked = true
        } catch (error) {
            if (!(error instanceof CoreFailure)) throw error
            // On its way: a later look goes on from there.
            if (error.code === "pending" || error.code === "under_way") return
            // It exists: it comes with a sync, and counts if its chain carries me.
            if (error.code !== "personal_exists") throw error
            this.#isPersonalChecked = true
            this.#sync.reset()
        }
        view.changed()
    }

    async #written(): Promise<void> {
        this.#parts.announce()
        this.#saveSoon()
        await this.context.pins.keep()
        await this.#uploadNow(true)
        this.context.view.changed()
    }

    /** Own writes at once, others' at most once a minute. What fails here is tried again at the next occasion. */
    async #uploadNow(isOwn: boolean): Promise<void> {
        const now = this.#parts.clock.now()
        if (!this.context.pins.isDirty || (!isOwn && now - this.#uploadedAt < UPLOAD)) return
        this.#uploadedAt = now
        try {
            await this.context.pins.upload()
        } catch (error) {
            if (!(error instanceof CoreFailure)) throw error
        }
    }

    /** After the store was emptied: pins and cache as they are in memory. */
    async keepAgain(): Promise<void> {
        for (const team of this.context.books.teams.values()) {
            team.isDirty = true
            for (const vault of team.vaults.values()) vault.isDirty = true
        }
        this.#saveSoon()
        await this.context.pins.keep()
    }

    #saveSoon(): void {
        this.#cancelSave ??= this.#parts.clock.after(SAVE, () => {
            this.#cancelSave = null
            void this.#saveNow()
        })
    }

    async #saveNow(): Promise<void> {
        if (this.#isClosed) return
        try {
            await this.context.state.run(() => this.#cache.save(this.context.books))
            await this.context.kept.flush()
        } catch {
            // A full or broken store costs time at the next visit, nothing else.
            this.context.view.notice("cache_failed")
        }
    }

    #noteFailure(error: unknown): void {
        if (error instanceof Unanswered) this.#setOnline(false)
        else if (error instanceof CoreFailure && error.code === "not_signed_in") this.#parts.ended()
        else if (error instanceof Refused) this.context.books.refuse(error.refusal, {}, {})
        else if (!(error instanceof CoreFailure)) this.context.view.notice("sync_failed")
        this.context.view.changed()
    }

    #setOnline(online: boolean): void {
        if (this.isOnline === online) return
        this.isOnline = online
        this.context.view.changed()
    }

    /**
     * Stop, keep what can be kept, and overwrite the keys.
     *
     * @param isOver - the server's session is over; the next one in this browser may be somebody else's.
     */
    async close(isOver: boolean): Promise<void> {
        this.#isOver = isOver
        this.#cancelPoll()
        this.#cancelSave?.()
        await this.#saveNow()
        // A lock does not wait for a slow network: the pins are in this browser already.
        const upload = this.#uploadNow(true).catch(() => undefined)
        await Promise.race([upload, sleep(this.#parts.clock, PATIENCE)])
        this.#isClosed = true
        await this.context.state.run(async () => this.context.books.wipe())
        wipe(this.context.me)
    }
}

function hasNews({ refusals }: Books): boolean {
    return [...refusals.values()].some(({ isKnown }) => !isKnown)
}
