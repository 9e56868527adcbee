/**
 * Under test: a server whose database was restored from a backup, made by PostgreSQL's own tools. What browsers kept
 * brings it back, link by link, and who waits says so and reads on.
 */
import { execFileSync } from "node:child_process"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Details, Overview } from "../../src/worker/api.ts"
import { cookieFetch, Device, PASSWORD } from "./device.ts"
import { MemoryStore } from "./memory.ts"
import { PYTHON, ROOT, type Serving, serve } from "./server.ts"

const note = (title: string): Overview => ({ type: "note", title, tags: [], trash: null })
const body = (text: string): Details => ({ fields: [], note: text })
const ANA = "ana@example.test"
const BEN = "ben@example.test"

/** The database of a running product, as its administrator dumps and restores it. */
class Backup {
    readonly #programs: string
    readonly #where: readonly string[]
    readonly #file: string

    constructor({ folder }: Serving) {
        const command = "from config.embedded import postgres_programs; print(postgres_programs())"
        this.#programs = execFileSync(PYTHON, ["-c", command], { cwd: ROOT, encoding: "utf-8" }).trim()
        this.#where = ["-h", `${folder}/run`, "-U", "postgres"]
        this.#file = `${folder}/backup.dump`
    }

    dump(): void {
        this.#run("pg_dump", "-Fc", "-f", this.#file, "coffret")
    }

    restore(): void {
        const statements = ["DROP DATABASE coffret WITH (FORCE)", "CREATE DATABASE coffret"]
        this.#run("psql", "-q", "-d", "postgres", ...statements.flatMap((each) => ["-c", each]))
        this.#run("pg_restore", "-d", "coffret", this.#file)
    }

