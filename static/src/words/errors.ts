/**
 * One fixed sentence for every code. The server's own prose is never shown: a lying server could write anything
 * into it. Cause first, then the next step.
 */
import type { Failure } from "../worker/api.ts"
import { UNSURE, WAITS } from "./notices.ts"

export const ERRORS = {
    // The server's codes.
    invalid: "This server did not accept the form of this request. Reload the page, then try again.",
    parse_error: "This server could not read this request. Reload the page, then try again.",
    not_signed_in: "Your session has ended. Sign in again; your drafts are kept, sealed, on this device.",
    step_up_needed: "This needs your password again. Enter it, then repeat the step.",
    csrf: "This page is out of date. Reload it, then try again.",
    not_found: "This is not there, or you have no access to it.",
    method_not_allowed:
        "This server does not know this request. Reload the page to get the client that fits it.",
    not_acceptable: "This server does not know this request. Reload the page to get the client that fits it.",
    unsupported_media_type:
        "This server does not know this request. Reload the page to get the client that fits it.",
    gone: "This is no longer there.",
    too_large: "This is too large. An item holds at most 2 MB.",
    refused:
        "This server says that this change is not valid, and that it did not make it. Look at it as it is now, and try again; if it stays, tell the person who runs the server.",
    too_many: "Too many attempts.",
    too_many_held:
        "Nobody can hold more than 1,500 vaults, and no vault can have more than 1,000 people: a removal could not take them out at once. Take somebody out of a vault first.",
    kms_unavailable:
        "This server cannot reach its key service, so vaults stay shut. Nothing is lost. Try again later.",
    unavailable: "This server is not available at the moment. Your drafts are kept, sealed, on this device.",
    error: "This server reported an error of its own. Try again; if it stays, tell the person who runs it.",
    server: "This server reported an error of its own. Try again; if it stays, tell the person who runs it.",
    head_moved: "Somebody else changed this at the same moment. Try again.",
    held: "A removal is being carried out in this vault. Try again in 10 seconds.",
    conflict: "The state changed at the same moment. Reload the page, then try again.",
    kek_moved: "This server renewed a key at the same moment. Try again.",
    stale_seen: "Somebody else changed the team at the same moment. Try again.",
    rotation_due: "The vault’s key has to be renewed first. Somebody with write access does that by saving.",
    taken: "This place is already taken. Reload the page, then try again.",
    counter_moved: "Another browser of yours saved at the same moment. Try again.",
    cred_moved: "Your password was changed in another browser. Sign in with the new one.",
    personal_exists: "You already have a personal vault.",
    code_wrong: "This is not the code we sent.",
    code_expired: "This code no longer counts. Start again.",
    login_failed:
        "E-mail and password do not open an account here. Check both, and the address of this page. If all three are right, it was not your server that answered: tell the person who runs it, by voice or in person.",
    invite_closed:
        "This invitation is closed: it was used or taken back. If you used it, sign in; if not, ask the person who sent it for a new one.",
    invite_used:
        "This invitation was used already. If it was you, sign in with the account you used. If it was not, tell the person who sent it: somebody else has had the link.",
    invite_revoked: "This invitation was taken back. Ask the person who sent it what to do.",
    invite_expired: "This invitation has expired. Ask the person who sent it for a new one.",
    invite_dead:
        "This invitation no longer holds: the person who sent it may not invite any more. Ask the team for a new one.",
    invite_other_email:
        "This invitation is for another e-mail address. Sign out, then sign in with the address it was sent to.",
    already_member: "You are in this team already. This invitation is not needed.",
    // The client's own.
    offline: "No connection, so there was no answer. Try again when it is back.",
    pending: WAITS,
    password_unsure: `There was no answer. ${UNSURE} Or press again when the connection is back: that settles it.`,
    under_way:
        "An earlier change of yours is still on its way: kept, sealed, on this device, and sent when the connection is back. Once that is done, do this again.",
    locked: "This browser is locked. Unlock it, then try again.",
    worker: "The part of this page that holds your keys has stopped. Reload the page.",
    unsupported: "This browser cannot run the cryptography that Coffret needs. Update it, then reload.",
    waiting: "This browser waits for the rest of the team’s log. Try again in a moment.",
    not_compared:
        "Your link to this team came by mail, or you have not said how it came. Compare words with the person who invited you, on the page Members; then try again.",
    already_verified: "Somebody else has verified this person meanwhile.",
    frozen: "The team is read-only here, because this browser refused what the server showed.",
    no_right: "You can read this vault, not change it. Somebody who manages it can give you write.",
    no_key: "The key of this vault has not reached you yet. It comes as soon as somebody who manages it is online.",
    clipboard: "This browser did not let the page copy. Reveal the value and copy it by hand.",
    unknown: "Something went wrong in this browser. Reload the page; your drafts are kept, sealed.",
} as const satisfies Record<string, string>

/**
 * Where the account is known. OPAQUE has one way to fail: a wrong password and an answer that is not the server's own look
 * alike here, so that neither is told as a fact.
 */
export const UNOPENED =
    "This password does not open your keys. Check it, and the address of this page. If you are sure of both, it was not your server that answered: tell the person who runs it, by voice or in person."

/** Before there is an account, where nothing is kept sealed yet. */
export const UNSENT = "No connection. Try again when you are connected; what you typed is still here."

export type ErrorCode = keyof typeof ERRORS

function isErrorCode(code: string): code is ErrorCode {
    return Object.hasOwn(ERRORS, code)
}

/** Where it was this browser that refused, behind the page that says what. */
export const REFUSED_HERE =
    "This browser refused what this server showed, so it was not done. Try again; if it stays, tell an owner, outside Coffret."

/** The sentence for a failure, with tries left and the wait where they are known. */
export function errorWords({ code, refusal, triesLeft, retryAfter }: Failure): string {
    const isOurs = code === "refused" && refusal !== undefined
    const words: string[] = [isOurs ? REFUSED_HERE : isErrorCode(code) ? ERRORS[code] : ERRORS.unknown]
    if (triesLeft !== undefined) words.push(triesWords(triesLeft))
    if (retryAfter !== undefined) words.push(`Try again in ${waitWords(retryAfter)}.`)
    return words.join(" ")
}

function triesWords(left: number): string {
    if (left === 0) return "No tries left. Start again."
    return left === 1 ? "1 try left." : `${left} tries left.`
}

/** Seconds in words: "8 s", "3 min", "2 h". */
export function waitWords(seconds: number): string {
    if (seconds < 90) return `${Math.max(1, Math.ceil(seconds))} s`
    if (seconds < 5_400) return `${Math.ceil(seconds / 60)} min`
    return `${Math.ceil(seconds / 3_600)} h`
}

/** Whatever was thrown, as a failure; what is none of ours is `unknown`, and its text is not shown. */
export function asFailure(thrown: unknown): Failure {
    if (typeof thrown === "object" && thrown !== null && "code" in thrown && typeof thrown.code === "string")
        return thrown as Failure
    return { code: "unknown" }
}
