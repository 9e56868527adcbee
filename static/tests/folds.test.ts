// @vitest-environment node
// The folds on chains made here: histories, verdicts one by one and in a batch, bit flips, stored states.
import { beforeAll, describe, expect, it } from "vitest"
import { grantVerdict } from "../src/chain/grant"
import { inviteVerdict } from "../src/chain/invite"
import type { TeamState } from "../src/chain/team"
import { digest, foldTeam, restoreTeam, serialiseTeam, step } from "../src/chain/team"
import type { VaultState } from "../src/chain/vault"
import * as vaults from "../src/chain/vault"
import { type Bytes, compare, hex, random } from "../src/crypto/bytes"
import { Refused, Waiting } from "../src/crypto/errors"
import { dekCommit, Keyring } from "../src/crypto/keys"
import { inviteFragment, parseInviteFragment } from "../src/crypto/links"
import { openPart } from "../src/crypto/parts"
import { sodiumReady } from "../src/crypto/sodium"
import { busy, fold, orchard, Person, START, TeamBuilder, type VaultKit } from "./chains"
import { everyByte } from "./evil/bending.ts"

beforeAll(sodiumReady)

const refused = (id: string) => expect.objectContaining({ refusal: id })
const teamHex = (state: TeamState | null) => (state === null ? null : hex(digest(state)))
const vaultHex = (state: VaultState) => hex(vaults.digest(state))

function foldKit(team: TeamState, kit: VaultKit) {
    return vaults.foldVault(team, vaults.startVault(team, kit.id), kit.links)
}