    #run(program: string, ...words: string[]): void {
        execFileSync(`${this.#programs}/${program}`, [...this.#where, ...words], { stdio: "pipe" })
    }
}

describe("after a backup was restored", { timeout: 60_000, sequential: true }, () => {
    let serving: Serving
    let backup: Backup
    let ana: Device
    let ben: Device
    const kept = { ana: new MemoryStore(), ben: new MemoryStore() }
    const cookies = { ana: cookieFetch(), ben: cookieFetch() }
    let team = ""
    let vault = ""
    let later = ""
    let first = ""
    let second = ""
    const acme = (device: Device) => {
        const found = device.snapshot.teams.find(({ id }) => id === team)
        if (found === undefined) throw new Error("the team is not there")
        return found
    }
    const links = () => ana.vault(vault).verified
    const refusals = (device: Device) => device.snapshot.refusals.map(({ id }) => id)
    const device = (who: "ana" | "ben") => new Device(serving.url, serving.folder, kept[who], cookies[who])

    /** The next visit of somebody: the same browser, the same session. */
    async function visit(who: "ana" | "ben"): Promise<Device> {
        const next = device(who)
        await next.core.start()
        await next.core.unlock(PASSWORD)
        await next.core.syncNow()
        return next
    }

    beforeAll(async () => {
        serving = await serve()
        backup = new Backup(serving)
        ana = await device("ana").signUp(ANA, "Ana")
        ben = await device("ben").signUp(BEN, "Ben")
        team = await ana.core.createTeam("Acme")
        vault = await ana.core.createVault(team, "Servers")
        const { url } = await ana.core.invite(team, BEN, "member", [{ vault, right: "manage" }], 7)
        await ben.core.acceptInvite(url.split("#")[1] as string, "Ben", "hand")
        await ana.core.syncNow()
        await ben.core.syncNow()
        first = (await ana.core.saveItem(vault, null, 0, note("before"), body("before"))).item
        await ben.core.syncNow()
        backup.dump()
    }, 240_000)

    afterAll(() => serving.stop(), 30_000)

    it("who joined was told so, and of the key, once", async () => {
        expect(ben.notices.filter((code) => code === "joined" || code === "key_arrived")).toEqual([
            "joined",
            "key_arrived",
        ])
        await ben.core.syncNow()
        await ben.core.lock()
        ben = await visit("ben")
        expect(ben.notices).not.toContain("joined")
        expect(ben.notices).not.toContain("key_arrived")
    })

    it("everything that was signed since is lost there, and Ben is away", async () => {
        await ana.core.saveItem(vault, first, 1, note("Ana's"), body("by Ana, lost"))
        await ben.core.syncNow()
        later = (await ben.core.saveItem(vault, null, 0, note("Ben's"), body("by Ben, lost"))).item
        await ana.core.syncNow()
        await ana.core.invite(team, "carl@example.test", "member", [{ vault, right: "read" }], 7)
        await ana.core.rotateVault(vault)
        await ana.core.createVault(team, "A newer one")
        second = await ana.core.createTeam("Founded since")
        await ana.core.saveItem(vault, first, 2, note("Ana's last"), body("under the new key"))
        await ben.core.lock()
        await ana.core.lock()
        backup.restore()
        // The server lists Ana's team at an older head: nothing is written there, and what she has seen stays.
        ana = device("ana")
        ana.transport.bend = async (_method, path, send) =>
            path.endsWith("/restore") ? { status: 503, headers: new Map(), body: new Uint8Array() } : send()
        await ana.core.start()
        await ana.core.unlock(PASSWORD)
        await expect(ana.core.syncNow()).rejects.toMatchObject({ code: "offline" })
        expect(new Set(refusals(ana))).toEqual(new Set(["T4.older"]))
        expect(acme(ana).state).toBe("frozen")
        await expect(ana.core.saveItem(vault, null, 0, note("x"), body("x"))).rejects.toMatchObject({
            code: "frozen",
        })
    })

    it("what this browser wrote is read here even before the server has it again", async () => {
        expect(await ana.core.openItem(vault, first)).toMatchObject({ details: body("under the new key") })
        expect(await ana.core.openItem(vault, first, 2)).toMatchObject({ details: body("by Ana, lost") })
        await expect(ana.core.openItem(vault, later)).rejects.toMatchObject({ code: "not_found" })
        expect(ana.rows.get(later)).toMatchObject({ overview: note("Ben's"), verified: true })
    })

    it.each(["held", "kek_moved"])(
        "offers again, at the same heads, what met %s: it passes by itself",
        async (code) => {
            const problem = new TextEncoder().encode(JSON.stringify({ code, status: 409 }))
            const headers = new Map([["content-type", "application/problem+json"]])
            const isOffer = (path: string) => path.endsWith("/restore") || path === "teams"
            ana.transport.bend = async (_method, path, send) =>
                isOffer(path) ? { status: 409, headers, body: problem } : send()
            const offers = () => ana.transport.sent.map(({ path }) => path).filter(isOffer)
            await ana.core.syncNow()
            const before = offers().length
            await ana.core.syncNow()
            const again = new Set(
                offers()
                    .slice(before)
                    .map((path) => path.split("/").at(-1)),
            )
            expect(again).toEqual(new Set(["restore", "teams"]))
            expect(ana.notices).not.toContain("gave_back")
        },
    )

    it("Ana gives back what she has, up to what only Ben has", async () => {
        ana.transport.bend = null
        await ana.core.syncNow()
        const given = ana.transport.sent.filter(({ path }) => path.endsWith("/restore")).length
        expect(given).toBeGreaterThanOrEqual(2)
        expect(ana.notices).toContain("gave_back")
        expect(refusals(ana)).toContain("T4.older")
        await ana.core.syncNow()
        const before = ana.transport.sent.length
        await ana.core.syncNow()
        // Nothing new is there to be offered, so nothing is offered again.
        expect(ana.transport.sent.slice(before).map(({ path }) => path)).toEqual(["sync"])
    })

    it("Ben comes back and gives his, then Ana the rest, and the state clears by itself", async () => {
        ben = await visit("ben")
        for (let turn = 0; turn < 3; turn++) {
            await ana.core.syncNow()
            await ben.core.syncNow()
        }
        await ana.core.syncNow()
        for (const each of [ana, ben]) {
            expect(each.snapshot.refusals).toEqual([])
            expect(acme(each).state).toBe("ready")
            expect(each.vault(vault)).toMatchObject({ state: "ready", verified: links() })
        }
        expect(ana.notices).toContain("caught_up")
        expect(await ana.core.openItem(vault, later)).toMatchObject({ details: body("by Ben, lost") })
        expect(await ben.core.openItem(vault, first)).toMatchObject({ details: body("under the new key") })
        expect(acme(ana).invites.map(({ email, state }) => [email, state])).toContainEqual([
            "carl@example.test",
            "open",
        ])
    })

    it("both write on, and a browser that has seen nothing accepts the whole", async () => {
        await ben.core.saveItem(vault, later, 1, note("Ben's"), body("after"))
        await ana.core.syncNow()
        expect(await ana.core.openItem(vault, later)).toMatchObject({ details: body("after") })
        const fresh = await new Device(serving.url, serving.folder).signIn(BEN)
        expect(fresh.snapshot.refusals).toEqual([])
        expect(fresh.vault(vault)).toMatchObject({ state: "ready", verified: links() })
        expect(await fresh.core.openItem(vault, first)).toMatchObject({ details: body("under the new key") })
        const vaults = acme(ana).vaults.map(({ name, state }) => [name, state])
        expect(vaults).toContainEqual(["A newer one", "ready"])
        expect(fresh.snapshot.teams.map(({ id }) => id)).not.toContain(second)
        const anew = await new Device(serving.url, serving.folder).signIn(ANA)
        expect(anew.snapshot.teams.map(({ id }) => id)).toContain(second)
    })

    it("who was taken out is told so, once", async () => {
        const member = acme(ana).members.find(({ name }) => name === "Ben")?.id as string
        await ana.core.removeMember(team, member)
        await ben.core.syncNow()
        expect(ben.notices.filter((code) => code === "removed")).toEqual(["removed"])
        await ben.core.syncNow()
        await ben.core.lock()
        const later = await visit("ben")
        expect(later.notices).not.toContain("removed")
        expect(acme(later).state).toBe("waiting")
    })
})
