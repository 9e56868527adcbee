// @vitest-environment node
// Bytes, CBOR, keys, seals, parts: round trips, and one way only to fail.
import { beforeAll, describe, expect, it } from "vitest"
import type { Bytes } from "../src/crypto/bytes"
import {
    base64url,
    compare,
    concat,
    equal,
    hex,
    random,
    u32,
    unbase64url,
    unhex,
    utf8,
} from "../src/crypto/bytes"
import type { Decoded, Value } from "../src/crypto/cbor"
import { CborError, decode, encode } from "../src/crypto/cbor"
import { DecryptionError, Refused } from "../src/crypto/errors"
import { makeGrant } from "../src/crypto/grants"
import {
    Amk,
    Auk,
    BoxKey,
    Dek,
    dekCommit,
    deriveAuk,
    deriveKit,
    IdentityKey,
    inviteKey,
    Keyring,
    KitKey,
    profileCommitment,
} from "../src/crypto/keys"
import { openPart, pad, padme, partCommitment, revisionHash, sealPart, unpad } from "../src/crypto/parts"
import { open, openBatch, SEAL_OVERHEAD, seal } from "../src/crypto/seal"
import {
    boxSeal,
    sign,
    signingPublic,
    sodiumReady,
    validBoxKey,
    validSigningKey,
    verify,
} from "../src/crypto/sodium"
import { withDecoys } from "../src/crypto/words"
import { openAmk, openKeyring, openOldDek, sealAmk, sealKeyring, sealOldDek } from "../src/crypto/wraps"

beforeAll(sodiumReady)

const id = (byte: number) => new Uint8Array(16).fill(byte)
const place = {
    author: id(1),
    epoch: 1,
    item: id(2),
    part: "overview",
    revision: 1,
    team: id(3),
    vault: id(4),
} as const

/** Every byte string that differs from `bytes` in one bit of one byte, a random bit each. */
function* flipped(bytes: Uint8Array) {
    for (let i = 0; i < bytes.length; i++) {
        const copy = new Uint8Array(bytes)
        copy[i] = (copy[i] as number) ^ (1 << Math.floor(8 * Math.random()))
        yield copy
    }
}

/** Numbers below a bound, the same for the same seed. */
function generator(seed: number) {
    let state = seed
    return (bound: number) => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        return Math.floor((state / 2 ** 32) * bound)
    }
}

/** A value of the profile, at most four levels deep. */
function drawn(draw: (bound: number) => number, depth: number): Value {
    const text = () =>
        Array.from({ length: draw(6) }, () => ["a", "é", "𝄞", "\u{feff}", "0"][draw(5)]).join("")
    switch (draw(depth < 4 ? 7 : 4)) {
        case 0:
            return Math.floor(2 ** draw(53))
        case 1:
            return text()
        case 2:
            return new Uint8Array(draw(40)).fill(draw(256))
        case 3:
            return [true, false, null][draw(3)] as Value
        case 4:
            return Array.from({ length: draw(4) }, () => drawn(draw, depth + 1))
        default:
            return Object.fromEntries(Array.from({ length: draw(5) }, () => [text(), drawn(draw, depth + 1)]))
    }
}

describe("bytes", () => {
    it("join, compare and travel as text", () => {
        const bytes = random(40)
        expect(concat(bytes.subarray(0, 3), bytes.subarray(3))).toEqual(bytes)
        expect(unhex(hex(bytes))).toEqual(bytes)
        expect(unbase64url(base64url(bytes))).toEqual(bytes)
        expect(hex(u32(258))).toBe("00000102")
        expect(equal(bytes, new Uint8Array(bytes))).toBe(true)
        for (const other of flipped(bytes)) expect(equal(bytes, other)).toBe(false)
        expect(equal(bytes, bytes.subarray(1))).toBe(false)
        expect(compare(unhex("01"), unhex("0100"))).toBeLessThan(0)
        expect(compare(unhex("02"), unhex("0100"))).toBeGreaterThan(0)
    })

    it.each(["AB", "AA==", "A", "A+", "AAAAA"])("refuses %s as base64url", (text) => {
        expect(() => unbase64url(text)).toThrow(SyntaxError)
    })
})

const SEVEN_MAPS = { a: { a: { a: { a: { a: { a: { a: 1 } } } } } } }

