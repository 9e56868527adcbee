/** Under test: locking by the clock, drafts, two tabs, many items at once, and lies about who is who. */
import { encode as encodeCbor } from "cborg"
import { beforeAll, describe, expect, inject, it } from "vitest"
import type { Clock } from "../../src/core/clock.ts"
import { systemClock } from "../../src/core/clock.ts"
import { Unanswered } from "../../src/core/failure.ts"
import { decodeSequence } from "../../src/core/transport.ts"
import { hex, random, utf8 } from "../../src/crypto/bytes.ts"
import { Keyring } from "../../src/crypto/keys.ts"
import type { Details, Draft, Overview } from "../../src/worker/api.ts"
import { cookieFetch, Device, PASSWORD } from "./device.ts"
import { MemoryStore } from "./memory.ts"

const url = inject("url")
const folder = inject("folder")
const tag = Date.now().toString(36)
const ANA = `ana-duties-${tag}@example.test`
const EVE = `eve-duties-${tag}@example.test`
const MINUTE = 60_000

const note = (title: string): Overview => ({ type: "note", title, tags: [], trash: null })
const body = (text: string): Details => ({ fields: [], note: text })

/** A clock whose long timers run when the test says so; the short ones of a retry run by themselves. */
class TestClock implements Clock {
    #passed = 0
    #timers: { at: number; run: () => void }[] = []

    now(): number {
        return Date.now() + this.#passed
    }

    after(ms: number, run: () => void): () => void {
        if (ms < MINUTE) return ms < 1_000 ? systemClock.after(ms, run) : () => undefined
        const timer = { at: this.#passed + ms, run }
        this.#timers.push(timer)
        return () => {
            this.#timers = this.#timers.filter((each) => each !== timer)
        }
    }

    pass(ms: number): void {
        this.#passed += ms
        const due = this.#timers.filter(({ at }) => at <= this.#passed)
        this.#timers = this.#timers.filter(({ at }) => at > this.#passed)
        for (const { run } of due) run()
    }
}

/** What one tab says, all others of the browser hear. */
class Tabs {
    readonly #heard: ((message: unknown) => void)[] = []

