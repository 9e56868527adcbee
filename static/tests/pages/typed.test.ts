/** What was typed for a new account outlives a reload, without the password, until an account is open. */
import { expect, test, vi } from "vitest"
import { session } from "../../src/state/session.svelte.ts"
import { typedSignUp } from "../../src/state/signup.svelte.ts"
import { bare } from "./scenes.ts"

async function reloaded(): Promise<typeof typedSignUp> {
    vi.resetModules()
    return (await import("../../src/state/signup.svelte.ts")).typedSignUp
}

test("address and name are there again after a reload, and gone once an account is open", async () => {
    Object.assign(typedSignUp, { email: "ana@example.test", name: "Ana" })
    typedSignUp.keep()
    expect(await reloaded()).toMatchObject({ email: "ana@example.test", name: "Ana" })
    session.receive({ kind: "snapshot", snapshot: bare("open") })
    expect(typedSignUp).toMatchObject({ email: "", name: "" })
    expect(await reloaded()).toMatchObject({ email: "", name: "" })
    expect(sessionStorage.length).toBe(0)
})

test("what somebody else wrote there is not taken", async () => {
    sessionStorage.setItem("coffret.signup", "{")
    expect(await reloaded()).toMatchObject({ email: "", name: "" })
})
