// @vitest-environment node
/**
 * Under test: what the core refuses where no lie of a whole server shows it, because another rule refuses the same
 * answer first, or because somebody with a key has to take part.
 */
import { beforeAll, describe, expect, it } from "vitest"
import { Applier } from "../../src/core/apply.ts"
import { Books, type Row, TeamBook } from "../../src/core/books.ts"
import type { Context } from "../../src/core/context.ts"
import { openInvite } from "../../src/core/invites.ts"
import { detailsOf, overviewOf } from "../../src/core/items.ts"
import type { Kept } from "../../src/core/kept.ts"
import { foldMine, foldMineVault } from "../../src/core/links.ts"
import type { PinBook } from "../../src/core/pins.ts"
import { openItem } from "../../src/core/read.ts"
import type { Delta, LinksRecord } from "../../src/core/records.ts"
import { openRows, settleRows, verifyRow } from "../../src/core/rows.ts"
import { settingsOf } from "../../src/core/settings.ts"
import { Server } from "../../src/core/transport.ts"
import { verdictsOf } from "../../src/core/verdicts.ts"
import { pageRow, View } from "../../src/core/view.ts"
import { acceptRefusal } from "../../src/core/waiting.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, random } from "../../src/crypto/bytes.ts"
import type { Value } from "../../src/crypto/cbor.ts"
import { encode } from "../../src/crypto/cbor.ts"
import { Refused } from "../../src/crypto/errors.ts"
import type { Dek } from "../../src/crypto/keys.ts"
import { Amk, dekCommit, Keyring } from "../../src/crypto/keys.ts"
import type { TeamLink } from "../../src/crypto/links.ts"
import { inviteFragment } from "../../src/crypto/links.ts"
import { sealPart } from "../../src/crypto/parts.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import type { Snapshot } from "../../src/worker/api.ts"
import { Person, TeamBuilder } from "../chains.ts"
import type { Orchard } from "../evil/orchard.ts"
import { heldOf, orchard, record } from "../evil/orchard.ts"

beforeAll(sodiumReady)

const unseen = new View(
    () => undefined,
    () => ({}) as Snapshot,
)

/** A server that answers everything with this. */
function answering(answer: () => Value): Server {
    return new Server({ request: async () => ({ status: 200, headers: new Map(), body: encode(answer()) }) })
}

function meOf({ account, keyring, email }: Person) {
    return { account, email, keyring, serverKey: random(32), amk: Amk.generate(), cred: random(16) }
}

describe("the text of an item", () => {
    it.each([
        ["is no map", encode([1])],
        ["is not CBOR", random(1).fill(0xff)],
        ["has no title", encode({ type: "note", tags: [], trash: null })],
        ["has a number for a title", encode({ type: "note", title: 5, tags: [], trash: null })],
        ["has fields that are none", encode({ type: "note", fields: [null], note: "" })],
    ])("that %s is shown as unreadable, and written over as an empty one", (_name, text) => {
        const [overview, details] = [overviewOf(text), detailsOf(text)]
        expect([overview.shown.isUnreadable, details.shown.isUnreadable]).toEqual([true, true])
        expect(overviewOf(encode(overview.raw)).shown).toMatchObject({ title: "", tags: [], trash: null })
        expect(overviewOf(encode(overview.raw)).shown.isUnreadable).toBeUndefined()
        expect(detailsOf(encode(details.raw)).shown).toEqual({ fields: [], note: "" })
    })
})