describe("cbor", () => {
    const values = [
        0,
        23,
        24,
        255,
        256,
        65_536,
        2 ** 32,
        Number.MAX_SAFE_INTEGER,
        "",
        "é𝄞",
        "\u{feff}mark",
        `\u{feff}${"long ".repeat(20)}`,
        true,
        false,
        null,
        [],
        {},
        { b: 1, a: [unhex("00ff"), "x"], aa: null, "": 0 },
        JSON.parse('{"__proto__": 1, "constructor": {"toString": "x"}}'),
        [[[[[[1]]]]]],
    ]

    it.each(values.map((value) => [value]))("takes %j round", (value) => {
        expect(encode(decode(encode(value)))).toEqual(encode(value))
        expect(decode(encode(value))).toEqual(value)
    })

    it("takes drawn values round, and refuses every other encoding one flipped bit away", () => {
        for (let seed = 1; seed <= 300; seed++) {
            const bytes = encode(drawn(generator(seed), 1))
            expect(encode(decode(bytes))).toEqual(bytes)
            for (const other of flipped(bytes)) {
                let value: Decoded
                try {
                    value = decode(other)
                } catch (error) {
                    expect(error).toBeInstanceOf(CborError)
                    continue
                }
                expect(encode(value)).toEqual(other)
            }
        }
    })

    it("orders keys by length, then bytes", () => {
        expect(hex(encode({ b: 1, aa: 2, a: 3 }))).toBe("a3616103616201626161" + "02")
    })

    it.each([
        ["nothing", ""],
        ["two items", "0000"],
        ["an integer longer than needed", "1817"],
        ["a length longer than needed", "5801ff"],
        ["a 64-bit length", "5b0000000000000001ff"],
        ["an integer above 2^53-1", "1b0020000000000000"],
        ["a negative integer", "20"],
        ["a float that is an integer", "f93c00"],
        ["minus zero", "f98000"],
        ["half", "f93800"],
        ["not a number", "f97e00"],
        ["undefined", "f7"],
        ["a simple value", "f0"],
        ["a simple value of two bytes", "f820"],
        ["a tag", "c100"],
        ["a big number", "c24101"],
        ["an array without end", "9fff"],
        ["a map without end", "bfff"],
        ["bytes in pieces", "5f4100ff"],
        ["text in pieces", "7f6161ff"],
        ["a break", "ff"],
        ["unsorted keys", "a2616200616100"],
        ["keys sorted by text, not by length", "a26261610061620" + "0"],
        ["a key twice", "a2616100616100"],
        ["a key that is a number", "a10000"],
        ["a key that is bytes", "a1416100"],
        ["text that is not UTF-8", "61ff"],
        ["half a surrogate pair", "63eda080"],
        ["an overlong character", "62c080"],
        ["cut short", "4200"],
        ["a long array cut short", "9affffffff"],
        ["seven levels", "81818181818180"],
    ])("refuses %s", (_, bytes) => {
        expect(() => decode(unhex(bytes))).toThrow(CborError)
    })

    it("refuses very deep nesting", () => {
        expect(() => decode(new Uint8Array(200_000).fill(0x81))).toThrow(CborError)
    })

    it.each([
        [-1],
        [0.5],
        [2 ** 53],
        ["\ud800"],
        [[[[[[[[]]]]]]]],
        [undefined],
        [new Map()],
        [1n],
        [SEVEN_MAPS],
    ])("does not encode %s", (value) => {
        expect(() => encode(value as never)).toThrow(CborError)
    })
})

describe("public keys", () => {
    const low = [
        "00".repeat(32),
        `01${"00".repeat(31)}`,
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        `ec${"ff".repeat(30)}7f`,
        `ed${"ff".repeat(30)}7f`,
    ]
    it.each(low)("of low order are no box keys: %s", (key) => {
        expect(validBoxKey(unhex(key))).toBe(false)
    })
    it.each(low)("of low order are no identity keys: %s", (key) => {
        expect(validSigningKey(unhex(key))).toBe(false)
    })
    it("of 32 drawn bytes are valid, of 31 not", () => {
        const keyring = Keyring.generate()
        expect(validBoxKey(keyring.box.public) && validSigningKey(keyring.identity.public)).toBe(true)
        expect(validBoxKey(keyring.box.public.subarray(1))).toBe(false)
        expect(validSigningKey(keyring.identity.public.subarray(1))).toBe(false)
    })
    it("verify nothing but what was signed", () => {
        const seed = random(32)
        const message = random(50)
        const signature = sign(message, seed)
        expect(verify(signature, message, signingPublic(seed))).toBe(true)
        for (const other of flipped(signature))
            expect(verify(other, message, signingPublic(seed))).toBe(false)
        for (const other of flipped(message))
            expect(verify(signature, other, signingPublic(seed))).toBe(false)
        expect(verify(signature.subarray(1), message, signingPublic(seed))).toBe(false)
    })
})

