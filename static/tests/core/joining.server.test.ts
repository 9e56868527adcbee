/** Under test: how people join: by mail with words, several admins at once, and acceptances that no honest server shows. */
import { encode as encodeCbor } from "cborg"
import { beforeAll, describe, expect, inject, it } from "vitest"
import { Unanswered } from "../../src/core/failure.ts"
import { decodeSequence } from "../../src/core/transport.ts"
import { hex, random, unhex } from "../../src/crypto/bytes.ts"
import { inviteKey, Keyring, profileCommitment } from "../../src/crypto/keys.ts"
import { makeAccept, parseInviteFragment } from "../../src/crypto/links.ts"
import type { Comparison, Details, Overview } from "../../src/worker/api.ts"
import { Device, PASSWORD } from "./device.ts"

const url = inject("url")
const folder = inject("folder")
const tag = Date.now().toString(36)
const mail = (name: string) => `${name}-joining-${tag}@example.test`

const note = (title: string): Overview => ({ type: "note", title, tags: [], trash: null })
const body = (text: string): Details => ({ fields: [], note: text })

// biome-ignore lint/suspicious/noExplicitAny: what is bent here is whatever the server said.
type Said = any

/** Bend the people who wait, as the server names them. */
function lieOfWaiting(device: Device, bend: (waiting: Said) => void): void {
    device.transport.bend = async (method, path, send) => {
        const response = await send()
        if (path !== "sync" || method !== "POST" || response.status !== 200) return response
        const values = decodeSequence(response.body) as Said[]
        for (const [kind, record] of values) if (kind === "team") for (const row of record.waiting) bend(row)
        return {
            ...response,
            body: new Uint8Array(Buffer.concat(values.map((value) => encodeCbor(value)))),
        }
    }
}

