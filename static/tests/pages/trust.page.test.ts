/** The real pages: who stands for a member's keys, and the last change by someone else wherever a person reads. */
import { flushSync, mount, tick, unmount } from "svelte"
import { afterEach, beforeEach, expect, test } from "vitest"
import App from "../../src/App.svelte"
import { go } from "../../src/state/router.svelte.ts"
import { session } from "../../src/state/session.svelte.ts"
import { day } from "../../src/words/names.ts"
import type { Overview, TeamView } from "../../src/worker/api.ts"
import { FakeCore } from "./fake-core.ts"
import { hex, TEAM, VAULTS } from "./sample-team.ts"

let shown: ReturnType<typeof mount>
let core: FakeCore

async function settled(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) {
        await tick()
        await new Promise((resolve) => setTimeout(resolve, 5))
        flushSync()
    }
}

const wordsOf = (selector: string) =>
    [...document.querySelectorAll(selector)].map(
        (found) => found.textContent?.replace(/\s+/g, " ").trim() ?? "",
    )

beforeEach(async () => {
    core = new FakeCore("full")
    session.connect(core, (listener) => core.subscribe(listener))
    await core.start()
    go({ page: "items", vault: VAULTS.fleet, item: null, mode: "view" })
    shown = mount(App, { target: document.body })
    await settled()
})

afterEach(async () => {
    await unmount(shown)
    document.body.textContent = ""
})

const LAST = /^Last change by someone else: “Ben Okafor”, .+ by their clock$/

test("the last change by someone else stands under the list, an open item and the members", async () => {
    expect(wordsOf(".pane-list > .last-change")).toEqual([expect.stringMatching(LAST)])
    expect(wordsOf(".pane-item > .last-change")).toEqual([])
    const overview: Overview = { type: "note", title: "theirs", tags: [], trash: null }
    const at = { team: TEAM, vault: VAULTS.fleet, author: hex(101), at: Date.now(), verified: true }
    core.put({ row: { id: hex(7_777), overview, revision: 1, ...at }, details: { fields: [], note: "" } })
    go({ page: "items", vault: VAULTS.fleet, item: hex(7_777), mode: "view" })
    await settled()
    expect(wordsOf(".pane-item > .last-change")).toEqual([expect.stringMatching(LAST)])
    go({ page: "members", team: TEAM })
    await settled()
    expect(wordsOf(".page > .last-change")).toEqual([expect.stringMatching(LAST)])
})

test("a member's page says who stands for their keys, and since when", async () => {
    go({ page: "members", team: TEAM })
    await settled()
    const { members } = session.snapshot.teams.find(({ id }) => id === TEAM) as TeamView
    const present = members.filter((member) => member.present && member.verified !== "founder")
    const ways = { token: "let in by", words: "by", founder: "", none: "" }
    const said = present.map(({ verified, checked }) =>
        verified === "none"
            ? "came by mail; nobody has compared words yet"
            : `${ways[verified]} “Ben Okafor”, ${day(checked.at)}`,
    )
    expect(new Set(present.map(({ verified }) => verified)).size).toBe(3)
    expect(wordsOf(".since").toSorted()).toEqual(said.toSorted())
})

const dialog = () => wordsOf("dialog[open] h2")[0]

/** Choose what was heard of the one who came by mail, with no answer to what was signed. */
async function chooseUnheard(): Promise<void> {
    core.pickWords = () => Promise.reject({ code: "pending" })
    go({ page: "members", team: TEAM })
    await settled()
    document.querySelector<HTMLElement>('[aria-label^="Compare words with"]')?.click()
    await settled()
    document.querySelector<HTMLElement>('dialog input[type="radio"]')?.click()
    document.querySelector<HTMLElement>('dialog button[type="submit"]')?.click()
    await settled()
}

const unverified = () => {
    const { members } = session.snapshot.teams.find(({ id }) => id === TEAM) as TeamView
    return members.find(({ present, verified }) => present && verified === "none")?.id ?? ""
}

