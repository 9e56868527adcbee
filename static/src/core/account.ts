/** Sign-up, login, unlock, change of password (design 5). Keys are born and opened here, and nothing but OPAQUE leaves. */
import type { Bytes } from "../crypto/bytes.ts"
import { equal, random } from "../crypto/bytes.ts"
import { need, Refused } from "../crypto/errors.ts"
import type { Auk } from "../crypto/keys.ts"
import { Amk, deriveAuk, deriveKit, Keyring, SUITE } from "../crypto/keys.ts"
import { sodiumReady } from "../crypto/sodium.ts"
import { sealAmk, sealKeyring } from "../crypto/wraps.ts"
import type { CodeStage } from "../worker/api.ts"
import { keepAddress } from "./address.ts"
import type { Bundle } from "./bundle.ts"
import { bundleIn, openBundle, readBundle } from "./bundle.ts"
import { CoreFailure, ensure, Unanswered } from "./failure.ts"
import type { Begun, Finished } from "./opaque.ts"
import { beginLogin, beginRegistration, finishLogin, finishRegistration } from "./opaque.ts"
import type { Store } from "./store.ts"
import type { Server } from "./transport.ts"
import type { Answer } from "./wire.ts"
import { asBytes } from "./wire.ts"

/** Who is unlocked, with the keys. Lives in the worker and is wiped at lock. */
export interface Me {
    readonly account: Bytes
    readonly email: string
    readonly serverKey: Bytes
    readonly amk: Amk
    readonly keyring: Keyring
    /** Changes with the password. */
    cred: Bytes
}

export interface Opened {
    readonly me: Me
    readonly bundle: Bundle
}

/** A login or sign-up that waits for the code from the mail. The password is not kept; what it gave is. */
interface Awaiting {
    readonly stage: CodeStage
    readonly email: string
    readonly exportKey: Bytes
    readonly serverKey: Bytes
    /** At sign-up: the keyring that was made, which is the one that must come back. */
    readonly fp: Bytes | null
    /** A code was sent and no answer came, or none that says no: it may have been the right one. */
    isUnsure: boolean
}

/** The route that takes the code. */
const ROUTES: Record<CodeStage, string> = {
    sign_up: "signup/verify",
    email: "login/email",
    second_factor: "login/second_factor",
}
const CRED_ZERO = new Uint8Array(16)
const SERVER_KEY = "server_key" // a public value, so it is kept as it is: it is needed before anything opens

export class Accounts {
    readonly #server: Server
    readonly #store: Store
    #awaiting: Awaiting | null = null
    /** A new password was sent and not answered for. Over once one password opens the account. */
    #isPasswordUnsure = false

    constructor(server: Server, store: Store) {
        this.#server = server
        this.#store = store
    }

    /** What the server says of this session; takes the CSRF token. */
    session(): Promise<Answer> {
        return this.#server.call("GET", "session")
    }

