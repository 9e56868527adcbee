/** The browser client's core: everything between the pages and the server. Runs in a worker, and in Node for tests. */
import type {
    CodeStage,
    Comparison,
    Core,
    Details,
    Draft,
    Event,
    ImportResult,
    InvitePreview,
    Kit,
    NewItem,
    Overview,
    Phase,
    Picked,
    Right,
    Role,
    SavedLinks,
    SaveResult,
    SessionView,
    Snapshot,
    Written,
} from "../worker/api.ts"
import type { Opened } from "./account.ts"
import { Accounts } from "./account.ts"
import { normalised } from "./address.ts"
import type { Clock } from "./clock.ts"
import { endSession, mailDeviceLink, sessionsOf, useDeviceLink } from "./devices.ts"
import { dropDraft, listDrafts, putDraft } from "./drafts.ts"
import { readableCopy, refusedLinks } from "./evidence.ts"
import { CoreFailure, ensure } from "./failure.ts"
import { IdleLock } from "./idle.ts"
import { acceptInvite, cameByHand, invite, openInvite } from "./invites.ts"
import { kitCode } from "./kit.ts"
import { lookAt, lookAtWithheld, withheldTeams } from "./looked.ts"
import { mark } from "./marks.ts"
import * as members from "./members.ts"
import { warmOpaque } from "./opaque.ts"
import { historyOf, openItem } from "./read.ts"
import { Session } from "./session.ts"
import type { Settings } from "./settings.ts"
import { changeSettings, settingsOf } from "./settings.ts"
import { spokenFingerprint } from "./spoken.ts"
import type { Store } from "./store.ts"
import type { Transport } from "./transport.ts"
import { Server } from "./transport.ts"
import { View } from "./view.ts"
import { asBytes, asText } from "./wire.ts"
import { importItems, purgeItem, revertItem, rotateVault, saveItem, setTrash } from "./write.ts"

const LOCK_GRACE = 2_000 // ms

/** What the person said of an account that is being made here, and whether a copy of its kit was checked. */
interface Made {
    readonly email: string
    readonly name: string
    isKitSaved: boolean
}

/** What other tabs of this browser say: somebody wrote, locked, signed in or signed out. */
export interface Channel {
    post(message: "written" | "locked" | "signed_in" | "signed_out"): void
    listen(heard: (message: unknown) => void): void
}

export interface Surroundings {
    readonly transport: Transport
    readonly store: Store
    readonly clock: Clock
    readonly emit: (event: Event) => void
    /** The address that people see, for links and the kit: `https://host`. */
    readonly origin: string
    readonly channel: Channel
    /** What this browser lacks: "wasm", "indexeddb", "secure_context"; null if nothing. Tried, not read off a name. */
    readonly missing: () => Promise<string | null>
}

export class CoffretCore implements Core {
    readonly #around: Surroundings
    readonly #server: Server
    readonly #accounts: Accounts
    readonly #view: View
    readonly #idle: IdleLock
    #phase: Phase = "booting"
    #missing: string | null = null
    #email: string | null = null
    /** The account that is being made here, until it is open. */
    #made: Made | null = null
    #stage: Snapshot["stage"] = null
    #session: Session | null = null

