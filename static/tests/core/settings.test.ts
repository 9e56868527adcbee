// @vitest-environment node
/** Under test: what a person said of how a link came, where a server hands out settings from before. */
import { beforeAll, describe, expect, it } from "vitest"
import type { Me } from "../../src/core/account.ts"
import { Books } from "../../src/core/books.ts"
import type { Context } from "../../src/core/context.ts"
import { loadLooked, lookAt } from "../../src/core/looked.ts"
import {
    changeSettings,
    isInviterKnown,
    loadSettings,
    sendSettings,
    settingsOf,
} from "../../src/core/settings.ts"
import { Shelf } from "../../src/core/shelf.ts"
import type { Method, Response, Transport } from "../../src/core/transport.ts"
import { Server } from "../../src/core/transport.ts"
import { View } from "../../src/core/view.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, random } from "../../src/crypto/bytes.ts"
import { decode, encode } from "../../src/crypto/cbor.ts"
import { Amk, Keyring } from "../../src/crypto/keys.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import type { Refusal, Snapshot } from "../../src/worker/api.ts"
import { MemoryStore } from "./memory.ts"

interface Stored {
    readonly counter: number
    readonly blob: Uint8Array<ArrayBuffer> | null
}

/** A server that keeps every blob it was given, and serves the last one. */
class SettingsServer implements Transport {
    readonly all: Stored[] = [{ counter: 0, blob: null }]

    get served(): Stored & { blob: Uint8Array<ArrayBuffer> } {
        return this.all.at(-1) as Stored & { blob: Uint8Array<ArrayBuffer> }
    }

    async request(method: Method, _path: string, body: Uint8Array | null): Promise<Response> {
        if (method === "PUT") this.all.push(decode(body as Uint8Array) as unknown as Stored)
        return { status: 200, headers: new Map(), body: encode({ ...this.served }) }
    }
}

describe("how a link came", () => {
    let me: Me
    beforeAll(async () => {
        await sodiumReady()
        const keys = { amk: Amk.generate(), keyring: Keyring.generate() }
        me = {
            account: random(16),
            email: "gil@example.test",
            serverKey: random(32),
            cred: random(16),
            ...keys,
        }
    })

    function browserOf(transport: SettingsServer): Context {
        const view = new View(
            () => undefined,
            () => ({}) as Snapshot,
        )
        const shelf = new Shelf(new MemoryStore(), me)
        return { me, server: new Server(transport), shelf, view, settings: settingsOf("Gil") } as Context
    }

    const invite = { hash: hex(random(32)), via: "link" } as Parameters<typeof isInviterKnown>[0] & object
    const say = (context: Context, way: "hand" | "mail") =>
        changeSettings(context, (now) => ({ ...now, came: new Map(now.came).set(invite.hash, way) }))

    it("stays taken back where the server hands out the settings from before", async () => {
        const transport = new SettingsServer()
        const context = browserOf(transport)
        await say(context, "hand")
        const before = transport.served
        expect(isInviterKnown(invite, context.settings)).toBe(true)
        await say(context, "mail")
        for (const served of [before, transport.served, null])
            expect(isInviterKnown(invite, await loadSettings(new Books(), context.shelf, me, served))).toBe(
                false,
            )
        // Another change, on top of what the server rolled back, does not bring it back either.
        transport.all.push(before)
        await changeSettings(context, (now) => ({ ...now, compared: new Set([hex(random(32))]) }))
        expect(
            isInviterKnown(invite, await loadSettings(new Books(), context.shelf, me, transport.served)),
        ).toBe(false)
    })

    it("stays taken back where another browser, open since before, changes something else", async () => {
        const transport = new SettingsServer()
        const [open, other] = [browserOf(transport), browserOf(transport)]
        await say(open, "hand")
        await say(other, "mail")
        await changeSettings(open, (now) => ({ ...now, compared: new Set([hex(random(32))]) }))
        for (const { shelf } of [open, other])
            expect(isInviterKnown(invite, await loadSettings(new Books(), shelf, me, transport.served))).toBe(
                false,
            )
    })

    it("is what the person said last, in another browser too", async () => {
        const transport = new SettingsServer()
        const context = browserOf(transport)
        await say(context, "mail")
        await say(context, "hand")
        const elsewhere = browserOf(transport)
        for (const { shelf } of [context, elsewhere])
            expect(isInviterKnown(invite, await loadSettings(new Books(), shelf, me, transport.served))).toBe(
                true,
            )
    })

    it("is kept where the server's settings do not open: told, and this browser's own are sent", async () => {
        const transport = new SettingsServer()
        const [knows, fresh] = [browserOf(transport), browserOf(transport)]
        await say(knows, "hand")
        await loadSettings(new Books(), knows.shelf, me, transport.served)
        const broken = { counter: 2, blob: random(200) }
        transport.all.push(broken)
        for (const { shelf, isSent } of [
            { shelf: fresh.shelf, isSent: false },
            { shelf: knows.shelf, isSent: true },
        ]) {
            const books = new Books()
            const settings = await loadSettings(books, shelf, me, broken)
            expect([...books.refusals.values()].map(({ id }) => id)).toEqual(["R17.settings"])
            expect(isInviterKnown(invite, settings)).toBe(isSent)
            await sendSettings({ ...browserOf(transport), shelf, settings })
            expect(transport.served.counter).toBe(isSent ? 3 : 2)
        }
        expect(
            isInviterKnown(invite, await loadSettings(new Books(), fresh.shelf, me, transport.served)),
        ).toBe(true)
    })

    it("is sent by a new browser too, at its next visit", async () => {
        const transport = new SettingsServer()
        const { shelf } = browserOf(transport)
        const broken = { counter: 2, blob: random(200) }
        transport.all.push(broken)
        for (const counter of [2, 3]) {
            const settings = await loadSettings(new Books(), shelf, me, broken)
            await sendSettings({ ...browserOf(transport), shelf, settings })
            expect(transport.served.counter).toBe(counter)
        }
    })

    it("is read from no record that whoever writes this browser's store put in its place", async () => {
        const store = new MemoryStore()
        const shelf = new Shelf(store, me)
        const looked = new Books()
        looked.refusals.set("k", { key: "k", isLasting: true, isKnown: false, at: 5 } as Refusal)
        await lookAt(looked, shelf, "k")
        const context = { ...browserOf(new SettingsServer()), shelf } as Context
        await changeSettings(context, (now) => ({ ...now, came: new Map([[invite.hash, "hand"]]) }))
        const ours = async (kind: string) => (await store.list(kind))[0] as { key: string; value: Bytes }
        const [one, other] = [await ours("settings/"), await ours("looked/")]
        // Under each other's names, and each under its own id in the other's place.
        const moved = (key: string, kind: string, id: string) => `${kind}/${key.split("/")[1]}/${id}`
        const idOf = ({ key }: { key: string }) => key.split("/")[2] as string
        await store.put(one.key, other.value)
        await store.put(other.key, one.value)
        await store.put(moved(one.key, "settings", idOf(other)), other.value)
        await store.put(moved(one.key, "looked", idOf(one)), one.value)
        expect((await loadSettings(new Books(), shelf, me, null)).came.size).toBe(0)
        const books = new Books()
        await loadLooked(books, shelf)
        expect(books.looked.size).toBe(0)
    })
})
