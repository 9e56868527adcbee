/** Under test: what somebody finds who takes a locked browser: its store, and its session at the server. */
import { beforeAll, describe, expect, inject, it } from "vitest"
import { hex, random, utf8 } from "../../src/crypto/bytes.ts"
import type { Details, Overview } from "../../src/worker/api.ts"
import { cookieFetch, Device, PASSWORD } from "./device.ts"
import { MemoryStore } from "./memory.ts"

const url = inject("url")
const folder = inject("folder")
const email = `ana-stolen-${Date.now().toString(36)}@example.test`

const TITLE = "harbour gateway"
const SECRET = "hunter2 of the harbour"
const overview: Overview = { type: "note", title: TITLE, tags: [], trash: null }
const details: Details = { fields: [], note: SECRET }

describe("a browser that was locked and taken", { timeout: 60_000, sequential: true }, () => {
    const store = new MemoryStore()
    const cookies = cookieFetch()
    const keys: string[] = []

    beforeAll(async () => {
        const ana = await new Device(url, folder, store, cookies).signUp(email, "Ana Harbour")
        const team = await ana.core.createTeam("Acme Harbour")
        const vault = await ana.core.createVault(team, "Servers of the harbour")
        await ana.core.saveItem(vault, null, 0, overview, details)
        const draft = { id: hex(random(16)), item: null, vault, base: 0, at: Date.now() }
        await ana.core.putDraft({ ...draft, overview, details })
        const keyring = ana.core.session?.context.me.keyring
        if (keyring === undefined) throw new Error("not open")
        keys.push(hex(keyring.identity.expose()), hex(keyring.box.expose()))
        await ana.core.lock()
    }, 60_000)

    it("holds none of what the person stored, and no key", async () => {
        const kept = (await store.list(""))
            .map(({ key, value }) => `${hex(utf8(key))} ${hex(value)}`)
            .join("\n")
        expect(kept.length).toBeGreaterThan(1_000)
        for (const word of [TITLE, SECRET, "Harbour", "harbour", "Acme", PASSWORD, email]) {
            expect(kept).not.toContain(hex(utf8(word)))
        }
        for (const key of keys) expect(kept).not.toContain(key)
    })

    it("opens for the password, and for no other", async () => {
        const thief = new Device(url, folder, store, cookies)
        await thief.core.start()
        await expect(thief.core.unlock("correct horse battery staple 43")).rejects.toThrow()
        expect(thief.rows.size).toBe(0)
        expect(thief.snapshot.teams).toEqual([])
        await thief.core.unlock(PASSWORD)
        await thief.core.syncNow()
        expect([...thief.rows.values()].map(({ overview }) => overview?.title)).toContain(TITLE)
    })
})
