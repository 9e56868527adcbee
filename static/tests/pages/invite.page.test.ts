/** Under test: how long a tab keeps an invitation's secret, and that its page stays its own. The real pages on a core in memory. */
import { flushSync, mount, tick, unmount } from "svelte"
import { afterEach, beforeEach, expect, test } from "vitest"
import App from "../../src/App.svelte"
import { inviteKeeper } from "../../src/state/invite.svelte.ts"
import type { Route } from "../../src/state/route.ts"
import { go } from "../../src/state/router.svelte.ts"
import { session } from "../../src/state/session.svelte.ts"
import { FakeCore } from "./fake-core.ts"

const FRAGMENT = "A".repeat(86)

let core: FakeCore
let shown: ReturnType<typeof mount>

async function settled(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) {
        await tick()
        await new Promise((resolve) => setTimeout(resolve, 5))
        flushSync()
    }
}

beforeEach(async () => {
    sessionStorage.setItem("coffret.invite", FRAGMENT)
    core = new FakeCore("full")
    session.connect(core, core.subscribe)
    await core.start()
    shown = mount(App, { target: document.body })
    await settled()
    expect(inviteKeeper.fragment).toBe(FRAGMENT)
})

afterEach(async () => {
    await unmount(shown)
    inviteKeeper.drop()
    document.body.textContent = ""
})

const kept = () => [inviteKeeper.fragment, sessionStorage.getItem("coffret.invite")]

async function signOutAt(route: Route): Promise<void> {
    go(route)
    await settled()
    await core.signOut()
    await settled()
}

test("whoever signs out leaves no invitation to the next person at this tab", async () => {
    await signOutAt({ page: "settings" })
    expect(kept()).toEqual([null, null])
})

test("nor does whoever signs out of a locked page", async () => {
    go({ page: "items", vault: null, item: null, mode: "view" })
    await core.lock()
    await settled()
    expect(kept()).toEqual([FRAGMENT, FRAGMENT])
    await core.signOut()
    await settled()
    expect(kept()).toEqual([null, null])
})

test("whoever signs out on its page, to take it with another account, keeps it", async () => {
    await signOutAt({ page: "join" })
    expect(kept()).toEqual([FRAGMENT, FRAGMENT])
})

test("it lasts from the sign-up to the open client", async () => {
    go({ page: "sign-up" })
    await core.signOut()
    sessionStorage.setItem("coffret.invite", FRAGMENT)
    inviteKeeper.take()
    await core.signUp("new@example.test")
    await settled()
    await core.confirmCode("123456")
    await core.kitSaved(true)
    await settled()
    expect(kept()).toEqual([FRAGMENT, FRAGMENT])
})

const ITEMS: Route = { page: "items", vault: null, item: null, mode: "view" }

async function openWith(change: object): Promise<void> {
    go(ITEMS)
    await settled()
    Object.assign(core.invitation, change)
    go({ page: "join" })
    await settled()
}

test.each([
    ["who is in", { state: "joined" }],
    ["who was in before", { state: "member" }],
    ["who comes too late", { expiry: 1 }],
])(
    "an invitation with nothing left to do stays for a reload of its page, and goes with it: %s",
    async (_who, change) => {
        await openWith(change)
        expect(kept()).toEqual([FRAGMENT, FRAGMENT])
        go(ITEMS)
        await settled()
        expect(kept()).toEqual([null, null])
    },
)

test.each([
    ["that waits", { state: "waiting" }],
    ["that is still to be answered", { state: "open" }],
])("one %s stays in this tab when its page is left", async (_what, change) => {
    await openWith(change)
    go(ITEMS)
    await settled()
    expect(kept()).toEqual([FRAGMENT, FRAGMENT])
})

const SECOND = "B".repeat(86)

/** Open a second link in this tab, as a click on it does. */
async function openSecond(): Promise<void> {
    history.replaceState(null, "", `/join#${SECOND}`)
    dispatchEvent(new HashChangeEvent("hashchange"))
    await settled()
}

/** Have each look answered by hand, and note what was asked and accepted. */
function holdBack(): { answers: Map<string, (team: string) => void>; accepted: string[] } {
    const answers = new Map<string, (team: string) => void>()
    const accepted: string[] = []
    if ("code" in core.invitation) throw core.invitation
    const open = core.invitation
    core.openInvite = (fragment: string) =>
        new Promise((resolve) => {
            answers.set(fragment, (teamName) => resolve({ ...open, teamName, via: "mail" }))
        })
    core.acceptInvite = async (fragment: string) => void accepted.push(fragment)
    return { answers, accepted }
}

test("a second link has a page of its own, however late the first one's answer is", async () => {
    go(ITEMS)
    await settled()
    const { answers, accepted } = holdBack()
    go({ page: "join" })
    await settled()
    await openSecond()
    expect([...answers.keys()]).toEqual([FRAGMENT, SECOND])
    const heading = () => document.querySelector("h1")?.textContent
    answers.get(FRAGMENT)?.("First crew")
    await settled()
    expect(heading()).toBe("Opening your invitation")
    expect(document.querySelector("form")).toBe(null)
    answers.get(SECOND)?.("Second crew")
    await settled()
    expect(heading()).toContain("Second crew")
    document.querySelector("form")?.requestSubmit()
    await settled()
    expect(accepted).toEqual([SECOND])
})

test("one that was not asked about yet stays, though the one before it was over", async () => {
    await openWith({ state: "joined" })
    holdBack()
    await openSecond()
    go(ITEMS)
    await settled()
    expect(kept()).toEqual([SECOND, SECOND])
})

test("the link of the invitation that is shown, opened again, changes nothing", async () => {
    await openWith({ state: "joined" })
    history.replaceState(null, "", `/join#${FRAGMENT}`)
    dispatchEvent(new HashChangeEvent("hashchange"))
    await settled()
    go(ITEMS)
    await settled()
    expect(kept()).toEqual([null, null])
})
