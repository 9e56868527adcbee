/** Every code has a sentence of its own, and the sentences keep to the rules of the house. */
import { readdirSync, readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { REFUSALS } from "../../src/chain/refusals.ts"
import { OWN_CODES } from "../../src/core/failure.ts"
import { asFailure, ERRORS, errorWords, REFUSED_HERE, UNOPENED, waitWords } from "../../src/words/errors.ts"
import { anyOf, CONTROLS, ENFORCED, RIGHTS, ROLES, rightLabel } from "../../src/words/names.ts"
import { isWarning, NOTICES, noticeWords } from "../../src/words/notices.ts"
import { refusalWords } from "../../src/words/refusals.ts"
import { teams } from "./sample-team.ts"

/** Every file of the client's code but the words themselves. */
const SOURCES = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|svelte)$/.test(name) && !/^words.(errors|notices)\.ts$/.test(name))
    .map((name) => readFileSync(`src/${name}`, "utf8"))
    .join("\n")

function found(text: string, pattern: RegExp): string[] {
    return [...text.matchAll(pattern)].map(([, code]) => code as string)
}

/** The codes of the server's answers, of which the two last have no description, and of the client's core. */
const SERVERS = [
    ...found(readFileSync("../accounts/schema.py", "utf8"), /^ {4}"(\w+)": \(/gm),
    ...["method_not_allowed", "error"],
]
const CORES = [
    ...found(SOURCES, /CoreFailure\("(\w+)"/g),
    ...found(SOURCES, /\bensure\([^\n]*, "(\w+)"\)/g),
    ...["used", "revoked", "dead"].map((state) => `invite_${state}`),
]

test.each([...new Set([...SERVERS, ...CORES])])("%s has a sentence", (code) => {
    expect(Object.hasOwn(ERRORS, code)).toBe(true)
    expect(errorWords({ code })).not.toBe(ERRORS.unknown)
})

test("what this browser says of itself is no code of the server's, and none is left out", () => {
    expect(SERVERS.filter((code) => OWN_CODES.has(code))).toEqual([])
    const own = CORES.filter((code) => !SERVERS.includes(code) && code !== "server")
    expect(own.filter((code) => !OWN_CODES.has(code))).toEqual([])
})

test("a refusal of this browser's is not told as one of the server's", () => {
    expect(errorWords({ code: "refused" })).toBe(ERRORS.refused)
    expect(errorWords({ code: "refused", refusal: "R7.open" })).toBe(REFUSED_HERE)
})

test("no sentence is for a code that nobody says", () => {
    const said = (code: string) => new RegExp(`"${code}"|ERRORS\\.${code}\\b`).test(SOURCES)
    const known = new Set([...SERVERS, ...CORES])
    expect(Object.keys(ERRORS).filter((code) => !known.has(code) && !said(code))).toEqual([])
    expect(Object.keys(NOTICES).filter((code) => !said(code))).toEqual([])
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
    for (const sentence of [
        UNOPENED,
        REFUSED_HERE,
        ...Object.values(ERRORS),
        ...Object.values(NOTICES),
        ...refusals,
    ])
        expect(sentence).not.toMatch(/please|oops|successful|!/i)
})

test("every refusal says what was seen and what to do; an unknown one too", () => {
    for (const [id, seen] of Object.entries(REFUSALS)) {
        expect(refusalWords(id).seen).toBe(seen)
        expect(refusalWords(id).steps.some((step) => step.title.startsWith("Tell an owner"))).toBe(true)
    }
    expect(refusalWords("X99.new").seen).not.toBe("")
})

test("the links of a fork are asked for only where they are at hand", () => {
    const asked = (hasLinks: boolean) =>
        Object.keys(REFUSALS).flatMap((id) => refusalWords(id, hasLinks).steps.map(({ title }) => title))
    expect(asked(true)).toContain("Keep the report and both links")
    expect(asked(false)).not.toContain("Keep the report and both links")
    expect(asked(false)).toHaveLength(asked(true).length)
})

test("no refusal's title is its first sentence over again", () => {
    const wordsOf = (text: string) => text.toLowerCase().match(/[a-z]+/g) ?? []
    for (const id of Object.keys(REFUSALS)) {
        const { title, seen } = refusalWords(id)
        const said = new Set([...wordsOf(seen), "this"])
        expect(wordsOf(title).filter((word) => !said.has(word)).length, id).toBeGreaterThan(1)
    }
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

test("every right, role and control says where it is enforced, and the pages show it", () => {
    const choices = [...Object.values(RIGHTS), ...Object.values(ROLES)].map(({ enforced }) => enforced)
    for (const enforced of [...choices, ...Object.values(CONTROLS)]) {
        expect(enforced.length).toBeGreaterThan(0)
        for (const each of enforced) expect(Object.keys(ENFORCED)).toContain(each)
    }
    for (const control of Object.keys(CONTROLS)) expect(SOURCES).toContain(`by={CONTROLS.${control}}`)
    for (const choice of ["ROLES[each]", "words"]) expect(SOURCES).toContain(`by={${choice}.enforced}`)
    // Whatever can be pressed or chosen there stands in a part that says it.
    const settings = readFileSync("src/pages/Settings.svelte", "utf8").split("<section").slice(1)
    const invitation = readFileSync("src/components/InviteDialog.svelte", "utf8").split("<fieldset").slice(1)
    for (const part of [...settings, ...invitation])
        if (/<(button|input|select|PasswordInput)/.test(part)) expect(part).toContain("<EnforcedBy")
})

test.each(["components/RemoveDialog", "pages/Members", "pages/AccessPage"])(
    "whoever takes a right away in %s is told first if a vault dies with it",
    (name) => {
        const dialogs = readFileSync(`src/${name}.svelte`, "utf8")
            .split(/<(?=Dialog|Confirm)/)
            .slice(1)
        expect(dialogs.some((dialog) => dialog.includes("<LastHolder {team} {member}"))).toBe(true)
    },
)

test("a right of mine is not claimed in a team that is not listed for me any more", () => {
    const [listed] = teams()
    if (listed === undefined) throw new Error("there is no sample team")
    const gone = { ...listed, state: "waiting" as const }
    expect(rightLabel("write", true, listed)).toBe("Write")
    expect(rightLabel("write", true, gone)).toBe("Not listed any more")
    expect(rightLabel("write", false, gone)).toBe("Write")
})

test("people to choose from are joined by one “or”", () => {
    expect(anyOf([])).toBe("")
    expect(anyOf(["Ana"])).toBe("“Ana”")
    expect(anyOf(["Ana", "Ben", "Cleo"])).toBe("“Ana”, “Ben” or “Cleo”")
})

test("a removal is a warning, a saved item is not", () => {
    expect(["removed", "saved", "key_arrived"].map(isWarning)).toEqual([true, false, false])
})
