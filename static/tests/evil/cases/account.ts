/** R3, R4, R10, R17, R18, R21, R22, F6, F20: signing in, and the key material that comes with it. Real sign-ins. */
import { expect } from "vitest"
import { bundleIn } from "../../../src/core/bundle.ts"
import type { Response } from "../../../src/core/transport.ts"
import { decodeSequence, HttpTransport, Server } from "../../../src/core/transport.ts"
import type { Bytes } from "../../../src/crypto/bytes.ts"
import { concat, hex, random, utf8 } from "../../../src/crypto/bytes.ts"
import { Amk, Auk, Dek, deriveAuk, deriveKit, inviteKey, Keyring, KitKey } from "../../../src/crypto/keys.ts"
import { boxSeal } from "../../../src/crypto/sodium.ts"
import { openKeyring } from "../../../src/crypto/wraps.ts"
import { Device, PASSWORD } from "../../core/device.ts"
import { MemoryStore } from "../../core/memory.ts"
import { lie } from "../declare.ts"
import type { LINES, Line } from "../lines.ts"
import type { Said } from "../lying.ts"
import { sequence } from "../lying.ts"
import { expectNothingOut } from "../scene.ts"
import { Twin } from "../twin.ts"
import { watch } from "../watched.ts"
import type { World } from "../world.ts"

type Case<L extends Line> = keyof (typeof LINES)[L] & string

function newBrowser(w: World, store = new MemoryStore()): Device {
    const device = new Device(w.url, w.folder, store)
    watch({ sent: device.transport.sent, deks: () => [] })
    return device
}

function answering(path: string, bend: (answer: Said) => Said) {
    return async (_method: string, asked: string, send: () => Promise<Response>): Promise<Response> => {
        const response = await send()
        if (asked !== path || response.status !== 200) return response
        return { ...response, body: sequence([bend(decodeSequence(response.body)[0])]) }
    }
}

/** Mary signs in on a new browser, her bundle is bent: she is not signed in, and nothing goes out after it. */
function bundled<L extends Line>(w: World, line: L, name: Case<L>, bend: (bundle: Said) => Said): void {
    lie(line, name, async (id) => {
        const victim = newBrowser(w)
        victim.transport.bend = answering("login/finish", (answer) => ({
            ...answer,
            bundle: bend(answer.bundle),
        }))
        await victim.core.start()
        await expect(victim.core.signIn(w.mary.email, PASSWORD)).rejects.toMatchObject({ refusal: id })
        expect(victim.snapshot.phase).toBe("anonymous")
        expect(victim.transport.sent.at(-1)?.path).toBe("login/finish")
        expect(await victim.store.list("")).toEqual([])
        expectNothingOut(w, victim.transport.sent)
        victim.transport.bend = null
        await victim.signIn(w.mary.email)
        expect([victim.snapshot.phase, victim.snapshot.refusals]).toEqual(["open", []])
    })
}

/** What is beside the keys does not open: told, and nothing is written over it by a browser that has nothing of its own. */
function besideKeys<L extends Line>(w: World, line: L, name: Case<L>, part: "pins" | "settings"): void {
    lie(line, name, async (id) => {
        const victim = newBrowser(w)
        victim.transport.bend = answering("login/finish", (answer) => ({
            ...answer,
            bundle: {
                ...answer.bundle,
                [part]: { counter: 1, blob: boxSeal(random(100), w.mary.me.keyring.box.public) },
            },
        }))
        await victim.signIn(w.mary.email)
        await victim.core.session?.context.pins.upload()
        const refused = victim.snapshot.refusals.map((refusal) => refusal.id)
        expect([victim.snapshot.phase, refused]).toEqual(["open", [id]])
        const written = victim.transport.sent.filter(({ path }) => path === `account/${part}`)
        expect(written).toEqual([])
        expectNothingOut(w, victim.transport.sent)
        await victim.core.lock()
        victim.transport.bend = null
        await victim.core.unlock(PASSWORD)
        await victim.core.syncNow()
        expect([victim.snapshot.phase, victim.snapshot.refusals]).toEqual(["open", []])
        await victim.core.lock()
    })
}