describe("keys", () => {
    it.each([0, 31, 33, 64])("are never of %i bytes", (length) => {
        for (const role of [Dek, Amk, Auk, KitKey, IdentityKey, BoxKey]) {
            expect(() => new role(new Uint8Array(length))).toThrow(new Refused("R18.length"))
        }
        expect(() => deriveKit(new Uint8Array(length) as never, id(0))).toThrow(new Refused("R18.length"))
        expect(() => inviteKey(new Uint8Array(length) as never, id(0), id(0))).toThrow(
            new Refused("R18.length"),
        )
    })

    it("do not show", () => {
        const dek = new Dek(new Uint8Array(32).fill(0xab))
        expect(`${dek}`).toBe("<dek>")
        expect(() => JSON.stringify({ dek })).toThrow(TypeError)
        expect(Object.keys(structuredClone({ ...dek }))).toEqual(["role"])
    })

    it("are of no use when wiped", async () => {
        const amk = Amk.generate()
        const sealed = await seal(amk, "coffret/pins/v1", { account: id(1), counter: 1 }, utf8("x"))
        amk.wipe()
        await expect(open(amk, "coffret/pins/v1", { account: id(1), counter: 1 }, sealed)).rejects.toThrow(
            DecryptionError,
        )
    })

    it("are not taken one for another by the compiler", async () => {
        const [dek, amk] = [Dek.generate(), Amk.generate()]
        const context = { account: id(1), counter: 1 }
        // @ts-expect-error a DEK seals no pins
        await seal(dek, "coffret/pins/v1", context, utf8("x"))
        // @ts-expect-error an AMK seals no items
        await sealPart(amk, place, pad(utf8("x")))
        const to = { fp: random(32), box: Keyring.generate().box.public }
        // @ts-expect-error nor is an AMK granted
        makeGrant(Keyring.generate(), amk, place, to, { hash: random(32), seq: 1 })
        // @ts-expect-error an AMK does not wrap an AMK
        await sealAmk(amk, { account: id(1), cred: id(2), id: id(3) }, amk)
        // @ts-expect-error a DEK is not wrapped as an AMK
        await sealAmk(new Auk(random(32)), { account: id(1), cred: id(2), id: id(3) }, dek)
        // @ts-expect-error bytes are no key
        await seal(random(32), "coffret/pins/v1", context, utf8("x")).catch(() => null)
        // @ts-expect-error a context lacks its counter
        await seal(amk, "coffret/pins/v1", { account: id(1) }, utf8("x")).catch(() => null)
        // @ts-expect-error the keys of a keyring do not change places
        const swapped = () => new Keyring(new BoxKey(random(32)), new IdentityKey(random(32)))
        expect(swapped).toBeTypeOf("function")
    })

    it("derive to the same from the same, and from nothing else", async () => {
        const login = { account: id(1), cred: id(2), serverKey: new Uint8Array(32).fill(3) }
        const bytes = async (key: Promise<Auk>) => hex((await key).expose())
        const exported = random(64)
        const secret = random(32)
        const one = await bytes(deriveAuk(exported, null, login))
        expect(await bytes(deriveAuk(exported, null, login))).toBe(one)
        const others = [
            await bytes(deriveAuk(exported, secret, login)),
            await bytes(deriveAuk(exported, null, { ...login, cred: id(9) })),
            await bytes(deriveAuk(exported, null, { ...login, account: id(9) })),
            await bytes(deriveAuk(exported, null, { ...login, serverKey: new Uint8Array(32) })),
        ]
        expect(new Set([one, ...others]).size).toBe(5)
        expect(() => deriveAuk(random(32), null, login)).toThrow(new Refused("R18.length"))
        expect(() => deriveAuk(exported, random(16), login)).toThrow(new Refused("R18.length"))
    })
})

