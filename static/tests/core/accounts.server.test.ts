// @vitest-environment node
/** Under test: two accounts in one browser. A tab of one does nothing in the session of the other, and ends. */
import { beforeAll, beforeEach, describe, expect, inject, it } from "vitest"
import { Unanswered } from "../../src/core/failure.ts"
import { changeSettings } from "../../src/core/settings.ts"
import type { Channel } from "../../src/core/surroundings.ts"
import { Server } from "../../src/core/transport.ts"
import { random } from "../../src/crypto/bytes.ts"
import { cookieFetch, Device, PASSWORD } from "./device.ts"
import { MemoryStore } from "./memory.ts"

const url = inject("url")
const folder = inject("folder")
const tag = Date.now().toString(36)
const [ANA, BOB] = [`two-ana-${tag}@example.test`, `two-bob-${tag}@example.test`]

/** What a tab hears of the others; while it sleeps, not yet. */
class Ear {
    hear: (message: unknown) => void = () => undefined
    readonly #missed: unknown[] = []
    #isAsleep = false

    take(message: unknown): void {
        if (this.#isAsleep) this.#missed.push(message)
        else this.hear(message)
    }

    sleep(): void {
        this.#isAsleep = true
    }

    wake(): void {
        this.#isAsleep = false
        for (const message of this.#missed.splice(0)) this.hear(message)
    }
}

/** One browser: its tabs share cookies, store and channel. */
class Browser {
    readonly #store = new MemoryStore()
    readonly #fetch = cookieFetch()
    readonly #ears: Ear[] = []

    async tab(ear = new Ear()): Promise<Device> {
        const channel: Channel = {
            post: (message) => {
                for (const other of this.#ears) if (other !== ear) other.take(message)
            },
            listen: (hear) => {
                ear.hear = hear
            },
        }
        const tab = new Device(url, folder, this.#store, this.#fetch, { channel })
        this.#ears.push(ear)
        await tab.core.start()
        return tab
    }
}

/** A tab in which Ana is unlocked. */
async function anaIn(browser: Browser, ear = new Ear()): Promise<Device> {
    const tab = await browser.tab(ear)
    await tab.core.signIn(ANA, PASSWORD)
    await tab.core.syncNow()
    return tab
}

const writes = (device: Device) => device.transport.sent.filter(({ method }) => method !== "GET")

describe("two accounts in one browser", { timeout: 30_000 }, () => {
    let browser: Browser
    let bob: Device

    beforeAll(async () => {
        await new Device(url, folder).signUp(ANA, "Ana")
        await new Device(url, folder).signUp(BOB, "Bob")
    }, 60_000)

    beforeEach(async () => {
        browser = new Browser()
        bob = await browser.tab()
    })

    const bobSignsIn = async (): Promise<void> => {
        await bob.core.signIn(BOB, PASSWORD)
        await bob.core.syncNow()
    }

    /** What lies on the server for Bob is his: it opens in a browser that knows nothing. */
    const bobIsWhole = async (): Promise<void> => {
        const fresh = await new Device(url, folder).signIn(BOB)
        expect([fresh.snapshot.phase, fresh.snapshot.refusals]).toEqual(["open", []])
        expect(fresh.core.session?.context.settings.name).toBe("Bob")
    }

    it("a tab that missed the other's sign-in writes nothing there, and ends at its next request", async () => {
        const ear = new Ear()
        const ana = await anaIn(browser, ear)
        ear.sleep()
        await bobSignsIn()
        const context = ana.core.session?.context ?? expect.fail()
        const came = changeSettings(context, (now) => ({
            ...now,
            came: new Map([["ab".repeat(32), "hand"]]),
        }))
        await expect(came).rejects.toMatchObject({ code: "not_signed_in" })
        await context.pins.keep()
        await expect(context.pins.upload()).rejects.toMatchObject({ code: "not_signed_in" })
        expect(ana.snapshot.refusals).toEqual([])
        await ana.core.session?.look()
        await expect.poll(() => ana.snapshot.phase).toBe("anonymous")
        expect(ana.notices).toContain("session_ended")
        await bobIsWhole()
        await bob.core.syncNow()
        expect([bob.snapshot.phase, bob.snapshot.refusals]).toEqual(["open", []])
    })

    it("a tab that hears of a sign-out late sends nothing", async () => {
        const ear = new Ear()
        const ana = await anaIn(browser, ear)
        ear.sleep()
        const other = await browser.tab()
        await other.core.signOut()
        await bobSignsIn()
        // Pins that the server has not got yet.
        await ana.core.session?.context.pins.keep()
        ana.transport.sent.length = 0
        ear.wake()
        await expect.poll(() => ana.snapshot.phase).toBe("anonymous")
        expect(ana.core.session).toBeNull()
        expect(writes(ana)).toEqual([])
        await bobIsWhole()
    })

    it("open and locked tabs end when another person signs in, and stay when it is the same", async () => {
        const ana = await anaIn(browser)
        const locked = await browser.tab()
        const again = await browser.tab()
        expect([locked.snapshot.phase, again.snapshot.phase]).toEqual(["locked", "locked"])
        await again.core.signIn(ANA, PASSWORD)
        await ana.core.syncNow()
        expect([ana.snapshot.phase, locked.snapshot.phase]).toEqual(["open", "locked"])
        await bobSignsIn()
        for (const tab of [ana, locked, again]) await expect.poll(() => tab.snapshot.phase).toBe("anonymous")
        expect(bob.snapshot.phase).toBe("open")
    })

    it("a locked tab's password is not tried on the other account, nor does it sign them out", async () => {
        await anaIn(browser)
        const ear = new Ear()
        const [unlocks, leaves] = [await browser.tab(ear), await browser.tab(ear)]
        ear.sleep()
        await bobSignsIn()
        await expect(unlocks.core.unlock(PASSWORD)).rejects.toMatchObject({ code: "not_signed_in" })
        await leaves.core.signOut()
        expect([unlocks.snapshot.phase, leaves.snapshot.phase]).toEqual(["anonymous", "anonymous"])
        await bob.core.syncNow()
        expect(bob.snapshot.phase).toBe("open")
    })

    it("an account whose pins and settings were written over opens, and is whole again", async () => {
        await bobSignsIn()
        await bob.core.lock()
        const server = new Server(bob.transport)
        await server.call("GET", "session")
        for (const kind of ["pins", "settings"]) {
            const { counter } = await server.call("GET", `account/${kind}`)
            await server.call("PUT", `account/${kind}`, { counter: Number(counter) + 1, blob: random(200) })
        }
        await bob.core.unlock(PASSWORD)
        const refused = bob.snapshot.refusals.map(({ id }) => id)
        expect([bob.snapshot.phase, refused.sort()]).toEqual(["open", ["R17.pins", "R17.settings"]])
        await bob.core.syncNow()
        await bobIsWhole()
    })

    it("who cannot reach the server stays signed in, without keys", async () => {
        await bobSignsIn()
        bob.transport.bend = async () => {
            throw new Unanswered()
        }
        await expect(bob.core.signOut()).rejects.toMatchObject({ code: "offline" })
        expect([bob.snapshot.phase, bob.core.session]).toEqual(["locked", null])
    })
})
