/**
 * A browser of somebody who is signed in, without the second that stretching a password takes: the same session of the
 * core that an unlock opens, on copies of the keys and of the browser's store, behind a transport that lies.
 */
import type { Me } from "../../src/core/account.ts"
import type { Bundle } from "../../src/core/bundle.ts"
import { systemClock } from "../../src/core/clock.ts"
import type { Context } from "../../src/core/context.ts"
import { openItem } from "../../src/core/read.ts"
import { Session } from "../../src/core/session.ts"
import type { Transport } from "../../src/core/transport.ts"
import { HttpTransport, Server } from "../../src/core/transport.ts"
import { View } from "../../src/core/view.ts"
import { importItems, saveItem } from "../../src/core/write.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { Amk, BoxKey, Dek, IdentityKey, Keyring } from "../../src/crypto/keys.ts"
import type { Details, Event, Overview, Row, Snapshot } from "../../src/worker/api.ts"
import { MemoryStore } from "../core/memory.ts"
import type { Lie } from "./lying.ts"
import { LyingTransport } from "./lying.ts"
import { watch } from "./watched.ts"

/** Whose browser: what a sign-in leaves behind. */
export interface Account {
    readonly url: string
    readonly fetcher: typeof fetch
    readonly me: Me
    /** What the account's browser keeps: pins, verified chains, rows. */
    store: MemoryStore
}

export interface Browser {
    /** What this browser kept, as a copy; by default nothing: a browser that was never here. */
    readonly store?: MemoryStore
    /** The store of another tab that is open, itself. */
    readonly beside?: MemoryStore
    readonly lie?: Lie
    /** How wrong the browser's clock is, in ms. */
    readonly skew?: number
}

export async function copyOf(store: MemoryStore): Promise<MemoryStore> {
    const copy = new MemoryStore()
    for (const { key, value } of await store.list("")) await copy.put(key, value)
    return copy
}

function copyOfMe(me: Me): Me {
    const { identity, box } = me.keyring
    const keyring = new Keyring(new IdentityKey(identity.expose()), new BoxKey(box.expose()))
    return { ...me, amk: new Amk(me.amk.expose()), keyring }
}

export class Twin {
    readonly transport: LyingTransport
    readonly store: MemoryStore
    readonly session: Session
    readonly rows: Map<string, Row>
    readonly notices: string[]
    /** The keys that it held when it was closed: a lock wipes them. */
    #deks: readonly Dek[] = []

    private constructor(transport: LyingTransport, store: MemoryStore, session: Session, heard: Heard) {
        this.transport = transport
        this.store = store
        this.session = session
        this.rows = heard.rows
        this.notices = heard.notices
    }

    /** Open the session, as an unlock does; nothing is synced yet. */
    static async of(account: Account, browser: Browser = {}): Promise<Twin> {
        return Twin.over(new HttpTransport(account.url, account.fetcher), account, browser)
    }

    /** The same over another transport. */
    static async over(inner: Transport, account: Account, browser: Browser = {}): Promise<Twin> {
        const transport = new LyingTransport(inner)
        let twin: Twin | null = null
        watch({ sent: transport.sent, deks: () => twin?.deks ?? [] })
        const store = browser.beside ?? (await copyOf(browser.store ?? new MemoryStore()))
        const server = new Server(transport)
        await server.call("GET", "session")
        const settings = (await server
            .call("GET", "account/settings")
            .catch(() => null)) as Bundle["settings"]
        transport.lie = browser.lie ?? null
        transport.sent.length = 0
        const bundle = { ...(await bundleOf(server, account.me)), settings }
        const heard = new Heard()
        const parts = {
            ...{
                server,
                store,
                view: new View(
                    (event) => heard.hear(event),
                    () => ({}) as Snapshot,
                ),
            },
            clock: clockOf(browser.skew ?? 0),
            origin: account.url,
            announce: () => undefined,
            ended: () => undefined,
        }
        const session = await Session.open(parts, copyOfMe(account.me), bundle, null)
        twin = new Twin(transport, store, session, heard)
        return twin
    }

    get context(): Context {
        return this.session.context
    }

    /** Every key of a vault that it holds, or held when it was closed. */
    get deks(): readonly Dek[] {
        const vaults = [...this.context.books.teams.values()].flatMap(({ vaults }) => [...vaults.values()])
        return [...this.#deks, ...vaults.flatMap(({ ring }) => [...ring.values()])]
    }

    get refusals(): string[] {
        return [...this.context.books.refusals.values()].map(({ id }) => id)
    }

    /** A look in the background, as the timer makes it: what goes wrong becomes a state. */
    async look(): Promise<void> {
        await this.session.look()
    }

    vault(id: string) {
        const found = this.session
            .snapshot()
            .teams.flatMap((team) => team.vaults)
            .find((vault) => vault.id === id)
        if (found === undefined) throw new Error("no such vault here")
        return found
    }

    team(id: string) {
        const found = this.session.snapshot().teams.find((team) => team.id === id)
        if (found === undefined) throw new Error("no such team here")
        return found
    }

    /** Titles of the rows that count, by item. */
    get titles(): Map<string, string> {
        const { books } = this.context
        const vaults = [...books.teams.values()].flatMap((team) => [...team.vaults.values()])
        const rows = vaults.flatMap((vault) => [...vault.rows.values()]).filter((row) => row.isVerified)
        return new Map(rows.map((row) => [row.item, row.overview.title]))
    }

    async open(vault: string, item: string, revision?: number) {
        return openItem(this.context, vault, item, revision)
    }

    async save(vault: string, title: string, item: string | null = null, base = 0) {
        return saveItem(this.context, vault, item, base, note(title), text(title), null)
    }

    async saveMany(vault: string, titles: readonly string[]) {
        const entries = titles.map((title) => ({ overview: note(title), details: text(title) }))
        return importItems(this.context, vault, entries)
    }

    /** Close it as a lock does: caches and pins are kept. What it kept is the next visit's `store`. */
    async close(lie: Lie | null = null): Promise<MemoryStore> {
        this.transport.lie = lie
        this.#deks = this.deks.map((dek) => new Dek(dek.expose()))
        await this.session.close(false)
        return this.store
    }
}

class Heard {
    readonly rows = new Map<string, Row>()
    readonly notices: string[] = []

    hear(event: Event): void {
        if (event.kind === "notice") this.notices.push(event.code)
        if (event.kind === "gone") for (const id of event.ids) this.rows.delete(id)
        if (event.kind === "rows") for (const row of event.rows) this.rows.set(row.id, row)
    }
}

/** The account's part of what a sign-in hands out; keys are not in it, since they are open already. */
async function bundleOf(server: Server, me: Me): Promise<Bundle> {
    const pins = await server.call("GET", "account/pins").catch(() => null)
    const served = pins === null ? null : (pins as unknown as { counter: number; blob: Bytes })
    return { account: me.account, email: me.email, pins: served, settings: null } as unknown as Bundle
}

/**
 * Time stands still in it, so that no client does by itself what it would do after a while. Long timers never run: a test
 * looks when it wants to. The short ones of a retry do.
 */
function clockOf(skew: number) {
    const begun = systemClock.now()
    return {
        now: () => begun + skew,
        after: (ms: number, run: () => void) => (ms >= 1_000 ? () => undefined : systemClock.after(ms, run)),
    }
}

export const note = (title: string): Overview => ({ type: "note", title, tags: [], trash: null })
export const text = (title: string): Details => ({ fields: [], note: `${title}, in full` })