    tab() {
        let mine: ((message: unknown) => void) | null = null
        return {
            post: (message: unknown) => {
                for (const hear of this.#heard) if (hear !== mine) hear(message)
            },
            listen: (hear: (message: unknown) => void) => {
                mine = hear
                this.#heard.push(hear)
            },
        }
    }
}

// biome-ignore lint/suspicious/noExplicitAny: what is bent here is whatever the server said.
type Said = any

function lie(device: Device, bend: (values: Said[]) => void): void {
    device.transport.bend = async (_method, path, send) => {
        const response = await send()
        if (path !== "sync" || response.status !== 200) return response
        const values = decodeSequence(response.body) as Said[]
        bend(values)
        return {
            ...response,
            body: new Uint8Array(Buffer.concat(values.map((value) => encodeCbor(value)))),
        }
    }
}

describe("a core", { timeout: 60_000, sequential: true }, () => {
    const store = new MemoryStore()
    const fetcher = cookieFetch()
    const clock = new TestClock()
    const tabs = new Tabs()
    const ana = new Device(url, folder, store, fetcher, { clock, channel: tabs.tab() })
    let team = ""
    let vault = ""

    beforeAll(async () => {
        await ana.signUp(ANA, "Ana")
        team = await ana.core.createTeam("Acme")
        vault = await ana.core.createVault(team, "Servers")
    }, 60_000)

    const refusals = (device: Device) => device.snapshot.refusals.map(({ id }) => id)

    it("uploads its pins once for each change at sign-up, never against itself", () => {
        // After a `409 counter_moved` the pins are fetched again.
        const fetched = ana.transport.sent.filter(
            ({ path, method }) => path === "account/pins" && method === "GET",
        )
        expect(fetched).toEqual([])
    })

    it("locks after 15 minutes without a sign of life, and says so a minute ahead", async () => {
        clock.pass(13 * MINUTE)
        await ana.core.touch()
        clock.pass(13.5 * MINUTE)
        expect([ana.snapshot.phase, ana.notices.includes("idle_soon")]).toEqual(["open", false])
        clock.pass(0.5 * MINUTE)
        expect([ana.snapshot.phase, ana.notices.includes("idle_soon")]).toEqual(["open", true])
        clock.pass(MINUTE)
        await expect.poll(() => ana.snapshot.phase).toBe("locked")
        expect(ana.notices).toContain("auto_locked")
        expect([ana.core.session, ana.rows.size, ana.snapshot.teams]).toEqual([null, 0, []])
        await expect(ana.core.drafts()).rejects.toMatchObject({ code: "locked" })
        await ana.core.unlock(PASSWORD)
        await ana.core.syncNow()
        expect(ana.snapshot.phase).toBe("open")
    })

    it("keeps a draft across lock and reload, sealed, and drops it once the item is saved", async () => {
        const draft: Draft = {
            id: hex(random(16)),
            vault,
            item: null,
            base: 0,
            overview: note("half a thought"),
            details: body("not yet saved"),
            at: 1_000,
        }
        await ana.core.putDraft(draft)
        await ana.core.lock()
        const kept = (await store.list("draft/")).map(({ value }) => Buffer.from(value).toString("latin1"))
        expect(kept).toHaveLength(1)
        expect(kept.join()).not.toContain("half a thought")
        await ana.core.unlock(PASSWORD)
        expect(await ana.core.drafts()).toEqual([draft])
        const reloaded = new Device(url, folder, store, fetcher)
        await reloaded.core.start()
        await reloaded.core.unlock(PASSWORD)
        expect(await reloaded.core.drafts()).toEqual([draft])
        await reloaded.core.saveItem(vault, null, 0, draft.overview, draft.details, draft.id)
        expect(await reloaded.core.drafts()).toEqual([])
        await ana.core.syncNow()
        expect([...ana.rows.values()].map(({ overview }) => overview.title)).toContain("half a thought")
    })

    it("imports many items in few links, which read back like any other", async () => {
        const before = ana.vault(vault).links
        const entries = Array.from({ length: 1_001 }, (_, i) => ({
            overview: note(`imported ${i}`),
            details: body(`text ${i}`),
        }))
        expect(await ana.core.importItems(vault, entries)).toEqual({ saved: 1_001, pending: 0 })
        expect(ana.vault(vault).links).toBe(before + 3)
        const fresh = await new Device(url, folder).signIn(ANA)
        const found = [...fresh.rows.values()].filter(({ overview }) => overview.title === "imported 777")
        expect(found).toMatchObject([{ verified: true }])
        expect((await fresh.core.openItem(vault, found[0]?.id as string)).details).toEqual(body("text 777"))
        expect(refusals(fresh)).toEqual([])
    })

    it("stops an import at the first link whose answer is unknown, and that link is written once", async () => {
        let lost = false
        ana.transport.bend = async (_method, path, send) => {
            const response = await send()
            if (!path.endsWith("/changes") || lost) return response
            lost = true
            throw new Unanswered()
        }
        const size = ana.vault(vault).items
        const entries = Array.from({ length: 501 }, (_, i) => ({
            overview: note(`once ${i}`),
            details: body(""),
        }))
        expect(await ana.core.importItems(vault, entries)).toEqual({ saved: 0, pending: 500 })
        ana.transport.bend = null
        await ana.core.syncNow()
        expect([ana.snapshot.pending, ana.vault(vault).items]).toEqual([0, size + 500])
    })

    it("says of what was not answered that it waits, and does it once", async () => {
        const other = await ana.core.createVault(team, "Waiting")
        const { item } = await ana.core.saveItem(other, null, 0, note("moved about"), body(""))
        const waits = async (act: () => Promise<string>) => {
            let isLost = false
            ana.transport.bend = async (_method, path, send) => {
                if (!path.endsWith("/changes") || isLost) return send()
                isLost = true
                throw new Unanswered()
            }
            const said = await act()
            await ana.core.syncNow()
            return [said, ana.snapshot.pending]
        }
        expect(await waits(() => ana.core.trashItem(other, item))).toEqual(["pending", 0])
        expect(ana.rows.get(item)?.overview.trash).not.toBeNull()
        expect(await waits(() => ana.core.restoreItem(other, item))).toEqual(["pending", 0])
        expect(ana.rows.get(item)?.overview.trash).toBeNull()
        expect(await waits(() => ana.core.purgeItem(other, item))).toEqual(["pending", 0])
        expect(ana.rows.has(item)).toBe(false)
        expect(await waits(() => ana.core.rotateVault(other))).toEqual(["pending", 0])
        ana.transport.bend = null
        expect(await ana.core.rotateVault(other)).toBe("done")
    })

    it("refuses an item beyond the format's size before anything is sent", async () => {
        const sent = ana.transport.sent.length
        const entries = [{ overview: note("large"), details: body("x".repeat(2_200_000)) }]
        await expect(ana.core.importItems(vault, entries)).rejects.toMatchObject({ code: "too_large" })
        expect(ana.transport.sent.length).toBe(sent)
    })

    it("tells the other tabs of what it wrote, and of signing out", async () => {
        const other = new Device(url, folder, store, fetcher, { channel: tabs.tab() })
        await other.core.start()
        await other.core.unlock(PASSWORD)
        await other.core.syncNow()
        const { item } = await ana.core.saveItem(vault, null, 0, note("seen in both"), body(""))
        await expect.poll(() => other.rows.get(item)?.verified).toBe(true)
        const [one, two] = await Promise.all([
            ana.core.saveItem(vault, null, 0, note("from one tab"), body("1")),
            other.core.saveItem(vault, null, 0, note("from the other"), body("2")),
        ])
        await Promise.all([ana.core.syncNow(), other.core.syncNow()])
        for (const device of [ana, other]) {
            expect([device.rows.has(one.item), device.rows.has(two.item)]).toEqual([true, true])
            expect(refusals(device)).toEqual([])
        }
        await other.core.signOut()
        await expect.poll(() => ana.snapshot.phase).toBe("anonymous")
        expect(ana.core.session).toBeNull()
    })

    it("goes to the sign-in, and says so, where the session has ended, with every draft kept", async () => {
        const [kept, cookies] = [new MemoryStore(), cookieFetch()]
        const away = await new Device(url, folder, kept, cookies).signIn(ANA)
        const draft: Draft = {
            ...{ id: hex(random(16)), vault, item: null, base: 0, at: 2_000 },
            ...{ overview: note("typed before"), details: body("and not saved") },
        }
        // Signed out by what shares the cookies, and nothing else.
        const end = async () => {
            const elsewhere = new Device(url, folder, new MemoryStore(), cookies)
            await elsewhere.core.start()
            await elsewhere.core.signOut()
        }
        await away.core.putDraft(draft)
        await away.core.lock()
        await end()
        await expect(away.core.unlock(PASSWORD)).rejects.toMatchObject({ code: "not_signed_in" })
        expect([away.snapshot.phase, away.notices]).toEqual(["anonymous", ["session_ended"]])
        await away.signIn(ANA)
        expect(await away.core.drafts()).toEqual([draft])

        await end()
        away.notices.length = 0
        await expect(away.core.changePassword(PASSWORD, `${PASSWORD} 2`)).rejects.toMatchObject({
            code: "not_signed_in",
        })
        expect([away.snapshot.phase, away.notices]).toEqual(["anonymous", ["session_ended"]])
        await away.signIn(ANA)
        expect(await away.core.drafts()).toEqual([draft])
    })

    it("seals no key for somebody whom the fold does not name", async () => {
        const fresh = new Device(url, folder)
        const stranger = random(32)
        lie(fresh, (records) => {
            for (const [kind, record] of records)
                if (kind === "team" && hex(record.team) === team)
                    record.pending.push({ vault: Buffer.from(vault, "hex"), epoch: 1, to: stranger })
        })
        await fresh.signIn(ANA)
        const writer = await new Device(url, folder).signIn(ANA)
        await writer.core.saveItem(vault, null, 0, note("a reason to look again"), body(""))
        await fresh.core.syncNow()
        expect(refusals(fresh)).toContain("R1.recipient")
        expect(fresh.transport.sent.filter(({ path }) => path.endsWith("/grants"))).toEqual([])
    })

    it("refuses a vault that no chain carries", async () => {
        const fresh = new Device(url, folder)
        const unknown = random(16)
        lie(fresh, ([[, heads]]) => heads.vaults.push({ ...heads.vaults[0], vault: unknown }))
        await fresh.signIn(ANA)
        await fresh.core.syncNow()
        expect(refusals(fresh)).toContain("R13.vault")
    })

    it("freezes its teams if their chains carry other keys than the keyring's", async () => {
        const fresh = await new Device(url, folder).signIn(ANA)
        const me = fresh.core.session?.context.me
        if (me === undefined) throw new Error("not open")
        Object.assign(me, { keyring: Keyring.generate() })
        const writer = await new Device(url, folder).signIn(ANA)
        await writer.core.saveItem(vault, null, 0, note("one more"), body(""))
        await fresh.core.syncNow()
        expect(refusals(fresh)).toContain("S4.keys")
        expect(fresh.team().state).toBe("frozen")
        await expect(fresh.core.saveItem(vault, null, 0, note("x"), body(""))).rejects.toMatchObject({
            code: "frozen",
        })
    })

    it.each(["used", "revoked", "expired", "dead"])("says of an invitation that it is %s", async (reason) => {
        const owner = await new Device(url, folder).signIn(ANA)
        const { url: link } = await owner.core.invite(team, EVE, "member", [], 7)
        const fragment = link.split("#")[1] as string
        const eve = new Device(url, folder)
        await eve.core.start()
        eve.transport.bend = async (_method, path, send) => {
            const response = await send()
            if (path !== "invites/open") return response
            return { ...response, status: 410, body: utf8(JSON.stringify({ code: "invite_closed", reason })) }
        }
        await expect(eve.core.openInvite(fragment)).rejects.toMatchObject({ code: `invite_${reason}` })
    })

    it("says of an invitation that was taken back what the real server says", async () => {
        const owner = await new Device(url, folder).signIn(ANA)
        const { url: link } = await owner.core.invite(team, EVE, "member", [], 7)
        const invite = owner.team().invites.at(-1)
        await owner.core.revokeInvite(team, invite?.hash as string)
        const eve = new Device(url, folder)
        await eve.core.start()
        await expect(eve.core.openInvite(link.split("#")[1] as string)).rejects.toMatchObject({
            code: "invite_revoked",
        })
    })
})