    constructor(around: Surroundings) {
        this.#around = around
        this.#server = new Server(around.transport)
        this.#accounts = new Accounts(this.#server, around.store)
        this.#view = new View(around.emit, () => this.snapshot())
        this.#idle = new IdleLock(around.clock, this.#view, () => void this.#autoLock())
        around.channel.listen((message) => this.#heard(message))
    }

    /** The unlocked account, for whoever shares this thread; no message names it, so the page cannot ask for it. */
    get session(): Session | null {
        return this.#session
    }

    /** What the page is shown. */
    snapshot(): Snapshot {
        const open = this.#phase === "open" ? this.#session?.snapshot() : undefined
        return {
            ...{
                teams: [],
                refusals: [],
                withheld: 0,
                pending: 0,
                online: true,
                kmsUnavailable: false,
                newBrowser: false,
                kitSaved: false,
            },
            ...open,
            phase: this.#phase,
            stage: this.#stage,
            email: this.#email,
            missing: this.#missing,
            progress: this.#view.progressNow,
            idleLockAt: this.#idle.at,
        }
    }

    async start(): Promise<void> {
        this.#missing = await this.#around.missing()
        if (this.#missing !== null) return this.#enter("unsupported")
        const session = await this.#accounts.session()
        const isSignedIn = session["state"] === "signed_in"
        this.#email = isSignedIn ? asText(session["email"]) : null
        const left = session["stage"] === "signup_code" ? "sign_up" : null
        this.#server.belongTo(isSignedIn ? asBytes(session["account"], 16) : null)
        this.#enter(isSignedIn ? "locked" : "anonymous", left)
        // Ahead of the first password; a failure shows when it is needed.
        warmOpaque().catch(() => undefined)
    }

    async signUp(email: string, name: string, password: string): Promise<Kit> {
        const address = addressOf(email)
        const code = await this.#accounts.signUp(address, password)
        this.#email = address
        this.#made = { email: address, name, isKitSaved: false }
        const kit = {
            code: kitCode(code),
            email: address,
            server: this.#around.origin,
            madeAt: this.#around.clock.now(),
        }
        code.fill(0)
        this.#enter("code", this.#accounts.stage)
        return kit
    }

    async confirmCode(code: string): Promise<void> {
        const { stage } = this.#accounts
        await this.#confirmed(stage, await this.#accounts.confirm(code))
    }

    /** There is none to send for a code that was right: its answer was lost, and the account is there. */
    async resendCode(): Promise<void> {
        const { stage } = this.#accounts
        try {
            await this.#accounts.resend()
        } catch (error) {
            if (!(error instanceof CoreFailure) || error.code !== "code_expired") throw error
            await this.#confirmed(stage, await this.#accounts.confirmedBefore(error))
        }
    }

    async #confirmed(stage: CodeStage | null, opened: Opened | null): Promise<void> {
        if (opened === null) return this.#showKit()
        if (stage === "sign_up" && this.#made !== null) return this.#openNew(opened, this.#made.name)
        await this.#open(opened, null)
        this.#opened()
    }

    async startAgain(): Promise<void> {
        if (this.#phase !== "code") return
        if (this.#accounts.isMadeUnheard) return this.#showKit()
        this.#accounts.forget()
        this.#made = null
        this.#email = null
        this.#enter("anonymous")
    }

    async kitSaved(confirmed: boolean): Promise<void> {
        if (this.#stage === "unheard") return this.#keptUnheard(confirmed)
        if (confirmed) await this.#tellKitSaved(this.#sessionOrFail())
        if (this.#phase === "kit") this.#opened()
        else this.#view.changed()
    }

    async signIn(email: string, password: string): Promise<void> {
        const address = addressOf(email)
        const opened = await this.#accounts.signIn(address, password)
        this.#email = address
        if (opened === null) return this.#enter("code", this.#accounts.stage)
        const made = this.#made?.email === address ? this.#made : null
        const isUnnamed = made !== null && opened.bundle.settings === null
        const session = await this.#open(opened, isUnnamed ? settingsOf(made.name) : null)
        if (isUnnamed) await this.#nameNew(session)
        if (made?.isKitSaved) await this.#tellKitSaved(session).catch(() => undefined)
        this.#opened()
        this.#around.channel.post("signed_in")
    }

    async unlock(password: string): Promise<void> {
        const opened = await this.#unlessEnded(this.#accounts.unlock(password))
        await this.#open(opened, null)
        this.#opened()
    }

    /** Whoever locks and leaves means every tab. */
    async lock(): Promise<void> {
        await this.#lock()
        this.#around.channel.post("locked")
    }

    /** The browser's store was emptied: what is verified in memory is pinned again, and the person is told. */
    async storageLost(): Promise<void> {
        if (this.#session === null) return
        this.#view.notice("storage_lost")
        await this.#session.keepAgain()
    }

    async signOut(): Promise<void> {
        await this.#close()
        const isEnded = await this.#accounts.signOut().catch((error: unknown) => {
            // Signed in as before, and the keys are gone already.
            this.#enter("locked")
            throw error
        })
        if (isEnded) this.#around.channel.post("signed_out")
        this.#leave()
    }

    async changePassword(current: string, next: string): Promise<void> {
        const { me } = this.#sessionOrFail().context
        await this.#unlessEnded(this.#accounts.changePassword(me, current, next))
    }

    async mailDeviceLink(email: string): Promise<void> {
        await mailDeviceLink(this.#server, normalised(email))
    }

    async useDeviceLink(token: string): Promise<void> {
        await useDeviceLink(this.#server, token)
    }

    async sessions(): Promise<SessionView[]> {
        return sessionsOf(this.#context().server)
    }

    async endSession(id: number): Promise<void> {
        await endSession(this.#context().server, id)
    }

    async touch(): Promise<void> {
        if (this.#session !== null) this.#idle.putOff()
    }

    async setVisible(visible: boolean): Promise<void> {
        this.#session?.setVisible(visible)
    }

    async createTeam(name: string): Promise<string> {
        const context = this.#context()
        return members.createTeam(context, "team", name, context.settings.name)
    }

    async createVault(team: string, name: string): Promise<string> {
        return members.createVault(this.#context(), team, name)
    }

    async invite(
        team: string,
        email: string,
        role: Role,
        vaults: { vault: string; right: Right }[],
        days: number,
        via: "link" | "mail" = "link",
    ): Promise<{ url: string; written: Written }> {
        return invite(this.#context(), team, email, role, vaults, days, via)
    }

    async revokeInvite(team: string, hash: string): Promise<void> {
        await members.revokeInvite(this.#context(), team, hash)
    }

    async confirmMember(team: string, hash: string): Promise<void> {
        await members.confirmMember(this.#context(), team, hash)
    }

    async openInvite(fragment: string): Promise<InvitePreview> {
        return openInvite(this.#server, this.#session?.context ?? null, fragment)
    }

    async acceptInvite(fragment: string, name: string, came: "hand" | "mail"): Promise<void> {
        // The server knows by the personal team whose keys an acceptance names: it has to stand first.
        await this.syncNow()
        await acceptInvite(this.#context(), fragment, name, came)
    }

    async cameByHand(team: string): Promise<void> {
        await cameByHand(this.#context(), team)
    }

    async wordsOf(team: string, member: string): Promise<string> {
        const found = this.#context().books.teams.get(team)?.state.members.get(member)
        ensure(found !== undefined, "not_found")
        const words = await spokenFingerprint(found.fp)
        this.#view.changed()
        return words
    }

    async comparison(team: string, member: string): Promise<Comparison> {
        return this.#sessionOrFail().comparisons.ofMember(team, member)
    }

    /** The rights that came with it are followed by keys, sealed on the fold that has the link. */
    async pickWords(team: string, member: string, choice: number | null): Promise<Picked> {
        const session = this.#sessionOrFail()
        const picked = await session.comparisons.pick(team, member, choice)
        await session.look()
        return picked
    }

    async settleWords(team: string, member: string): Promise<void> {
        await this.#sessionOrFail().comparisons.settle(team, member)
    }

    async myComparison(team: string): Promise<Comparison> {
        return this.#sessionOrFail().comparisons.mine(team)
    }

    async hearWords(team: string, choice: number | null): Promise<Picked> {
        return this.#sessionOrFail().comparisons.hear(team, choice)
    }

    async lookedAt(refusal: string): Promise<void> {
        const { books, shelf } = this.#context()
        await lookAt(books, shelf, refusal)
        this.#view.changed()
    }

    async toldOfWithheld(): Promise<void> {
        const { books, shelf, pins, clock } = this.#context()
        await lookAtWithheld(books, shelf, pins, withheldTeams(books, pins), clock.now())
        this.#view.changed()
    }

    async removeMember(team: string, member: string): Promise<void> {
        await members.removeMember(this.#context(), team, member)
    }

    async setRole(team: string, member: string, role: Role): Promise<void> {
        await members.setRole(this.#context(), team, member, role)
    }

    /** The right is a link; the key follows it, sealed on the fold that has the link. */
    async grantVault(vault: string, member: string, right: Right): Promise<void> {
        const session = this.#sessionOrFail()
        await members.grantVault(session.context, vault, member, right)
        await session.look()
    }

    async revokeVault(vault: string, member: string): Promise<void> {
        await members.revokeVault(this.#context(), vault, member)
    }

    async rotateVault(vault: string): Promise<Written> {
        return rotateVault(this.#context(), vault)
    }

    async openItem(
        vault: string,
        item: string,
        revision?: number,
    ): Promise<{ overview: Overview; details: Details; revision: number; author: string }> {
        const opened = await openItem(this.#context(), vault, item, revision)
        return {
            overview: opened.overview,
            details: opened.details,
            revision: opened.revision,
            author: opened.author,
        }
    }

    async history(vault: string, item: string): Promise<{ revision: number; author: string; at: number }[]> {
        return historyOf(this.#context(), vault, item)
    }

    async saveItem(
        vault: string,
        item: string | null,
        base: number,
        overview: Overview,
        details: Details,
        draft: string | null = null,
    ): Promise<SaveResult> {
        return saveItem(this.#context(), vault, item, base, overview, details, draft)
    }

    async importItems(vault: string, entries: NewItem[]): Promise<ImportResult> {
        return importItems(this.#context(), vault, entries)
    }

    async revertItem(vault: string, item: string, revision: number): Promise<Written> {
        return revertItem(this.#context(), vault, item, revision)
    }

    async trashItem(vault: string, item: string): Promise<Written> {
        return setTrash(this.#context(), vault, item, this.#around.clock.now())
    }

    async restoreItem(vault: string, item: string): Promise<Written> {
        return setTrash(this.#context(), vault, item, null)
    }

    async purgeItem(vault: string, item: string): Promise<Written> {
        return purgeItem(this.#context(), vault, item)
    }

    async putDraft(draft: Draft): Promise<void> {
        await putDraft(this.#context().shelf, draft)
    }

    async drafts(): Promise<Draft[]> {
        const { shelf, outbox } = this.#context()
        return (await listDrafts(shelf)).filter(({ id }) => !outbox.drafts.has(id))
    }

    async dropDraft(id: string): Promise<void> {
        await dropDraft(this.#context().shelf, id)
    }

    async refusedLinks(team: string, vault: string | null): Promise<SavedLinks> {
        return refusedLinks(this.#context(), team, vault)
    }

    async readableCopy(vault: string): Promise<string> {
        return readableCopy(this.#context(), vault)
    }

    async syncNow(): Promise<void> {
        await this.#sessionOrFail().syncNow()
    }

    #sessionOrFail(): Session {
        if (this.#session === null) throw new CoreFailure("locked")
        return this.#session
    }

    #context() {
        return this.#sessionOrFail().context
    }

    async #open({ me, bundle }: Opened, settings: Settings | null): Promise<Session> {
        mark("keys_open")
        await this.#close()
        this.#email = me.email
        this.#server.belongTo(me.account)
        this.#view.reset()
        const session = await Session.open(
            {
                server: this.#server,
                store: this.#around.store,
                clock: this.#around.clock,
                view: this.#view,
                origin: this.#around.origin,
                announce: () => this.#around.channel.post("written"),
                ended: () => void this.#ended(),
            },
            me,
            bundle,
            settings,
        )
        this.#session = session
        this.#made = null
        return session
    }

    /** Whatever fails from here on, the kit is shown: there is no other time for it. */
    async #openNew(opened: Opened, name: string): Promise<void> {
        const session = await this.#open(opened, settingsOf(name))
        session.context.pins.isNew = false
        this.#enter("kit")
        await this.#nameNew(session)
    }

    /** What cannot be sent is kept here, and goes with the first sync. */
    async #nameNew(session: Session): Promise<void> {
        try {
            await changeSettings(session.context, (now) => now)
        } catch (error) {
            if (!(error instanceof CoreFailure)) throw error
        }
    }

    async #tellKitSaved(session: Session): Promise<void> {
        await this.#server.call("POST", "account/kit_saved", {})
        session.kitSaved = true
    }

    /** The answer that an account was made was lost: the kit all the same, and then the sign-in, which tells. */
    #showKit(): void {
        this.#accounts.forget()
        this.#enter("kit", "unheard")
    }

    /** The server is told at the sign-in that follows. */
    #keptUnheard(isKitSaved: boolean): void {
        if (this.#made !== null) this.#made.isKitSaved = isKitSaved
        this.#email = null
        this.#view.notice("made_unheard")
        this.#enter("anonymous")
    }

    #opened(): void {
        this.#idle.putOff()
        this.#enter("open")
        this.#session?.startPolling()
    }

    /** Where no look at the server would find it out: a locked page leads to the sign-in, too. */
    async #unlessEnded<T>(asked: Promise<T>): Promise<T> {
        try {
            return await asked
        } catch (error) {
            if (error instanceof CoreFailure && error.code === "not_signed_in") await this.#ended()
            throw error
        }
    }

    async #ended(): Promise<void> {
        await this.#close(true)
        this.#view.notice("session_ended")
        this.#leave()
    }

    /** The page is nobody's again. */
    #leave(): void {
        this.#email = null
        this.#server.belongTo(null)
        this.#enter("anonymous")
    }

    /** Somebody signed in in another tab. If that was another person, the session of this tab is over. */
    async #askWhose(): Promise<void> {
        const isOpen = this.#phase === "open" && this.#session !== null
        if (!isOpen && this.#phase !== "locked") return
        const session = await this.#accounts.session().catch(() => null)
        if (session !== null && session["state"] !== "signed_in") await this.#ended()
    }

    async #close(isOver = false): Promise<void> {
        const session = this.#session
        this.#session = null
        this.#idle.cancel()
        this.#view.progressNow = null
        if (session === null) return
        await session.close(isOver)
        this.#view.reset()
    }

    #enter(phase: Phase, stage: Snapshot["stage"] = null): void {
        this.#phase = phase
        this.#stage = stage
        this.#view.changed()
    }

    async #autoLock(): Promise<void> {
        this.#view.notice("auto_locked")
        await this.#lock()
    }

    async #lock(): Promise<void> {
        await this.#close()
        this.#enter("locked")
    }

    /** The page puts drafts away and locks; should it not, this does. */
    #lockSoon(): void {
        if (this.#phase !== "open") return
        this.#view.notice("locked_elsewhere")
        const session = this.#session
        this.#around.clock.after(LOCK_GRACE, () => {
            if (this.#session === session && session !== null) void this.#lock()
        })
    }

    #heard(message: unknown): void {
        if (message === "written") void this.#session?.look()
        if (message === "locked") this.#lockSoon()
        if (message === "signed_in") void this.#askWhose()
        // Whose account was most likely made is not signed in, and still has to be shown the kit.
        const isOut = this.#phase === "anonymous" || this.#stage === "unheard"
        if (message === "signed_out" && !isOut) void this.#ended()
    }
}

function addressOf(email: string): string {
    const address = normalised(email)
    ensure(address.includes("@"), "invalid")
    return address
}
