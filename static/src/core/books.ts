/** What this client holds of each team and vault: the verified fold, and beside it what the chain does not carry. */
import type { RefusalId } from "../chain/refusals.ts"
import type { CutAt, Invite, Level, Member, TeamState } from "../chain/team.ts"
import { MANAGE, NONE, WRITE } from "../chain/team.ts"
import type { VaultState } from "../chain/vault.ts"
import { startVault } from "../chain/vault.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { hex } from "../crypto/bytes.ts"
import type { Dek } from "../crypto/keys.ts"
import { profileCommitment } from "../crypto/keys.ts"
import { sha256 } from "../crypto/sodium.ts"
import type { Overview, Refusal } from "../worker/api.ts"
import type { Extras, HeadRow, ItemRow, Opening } from "./records.ts"
import type { Signer } from "./signers.ts"
import { signerOf } from "./signers.ts"

/** An overview that was opened. It counts once `isVerified`: the vault's chain says what its author wrote. */
export interface Row {
    readonly item: string
    readonly revision: number
    readonly epoch: number
    /** Member id. */
    readonly author: string
    readonly overview: Overview
    /** The overview as its author padded it, until it is verified; then it is spent and empty. */
    padded: Bytes
    /** c(details), 32 bytes, as the server says it. */
    readonly details: Bytes
    isVerified: boolean
    /** The verified row that it took the place of, until it is verified itself. */
    before: Row | null
}

/** Where this client went no further in a chain: the place, and the link that it refused there if its bytes came along. */
export interface Stop {
    readonly seq: number
    readonly theirs: Bytes | null
    /** A link of mine that the server said it took, while another stands in its place. */
    readonly mine?: Bytes
}

/** What was refused: a link at its place, or something else that somebody signed. */
interface Shown {
    readonly stop?: Stop | null
    readonly signer?: Signer | null
    /** The hash of what was refused, where the same bytes may come again at every visit. */
    readonly bytes?: string
}

type Facts = Readonly<Record<string, string | number>>

/** What stands of a chain that this client refused, or which is behind. */
class ChainBook {
    refusal: RefusalId | null = null
    /** Where two histories part, or a link was refused. */
    stop: Stop | null = null
    /** What is folded here is not what was pinned: it is not read either. */
    isBeside = false
    /** The head that the server named last; null if it named none. */
    listed: HeadRow | null = null
    /**
     * What this browser's store gave back is older than what it has pinned, and the server has not said yet how far it
     * is: read, nothing is built on it.
     */
    isStale = false

    /** The server is behind what was verified: after a restored backup, or because it holds back. It may catch up. */
    get isBehind(): boolean {
        return this.refusal === "T4.older"
    }

    /** The first stop is the one that was refused: what comes after it is not judged any more. */
    stopAt(seq: number, theirs: Bytes | null, mine?: Bytes): void {
        this.stop ??= { seq, theirs, ...(mine && { mine }) }
    }

    /** Refused for good in this visit. */
    get isFinal(): boolean {
        return this.refusal !== null && !this.isBehind
    }
}

export class VaultBook extends ChainBook {
    readonly id: string
    readonly team: TeamBook
    state: VaultState
    readonly rows = new Map<string, Row>()
    /** Rows whose DEK is not there yet, or which are ahead of the fold. */
    readonly sealed = new Map<string, ItemRow>()
    /** By item, the revisions that were refused: not shown, not asked for again, not edited. Others of the item are. */
    readonly broken = new Map<string, Set<number>>()
    /** Items of {@link broken} that have no row here, of which the page was told. */
    readonly told = new Set<string>()
    readonly ring = new Map<number, Dek>()
    /** Since when the ring is good: a right that ended and came back needs new grants. */
    since = -1
    /** The chain refers to what is not here yet: read, do not write. */
    isWaiting = false
    /** The last seq that the server announced, for the progress bar. */
    announced = 0
    /** The seq for which the rows here are whole; they are not asked for again up to there. */
    served = 0
    /** Changed since it was last written to the cache. */
    isDirty = false
    /** A grant of the current epoch came and did not open. */
    hasBrokenGrant = false

    constructor(id: string, team: TeamBook, state?: VaultState) {
        super()
        this.id = id
        this.team = team
        this.state = state ?? startVault(team.state, id)
    }

    get epoch(): number {
        return this.team.state.vaults.get(this.id)?.current.epoch ?? 0
    }

    get isDue(): boolean {
        return this.team.state.vaults.get(this.id)?.dueAt(this.team.state.seq) ?? false
    }

    get right(): Level {
        const me = this.team.me
        return me === undefined ? NONE : this.team.state.rightAt(this.id, me.id)
    }

    /** Are its links for me? They are also for those who let people out of vaults that they cannot open. */
    get isServed(): boolean {
        const { me } = this.team
        const administers = (me?.role === "owner" || me?.role === "admin") && me.verified !== "none"
        return this.right !== NONE || administers
    }

    /** Are links folded whose rows are not here, since the right to them came later? */
    get lacksRows(): boolean {
        return this.right !== NONE && this.served < this.state.seq
    }

