// @vitest-environment node
// Pins: what they are written as, and which of two counts.
import { beforeAll, describe, expect, it } from "vitest"
import type { Pins } from "../src/chain/pins"
import { checkPin, decodePins, encodePins, mergePins } from "../src/chain/pins"
import { hex, random, unhex } from "../src/crypto/bytes"
import { encode } from "../src/crypto/cbor"
import { sodiumReady } from "../src/crypto/sodium"
import { busy, fold, TeamBuilder, type VaultKit } from "./chains"

beforeAll(sodiumReady)

const refused = (id: string) => expect.objectContaining({ refusal: id })

describe("pins", () => {
    const pinned = (team: TeamBuilder, kit: VaultKit, seq: number, vaultSeq: number): Pins => ({
        serverKey: new Uint8Array(32),
        teams: new Map([
            [
                hex(team.id),
                { genesis: team.state.hashes.at(0), hash: team.state.hashes.at(seq), seq, team: team.id },
            ],
        ]),
        vaults: new Map([
            [
                kit.id,
                {
                    hash: kit.state.columns.hashes.at(vaultSeq),
                    seq: vaultSeq,
                    team: team.id,
                    vault: kit.bytes,
                },
            ],
        ]),
    })

    it("come back as they were written, and only so", async () => {
        const { team, vault } = await busy()
        const pins = pinned(team, vault, 3, 2)
        const bytes = encodePins(pins)
        expect(decodePins(bytes)).toEqual(pins)
        expect(() => decodePins(bytes.subarray(1))).toThrow(refused("R17.bundle"))
        expect(() => decodePins(unhex("a0"))).toThrow(refused("R17.bundle"))
        expect(() => decodePins(encode({ v: 1 }))).toThrow(refused("R17.bundle"))
        const later = encode({ server_key: new Uint8Array(32), teams: [], v: 2, vaults: [] })
        expect(() => decodePins(later)).toThrow(refused("R17.bundle"))
    })

    it("merge to the higher place of the same history", async () => {
        const { team, vault } = await busy()
        const chains = { team: () => team.state.hashes, vault: () => vault.state.columns.hashes }
        const [low, high] = [pinned(team, vault, 3, 4), pinned(team, vault, 7, 2)]
        const { pins, undecided } = mergePins(low, high, chains)
        expect([...pins.teams.values()][0]?.seq).toBe(7)
        expect([...pins.vaults.values()][0]?.seq).toBe(4)
        expect(undecided).toEqual([])
        expect(mergePins(high, low, chains).pins).toEqual(pins)
    })

    it("stay mine where my chain does not reach the higher", async () => {
        const { team, vault } = await busy()
        const short = fold(team.links.slice(0, 5)).hashes
        const chains = { team: () => short, vault: () => undefined }
        const { pins, undecided } = mergePins(pinned(team, vault, 3, 4), pinned(team, vault, 7, 2), chains)
        expect([...pins.teams.values()][0]?.seq).toBe(3)
        expect(undecided).toEqual([hex(team.id), vault.id])
    })

    it("refuse another history, another genesis, another server", async () => {
        const { team, vault } = await busy()
        const chains = { team: () => team.state.hashes, vault: () => vault.state.columns.hashes }
        const mine = pinned(team, vault, 7, 2)
        const changed = (change: object, seq = 7): Pins => {
            const pin = { ...mine.teams.get(hex(team.id)), hash: team.state.hashes.at(seq), seq, ...change }
            return { ...mine, teams: new Map([[hex(team.id), pin as never]]) }
        }
        const verdict = (theirs: Pins) => [...mergePins(mine, theirs, chains).refused]
        for (const seq of [7, 9, 2])
            expect(verdict(changed({ hash: random(32) }, seq))).toEqual([[hex(team.id), "T4.fork"]])
        expect(verdict(changed({ genesis: random(32) }))).toEqual([[hex(team.id), "R23.genesis"]])
        expect(mergePins(mine, changed({ hash: random(32) }, 9), chains).pins).toEqual(mine)
        const vaultPin = { ...mine.vaults.get(vault.id), team: random(16) } as never
        // The same id in another team is no fork of this one: both pins are kept.
        const twin = mergePins(mine, { ...mine, vaults: new Map([[vault.id, vaultPin]]) }, chains)
        expect([twin.undecided, twin.refused.size]).toEqual([[vault.id], 0])
        const server = { ...mine, serverKey: random(32) }
        expect(() => mergePins(mine, server, chains)).toThrow(refused("A3.server_key"))
    })

    it("tell an older, a forked and a replaced chain", async () => {
        const { team, vault } = await busy()
        const pin = pinned(team, vault, 7, 2).teams.get(hex(team.id))
        if (pin === undefined) throw new Error("no pin")
        checkPin(pin, team.state.hashes)
        const older = fold(team.links.slice(0, 7)).hashes
        expect(() => checkPin(pin, older)).toThrow(refused("T4.older"))
        expect(() => checkPin({ ...pin, hash: random(32) }, team.state.hashes)).toThrow(refused("T4.fork"))
        expect(() => checkPin(pin, new TeamBuilder().state.hashes)).toThrow(refused("R23.genesis"))
    })
})