export function signIns(w: World): void {
    const mine = () => w.mary.me.keyring.box.public
    bundled(w, "R3", "a wrap of a key that the server knows, sealed to my public key", (bundle) => ({
        ...bundle,
        wrap: { ...bundle.wrap, blob: concat(Uint8Array.of(1), random(32), boxSeal(random(32), mine())) },
    }))
    bundled(w, "R3", "a keyring that is sealed to my public key", (bundle) => ({
        ...bundle,
        keyring: { counter: 1, blob: boxSeal(new Uint8Array(100), mine()) },
    }))
    bundled(w, "F20", "my own account under another address, at a sign-in", (bundle) => ({
        ...bundle,
        email: w.ana.email,
    }))
    lie("F20", "my own account under another address, at an unlock", async (id) => {
        const victim = await newBrowser(w).signIn(w.mary.email)
        await victim.core.lock()
        victim.transport.bend = answering("unlock/finish", (answer) => ({
            ...answer,
            bundle: { ...answer.bundle, email: w.ana.email },
        }))
        await expect(victim.core.unlock(PASSWORD)).rejects.toMatchObject({ refusal: id })
        expect(victim.snapshot.phase).toBe("locked")
        expect(victim.transport.sent.at(-1)?.path).toBe("unlock/finish")
        victim.transport.bend = null
        await victim.core.unlock(PASSWORD)
        expect([victim.snapshot.phase, victim.snapshot.email]).toEqual(["open", w.mary.email])
        await victim.core.lock()
    })
    bundled(w, "R4", "auto_recover at sign-in", (bundle) => ({ ...bundle, auto_recover: true }))
    bundled(w, "R10", "another suite", (bundle) => ({ ...bundle, suite: 2 }))
    bundled(w, "R17", "no keyring", (bundle) => ({ ...bundle, keyring: null }))
    bundled(w, "R17", "a wrap that is cut short", (bundle) => ({
        ...bundle,
        wrap: { ...bundle.wrap, blob: bundle.wrap.blob.slice(1) },
    }))
    besideKeys(w, "R17", "pins that do not open", "pins")
    besideKeys(w, "R17", "settings that do not open", "settings")
    for (const [name, weak] of [
        ["weaker parameters", { memory: 8, iterations: 1, argon2: { m: 8, t: 1, p: 1 } }],
        ["another way to stretch the password", { kdf: "pbkdf2", ksf: "identity", suite: 0 }],
        ["another config id", { config: 2, config_id: 0, context: "x" }],
    ] as const)
        lie("R10", name, async () => {
            const victim = newBrowser(w)
            victim.transport.bend = answering("login/start", (answer) => ({ ...answer, ...weak }))
            // It opens only with what the client's own table says.
            await victim.signIn(w.mary.email)
            expect([victim.snapshot.phase, victim.snapshot.refusals]).toEqual(["open", []])
        })
    lie("R22", "another server key than the pinned one", async (id) => {
        const honest = await newBrowser(w).signIn(w.rita.email)
        await honest.core.lock()
        const pinned = (await honest.store.get("server_key")) as Bytes
        await honest.store.put("server_key", random(32))
        const victim = newBrowser(w, honest.store)
        await victim.core.start()
        await expect(victim.core.signIn(w.rita.email, PASSWORD)).rejects.toMatchObject({ refusal: id })
        expect(victim.transport.sent.map(({ path }) => path)).not.toContain("login/finish")
        await victim.store.put("server_key", pinned)
        await victim.core.signIn(w.rita.email, PASSWORD)
        expect(victim.snapshot.phase).toBe("open")
    })
    lie("F6", "a wrong password: what leaves is an address and KE1, each time another", async () => {
        const victim = newBrowser(w)
        await victim.core.start()
        for (let i = 0; i < 2; i++)
            await expect(victim.core.signIn(w.rita.email, "not the password")).rejects.toMatchObject({
                code: "login_failed",
            })
        const sent = victim.transport.sent.filter(({ method }) => method !== "GET")
        expect(sent.map(({ path }) => path)).toEqual(["login/start", "login/start"])
        const [one, two] = sent.map(({ body }) => decodeSequence(body as Bytes)[0] as Said)
        expect([Object.keys(one).toSorted(), one.ke1.length]).toEqual([["email", "ke1"], 96])
        expect(hex(one.ke1)).not.toBe(hex(two.ke1))
        await victim.signIn(w.rita.email)
        expect(victim.snapshot.phase).toBe("open")
    })
}

