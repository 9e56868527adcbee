/**
 * Giving back to a server that was restored from a backup (design 5): what this browser kept of the last thirty days,
 * link by link, in an order in which the server can verify it. Only what stands in my own verified chains is offered;
 * links of others with what lay beside them as far as I have it, blobs only of my own writing. What nobody offers stays
 * missing there: the chain then stays behind its pin, readable here, and says so.
 */
import type { Verified } from "../chain/pins.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { equal, hex, unhex } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import { encode } from "../crypto/cbor.ts"
import { parseGrant } from "../crypto/grants.ts"
import { profileCommitment } from "../crypto/keys.ts"
import type { TeamLink } from "../crypto/links.ts"
import { parseSigned } from "../crypto/links.ts"
import type { Me } from "./account.ts"
import type { TeamBook, VaultBook } from "./books.ts"
import type { Context } from "./context.ts"
import { CoreFailure, Unanswered } from "./failure.ts"
import type { Piece, Pieces } from "./kept.ts"
import { teamPath } from "./links.ts"
import type { GrantRow } from "./records.ts"
import { fillRings, grantKey } from "./ring.ts"
import { openingValue } from "./teamlink.ts"
import { asBytes, asMap } from "./wire.ts"

/** Something that comes before it is missing there. What else is no verdict, as `held` and `kek_moved`, passes by itself. */
const MOVED: readonly string[] = ["head_moved", "stale_seen", "rotation_due"]
/** The server's verdict on a link; asked again it would say the same. */
const FINAL: readonly string[] = ["refused", "invalid", "taken", "too_large", "gone", "too_many_held"]

export class Restore {
    readonly #context: Context
    /** Offers that the server refused for good, by hash; and teams whose genesis was offered. */
    readonly #refused = new Set<string>()
    /** The server's heads at the last run that was not cut short. */
    #seen = ""
    #isDone = true

    constructor(context: Context) {
        this.#context = context
    }

