// @vitest-environment node
/** Under test: what is shown as the last change by somebody else, whatever their clocks say. */
import { beforeAll, describe, expect, it } from "vitest"
import { Books, TeamBook } from "../../src/core/books.ts"
import { settingsOf } from "../../src/core/settings.ts"
import { teamViews } from "../../src/core/view.ts"
import { hex, random } from "../../src/crypto/bytes.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import { orchard, START } from "../chains.ts"

beforeAll(sodiumReady)

const NOW = START + 86_400_000
const NEVER = 2 ** 53 - 1

describe("the last change by somebody else", () => {
    /** As Olive's browser shows it. */
    async function scene() {
        const o = await orchard()
        const books = new Books()
        const book = new TeamBook(o.team.state, hex(o.olive.account))
        books.teams.set(book.id, book)
        const vault = book.vault(o.vault.id)
        if (vault !== undefined) vault.state = o.vault.state
        return { ...o, last: () => teamViews(books, settingsOf("Olive"), NOW)[0]?.lastByOther }
    }
    const profile = () => ({ profile: { email: random(32), name: random(32) } })

    it("is a link from the end of time only until the next one", async () => {
        const { team, vault, adam, mary, last } = await scene()
        team.add(mary, "set_profile", profile(), NEVER)
        expect(last()).toEqual({ member: mary.id, at: NEVER, isAhead: true })
        team.change(adam, vault, [[random(16), 1, random(32)]])
        expect(last()).toMatchObject({ member: adam.id, isAhead: false })
        team.add(adam, "set_profile", profile())
        expect(last()).toMatchObject({ member: adam.id, isAhead: false })
    })

    it("is not the one with the later clock, where another had seen it", async () => {
        const { team, vault, adam, mary, last } = await scene()
        team.add(mary, "set_profile", profile(), NOW - 1)
        team.change(adam, vault, [[random(16), 1, random(32)]])
        expect(last()?.member).toBe(adam.id)
    })
})
