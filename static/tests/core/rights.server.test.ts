/** Under test: a right that comes after what was written under it, on an honest server and on one that keeps rows back. */
import { encode } from "cborg"
import { beforeAll, beforeEach, describe, expect, inject, it } from "vitest"
import { decodeSequence } from "../../src/core/transport.ts"
import { hex } from "../../src/crypto/bytes.ts"
import type { Details, Overview } from "../../src/worker/api.ts"
import { Device, PASSWORD } from "./device.ts"

const tag = Date.now().toString(36)
const BEN = `ben-rights-${tag}@example.test`
const CAT = `cat-rights-${tag}@example.test`

// biome-ignore lint/suspicious/noExplicitAny: records are bent here as a server might.
type Said = any

const note = (title: string): Overview => ({ type: "note", title, tags: [], trash: null })
const text: Details = { fields: [], note: "" }

describe("a right that comes after what was written", { timeout: 60_000 }, () => {
    const [ana, ben, cat] = [0, 1, 2].map(() => new Device(inject("url"), inject("folder"))) as [
        Device,
        Device,
        Device,
    ]
    let team = ""
    let vault = ""

    async function join(device: Device, email: string, name: string, role: "admin" | "member") {
        await device.signUp(email, name)
        const { url: link } = await ana.core.invite(team, email, role, [], 7)
        await device.core.acceptInvite(link.split("#")[1] as string, name, "hand")
        await ana.core.syncNow()
        const waiting = ana.team().invites.find((invite) => invite.waiting)
        if (waiting !== undefined) await ana.core.confirmMember(team, waiting.hash)
        await device.core.syncNow()
    }

    const idOf = (name: string) => ana.team().members.find((member) => member.name === name)?.id as string
    const give = (name: string) => ana.core.grantVault(vault, idOf(name), "write")
    const write = async (title: string) => (await ana.core.saveItem(vault, null, 0, note(title), text)).item

    /** The next look; in the session that is open, or in the one after a lock. */
    const looks = [
        ["in the same session", (device: Device) => device.core.syncNow()],
        [
            "after a lock",
            async (device: Device) => {
                await device.core.lock()
                await device.core.unlock(PASSWORD)
                await device.core.syncNow()
            },
        ],
    ] as const

    /** Every item of the vault is there, counts, and nothing was refused. */
    function expectWhole(device: Device, items: readonly string[]): void {
        expect(device.snapshot.refusals.filter((refusal) => refusal.vault === vault)).toEqual([])
        expect(device.vault(vault).state).toBe("ready")
        expect(items.map((item) => device.rows.get(item)?.verified)).toEqual(items.map(() => true))
    }

    beforeAll(async () => {
        await ana.signUp(`ana-rights-${tag}@example.test`, "Ana")
        team = await ana.core.createTeam("Acme")
        await join(ben, BEN, "Ben", "admin")
        await join(cat, CAT, "Cat", "member")
    }, 60_000)

    beforeEach(async () => {
        vault = await ana.core.createVault(team, "Servers")
    })

    it.each(looks)("is whole for an admin who folded the links without it, %s", async (_name, look) => {
        const first = await write("first")
        await ben.core.syncNow()
        const second = await write("second")
        await give("Ben")
        await ana.core.syncNow()
        await look(ben)
        expectWhole(ben, [first, second])
    })

    it.each(looks)("is whole for a member whose right had ended, %s", async (_name, look) => {
        const first = await write("first")
        await give("Cat")
        await ana.core.syncNow()
        await cat.core.syncNow()
        expectWhole(cat, [first])
        await ana.core.revokeVault(vault, idOf("Cat"))
        await cat.core.syncNow()
        const second = await write("second")
        await give("Cat")
        await ana.core.syncNow()
        await look(cat)
        expectWhole(cat, [first, second])
    })

    it("is not whole while the rows from before it are kept back, and refused if one of them is", async () => {
        await write("first")
        await ben.core.syncNow()
        const second = await write("second")
        await give("Ben")
        await ana.core.syncNow()
        const bend = (records: (record: Said) => Said[]) => {
            ben.transport.bend = async (_method, path, send) => {
                const response = await send()
                if (path !== "sync" || response.status !== 200) return response
                const [heads, ...rest] = decodeSequence(response.body) as Said[]
                const said = [heads, ...rest.flatMap(records)].map((record) => encode(record))
                return { ...response, body: new Uint8Array(Buffer.concat(said)) }
            }
        }
        bend((record) => (["vault", "items", "links"].includes(record[0]) ? [] : [record]))
        await ben.core.syncNow()
        await ben.core.syncNow()
        expect(ben.vault(vault).state).toBe("waiting")
        bend((record) =>
            record[0] === "items" && hex(record[1]) === vault
                ? [["items", record[1], record[2].filter((row: Said) => hex(row[0]) === second)]]
                : [record],
        )
        await ben.core.syncNow()
        expect(ben.vault(vault).state).toBe("refused")
        expect(ben.snapshot.refusals.map((refusal) => [refusal.id, refusal.vault])).toContainEqual([
            "R12.items",
            vault,
        ])
    })
})