export function keyMaterial(w: World): void {
    lie("R17", "every field of the bundle missing, null, cut short, or one more", async () => {
        const bundle = await bundleOf(w)
        expect(bundleIn({ bundle }).account).toEqual(w.mary.me.account)
        const bends: Said[] = [null, undefined, {}, [], { ...bundle, recovery: null }]
        // The address is a text of any length; pins and settings may be absent, and are no key material.
        for (const [name, value] of Object.entries(bundle)) {
            const { [name]: _, ...without } = bundle
            bends.push(without)
            if (!["pins", "settings"].includes(name)) bends.push({ ...bundle, [name]: null })
            if (value instanceof Uint8Array) bends.push({ ...bundle, [name]: value.slice(1) })
        }
        for (const [name, value] of Object.entries(bundle.wrap)) {
            bends.push({ ...bundle, wrap: { ...bundle.wrap, [name]: null } })
            if (value instanceof Uint8Array)
                bends.push({ ...bundle, wrap: { ...bundle.wrap, [name]: value.slice(1) } })
        }
        expect(bends.length).toBeGreaterThan(30)
        for (const bent of bends)
            expect(() => bundleIn({ bundle: bent }), JSON.stringify(bent)).toThrow(/R17|server/)
    })
    lie("R18", "keys of any other length, and passwords", async (id) => {
        const refusal = { refusal: id }
        for (const Kind of [Dek, Amk, Auk, KitKey]) {
            for (const length of [0, 16, 31, 33, 64])
                expect(() => new Kind(random(length)), `${length}`).toThrow(expect.objectContaining(refusal))
            for (const password of [PASSWORD, "x".repeat(32), null])
                expect(() => new Kind(password as never)).toThrow(expect.objectContaining(refusal))
            expect(() => new Kind(utf8(PASSWORD))).toThrow(expect.objectContaining(refusal))
        }
        const place = { account: random(16), cred: random(16), serverKey: random(32) }
        expect(() => deriveAuk(random(63), null, place)).toThrow(expect.objectContaining(refusal))
        expect(() => deriveAuk(random(64), random(31), place)).toThrow(expect.objectContaining(refusal))
        expect(() => deriveKit(random(31), random(16))).toThrow(expect.objectContaining(refusal))
        expect(() => inviteKey(random(33), random(16), random(16))).toThrow(expect.objectContaining(refusal))
    })
    lie("R21", "one member's keys on another's keyring", async () => {
        const blobs = await Promise.all(
            [w.ana, w.mary, w.rita].map(async (one) => ({ one, blob: (await bundleOf(w, one)).keyring })),
        )
        for (const { one, blob } of blobs) {
            for (const { one: other } of blobs) {
                for (const account of [one.me.account, other.me.account]) {
                    const opened = openKeyring(other.me.amk, { account, counter: blob.counter }, blob.blob)
                    const isMine = other === one && account === one.me.account
                    if (isMine) expect((await opened).fp).toEqual(one.me.keyring.fp)
                    else await expect(opened).rejects.toThrow("does not open")
                }
            }
        }
    })
    lie("T6", "my own keys are not the log's", async (id) => {
        const honest = await Twin.of(w.mary)
        await honest.look()
        expect(honest.refusals).toEqual([])
        const other = { ...w.mary, me: { ...w.mary.me, keyring: Keyring.generate() } }
        const victim = await Twin.of(other)
        await victim.look()
        expect(new Set(victim.refusals)).toEqual(new Set([id]))
        expect(victim.team(w.team).state).toBe("frozen")
    })
}

/** What the real server hands out after a sign-in. */
async function bundleOf(w: World, one = w.mary): Promise<Said> {
    const server = new Server(new HttpTransport(one.url, one.fetcher))
    const { csrf: _, ...bundle } = (await server.call("GET", "account/bundle")) as Said
    return bundle.bundle ?? bundle
}
