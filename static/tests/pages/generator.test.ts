/** Generated passwords: as long as asked, of the sets asked for, and no character likelier than another. */
import { expect, test } from "vitest"
import { bits, DEFAULTS, draw, generate, LENGTH_MAX, LENGTH_MIN } from "../../src/state/generator.ts"

test("every length and every set comes out as asked", () => {
    for (const length of [LENGTH_MIN, 24, LENGTH_MAX]) {
        const made = generate({ ...DEFAULTS, length })
        expect(made).toHaveLength(length)
        for (const set of [/[A-Z]/, /[a-z]/, /[0-9]/, /[-_.~+=:@%^]/]) expect(made).toMatch(set)
    }
    const none = { upper: false, lower: false, digits: false, symbols: false }
    expect(generate({ ...none, length: 40, digits: true })).toMatch(/^[0-9]{40}$/)
    expect(generate({ ...none, length: 40, lower: true })).toMatch(/^[a-z]{40}$/)
    expect(() => generate({ ...none, length: 24 })).toThrow(RangeError)
    expect(() => generate({ ...DEFAULTS, length: LENGTH_MIN - 1 })).toThrow(RangeError)
    expect(() => generate({ ...DEFAULTS, length: LENGTH_MAX + 1 })).toThrow(RangeError)
})

test("bytes that would favour some characters are thrown away", () => {
    // Of 10 characters, 250 to 255 would make 0 to 5 likelier.
    const bytes = [255, 250, 249]
    const random = (into: Uint8Array): void => {
        into[0] = bytes.shift() ?? 0
    }
    expect(draw(10, random)).toBe(9)
    expect(bytes).toEqual([])
})

test("each byte that is kept leads to each value equally often", () => {
    for (const below of [10, 26, 62, 72, 256]) {
        const hits = new Array<number>(below).fill(0)
        for (let byte = 0; byte < 256; byte++) {
            let given = byte
            const random = (into: Uint8Array): void => {
                into[0] = given
                given = 0
            }
            if (byte < 256 - (256 % below)) {
                const value = draw(below, random)
                hits[value] = (hits[value] ?? 0) + 1
            }
        }
        expect(new Set(hits).size).toBe(1)
    }
})

test("bits count the sets", () => {
    expect(bits({ ...DEFAULTS, length: 24 })).toBe(148)
    expect(bits({ upper: false, lower: false, digits: true, symbols: false, length: 10 })).toBe(33)
})
