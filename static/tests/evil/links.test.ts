// @vitest-environment node
/** Under test: every bit of every link, grant and acceptance, every length, every pair: all refused, and no trace left. */
import { beforeAll, describe, expect, it, vi } from "vitest"
import { grantVerdict } from "../../src/chain/grant.ts"
import { digest, foldTeam, restoreTeam, serialiseTeam, step, stepParsed } from "../../src/chain/team.ts"
import { foldVault, startVault, step as stepVault, digest as vaultDigest } from "../../src/chain/vault.ts"
import { Books, TeamBook } from "../../src/core/books.ts"
import { fillRings } from "../../src/core/ring.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, random } from "../../src/crypto/bytes.ts"
import { decode } from "../../src/crypto/cbor.ts"
import { Refused, Waiting } from "../../src/crypto/errors.ts"
import { parseSigned } from "../../src/crypto/links.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import { Person, TeamBuilder } from "../chains.ts"
import { everyBend, everySwap } from "./bending.ts"
import { record } from "./orchard.ts"

/** What became of it: a refusal's id, `waiting`, or `taken`. */
function verdictOf(check: () => unknown): string {
    try {
        check()
        return "taken"
    } catch (error) {
        if (error instanceof Refused) return error.refusal
        if (error instanceof Waiting) return "waiting"
        throw error
    }
}

/** A team whose chain has a link of every type. */
async function everyType() {
    const team = new TeamBuilder()
    const olive = team.founder
    const vault = team.createVault(olive)
    const other = team.createVault(olive)
    const adam = await team.join(olive, new Person("adam"), {
        role: "admin",
        vaults: [{ vault, right: "manage" }],
    })
    const mary = await team.join(adam, new Person("mary"), {
        vaults: [{ vault, right: "write" }],
        via: "mail",
    })
    team.add(adam, "verify", { fp: mary.keyring.fp, how: "words", member: mary.member })
    const rita = await team.join(adam, new Person("rita"), { vaults: [{ vault, right: "read" }] })
    team.grantRight(olive, rita, other, "write")
    team.revoke(olive, rita, other)
    const items = [random(16), random(16)] as const
    await team.write(mary, vault, items[0], "one", "a")
    await team.write(mary, vault, items[1], "two", "b")
    team.rotate(mary, vault)
    await team.write(mary, vault, items[0], "one more", "c")
    const spare = await team.invite(olive, new Person("sam"))
    team.add(olive, "invite_revoke", { invite: spare.hash })
    team.add(rita, "set_profile", { profile: { email: random(32), name: random(32) } })
    team.setRole(olive, adam, "member")
    team.remove(olive, rita)
    team.rotate(mary, vault)
    await team.write(mary, vault, items[1], "two more", "d")
    return { team, vault, other, olive, adam, mary }
}

// Tens of thousands of links are parsed and verified one by one.
vi.setConfig({ testTimeout: 300_000 })

let made: Awaited<ReturnType<typeof everyType>>
beforeAll(async () => {
    await sodiumReady()
    made = await everyType()
})

describe("team links", () => {
    it("have every type", () => {
        const types = new Set(made.team.links.map((link) => parseSigned(link, "team").type))
        expect(types.size).toBe(12)
    })

    it("are refused with any bit changed, at any other length", () => {
        let state: ReturnType<typeof step> | null = null
        for (const link of made.team.links) {
            const start: typeof state = state
            const before = start === null ? "" : hex(digest(start))
            for (const bent of everyBend(link))
                expect(verdictOf(() => step(start, bent))).toMatch(/^(T1|T2|T3|T5|T10|T13|T16|F10|R15)\./)
            expect(start === null ? "" : hex(digest(start))).toBe(before)
            state = step(start, link)
        }
        expect(state?.seq).toBe(made.team.links.length - 1)
    })

    it("are refused in any other order, missing or twice", () => {
        for (const { list, what } of everySwap(made.team.links)) {
            const { valid, refusal } = foldTeam(list)
            expect(refusal, what).toMatch(/^T1\.(seq|prev|genesis)$/)
            expect(valid, what).toBeLessThan(made.team.links.length + 1)
        }
    })
})

