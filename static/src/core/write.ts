/**
 * Writing items (design 3, 4, 9): blobs and the vault link in one request. If a holder left since the last change of
 * key, the same request changes the key first, for the holders of the fold and nobody else.
 */
import type { Bytes } from "../crypto/bytes.ts"
import { hex, unhex } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import type { Dek } from "../crypto/keys.ts"
import type { Head, Parsed } from "../crypto/links.ts"
import { signLink } from "../crypto/links.ts"
import { pad, partCommitment, revisionHash, sealPart } from "../crypto/parts.ts"
import type { Details, Overview, SaveResult } from "../worker/api.ts"
import type { Row, VaultBook } from "./books.ts"
import type { Context } from "./context.ts"
import { CoreFailure, ensure } from "./failure.ts"
import { uuid7 } from "./ids.ts"
import type { Part } from "./items.ts"
import { encodePart, overviewOf, writeDetails, writeOverview } from "./items.ts"
import type { Rotation } from "./links.ts"
import {
    foldMine,
    foldMineVault,
    headOf,
    makeRotation,
    markOf,
    requireSettled,
    requireTeam,
    requireVault,
    vaultPath,
} from "./links.ts"
import type { Shipment } from "./outbox.ts"
import { openForEdit, openItem } from "./read.ts"

/** What an item becomes; null is a purge. */
export type Content = { readonly overview: Part; readonly details: Part } | null

/** A vault link ready to be sent, and what it makes of the item here. */
export interface Change {
    readonly link: Parsed<"change">
    readonly blobs: readonly Value[]
    readonly row: Row | null
    readonly item: string
}

/** Under which key, and on which team head, a change is made. */
export interface Ground {
    readonly dek: Dek
    readonly epoch: number
    readonly seen: Head
}

/** Seal and sign one change of one item. */
export async function makeChange(
    context: Context,
    vault: VaultBook,
    ground: Ground,
    item: string,
    content: Content,
): Promise<Change> {
    const { me } = vault.team
    ensure(me !== undefined, "not_found")
    const { dek, epoch, seen } = ground
    const revision = vault.state.revisionOf(item) + 1
    const place = {
        author: unhex(me.id),
        epoch,
        item: unhex(item),
        revision,
        team: vault.team.state.id,
        vault: unhex(vault.id),
    }
    const sealed = content === null ? null : await sealContent(dek, place, content)
    const link = signLink<"change">(context.me.keyring, {
        actor: place.author,
        at: context.clock.now(),
        body: { entries: [[place.item, revision, sealed?.hash ?? null]], epoch },
        chain: place.vault,
        prev: vault.state.head,
        seen,
        seq: vault.state.seq + 1,
        type: "change",
    })
    if (content === null || sealed === null) return { link, blobs: [], row: null, item }
    const overview = overviewOf(content.overview)
    const { commitment, details } = sealed
    const row = { item, revision, epoch, author: me.id, overview, commitment, details, isVerified: true }
    return { link, blobs: [sealed.blob], row, item }
}

async function sealContent(
    dek: Dek,
    place: { author: Bytes; epoch: number; item: Bytes; revision: number; team: Bytes; vault: Bytes },
    content: NonNullable<Content>,
) {
    const [overview, details] = [pad(encodePart(content.overview)), pad(encodePart(content.details))]
    const commitment = partCommitment("overview", overview)
    const other = partCommitment("details", details)
    const blob = {
        overview: await sealed(dek, { ...place, part: "overview" }, overview),
        details: await sealed(dek, { ...place, part: "details" }, details),
        c_details: other,
    }
    return { blob, commitment, details: other, hash: revisionHash(commitment, other) }
}

async function sealed(dek: Dek, place: Parameters<typeof sealPart>[1], padded: Bytes): Promise<Bytes> {
    try {
        return await sealPart(dek, place, padded)
    } catch (error) {
        throw error instanceof RangeError ? new CoreFailure("too_large") : error
    }
}

/** Put what I wrote, and what was accepted, into the books. */
export function takeMine(context: Context, vault: VaultBook, change: Change): void {
    if (!foldMineVault(vault, change.link)) return
    if (change.row === null) {
        vault.rows.delete(change.item)
        context.view.gone([change.item])
        return
    }
    vault.rows.set(change.item, change.row)
    context.view.rows(vault, [change.row])
}

interface Write {
    readonly item: string
    readonly base: number
    readonly content: () => Promise<Content>
    readonly draft: string | null
}

/** The item was changed by somebody else meanwhile. */
class Conflict extends Error {}

/**
 * Write one item on top of revision `base`.
 *
 * @throws {Conflict} if the item is at another revision by now.
 */
async function write(context: Context, vaultId: string, job: Write): Promise<"done" | "pending"> {
    const { team } = requireVault(context, vaultId)
    return context.writes.run(team.id, async () => {
        requireTeam(context, team.id)
        ensure(!context.outbox.isPending([vaultId]), "offline")
        let last: { vault: VaultBook; rotation: Rotation | null; change: Change } | null = null
        const build = async (): Promise<Shipment> => {
            const vault = requireVault(context, vaultId)
            requireSettled(vault)
            if (vault.state.revisionOf(job.item) !== job.base) throw new Conflict()
            const { ground, rotation } = await groundOf(context, vault)
            const change = await makeChange(context, vault, ground, job.item, await job.content())
            last = { vault, rotation, change }
            return shipmentOf(vault, rotation, change, job.draft)
        }
        const sent = await context.outbox.send(build, context.sync)
        if (sent.result === "pending" || last === null) return "pending"
        const { vault, rotation, change } = last as {
            vault: VaultBook
            rotation: Rotation | null
            change: Change
        }
        await context.state.run(async () => {
            if (rotation !== null) takeRotation(vault, rotation)
            takeMine(context, vault, change)
        })
        await context.written()
        return "done"
    })
}

