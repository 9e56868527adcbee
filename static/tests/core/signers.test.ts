// @vitest-environment node
/** Under test: whom a refusal names, what it keeps of a refused link, and what the page says of both. */
import { beforeAll, describe, expect, it } from "vitest"
import { Books, TeamBook } from "../../src/core/books.ts"
import { senderOf, signerOf } from "../../src/core/signers.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, random } from "../../src/crypto/bytes.ts"
import { encode } from "../../src/crypto/cbor.ts"
import { makeGrant, parseGrant } from "../../src/crypto/grants.ts"
import { Dek } from "../../src/crypto/keys.ts"
import { readActor } from "../../src/crypto/links.ts"
import { sha256, sodiumReady } from "../../src/crypto/sodium.ts"
import { savedWords, signerWords } from "../../src/words/refusals.ts"
import { Person, TeamBuilder } from "../chains.ts"

beforeAll(sodiumReady)

function withLastByte(bytes: Bytes): Bytes {
    const bent = bytes.slice()
    bent[bent.length - 1] = (bent.at(-1) as number) ^ 1
    return bent
}

describe("the signer of what was refused", () => {
    let olive: Person
    let team: TeamBuilder
    let link: Bytes
    const profile = () => ({ profile: { email: random(32), name: random(32) } })

    beforeAll(() => {
        olive = new Person("olive")
        team = new TeamBuilder(olive)
        link = team.sign(olive, "set_profile", profile()).signed
    })

    it("is named, and it is said whether the signature is theirs", () => {
        expect(signerOf(team.state, link)).toEqual({ member: olive.id, isProven: true })
        expect(signerOf(team.state, withLastByte(link))).toEqual({ member: olive.id, isProven: false })
    })

    it("is proven by nobody whom the team does not know", () => {
        const other = new Person("eve")
        const theirs = team.sign(other, "set_profile", profile()).signed
        expect(signerOf(team.state, theirs)).toEqual({ member: other.id, isProven: false })
        expect(signerOf(null, link)).toEqual({ member: olive.id, isProven: false })
    })

    it("is read from a link of a kind that does not exist, and from nothing else that is no link", () => {
        const content = encode({ actor: olive.member, type: "veto" })
        const sig = olive.keyring.identity.sign("coffret/link/veto/v1\0", content)
        const veto = encode({ link: content, sigs: [{ fp: olive.keyring.fp, sig }] })
        expect(signerOf(team.state, veto)).toEqual({ member: olive.id, isProven: true })
        const bare = (fields: Record<string, string | Bytes>) => encode({ link: encode(fields), sigs: [] })
        for (const bytes of [
            random(40),
            encode({ link }),
            encode({ link: random(9), sigs: [] }),
            bare({ actor: random(15), type: "veto" }),
            bare({ actor: olive.member, type: "veto\0" }),
            encode({ link: new Uint8Array(300_000), sigs: [] }),
        ])
            expect(readActor(bytes)).toBeNull()
    })

    it("of a grant is whose keys it names", () => {
        const place = { team: team.id, vault: random(16), epoch: 1 }
        const { box, fp } = olive.keyring
        const { stored } = makeGrant(olive.keyring, Dek.generate(), place, { fp, box: box.public }, team.head)
        const grant = parseGrant(stored)
        expect(senderOf(team.state, grant)).toEqual({ member: olive.id, isProven: true })
        expect(senderOf(team.state, { ...grant, sig: random(64) })?.isProven).toBe(false)
        expect(senderOf(team.state, { ...grant, from: random(32) })).toBeNull()
    })

    it("stands in the report with the hash of the link, which can be saved", () => {
        const books = new Books()
        const book = new TeamBook(team.state, hex(olive.account))
        books.teams.set(book.id, book)
        book.stopAt(1, link)
        book.stopAt(2, random(9))
        books.freezeTeam(book, "T2.role", {})
        const [refusal] = books.refusals.values()
        expect(refusal).toMatchObject({ links: true, signer: { member: olive.id, isProven: true } })
        expect(JSON.parse(refusal?.report ?? "")).toMatchObject({
            ...{ refused_seq: 1, refused_link: hex(sha256(link)) },
            ...{ signer: olive.id, signature_holds: 1 },
        })
    })

    it("and a place without bytes promises neither", () => {
        const books = new Books()
        const book = new TeamBook(team.state, hex(olive.account))
        books.teams.set(book.id, book)
        books.freezeTeam(book, "S4.keys", {})
        const [refusal] = books.refusals.values()
        expect(refusal).toMatchObject({ links: false, signer: null })
        expect(JSON.parse(refusal?.report ?? "")).not.toHaveProperty("refused_link")
    })
})

it("says what a saved file holds, and whose signature was seen", () => {
    expect([
        savedWords({ whole: 2, hashes: 0 }),
        savedWords({ whole: 1, hashes: 1 }),
        savedWords({ whole: 0, hashes: 2 }),
    ]).toEqual([
        "Saved, with 2 links.",
        "Saved, with one link; of the rest only one hash is known here.",
        "Saved: 2 hashes. No link itself is known here.",
    ])
    expect(signerWords("“Ana”", true)).toContain("is signed by “Ana”")
    expect(signerWords("“Ana”", false)).toContain("but the signature is not theirs")
    expect(signerWords(null, false)).toContain("whom the team’s log does not know")
})
