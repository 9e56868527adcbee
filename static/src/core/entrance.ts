/** Who is in: signing up, signing in and unlocking, the kit, and every way of leaving. It alone makes and ends a session. */
import type { CodeStage, Kit, Phase, Snapshot } from "../worker/api.ts"
import type { Opened } from "./account.ts"
import { Accounts } from "./account.ts"
import { normalised } from "./address.ts"
import { CoreFailure, ensure } from "./failure.ts"
import { IdleLock } from "./idle.ts"
import { kitCode } from "./kit.ts"
import { mark } from "./marks.ts"
import { warmOpaque } from "./opaque.ts"
import { Session } from "./session.ts"
import type { Settings } from "./settings.ts"
import { changeSettings, settingsOf } from "./settings.ts"
import type { Surroundings } from "./surroundings.ts"
import type { Server } from "./transport.ts"
import type { View } from "./view.ts"
import { asBytes, asText } from "./wire.ts"

const LOCK_GRACE = 2_000 // ms

/** What the person said of an account that is being made here, and whether a copy of its kit was checked. */
interface Made {
    readonly email: string
    readonly name: string
    isKitSaved: boolean
}

/** What the page is shown of it. */
type Shown = Pick<Snapshot, "phase" | "stage" | "email" | "missing" | "idleLockAt">

export class Entrance {
    readonly #around: Surroundings
    readonly #server: Server
    readonly #view: View
    readonly #accounts: Accounts
    readonly #idle: IdleLock
    #phase: Phase = "booting"
    #missing: string | null = null
    #email: string | null = null
    /** The account that is being made here, until it is open. */
    #made: Made | null = null
    #stage: Snapshot["stage"] = null
    #session: Session | null = null

    constructor(around: Surroundings, server: Server, view: View) {
        this.#around = around
        this.#server = server
        this.#view = view
        this.#accounts = new Accounts(server, around.store)
        this.#idle = new IdleLock(around.clock, view, () => void this.#autoLock())
        around.channel.listen((message) => this.#heard(message))
    }

    /** The unlocked account; null while there is none. */
    get session(): Session | null {
        return this.#session
    }

    get shown(): Shown {
        return {
            phase: this.#phase,
            stage: this.#stage,
            email: this.#email,
            missing: this.#missing,
            idleLockAt: this.#idle.at,
        }
    }

    /** The unlocked account, or the failure `locked`. */
    sessionOrFail(): Session {
        if (this.#session === null) throw new CoreFailure("locked")
        return this.#session
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
        if (confirmed) await this.#tellKitSaved(this.sessionOrFail())
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
        const { me } = this.sessionOrFail().context
        await this.#unlessEnded(this.#accounts.changePassword(me, current, next))
    }

    touch(): void {
        if (this.#session !== null) this.#idle.putOff()
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
        this.#view.notice(this.#accounts.isPasswordUnsure ? "password_unsure" : "session_ended")
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