describe("joining", { timeout: 60_000, sequential: true }, () => {
    const ana = new Device(url, folder)
    const bo = new Device(url, folder)
    const cara = new Device(url, folder)
    let team = ""
    let shared = ""
    let anas = ""

    const memberOf = (device: Device, email: string) =>
        device.team().members.findLast((member) => member.email === email)
    const refusals = (device: Device) => device.snapshot.refusals.map(({ id }) => id)
    const heard = (offered: Comparison, said: Comparison): number => {
        const at = offered.choices?.indexOf(said.say as string) ?? -1
        expect(at).toBeGreaterThanOrEqual(0)
        return at
    }
    const linksSent = (device: Device) => device.transport.sent.filter(({ path }) => path.endsWith("/links"))

    async function invited(device: Device, name: string, via: "link" | "mail", vaults: string[] = []) {
        const rights = vaults.map((vault) => ({ vault, right: "write" as const }))
        const { url: link } = await device.core.invite(team, mail(name), "member", rights, 7, via)
        return link.split("#")[1] as string
    }

    beforeAll(async () => {
        await Promise.all([
            ana.signUp(mail("ana"), "Ana"),
            bo.signUp(mail("bo"), "Bo"),
            cara.signUp(mail("cara"), "Cara"),
        ])
        team = await ana.core.createTeam("Acme")
        shared = await ana.core.createVault(team, "Shared")
        anas = await ana.core.createVault(team, "Ana's")
        const { url: link } = await ana.core.invite(
            team,
            mail("bo"),
            "admin",
            [{ vault: shared, right: "manage" }],
            7,
        )
        await bo.core.acceptInvite(link.split("#")[1] as string, "Bo", "hand")
        await ana.core.syncNow()
        const [invite] = ana.team().invites
        expect([invite?.state, invite?.waiting]).toEqual(["open", true])
        await ana.core.confirmMember(team, invite?.hash as string)
        await ana.core.syncNow()
        await bo.core.syncNow()
    }, 60_000)

    it("tells the waiting whose browser is awaited", async () => {
        const fragment = await invited(ana, "cara", "mail", [shared, anas])
        expect(await cara.core.openInvite(fragment)).toMatchObject({ state: "open", via: "mail" })
        await cara.core.acceptInvite(fragment, "Cara", "hand")
        const { state, awaited } = await cara.core.openInvite(fragment)
        expect([state, awaited]).toEqual(["waiting", ["Ana", "Bo"]])
    })

    it("lets somebody in once, whoever of several admins is first, and no admin sees an error", async () => {
        await Promise.all([ana.core.syncNow(), bo.core.syncNow()])
        await Promise.all([ana.core.syncNow(), bo.core.syncNow()])
        for (const admin of [ana, bo]) {
            const found = admin.team().members.filter(({ name }) => name === "Cara")
            expect(found).toMatchObject([{ verified: "none", via: "mail", rights: {} }])
            expect(found[0]?.pending).toEqual({ [shared]: "write", [anas]: "write" })
            expect([refusals(admin), admin.snapshot.pending]).toEqual([[], 0])
        }
        // By hand it is no failure either.
        const invite = bo.team().invites.find(({ via }) => via === "mail")
        expect(invite?.state).toBe("used")
        await bo.core.confirmMember(team, invite?.hash as string)
    })

    it("gives nothing to whoever came by mail, until words were compared", async () => {
        await cara.core.syncNow()
        expect(cara.team()).toMatchObject({ uncompared: true, role: "member" })
        expect(cara.team().vaults).toEqual([])
        await expect(cara.core.createVault(team, "Mine")).rejects.toMatchObject({ code: "not_compared" })
        const member = memberOf(ana, mail("cara"))?.id as string
        await expect(ana.core.grantVault(shared, member, "read")).rejects.toMatchObject({ code: "no_right" })
    })

    it("has both listen: the invitee to the invite's words, the admin to the member's", async () => {
        const member = memberOf(bo, mail("cara"))?.id as string
        const admins = await bo.core.comparison(team, member)
        const first = await cara.core.myComparison(team)
        expect([first.say, first.choices?.length]).toEqual([null, 3])
        expect(await cara.core.hearWords(team, heard(first, admins))).toBe("verified")
        expect(cara.team().uncompared).toBe(false)
        // Heard once, in every browser of hers. The admin has signed nothing yet.
        const laptop = await new Device(url, folder).signIn(mail("cara"))
        expect(laptop.team().uncompared).toBe(false)
        await expect(cara.core.createVault(team, "Mine")).rejects.toMatchObject({ code: "no_right" })

        const second = await cara.core.myComparison(team)
        expect(await bo.core.comparison(team, member)).toEqual(admins)
        expect(await bo.core.pickWords(team, member, heard(admins, second))).toBe("verified")
    })

    it("gives with the right words what the verifier manages; the rest lapses", async () => {
        await ana.core.syncNow()
        await cara.core.syncNow()
        const member = memberOf(ana, mail("cara"))
        const boId = memberOf(ana, mail("bo"))?.id
        expect(member).toMatchObject({
            verified: "words",
            checked: { by: boId },
            rights: { [shared]: "write" },
            pending: {},
        })
        expect(cara.vault(shared)).toMatchObject({ state: "ready", right: "write" })
        expect(cara.team().vaults.map(({ id }) => id)).toEqual([shared])
        const { item } = await cara.core.saveItem(shared, null, 0, note("by Cara"), body("hello"))
        await ana.core.syncNow()
        expect((await ana.core.openItem(shared, item)).details).toEqual(body("hello"))
        expect(await new Device(url, folder).signIn(mail("bo"))).toMatchObject({ snapshot: { refusals: [] } })
    })

    it("ends with one wrong choice of the admin's, which all admins see", async () => {
        const dan = await new Device(url, folder).signUp(mail("dan"), "Dan")
        const first = await invited(ana, "dan", "mail", [shared])
        expect(await cara.core.openInvite(first)).toMatchObject({ state: "open", forMe: false })
        const wrongPerson = cara.core.acceptInvite(first, "Cara", "hand")
        await expect(wrongPerson).rejects.toMatchObject({ code: "invite_other_email" })
        expect(cara.transport.sent.at(-1)?.path).toBe("invites/open")
        await dan.core.acceptInvite(first, "Dan", "hand")
        await ana.core.syncNow()
        const member = memberOf(ana, mail("dan"))?.id as string
        await expect(ana.core.pickWords(team, member, 0)).rejects.toMatchObject({ code: "invalid" })
        await dan.core.syncNow()
        const offered = await ana.core.comparison(team, member)
        await dan.core.hearWords(team, heard(await dan.core.myComparison(team), offered))
        const right = heard(offered, await dan.core.myComparison(team))
        expect(await ana.core.pickWords(team, member, (right + 1) % 3)).toBe("removed")
        await expect(ana.core.pickWords(team, member, 0)).rejects.toMatchObject({ code: "not_found" })
        await bo.core.syncNow()
        const anaId = memberOf(bo, mail("ana"))?.id
        expect(memberOf(bo, mail("dan"))).toMatchObject({
            present: false,
            verified: "none",
            left: { by: anaId },
        })

        // The same address again: this time Dan hears other words than Ana reads, and leaves.
        const fragment = await invited(ana, "dan", "mail")
        await dan.core.acceptInvite(fragment, "Dan", "hand")
        await ana.core.syncNow()
        await dan.core.syncNow()
        const second = memberOf(ana, mail("dan"))?.id as string
        const said = heard(await dan.core.myComparison(team), await ana.core.comparison(team, second))
        expect(await dan.core.hearWords(team, (said + 1) % 3)).toBe("removed")
        await ana.core.syncNow()
        const again = memberOf(ana, mail("dan"))
        expect([again?.id === member, again?.left?.by]).toEqual([false, again?.id])
        await expect(dan.core.openInvite(fragment)).rejects.toMatchObject({ code: "invite_used" })
    })

    it("raises a member of a token to words; a wrong choice leaves them as they were", async () => {
        const [bosId, anasId] = [memberOf(ana, mail("bo"))?.id, memberOf(ana, mail("ana"))?.id] as string[]
        const offered = await ana.core.comparison(team, bosId as string)
        const said = await bo.core.myComparison(team)
        // Should his link have come by mail, which only he knows, he listens first.
        expect([offered.say?.split(" ").length, said.choices]).toEqual([6, null])
        // What every page shows of him would be chosen without listening.
        expect(offered.choices).not.toContain(await ana.core.wordsOf(team, bosId as string))
        expect(await ana.core.pickWords(team, bosId as string, heard(offered, said))).toBe("verified")
        expect(memberOf(ana, mail("bo"))).toMatchObject({ verified: "words", checked: { by: anasId } })

        await bo.core.syncNow()
        const anasWords = heard(
            await bo.core.comparison(team, anasId as string),
            await ana.core.myComparison(team),
        )
        expect(await bo.core.pickWords(team, anasId as string, (anasWords + 1) % 3)).toBe("differs")
        expect(await bo.core.pickWords(team, anasId as string, anasWords)).toBe("differs")
        expect((await bo.core.comparison(team, anasId as string)).choices).toBeNull()
        expect(memberOf(bo, mail("ana"))).toMatchObject({ verified: "founder", present: true })

        // Kept over the lock and in every browser of his, until he hears the right ones or settles it.
        const differed = memberOf(bo, mail("ana"))?.differed
        expect(differed).toBeGreaterThan(Date.now() - 60_000)
        await bo.core.lock()
        await bo.core.unlock(PASSWORD)
        await bo.core.syncNow()
        expect(memberOf(bo, mail("ana"))?.differed).toBe(differed)
        const laptop = await new Device(url, folder).signIn(mail("bo"))
        expect(memberOf(laptop, mail("ana"))?.differed).toBe(differed)
        const right = heard(
            await bo.core.comparison(team, anasId as string),
            await ana.core.myComparison(team),
        )
        expect(await bo.core.pickWords(team, anasId as string, right)).toBe("verified")
        expect(memberOf(bo, mail("ana"))).toMatchObject({ verified: "words", differed: null })
    })

    it("keeps what differed although the server cannot be reached then, until it is settled", async () => {
        const anasId = memberOf(bo, mail("ana"))?.id as string
        const carasId = memberOf(bo, mail("cara"))?.id as string
        await bo.core.comparison(team, carasId)
        bo.transport.bend = async (_method, path, send) => {
            if (path === "account/settings") throw new Unanswered()
            return send()
        }
        await expect(bo.core.pickWords(team, carasId, null)).rejects.toMatchObject({ code: "offline" })
        bo.transport.bend = null
        await bo.core.lock()
        await bo.core.unlock(PASSWORD)
        await bo.core.syncNow()
        expect(memberOf(bo, mail("cara"))?.differed).not.toBeNull()
        expect(memberOf(bo, mail("ana"))).toMatchObject({ id: anasId, differed: null })
        await bo.core.settleWords(team, carasId)
        const laptop = await new Device(url, folder).signIn(mail("bo"))
        for (const device of [bo, laptop]) expect(memberOf(device, mail("cara"))?.differed).toBeNull()
    })

    it("holds whoever got the link by mail to the inviter's words, though the invitation says another way", async () => {
        const gil = await new Device(url, folder).signUp(mail("gil"), "Gil")
        const fragment = await invited(ana, "gil", "link", [shared])
        expect(await gil.core.openInvite(fragment)).toMatchObject({ via: "link", compares: true })
        await gil.core.acceptInvite(fragment, "Gil", "mail")
        expect(await gil.core.openInvite(fragment)).toMatchObject({ state: "waiting", compares: true })
        await ana.core.syncNow()
        await gil.core.syncNow()
        const member = memberOf(ana, mail("gil"))?.id as string
        expect(memberOf(ana, mail("gil"))).toMatchObject({ verified: "token", rights: { [shared]: "write" } })
        // What stands there can be read; nothing of Gil's goes in, whoever's team it is.
        expect(gil.team().uncompared).toBe(true)
        expect(gil.vault(shared)).toMatchObject({ state: "ready", right: "write" })
        const [before, writes] = [gil.transport.sent.length, /\/(links|changes|rotations?)$/]
        for (const write of [
            () => gil.core.saveItem(shared, null, 0, note("by Gil"), body("hello")),
            () => gil.core.createVault(team, "Gil's"),
            () => gil.core.rotateVault(shared),
        ])
            await expect(write()).rejects.toMatchObject({ code: "not_compared" })
        expect(gil.transport.sent.slice(before).filter(({ path }) => writes.test(path))).toEqual([])

        const admins = await ana.core.comparison(team, member)
        const first = await gil.core.myComparison(team)
        expect(await gil.core.hearWords(team, heard(first, admins))).toBe("verified")
        expect(gil.team().uncompared).toBe(false)
        await gil.core.saveItem(shared, null, 0, note("by Gil"), body("hello"))
    })

    it("asks anew how the link came where the server keeps the answer back, and takes a later answer", async () => {
        const hal = await new Device(url, folder).signUp(mail("hal"), "Hal")
        await hal.core.acceptInvite(await invited(ana, "hal", "link", [shared]), "Hal", "hand")
        await hal.core.syncNow()
        expect(hal.snapshot.withheld).toBe(0)
        await ana.core.syncNow()
        await hal.core.syncNow()
        expect(hal.team().uncompared).toBe(false)
        const withheld = new Device(url, folder)
        withheld.transport.bend = async (method, path, send) => {
            const response = await send()
            if (method !== "POST" || path !== "login/finish") return response
            const answer = decodeSequence(response.body)[0] as Said
            return {
                ...response,
                body: encodeCbor({ ...answer, bundle: { ...answer.bundle, settings: null } }) as Said,
            }
        }
        await withheld.signIn(mail("hal"))
        expect(withheld.team().uncompared).toBe(true)
        await expect(withheld.core.createVault(team, "Hal's")).rejects.toMatchObject({ code: "not_compared" })
        await withheld.core.cameByHand(team)
        expect(withheld.team().uncompared).toBe(false)
        await withheld.core.createVault(team, "Hal's")
        // This browser has its own copy from now on.
        await withheld.core.lock()
        withheld.transport.bend = async (_method, path, send) => {
            const response = await send()
            if (path !== "unlock/finish") return response
            const answer = decodeSequence(response.body)[0] as Said
            return {
                ...response,
                body: encodeCbor({ ...answer, bundle: { ...answer.bundle, settings: null } }) as Said,
            }
        }
        await withheld.core.unlock(PASSWORD)
        await withheld.core.syncNow()
        expect(withheld.team().uncompared).toBe(false)
    })

    it("says of a second invitation that the account is in the team already", async () => {
        const fragment = await invited(ana, "cara", "link", [anas])
        expect(await cara.core.openInvite(fragment)).toMatchObject({ state: "member", forMe: true })
        const sent = cara.transport.sent.length
        await expect(cara.core.acceptInvite(fragment, "Cara", "hand")).rejects.toMatchObject({
            code: "already_member",
        })
        const asked = cara.transport.sent.slice(sent).map(({ path }) => path)
        expect(asked.filter((path) => path.startsWith("invites"))).toEqual(["invites/find", "invites/open"])
    })

    it("refuses a stranger who accepts as an account that it knows by other keys", async () => {
        const eve = await new Device(url, folder).signUp(mail("eve"), "Eve")
        const fragment = await invited(ana, "eve", "link", [shared])
        await eve.core.acceptInvite(fragment, "Eve", "hand")
        const { t, invite } = parseInviteFragment(fragment)
        const fresh = new Device(url, folder)
        const before = linksSent(fresh).length
        const known = ana.core.session?.context.books.teams.get(team)?.state
        const found = known?.invites.get(hex(invite))
        if (known === undefined || found === undefined) throw new Error("not invited")
        const key = await inviteKey(t, known.id, unhex(found.invite))
        const accept = makeAccept(Keyring.generate(), key, {
            account: bo.core.session?.context.me.account as Uint8Array<ArrayBuffer>,
            invite,
            member: random(16),
            profile: { email: found.email, name: profileCommitment("name", "Bo", random(32)) },
            team: known.id,
        })
        lieOfWaiting(fresh, (row) => Object.assign(row, accept))
        await fresh.signIn(mail("ana"))
        expect(refusals(fresh)).toEqual(["T6.key"])
        expect(linksSent(fresh)).toHaveLength(before)
    })

    it.each([
        ["by_invite", "T10.sig_invite"],
        ["by_identity", "T10.sig_identity"],
    ])("signs nobody in whose acceptance has another %s", async (field, refusal) => {
        const fresh = new Device(url, folder)
        lieOfWaiting(fresh, (row) => Object.assign(row, { [field]: random(64) }))
        await fresh.signIn(mail("ana"))
        expect(refusals(fresh)).toEqual([refusal])
        expect(linksSent(fresh)).toEqual([])
    })

    it("takes the truth up again when the lie stops", async () => {
        const honest = await new Device(url, folder).signIn(mail("ana"))
        expect(refusals(honest)).toEqual([])
        expect(memberOf(honest, mail("eve"))).toMatchObject({ present: true, verified: "token" })
    })

    it("is not told that it is in, by a server that shows somebody else's invitation as used", async () => {
        const { url: link } = await ana.core.invite(team, mail("fay"), "member", [], 7)
        const fragment = link.split("#")[1] as string
        const fay = await new Device(url, folder).signUp(mail("fay"), "Fay")
        await fay.core.acceptInvite(fragment, "Fay", "hand")
        await ana.core.syncNow()
        const answers = new Map<string, Uint8Array<ArrayBuffer>>()
        fay.transport.bend = async (_method, path, send) => {
            const response = await send()
            answers.set(path, response.body)
            return response
        }
        expect(await fay.core.openInvite(fragment)).toMatchObject({ state: "joined" })
        cara.transport.bend = async (_method, path, send) => {
            const response = await send()
            return path === "invites/open"
                ? { ...response, status: 200, body: answers.get(path) as Uint8Array<ArrayBuffer> }
                : response
        }
        await expect(cara.core.openInvite(fragment)).rejects.toMatchObject({ code: "invite_used" })
        cara.transport.bend = null
    })
})