    get mayWrite(): boolean {
        return this.right >= WRITE
    }

    get mayManage(): boolean {
        return this.right === MANAGE
    }

    get dek(): Dek | undefined {
        return this.ring.get(this.epoch)
    }

    /** The items that no key here opens, the one with the vault's own name among them. */
    get shut(): ItemRow[] {
        return [...this.sealed.values()].filter((row) => !this.ring.has(row.epoch))
    }

    isRefused(item: string, revision: number): boolean {
        return this.broken.get(item)?.has(revision) ?? false
    }

    noteRefused(item: string, revision: number): void {
        const refused = this.broken.get(item) ?? new Set()
        this.broken.set(item, refused.add(revision))
    }

    /** A revision counts that came after those that were refused. */
    heal(item: string, revision: number): void {
        const refused = this.broken.get(item)
        if (refused === undefined || Math.max(...refused) >= revision) return
        this.broken.delete(item)
        this.told.delete(item)
    }

    dropKeys(): void {
        for (const dek of this.ring.values()) dek.wipe()
        this.ring.clear()
    }
}

/** What was made of a grant: its DEK is in the ring, it waits, or it is refused. */
export type GrantMemo = "opened" | { readonly refusal: RefusalId }

const NOT_SERVED = -1 // as a team's stir: nothing of it is here yet

/** Of a team that was not served yet. */
export const NO_EXTRAS: Extras = {
    stir: NOT_SERVED,
    ...{ openings: [], grants: [], olds: [], waiting: [], pending: [], broken: [] },
}

export class TeamBook extends ChainBook {
    readonly id: string
    readonly state: TeamState
    readonly vaults = new Map<string, VaultBook>()
    /** Texts by the commitment that they open, hex. */
    readonly names = new Map<string, string>()
    readonly memo = new Map<string, GrantMemo>()
    readonly #account: string
    extras: Extras = NO_EXTRAS
    /** Vaults whose ids belong to another team of mine: they are not opened, shown or pinned. */
    readonly twins = new Set<string>()
    isKmsUnavailable = false
    /** The server does not list it any more: a removal that it did not show, or a withheld team. */
    isMissing = false
    /** Changed since it was last written to the cache. */
    isDirty = false

    constructor(state: TeamState, account: string) {
        super()
        this.id = hex(state.id)
        this.state = state
        this.#account = account
    }

    /** My membership, while it lasts. */
    get me(): Member | undefined {
        return this.state.byAccount(this.#account)
    }

    get isFrozen(): boolean {
        return this.refusal !== null
    }

    takeExtras(extras: Extras): void {
        this.extras = extras
        this.takeOpenings(extras.openings)
    }

    /** What lies beside the chain is asked for in full: it came from before, or is missing. */
    missExtras(): void {
        this.extras = { ...this.extras, stir: NOT_SERVED }
    }

    /** A text is taken only under the commitment that it opens, so that a wrong one names nobody. */
    takeOpenings(openings: readonly Opening[]): void {
        for (const { kind, salt, text } of openings)
            this.names.set(hex(profileCommitment(kind, text, salt)), text)
    }

    textOf(commitment: Bytes): string | null {
        return this.names.get(hex(commitment)) ?? null
    }

    /** How a member is called on the page: by name, else by id, for which the page has the fingerprint's words. */
    callOf(member: string): string {
        const found = this.state.members.get(member)
        return (found && this.textOf(found.profile.name)) ?? member
    }

    /** The invite that I joined by, while I am there; none for a founder. */
    get joinedBy(): Invite | undefined {
        const invite = this.me?.invite
        return invite === undefined || invite === null ? undefined : this.state.invites.get(invite)
    }

    /** The last cut of a vault, if nothing that is folded here can meet it; null if something does. */
    unmetCut(id: string): CutAt | null {
        const cut = this.state.vaults.get(id)?.lastCut
        const vault = this.vault(id)
        if (cut === undefined) return null
        if (vault === undefined) return this.twins.has(id) ? cut : null
        const isUnmet = vault.refusal === "T4.cut" || (vault.refusal === null && cut.n > vault.state.seq)
        return isUnmet ? cut : null
    }

    /** The book of a vault in the chain, made at the first asking. */
    vault(id: string): VaultBook | undefined {
        const known = this.vaults.get(id)
        if (known !== undefined || !this.state.vaults.has(id) || this.twins.has(id)) return known
        const book = new VaultBook(id, this)
        this.vaults.set(id, book)
        return book
    }
}

/** Every team of the account, and what was refused. */
export class Books {
    readonly teams = new Map<string, TeamBook>()
    /** By their own `key`. */
    readonly refusals = new Map<string, Refusal>()
    /** Links that were refused of teams that are in no book. */
    readonly strangers = new Map<string, Stop>()
    /** Keys of refusals that were looked at in this browser, also in earlier visits, and when they were first seen, ms. */
    readonly looked = new Map<string, number>()
    /** Teams whose keys the server could not reach when it answered last. */
    unavailable: readonly string[] = []
    readonly #now: () => number

