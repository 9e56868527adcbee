// @vitest-environment node
// Bytes, CBOR and words: round trips, and one encoding only.
import { beforeAll, describe, expect, it } from "vitest"
import { base64url, compare, concat, equal, hex, random, u32, unbase64url, unhex } from "../src/crypto/bytes"
import type { Decoded, Value } from "../src/crypto/cbor"
import { CborError, decode, encode } from "../src/crypto/cbor"
import { sodiumReady } from "../src/crypto/sodium"
import { withDecoys } from "../src/crypto/words"
import { everyByte } from "./evil/bending.ts"

beforeAll(sodiumReady)

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
        for (const other of everyByte(bytes)) expect(equal(bytes, other)).toBe(false)
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
            for (const other of everyByte(bytes)) {
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
