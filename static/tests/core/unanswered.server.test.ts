/** Under test: what a person asked of a team or wrote, where the answer is lost: it is done once, and said as pending. */
import { beforeAll, describe, expect, inject, it } from "vitest"
import { Unanswered } from "../../src/core/failure.ts"
import { hex } from "../../src/crypto/bytes.ts"
import type { Details, Overview } from "../../src/worker/api.ts"
import { cookieFetch, Device, PASSWORD } from "./device.ts"
import { MemoryStore } from "./memory.ts"

const url = inject("url")
const folder = inject("folder")
const tag = Date.now().toString(36)
const mail = (name: string) => `${name}-unanswered-${tag}@example.test`
const note = (title: string): Overview => ({ type: "note", title, tags: [], trash: null })
const body = (text: string): Details => ({ fields: [], note: text })

describe("an answer that is lost", { timeout: 60_000, sequential: true }, () => {
    const ana = new Device(url, folder)
    const ben = new Device(url, folder)
    let team = ""
    let vault = ""

    /** The next request of this address is carried out, or not even that, and not answered. */
    function lose(address: RegExp, arrives = true): void {
        ana.transport.bend = async (method, path, send) => {
            if (method !== "POST" || !address.test(path)) return send()
            ana.transport.bend = null
            if (arrives) await send()
            throw new Unanswered()
        }
    }

    /** Kept, told as that, not to be done twice; and done by the next look. */
    async function waits(act: () => Promise<unknown>, address = /\/links$/, arrives = true): Promise<void> {
        lose(address, arrives)
        await expect(act()).rejects.toMatchObject({ code: "pending" })
        expect(ana.snapshot.pending).toBe(1)
        await expect(act()).rejects.toMatchObject({ code: "under_way" })
        await ana.core.syncNow()
        expect([ana.snapshot.pending, ana.notices.at(-1)]).toEqual([0, "sent"])
    }

    const named = (name: string) => ana.team().members.find((member) => member.name === name)
    const idOf = (name: string) => named(name)?.id as string
    const open = () => ana.team().invites.filter(({ state }) => state === "open")
    const fragment = (link: string) => link.split("#")[1] as string

    beforeAll(async () => {
        await Promise.all([ana.signUp(mail("ana"), "Ana"), ben.signUp(mail("ben"), "Ben")])
        ana.notices.length = 0
    }, 60_000)

    it("makes one team, whoever presses again", async () => {
        await waits(() => ana.core.createTeam("Acme"), /^teams$/)
        expect(ana.snapshot.teams.filter(({ name }) => name === "Acme")).toHaveLength(1)
        team = ana.team().id
    })

    it("makes one vault, which opens", async () => {
        await waits(() => ana.core.createVault(team, "Servers"))
        expect(ana.team().vaults.map(({ name, state }) => [name, state])).toEqual([["Servers", "ready"]])
        vault = ana.team().vaults[0]?.id as string
    })

    it("writes an item once: the same bytes are sent again", async () => {
        lose(/\/changes$/)
        const saved = await ana.core.saveItem(vault, null, 0, note("lost"), body("lost"))
        expect([saved.result, ana.snapshot.pending]).toEqual(["pending", 1])
        await ana.core.syncNow()
        expect([ana.snapshot.pending, ana.notices.at(-1)]).toEqual([0, "sent"])
        expect(await ana.core.history(vault, saved.item)).toHaveLength(1)
    })

    it("sends an item's same bytes again if they never arrived, also after a reload", async () => {
        const first = await new Device(url, folder).signIn(mail("ana"))
        first.transport.bend = async (_method, path, send) => {
            if (path.endsWith("/changes")) throw new Unanswered()
            return send()
        }
        const saved = await first.core.saveItem(vault, null, 0, note("offline"), body("offline"))
        expect(saved.result).toBe("pending")
        const again = await new Device(url, folder, first.store).signIn(mail("ana"))
        expect(again.snapshot.pending).toBe(0)
        expect(again.rows.get(saved.item)?.overview.title).toBe("offline")
        const [lost, sent] = [first, again].map(
            ({ transport }) => transport.sent.find(({ path }) => path.endsWith("/changes"))?.body,
        )
        expect(hex(lost as Uint8Array)).toBe(hex(sent as Uint8Array))
    })

    it("leaves the link of an invitation with whoever asked for it", async () => {
        lose(/\/links$/)
        const made = await ana.core.invite(team, mail("ben"), "admin", [{ vault, right: "write" }], 7)
        expect(made.written).toBe("pending")
        const another = ana.core.invite(team, mail("ben"), "admin", [], 7)
        await expect(another).rejects.toMatchObject({ code: "under_way" })
        await ana.core.syncNow()
        expect(open()).toHaveLength(1)
        await ben.core.acceptInvite(fragment(made.url), "Ben", "hand")
        expect(await ben.core.openInvite(fragment(made.url))).toMatchObject({ state: "waiting" })
    })

    it("lets somebody in once", async () => {
        await ana.core.syncNow()
        await waits(() => ana.core.confirmMember(team, open()[0]?.hash as string))
        expect([named("Ben")?.role, named("Ben")?.rights]).toEqual(["admin", { [vault]: "write" }])
    })

    it("changes a role, a right, and takes one away", async () => {
        await waits(() => ana.core.setRole(team, idOf("Ben"), "member"))
        expect(named("Ben")?.role).toBe("member")
        // This one did not even arrive: the same bytes are sent by the next look.
        await waits(() => ana.core.grantVault(vault, idOf("Ben"), "manage"), /\/links$/, false)
        expect(named("Ben")?.rights).toEqual({ [vault]: "manage" })
        await waits(() => ana.core.revokeVault(vault, idOf("Ben")))
        expect(named("Ben")?.rights).toEqual({})
    })

    it("takes an invitation back", async () => {
        await ana.core.invite(team, mail("carl"), "member", [], 7)
        const hash = open()[0]?.hash as string
        await waits(() => ana.core.revokeInvite(team, hash))
        expect(open()).toEqual([])
    })

    it("takes somebody out, once the invitation for their address is taken back", async () => {
        await ana.core.invite(team, mail("ben"), "member", [], 7)
        lose(/\/links$/)
        const gone = idOf("Ben")
        // The first of two links waits, so the second was not made: it is to be asked for again.
        await expect(ana.core.removeMember(team, gone)).rejects.toMatchObject({ code: "under_way" })
        await ana.core.syncNow()
        expect([open(), named("Ben")?.present]).toEqual([[], true])
        await waits(() => ana.core.removeMember(team, gone))
        expect(ana.team().members.find(({ id }) => id === gone)?.present).toBe(false)
    })
})

