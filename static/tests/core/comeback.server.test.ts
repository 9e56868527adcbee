/** Under test: an older invitation gives nobody back what they lost since, unless a person says so. */
import { beforeAll, describe, expect, inject, it } from "vitest"
import { Device } from "./device.ts"

const [url, folder] = [inject("url"), inject("folder")]
const tag = Date.now().toString(36)
const mail = (name: string) => `${name}-comeback-${tag}@example.test`

describe("whoever was in the team before", { sequential: true }, () => {
    const ana = new Device(url, folder)
    const ben = new Device(url, folder)
    let team = ""
    let shared = ""
    let second = ""

    const present = () => ana.team().members.find((one) => one.email === mail("ben") && one.present)
    const waiting = () => ana.team().invites.find((invite) => invite.waiting)

    async function invited(): Promise<string> {
        const rights = [{ vault: shared, right: "write" as const }]
        const { url: link } = await ana.core.invite(team, mail("ben"), "member", rights, 7, "link")
        return link.split("#")[1] as string
    }

    async function accepts(fragment: string): Promise<void> {
        await ben.core.acceptInvite(fragment, "Ben", "hand")
        await ana.core.syncNow()
        await ben.core.syncNow()
    }

    async function leaves(): Promise<void> {
        await ben.core.removeMember(team, present()?.id as string)
        await ana.core.syncNow()
    }

    beforeAll(async () => {
        await Promise.all([ana.signUp(mail("ana"), "Ana"), ben.signUp(mail("ben"), "Ben")])
        team = await ana.core.createTeam("Acme")
        shared = await ana.core.createVault(team, "Shared")
        const first = await invited()
        second = await invited()
        await accepts(first)
    })

    it("waits with an invitation from that time for a person, who is told since when they are gone", async () => {
        const was = present()?.id as string
        await ana.core.revokeVault(shared, was)
        await ben.core.syncNow()
        await leaves()
        await accepts(second)
        expect(present()).toBeUndefined()
        const left = ana.team().members.find(({ id }) => id === was)?.left?.at
        expect(waiting()?.former).toEqual({ member: was, until: left })
        expect(await ben.core.openInvite(second)).toMatchObject({ state: "waiting", byHand: true })
        expect(ana.snapshot.refusals).toEqual([])
    })

    it("is let in alone by an invitation that was made afterwards", async () => {
        await accepts(await invited())
        expect(present()?.rights).toEqual({ [shared]: "write" })
        await leaves()
    })

    it("keeps nobody else waiting whose invitation is as old, in a new browser either", async () => {
        const { url: link } = await ana.core.invite(team, mail("cara"), "member", [], 7, "link")
        await accepts(await invited())
        await leaves()
        const cara = await new Device(url, folder).signUp(mail("cara"), "Cara")
        await cara.core.acceptInvite(link.split("#")[1] as string, "Cara", "hand")
        const fresh = await new Device(url, folder).signIn(mail("ana"))
        const { members, invites } = fresh.team()
        expect(members.find(({ email }) => email === mail("cara"))).toMatchObject({ verified: "token" })
        expect(invites.filter(({ waiting: waits }) => waits)).toMatchObject([{ email: mail("ben") }])
    })

    it("comes back by the older one where a person lets them in", async () => {
        await ana.core.confirmMember(team, waiting()?.hash as string)
        await ana.core.syncNow()
        expect(present()?.rights).toEqual({ [shared]: "write" })
    })
})