describe("a team", () => {
    it("is the same folded link by link, at once, in pieces, without signatures, or read back", async () => {
        const { team } = await busy()
        const whole = fold(team.links)
        expect(teamHex(whole)).toBe(teamHex(team.state))
        for (let cut = 0; cut <= team.links.length; cut++) {
            const first = foldTeam(team.links.slice(0, cut)).state
            const kept = first === null ? null : restoreTeam(serialiseTeam(first))
            expect(teamHex(kept)).toBe(teamHex(first))
            expect(teamHex(foldTeam(team.links.slice(cut), kept).state)).toBe(teamHex(whole))
        }
        expect(teamHex(foldTeam(team.links, null, false).state)).toBe(teamHex(whole))
        expect(serialiseTeam(restoreTeam(serialiseTeam(whole)))).toEqual(serialiseTeam(whole))
    })

    it("remembers who was there, with which right, under which epoch", async () => {
        const { team, vault, rita, mary, olive } = await busy()
        const { state } = team
        const history = (member: string) =>
            Array.from({ length: state.seq + 1 }, (_, seq) => state.rightAt(vault.id, member, seq)).join("")
        expect(history(olive.id)).toBe("03333333333333")
        expect(history(mary.id)).toBe("00000222222222")
        expect(history(rita.id)).toBe("00000001000000")
        const there = Array.from(
            { length: state.seq + 1 },
            (_, seq) => state.presentAt(rita.id, seq) !== undefined,
        )
        expect(there.indexOf(true)).toBe(7)
        expect(there.lastIndexOf(true)).toBe(7)
        expect(state.byFp(rita.keyring.fp, 7)?.id).toBe(rita.id)
        expect(state.byFp(rita.keyring.fp)).toBeUndefined()
        const kept = state.vaults.get(vault.id)
        const each = Array.from({ length: 12 }, (_, seq) => [kept?.epochAt(seq), kept?.dueAt(seq)])
        expect(each[0]).toEqual([undefined, false])
        expect(each.slice(7, 10)).toEqual([
            [1, false],
            [1, true],
            [2, false],
        ])
        expect(state.linkAt(9).actor.id).toBe(mary.id)
        expect(state.linkAt(9).at).toBe(START + 9_000)
        expect(state.holders(vault.id).map(({ right, since }) => [right, since])).toEqual([
            [3, 1],
            [3, 3],
            [2, 5],
            [1, 12],
        ])
    })

    it("is as before after a refused link", async () => {
        const { team, adam, olive, mary, vault } = await busy()
        const before = teamHex(team.state)
        const stored = serialiseTeam(team.state)
        const bad = [
            team.sign(mary, "set_role", { cut: [], member: adam.member, role: "admin" }),
            team.sign(olive, "set_role", { cut: [], member: olive.member, role: "member" }),
            team.sign(olive, "remove_member", { cut: [], member: mary.member }),
            team.sign(olive, "remove_member", {
                cut: [{ hash: random(32), seq: 0, vault: vault.bytes }],
                member: mary.member,
            }),
        ]
        const ids = ["T2.role", "T12.owner", "T2.cut", "T2.cut_back"]
        for (const [i, link] of bad.entries()) {
            expect(() => step(team.state, link.signed)).toThrow(refused(ids[i] as string))
        }
        expect(teamHex(team.state)).toBe(before)
        expect(serialiseTeam(team.state)).toEqual(stored)
    })

    it("refuses every link with a flipped bit, at once as one by one", async () => {
        const { team } = await orchard()
        const ids = new Set<string>()
        for (const [place, link] of team.links.entries()) {
            for (let i = 0; i < link.length; i += 3) {
                const flipped = new Uint8Array(link)
                flipped[i] = (flipped[i] as number) ^ (1 << (i % 8))
                const state = place === 0 ? null : fold(team.links.slice(0, place))
                const before = teamHex(state)
                let refusal: string | null = null
                try {
                    step(state, flipped)
                } catch (error) {
                    refusal = error instanceof Refused ? error.refusal : null
                }
                expect(refusal).not.toBeNull()
                expect(teamHex(state)).toBe(before)
                ids.add(refusal as string)
                if (i > 60) continue
                const batch = foldTeam([
                    ...team.links.slice(0, place),
                    flipped,
                    ...team.links.slice(place + 1),
                ])
                expect([batch.valid, batch.refusal]).toEqual([place, refusal])
            }
        }
        for (const id of ["T1.cbor", "T1.sig", "T1.signers", "T16.fields"]) expect(ids).toContain(id)
    }, 60_000)

    it("takes invitations only with what the link holds", async () => {
        const team = new TeamBuilder()
        const guest = new Person("gus")
        const invitation = await team.invite(team.founder, guest)
        const fragment = inviteFragment(invitation.t, invitation.hash)
        expect(fragment.length).toBe(86)
        expect(parseInviteFragment(fragment)).toEqual({ t: invitation.t, invite: invitation.hash })
        for (const bad of ["", "x", fragment.slice(1), `${fragment}AA`, `${fragment}=`]) {
            expect(() => parseInviteFragment(bad)).toThrow(refused("T10.link"))
        }
        const { invite } = await inviteVerdict(fold(team.links), invitation.t, invitation.hash)
        expect(invite.role).toBe("member")
        const short = fold(team.links.slice(0, 1))
        await expect(inviteVerdict(short, invitation.t, invitation.hash)).rejects.toEqual(refused("F8.short"))
        await expect(inviteVerdict(team.state, random(32), invitation.hash)).rejects.toEqual(
            refused("T10.link"),
        )
        team.add(team.founder, "invite_revoke", { invite: invitation.hash })
        await expect(inviteVerdict(team.state, invitation.t, invitation.hash)).rejects.toEqual(
            refused("T10.link"),
        )
    })
})