describe("a seal", () => {
    const context = { account: id(1), counter: 7 }

    it("is 81 bytes longer and opens at its place only", async () => {
        const amk = Amk.generate()
        const plaintext = random(100)
        const sealed = await seal(amk, "coffret/settings/v1", context, plaintext)
        expect(sealed.length).toBe(plaintext.length + SEAL_OVERHEAD)
        expect(await open(amk, "coffret/settings/v1", context, sealed)).toEqual(plaintext)
        const elsewhere = [
            open(amk, "coffret/settings/v1", { ...context, counter: 8 }, sealed),
            open(amk, "coffret/settings/v1", { ...context, account: id(2) }, sealed),
            open(amk, "coffret/pins/v1", context, sealed),
            open(Amk.generate(), "coffret/settings/v1", context, sealed),
        ]
        for (const attempt of elsewhere) await expect(attempt).rejects.toThrow(DecryptionError)
    })

    it("fails in one way for every flipped bit and every length", async () => {
        const amk = Amk.generate()
        const sealed = await seal(amk, "coffret/settings/v1", context, random(20))
        const broken = [...flipped(sealed), ...Array.from(sealed, (_, length) => sealed.subarray(0, length))]
        for (const bytes of broken) {
            const error: unknown = await open(amk, "coffret/settings/v1", context, bytes).catch(
                (e: unknown) => e,
            )
            expect(error).toBeInstanceOf(DecryptionError)
            expect(error).toMatchObject({ message: "does not open" })
        }
    })

    it("opens in batches as one by one", async () => {
        const amk = Amk.generate()
        const rows: { context: typeof context; sealed: Bytes }[] = []
        for (let counter = 0; counter < 1_100; counter++) {
            const sealed = await seal(amk, "coffret/settings/v1", { ...context, counter }, u32(counter))
            rows.push({ context: { ...context, counter: counter % 7 === 0 ? counter + 1 : counter }, sealed })
        }
        const one = (row: (typeof rows)[number]) =>
            open(amk, "coffret/settings/v1", row.context, row.sealed).catch(() => null)
        const batch = await openBatch(amk, "coffret/settings/v1", rows)
        expect(batch).toEqual(await Promise.all(rows.map(one)))
        expect(batch.filter((opened) => opened === null).length).toBe(158)
    })
})

describe("wraps", () => {
    const at = { account: id(1), cred: id(2), id: id(3) }

    it("carry the AMK for one registration, by AUK or kit", async () => {
        const amk = Amk.generate()
        const raw = random(32)
        const wrap = await sealAmk(new Auk(raw), at, amk)
        expect(hex((await openAmk(new Auk(raw), at, wrap)).expose())).toBe(hex(amk.expose()))
        await expect(openAmk(new KitKey(raw), at, wrap)).rejects.toThrow(new Refused("A4.bundle"))
        await expect(openAmk(new Auk(raw), { ...at, cred: id(9) }, wrap)).rejects.toThrow(
            new Refused("A4.bundle"),
        )
        await expect(openAmk(new Auk(raw), at, wrap.subarray(1))).rejects.toThrow(new Refused("A4.bundle"))
    })

    it("carry a keyring whole or not at all", async () => {
        const [amk, keyring] = [Amk.generate(), Keyring.generate()]
        const counter = { account: id(1), counter: 1 }
        const opened = await openKeyring(amk, counter, await sealKeyring(amk, counter, keyring))
        expect(opened.fp).toEqual(keyring.fp)
        expect(opened.box.open(boxSeal(utf8("x"), keyring.box.public))).toEqual(utf8("x"))
        const half = encode({ box: random(32), identity: random(31), suite: 1, v: 1 })
        for (const bad of [half, encode({ box: random(32), suite: 1, v: 1 }), encode([]), utf8("?")]) {
            const sealed = await seal(amk, "coffret/keyring/v1", counter, bad)
            await expect(openKeyring(amk, counter, sealed)).rejects.toThrow(new Refused("R17.bundle"))
        }
    })

    it("give an older DEK only if the chain knows it", async () => {
        const [dek, old] = [Dek.generate(), Dek.generate()]
        const epoch = { team: id(3), vault: id(4), epoch: 3 }
        const sealed = await sealOldDek(dek, epoch, old, 1)
        const commit = dekCommit(old, { ...epoch, epoch: 1 })
        expect((await openOldDek(dek, epoch, 1, commit, sealed))?.expose()).toEqual(old.expose())
        expect(await openOldDek(dek, epoch, 2, commit, sealed)).toBeNull()
        expect(await openOldDek(dek, epoch, 1, random(32), sealed)).toBeNull()
        expect(await openOldDek(old, epoch, 1, commit, sealed)).toBeNull()
    })
})