    /** @param now - this device's clock, Unix ms: says when something was refused, and decides nothing. */
    constructor(now: () => number = Date.now) {
        this.#now = now
    }

    /** A vault by its id, which belongs to one team of mine: see `TeamBook.twins`. */
    vault(id: string): VaultBook | undefined {
        for (const team of this.teams.values()) {
            const found = team.vaults.get(id)
            if (found !== undefined) return found
        }
        return undefined
    }

    /** Does a vault wait for links or rows that were not served yet? */
    get isWaiting(): boolean {
        return this.#some((vault) => vault.isWaiting)
    }

    /** Does a vault wait for rows that were not asked for, since the right to them came with the answer? */
    get lackRows(): boolean {
        return this.#some((vault) => vault.lacksRows)
    }

    #some(holds: (vault: VaultBook) => boolean): boolean {
        return [...this.teams.values()].some((team) =>
            [...team.vaults.values()].some((vault) => vault.refusal === null && holds(vault)),
        )
    }

    /** The hash at a place of a verified chain; null while nothing is there. */
    hashAt(chain: string, seq: number): Bytes | null {
        const hashes = this.teams.get(chain)?.state.hashes ?? this.vault(chain)?.state.columns.hashes
        return hashes !== undefined && seq < hashes.length ? hashes.at(seq) : null
    }

    /** Note a refusal for the page. What it names is frozen by the caller. */
    refuse(
        id: RefusalId,
        place: { team?: string; vault?: string; item?: string },
        facts: Facts,
        shown: Shown = {},
    ): void {
        const { team = null, vault = null, item = null } = place
        const book = team === null ? undefined : this.teams.get(team)
        // What was told beside its chain is not to be kept: see the cache.
        if (book !== undefined) book.isDirty = true
        const { bytes = null, stop = null } = shown
        const { signer = stop?.theirs ? signerOf(book?.state ?? null, stop.theirs) : null } = shown
        const key = refusalKey([id, team, vault, item, bytes])
        const looked = bytes === null ? undefined : this.looked.get(key)
        const all = { refusal: id, team, vault, item, ...facts, ...factsOf(stop, signer) }
        this.refusals.set(key, {
            ...{ key, id, team, vault, item, isLasting: bytes !== null, isKnown: looked !== undefined },
            at: this.refusals.get(key)?.at ?? looked ?? this.#now(),
            report: JSON.stringify(all, null, 2),
            signer: book === undefined ? null : signer,
            links: stop !== null,
            isDenied: stop?.mine !== undefined,
        })
    }

    /** Whose revision it is that was refused before its link was folded. */
    nameAuthor(vault: string, item: string, member: string): void {
        for (const [key, one] of this.refusals)
            if (one.vault === vault && one.item === item && one.signer === null && one.id.startsWith("R7."))
                this.refusals.set(key, { ...one, signer: { member, isProven: true } })
    }

    /** Was this team refused as a whole? One that is not in the books is then not asked for again. */
    hasRefused(team: string): boolean {
        return [...this.refusals.values()].some((one) => one.team === team && one.vault === null)
    }

    freezeTeam(team: TeamBook, id: RefusalId, facts: Facts): void {
        if (team.isFinal || team.refusal === id) return
        if (team.isBehind) this.thaw(team)
        team.refusal = id
        const { seq, head } = team.state
        this.refuse(id, { team: team.id }, { seq, head: hex(head), ...facts }, { stop: team.stop })
    }

    freezeVault(vault: VaultBook, id: RefusalId, facts: Facts, item?: string): void {
        if (vault.isFinal || vault.refusal === id) return
        if (vault.isBehind) this.thaw(vault)
        vault.refusal = id
        const at = { team: vault.team.id, vault: vault.id, ...(item === undefined ? {} : { item }) }
        const { seq, head } = vault.state
        this.refuse(id, at, { seq, head: hex(head), ...facts }, { stop: vault.stop })
    }

    /** The server has caught up with a chain that it was behind of. */
    thaw(book: TeamBook | VaultBook): void {
        const [team, vault] = book instanceof VaultBook ? [book.team.id, book.id] : [book.id, null]
        this.refusals.delete(refusalKey(["T4.older", team, vault, null, null]))
        book.refusal = null
    }

    wipe(): void {
        for (const team of this.teams.values()) for (const vault of team.vaults.values()) vault.dropKeys()
        this.teams.clear()
        this.refusals.clear()
        this.strangers.clear()
    }
}

/** For the report: which link it was and whom it names, so that it can be found again and its signer be asked. */
function factsOf(stop: Stop | null, signer: Signer | null): Facts {
    return {
        ...(stop?.theirs && { refused_seq: stop.seq, refused_link: hex(sha256(stop.theirs)) }),
        ...(signer && { signer: signer.member, signature_holds: signer.isProven ? 1 : 0 }),
    }
}

function refusalKey(parts: readonly (string | null)[]): string {
    return parts.join("/")
}
