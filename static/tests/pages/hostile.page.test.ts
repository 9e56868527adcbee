/** The real pages on what a member may sign or write: any number as a time, any text. None of it empties the page. */
import { flushSync, mount, tick, unmount } from "svelte"
import { afterEach, expect, test } from "vitest"
import App from "../../src/App.svelte"
import RemoveDialog from "../../src/components/RemoveDialog.svelte"
import { go } from "../../src/state/router.svelte.ts"
import { session } from "../../src/state/session.svelte.ts"
import type { Details, Overview, Snapshot } from "../../src/worker/api.ts"
import { FakeCore } from "./fake-core.ts"
import { hex, TEAM, VAULTS } from "./sample-team.ts"

const NEVER = 2 ** 53 - 1 // the largest time that a link may say, and no date
const ITEM = hex(7_777)
const TEXTS: Details = { fields: [], note: "" }

let revision = 0
let shown: ReturnType<typeof mount> | null = null

/** The whole client on a core in memory, whose snapshots are bent. */
async function draw(bend: (snapshot: Snapshot) => Snapshot = (snapshot) => snapshot): Promise<FakeCore> {
    const core = new FakeCore("full")
    session.connect(core, (listener) =>
        core.subscribe((event) =>
            listener(event.kind === "snapshot" ? { ...event, snapshot: bend(event.snapshot) } : event),
        ),
    )
    await core.start()
    go({ page: "items", vault: null, item: null, mode: "view" })
    shown = mount(App, { target: document.body })
    await settled()
    return core
}

async function settled(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) {
        await tick()
        await new Promise((resolve) => setTimeout(resolve, 5))
        flushSync()
    }
}

/** Somebody wrote an item of these texts; the person opens it. */
async function open(core: FakeCore, more: Partial<Overview>, details: Details = TEXTS): Promise<void> {
    const overview: Overview = { type: "login", title: "theirs", tags: [], trash: null, ...more }
    const at = { team: TEAM, vault: VAULTS.fleet, author: hex(101), at: NEVER, verified: true }
    core.put({ row: { id: ITEM, overview, revision: ++revision, ...at }, details })
    go(overview.trash === null ? itemRoute("view") : { page: "trash", item: ITEM })
    await settled()
}

const itemRoute = (mode: "view" | "edit" | "history") =>
    ({ page: "items", vault: VAULTS.fleet, item: ITEM, mode }) as const

const words = () => document.body.textContent?.replace(/\s+/g, " ") ?? ""

afterEach(async () => {
    if (shown !== null) await unmount(shown)
    shown = null
    document.body.textContent = ""
})

const BROKEN = "cannot be shown"

/** Every time that somebody else's link says is no date. */
function timeless(snapshot: Snapshot): Snapshot {
    const by = { by: hex(101), at: NEVER }
    return {
        ...snapshot,
        teams: snapshot.teams.map((team) => ({
            ...team,
            lastByOther: team.lastByOther && { ...team.lastByOther, at: NEVER, isAhead: true },
            members: team.members.map((member, i) => ({
                ...member,
                ...{ joinedAt: NEVER, checked: by, left: i === 3 ? by : null, present: i !== 3 },
                formerly: [{ name: "Other", until: NEVER }],
                ...(i === 3 && { verified: "none" as const }),
            })),
            invites: team.invites.map((invite) => ({ ...invite, expiry: NEVER })),
            vaults: team.vaults.map((vault) => ({
                ...vault,
                key: { epoch: 2, ...by },
                awaits: vault.id === VAULTS.databases ? by : null,
                state: vault.id === VAULTS.databases ? ("waiting" as const) : vault.state,
                steppedOver: [{ epoch: 1, ...by }],
                broken: [0, 1].map(() => ({ epoch: 1, from: hex(101), to: hex(102) })),
            })),
        })),
    }
}

test("no time that somebody signs empties a page", async () => {
    const core = await draw(timeless)
    expect(words()).toContain("a date that no calendar has by their clock, which is ahead of this one")
    expect(words()).toContain("Deploy key, web fleet")
    await open(core, {})
    expect(words()).toContain("a date that no calendar has by Ben Okafor")
    for (const route of [
        itemRoute("history"),
        { page: "items", vault: VAULTS.databases, item: null, mode: "view" } as const,
        { page: "members", team: TEAM } as const,
        { page: "access", vault: VAULTS.fleet } as const,
    ]) {
        go(route)
        await settled()
        expect(words()).toContain("a date that no calendar has")
        expect(words()).not.toContain(BROKEN)
    }
})

test("a tag twice, a field twice and a trash of no date are shown as they are", async () => {
    const core = await draw()
    await open(core, { tags: ["twice", "twice"] })
    expect(document.querySelectorAll(".pane-item .tag").length).toBe(2)
    await open(core, { trash: NEVER })
    expect(words()).toContain("In the trash since a date that no calendar has")
    const field = (value: string) => ({ id: "q", kind: "text" as const, label: "Twice", value })
    const twice = { fields: [field("first"), field("second")], note: "" }
    await open(core, { title: "again" }, twice)
    expect(words()).toMatch(/Twice.*first.*Twice.*second/)
    go(itemRoute("edit"))
    await settled()
    expect(document.querySelectorAll(".extra").length).toBe(2)
    expect(words()).not.toContain(BROKEN)
})