describe("a vault", () => {
    it("is the same folded link by link, at once, in pieces, or read back", async () => {
        const { team, vault } = await busy()
        const whole = foldKit(team.state, vault)
        expect([whole.verdict, whole.valid]).toEqual(["valid", 5])
        expect(vaultHex(whole.state)).toBe(vaultHex(vault.state))
        for (let cut = 0; cut <= vault.links.length; cut++) {
            const start = vaults.startVault(team.state, vault.id)
            vaults.foldVault(team.state, start, vault.links.slice(0, cut))
            const kept = vaults.restoreVault(vaults.serialiseVault(start))
            expect(vaultHex(kept)).toBe(vaultHex(start))
            const rest = vaults.foldVault(team.state, kept, vault.links.slice(cut))
            expect([rest.verdict, vaultHex(rest.state)]).toEqual(["valid", vaultHex(whole.state)])
            expect([...rest.state.items()]).toEqual([...vault.state.items()])
        }
    })

    it("knows each revision, its author and its epoch", async () => {
        const { team, vault, mary, adam, items } = await busy()
        const state = foldKit(team.state, vault).state
        const web = hex(items[0] as Bytes)
        const of = (revision: number) => {
            const { author, epoch, seq } = state.revision(web, revision) ?? {}
            return [author, epoch, seq]
        }
        expect([of(1), of(2), of(3)]).toEqual([
            [mary.id, 1, 2],
            [mary.id, 2, 3],
            [undefined, undefined, undefined],
        ])
        const purged = state.latest(hex(items[1] as Bytes))
        expect([purged?.revision, purged?.hash, purged?.author]).toEqual([2, null, adam.id])
        expect(state.revision(hex(items[1] as Bytes), 1)?.hash).toHaveLength(32)
    })

    it("gives what opens the author's blobs, and nothing else", async () => {
        const { team, vault, mary } = await orchard()
        const item = random(16)
        const { blobs, commitments, place } = await team.write(mary, vault, item, "web", "secret")
        const folded = foldKit(team.state, vault).state.latest(hex(item))
        const dek = vault.deks[0] as (typeof vault.deks)[number]
        const check = { hash: folded?.hash as Bytes, other: commitments.details }
        const opened = await openPart(dek, { ...place, part: "overview" }, blobs.overview, check)
        expect(new TextDecoder().decode(opened.text)).toBe("web")
        const other = openPart(dek, { ...place, part: "details" }, blobs.overview, check)
        await expect(other).rejects.toEqual(refused("R7.open"))
    })

    it("refuses every link with a flipped bit and stays as it was", async () => {
        const { team, vault, mary } = await orchard()
        const link = team.signChange(mary, vault, [[random(16), 1, random(32)]]).signed
        const before = vaultHex(vault.state)
        for (const bent of everyByte(link)) {
            let verdict = "valid"
            try {
                vaults.step(team.state, vault.state, bent)
            } catch (error) {
                verdict =
                    error instanceof Waiting ? "waiting" : error instanceof Refused ? "refused" : "error"
            }
            expect(["refused", "waiting"]).toContain(verdict)
            expect(vaultHex(vault.state)).toBe(before)
        }
    })

    it("waits for the team, then gives the verdict of one batch", async () => {
        const { team, vault, olive, mary, rita } = await orchard()
        const early = fold(team.links)
        team.revoke(olive, rita, vault)
        team.rotate(mary, vault)
        await team.write(mary, vault, random(16), "web", "secret")
        const waiting = foldKit(early, vault)
        expect([waiting.verdict, waiting.valid]).toEqual(["waiting", 0])
        const later = foldTeam(team.links.slice(early.seq + 1), early).state as TeamState
        const done = vaults.foldVault(later, waiting.state, vault.links)
        expect([done.verdict, vaultHex(done.state)]).toEqual([
            "valid",
            vaultHex(foldKit(team.state, vault).state),
        ])
    })

    it("waits for the links that a cut names", async () => {
        const { team, vault, olive, mary, rita } = await orchard()
        const start = vaults.startVault(team.state, vault.id)
        await team.write(mary, vault, random(16), "one", "")
        await team.write(mary, vault, random(16), "two", "")
        team.revoke(olive, rita, vault)
        const one = vaults.foldVault(team.state, start, vault.links.slice(0, 1))
        expect([one.verdict, one.valid]).toEqual(["waiting", 1])
        expect(vaults.foldVault(team.state, one.state, vault.links.slice(1)).verdict).toBe("valid")
    })

    it.each([
        ["behind the head, with its hash", 2, false, "fork"],
        ["behind the head, with another hash", 1, true, "fork"],
        ["at the head", 3, false, "valid"],
        ["at the head, with another hash", 3, true, "fork"],
        ["ahead", 4, true, "waiting"],
    ] as const)("that is verified meets a new cut %s", async (_, n, isOther, verdict) => {
        const { team, vault, olive, mary, rita } = await orchard()
        for (const title of ["one", "two", "three"]) await team.write(mary, vault, random(16), title, "")
        const { state } = foldKit(team.state, vault)
        const hash = isOther ? random(32) : state.columns.hashes.at(n)
        const cut = [{ hash, seq: n, vault: vault.bytes }]
        team.add(olive, "vault_revoke", { cut, member: rita.member, vault: vault.bytes })
        const kept = vaults.restoreVault(vaults.serialiseVault(state))
        expect(vaults.cutVerdict(team.state, state)).toBe(verdict)
        const again = vaults.foldVault(team.state, kept, [])
        expect([again.verdict, again.refusal]).toEqual([verdict, verdict === "fork" ? "T4.cut" : null])
        const fresh = foldKit(team.state, vault)
        const expected = n === 4 ? ["waiting", null] : n === 3 && !isOther ? ["valid", null] : ["refused"]
        expect([fresh.verdict, fresh.refusal].slice(0, expected.length)).toEqual(expected)
    })

    it("is not there without the team's word", async () => {
        const { team } = await orchard()
        expect(() => vaults.startVault(team.state, hex(random(16)))).toThrow(refused("R13.vault"))
    })
})

