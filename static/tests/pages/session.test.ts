/** Which report the page shows for a failure, where several were refused for the same reason. */
import { beforeEach, expect, test } from "vitest"
import { Action, session } from "../../src/state/session.svelte.ts"
import { toasts } from "../../src/state/toasts.svelte.ts"
import { UNSURE, WAITS } from "../../src/words/notices.ts"
import type { Refusal } from "../../src/worker/api.ts"
import { bare } from "./scenes.ts"

const AT = 1_790_000_000_000
const refusal = (vault: string, item: string | null): Refusal => ({
    ...{ key: `R7.open/t/${vault}/${item}`, id: "R7.open", team: "t", vault, item },
    ...{
        at: AT,
        isLasting: false,
        isKnown: false,
        signer: null,
        links: false,
        isDenied: false,
        report: `of ${vault} ${item}`,
    },
})

beforeEach(() => {
    session.refusal = null
    toasts.close()
    const refusals = [refusal("v", "a"), refusal("v", "b"), refusal("w", "b"), refusal("w", null)]
    session.receive({ kind: "snapshot", snapshot: { ...bare("open"), refusals } })
})

test("it is that of the place, with the time at which it was seen", () => {
    session.noteRefusal({
        ...{ code: "refused", refusal: "R7.open" },
        place: { team: "t", vault: "w", item: "b" },
    })
    expect(session.refusal).toMatchObject({ report: "of w b", at: AT })
    session.noteRefusal({
        ...{ code: "frozen", refusal: "R7.open" },
        place: { team: "t", vault: "w", item: null },
    })
    expect(session.refusal?.report).toBe("of w null")
})

test("what is refused elsewhere gets no other one's report", () => {
    const begun = Date.now()
    session.noteRefusal({ code: "refused", refusal: "R7.open" })
    expect(JSON.parse(session.refusal?.report ?? "")).toEqual({
        ...{ refusal: "R7.open", team: null, vault: null, item: null },
    })
    expect(session.refusal?.at).toBeGreaterThanOrEqual(begun)
})

test("what is kept, and sent by itself, is told as that, and not as failed", async () => {
    const action = new Action()
    const run = (code: string) => action.run(() => Promise.reject({ code }))
    expect([await run("pending"), action.kept, action.failure]).toEqual([null, true, null])
    expect(toasts.current?.text).toBe(WAITS)
    expect([await run("under_way"), action.kept, action.failure]).toEqual([
        null,
        false,
        { code: "under_way" },
    ])
})

test("that a password may be changed stands on the page that asks for it, until that is answered", () => {
    session.receive({ kind: "notice", code: "password_unsure" })
    session.receive({ kind: "snapshot", snapshot: bare("anonymous") })
    expect([session.lockNotice, toasts.current]).toEqual([expect.stringContaining(UNSURE), null])
    session.receive({ kind: "snapshot", snapshot: bare("open") })
    expect(session.lockNotice).toBeNull()
})