    /** Make an account's keys and upload them sealed. `email` is normalised. Returns the recovery kit's code, 32 bytes. */
    async signUp(email: string, password: string): Promise<Bytes> {
        await sodiumReady()
        const begun = await beginRegistration(password)
        const answer = await this.#server.call("POST", "signup/start", { email, request: begun.message })
        const place = { account: asBytes(answer["account"], 16), cred: asBytes(answer["cred"], 16) }
        const done = await finishRegistration(password, begun, asBytes(answer["response"], 64))
        await this.#checkServerKey(done.serverKey)
        const made = await newKeys(done, place)
        await this.#server.call("POST", "signup/finish", {
            handle: asBytes(answer["handle"], 16),
            record: done.message,
            suite: SUITE,
            ...made.upload,
        })
        this.#await({
            stage: "sign_up",
            email,
            exportKey: done.exportKey,
            serverKey: done.serverKey,
            fp: made.fp,
        })
        return made.code
    }

    /** The stage whose code is awaited here. */
    get stage(): CodeStage | null {
        return this.#awaiting?.stage ?? null
    }

    /** An account was most likely made, though no answer says so. */
    get isMadeUnheard(): boolean {
        return this.#awaiting?.stage === "sign_up" && this.#awaiting.isUnsure
    }

    /** Mail another code; only a sign-up has one to give. @throws {CoreFailure} `code_expired`. */
    async resend(): Promise<void> {
        ensure(this.stage === "sign_up", "code_expired")
        await this.#server.call("POST", "signup/resend", {})
    }

    /**
     * Take the code. Null: the account was most likely made, but the answer that says so was lost, and the server does not
     * know this browser as signed in.
     *
     * @throws {CoreFailure} `code_wrong`, `code_expired`; `not_signed_in` if the keys were lost with a reload.
     */
    async confirm(code: string): Promise<Opened | null> {
        const awaiting = this.#awaiting
        if (awaiting === null) throw new CoreFailure("not_signed_in")
        return this.#finishWith(awaiting, await this.#take(awaiting, code))
    }

    /** The same for a code that was sent before and not answered. @throws `failure` if nothing was made. */
    async confirmedBefore(failure: CoreFailure): Promise<Opened | null> {
        const awaiting = this.#awaiting
        if (awaiting === null) throw failure
        return this.#finishWith(awaiting, await this.#bundleAfter(awaiting, failure))
    }

    async #finishWith(awaiting: Awaiting, bundle: Bundle | null): Promise<Opened | null> {
        if (bundle === null) return null
        const opened = await this.#open(awaiting, bundle, awaiting.email)
        if (awaiting.fp !== null && !equal(awaiting.fp, opened.me.keyring.fp))
            throw new Refused("R17.keyring")
        this.forget()
        return opened
    }

    async #take(awaiting: Awaiting, code: string): Promise<Bundle | null> {
        try {
            return bundleIn(await this.#server.call("POST", ROUTES[awaiting.stage], { code }))
        } catch (error) {
            const said = error instanceof CoreFailure ? error.code : ""
            if (said === "code_wrong") throw error
            if (said !== "code_expired") awaiting.isUnsure = true
            if (!(error instanceof CoreFailure)) throw error
            return this.#bundleAfter(awaiting, error)
        }
    }

    /** A code that fits is taken once: after a lost answer the session tells whether it was. @throws `failure` if it was not. */
    async #bundleAfter(awaiting: Awaiting, failure: CoreFailure): Promise<Bundle | null> {
        const session = await this.session().catch(() => {
            throw failure
        })
        if (session["state"] === "signed_in" && session["email"] === awaiting.email)
            return readBundle(await this.#server.call("GET", "account/bundle"))
        if (session["state"] === "pending" || !this.isMadeUnheard) throw failure
        return null
    }

    /** Sign in, with a normalised address; null if the server first wants the code from a mail. */
    async signIn(email: string, password: string): Promise<Opened | null> {
        const begun = await beginLogin(password)
        const started = await this.#server.call("POST", "login/start", { email, ke1: begun.message })
        const { answer, done } = await this.#finish("login", password, begun, started)
        if (answer["state"] === "pending") {
            const stage = answer["stage"] === "mfa_authenticate" ? "second_factor" : "email"
            const { exportKey, serverKey } = done
            this.#await({ stage, email, exportKey, serverKey, fp: null })
            return null
        }
        return this.#open(done, bundleIn(answer), email)
    }

    /** Unlock on the live session. It marks the step-up too. */
    async unlock(password: string): Promise<Opened> {
        const begun = await beginLogin(password)
        const started = await this.#server.call("POST", "unlock/start", { ke1: begun.message })
        const { answer, done } = await this.#finish("unlock", password, begun, started)
        return this.#open(done, bundleIn(answer), null)
    }

    get isPasswordUnsure(): boolean {
        return this.#isPasswordUnsure
    }

    /**
     * A new registration and a new wrap of the same AMK, in one request. If its answer is lost, the new password tells.
     *
     * @throws {CoreFailure} `password_unsure`, or `not_signed_in` while {@link isPasswordUnsure}: it may be changed.
     */
    async changePassword(me: Me, current: string, next: string): Promise<void> {
        if (this.#isPasswordUnsure && (await this.#opensBy(me, next))) return
        await this.#proveAgain(me, current)
        try {
            me.cred = await this.#replacePassword(me, next)
        } catch (error) {
            if (!this.#isPasswordUnsure || !(await this.#opensBy(me, next))) throw error
        }
    }

    /** The present password, and whichever credential goes with it. */
    async #proveAgain(me: Me, password: string): Promise<void> {
        const again = await this.unlock(password)
        wipe(again.me)
        me.cred = again.me.cred
    }

    /** @throws {CoreFailure} `password_unsure` if nobody says; `not_signed_in`. */
    async #opensBy(me: Me, password: string): Promise<boolean> {
        try {
            await this.#proveAgain(me, password)
            return true
        } catch (error) {
            const code = error instanceof CoreFailure ? error.code : ""
            if (code === "login_failed") return false
            if (code === "" || code === "not_signed_in") throw error
            throw new CoreFailure("password_unsure")
        }
    }

    /** Returns the new credential. */
    async #replacePassword(me: Me, next: string): Promise<Bytes> {
        const begun = await beginRegistration(next)
        const answer = await this.#server.call("POST", "password/start", { request: begun.message })
        const cred = asBytes(answer["cred"], 16)
        const done = await finishRegistration(next, begun, asBytes(answer["response"], 64))
        await this.#checkServerKey(done.serverKey)
        const id = random(16)
        const auk = await deriveAuk(done.exportKey, null, {
            account: me.account,
            cred,
            serverKey: done.serverKey,
        })
        const blob = await sealAmk(auk, { account: me.account, cred, id }, me.amk)
        auk.wipe()
        done.exportKey.fill(0)
        const request = {
            handle: asBytes(answer["handle"], 16),
            record: done.message,
            suite: SUITE,
            wrap: { id, wrap: "auk", cred, blob },
            old_cred: me.cred,
        }
        await this.#server.call("POST", "password/finish", request).catch((error: unknown) => {
            this.#isPasswordUnsure = error instanceof Unanswered
            throw error
        })
        return cred
    }

    /** False if the session here is over already, or another account's, which goes on. */
    async signOut(): Promise<boolean> {
        this.forget()
        try {
            this.#server.takeToken(await this.#server.call("DELETE", "session"))
            return true
        } catch (error) {
            if (error instanceof CoreFailure && error.code === "not_signed_in") return false
            throw error
        }
    }

    /** Drop what a half-done sign-up or login left. */
    forget(): void {
        this.#awaiting?.exportKey.fill(0)
        this.#awaiting = null
    }

    #await(awaiting: Omit<Awaiting, "isUnsure">): void {
        this.forget()
        this.#awaiting = { ...awaiting, isUnsure: false }
    }

    /** KE3 goes out only after the server proved itself with the key that this browser knows. */
    async #finish(
        route: "login" | "unlock",
        password: string,
        begun: Begun,
        started: Answer,
    ): Promise<{ answer: Answer; done: Finished }> {
        const handle = asBytes(started["handle"], 16)
        const done = await finishLogin(password, begun, asBytes(started["ke2"], 320))
        await this.#checkServerKey(done.serverKey)
        const answer = await this.#server.call("POST", `${route}/finish`, { handle, ke3: done.message })
        return { answer, done }
    }

    /** @throws {Refused} `A3.server_key`. */
    async #checkServerKey(key: Bytes): Promise<void> {
        const known = await this.#store.get(SERVER_KEY)
        if (known !== null && !equal(known, key)) throw new Refused("A3.server_key")
    }

    /** @param typed - the address that was; null at an unlock. */
    async #open(
        from: { exportKey: Bytes; serverKey: Bytes },
        bundle: Bundle,
        typed: string | null,
    ): Promise<Opened> {
        need(typed === null || bundle.email === typed, "A4.email")
        await sodiumReady()
        const { exportKey, serverKey } = from
        const { account, cred } = bundle
        const auk: Auk = await deriveAuk(exportKey, null, { account, cred, serverKey })
        try {
            const { amk, keyring } = await openBundle(auk, bundle, this.#store)
            const me = { account, email: bundle.email, serverKey, amk, keyring, cred }
            await this.#keepAddress(me, typed !== null)
            await this.#store.put(SERVER_KEY, serverKey)
            this.#isPasswordUnsure = false
            return { me, bundle }
        } finally {
            auk.wipe()
        }
    }

    async #keepAddress(me: Me, wasTyped: boolean): Promise<void> {
        try {
            await keepAddress(this.#store, me, wasTyped)
        } catch (error) {
            wipe(me)
            throw error
        }
    }
}

/** Everything a new account needs, made in this browser. The first keyring has counter 1. */
async function newKeys(done: Finished, { account, cred }: { account: Bytes; cred: Bytes }) {
    const amk = Amk.generate()
    const keyring = Keyring.generate()
    const code = random(32)
    const auk = await deriveAuk(done.exportKey, null, { account, cred, serverKey: done.serverKey })
    const kit = await deriveKit(code, account)
    const [aukId, kitId] = [random(16), random(16)]
    const upload = {
        keyring: { counter: 1, blob: await sealKeyring(amk, { account, counter: 1 }, keyring) },
        wraps: [
            { id: aukId, wrap: "auk", cred, blob: await sealAmk(auk, { account, cred, id: aukId }, amk) },
            {
                id: kitId,
                wrap: "kit",
                cred: CRED_ZERO,
                blob: await sealAmk(kit, { account, cred: CRED_ZERO, id: kitId }, amk),
            },
        ],
    }
    const fp = keyring.fp
    for (const key of [amk, keyring, auk, kit]) key.wipe()
    return { code, upload, fp }
}

/** Overwrite the keys of an account. */
export function wipe(me: Me): void {
    me.amk.wipe()
    me.keyring.wipe()
}
