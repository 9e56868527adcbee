/** Under test: what a manager is told of a vault's keys, and when keys are changed without a removal. */
import { encode as encodeCbor } from "cborg"
import { beforeAll, describe, expect, inject, it } from "vitest"
import { commitTo, sendTeamLink } from "../../src/core/teamlink.ts"
import { decodeSequence } from "../../src/core/transport.ts"
import { KEY_AGE } from "../../src/core/upkeep.ts"
import { hex } from "../../src/crypto/bytes.ts"
import { Device, deviceAhead } from "./device.ts"

const url = inject("url")
const folder = inject("folder")
const tag = Date.now().toString(36)
const MINUTE = 60_000
const mail = (name: string) => `${name}-keys-${tag}@example.test`

// biome-ignore lint/suspicious/noExplicitAny: what is bent here is whatever the server said.
type Said = any

/** Bend the record of each team in what a sync says. */
function lie(device: Device, bend: (record: Said) => void): void {
    device.transport.bend = async (_method, path, send) => {
        const response = await send()
        if (path !== "sync" || response.status !== 200) return response
        const values = decodeSequence(response.body) as Said[]
        for (const [kind, record] of values) if (kind === "team") bend(record)
        return {
            ...response,
            body: new Uint8Array(Buffer.concat(values.map((value) => encodeCbor(value)))),
        }
    }
}

describe("a vault's keys", { timeout: 60_000, sequential: true }, () => {
    const { ahead: anas, device: ana } = deviceAhead(url, folder)
    const { ahead: bens, device: ben } = deviceAhead(url, folder)
    let team = ""
    let vault = ""
    let anaId = ""
    let benId = ""

    const epochOf = (device: Device) => device.vault(vault).key?.epoch

    beforeAll(async () => {
        await Promise.all([ana.signUp(mail("ana"), "Ana"), ben.signUp(mail("ben"), "Ben")])
        team = await ana.core.createTeam("Acme")
        vault = await ana.core.createVault(team, "Servers")
        anaId = ana.team().members[0]?.id as string
    }, 60_000)

    it("die with the only holder", () => {
        expect(ana.vault(vault).last).toEqual({ member: anaId, of: "right" })
    })

    it("die with the only one whose browser said that the key opens", async () => {
        const { url: link } = await ana.core.invite(
            team,
            mail("ben"),
            "member",
            [{ vault, right: "write" }],
            7,
        )
        await ben.core.acceptInvite(link.split("#")[1] as string, "Ben", "hand")
        await ana.core.syncNow()
        benId = ana.team().members.find(({ me }) => !me)?.id as string
        expect(ana.vault(vault).holders).toEqual([
            { member: anaId, right: "manage", hasKey: true },
            { member: benId, right: "write", hasKey: false },
        ])
        expect(ana.vault(vault).last).toEqual({ member: anaId, of: "key" })
    })

    it("name to the managers who sent one that did not open, until another opens", async () => {
        lie(ben, ({ grants }) => {
            for (const grant of grants) if (hex(grant.vault) === vault) grant.sig = grant.sig.map(() => 7)
        })
        await ben.core.syncNow()
        const refusal = ben.snapshot.refusals.find(({ id }) => id === "T7.sig")
        expect(refusal?.signer).toEqual({ member: anaId, isProven: false })
        const fp = ana.core.session?.context.me.keyring.fp as Uint8Array
        expect(JSON.parse(refusal?.report ?? "{}")).toMatchObject({ from: hex(fp) })
        await ana.core.syncNow()
        expect(ana.vault(vault).broken).toEqual([{ epoch: 1, from: anaId, to: benId }])
        expect(ben.vault(vault).broken).toEqual([])
        ben.transport.bend = null
        await ben.core.syncNow()
        await ana.core.syncNow()
        expect([ana.vault(vault).broken, ana.vault(vault).last]).toEqual([[], null])
        // Whose browser has a key only managers are told.
        expect(ben.vault(vault).holders.map(({ hasKey }) => hasKey)).toEqual([null, true])
    })

    it("are changed by hand by whoever may write, also if nobody left", async () => {
        expect(ben.vault(vault).due).toBe(false)
        await ben.core.rotateVault(vault)
        await ana.core.syncNow()
        for (const device of [ana, ben])
            expect(device.vault(vault).key).toMatchObject({ epoch: 2, by: benId })
        await expect(ben.core.rotateVault(vault)).rejects.toMatchObject({ code: "too_many" })
        await ana.core.rotateVault(vault)
    })

    it("that nothing opens here are shown with who made them", async () => {
        const late = new Device(url, folder)
        lie(late, (record) => {
            record.grants = record.grants.filter(
                ({ grant }: Said) => !Buffer.from(grant).includes("epoch\x02"),
            )
            record.olds = record.olds.filter(({ from }: Said) => from !== 2)
        })
        await late.signIn(mail("ben"))
        expect(late.vault(vault).steppedOver).toMatchObject([{ epoch: 2, by: benId }])
        expect(ben.vault(vault).steppedOver).toEqual([])
    })

    it("are changed after a year by one idle browser of a writer", async () => {
        for (const device of [ana, ben]) await device.core.syncNow()
        const year = async (ms: number) => {
            anas.ms = bens.ms = ms
            await Promise.all([ana.core.syncNow(), ben.core.syncNow()])
        }
        await year(KEY_AGE - MINUTE)
        await year(KEY_AGE - MINUTE / 2)
        expect(epochOf(ana)).toBe(3)
        await year(KEY_AGE + MINUTE)
        await year(KEY_AGE + 3 * MINUTE)
        await year(KEY_AGE + 6 * MINUTE)
        for (const device of [ana, ben]) {
            expect([epochOf(device), device.vault(vault).state]).toEqual([4, "ready"])
            expect(device.snapshot.refusals.filter(({ id }) => id !== "T7.sig")).toEqual([])
        }
    })

    it("leave a name that was changed beside the new one", async () => {
        const context = ben.core.session?.context
        if (context === undefined) throw new Error("not open")
        const { opening, commitment } = commitTo("name", "Ana")
        await sendTeamLink(context, team, "set_profile", (book) => ({
            body: { profile: { email: book.me?.profile.email as Uint8Array<ArrayBuffer>, name: commitment } },
            openings: [opening],
        }))
        await ana.core.syncNow()
        const now = ana.team().members.find(({ id }) => id === benId)
        expect([now?.name, now?.formerly]).toMatchObject(["Ana", [{ name: "Ben" }]])
        const fresh = new Device(url, folder)
        lie(fresh, (record) => {
            record.openings = record.openings.filter(({ text }: Said) => text !== "Ben")
        })
        await fresh.signIn(mail("ana"))
        // A server that keeps the text back cannot hide that there was one.
        expect(fresh.team().members.find(({ id }) => id === benId)?.formerly).toMatchObject([{ name: null }])
    })
})
