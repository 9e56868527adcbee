/** Every code has a sentence of its own, and the sentences keep to the rules of the house. */
import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { REFUSALS } from "../../src/chain/refusals.ts"
import { asFailure, ERRORS, errorWords, waitWords } from "../../src/words/errors.ts"
import { NOTICES, noticeWords } from "../../src/words/notices.ts"
import { refusalWords } from "../../src/words/refusals.ts"

/** The codes of the server's answers and of the client's core. */
const CODES = [
    "invalid parse_error not_signed_in step_up_needed csrf not_found method_not_allowed not_acceptable gone",
    "too_large unsupported_media_type refused too_many kms_unavailable head_moved held stale_seen rotation_due taken",
    "counter_moved cred_moved code_wrong code_expired login_failed personal_exists invite_closed invite_other_email",
    "invite_expired frozen locked no_key no_right offline server waiting worker invalid_body error unavailable",
].flatMap((line) => line.split(" "))

test.each(CODES)("%s has a sentence", (code) => {
    expect(Object.hasOwn(ERRORS, code)).toBe(true)
    expect(errorWords({ code })).not.toBe(ERRORS.unknown)
})

test("an unknown code, even one of Object's own names, gets the plain sentence", () => {
    for (const code of ["no_such_code", "constructor", "toString"])
        expect(errorWords({ code })).toBe(ERRORS.unknown)
    expect(noticeWords("constructor")).toBeNull()
})

test("no sentence begs, shouts or cheers", () => {
    const refusals = Object.keys(REFUSALS).flatMap((id) => {
        const { title, seen, meaning, effect, steps } = refusalWords(id)
        return [title, seen, meaning, effect, ...steps.flatMap((step) => [step.title, step.text])]
    })
    for (const sentence of [...Object.values(ERRORS), ...Object.values(NOTICES), ...refusals])
        expect(sentence).not.toMatch(/please|oops|successful|!/i)
})

test("every refusal says what was seen and what to do; an unknown one too", () => {
    for (const [id, seen] of Object.entries(REFUSALS)) {
        expect(refusalWords(id).seen).toBe(seen)
        expect(refusalWords(id).steps.some((step) => step.title.startsWith("Tell an owner"))).toBe(true)
    }
    expect(refusalWords("X99.new").seen).not.toBe("")
})

test("every refusal has its paragraph in the documentation, and no other is there", () => {
    const text = readFileSync("../vaults/crypto/REFUSALS.md", "utf8")
    const told = [...text.matchAll(/\*\*`([^`]+)`\*\*/g)].map(([, id]) => id)
    expect(told.sort()).toEqual(Object.keys(REFUSALS).sort())
})

test("tries and waits are told", () => {
    expect(errorWords({ code: "code_wrong", triesLeft: 1 })).toBe("This is not the code we sent. 1 try left.")
    expect(errorWords({ code: "too_many", retryAfter: 30 })).toBe("Too many attempts. Try again in 30 s.")
    expect([waitWords(0.2), waitWords(120), waitWords(7_200)]).toEqual(["1 s", "2 min", "2 h"])
})

test("what is thrown and no failure of ours shows none of its text", () => {
    expect(asFailure(new Error("secret detail"))).toEqual({ code: "unknown" })
    expect(asFailure({ code: "held" })).toEqual({ code: "held" })
    expect(asFailure(null)).toEqual({ code: "unknown" })
})