    /** Offer what every team that is behind lacks. @returns how many links the server took. */
    async run(): Promise<number> {
        const behind = [...this.#context.books.teams.values()].filter(isBehind)
        const heads = behind.map(headsOf).join()
        // The same heads again: nobody gave anything since, and all that I have was offered.
        if (behind.length === 0 || heads === this.#seen) return 0
        this.#seen = ""
        this.#isDone = true
        const pieces = await this.#context.kept.pieces()
        let taken = 0
        for (const team of behind) taken += await this.#team(team, pieces)
        if (this.#isDone) this.#seen = heads
        if (taken > 0) this.#context.view.notice("gave_back")
        return taken
    }

    async #team(team: TeamBook, pieces: Pieces): Promise<number> {
        if (team.isMissing) return this.#genesis(team, pieces)
        const start = prefixOf(team, team.state.hashes)
        if (start === null) return 0
        await this.#fillRings(team, pieces)
        const at: Position = { team: start, vaults: new Map() }
        for (const vault of team.vaults.values()) {
            const seq = vault.listed === null ? 0 : prefixOf(vault, vault.state.columns.hashes)
            if (seq !== null) at.vaults.set(vault.id, seq)
        }
        // A vault link needs the team head that its signer saw, a cut the vault links before it: so they came to be.
        for (let taken = 0; ; taken++) {
            if (await this.#vaults(team, pieces, at)) continue
            const piece = pieceAt(pieces, team.state.hashes, at.team + 1)
            if (piece === null) return taken
            if (!(await this.#offer(team, teamBody(team, piece, at.team === start)))) return taken
            at.team++
        }
    }

    /** Keys that I sealed to myself and that the server lost before it told me of them. */
    async #fillRings(team: TeamBook, pieces: Pieces): Promise<void> {
        const { books, me } = this.#context
        const known = new Set(team.extras.grants.map(grantKey))
        const own = [...pieces.values()].flatMap((piece) => ownGrants(team, me, piece))
        const grants = own.filter((row) => !known.has(grantKey(row)))
        if (grants.length === 0) return
        team.extras = { ...team.extras, grants: [...team.extras.grants, ...grants] }
        await this.#context.state.run(() => fillRings(books, team, me.keyring))
    }

    /** The next link of any vault that the server can verify now. */
    async #vaults(team: TeamBook, pieces: Pieces, at: Position): Promise<boolean> {
        for (const vault of team.vaults.values()) {
            const seq = (at.vaults.get(vault.id) ?? Number.POSITIVE_INFINITY) + 1
            const piece = pieceAt(pieces, vault.state.columns.hashes, seq)
            if (piece === null) continue
            const body = vaultBody(vault, piece, at.team)
            if (body === null || !(await this.#offer(team, body))) continue
            at.vaults.set(vault.id, seq)
            return true
        }
        return false
    }

    /** A team of my own founding that the backup does not know at all. */
    async #genesis(team: TeamBook, pieces: Pieces): Promise<number> {
        const { server } = this.#context
        const genesis = pieceAt(pieces, team.state.hashes, 0)?.genesis ?? null
        if (genesis === null || this.#refused.has(team.id)) return 0
        this.#refused.add(team.id)
        // 200: it is there, and I was taken out of it. Then nothing was given back.
        let isNew = false
        const result = await this.#isTaken(async () => {
            isNew = (await server.raw("POST", "teams", genesis)).status === 201
        })
        if (result === "later") this.#refused.delete(team.id)
        return isNew ? 1 : 0
    }

    /** True if the link stands there now. */
    async #offer(team: TeamBook, { hash, body }: Offer): Promise<boolean> {
        if (this.#refused.has(hash)) return false
        const { server } = this.#context
        const result = await this.#isTaken(() =>
            server.callBytes("POST", teamPath(team, "restore"), encode(body)),
        )
        if (result === "refused") this.#refused.add(hash)
        return result === "taken"
    }

    async #isTaken(send: () => Promise<unknown>): Promise<"taken" | "refused" | "later"> {
        try {
            await send()
            return "taken"
        } catch (error) {
            if (!(error instanceof CoreFailure) || error instanceof Unanswered) throw error
            if (FINAL.includes(error.code)) return "refused"
            // A link that lacks its predecessor waits until the heads move; the rest may be over in a moment.
            if (!MOVED.includes(error.code)) this.#isDone = false
            return "later"
        }
    }
}

function ownGrants(team: TeamBook, me: Me, { mine }: Piece): GrantRow[] {
    return (mine?.grants ?? []).flatMap((value) => {
        const { grant, sig } = asMap(value)
        const { to, team: id, vault } = parseGrant(encode({ grant: asBytes(grant), sig: asBytes(sig) }))
        if (!equal(to, me.keyring.fp) || hex(id) !== team.id) return []
        return [{ vault: hex(vault), grant: asBytes(grant), sig: asBytes(sig), opened: true }]
    })
}

/** How far the server's chains are. */
interface Position {
    team: number
    readonly vaults: Map<string, number>
}

interface Offer {
    readonly hash: string
    readonly body: Value
}

function isBehind(team: TeamBook): boolean {
    if (team.isKmsUnavailable || team.isFinal || team.me === undefined) return false
    return team.isMissing || team.isBehind || [...team.vaults.values()].some((vault) => vault.isBehind)
}

function headsOf(team: TeamBook): string {
    const vaults = [...team.vaults.values()].map((vault) => `${vault.id}${vault.listed?.seq ?? ""}`)
    return [team.id, team.listed?.seq ?? "", ...vaults].join()
}

/** The place of the server's head in my chain; null if it is not in it, and nothing fits behind it. */
function prefixOf({ listed }: TeamBook | VaultBook, hashes: Verified): number | null {
    return listed !== null && hashes.is(listed.seq, listed.hash) ? listed.seq : null
}

/** What was kept of a place in my chain; null beyond its head. */
function pieceAt(
    pieces: Pieces,
    hashes: { readonly length: number; at(seq: number): Bytes },
    seq: number,
): Piece | null {
    return seq < hashes.length ? (pieces.get(hex(hashes.at(seq))) ?? null) : null
}

const NOTHING = { openings: [], grants: [], olds: [], blobs: [] }

function teamBody(team: TeamBook, { signed, mine }: Piece, isFirst: boolean): Offer {
    const link = parseSigned(signed, "team")
    const grantsToMe = grantsUpTo(team, link.seq, isFirst)
    const { openings, grants, olds } = mine ?? {
        openings: openingsOf(team, link),
        grants: grantsToMe,
        olds: [],
    }
    const body = {
        ...NOTHING,
        vault: null,
        link: signed,
        openings: [...openings],
        grants: [...grants],
        olds: [...olds],
    }
    return { hash: hex(link.hash), body }
}

/** A vault's link with its blobs; null while the server could not verify it, or if I have not its blobs. */
function vaultBody(vault: VaultBook, { signed, mine }: Piece, teamSeq: number): Offer | null {
    const link = parseSigned(signed, "vault")
    const wanted = link.body.entries.filter(([, , hash]) => hash !== null).length
    const blobs = [...(mine?.blobs ?? [])]
    if ((link.seen?.seq ?? 0) > teamSeq || blobs.length !== wanted) return null
    const body = { ...NOTHING, vault: unhex(vault.id), link: signed, blobs }
    return { hash: hex(link.hash), body }
}

/** The texts that open a link's commitments, as far as they came here. */
function openingsOf(team: TeamBook, link: TeamLink): Value[] {
    const wanted = committed(link).map(hex)
    return team.extras.openings
        .filter(({ kind, salt, text }) => wanted.includes(hex(profileCommitment(kind, text, salt))))
        .map(openingValue)
}

function committed(link: TeamLink): Bytes[] {
    if (link.type === "invite") return [link.body.email]
    if (link.type === "add_member") return [link.acceptance.profile.name]
    if (link.type === "set_profile") return [link.body.profile.email, link.body.profile.name]
    return []
}

/** Keys that were sealed to me on this link; with the first also those from before, which may be lost too. */
function grantsUpTo(team: TeamBook, seq: number, isFirst: boolean): Value[] {
    return team.extras.grants
        .filter((row) => {
            // Only what opened here: it has been parsed and judged, and the server will say the same.
            if (team.memo.get(grantKey(row)) !== "opened") return false
            const { head } = parseGrant(encode({ grant: row.grant, sig: row.sig }))
            return head.seq === seq || (isFirst && head.seq < seq)
        })
        .map(({ grant, sig }) => ({ grant, sig }))
}