describe("parts", () => {
    it.each([
        [256, 256],
        [257, 272],
        [1_000, 1_024],
        [1_025, 1_088],
        [65_537, 67_584],
        [2_000_000, 2_031_616],
    ])("of %i bytes are padded to %i", (length, padded) => {
        expect(padme(length)).toBe(padded)
    })

    it("come out as they went in, at every length", () => {
        for (let length = 0; length < 1_500; length += 7) {
            const text = random(length)
            const padded = pad(text)
            expect(padded.length).toBe(padme(Math.max(256, 36 + length)))
            expect(unpad(padded)).toEqual(text)
        }
    })

    it("do not open with padding that is not zeros, too long, too short, or a wrong length", () => {
        const padded = pad(utf8("text"))
        const dirty = new Uint8Array(padded)
        dirty[dirty.length - 1] = 1
        const longer = concat(padded, new Uint8Array(16))
        const wrong = new Uint8Array(padded)
        wrong.set(u32(300), 32)
        const huge = new Uint8Array(padded)
        huge.set(u32(2 ** 32 - 1), 32)
        for (const bad of [
            dirty,
            longer,
            padded.slice(0, 255),
            padded.slice(0, 40),
            new Uint8Array(),
            wrong,
            huge,
        ]) {
            expect(() => unpad(bad)).toThrow(DecryptionError)
        }
    })

    it("are checked against the author's hash", async () => {
        const dek = Dek.generate()
        const [overview, details] = [pad(utf8("overview")), pad(utf8("details"))]
        const [c, d] = [partCommitment("overview", overview), partCommitment("details", details)]
        const hash = revisionHash(c, d)
        const blob = await sealPart(dek, place, overview)
        const second = await sealPart(dek, { ...place, part: "details" }, details)
        const rows = [
            { place, blob, hash, other: d },
            { place: { ...place, part: "details" as const }, blob: second, hash, other: c },
            { place, blob, hash: random(32), other: d },
            { place, blob, hash, other: c },
            { place: { ...place, revision: 2 }, blob, hash, other: d },
            { place, blob: second, hash, other: d },
            { place: { ...place, author: id(9) }, blob, hash, other: d },
            { place, blob: await sealPart(dek, place, pad(utf8("overview"))), hash, other: d },
            { place, blob: await sealPart(dek, place, utf8("unpadded")), hash, other: d },
        ]
        const opened = await Promise.all(
            rows.map((row) => openPart(dek, row.place, row.blob, row).catch((e: Refused) => e)),
        )
        const verdicts = opened.map((row) => (row instanceof Refused ? row.refusal : hex(row.text)))
        const [open1, open2, notHash, notOpen] = [
            hex(utf8("overview")),
            hex(utf8("details")),
            "R7.hash",
            "R7.open",
        ]
        expect(verdicts).toEqual([
            open1,
            open2,
            notHash,
            notHash,
            notOpen,
            notOpen,
            notOpen,
            notHash,
            notOpen,
        ])
    })

    it("take blinds and salts of 32 bytes, none else", () => {
        expect(() => pad(new Uint8Array(1), new Uint8Array(31))).toThrow(new Refused("R18.length"))
        const short = new Uint8Array(31)
        expect(() => profileCommitment("name", "Ana", short)).toThrow(new Refused("R18.length"))
    })

    it("are not sealed beyond the limit", async () => {
        await expect(sealPart(Dek.generate(), place, pad(new Uint8Array(65_536)))).rejects.toThrow(RangeError)
    })
})

describe("decoys", () => {
    const phrase = "darling wildfowl tiptoeing quickly lagoon slacked"

    it("differ from the phrase and from each other in the same two places", async () => {
        for (let i = 0; i < 50; i++) {
            const { choices, right } = await withDecoys(phrase)
            const [a = [], b = [], c = []] = choices.map((choice) => choice.split(" "))
            const places = a.flatMap((word, place) => (word === b[place] && word === c[place] ? [] : [place]))
            expect([choices[right], a.length, b.length, c.length]).toEqual([phrase, 6, 6, 6])
            expect(places).toHaveLength(2)
            for (const place of places) expect(new Set([a[place], b[place], c[place]]).size).toBe(3)
        }
    })

    it("leave the phrase in no place that could be guessed", async () => {
        const drawn = await Promise.all(Array.from({ length: 200 }, () => withDecoys(phrase)))
        expect(new Set(drawn.map(({ right }) => right))).toEqual(new Set([0, 1, 2]))
    })
})
