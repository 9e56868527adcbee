/** What a person takes out of this browser when the server is not to be trusted: both links of a fork, what is readable. */
import type { Bytes } from "../crypto/bytes.ts"
import { base64url, equal, hex, unhex } from "../crypto/bytes.ts"
import { encode } from "../crypto/cbor.ts"
import { Refused } from "../crypto/errors.ts"
import { parseSigned } from "../crypto/links.ts"
import { sha256 } from "../crypto/sodium.ts"
import type { TeamBook } from "./books.ts"
import { VaultBook } from "./books.ts"
import type { Context } from "./context.ts"
import { CoreFailure, ensure } from "./failure.ts"
import { requireReadable } from "./links.ts"
import { openItem } from "./read.ts"
import { readAnswer } from "./records.ts"
import { CBOR_SEQUENCE, decodeSequence } from "./transport.ts"

type Chain = "team" | "vault"
type Source =
    | "verified by this browser"
    | "pinned by this account"
    | "shown by the server"
    | "cut by the team"
    | "signed here, and accepted by the server's word"

interface Shown {
    readonly source: Source
    readonly chain: Chain
    readonly hash: Bytes
    readonly signed: Bytes | null
}

/**
 * Every link that this client knows of for the place where two histories part, with its signer. As text, to be kept.
 *
 * @throws {CoreFailure} `not_found` if nothing parts there.
 */
export async function forkOf(context: Context, teamId: string, vaultId: string | null): Promise<string> {
    const team = context.books.teams.get(teamId)
    const book = vaultId === null ? team : team?.vaults.get(vaultId)
    if (team === undefined || book === undefined || book.fork === null) throw new CoreFailure("not_found")
    const { seq } = book.fork
    const shown = [...known(context, book, seq), ...(await served(context, team, book))]
    const pieces = await context.kept.pieces()
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
    return JSON.stringify({ format, team: teamId, vault: vaultId, seq, links }, null, 2)
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

/** The other history's link: it came along, or the server is asked for it; and the cut that contradicts a vault. */
async function served(context: Context, team: TeamBook, book: TeamBook | VaultBook): Promise<Shown[]> {
    const chain: Chain = book instanceof VaultBook ? "vault" : "team"
    const fork = book.fork
    if (fork === null) return []
    // Where mine was said to be taken, what the server shows is what is folded here.
    const isHere = fork.mine !== undefined
    const signed = fork.theirs ?? (isHere ? null : await fetched(context, book, fork.seq).catch(() => null))
    const shown: Shown[] = []
    if (signed !== null) shown.push({ source: "shown by the server", chain, hash: sha256(signed), signed })
    if (fork.mine !== undefined) {
        const source = "signed here, and accepted by the server's word"
        shown.push({ source, chain, hash: sha256(fork.mine), signed: fork.mine })
    }
    if (book.refusal === "T4.cut" && book instanceof VaultBook) {
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

function described(team: TeamBook, chain: Chain, signed: Bytes | null) {
    if (signed === null) return { signer: null, at: null, signed: null }
    const text = base64url(signed)
    try {
        const link = chain === "team" ? parseSigned(signed, "team") : parseSigned(signed, "vault")
        const member = hex(link.actor)
        const fingerprints = link.sigs.map(({ fp }) => hex(fp))
        const signer = { member, called: team.callOf(member), fingerprints }
        return { signer, at: new Date(link.at).toISOString(), signed: text }
    } catch (error) {
        if (!(error instanceof Refused) && !(error instanceof RangeError)) throw error
        return { signer: null, at: null, signed: text }
    }
}

const AT_ONCE = 4 // items that are asked for side by side

/**
 * What can be read of a vault here, in clear, whatever the server has lost. As text, to be kept.
 *
 * @throws {CoreFailure} `not_found`, `frozen` as for reading.
 */
export async function readableCopy(context: Context, vaultId: string): Promise<string> {
    const vault = requireReadable(context, vaultId)
    ensure(vault.right > 0, "not_found")
    const rows = [...vault.rows.values()].filter((row) => row.item !== vaultId && row.isVerified)
    const items: unknown[] = []
    for (let start = 0; start < rows.length; start += AT_ONCE) {
        const some = rows.slice(start, start + AT_ONCE).map(async ({ item, overview, revision }) => {
            const opened = await openItem(context, vaultId, item).catch(() => null)
            return { item, revision, overview, details: opened?.details ?? null }
        })
        items.push(...(await Promise.all(some)))
    }
    const name = vault.rows.get(vaultId)?.overview.title ?? null
    const about =
        "A copy in clear of what this browser could read. `details` is null where nobody could give it."
    return JSON.stringify({ about, vault: vaultId, name, seq: vault.state.seq, items }, null, 2)
}
