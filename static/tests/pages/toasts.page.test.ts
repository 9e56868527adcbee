/** Under test: while a dialog is open all outside of it is inert, so what is said and offered stands inside. */
import { flushSync, mount, tick, unmount } from "svelte"
import { afterEach, beforeEach, expect, test } from "vitest"
import App from "../../src/App.svelte"
import { go } from "../../src/state/router.svelte.ts"
import { session } from "../../src/state/session.svelte.ts"
import { toasts } from "../../src/state/toasts.svelte.ts"
import { FakeCore } from "./fake-core.ts"
import { TEAM } from "./sample-team.ts"

let shown: ReturnType<typeof mount>

async function settled(): Promise<void> {
    await tick()
    flushSync()
}

const button = (label: string) =>
    [...document.querySelectorAll("button")].find((each) => each.textContent?.trim() === label)
/** The dialogs, or null for the page, in which a live region says this. */
const saidIn = (text: string) =>
    [...document.querySelectorAll("[aria-live]")]
        .filter((region) => region.textContent?.includes(text))
        .map((region) => region.closest("dialog"))

beforeEach(async () => {
    const core = new FakeCore("full")
    session.connect(core, core.subscribe)
    await core.start()
    go({ page: "members", team: TEAM })
    shown = mount(App, { target: document.body })
    await settled()
})

afterEach(async () => {
    toasts.close()
    await unmount(shown)
    document.body.textContent = ""
})

test("a toast and its button stand in the open dialog, and on the page once that is closed", async () => {
    let undone = 0
    toasts.show("Moved to trash.", { label: "Undo", run: () => undone++ })
    await settled()
    expect(saidIn("Moved to trash.")).toEqual([null])
    button("Invite")?.click()
    await settled()
    const dialog = document.querySelector("dialog")
    expect(dialog).not.toBeNull()
    expect(saidIn("Moved to trash.")).toEqual([dialog])
    expect(button("Undo")?.closest("dialog")).toBe(dialog)

    document.querySelector<HTMLElement>("dialog [aria-label=Close]")?.click()
    await settled()
    expect(saidIn("Moved to trash.")).toEqual([null])
    button("Undo")?.click()
    await settled()
    expect([undone, saidIn("Moved to trash.")]).toEqual([1, []])
})

test("what is only read out is said in the open dialog, and not again when that is closed", async () => {
    button("Invite")?.click()
    await settled()
    toasts.say("Password copied.")
    await settled()
    expect(saidIn("Password copied.")).toEqual([document.querySelector("dialog")])
    document.querySelector<HTMLElement>("dialog [aria-label=Close]")?.click()
    await settled()
    expect(saidIn("Password copied.")).toEqual([])
})
