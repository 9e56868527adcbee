/** A browser of somebody, as far as the core knows: cookies, a store, a clock, what the page was told. */
import { readdirSync, readFileSync } from "node:fs"
import { systemClock } from "../../src/core/clock.ts"
import { CoffretCore } from "../../src/core/core.ts"
import type { Surroundings } from "../../src/core/surroundings.ts"
import type { Method, Response, Transport } from "../../src/core/transport.ts"
import { HttpTransport } from "../../src/core/transport.ts"
import { keyOf, RowIndex } from "../../src/state/rows.ts"
import type { Event, Kit, Row, Snapshot } from "../../src/worker/api.ts"
import { MemoryStore } from "./memory.ts"

export const PASSWORD = "correct horse battery staple 42"

/** `fetch` with cookies, as a browser has them; `isHeard` is false for an address whose answer is lost with its cookies. */
export function cookieFetch(isHeard: (url: string) => boolean = () => true): typeof fetch {
    const jar = new Map<string, string>()
    // Each browser comes from a machine of its own: what is counted by address is counted apart.
    const address = `10.${[...crypto.getRandomValues(new Uint8Array(3))].join(".")}`
    return async (input, init) => {
        const headers = new Headers(init?.headers)
        if (!headers.has("x-forwarded-for")) headers.set("x-forwarded-for", address)
        headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "))
        const answer = await fetch(input, { ...init, headers })
        const lines = isHeard(String(input)) ? answer.headers.getSetCookie() : []
        for (const line of lines) {
            const [pair = ""] = line.split(";")
            const at = pair.indexOf("=")
            jar.set(pair.slice(0, at).trim(), pair.slice(at + 1))
        }
        return answer
    }
}

export type Bend = (method: Method, path: string, send: () => Promise<Response>) => Promise<Response>

/** A transport that a test may bend: to lose answers, or to lie. It also keeps what was sent. */
export class BentTransport implements Transport {
    readonly #inner: Transport
    bend: Bend | null = null
    readonly sent: {
        readonly method: Method
        readonly path: string
        readonly body: Uint8Array | null
        readonly headers: Readonly<Record<string, string>>
    }[] = []

    constructor(inner: Transport) {
        this.#inner = inner
    }

    async request(...args: Parameters<Transport["request"]>): Promise<Response> {
        const [method, path, body, headers] = args
        this.sent.push({ method, path, body, headers })
        const send = () => this.#inner.request(...args)
        return this.bend === null ? send() : this.bend(method, path, send)
    }
}

export class Device {
    readonly store: MemoryStore
    readonly transport: BentTransport
    readonly core: CoffretCore
    readonly notices: string[] = []
    /** Every state of a long work that the page was shown, one after the other. */
    readonly progress: NonNullable<Snapshot["progress"]>[] = []
    /** As the page is told of them; two vaults that have one item's id are told apart there, not here. */
    readonly rows = new Map<string, Row>()
    /** What the page's list makes of the same. */
    readonly index = new RowIndex()
    readonly #folder: string
    kit: Kit | null = null

    constructor(
        url: string,
        folder: string,
        store = new MemoryStore(),
        fetcher = cookieFetch(),
        around: Partial<Surroundings> = {},
    ) {
        this.#folder = folder
        this.store = store
        this.transport = new BentTransport(new HttpTransport(url, fetcher))
        this.core = new CoffretCore({
            transport: this.transport,
            store,
            clock: {
                ...systemClock,
                after: (ms, run) => (ms >= 1_000 ? () => undefined : systemClock.after(ms, run)),
            },
            emit: (event) => this.#heard(event),
            origin: url,
            channel: { post: () => undefined, listen: () => undefined },
            missing: async () => null,
            ...around,
        })
    }

    get snapshot(): Snapshot {
        return this.core.snapshot()
    }

    /** Sign up, with the code from the mail, up to an open core. */
    async signUp(email: string, name: string): Promise<this> {
        await this.core.start()
        this.kit = await this.core.signUp(email, name, PASSWORD)
        await this.core.confirmCode(await this.codeFor(email))
        await this.core.kitSaved(true)
        await this.core.syncNow()
        return this
    }

    async signIn(email: string, password = PASSWORD): Promise<this> {
        await this.core.start()
        await this.core.signIn(email, password)
        await this.core.syncNow()
        return this
    }

    async codeFor(email: string): Promise<string> {
        for (let tries = 0; tries < 600; tries++) {
            for (const mail of this.#mails()) {
                const code = /Your code is (\d{6})/.exec(mail)
                if (mail.includes(`To: ${email}`) && code !== null) return code[1] as string
            }
            await new Promise((resolve) => setTimeout(resolve, 100))
        }
        throw new Error(`no mail to ${email}`)
    }

    #mails(): string[] {
        const folder = `${this.#folder}/mail`
        try {
            const names = readdirSync(folder).filter((name) => name.endsWith(".eml"))
            return names
                .sort()
                .reverse()
                .map((name) => readFileSync(`${folder}/${name}`, "utf-8"))
        } catch {
            return []
        }
    }

    team(kind: "team" | "personal" = "team") {
        const found = this.snapshot.teams.find((team) => team.kind === kind)
        if (found === undefined) throw new Error(`no ${kind}`)
        return found
    }

    vault(id: string) {
        const found = this.snapshot.teams.flatMap((team) => team.vaults).find((vault) => vault.id === id)
        if (found === undefined) throw new Error("no such vault")
        return found
    }

    #verified(ids: readonly string[], at: readonly (number | null)[]): void {
        for (const [i, id] of ids.entries()) {
            const row = this.rows.get(id)
            if (row !== undefined) this.rows.set(id, { ...row, verified: true, at: at[i] ?? null })
        }
    }

    #heard(event: Event): void {
        if (event.kind === "notice") this.notices.push(event.code)
        if (event.kind === "snapshot" && event.snapshot.progress !== null)
            this.progress.push(event.snapshot.progress)
        if (event.kind === "verified") {
            this.#verified(event.ids, event.at)
            this.index.verify(event.vault, event.ids, event.at)
        }
        if (event.kind === "gone") {
            for (const id of event.ids) this.rows.delete(id)
            const gone = event.ids.map((id) => keyOf(event.vault, id))
            this.index.apply([], gone, false)
        }
        if (event.kind !== "rows") return
        if (event.reset) this.rows.clear()
        for (const row of event.rows) this.rows.set(row.id, row)
        this.index.apply(event.rows, [], event.reset)
    }
}

/** A browser whose clock goes when it is put forward, and only then; its timers never run by themselves. */
export function deviceAhead(url: string, folder: string): { ahead: { ms: number }; device: Device } {
    const ahead = { ms: 0 }
    const begun = Date.now()
    const clock = {
        now: () => begun + ahead.ms,
        after: (ms: number, run: () => void) => (ms >= 1_000 ? () => undefined : systemClock.after(ms, run)),
    }
    return { ahead, device: new Device(url, folder, new MemoryStore(), cookieFetch(), { clock }) }
}
