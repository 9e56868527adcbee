// @vitest-environment node
// Seals and parts: they open at their place, whole, or not at all.
import { beforeAll, describe, expect, it } from "vitest"
import type { Bytes } from "../src/crypto/bytes"
import { concat, hex, random, u32, utf8 } from "../src/crypto/bytes"
import { DecryptionError, Refused } from "../src/crypto/errors"
import { Amk, Dek, profileCommitment } from "../src/crypto/keys"
import { openPart, pad, padme, partCommitment, revisionHash, sealPart, unpad } from "../src/crypto/parts"
import { open, openBatch, SEAL_OVERHEAD, seal } from "../src/crypto/seal"
import { sodiumReady } from "../src/crypto/sodium"
import { everyByte } from "./evil/bending.ts"
import { id, place } from "./place"

beforeAll(sodiumReady)

describe("a seal", () => {
    const context = { account: id(1), counter: 7 }

    it("is 81 bytes longer and opens at its place only", async () => {
        const amk = Amk.generate()
        const plaintext = random(100)
        const sealed = await seal(amk, "coffret/settings/v1", context, plaintext)
        expect(sealed.length).toBe(plaintext.length + SEAL_OVERHEAD)
        expect(await open(amk, "coffret/settings/v1", context, sealed)).toEqual(plaintext)
        const elsewhere = [
            [amk, "coffret/settings/v1", { ...context, counter: 8 }],
            [amk, "coffret/settings/v1", { ...context, account: id(2) }],
            [amk, "coffret/pins/v1", context],
            [Amk.generate(), "coffret/settings/v1", context],
        ] as const
        for (const [key, label, place] of elsewhere)
            await expect(open(key, label, place, sealed)).rejects.toThrow(DecryptionError)
    })

    it("fails in one way for every flipped bit and every length", async () => {
        const amk = Amk.generate()
        const sealed = await seal(amk, "coffret/settings/v1", context, random(20))
        const broken = [
            ...everyByte(sealed),
            ...Array.from(sealed, (_, length) => sealed.subarray(0, length)),
        ]
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
