/**
 * OPAQUE in the worker (RFC 9807). The only file that sees a password, and what leaves it are OPAQUE messages. Loaded
 * when first needed: 153 kB. `identifiers` and `context` stay empty: the server's library has neither; account and
 * server key are bound in the AUK instead.
 */
import type { Bytes } from "../crypto/bytes.ts"
import { base64url, unbase64url } from "../crypto/bytes.ts"
import { CoreFailure } from "./failure.ts"

/** How a password is stretched in suite 1. Nothing that the server says changes it: `R10.kdf` is the bundle's. */
const STRETCHING = { "argon2id-custom": { memory: 65_536, iterations: 3, parallelism: 1 } } as const // memory in KiB

async function library() {
    const opaque = await import("@serenity-kit/opaque")
    await opaque.ready
    return opaque.client
}

/** Fetch the code ahead of the first password, so that nobody waits for it. */
export async function warmOpaque(): Promise<void> {
    await library()
}

export interface Begun {
    /** The message to the server. */
    readonly message: Bytes
    readonly state: string
}

export interface Finished {
    readonly message: Bytes
    /** 64 bytes; the caller overwrites them. */
    readonly exportKey: Bytes
    readonly serverKey: Bytes
}

export async function beginRegistration(password: string): Promise<Begun> {
    const { clientRegistrationState, registrationRequest } = (await library()).startRegistration({ password })
    return { message: unbase64url(registrationRequest), state: clientRegistrationState }
}

export async function finishRegistration(password: string, begun: Begun, response: Bytes): Promise<Finished> {
    const done = (await library()).finishRegistration({
        password,
        registrationResponse: base64url(response),
        clientRegistrationState: begun.state,
        keyStretching: STRETCHING,
    })
    return {
        message: unbase64url(done.registrationRecord),
        exportKey: unbase64url(done.exportKey),
        serverKey: unbase64url(done.serverStaticPublicKey),
    }
}

export async function beginLogin(password: string): Promise<Begun> {
    const { clientLoginState, startLoginRequest } = (await library()).startLogin({ password })
    return { message: unbase64url(startLoginRequest), state: clientLoginState }
}

/** @throws {CoreFailure} `login_failed`: the envelope's MAC does not hold, so there is no export key to misuse. */
export async function finishLogin(password: string, begun: Begun, response: Bytes): Promise<Finished> {
    const done = (await library()).finishLogin({
        password,
        loginResponse: base64url(response),
        clientLoginState: begun.state,
        keyStretching: STRETCHING,
    })
    if (done === undefined) throw new CoreFailure("login_failed")
    return {
        message: unbase64url(done.finishLoginRequest),
        exportKey: unbase64url(done.exportKey),
        serverKey: unbase64url(done.serverStaticPublicKey),
    }
}