describe("a grant", () => {
    it("gives the DEK to its recipient only", async () => {
        const { team, vault, olive, mary, rita } = await orchard()
        const grant = team.grant(olive, mary, vault)
        const dek = grantVerdict(team.state, { member: mary.id, keyring: mary.keyring }, grant)
        const place = { team: team.id, vault: vault.bytes, epoch: 1 }
        expect(dekCommit(dek, place)).toEqual(team.state.vaults.get(vault.id)?.current.commit)
        const other = { member: rita.id, keyring: rita.keyring }
        expect(() => grantVerdict(team.state, other, grant)).toThrow(refused("T7.to"))
        const stolen = { member: mary.id, keyring: new Keyring(mary.keyring.identity, rita.keyring.box) }
        expect(() => grantVerdict(team.state, stolen, grant)).toThrow(refused("T7.to"))
    })

    it("does not survive a flipped bit", async () => {
        const { team, vault, olive, mary } = await orchard()
        const grant = team.grant(olive, mary, vault)
        const me = { member: mary.id, keyring: mary.keyring }
        for (const bent of everyByte(grant)) expect(() => grantVerdict(team.state, me, bent)).toThrow()
    })

    it("counts from who managed, for who holds, since they hold", async () => {
        const { team, vault, olive, mary, rita } = await orchard()
        const me = { member: rita.id, keyring: rita.keyring }
        const early = team.grant(olive, rita, vault)
        const byWriter = team.grant(mary, rita, vault)
        expect(() => grantVerdict(team.state, me, byWriter)).toThrow(refused("T7.authority"))
        team.revoke(olive, rita, vault)
        expect(() => grantVerdict(team.state, me, early)).toThrow(refused("T7.right"))
        team.rotate(mary, vault)
        team.grantRight(olive, rita, vault, "read")
        expect(() => grantVerdict(team.state, me, early)).toThrow(refused("T7.since"))
        expect(() => grantVerdict(team.state, me, team.grant(mary, rita, vault))).toThrow(
            refused("T7.authority"),
        )
        const mine = { member: mary.id, keyring: mary.keyring }
        const own = team.grant(mary, mary, vault, 2, team.headAt(team.state.seq - 1))
        expect(grantVerdict(team.state, mine, own).expose()).toEqual(vault.deks[1]?.expose())
        expect(() => grantVerdict(fold(team.links.slice(0, 5)), me, early)).toThrow(Waiting)
    })
})

it("sorts ids as text the way it sorts them as bytes", () => {
    const ids = Array.from({ length: 50 }, () => random(16))
    expect(ids.toSorted(compare).map(hex)).toEqual(ids.map(hex).toSorted())
})
