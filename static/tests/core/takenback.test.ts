// @vitest-environment node
/** Under test: which open invitations go with a member who is removed. */
import { beforeAll, expect, it } from "vitest"
import { TeamBook } from "../../src/core/books.ts"
import { openInvitesOf } from "../../src/core/members.ts"
import { hex } from "../../src/crypto/bytes.ts"
import { profileCommitment } from "../../src/crypto/keys.ts"
import { sodiumReady } from "../../src/crypto/sodium.ts"
import { orchard } from "../chains.ts"

beforeAll(sodiumReady)

it("those for the address that a member was invited by, and for the one that they took since", async () => {
    const o = await orchard()
    const [taken, salt] = ["taken@example.test", o.mary.salts.email]
    const forMary = await o.team.invite(o.adam, o.mary)
    const forRita = await o.team.invite(o.adam, o.rita)
    const email = profileCommitment("email", taken, salt)
    o.team.add(o.mary, "set_profile", { profile: { ...o.mary.profile, email } })
    const book = new TeamBook(o.team.state, hex(o.adam.account))
    const hashes = (member: Uint8Array) => openInvitesOf(book, hex(member as never)).map(({ hash }) => hash)
    // While their texts are not here, any of them may be for that address.
    expect(hashes(o.mary.member)).toEqual([forMary, forRita].map(({ hash }) => hex(hash)))
    book.takeOpenings([
        ...[o.mary, o.rita].map((one) => ({
            kind: "email" as const,
            salt: one.salts.email,
            text: one.email,
        })),
        { kind: "email", salt, text: taken },
    ])
    expect(hashes(o.mary.member)).toEqual([hex(forMary.hash)])
    expect(hashes(o.rita.member)).toEqual([hex(forRita.hash)])
})
