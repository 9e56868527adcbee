/** What a person takes out of this browser when the server is not to be trusted: both links of a fork, what is readable. */
import type { Bytes } from "../crypto/bytes.ts"
import { base64url, equal, hex, unhex } from "../crypto/bytes.ts"
import { encode } from "../crypto/cbor.ts"
import { Refused } from "../crypto/errors.ts"
import { parseSigned } from "../crypto/links.ts"
import { sha256 } from "../crypto/sodium.ts"
import type { SavedLinks } from "../worker/api.ts"
import type { Stop, TeamBook } from "./books.ts"
import { VaultBook } from "./books.ts"
import type { Context } from "./context.ts"
import { CoreFailure, ensure } from "./failure.ts"
import { requireReadable } from "./links.ts"
import type { Opened } from "./read.ts"
import { openItem } from "./read.ts"
import { readAnswer } from "./records.ts"
import { signerOf } from "./signers.ts"
import { CBOR_SEQUENCE, decodeSequence } from "./transport.ts"

type Chain = "team" | "vault"
type Source =
    | "verified by this browser"
    | "pinned by this account"
    | "shown by the server"
    | "cut by the team"
    | "signed here, and accepted by the server's word"

/** Refusals in which a vault's chain contradicts what a removal names of it. */
const CUTS: readonly string[] = ["T4.cut", "T15.cut", "T15.backdated"]

interface Shown {
    readonly source: Source
    readonly chain: Chain
    readonly hash: Bytes
    readonly signed: Bytes | null
}

/**
 * Every link that this client knows of for the place at which it stopped, with its signer: the one that was refused, and
 * what it verified or pinned there instead. As text, to be kept.
 *
 * @throws {CoreFailure} `not_found` if no link was refused there.
 */
export async function refusedLinks(
    context: Context,
    teamId: string,
    vaultId: string | null,
): Promise<SavedLinks> {
    const { books, kept } = context
    const team = books.teams.get(teamId)
    const book = vaultId === null ? team : team?.vaults.get(vaultId)
    const stop = book?.stop ?? (vaultId === null ? books.strangers.get(teamId) : null) ?? null
    if (stop === null) throw new CoreFailure("not_found")
    const chain = vaultId === null ? "team" : "vault"
    const here = team === undefined || book === undefined ? [] : known(context, book, stop.seq)
    const shown = [...here, ...(await served(context, team, book, chain, stop))]
    const pieces = await kept.pieces()
    const links = shown.map((one) => {
        const signed = one.signed ?? pieces.get(hex(one.hash))?.signed ?? null
        return {
            source: one.source,
            chain: one.chain,
            hash: hex(one.hash),
            ...described(team, one.chain, signed),
        }
    })
    const format = "Links of the Coffret formats, version 1. `signed` is what was received, in base64url."
    const place = { team: teamId, vault: vaultId, seq: stop.seq, refusal: book?.refusal ?? null }
    const whole = links.filter(({ signed }) => signed !== null).length
    const text = JSON.stringify({ format, ...place, links }, null, 2)
    return { text, whole, hashes: links.length - whole }
}

function known({ pins }: Context, book: TeamBook | VaultBook, seq: number): Shown[] {
    const chain: Chain = book instanceof VaultBook ? "vault" : "team"
    const hashes = book instanceof VaultBook ? book.state.columns.hashes : book.state.hashes
    const shown: Shown[] = []
    const add = (source: Source, hash: Bytes): void => {
        if (!shown.some((one) => equal(one.hash, hash))) shown.push({ source, chain, hash, signed: null })
    }
    if (seq < hashes.length) add("verified by this browser", hashes.at(seq))
    for (const pin of pins.pinsOf(book.id)) if (pin.seq === seq) add("pinned by this account", pin.hash)
    return shown
}

/** What was refused: it came along, or the server is asked for it; and the cut that contradicts a vault. */
async function served(
    context: Context,
    team: TeamBook | undefined,
    book: TeamBook | VaultBook | undefined,
    chain: Chain,
    { seq, theirs, mine }: Stop,
): Promise<Shown[]> {
    // Where mine was said to be taken, what the server shows is what is folded here.
    const isAsked = theirs === null && mine === undefined && book !== undefined
    const signed = isAsked ? await fetched(context, book, seq).catch(() => null) : theirs
    const shown: Shown[] = []
    if (signed !== null) shown.push({ source: "shown by the server", chain, hash: sha256(signed), signed })
    if (mine !== undefined) {
        const source = "signed here, and accepted by the server's word"
        shown.push({ source, chain, hash: sha256(mine), signed: mine })
    }
    if (CUTS.includes(book?.refusal ?? "") && team !== undefined && book instanceof VaultBook) {
        const cut = team.state.vaults.get(book.id)?.lastCut
        if (cut !== undefined)
            shown.push({
                source: "cut by the team",
                chain: "team",
                hash: team.state.hashes.at(cut.s),
                signed: null,
            })
    }
    return shown
}

