// @vitest-environment node
// Vectors that others published (tests/vectors/published/README.md), over what the client uses: libsodium for Ed25519,
// WebCrypto for HKDF and AES-GCM.
import { readFileSync } from "node:fs"
import { beforeAll, describe, expect, it } from "vitest"
import { beginLogin, beginRegistration, finishLogin } from "../src/core/opaque"
import type { Bytes } from "../src/crypto/bytes"
import { concat, hex, unhex } from "../src/crypto/bytes"
import { sign, signingPublic, sodiumReady, validSigningKey, verify } from "../src/crypto/sodium"

const FOLDER = new URL("../../tests/vectors/published/", import.meta.url)
const TAG_SIZE = 16 // bytes

function published<T>(file: string): T[] {
    const cases = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as T[]
    if (cases.length === 0) throw new Error(`${file} has no cases`)
    return cases
}

beforeAll(sodiumReady)

describe("ed25519", () => {
    type Case = Record<"name" | "seed" | "public" | "message" | "signature", string>
    it.each(published<Case>("ed25519.json"))("$name", (row) => {
        const [key, message, signature] = [unhex(row.public), unhex(row.message), unhex(row.signature)]
        expect(hex(signingPublic(unhex(row.seed)))).toBe(row.public)
        expect(hex(sign(message, unhex(row.seed)))).toBe(row.signature)
        expect(verify(signature, message, key)).toBe(true)
        expect(verify(signature, concat(message, new Uint8Array(1)), key)).toBe(false)
        expect(validSigningKey(key)).toBe(true)
        for (const size of [0, 32, 63]) expect(verify(signature.slice(0, size), message, key)).toBe(false)
        expect(verify(concat(signature, new Uint8Array(1)), message, key)).toBe(false)
    })
})

describe("hkdf", () => {
    type Case = Record<"name" | "ikm" | "salt" | "info" | "okm", string>
    it.each(published<Case>("hkdf.json"))("$name", async (row) => {
        const base = await crypto.subtle.importKey("raw", unhex(row.ikm), "HKDF", false, ["deriveBits"])
        const place = { name: "HKDF", hash: "SHA-256", salt: unhex(row.salt), info: unhex(row.info) }
        const okm = await crypto.subtle.deriveBits(place, base, 4 * row.okm.length)
        expect(hex(new Uint8Array(okm))).toBe(row.okm)
    })
})

describe("aes-gcm", () => {
    interface Case extends Record<"name" | "key" | "iv" | "ciphertext" | "tag", string> {
        plaintext: string | null
    }
    const cases = published<Case>("aes_gcm.json")

    async function opens(row: Case, tag: Bytes): Promise<string | null> {
        const key = await crypto.subtle.importKey("raw", unhex(row.key), "AES-GCM", false, ["decrypt"])
        const sealed = concat(unhex(row.ciphertext), tag)
        const opened = crypto.subtle.decrypt({ name: "AES-GCM", iv: unhex(row.iv) }, key, sealed)
        return await opened.then(
            (plaintext) => hex(new Uint8Array(plaintext)),
            () => null,
        )
    }

    it.each(cases)("$name", async (row) => {
        expect(await opens(row, unhex(row.tag))).toBe(row.plaintext)
    })

    it("opens with no other tag", async () => {
        const row = cases.find(({ plaintext }) => plaintext !== null && plaintext !== "") as Case
        const tag = unhex(row.tag)
        const flipped = Array.from({ length: 8 * TAG_SIZE }, (_, bit) => {
            const other = tag.slice()
            other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7))
            return other
        })
        const others = [new Uint8Array(TAG_SIZE), tag.toReversed(), tag.slice(1), concat(tag, tag)]
        for (const wrong of [...flipped, ...others]) expect(await opens(row, wrong)).toBeNull()
    })
})

describe("opaque", () => {
    type Case = Record<"registration_request" | "registration_response" | "ke1", string>
    const [row] = published<Case>("opaque.json") as [Case]

    it("sends messages of the sizes of RFC 9807's ristretto255", async () => {
        const registration = await beginRegistration("CorrectHorseBatteryStaple")
        const login = await beginLogin("CorrectHorseBatteryStaple")
        expect(registration.message.length).toBe(row.registration_request.length / 2)
        expect(login.message.length).toBe(row.ke1.length / 2)
        // The blind is drawn anew, so the message of one password never repeats.
        expect(hex(registration.message)).not.toBe(row.registration_request)
        expect(hex((await beginLogin("CorrectHorseBatteryStaple")).message)).not.toBe(hex(login.message))
    })

    it("refuses an answer that is not to its own message", async () => {
        const login = await beginLogin("CorrectHorseBatteryStaple")
        const other = unhex(row.registration_response)
        await expect(finishLogin("CorrectHorseBatteryStaple", login, other)).rejects.toThrow()
    })
})
