/** Opening items. Asked for one by one, since the server logs that it served them; held against the fold after opening. */
import type { Revision } from "../chain/vault.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { hex, unhex } from "../crypto/bytes.ts"
import { Refused } from "../crypto/errors.ts"
import { parseSigned } from "../crypto/links.ts"
import type { OpenedPart } from "../crypto/parts.ts"
import { openPart } from "../crypto/parts.ts"
import type { Details, Overview } from "../worker/api.ts"
import type { VaultBook } from "./books.ts"
import type { Context } from "./context.ts"
import { CoreFailure, ensure, Place, RefusedThere } from "./failure.ts"
import { uuid } from "./ids.ts"
import type { Part } from "./items.ts"
import { detailsOf, overviewOf } from "./items.ts"
import { blobAt } from "./kept.ts"
import { requireReadable, vaultPath } from "./links.ts"
import type { Answer } from "./wire.ts"
import { asBytes, asUint } from "./wire.ts"

const RECENT = 4 // items

export interface Opened {
    readonly overview: Overview
    readonly details: Details
    readonly revision: number
    readonly author: string
    /** The parts' maps, with fields that this version does not know. */
    readonly raw: { readonly overview: Part; readonly details: Part }
    /** The parts as their author padded them: sealed again, they keep their commitments. */
    readonly padded: { readonly overview: Bytes; readonly details: Bytes }
    readonly commitments: { readonly overview: Bytes; readonly details: Bytes }
}

/**
 * Fetch and open one revision, by default the newest that is verified.
 *
 * @throws {CoreFailure} `waiting` before its link is verified, `no_key`, `not_found`.
 * @throws {Refused} `R7.open`, `R7.hash`; the revision is not asked for again.
 */
export async function openItem(
    context: Context,
    vaultId: string,
    item: string,
    number?: number,
): Promise<Opened> {
    const vault = requireReadable(context, vaultId)
    const folded = foldedRevision(vault, item, number)
    if (vault.isRefused(item, folded.revision)) throw refusedBefore(context, vault, item)
    // A server that is behind has an older newest one, and says so on every page.
    const wanted = number ?? (isBehind(vault) ? folded.revision : undefined)
    const answer = await ask(context, vault, folded, wanted)
    try {
        const opened = await openAnswer(vault, atOnce(vault, folded, wanted, answer), answer)
        remember(context, `${vaultId}/${item}/${opened.revision}`, opened)
        return opened
    } catch (error) {
        if (!(error instanceof Refused)) throw error
        freezeRevision(context, vault, folded, error)
        throw new RefusedThere(error.refusal, new Place(vault.team.id, vaultId, item))
    }
}

function isBehind(vault: VaultBook): boolean {
    return vault.isBehind || vault.team.isBehind
}

/** The server's answer; where it has lost the revision, what this browser kept of its own writing. */
async function ask(context: Context, vault: VaultBook, folded: Revision, number?: number): Promise<Answer> {
    const query = number === undefined ? "" : `?revision=${number}`
    try {
        return await context.server.call("GET", vaultPath(vault, `items/${uuid(folded.item)}${query}`))
    } catch (error) {
        if (!(error instanceof CoreFailure) || error.code !== "not_found" || !isBehind(vault)) throw error
        const own = await ownRevision(context, vault, folded)
        if (own === null) throw error
        return own
    }
}

async function ownRevision({ kept }: Context, vault: VaultBook, folded: Revision): Promise<Answer | null> {
    const piece = (await kept.pieces()).get(hex(vault.state.columns.hashes.at(folded.seq)))
    if (piece === undefined) return null
    const entries = parseSigned(piece.signed, "vault").body.entries.filter(([, , hash]) => hash !== null)
    const blob = blobAt(
        piece,
        entries.findIndex(([item]) => hex(item) === folded.item),
    )
    return blob && { ...blob, epoch: folded.epoch, revision: folded.revision }
}

