// @vitest-environment node
// Keys: which there are, what each is for, what they derive, and how they are wrapped.
import { beforeAll, describe, expect, it } from "vitest"
import { hex, random, unhex, utf8 } from "../src/crypto/bytes"
import { encode } from "../src/crypto/cbor"
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
} from "../src/crypto/keys"
import { pad, sealPart } from "../src/crypto/parts"
import { open, seal } from "../src/crypto/seal"
import {
    boxSeal,
    sign,
    signingPublic,
    sodiumReady,
    validBoxKey,
    validSigningKey,
    verify,
} from "../src/crypto/sodium"
import { openAmk, openKeyring, openOldDek, sealAmk, sealKeyring, sealOldDek } from "../src/crypto/wraps"
import { everyByte } from "./evil/bending.ts"
import { id, place } from "./place"

beforeAll(sodiumReady)

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
        for (const other of everyByte(signature))
            expect(verify(other, message, signingPublic(seed))).toBe(false)
        for (const other of everyByte(message))
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