/** What the server has at one place of a chain; null if it does not say. */
async function fetched(
    { books, server }: Context,
    book: TeamBook | VaultBook,
    seq: number,
): Promise<Bytes | null> {
    const isVault = book instanceof VaultBook
    const teams = [...books.teams.values()]
        .filter((team) => team !== book || seq > 0)
        .map((team) => ({ team: unhex(team.id), seq: team === book ? seq - 1 : team.state.seq }))
    const vaults = [...books.teams.values()]
        .flatMap((team) => [...team.vaults.values()])
        .map((vault) => ({ vault: unhex(vault.id), seq: vault === book ? seq - 1 : vault.state.seq }))
    const body = encode({ cursor: { teams, vaults }, parts: [isVault ? "links" : "teams"] })
    const response = await server.raw("POST", "sync", body, { accept: CBOR_SEQUENCE })
    const { delta } = readAnswer(decodeSequence(response.body))
    if (!isVault) {
        const links = delta.teams.find((record) => record.team === book.id)?.links ?? []
        return links.find((link) => parseSigned(link, "team").seq === seq) ?? null
    }
    const record = delta.links
        .get(book.id)
        ?.find(({ first, links }) => first <= seq && seq < first + links.length)
    return record?.links[seq - record.first] ?? null
}

function described(team: TeamBook | undefined, chain: Chain, signed: Bytes | null) {
    if (signed === null) return { signer: null, at: null, signed: null }
    const named = signerOf(team?.state ?? null, signed)
    const signer = named && {
        member: named.member,
        called: team?.callOf(named.member) ?? null,
        signature: named.isProven ? "holds" : "does not hold",
    }
    return { signer, at: timeOf(signed, chain), signed: base64url(signed) }
}

/** When by the signer's clock; null if the link cannot be read. */
function timeOf(signed: Bytes, chain: Chain): string | null {
    try {
        const { at } = chain === "team" ? parseSigned(signed, "team") : parseSigned(signed, "vault")
        return new Date(at).toISOString()
    } catch (error) {
        if (!(error instanceof Refused) && !(error instanceof RangeError)) throw error
        return null
    }
}

const AT_ONCE = 4 // items that are asked for side by side
const REVISIONS = 8 // of one item that are tried, the newest first

/**
 * What can be read of a vault here, in clear, whatever the server has lost. As text, to be kept.
 *
 * @throws {CoreFailure} `not_found`, `frozen` as for reading.
 */
export async function readableCopy(context: Context, vaultId: string): Promise<string> {
    const vault = requireReadable(context, vaultId)
    ensure(vault.right > 0, "not_found")
    const ids = [...vault.rows.values()].filter((row) => row.isVerified).map((row) => row.item)
    const wanted = [...new Set([...ids, ...vault.broken.keys()])].filter((item) => item !== vaultId)
    const items: unknown[] = []
    for (let start = 0; start < wanted.length; start += AT_ONCE) {
        const some = wanted.slice(start, start + AT_ONCE)
        items.push(...(await Promise.all(some.map((item) => readableItem(context, vault, item)))))
    }
    const name = vault.rows.get(vaultId)?.overview.title ?? null
    const about =
        "A copy in clear of what this browser could read. `details` is null where nobody could give it."
    return JSON.stringify({ about, vault: vaultId, name, seq: vault.state.seq, items }, null, 2)
}

/** The newest revision that can be read; without any, what the list shows. */
async function readableItem(context: Context, vault: VaultBook, item: string) {
    const newest = vault.state.revisionOf(item)
    for (let revision = newest; revision > Math.max(0, newest - REVISIONS); revision--) {
        const asked = revision === newest ? undefined : revision
        const opened = await openItem(context, vault.id, item, asked).catch((error: unknown) => error)
        if (opened instanceof Refused || (opened instanceof CoreFailure && opened.code === "refused"))
            continue
        // What cannot be asked for now has no older revision to be asked for either.
        if (opened instanceof Error) break
        const { overview, details } = opened as Opened
        if (!overview.isUnreadable && !details.isUnreadable)
            return { item, revision, newest, overview, details }
    }
    const row = vault.rows.get(item)
    return { item, revision: newest, newest, overview: row?.overview ?? null, details: null }
}
