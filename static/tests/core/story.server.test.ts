/** Under test: two people's cores and the real server, from sign-up to what a removed member can still open. */
import { beforeAll, describe, expect, inject, it } from "vitest"
import type { Details, Overview } from "../../src/worker/api.ts"
import { Device } from "./device.ts"

const url = inject("url")
const folder = inject("folder")
const tag = Date.now().toString(36)
const ANA = `ana-${tag}@example.test`
const BEN = `ben-${tag}@example.test`

const login = (title: string): Overview => ({
    type: "login",
    title,
    login: "root",
    tags: ["prod"],
    trash: null,
})
const secret = (value: string): Details => ({
    fields: [{ id: "f1", kind: "secret", label: "Password", value }],
    note: "",
})

describe("Ana and Ben", { timeout: 60_000, sequential: true }, () => {
    const ana = new Device(url, folder)
    const ben = new Device(url, folder)
    let team = ""
    let vault = ""
    let item = ""

    beforeAll(async () => {
        await ana.signUp(ANA, "Ana")
        await ben.signUp(BEN, "Ben")
    }, 60_000)

    it("each have a personal vault after sign-up", () => {
        expect(ana.snapshot.phase).toBe("open")
        expect(ana.team("personal").vaults.map(({ name, state }) => [name, state])).toEqual([
            ["Personal", "ready"],
        ])
        expect(ana.snapshot.newBrowser).toBe(false)
    })

    it("Ana makes a team, a vault and an item, and reads it back", async () => {
        team = await ana.core.createTeam("Acme")
        vault = await ana.core.createVault(team, "Servers")
        const saved = await ana.core.saveItem(vault, null, 0, login("db-1"), secret("s3cret"))
        expect(saved).toMatchObject({ result: "saved", revision: 1 })
        item = saved.item
        expect(await ana.core.openItem(vault, item)).toMatchObject({
            overview: login("db-1"),
            details: secret("s3cret"),
        })
        expect(ana.rows.get(item)).toMatchObject({ verified: true, author: "Ana" })
        expect(ana.snapshot.refusals).toEqual([])
    })

    it("Ben joins by her link, and her client confirms him and seals the key unasked", async () => {
        const { url: link } = await ana.core.invite(team, BEN, "member", [{ vault, right: "write" }], 7)
        const fragment = link.split("#")[1] as string
        expect(await ben.core.openInvite(fragment)).toMatchObject({
            teamName: "Acme",
            inviter: "Ana",
            forMe: true,
            state: "open",
        })
        await ben.core.acceptInvite(fragment, "Ben", "hand")
        await ana.core.syncNow()
        await ben.core.syncNow()
        expect(ben.team().members.map(({ name }) => name)).toEqual(["Ana", "Ben"])
        expect(ben.vault(vault)).toMatchObject({ name: "Servers", state: "ready", right: "write" })
        expect((await ben.core.openItem(vault, item)).details).toEqual(secret("s3cret"))
    })

    it("Ben changes it; Ana, on the older revision, is shown his", async () => {
        await ben.core.saveItem(vault, item, 1, login("db-1"), secret("by Ben"))
        const conflict = await ana.core.saveItem(vault, item, 1, login("db-1"), secret("by Ana"))
        expect(conflict).toMatchObject({
            result: "conflict",
            theirs: { details: secret("by Ben"), author: "Ben", revision: 2 },
        })
        expect(await ana.core.saveItem(vault, item, 2, login("db-1"), secret("by both"))).toMatchObject({
            revision: 3,
        })
        expect((await ana.core.openItem(vault, item, 1)).details).toEqual(secret("s3cret"))
        expect((await ana.core.history(vault, item)).map(({ author }) => author)).toEqual([
            "Ana",
            "Ben",
            "Ana",
        ])
    })

    it("trash, restore and purge", async () => {
        const { item: other } = await ana.core.saveItem(vault, null, 0, login("old"), secret("x"))
        await ana.core.trashItem(vault, other)
        expect(ana.rows.get(other)?.overview.trash).toBeTypeOf("number")
        await ana.core.restoreItem(vault, other)
        expect(ana.rows.get(other)?.overview.trash).toBeNull()
        await ana.core.purgeItem(vault, other)
        await ben.core.syncNow()
        expect([ana.rows.has(other), ben.rows.has(other)]).toEqual([false, false])
        expect(ben.snapshot.refusals).toEqual([])
    })

    it("a rotation keeps older items readable for both", async () => {
        await ana.core.rotateVault(vault)
        await ana.core.syncNow()
        await ben.core.syncNow()
        expect((await ben.core.openItem(vault, item)).details).toEqual(secret("by both"))
        const { item: later } = await ben.core.saveItem(vault, null, 0, login("after"), secret("y"))
        await ana.core.syncNow()
        expect((await ana.core.openItem(vault, later)).details).toEqual(secret("y"))
    })

    it("on a new browser everything opens, and it says that it is new", async () => {
        const laptop = await new Device(url, folder).signIn(BEN)
        expect(laptop.snapshot.newBrowser).toBe(true)
        expect((await laptop.core.openItem(vault, item)).details).toEqual(secret("by both"))
        expect((await laptop.core.openItem(vault, item, 1)).details).toEqual(secret("s3cret"))
    })

    it("after a lock the cache shows the rows before the server is asked", async () => {
        await ben.core.lock()
        expect([ben.snapshot.phase, ben.rows.size]).toEqual(["locked", 0])
        ben.transport.bend = async (_method, path, send) => {
            if (path === "sync") throw new Error("the server was asked")
            return send()
        }
        await ben.core.unlock("correct horse battery staple 42")
        expect(ben.rows.get(item)).toMatchObject({ verified: true })
        ben.transport.bend = null
        await ben.core.syncNow()
        expect(ben.snapshot.refusals).toEqual([])
    })

    it("a changed password unlocks, the former one does not", async () => {
        await ana.core.changePassword("correct horse battery staple 42", "another long password 77")
        await ana.core.lock()
        await expect(ana.core.unlock("correct horse battery staple 42")).rejects.toMatchObject({
            code: "login_failed",
        })
        await ana.core.unlock("another long password 77")
        await ana.core.syncNow()
        expect(ana.rows.has(item)).toBe(true)
    })

    it("Ben, removed, opens nothing that is written after it", async () => {
        const me = ana.team().members.find(({ name }) => name === "Ben")
        await ana.core.removeMember(team, me?.id as string)
        expect(ana.vault(vault).due).toBe(true)
        await ana.core.saveItem(vault, item, 3, login("db-1"), secret("not for Ben"))
        expect(ana.vault(vault)).toMatchObject({ due: false, state: "ready" })
        expect((await ana.core.openItem(vault, item)).details).toEqual(secret("not for Ben"))
        await ben.core.syncNow()
        await expect(ben.core.openItem(vault, item)).rejects.toMatchObject({
            code: expect.stringMatching(/waiting|not_found/),
        })
        expect(ana.snapshot.refusals).toEqual([])
    })
})