describe("vault links", () => {
    it("are refused with any bit changed, at any other length", () => {
        const { team, vault } = made
        const state = startVault(team.state, vault.id)
        for (const link of vault.links) {
            const before = hex(vaultDigest(state))
            for (const bent of everyBend(link)) {
                const verdict = verdictOf(() => stepVault(team.state, state, bent))
                expect(verdict).toMatch(/^((T1|T3|T5|T14|T15|T16|T2)\.|waiting$)/)
            }
            expect(hex(vaultDigest(state))).toBe(before)
            stepVault(team.state, state, link)
        }
    })

    it("are refused in any other order, missing or twice; cut short, the vault waits", () => {
        const { team, vault } = made
        for (const { list, what } of everySwap(vault.links)) {
            const fold = foldVault(team.state, startVault(team.state, vault.id), list)
            expect(fold.refusal, what).toMatch(/^T1\.(seq|prev)$/)
        }
        const cut = vault.links.slice(0, -2)
        expect(foldVault(team.state, startVault(team.state, vault.id), cut).verdict).toBe("waiting")
    })
})

describe("grants", () => {
    it("give nothing with any bit changed, at any other length", () => {
        const { team, vault, olive, mary } = made
        const stored = team.grant(olive, mary, vault)
        const me = { member: mary.id, keyring: mary.keyring }
        expect(verdictOf(() => grantVerdict(team.state, me, stored))).toBe("taken")
        for (const bent of everyBend(stored)) {
            const verdict = verdictOf(() => grantVerdict(team.state, me, bent))
            expect(verdict).toMatch(/^(T7\.|T5\.chain|R15\.suite|waiting$)/)
        }
    })

    it("give nothing in another's place: other member, vault, epoch", async () => {
        const { team, vault, other, olive, adam, mary } = made
        const rows = [vault, other].flatMap((kit) =>
            kit.deks.flatMap((_, i) =>
                [olive, adam, mary].map((whom) => ({
                    kit,
                    epoch: i + 1,
                    whom,
                    stored: team.grant(olive, whom, kit, i + 1),
                })),
            ),
        )
        for (const one of rows) {
            for (const place of rows) {
                const book = new TeamBook(restoreTeam(serialiseTeam(team.state)), hex(place.whom.account))
                const held = book.vault(place.kit.id)
                book.vault(one.kit.id)
                const row = { vault: place.kit.id, ...(decode(one.stored) as { grant: Bytes; sig: Bytes }) }
                book.takeExtras({ ...record(), grants: [{ ...row, opened: false }] })
                await fillRings(new Books(), book, place.whom.keyring)
                const opens = held?.ring.has(place.epoch) ?? false
                const mayHold = team.state.rightAt(place.kit.id, place.whom.id) > 0
                expect(opens).toBe(mayHold && one === place)
                if (opens)
                    expect(hex(held?.ring.get(place.epoch)?.expose() as Bytes)).toBe(
                        hex(place.kit.deks[place.epoch - 1]?.expose() as Bytes),
                    )
            }
        }
    })
})

describe("acceptances", () => {
    it("bring nobody in with any bit changed, at any other length", async () => {
        const { team, olive } = made
        const sam = new Person("sam")
        const body = await team.accept(sam, await team.invite(olive, sam))
        const copy = restoreTeam(serialiseTeam(team.state))
        const admits = (changed: typeof body) =>
            verdictOf(() => stepParsed(copy, team.sign(olive, "add_member", changed)))
        for (const field of ["accept", "by_identity", "by_invite"] as const)
            for (const bent of everyBend(body[field]))
                expect(admits({ ...body, [field]: new Uint8Array(bent) })).toMatch(/^(T10|T16|F10|R15)\./)
        // The copy is as it was, so the honest one is let in.
        expect(admits(body)).toBe("taken")
    })
})