/** As {@link openItem}, without asking again for what was opened a moment ago: the server would log it once more. */
export async function openForEdit(
    context: Context,
    vaultId: string,
    item: string,
    number: number,
): Promise<Opened> {
    const known = context.recent.get(`${vaultId}/${item}/${number}`)
    return known ?? (await openItem(context, vaultId, item, number))
}

function remember({ recent }: Context, key: string, opened: Opened): void {
    recent.delete(key)
    recent.set(key, opened)
    const [oldest] = recent.keys()
    if (recent.size > RECENT && oldest !== undefined) recent.delete(oldest)
}

function foldedRevision(vault: VaultBook, item: string, number?: number): Revision {
    const found = number === undefined ? vault.state.latest(item) : vault.state.revision(item, number)
    if (found === undefined) throw new CoreFailure(vault.rows.has(item) ? "waiting" : "not_found")
    ensure(!vault.state.isPurged(item), "not_found")
    return found
}

/** Somebody may have written between my last sync and this answer: then it is judged after the next one. */
function atOnce(vault: VaultBook, folded: Revision, number: number | undefined, answer: Answer): Revision {
    const revision = asUint(answer["revision"])
    if (revision === folded.revision) return folded
    if (number === undefined && revision > folded.revision) throw new CoreFailure("waiting")
    throw new Refused(vault.state.revisionOf(folded.item) >= revision ? "R12.items" : "R7.open")
}

async function openAnswer(vault: VaultBook, folded: Revision, answer: Answer): Promise<Opened> {
    const epoch = asUint(answer["epoch"])
    if (epoch < folded.epoch || folded.hash === null) throw new Refused("R7.open")
    const dek = vault.ring.get(epoch)
    if (dek === undefined) throw new CoreFailure("no_key")
    const place = {
        author: unhex(folded.author),
        epoch,
        item: unhex(folded.item),
        revision: folded.revision,
        team: vault.team.state.id,
        vault: unhex(vault.id),
    }
    const { hash } = folded
    const open = (part: "overview" | "details", other: Bytes): Promise<OpenedPart> =>
        openPart(dek, { ...place, part }, asBytes(answer[part]), { hash, other })
    const overview = await open("overview", asBytes(answer["c_details"], 32))
    const details = await open("details", overview.commitment)
    const [first, second] = [overviewOf(overview.text), detailsOf(details.text)]
    return {
        overview: first.shown,
        details: second.shown,
        revision: folded.revision,
        author: vault.team.callOf(folded.author),
        raw: { overview: first.raw, details: second.raw },
        padded: { overview: overview.padded, details: details.padded },
        commitments: { overview: overview.commitment, details: details.commitment },
    }
}

/** What was refused once in this visit is not asked for again. */
function refusedBefore({ books }: Context, vault: VaultBook, item: string): Error {
    const known = [...books.refusals.values()].find((one) => one.vault === vault.id && one.item === item)
    const place = new Place(vault.team.id, vault.id, item)
    return new CoreFailure("refused", {}, { refusal: known?.id, place })
}

/** The item stays in the list, with its other revisions. */
function freezeRevision({ books, view }: Context, vault: VaultBook, folded: Revision, error: Refused): void {
    const { item, revision, author } = folded
    vault.noteRefused(item, revision)
    const place = { team: vault.team.id, vault: vault.id, item }
    const signer = error.refusal.startsWith("R7.") ? { member: author, isProven: true } : null
    books.refuse(error.refusal, place, { seq: vault.state.seq, revision }, { signer })
    view.changed()
}

/** The revisions of an item, the newest first. From the verified chain: nothing is asked of the server. */
export function historyOf(context: Context, vaultId: string, item: string) {
    const vault = requireReadable(context, vaultId)
    const revisions: { revision: number; author: string; at: number }[] = []
    for (let number = vault.state.revisionOf(item); number > 0; number--) {
        const { author, at, hash } = vault.state.revision(item, number) as Revision
        if (hash !== null) revisions.push({ revision: number, author: vault.team.callOf(author), at })
    }
    return revisions
}
