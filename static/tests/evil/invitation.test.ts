// @vitest-environment node
/** Under test: names that are shown, and the answer to an opened invitation, with any bit of them changed. */
import { beforeAll, describe, expect, it, vi } from "vitest"
import { TeamBook } from "../../src/core/books.ts"
import { openInvite } from "../../src/core/invites.ts"
import type { Opening } from "../../src/core/records.ts"
import { Server } from "../../src/core/transport.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, utf8 } from "../../src/crypto/bytes.ts"
import { encode } from "../../src/crypto/cbor.ts"
import { inviteFragment } from "../../src/crypto/links.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import { Person, TeamBuilder } from "../chains.ts"
import { everyBit, everyLength } from "./bending.ts"

vi.setConfig({ testTimeout: 60_000 })
beforeAll(sodiumReady)

const NAMES: Opening["kind"][] = ["name", "email", "team"]

describe("an opening", () => {
    it("names nobody with any bit changed, under another kind, or for somebody else", async () => {
        const team = new TeamBuilder()
        const mary = await team.join(team.founder, new Person("mary"))
        const book = new TeamBook(team.state, hex(team.founder.account))
        const honest = { kind: "name", salt: mary.salts.name, text: "mary" } as const
        const named = (opening: Opening) => {
            book.names.clear()
            book.takeOpenings([opening])
            const { members } = book.state
            return [...members.values()]
                .map(({ profile }) => book.textOf(profile.name))
                .filter((one) => one !== null)
        }
        expect(named(honest)).toEqual(["mary"])
        for (const salt of everyBit(honest.salt)) expect(named({ ...honest, salt })).toEqual([])
        for (const bytes of everyBit(utf8(honest.text)))
            expect(named({ ...honest, text: new TextDecoder().decode(bytes) })).toEqual([])
        for (const text of ["", "mar", "mary ", "Mary", "mary\0"])
            expect(named({ ...honest, text })).toEqual([])
        for (const kind of NAMES.slice(1)) expect(named({ ...honest, kind })).toEqual([])
        expect(named({ ...honest, salt: team.founder.salts.name })).toEqual([])
    })
})

describe("the answer to an invitation", () => {
    it("shows the truth, less of it, or nothing, with any byte changed, at any other length", async () => {
        const team = new TeamBuilder()
        const olive = team.founder
        const guest = new Person("guest")
        const { t, hash, invite } = await team.invite(olive, guest)
        const openings = [
            { kind: "team", salt: team.nameSalt, text: "Orchard" },
            { kind: "name", salt: olive.salts.name, text: "olive" },
            { kind: "email", salt: guest.salts.email, text: guest.email },
        ]
        const honest = encode({ team: team.id, links: [...team.links], state: "open", openings })
        let body: Bytes = honest
        const found = encode({ team: team.id, invite })
        const server = new Server({
            request: async (_method, path) => ({
                ...{ status: 200, headers: new Map() },
                body: path === "invites/find" ? found : body,
            }),
        })
        const seen = () => openInvite(server, null, inviteFragment(t, hash))
        const truth = await seen()
        expect(truth).toMatchObject({ teamName: "Orchard", inviter: "olive", state: "open", role: "member" })
        let shown = 0
        for (const bent of bends(honest)) {
            body = bent
            const preview = await seen().catch(() => null)
            if (preview === null) continue
            shown++
            for (const [name, value] of Object.entries(preview)) {
                const nothing = name === "awaited" ? [] : null
                expect(
                    [JSON.stringify(truth[name as keyof typeof truth]), JSON.stringify(nothing)],
                    name,
                ).toContain(JSON.stringify(value))
            }
        }
        // What is shown at all has lost a name, or a hint: never a link.
        expect(shown).toBeLessThan(honest.length / 2)
    })
})

/** One bit of each byte, each in its turn, and every other length. */
function* bends(bytes: Bytes): Generator<Bytes> {
    let place = 0
    for (const bent of everyBit(bytes)) {
        const [byte, bit] = [place >> 3, place & 7]
        place++
        if (bit === byte % 8) yield new Uint8Array(bent)
    }
    yield* everyLength(bytes)
}
