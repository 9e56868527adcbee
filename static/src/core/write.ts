/**
 * Writing items (design 3, 4, 9): blobs and the vault link in one request. If a holder left since the last change of
 * key, the same request changes the key first, for the holders of the fold and nobody else.
 */
import { hex, random } from "../crypto/bytes.ts"
import type { Details, Draft, ImportResult, NewItem, Overview, SaveResult, Written } from "../worker/api.ts"
import type { VaultBook } from "./books.ts"
import type { Change, Content, Edit, Ground } from "./change.ts"
import { makeChange, takeMine } from "./change.ts"
import type { Context } from "./context.ts"
import { dropDraft } from "./drafts.ts"
import { CoreFailure, ensure } from "./failure.ts"
import { uuid7 } from "./ids.ts"
import { encodePart, writeDetails, writeOverview } from "./items.ts"
import type { Rotation } from "./links.ts"
import {
    foldMine,
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

/** An edit of revision `base`, 0 for a new item. */
interface Based extends Edit {
    readonly base: number
}

/** An item was changed by somebody else meanwhile. */
class Conflict extends Error {}

/** What a person typed, and the draft of it, which is spent once it is written. */
interface Typed {
    readonly typed: readonly Draft[]
    readonly draft: string | null
}

const NOTHING_TYPED: Typed = { typed: [], draft: null }

/**
 * Write some items in one link, each on top of its base.
 *
 * @throws {Conflict} if one of them is at another revision by now.
 * @throws {RefusedThere} `T4.fork` if the server says that it took what is not in the chain.
 */
async function write(
    context: Context,
    vaultId: string,
    edits: readonly Based[],
    from: Typed = NOTHING_TYPED,
): Promise<Written> {
    const { team } = requireVault(context, vaultId)
    return context.writes.run(team.id, async () => {
        requireTeam(context, team.id)
        ensure(!context.outbox.isPending([vaultId]), "under_way")
        const build = async (): Promise<Shipment> => {
            const vault = requireVault(context, vaultId)
            requireSettled(vault)
            if (edits.some(({ item, base }) => vault.state.revisionOf(item) !== base)) throw new Conflict()
            const { ground, rotation } = await groundOf(context, vault)
            const change = await makeChange(context, vault, ground, edits)
            const take = taking(context, () => {
                if (rotation !== null) takeRotation(context, vault, rotation)
                takeMine(context, vault, change)
            })
            return { ...shipmentOf(vault, rotation, change), ...from, take }
        }
        // Folds stand still while it is sealed: else it might be signed on a head that asks for another key.
        const sent = await context.outbox.send(() => context.state.run(build), context.sync)
        if (sent === "pending") return "pending"
        if (from.draft !== null) await dropDraft(context.shelf, from.draft)
        await context.written()
        return "done"
    })
}

/** Fold what the server says it took; a refusal is on the page at once. */
function taking(context: Context, fold: () => void): () => Promise<void> {
    return async () => {
        try {
            await context.state.run(async () => fold())
        } finally {
            context.view.changed()
        }
    }
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

function shipmentOf(vault: VaultBook, rotation: Rotation | null, change: Change) {
    const marks = [markOf(vault.id, change.link)]
    if (rotation !== null) marks.unshift(markOf(vault.team.id, rotation.link))
    const body = { link: change.link.signed, blobs: change.blobs, rotation: rotation?.value ?? null }
    return { path: vaultPath(vault, "changes"), body, marks }
}

function takeRotation(context: Context, vault: VaultBook, rotation: Rotation): void {
    foldMine(context, vault.team, rotation.link)
    vault.ring.set(rotation.epoch, rotation.dek)
    vault.hasBrokenGrant = false
}

/** Save an item; `item` null makes a new one. The draft, if there is one, is dropped once it is written. */
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
    ensure(!vault.isRefused(id, base), "refused")
    try {
        const before =
            base > 0 ? (await openForEdit(context, vaultId, id, base)).raw : { overview: {}, details: {} }
        const content = {
            overview: writeOverview(overview, before.overview),
            details: writeDetails(details, before.details),
        }
        const from = { typed: typedIn(context, vaultId, [{ item, base, overview, details, draft }]), draft }
        const result = await write(context, vaultId, [{ item: id, base, content }], from)
        return result === "pending" ? { result, item: id } : { result: "saved", item: id, revision: base + 1 }
    } catch (error) {
        if (!(error instanceof Conflict)) throw error
        const { overview: theirs, details: more, revision, author } = await openItem(context, vaultId, id)
        return { result: "conflict", item: id, theirs: { overview: theirs, details: more, revision, author } }
    }
}

interface TypedItem {
    readonly item: string | null
    readonly base: number
    readonly overview: Overview
    readonly details: Details
    readonly draft: string | null
}

/** What is to be a draft again if it cannot be written. Of a vault's own item, its name, there are no drafts. */
function typedIn({ clock }: Context, vault: string, items: readonly TypedItem[]): Draft[] {
    const [at, edited] = [clock.now(), items.filter(({ item }) => item !== vault)]
    return edited.map(({ draft, ...rest }) => ({ ...rest, id: draft ?? hex(random(16)), vault, at }))
}

const LINK_ITEMS = 500 // items of one link of an import
const LINK_BYTES = 3_000_000 // of plaintext: padding and seals add an eighth, and a request may have 4 MB

/**
 * Write many new items, in as few links as requests can carry.
 *
 * @returns how many were accepted, and how many are on their way with the answer unknown: the outbox sends those
 *   again, and what follows them was not begun.
 * @throws {CoreFailure} `too_large`, `no_right` and others, for the first link that cannot be written.
 */
export async function importItems(
    context: Context,
    vaultId: string,
    entries: readonly NewItem[],
): Promise<ImportResult> {
    let saved = 0
    for (const contents of linksOf(entries)) {
        const edits = contents.map((content) => ({ item: hex(uuid7(context.clock.now())), base: 0, content }))
        const some = entries.slice(saved, saved + edits.length)
        const typed = some.map((entry) => ({ ...entry, item: null, base: 0, draft: null }))
        const from = { typed: typedIn(context, vaultId, typed), draft: null }
        if ((await write(context, vaultId, edits, from)) === "pending")
            return { saved, pending: edits.length }
        saved += edits.length
    }
    return { saved, pending: 0 }
}

/** The contents of one link after the other. */
function* linksOf(entries: readonly NewItem[]): Generator<NonNullable<Content>[]> {
    let link: NonNullable<Content>[] = []
    let bytes = 0
    for (const { overview, details } of entries) {
        const content = { overview: writeOverview(overview, {}), details: writeDetails(details, {}) }
        const size = encodePart(content.overview).length + encodePart(content.details).length
        if (link.length === LINK_ITEMS || (link.length > 0 && bytes + size > LINK_BYTES)) {
            yield link
            link = []
            bytes = 0
        }
        link.push(content)
        bytes += size
    }
    if (link.length > 0) yield link
}

/** Set or clear the date of the trash; the rest of the item stays to the byte. */
export async function setTrash(
    context: Context,
    vaultId: string,
    item: string,
    trash: number | null,
): Promise<Written> {
    ensure(item !== vaultId, "no_right")
    requireVault(context, vaultId)
    const { raw, revision } = await openItem(context, vaultId, item)
    const content = { overview: { ...raw.overview, trash }, details: raw.details }
    return rewrite(context, vaultId, { item, base: revision, content })
}

/** Write an older revision anew, to the byte but for the trash, on top of the newest: which nobody need be able to read. */
export async function revertItem(
    context: Context,
    vaultId: string,
    item: string,
    revision: number,
): Promise<Written> {
    const vault = requireVault(context, vaultId)
    const base = vault.state.revisionOf(item)
    const { raw } = await openItem(context, vaultId, item, revision)
    const content = { overview: { ...raw.overview, trash: null }, details: raw.details }
    return rewrite(context, vaultId, { item, base, content })
}

/** Delete an item and all its revisions for ever. */
export async function purgeItem(context: Context, vaultId: string, item: string): Promise<Written> {
    const vault = requireVault(context, vaultId)
    ensure(vault.mayManage && item !== vaultId, "no_right")
    const base = vault.state.revisionOf(item)
    ensure(base > 0 && !vault.state.isPurged(item), "not_found")
    return rewrite(context, vaultId, { item, base, content: null })
}

async function rewrite(context: Context, vaultId: string, edit: Based): Promise<Written> {
    try {
        return await write(context, vaultId, [edit])
    } catch (error) {
        throw error instanceof Conflict ? new CoreFailure("head_moved") : error
    }
}

/**
 * Change a vault's key without writing an item.
 *
 * @param isWanted - asked again on every attempt: somebody else may have done it meanwhile.
 * @throws {CoreFailure} `waiting` if it is not wanted any more.
 */
export async function rotateVault(
    context: Context,
    vaultId: string,
    isWanted: (vault: VaultBook) => boolean = () => true,
): Promise<Written> {
    const { team } = requireVault(context, vaultId)
    return context.writes.run(team.id, async () => {
        requireTeam(context, team.id)
        const build = async (): Promise<Shipment> => {
            const vault = requireVault(context, vaultId)
            ensure(isWanted(vault), "waiting")
            const rotation = await makeRotation(context, vault)
            const body = { link: null, blobs: [], rotation: rotation.value }
            const take = taking(context, () => takeRotation(context, vault, rotation))
            const marks = [markOf(team.id, rotation.link)]
            return { ...NOTHING_TYPED, path: vaultPath(vault, "changes"), body, marks, take }
        }
        const sent = await context.outbox.send(() => context.state.run(build), context.sync)
        if (sent === "done") await context.written()
        return sent
    })
}
