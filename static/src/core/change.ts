/** A vault link with its blobs: sealed and signed here, and taken into the books once it is accepted (design 3, 4). */
import type { Bytes } from "../crypto/bytes.ts"
import { compare, unhex } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import type { Dek } from "../crypto/keys.ts"
import type { Head, Parsed } from "../crypto/links.ts"
import { signLink } from "../crypto/links.ts"
import { pad, partCommitment, revisionHash, sealPart } from "../crypto/parts.ts"
import type { Row, VaultBook } from "./books.ts"
import type { Context } from "./context.ts"
import { CoreFailure, ensure } from "./failure.ts"
import type { Part } from "./items.ts"
import { encodePart, readOverview } from "./items.ts"
import { foldMineVault, requireCompared } from "./links.ts"

const NOTHING = new Uint8Array()

/** What an item becomes; null is a purge. */
export type Content = { readonly overview: Part; readonly details: Part } | null

/** One item of a change. */
export interface Edit {
    readonly item: string
    readonly content: Content
}

/** A vault link ready to be sent, and what it makes of its items here; a null row is a purge. */
export interface Change {
    readonly link: Parsed<"change">
    readonly blobs: readonly Value[]
    readonly outcomes: readonly { readonly item: string; readonly row: Row | null }[]
}

/** Under which key, and on which team head, a change is made. */
export interface Ground {
    readonly dek: Dek
    readonly epoch: number
    readonly seen: Head
}

/**
 * Seal and sign one change of some items, no item twice.
 *
 * @throws {CoreFailure} `too_large` for an item beyond the format's limits.
 */
export async function makeChange(
    context: Context,
    vault: VaultBook,
    ground: Ground,
    edits: readonly Edit[],
): Promise<Change> {
    const { me } = vault.team
    ensure(me !== undefined, "not_found")
    requireCompared(context, vault.team)
    const author = unhex(me.id)
    // The blobs go in the order of the link's entries.
    const made = (await Promise.all(edits.map((edit) => sealEdit(vault, ground, author, edit)))).toSorted(
        (a, b) => compare(a.entry[0], b.entry[0]),
    )
    const link = signLink<"change">(context.me.keyring, {
        actor: author,
        at: context.clock.now(),
        body: { entries: made.map(({ entry }) => entry), epoch: ground.epoch },
        chain: unhex(vault.id),
        prev: vault.state.head,
        seen: ground.seen,
        seq: vault.state.seq + 1,
        type: "change",
    })
    const blobs = made.flatMap(({ blob }) => (blob === null ? [] : [blob]))
    const rowOf = ({ row }: (typeof made)[number]): Row | null => row && { ...row, author: me.id }
    return { link, blobs, outcomes: made.map((each) => ({ item: each.item, row: rowOf(each) })) }
}

async function sealEdit(vault: VaultBook, { dek, epoch }: Ground, author: Bytes, { item, content }: Edit) {
    const revision = vault.state.revisionOf(item) + 1
    const id = unhex(item)
    if (content === null) return { item, entry: [id, revision, null] as const, blob: null, row: null }
    const place = { author, epoch, item: id, revision, team: vault.team.state.id, vault: unhex(vault.id) }
    const { blob, details, hash } = await sealContent(dek, place, content)
    const overview = readOverview(content.overview)
    const row = { item, revision, epoch, overview, padded: NOTHING, details, isVerified: true, before: null }
    return { item, entry: [id, revision, hash] as const, blob, row }
}

async function sealContent(
    dek: Dek,
    place: { author: Bytes; epoch: number; item: Bytes; revision: number; team: Bytes; vault: Bytes },
    content: NonNullable<Content>,
) {
    const [overview, details] = [pad(encodePart(content.overview)), pad(encodePart(content.details))]
    const other = partCommitment("details", details)
    const blob = {
        overview: await sealed(dek, { ...place, part: "overview" }, overview),
        details: await sealed(dek, { ...place, part: "details" }, details),
        c_details: other,
    }
    return { blob, details: other, hash: revisionHash(partCommitment("overview", overview), other) }
}

async function sealed(dek: Dek, place: Parameters<typeof sealPart>[1], padded: Bytes): Promise<Bytes> {
    try {
        return await sealPart(dek, place, padded)
    } catch (error) {
        throw error instanceof RangeError ? new CoreFailure("too_large") : error
    }
}

/** Put what I wrote, and what the server says it took, into the books. @throws as {@link foldMineVault}. */
export function takeMine(context: Context, vault: VaultBook, change: Change): void {
    foldMineVault(context, vault, change.link)
    const shown: Row[] = []
    const gone: string[] = []
    for (const { item, row } of change.outcomes) {
        if (row === null) {
            vault.rows.delete(item)
            vault.broken.delete(item)
            gone.push(item)
        } else {
            vault.rows.set(item, row)
            vault.heal(item, row.revision)
            shown.push(row)
        }
    }
    context.view.gone(vault, gone)
    context.view.rows(vault, shown)
}
