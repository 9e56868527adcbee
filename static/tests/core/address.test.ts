// @vitest-environment node
/** Under test: whose word the account's address is. */
import { beforeEach, describe, expect, it } from "vitest"
import { keepAddress, normalised } from "../../src/core/address.ts"
import { random } from "../../src/crypto/bytes.ts"
import { Amk, Keyring } from "../../src/crypto/keys.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import { MemoryStore } from "./memory.ts"

describe("an address", () => {
    let store: MemoryStore
    let keys: { amk: Amk; keyring: Keyring }
    const rest = { account: random(16), serverKey: random(32), cred: random(16) }
    const keep = (email: string, wasTyped: boolean) =>
        keepAddress(store, { ...rest, ...keys, email }, wasTyped)

    beforeEach(async () => {
        await sodiumReady()
        store = new MemoryStore()
        keys = { amk: Amk.generate(), keyring: Keyring.generate() }
    })

    it("that was typed is the one that counts at every unlock", async () => {
        await keep("ana@example.org", true)
        await keep("ana@example.org", false)
        await expect(keep("boss@example.org", false)).rejects.toThrow("A4.email")
        await keep("ana@example.org", false)
    })

    it("that no one typed is kept as it was first given, until somebody types it", async () => {
        await keep("boss@example.org", false)
        await expect(keep("ana@example.org", false)).rejects.toThrow("A4.email")
        await keep("ana@example.org", true)
        await expect(keep("boss@example.org", false)).rejects.toThrow("A4.email")
    })

    it("lies sealed in the browser", async () => {
        await keep("ana@example.org", true)
        const [{ value } = { value: new Uint8Array() }] = await store.list("address/")
        expect(value.length).toBeGreaterThan(81)
        expect(Buffer.from(value).includes("ana@")).toBe(false)
    })

    it("has the form in which the server stores it", () => {
        expect(normalised("  Ana@Example.COM ")).toBe("ana@example.com")
        // A ligature, and full-width letters.
        expect(normalised("\ufb01nn\uff20example.com")).toBe("finn@example.com")
        expect(normalised("\uff21na@example.com")).toBe("ana@example.com")
    })
})