test("of very many fields and variables a page draws some, and says how many more there are", async () => {
    const core = await draw()
    const fields = Array.from({ length: 1_000 }, (_, i) => ({
        ...{ id: `f${i}`, kind: "text" as const, label: "F", value: `v${i}` },
    }))
    await open(core, {}, { fields, note: "" })
    expect(words()).toContain("800 fields more")
    const env = { id: "env", kind: "secret_multiline" as const, label: "env", value: "A=1\n".repeat(1_000) }
    await open(core, { type: "env" }, { fields: [env], note: "" })
    expect(words()).toContain("500 lines more")
}, 60_000)

test("a row and an item that cannot be drawn take their own place and no more", async () => {
    const core = await draw()
    let reads = 0
    const overview = {
        ...{ type: "note" as const, title: "a bad row", tags: [], trash: null },
        // The index reads it once; whoever draws it fails.
        get host(): string {
            if (reads++ > 0) throw new RangeError("bad")
            return "host"
        },
    }
    const at = { team: TEAM, vault: VAULTS.fleet, revision: 1, author: hex(101), at: 1, verified: true }
    core.put({ row: { id: ITEM, overview, ...at }, details: TEXTS })
    await settled()
    expect(words()).toContain("This item cannot be shown")
    expect(words()).toContain("Deploy key, web fleet")
    const author = Symbol("no text") as unknown as string
    const good = { type: "note" as const, title: "a bad row", tags: [], trash: null }
    core.put({ row: { id: ITEM, ...at, overview: good, author }, details: TEXTS })
    go(itemRoute("view"))
    await settled()
    expect(document.querySelector(".pane-item")?.textContent).toContain("This item cannot be shown")
    expect(words()).toContain("Deploy key, web fleet")
    // Another item is drawn at once.
    go({ page: "items", vault: VAULTS.fleet, item: hex(1_000), mode: "view" })
    await settled()
    expect(document.querySelector(".pane-item h1")?.textContent).toBe("Deploy key, web fleet")
})

test("an item under my item’s id in another vault is another item, and mine stays bound to its vault", async () => {
    const core = await draw()
    const id = hex(1_000)
    const overview: Overview = { type: "note", title: "not yours", tags: [], trash: null }
    const at = { team: TEAM, author: hex(101), at: 1, verified: true, revision: 9 }
    const text = { fields: [], note: "bait" }
    go({ page: "items", vault: VAULTS.fleet, item: id, mode: "view" })
    await settled()
    core.put({ row: { id, vault: VAULTS.databases, overview, ...at }, details: text })
    await settled()
    expect(document.querySelector(".pane-item h1")?.textContent).toBe("Deploy key, web fleet")
    expect(words()).not.toContain("bait")
    go({ page: "items", vault: null, of: VAULTS.databases, item: id, mode: "view" })
    await settled()
    expect(document.querySelector(".pane-item h1")?.textContent).toBe("not yours")
    expect(document.querySelectorAll('.row [aria-current="true"]').length).toBe(1)
    // A draft of the one is none of the other.
    await core.putDraft({
        ...{ id: hex(5), vault: VAULTS.databases, item: id, base: 9, at: 1 },
        ...{ overview: { ...overview, title: "drafted" }, details: text },
    })
    go({ page: "items", vault: VAULTS.fleet, item: id, mode: "edit" })
    await settled()
    expect(document.querySelector<HTMLInputElement>("#e-title")?.value).toBe("Deploy key, web fleet")
    core.drop(VAULTS.databases, id)
    go({ page: "items", vault: null, item: null, mode: "view" })
    await settled()
    expect(words()).toContain("Deploy key, web fleet")
    expect(words()).not.toContain("not yours")
})

test("before a removal everything they could read is listed, whatever it is called and wherever it lies", async () => {
    const core = await draw()
    const at = { team: TEAM, vault: VAULTS.fleet, author: hex(101), at: 1, verified: true, revision: 1 }
    const plain = { type: "note" as const, tags: [], trash: null }
    core.put({ row: { id: hex(71), overview: { ...plain, title: "called a note" }, ...at }, details: TEXTS })
    const thrown = { ...plain, title: "thrown away", trash: 5 }
    core.put({ row: { id: hex(72), overview: thrown, ...at }, details: TEXTS })
    const view = session.team(TEAM)
    const member = view?.members.find(({ me, rights }) => !me && rights[VAULTS.fleet] !== undefined)
    if (view === null || member === undefined) throw new Error("nobody to remove")
    const dialog = mount(RemoveDialog, {
        target: document.body,
        props: { team: view, member, onclose: () => undefined },
    })
    await settled()
    const listed = document.querySelector(".rotate-list")?.textContent ?? ""
    expect(listed).toContain("called a note")
    expect(listed).toMatch(/thrown away.*in the trash/)
    await unmount(dialog)
})

test("an item of which nobody can read the newest revision says who wrote it, and leads to the one before", async () => {
    const core = await draw()
    const unreadable = { fields: [], note: "", isUnreadable: true as const }
    await open(core, {}, TEXTS)
    await open(core, { title: "", isUnreadable: true }, unreadable)
    expect(document.querySelector(".pane-item h1")?.textContent).toBe("Cannot be read")
    expect(words()).toContain("is what Ben Okafor signed, and it is no item")
    expect(words()).toContain("Older revisions can be opened and restored.")
})
