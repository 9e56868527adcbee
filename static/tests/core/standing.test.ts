// @vitest-environment node
/** Under test: which signed requests may still leave, as the folds are by now. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { VaultBook } from "../../src/core/books.ts"
import { Books, TeamBook } from "../../src/core/books.ts"
import { foldsOf } from "../../src/core/standing.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, random } from "../../src/crypto/bytes.ts"
import { encode } from "../../src/crypto/cbor.ts"
import type { TeamLink, VaultLink } from "../../src/crypto/links.ts"
import { signLink } from "../../src/crypto/links.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import { orchard } from "../chains.ts"

beforeAll(sodiumReady)

describe("a signed request", () => {
    let o: Awaited<ReturnType<typeof orchard>>
    let books: Books
    let team: TeamBook
    let vault: VaultBook
    const item = random(16)

    beforeEach(async () => {
        o = await orchard()
        // Mary's browser: she writes.
        books = new Books()
        team = new TeamBook(o.team.state, hex(o.mary.account))
        books.teams.set(team.id, team)
        vault = team.vault(o.vault.id) as VaultBook
        vault.state = o.vault.state
    })

    const standing = (path: string, body: Parameters<typeof encode>[0]) =>
        foldsOf(books).standing(path, encode(body))
    const ofChange = ({ signed }: VaultLink, rotation: { link: Bytes } | null = null) =>
        standing("teams/x/vaults/y/changes", { link: signed, blobs: [], rotation })
    const ofLink = ({ signed }: TeamLink) => standing("teams/x/links", { link: signed, change: null })
    const change = () => o.team.signChange(o.mary, o.vault, [[item, 1, random(32)]])
    const rotation = () =>
        o.team.sign(o.mary, "vault_rotate", {
            cut: o.team.cut([o.vault]),
            dek_commit: random(32),
            epoch: 2,
            vault: o.vault.bytes,
        })

    it("may leave while nothing has happened, and a genesis always", () => {
        expect([ofChange(change()), ofLink(rotation() as TeamLink)]).toEqual(["now", "now"])
        expect(standing("teams", { link: random(8) })).toBe("now")
    })

    it.each([
        ["that another holder left", () => o.team.revoke(o.adam, o.rita, o.vault)],
        ["of an epoch that is closed", () => o.team.rotate(o.adam, o.vault)],
        ["after a cut that it has not seen", () => o.team.grantRight(o.adam, o.mary, o.vault, "write")],
        ["without the right to write", () => o.team.grantRight(o.adam, o.mary, o.vault, "read")],
        ["by somebody who is out", () => o.team.remove(o.adam, o.mary)],
    ])("never leaves as a change %s", (_name, happens) => {
        // What is lowered is cut.
        o.team.grantRight(o.adam, o.mary, o.vault, "manage")
        const link = change()
        happens()
        expect(ofChange(link)).toBe("never")
    })

    it("never leaves as a change of an epoch that is not there", () => {
        const { actor, at, body, chain, prev, seen, seq } = change()
        const place = { actor, at, chain, prev, seen, seq }
        const link = signLink(o.mary.keyring, { ...place, body: { ...body, epoch: 2 }, type: "change" })
        expect(ofChange(link as VaultLink)).toBe("never")
    })

    it("leaves with the key that is due, and without it when that is there", () => {
        o.team.revoke(o.adam, o.rita, o.vault)
        const made = rotation()
        const link = o.team.signChange(o.mary, o.vault, [[item, 1, random(32)]], {
            hash: made.hash,
            seq: made.seq,
        })
        expect([ofChange(change()), ofChange(link, { link: made.signed })]).toEqual(["never", "now"])
        o.team.add(o.mary, "vault_rotate", made.body, made.at)
        const same = o.team.signChange(o.mary, o.vault, [[item, 1, random(32)]])
        expect(ofChange(same, { link: made.signed })).toBe("now")
    })

    it("never leaves with a cut behind what is folded", async () => {
        const link = rotation() as TeamLink
        const removal = o.team.sign(o.adam, "remove_member", {
            cut: o.team.cutOf(o.rita),
            member: o.rita.member,
        })
        expect(ofLink(removal as TeamLink)).toBe("now")
        await o.team.write(o.mary, o.vault, item, "one", "more")
        expect([ofLink(link), ofLink(removal as TeamLink)]).toEqual(["never", "never"])
    })

    it.each([
        ["a team that is refused", "never", () => books.freezeTeam(team, "T4.fork", {})],
        ["a vault that is refused", "never", () => books.freezeVault(vault, "R12.items", {})],
        ["a team that is behind", "later", () => books.freezeTeam(team, "T4.older", {})],
        ["a vault that is behind", "later", () => books.freezeVault(vault, "T4.older", {})],
        ["a vault that waits", "later", () => Object.assign(vault, { isWaiting: true })],
        ["a team that is not listed", "later", () => Object.assign(team, { isMissing: true })],
        ["a team whose keys are shut", "later", () => Object.assign(team, { isKmsUnavailable: true })],
        ["a team that is not here", "later", () => books.teams.clear()],
    ])("in %s leaves %s", (_name, wanted, happens) => {
        const link = change()
        happens()
        expect(ofChange(link)).toBe(wanted)
    })
})