/** The key and head to write on: the open epoch's, or those of a rotation that rides along. */
async function groundOf(
    context: Context,
    vault: VaultBook,
): Promise<{ ground: Ground; rotation: Rotation | null }> {
    ensure(vault.mayWrite, "no_right")
    const { state } = vault.team
    const { dek } = vault
    if (!vault.isDue && dek !== undefined) {
        return {
            ground: { dek, epoch: vault.epoch, seen: { hash: state.head, seq: state.seq } },
            rotation: null,
        }
    }
    // A grant that is still to come is waited for; one that came and is no good is stepped over.
    ensure(vault.isDue || vault.hasBrokenGrant, "no_key")
    const rotation = await makeRotation(context, vault)
    return { ground: { dek: rotation.dek, epoch: rotation.epoch, seen: headOf(rotation.link) }, rotation }
}

function shipmentOf(
    vault: VaultBook,
    rotation: Rotation | null,
    change: Change,
    draft: string | null,
): Shipment {
    const marks = [markOf(vault.id, change.link)]
    if (rotation !== null) marks.unshift(markOf(vault.team.id, rotation.link))
    const body = { link: change.link.signed, blobs: change.blobs, rotation: rotation?.value ?? null }
    return { path: vaultPath(vault, "changes"), body, marks, draft }
}

export function takeRotation(vault: VaultBook, rotation: Rotation): void {
    if (!foldMine(vault.team, rotation.link)) return
    vault.ring.set(rotation.epoch, rotation.dek)
    vault.hasBrokenGrant = false
}

/** Save an item; `item` null makes a new one. The draft, if there is one, is dropped once it is accepted. */
export async function saveItem(
    context: Context,
    vaultId: string,
    item: string | null,
    base: number,
    overview: Overview,
    details: Details,
    draft: string | null,
): Promise<SaveResult> {
    const id = item ?? hex(uuid7(context.clock.now()))
    const vault = requireVault(context, vaultId)
    ensure(!vault.broken.has(id), "refused")
    try {
        const before =
            base > 0 ? (await openForEdit(context, vaultId, id, base)).raw : { overview: {}, details: {} }
        const content = {
            overview: writeOverview(overview, before.overview),
            details: writeDetails(details, before.details),
        }
        const result = await write(context, vaultId, { item: id, base, content: async () => content, draft })
        return result === "pending" ? { result, item: id } : { result: "saved", item: id, revision: base + 1 }
    } catch (error) {
        if (!(error instanceof Conflict)) throw error
        const { overview: theirs, details: more, revision, author } = await openItem(context, vaultId, id)
        return { result: "conflict", item: id, theirs: { overview: theirs, details: more, revision, author } }
    }
}

/** Set or clear the date of the trash; the rest of the item stays to the byte. */
export async function setTrash(
    context: Context,
    vaultId: string,
    item: string,
    trash: number | null,
): Promise<void> {
    ensure(item !== vaultId, "no_right")
    const { raw, revision } = await openItem(context, vaultId, item)
    const content = { overview: { ...raw.overview, trash }, details: raw.details }
    await rewrite(context, vaultId, { item, base: revision, content: async () => content, draft: null })
}

/** Delete an item and all its revisions for ever. */
export async function purgeItem(context: Context, vaultId: string, item: string): Promise<void> {
    const vault = requireVault(context, vaultId)
    ensure(vault.mayManage && item !== vaultId, "no_right")
    const base = vault.state.revisionOf(item)
    ensure(base > 0 && !vault.state.isPurged(item), "not_found")
    await rewrite(context, vaultId, { item, base, content: async () => null, draft: null })
}

async function rewrite(context: Context, vaultId: string, job: Write): Promise<void> {
    try {
        await write(context, vaultId, job)
    } catch (error) {
        throw error instanceof Conflict ? new CoreFailure("head_moved") : error
    }
}

/** Change a vault's key without writing an item. */
export async function rotateVault(context: Context, vaultId: string): Promise<void> {
    const { team } = requireVault(context, vaultId)
    await context.writes.run(team.id, async () => {
        requireTeam(context, team.id)
        let made: { vault: VaultBook; rotation: Rotation } | null = null
        const build = async (): Promise<Shipment> => {
            const vault = requireVault(context, vaultId)
            const rotation = await makeRotation(context, vault)
            made = { vault, rotation }
            const body = { link: null, blobs: [], rotation: rotation.value }
            return {
                path: vaultPath(vault, "changes"),
                body,
                marks: [markOf(team.id, rotation.link)],
                draft: null,
            }
        }
        const sent = await context.outbox.send(build, context.sync)
        if (sent.result === "pending" || made === null) return
        const { vault, rotation } = made as { vault: VaultBook; rotation: Rotation }
        await context.state.run(async () => takeRotation(vault, rotation))
        await context.written()
    })
}
