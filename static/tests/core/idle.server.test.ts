/** Under test: after a removal nobody writes; an idle client of a writer changes the vault's key, once. */
import { beforeAll, describe, expect, inject, it } from "vitest"
import type { Details, Overview } from "../../src/worker/api.ts"
import { deviceAhead } from "./device.ts"

const url = inject("url")
const folder = inject("folder")
const tag = Date.now().toString(36)
const MINUTE = 60_000

const overview: Overview = { type: "note", title: "hosts", tags: [], trash: null }
const details: Details = { fields: [], note: "10.0.0.7" }

describe("idle clients of writers", { timeout: 60_000, sequential: true }, () => {
    const ana = deviceAhead(url, folder)
    const ben = deviceAhead(url, folder)
    const eve = deviceAhead(url, folder)
    let team = ""
    let vault = ""

    async function join({ device }: typeof ben, name: string): Promise<void> {
        const address = `${name}-idle-${tag}@example.test`
        await device.signUp(address, name)
        const { url: link } = await ana.device.core.invite(
            team,
            address,
            "member",
            [{ vault, right: "write" }],
            7,
        )
        await device.core.acceptInvite(link.split("#")[1] as string, name, "hand")
        await ana.device.core.syncNow()
        await device.core.syncNow()
    }

    const epochOf = ({ device }: typeof ben) =>
        device.core.session?.context.books.teams.get(team)?.vaults.get(vault)?.epoch

    beforeAll(async () => {
        await ana.device.signUp(`ana-idle-${tag}@example.test`, "ana")
        team = await ana.device.core.createTeam("Acme")
        vault = await ana.device.core.createVault(team, "Servers")
        await ana.device.core.saveItem(vault, null, 0, overview, details)
        await join(ben, "ben")
        await join(eve, "eve")
        const gone = ana.device.team().members.find(({ name }) => name === "eve")
        await ana.device.core.removeMember(team, gone?.id as string)
    }, 60_000)

    it("leave the change of key to the next write for a while", async () => {
        for (const { device } of [ana, ben]) await device.core.syncNow()
        for (const { device } of [ana, ben]) await device.core.syncNow()
        expect([ana.device.vault(vault).due, epochOf(ana)]).toEqual([true, 1])
    })

    it("change it when no write came, several at once once only", async () => {
        for (const { ahead } of [ana, ben]) ahead.ms += 2 * MINUTE
        await Promise.all([ana.device.core.syncNow(), ben.device.core.syncNow()])
        for (const { device } of [ana, ben]) await device.core.syncNow()
        for (const each of [ana, ben]) {
            expect([each.device.vault(vault).due, each.device.vault(vault).state]).toEqual([false, "ready"])
            expect(epochOf(each)).toBe(2)
            expect(each.device.snapshot.refusals).toEqual([])
        }
    })

    it("tell whose client did it, and nobody else", () => {
        const told = [ana, ben].flatMap(({ device }) => device.notices.filter((code) => code === "rotated"))
        expect(told).toEqual(["rotated"])
    })

    it("show how far they are, and nothing more when it is done", () => {
        const shown = [ana, ben].flatMap(({ device }) => device.progress)
        expect(shown.filter(({ label }) => label === "rotate")).toContainEqual({
            ...{ label: "rotate", done: 0, total: 2 },
        })
        for (const { device } of [ana, ben]) expect(device.snapshot.progress).toBeNull()
    })

    it("and everything written before and after opens", async () => {
        const { item } = await ben.device.core.saveItem(vault, null, 0, overview, details)
        await ana.device.core.syncNow()
        for (const id of ana.device.rows.keys())
            if (ana.device.rows.get(id)?.vault === vault)
                expect((await ana.device.core.openItem(vault, id)).details).toEqual(details)
        expect(ana.device.rows.has(item)).toBe(true)
    })
})
