/** A team with a vault that was made without a server, and the answers that an honest server would give of it. */
import { Books, TeamBook } from "../../src/core/books.ts"
import type { Extras } from "../../src/core/records.ts"
import { fillRings } from "../../src/core/ring.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, random } from "../../src/crypto/bytes.ts"
import { decode, encode } from "../../src/crypto/cbor.ts"
import type { Dek } from "../../src/crypto/keys.ts"
import { pad, partCommitment, revisionHash, sealPart } from "../../src/crypto/parts.ts"
import { sealOldDek } from "../../src/crypto/wraps.ts"
import type { VaultKit } from "../chains.ts"
import { TeamBuilder } from "../chains.ts"

/** What a team's record says beside its chain: nothing. */
export function record(): Extras {
    return { stir: 0, openings: [], grants: [], olds: [], waiting: [], pending: [], broken: [] }
}

export type Orchard = Awaited<ReturnType<typeof orchard>>

/** A vault with two epochs and two items, of which the first has two revisions; `padded` is the second one's text. */
export async function orchard() {
    const team = new TeamBuilder()
    const olive = team.founder
    const vault = team.createVault(olive)
    const items = [random(16), random(16), random(16)] as const
    const first = await write(team, vault, items[0], "one")
    const dek = team.rotate(olive, vault)
    const at = { team: team.id, vault: vault.bytes, epoch: 2 }
    const old = await sealOldDek(dek, at, vault.deks[0] as Dek, 1)
    const second = await write(team, vault, items[1], "two")
    const third = await write(team, vault, items[0], "one more")
    const written = [first.row, second.row, third.row] as const
    return { team, olive, vault, items, old, written, padded: third.padded }
}

async function write(team: TeamBuilder, vault: VaultKit, item: Bytes, title: string) {
    const { founder } = team
    const epoch = vault.deks.length
    const revision = vault.state.revisionOf(hex(item)) + 1
    const padded = {
        overview: pad(encode({ type: "note", title, tags: [], trash: null, v: 1 })),
        details: pad(encode({ fields: [], note: `${title}, in full`, v: 1 })),
    }
    const [o, d] = [partCommitment("overview", padded.overview), partCommitment("details", padded.details)]
    team.change(founder, vault, [[item, revision, revisionHash(o, d)]])
    const place = { author: founder.member, epoch, item, revision, team: team.id, vault: vault.bytes }
    const dek = vault.deks[epoch - 1] as Dek
    const row = {
        ...{ item, revision, epoch, author: founder.member, c_details: d },
        overview: await sealPart(dek, { ...place, part: "overview" }, padded.overview),
        details: await sealPart(dek, { ...place, part: "details" }, padded.details),
    }
    return { row, padded }
}

/** What its owner's browser holds after the chains; keys come by a grant and the `old` seal as always. */
export async function heldOf({ team, olive, vault, old }: Orchard) {
    const books = new Books()
    const book = new TeamBook(team.state, hex(olive.account))
    books.teams.set(book.id, book)
    const held = book.vault(vault.id)
    if (held === undefined) throw new Error("no vault")
    held.state = vault.state
    const grant = decode(team.grant(olive, olive, vault, 2)) as { grant: Bytes; sig: Bytes }
    const olds = [{ vault: vault.id, from: 1, to: 2, blob: old }]
    book.takeExtras({ ...record(), grants: [{ ...grant, vault: vault.id, opened: true }], olds })
    await fillRings(books, book, olive.keyring)
    return { books, held }
}
