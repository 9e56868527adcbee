/**
 * Under test (A1): of a password nothing leaves the device but OPAQUE's messages. What a real sign-up, sign-in and
 * change of password send to the real server is taken at `fetch`, headers and all, and searched for every key that the
 * client's HKDF or AES was given or gave meanwhile.
 */
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { base64url, hex } from "../../src/crypto/bytes.ts"
import { decode } from "../../src/crypto/cbor.ts"
import { cookieFetch, Device, PASSWORD } from "./device.ts"

const NEXT = "another long password 77"
const EMAIL = `tainted-${Date.now().toString(36)}@example.test`
const PIECE = 16 // bytes: so much of a key in a row is no chance

interface Sent {
    readonly path: string
    readonly body: Bytes
    readonly all: string
}

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")

/** Everything a request is made of, and the same with base64url's letters for base64's and small ones for hex. */
function searchable(all: string): string[] {
    return [all, all.replaceAll("+", "-").replaceAll("/", "_"), all.toLowerCase()]
}

/** Some bytes as they are, in hex, and in base64 wherever they stand between others. */
function forms(piece: Uint8Array): string[] {
    const shifted = [0, 1, 2].map((shift) => {
        const text = base64url(Buffer.concat([Buffer.alloc(shift), piece]))
        return text.slice(shift === 0 ? 0 : shift + 1, -2)
    })
    return [latin(piece), hex(piece), ...shifted]
}

/** The paths of requests that hold a piece of a secret. */
function leaks(sent: readonly Sent[], secrets: Iterable<Uint8Array>): string[] {
    const pieces = new Set<string>()
    for (const secret of secrets)
        for (let at = 0; at + PIECE <= secret.length; at += PIECE)
            for (const form of forms(secret.slice(at, at + PIECE))) pieces.add(form)
    return sent
        .filter(({ all }) =>
            searchable(all).some((text) => [...pieces].some((piece) => text.includes(piece))),
        )
        .map(({ path }) => path)
}

/** The names of a body's fields, those inside by their paths. */
function fields(value: unknown, at = ""): string[] {
    if (value instanceof Uint8Array) return [`${at} ${value.length}`]
    if (Array.isArray(value)) return [...new Set(value.flatMap((inner) => fields(inner, `${at}[]`)))]
    if (typeof value !== "object" || value === null) return [at]
    return Object.entries(value).flatMap(([name, inner]) => fields(inner, at === "" ? name : `${at}.${name}`))
}

describe("what signing up, signing in and changing the password send", { timeout: 60_000 }, () => {
    const sent: Sent[] = []
    const secrets = new Map<string, Uint8Array>()
    const exportKeys = new Set<string>()
    let kit = ""

    const keep = (bytes: Uint8Array) => secrets.set(hex(bytes), bytes.slice())

    /** Keep what WebCrypto is given as a key, and what it derives; the caller overwrites both. */
    function watch(): void {
        const { subtle } = crypto
        const [importKey, deriveBits] = [subtle.importKey.bind(subtle), subtle.deriveBits.bind(subtle)]
        vi.spyOn(subtle, "importKey").mockImplementation(((...args: Parameters<typeof importKey>) => {
            const [format, data, algorithm] = args as unknown as [string, Uint8Array, unknown]
            if (format === "raw" && (algorithm === "HKDF" || algorithm === "AES-GCM")) {
                keep(data)
                if (data.length === 64) exportKeys.add(hex(data))
            }
            return importKey(...args)
        }) as typeof importKey)
        vi.spyOn(subtle, "deriveBits").mockImplementation(async (...args) => {
            const bits = await deriveBits(...args)
            // Of 512 bits the second half is a seal's commitment, which is public.
            keep(new Uint8Array(bits.slice(0, 32)))
            return bits
        })
    }

    function listening(): typeof fetch {
        const inner = cookieFetch()
        return (input, init) => {
            const body = (init?.body ?? new Uint8Array()) as Bytes
            const path = String(input).split("/api/v1/")[1] ?? ""
            const headers = JSON.stringify([...new Headers(init?.headers)])
            sent.push({ path, body, all: `${String(input)}\n${headers}\n${latin(body)}` })
            return inner(input, init)
        }
    }

    const device = () => new Device(inject("url"), inject("folder"), undefined, listening())

    beforeAll(async () => {
        watch()
        const first = await device().signUp(EMAIL, "Ana")
        kit = first.kit?.code ?? ""
        await first.core.changePassword(PASSWORD, NEXT)
        await first.core.lock()
        await first.core.unlock(NEXT)
        await device().signIn(EMAIL, NEXT)
    }, 60_000)

    afterAll(() => vi.restoreAllMocks())

    it("has these fields, and no other", () => {
        const named = new Map<string, Set<string>>()
        for (const { path, body } of sent.filter(({ path }) =>
            /^(signup|login|unlock|password)\//.test(path),
        ))
            named.set(path, new Set([...(named.get(path) ?? []), ...fields(decode(body))]))
        const wrap = (name: string) => [
            `${name}.blob 113`,
            `${name}.cred 16`,
            `${name}.id 16`,
            `${name}.wrap`,
        ]
        expect(Object.fromEntries([...named].map(([path, names]) => [path, [...names].sort()]))).toEqual({
            "signup/start": ["email", "request 32"],
            "signup/finish": [
                ...["handle 16", expect.stringMatching(/^keyring\.blob \d+$/), "keyring.counter"],
                ...["record 192", "suite", ...wrap("wraps[]")],
            ],
            "signup/verify": ["code"],
            "password/start": ["request 32"],
            "password/finish": ["handle 16", "old_cred 16", "record 192", "suite", ...wrap("wrap")],
            "unlock/start": ["ke1 96"],
            "unlock/finish": ["handle 16", "ke3 64"],
            "login/start": ["email", "ke1 96"],
            "login/finish": ["handle 16", "ke3 64"],
        })
    })

    it("holds no password, no export key, no kit, and no key made of them", () => {
        // One of each registration, which its logins give again.
        expect(exportKeys.size).toBe(2)
        expect(secrets.size).toBeGreaterThan(20)
        const words = [PASSWORD, NEXT, kit].map((text) => new TextEncoder().encode(text))
        expect(kit.length).toBeGreaterThan(PIECE)
        expect(sent.length).toBeGreaterThan(12)
        expect(leaks(sent, [...words, ...secrets.values()])).toEqual([])
    })

    it("would be seen to hold a key, wherever it stood", () => {
        const key = [...secrets.values()].at(-1) as Uint8Array
        const texts = [
            latin(key),
            hex(key).toUpperCase(),
            base64url(key),
            Buffer.from(key).toString("base64"),
        ]
        for (const lead of ["", "x", "xx", "xxx"])
            for (const text of [...texts, Buffer.concat([Buffer.from(lead), key]).toString("base64")])
                expect(
                    leaks([{ path: "p", body: new Uint8Array(), all: `{${lead}${text}}` }], [key]),
                ).toEqual(["p"])
    })
})
