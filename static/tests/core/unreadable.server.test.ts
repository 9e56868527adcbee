/**
 * Under test: what a member who may write can do to an item whose newest revision nobody can read. They signed it, so no
 * server is to blame; the revisions before it stay readable, and one of them is written over it.
 */
import { beforeAll, describe, expect, inject, it } from "vitest"
import type { Content } from "../../src/core/change.ts"
import { makeChange } from "../../src/core/change.ts"
import { toFailure } from "../../src/core/failure.ts"
import { vaultPath } from "../../src/core/links.ts"
import { random } from "../../src/crypto/bytes.ts"
import type { Value } from "../../src/crypto/cbor.ts"
import type { Details, Overview } from "../../src/worker/api.ts"
import { Device } from "./device.ts"

const [url, folder] = [inject("url"), inject("folder")]
const TAG = Date.now().toString(36)
const emailOf = (name: string) => `unreadable-${name}-${TAG}@example.test`
const note = (title: string): Overview => ({ type: "note", title, tags: [], trash: null })
const text = (value: string): Details => ({ fields: [], note: value })
const ITEMS = ["overview", "details", "blobs"] as const

describe("a revision that is none", { timeout: 60_000 }, () => {
    let ana: Device
    let mallory: Device
    let team: string
    let vault: string
    const items = new Map<(typeof ITEMS)[number], string>()
    const item = (which: (typeof ITEMS)[number]) => items.get(which) as string

    beforeAll(async () => {
        ana = await new Device(url, folder).signUp(emailOf("ana"), "Ana")
        mallory = await new Device(url, folder).signUp(emailOf("mallory"), "Mallory")
        team = await ana.core.createTeam("Acme")
        vault = await ana.core.createVault(team, "Production")
        for (const which of ITEMS) {
            const saved = await ana.core.saveItem(vault, null, 0, note(which), text(`precious ${which}`))
            items.set(which, saved.item)
        }
        const rights = [{ vault, right: "write" as const }]
        const { url: link } = await ana.core.invite(team, emailOf("mallory"), "member", rights, 7)
        await mallory.core.acceptInvite(link.split("#")[1] as string, "Mallory", "hand")
        for (let round = 0; round < 3; round++) for (const one of [ana, mallory]) await one.core.syncNow()
        const told: { title: Value } = { title: 5 }
        const overview = { type: "note", tags: [], trash: null, v: 1 } as Record<string, Value>
        Object.defineProperty(overview, "title", { enumerable: true, get: () => told.title })
        const good = { fields: [], note: "", v: 1 }
        await writeAs("overview", { overview, details: good }, () => {
            told.title = "x"
        })
        await writeAs("details", { overview: { ...note("details") } as never, details: { fields: 5, v: 1 } })
        await writeAs("blobs", { overview: { ...note("blobs") } as never, details: good })
        await ana.core.syncNow()
    }, 120_000)

    /** Mallory signs a revision with a client of her own; of `blobs` she sends others than she signed. */
    async function writeAs(which: (typeof ITEMS)[number], content: Content, then?: () => void) {
        await mallory.core.syncNow()
        const context = mallory.core.session?.context
        const book = context?.books.vault(vault)
        if (context === undefined || book?.dek === undefined) throw new Error("not open")
        const { seq, head } = book.team.state
        const ground = { dek: book.dek, epoch: book.epoch, seen: { hash: head, seq } }
        const making = makeChange(context, book, ground, [{ item: item(which), content }])
        then?.()
        const change = await making
        const [blob] = change.blobs as { overview: Uint8Array; details: Uint8Array }[]
        const sent =
            which === "blobs" && blob ? { ...blob, overview: random(350), details: random(350) } : blob
        const body = { link: change.link.signed, blobs: [sent as Value], rotation: null }
        await context.server.call("POST", vaultPath(book, "changes"), body)
    }

    const failure = (done: Promise<unknown>) => done.then(() => null, toFailure)
    const rowOf = (device: Device, which: (typeof ITEMS)[number]) => device.rows.get(item(which))

    it.each([
        ["this browser", async () => ana],
        ["a new one", async () => new Device(url, folder).signIn(emailOf("ana"))],
    ])(
        "in %s stands in the list, blames whoever signed it, and hides no older one",
        async (_name, browser) => {
            const device = await browser()
            await device.core.syncNow()
            for (const which of ["overview", "blobs"] as const)
                expect(rowOf(device, which)).toMatchObject({ revision: 2, overview: { isUnreadable: true } })
            expect(rowOf(device, "details")).toMatchObject({ overview: { title: "details" }, verified: true })
            const newest = (which: (typeof ITEMS)[number]) => device.core.openItem(vault, item(which))
            expect((await newest("overview")).overview).toMatchObject({ title: "", isUnreadable: true })
            expect((await newest("details")).details).toMatchObject({ fields: [], isUnreadable: true })
            expect(await failure(newest("blobs"))).toMatchObject({ refusal: "R7.open" })
            // Only what does not open is refused, and its author is named beside it.
            const mallorys = ana.team().members.find(({ me }) => !me)?.id
            expect(
                device.snapshot.refusals.map(({ id, item, signer }) => [id, item, signer?.member]),
            ).toEqual([["R7.open", item("blobs"), mallorys]])
            expect(device.vault(vault).state).toBe("ready")
            for (const which of ITEMS)
                expect((await device.core.openItem(vault, item(which), 1)).details.note).toBe(
                    `precious ${which}`,
                )
            const copy = await device.core.readableCopy(vault)
            for (const which of ITEMS) expect(copy).toContain(`precious ${which}`)
        },
    )

    it("is written over, with the revision before it or with an edit", async () => {
        for (const which of ["overview", "blobs"] as const)
            expect(await ana.core.revertItem(vault, item(which), 1)).toBe("done")
        const edited = await ana.core.saveItem(vault, item("details"), 2, note("mended"), text("again"))
        expect(edited).toMatchObject({ result: "saved", revision: 3 })
        const fresh = await new Device(url, folder).signIn(emailOf("ana"))
        expect(fresh.snapshot.refusals).toEqual([])
        const read = async (which: (typeof ITEMS)[number]) => {
            const { overview, details, revision } = await fresh.core.openItem(vault, item(which))
            return [overview.title, details.note, revision]
        }
        expect(await Promise.all(ITEMS.map(read))).toEqual([
            ["overview", "precious overview", 3],
            ["mended", "again", 3],
            ["blobs", "precious blobs", 3],
        ])
        expect(ana.core.session?.context.books.vault(vault)?.broken.size).toBe(0)
    })
})