describe("a row", () => {
    let made: Orchard
    beforeAll(async () => {
        made = await orchard()
    })

    /** The row of an item as it is, but for what is other about it. */
    async function shown(item: Bytes, other: Partial<Row>) {
        const { books, held } = await heldOf(made)
        const last = held.state.latest(hex(item))
        const row: Row = {
            item: hex(item),
            ...{ revision: last?.revision ?? 1, epoch: last?.epoch ?? 1, author: made.olive.id },
            ...{ overview: { type: "note", title: "", tags: [], trash: null } },
            ...{ padded: made.padded.overview, details: made.written[2].c_details },
            ...{ isVerified: false, before: null, ...other },
        }
        held.rows.set(row.item, row)
        return { books, held, row, last }
    }

    it("of another author, or of an older key than its link, is not what opens at its place", async () => {
        for (const other of [{ author: hex(random(16)) }, { epoch: 1 }]) {
            const { row, last } = await shown(made.items[0], other)
            const verdict = last && verifyRow(row, last)
            expect(verdict instanceof Refused && verdict.refusal).toBe("R7.open")
        }
    })

    it("that calls itself a vault's name, and is none, is shown like others", async () => {
        const { held, row } = await shown(made.items[0], {
            overview: { type: "vault", title: "hidden", tags: [], trash: null },
        })
        expect(pageRow(held, row).overview).toMatchObject({ type: "note", title: "hidden" })
    })

    it.each([
        ["that is ahead of its chain", 0, { revision: 3 }],
        ["of an item that no link names", 2, {}],
        ["that is behind its chain, and comes again", 0, { revision: 1 }],
    ])("%s refuses the vault", async (_name, which, other) => {
        const { books, held } = await shown(made.items[which] as Bytes, other)
        const at = held.state.seq
        settleRows(books, held, { from: at, to: at }, unseen)
        expect(held.refusal).toBe("R12.items")
    })

    it.each([
        ["of a key that is not there yet", { epoch: 99 }],
        ["of another author, whose key is not here,", { author: random(16) }],
    ])("%s is refused before it is opened", async (_name, other) => {
        const { books, held } = await heldOf(made)
        const [, , { revision, author, item, epoch, overview, c_details }] = made.written
        const row = { item: hex(item), revision, epoch, author, details: c_details, overview, ...other }
        held.ring.clear()
        held.sealed.set(row.item, row)
        await openRows(books, held, unseen)
        const at = held.state.seq
        settleRows(books, held, { from: at, to: at }, unseen)
        expect([...books.refusals.values()].map(({ id, item }) => [id, item])).toEqual([
            ["R7.open", row.item],
        ])
    })

    it("of an older key than its link is not opened, though its author's text is in it", async () => {
        const { books, held } = await heldOf(made)
        const [, , { revision, author, item, c_details }] = made.written
        const place = { author, epoch: 1, item, revision, team: made.team.id, vault: made.vault.bytes }
        const [older] = made.vault.deks as [Dek]
        const { padded } = made
        const parts = {
            overview: await sealPart(older, { ...place, part: "overview" }, padded.overview),
            details: await sealPart(older, { ...place, part: "details" }, padded.details),
        }
        const answer = { revision, epoch: 1, c_details, ...parts }
        held.team.isMissing = false
        const context = { books, server: answering(() => answer), view: unseen, recent: new Map() }
        const opening = openItem(context as unknown as Context, held.id, hex(item))
        await expect(opening).rejects.toThrow("R7.open")
    })
})

describe("chains", () => {
    const empty = (): Delta => ({ teams: [], vaults: new Map(), items: new Map(), links: new Map() })
    const pins = {
        teamOf: () => null,
        seqOf: () => null,
        checkTeam: () => undefined,
        checkVault: () => undefined,
    } as unknown as PinBook
    const kept = { note: () => undefined } as unknown as Kept

    function applierOf(olive: Person) {
        const books = new Books()
        return { books, applier: new Applier(books, meOf(olive), pins, unseen, kept) }
    }

    function served({ id, links, head }: TeamBuilder): Delta {
        const extras = record()
        return { ...empty(), teams: [{ team: hex(id), links, extras, seq: head.seq, hash: head.hash }] }
    }

    it("of a second team with a vault's id are told of, and the vault is the first team's", async () => {
        const olive = new Person("olive")
        const [team, second] = [new TeamBuilder(olive), new TeamBuilder(olive)]
        const vault = team.createVault(olive)
        const commit = dekCommit(vault.deks[0] as Dek, { team: second.id, vault: vault.bytes, epoch: 1 })
        second.add(olive, "vault_create", { dek_commit: commit, epoch: 1, vault: vault.bytes })
        const { books, applier } = applierOf(olive)
        await applier.teams(served(team))
        await applier.teams(served(second))
        expect([...books.refusals.values()].map(({ id, team }) => [id, team])).toEqual([
            ["R13.vault", hex(second.id)],
        ])
        expect(books.vault(vault.id)?.team.id).toBe(hex(team.id))
    })

    it("of a vault that are served again with another link in them are a fork", async () => {
        const made = await orchard()
        const { books, applier } = applierOf(made.olive)
        await applier.teams(served(made.team))
        const held = books.vault(made.vault.id)
        if (held === undefined) throw new Error("no vault")
        held.state = made.vault.state
        const again = (links: Bytes[]): Delta => {
            const one: LinksRecord = { vault: held.id, first: 1, links }
            return { ...empty(), links: new Map([[held.id, [one]]]) }
        }
        const { links } = made.vault
        await applier.links(again(links), new Map())
        expect(held.refusal).toBe(null)
        await applier.links(again(links.with(0, links[1] as Bytes)), new Map())
        expect([held.refusal, held.stop?.seq]).toEqual(["T4.fork", 1])
    })

    it("that pins contradict are frozen, and told of if they are not here", async () => {
        const { books, held } = await heldOf(await orchard())
        const { refuse } = verdictsOf(books)
        const unknown = hex(random(16))
        refuse(held.id, "T4.fork")
        expect([held.refusal, held.team.refusal]).toEqual(["T4.fork", null])
        refuse(held.team.id, "R23.genesis")
        expect(held.team.refusal).toBe("R23.genesis")
        refuse(unknown, "T4.fork")
        expect([...books.refusals.values()].map(({ id, team }) => [id, team])).toContainEqual([
            "T4.fork",
            unknown,
        ])
    })

    it("that pins as a whole contradict is told of no chain", async () => {
        const { books } = await heldOf(await orchard())
        verdictsOf(books).refuse(null, "R17.pins")
        expect([...books.refusals.values()].map(({ id, team }) => [id, team])).toEqual([["R17.pins", null]])
    })
})