describe("a change of password whose answer is lost", { timeout: 60_000, sequential: true }, () => {
    const deaf = new Set<string>()
    const cookies = cookieFetch((asked) => ![...deaf].some((path) => asked.endsWith(path)))
    const ana = new Device(url, folder, new MemoryStore(), cookies)
    const email = mail("anna")
    let present = PASSWORD
    let made = 1

    /** Change it while its one request is lost, as it arrived or not; with `isCut` nothing after it is answered either. */
    async function change(next: string, arrives: boolean, isCut = false): Promise<void> {
        let isLost = false
        ana.transport.bend = async (_method, path, send) => {
            if (isLost && isCut) throw new Unanswered()
            if (path !== "password/finish") return send()
            isLost = true
            if (arrives) await send()
            throw new Unanswered()
        }
        try {
            await ana.core.changePassword(present, next)
        } finally {
            ana.transport.bend = null
        }
    }

    const another = () => `${PASSWORD} ${++made}`

    beforeAll(async () => {
        await ana.signUp(email, "Anna")
        ana.notices.length = 0
    }, 60_000)

    it("is found done by the new password, and the next one goes on from there", async () => {
        const [next, later] = [another(), another()]
        await change(next, true)
        await ana.core.changePassword(next, later)
        present = later
    })

    it("is told as not done if it never arrived, and can be asked for again", async () => {
        const next = another()
        await expect(change(next, false)).rejects.toMatchObject({ code: "offline" })
        await ana.core.changePassword(present, next)
        present = next
    })

    it("is told as not known if nobody answers, and the same asked again settles it", async () => {
        for (const arrives of [true, false]) {
            const next = another()
            await expect(change(next, arrives, true)).rejects.toMatchObject({ code: "password_unsure" })
            expect([ana.snapshot.phase, ana.notices]).toEqual(["open", []])
            await ana.core.changePassword(present, next)
            present = next
        }
    })

    it("is told as not known where the session went with the answer, whose cookie it carried", async () => {
        const next = another()
        deaf.add("password/finish")
        await expect(change(next, true)).rejects.toMatchObject({ code: "not_signed_in" })
        deaf.clear()
        expect([ana.snapshot.phase, ana.notices]).toEqual(["anonymous", ["password_unsure"]])
        await ana.signIn(email, next)
        expect(ana.snapshot.phase).toBe("open")
        present = next
    })

    it("is known by then: a session that ends later is told as that alone", async () => {
        const elsewhere = new Device(url, folder, ana.store, cookies)
        await elsewhere.core.start()
        await elsewhere.core.signOut()
        await expect(change(another(), true)).rejects.toMatchObject({ code: "not_signed_in" })
        expect([ana.snapshot.phase, ana.notices.at(-1)]).toEqual(["anonymous", "session_ended"])
    })
})