test("a choice that has no answer is not told as an agreement, and becomes one by the team's log", async () => {
    const [subject, me] = [unverified(), hex(100)]
    await chooseUnheard()
    expect(dialog()).toBe("Your choice is on its way")
    const teams = session.snapshot.teams.map((team) => ({
        ...team,
        members: team.members.map((member) =>
            member.id === subject
                ? { ...member, verified: "words" as const, checked: { by: me, at: Date.now() } }
                : member,
        ),
    }))
    session.receive({ kind: "snapshot", snapshot: { ...session.snapshot, teams } })
    await settled()
    expect(dialog()).toBe("The words agree")
})

test("nor as a difference, which it becomes when they are out", async () => {
    const subject = unverified()
    await chooseUnheard()
    expect(dialog()).toBe("Your choice is on its way")
    await core.removeMember(TEAM, subject)
    await settled()
    expect(dialog()).toBe("The words do not agree")
})

test("nor as one that somebody else's removal of them is", async () => {
    const subject = unverified()
    await chooseUnheard()
    const teams = session.snapshot.teams.map((team) => ({
        ...team,
        members: team.members.map((member) =>
            member.id === subject
                ? { ...member, present: false, left: { by: hex(101), at: Date.now() } }
                : member,
        ),
    }))
    session.receive({ kind: "snapshot", snapshot: { ...session.snapshot, teams } })
    await settled()
    expect(dialog()).toMatch(/is out of the team$/)
})

test("a choice that is given up is told as not written, once nothing waits any more", async () => {
    const waiting = async (pending: number) => {
        session.receive({ kind: "snapshot", snapshot: { ...session.snapshot, pending } })
        await settled()
    }
    await chooseUnheard()
    await waiting(1)
    expect(dialog()).toBe("Your choice is on its way")
    await waiting(0)
    expect(dialog()).toBe("Your choice was not written")
})

test("who did not confirm the kit is told what that means, and what to do", async () => {
    go({ page: "settings" })
    await settled()
    expect(wordsOf("#main .hint-warn")).toEqual([])
    session.receive({ kind: "snapshot", snapshot: { ...session.snapshot, kitSaved: false } })
    await settled()
    expect(wordsOf("#main .hint-warn")).toEqual([
        expect.stringMatching(/^You did not confirm .+ keep the password .+/),
    ])
})

test("an invitation older than its taker's leaving waits for a person, and says who it may be", async () => {
    const until = Date.now() - 86_400_000
    const row = () => wordsOf(".invites tbody tr").find((words) => words.startsWith("ines@"))
    go({ page: "members", team: TEAM })
    await settled()
    expect(row()).toContain("the browser of an admin lets them in")
    const former = { member: hex(101), until }
    const teams = session.snapshot.teams.map((team) => ({
        ...team,
        role: "admin" as const,
        invites: team.invites.map((invite) => ({ ...invite, former })),
    }))
    session.receive({ kind: "snapshot", snapshot: { ...session.snapshot, teams } })
    await settled()
    expect(row()).toContain(
        `Accepted, perhaps by “Ben Okafor”, who was in the team until ${day(until)}; waits for your word`,
    )
    // An admin lets in no admin.
    expect(wordsOf(".invites tbody button").filter((words) => words === "Let in")).toHaveLength(1)
    document.querySelector<HTMLElement>('[aria-label="Let in ines@example.net"]')?.click()
    await settled()
    expect(wordsOf("dialog[open] .hint-warn").join()).toContain("gives all that it promised then")
})

test("a removal says which invitations go with it", async () => {
    go({ page: "members", team: TEAM })
    await settled()
    const asked = async () => {
        document.querySelector<HTMLElement>('[aria-label^="Remove "]')?.click()
        await settled()
        return wordsOf("dialog[open] .numbered").join()
    }
    expect(await asked()).toContain("Open invitations for their address are taken back. Coming")
    const teams = session.snapshot.teams.map((team) => ({
        ...team,
        invites: team.invites.map((invite) => ({ ...invite, email: null })),
    }))
    session.receive({ kind: "snapshot", snapshot: { ...session.snapshot, teams } })
    await settled()
    expect(await asked()).toContain(
        "are taken back, and 2 more that may be theirs, since an address is not shown.",
    )
})