describe("a link of my own", () => {
    it("that the server puts at another place of the team is a fork", async () => {
        const { olive, team } = await orchard()
        const book = new TeamBook(team.state, hex(olive.account))
        const link = { ...team.sign(olive, "set_profile", { profile: olive.profile }), seq: 99 }
        const context = { books: new Books() } as unknown as Context
        expect(() => foldMine(context, book, link as TeamLink)).toThrow("T4.fork")
        expect(book.refusal).toBe("T4.fork")
    })

    it.each([
        ["that the server puts at another place of the vault is a fork", 99, 1, "T4.fork"],
        ["that cannot stand where it is said to is refused as its fold says", 0, 7, "T14.revision"],
    ] as const)("%s", async (_name, ahead, revision, id) => {
        const made = await orchard()
        const { books, held } = await heldOf(made)
        const link = made.team.signChange(made.olive, made.vault, [[random(16), revision, random(32)]])
        const context = { books } as unknown as Context
        const folding = () => foldMineVault(context, held, { ...link, seq: link.seq + ahead })
        expect(folding).toThrow(id)
        expect(held.refusal).toBe(id)
        // It has left this browser: no page may say that nothing was sent.
        expect([...books.refusals.values()].map(({ isDenied }) => isDenied)).toEqual([true])
    })
})

describe("joining", () => {
    it("shows no invitation into a team in which my account has other keys", async () => {
        const [team, mary] = [new TeamBuilder(), new Person("mary")]
        await team.join(team.founder, mary)
        const { t, hash, invite } = await team.invite(team.founder, mary)
        const answer = { links: team.links, team: team.id, invite, state: "open", openings: [] }
        const server = answering(() => answer)
        const asked = (me: ReturnType<typeof meOf>) =>
            openInvite(server, { me, settings: settingsOf("Mary") }, inviteFragment(t, hash))
        expect((await asked(meOf(mary))).team).toBe(hex(team.id))
        await expect(asked({ ...meOf(mary), keyring: Keyring.generate() })).rejects.toThrow("S4.keys")
    })

    it("takes no acceptance for another team, another invitation or address, or with another signature", async () => {
        const [team, mary] = [new TeamBuilder(), new Person("mary")]
        const invitation = await team.invite(team.founder, mary)
        const book = new TeamBook(team.state, hex(team.founder.account))
        const invite = team.state.invites.get(hex(invitation.hash))
        if (invite === undefined) throw new Error("no invitation")
        const judged = async (by: TeamBuilder, given: typeof invitation, whom = mary, other = {}) => {
            const opening = { kind: "name", salt: random(32), text: "Mary" } as const
            const said = { ...(await by.accept(whom, given)), ...other }
            return acceptRefusal(new Books(), book, { invite: invite.hash, ...said, opening }, invite)
        }
        const elsewhere = Object.assign(new TeamBuilder(), { id: random(16) })
        const other = Object.assign(new Person("eve"), { keyring: mary.keyring, member: mary.member })
        expect(await judged(team, invitation)).toBe(null)
        expect(await judged(elsewhere, invitation)).toBe("T10.team")
        expect(await judged(team, { ...invitation, hash: random(32) })).toBe("T10.invite")
        expect(await judged(team, invitation, other)).toBe("T10.email")
        const unsigned = (by: "by_invite" | "by_identity") =>
            judged(team, invitation, mary, { [by]: new Uint8Array(64) })
        expect(await unsigned("by_invite")).toBe("T10.sig_invite")
        expect(await unsigned("by_identity")).toBe("T10.sig_identity")
    })
})
