// @vitest-environment node
/** Under test: the key material that comes with a sign-in, field by field, and the one that comes back after a sign-up. */
import { beforeAll, describe, expect, it, vi } from "vitest"
import { Accounts } from "../../src/core/account.ts"
import type { Bundle } from "../../src/core/bundle.ts"
import { bundleIn, openBundle, readBundle } from "../../src/core/bundle.ts"
import type { Response } from "../../src/core/transport.ts"
import { Server } from "../../src/core/transport.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { random } from "../../src/crypto/bytes.ts"
import type { Value } from "../../src/crypto/cbor.ts"
import { decode, encode } from "../../src/crypto/cbor.ts"
import { Amk, Auk, deriveAuk, Keyring } from "../../src/crypto/keys.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import { openAmk, sealAmk, sealKeyring } from "../../src/crypto/wraps.ts"
import { MemoryStore } from "./memory.ts"

const { exported, serverKey } = vi.hoisted(() => ({
    exported: new Uint8Array(64).fill(7),
    serverKey: new Uint8Array(32).fill(8),
}))

// OPAQUE needs a server that keeps its half; what it comes to in the browser are these.
vi.mock("../../src/core/opaque.ts", () => ({
    beginRegistration: async () => ({ message: new Uint8Array(32), state: "" }),
    finishRegistration: async () => ({
        message: new Uint8Array(192),
        exportKey: exported.slice(),
        serverKey,
    }),
}))

const account = random(16)
const cred = random(16)
const email = "olive@example.org"

function bundleWith(wrap: Bundle["wrap"], keyring: Bundle["keyring"]): Bundle {
    const rest = { pins: null, settings: null, kit_saved: true, deployment: random(16) }
    return { account, email, cred, suite: 1, wrap, keyring, ...rest }
}

describe("a bundle", () => {
    let bundle: Bundle
    let auk: Auk
    let amk: Amk

    beforeAll(async () => {
        await sodiumReady()
        auk = new Auk(random(32))
        amk = Amk.generate()
        const id = random(16)
        const wrap = { id, wrap: "auk", cred, blob: await sealAmk(auk, { account, cred, id }, amk) }
        bundle = bundleWith(wrap, await keyringOf(Keyring.generate()))
    })

    async function keyringOf(keyring: Keyring) {
        return { counter: 1, blob: await sealKeyring(amk, { account, counter: 1 }, keyring) }
    }

    it("must be there", () => {
        for (const answer of [{}, { bundle: null }]) expect(() => bundleIn(answer)).toThrow("R17.bundle")
        expect(bundleIn({ bundle })).toEqual(bundle)
    })

    it("brings the wrap for the password, of this registration", () => {
        for (const other of [{ wrap: "kit" }, { cred: random(16) }]) {
            const wrap = { ...bundle.wrap, ...other }
            expect(() => readBundle({ ...bundle, wrap })).toThrow("A4.bundle")
        }
    })

    it("brings a keyring of no more than 1,024 bytes", () => {
        const keyring = (length: number) => ({ ...bundle, keyring: { counter: 1, blob: random(length) } })
        expect(() => readBundle(keyring(1_024))).not.toThrow()
        expect(() => readBundle(keyring(1_025))).toThrow("R17.bundle")
    })

    it("brings the keyring that this browser knows", async () => {
        const store = new MemoryStore()
        await openBundle(auk, bundle, store)
        await expect(openBundle(auk, bundle, store)).resolves.toBeDefined()
        const other = { ...bundle, keyring: await keyringOf(Keyring.generate()) }
        await expect(openBundle(auk, other, store)).rejects.toThrow("R17.keyring")
    })
})

/** What another bundle is handed out in. */
type Other = "keyring" | "email" | null

/** A server that takes a sign-up, and hands out a bundle of which one thing may be another. */
class SignUpServer {
    #wrap: Bundle["wrap"] | null = null
    #keyring: Bundle["keyring"] = null
    readonly #other: Other

    constructor(other: Other) {
        this.#other = other
    }

    async request(_method: string, path: string, body: Uint8Array | null): Promise<Response> {
        return { status: 200, headers: new Map(), body: encode((await this.#answer(path, body)) as Value) }
    }

    async #answer(path: string, body: Uint8Array | null): Promise<object> {
        if (path === "signup/start") return { account, cred, response: random(64), handle: random(16) }
        if (path === "signup/finish") {
            const upload = decode(body as Bytes) as unknown as {
                wraps: [Bundle["wrap"], Bundle["wrap"]]
                keyring: Bundle["keyring"]
            }
            ;[this.#wrap] = upload.wraps
            this.#keyring = this.#other === "keyring" ? await otherKeyring(upload.wraps[0]) : upload.keyring
            return {}
        }
        const bundle = bundleWith(this.#wrap as Bundle["wrap"], this.#keyring)
        return { bundle: this.#other === "email" ? { ...bundle, email: "boss@example.org" } : bundle }
    }
}

/** Sealed as the browser would: whoever can do that has its keys, and the browser still sees that it is another. */
async function otherKeyring({ id, blob }: Bundle["wrap"]): Promise<Bundle["keyring"]> {
    const auk = await deriveAuk(exported.slice(), null, { account, cred, serverKey })
    const amk = await openAmk(auk, { account, cred, id }, blob)
    return { counter: 1, blob: await sealKeyring(amk, { account, counter: 1 }, Keyring.generate()) }
}

describe("a sign-up", () => {
    const confirmed = async (other: Other) => {
        const accounts = new Accounts(new Server(new SignUpServer(other)), new MemoryStore())
        await accounts.signUp(email, "a long enough password")
        return accounts.confirm("123456")
    }

    it("ends with the keyring that was made", async () => {
        expect((await confirmed(null))?.me.email).toBe(email)
        await expect(confirmed("keyring")).rejects.toThrow("R17.keyring")
    })

    it("ends with the address that was typed", async () => {
        await expect(confirmed("email")).rejects.toThrow("A4.email")
    })
})
