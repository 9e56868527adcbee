/** What the page sees: snapshots, and rows as differences. Plain values only: no key, no link, no sealed byte. */
import type { Invite, Level, Member } from "../chain/team.ts"
import { LEVELS, NONE } from "../chain/team.ts"
import type { Revision } from "../chain/vault.ts"
import { equal } from "../crypto/bytes.ts"
import type {
    Event,
    InviteView,
    MemberView,
    Row as PageRow,
    Right,
    Snapshot,
    TeamView,
    VaultView,
} from "../worker/api.ts"
import type { Books, Row, TeamBook, VaultBook } from "./books.ts"
import { brokenOf, holdersOf, keyOf, lastOf, rightName, steppedOverOf } from "./holders.ts"
import type { WaitingRow } from "./records.ts"
import type { Settings } from "./settings.ts"
import { isInviterKnown } from "./settings.ts"
import { spokenIfKnown } from "./spoken.ts"
import { formerOf } from "./waiting.ts"

const BATCH = 500 // rows of one message
const VERIFIED = 5_000 // ids of one message
const CLOCKS_DIFFER = 300_000 // ms by which an honest clock may be ahead of this one

/** Tells the page. `changed` asks for a new snapshot; several askings in one turn give one. */
export class View {
    readonly #emit: (event: Event) => void
    readonly #makeSnapshot: () => Snapshot
    #isAsked = false
    progressNow: Snapshot["progress"] = null

    constructor(emit: (event: Event) => void, makeSnapshot: () => Snapshot) {
        this.#emit = emit
        this.#makeSnapshot = makeSnapshot
    }

    rows(vault: VaultBook, rows: readonly Row[]): void {
        // The vault's own item is its name: it travels in the snapshot.
        const shown = rows.filter((row) => row.item !== vault.id)
        for (let start = 0; start < shown.length; start += BATCH) {
            const part = shown.slice(start, start + BATCH).map((row) => pageRow(vault, row))
            this.#emit({ kind: "rows", rows: part, reset: false })
        }
        if (rows.length > 0) this.changed()
    }

    /** Rows that the page has and that count from now on: their ids and times, not their texts again. */
    verified(vault: VaultBook, rows: readonly Row[]): void {
        const shown = rows.filter((row) => row.item !== vault.id)
        for (let start = 0; start < shown.length; start += VERIFIED) {
            const part = shown.slice(start, start + VERIFIED)
            const at = part.map((row) => pageTime(vault, row))
            this.#emit({ kind: "verified", vault: vault.id, ids: part.map((row) => row.item), at })
        }
        if (rows.length > 0) this.changed()
    }

    /** An item whose newest revision was refused: that it is there, and whose revision it is. */
    unopened(vault: VaultBook, { item, revision, author, at }: Revision): void {
        if (item === vault.id) return
        const overview = {
            type: "note" as const,
            title: "",
            tags: [],
            trash: null,
            isUnreadable: true as const,
        }
        const place = { id: item, vault: vault.id, team: vault.team.id }
        const row = { ...place, overview, revision, author: vault.team.callOf(author), at, verified: false }
        this.#emit({ kind: "rows", rows: [row], reset: false })
        this.changed()
    }

    gone(vault: VaultBook, items: readonly string[]): void {
        if (items.length > 0) this.#emit({ kind: "gone", vault: vault.id, ids: [...items] })
        this.changed()
    }

    reset(): void {
        this.#emit({ kind: "rows", rows: [], reset: true })
        this.changed()
    }

    notice(code: string, detail?: string): void {
        this.#emit({ kind: "notice", code, ...(detail === undefined ? {} : { detail }) })
    }

    progress(progress: Snapshot["progress"]): void {
        if (progress === null && this.progressNow === null) return
        this.progressNow = progress
        this.changed()
    }

    changed(): void {
        if (this.#isAsked) return
        this.#isAsked = true
        queueMicrotask(() => {
            this.#isAsked = false
            this.#emit({ kind: "snapshot", snapshot: this.#makeSnapshot() })
        })
    }
}

export function pageRow(vault: VaultBook, row: Row): PageRow {
    const { item, revision, isVerified } = row
    // A vault's own item never comes here: another that calls itself one is an item like others, and hides from no list.
    const overview = row.overview.type === "vault" ? { ...row.overview, type: "note" as const } : row.overview
    return {
        id: item,
        vault: vault.id,
        team: vault.team.id,
        overview,
        revision,
        author: vault.team.callOf(row.author),
        at: isVerified ? pageTime(vault, row) : null,
        verified: isVerified,
    }
}

function pageTime(vault: VaultBook, { item, revision }: Row): number | null {
    return vault.state.revision(item, revision)?.at ?? null
}

/** The teams in which the account is a member now. */
export function teamViews(books: Books, settings: Settings, now: number): TeamView[] {
    const views: TeamView[] = []
    for (const book of books.teams.values()) {
        const { me } = book
        if (me !== undefined) views.push(teamView(book, me, settings, now))
    }
    return views
}

function teamView(book: TeamBook, me: Member, settings: Settings, now: number): TeamView {
    const { state, joinedBy } = book
    return {
        id: book.id,
        name: book.textOf(state.name),
        kind: state.kind,
        role: me.role,
        state: stateOfTeam(book),
        members: [...state.members.values()].map((member) => memberView(book, member, me, settings)),
        invites: inviteViews(book),
        vaults: [...book.vaults.values()]
            .filter((vault) => vault.right !== NONE || me.role === "owner" || me.role === "admin")
            .map(vaultView),
        uncompared: !isInviterKnown(joinedBy, settings),
        lastByOther: lastByOther(book, me, now),
    }
}

function stateOfTeam(book: TeamBook): TeamView["state"] {
    if (book.isFrozen) return "frozen"
    if (book.isKmsUnavailable) return "kms_unavailable"
    if (book.isStale) return "behind"
    return book.isMissing ? "waiting" : "ready"
}

function memberView(book: TeamBook, member: Member, me: Member, settings: Settings): MemberView {
    const rights: Record<string, Right> = {}
    for (const vault of member.held) {
        const right = rightName(book.state.rightAt(vault, member.id))
        if (right !== null) rights[vault] = right
    }
    const signed = (seq: number) => {
        const { actor, at } = book.state.linkAt(seq)
        return { by: actor.id, at }
    }
    const invite = member.invite === null ? undefined : book.state.invites.get(member.invite)
    return {
        id: member.id,
        name: book.textOf(member.profile.name),
        email: book.textOf(member.profile.email),
        formerly: formerlyOf(book, member),
        role: member.role,
        verified: member.verified,
        checked: signed(member.checked),
        via: invite?.via ?? null,
        words: spokenIfKnown(member.fp),
        joinedAt: signed(member.joined).at,
        present: member.left === null,
        left: member.left === null ? null : signed(member.left),
        me: member.id === me.id,
        differed: settings.differed.get(`${book.id}/${member.id}`) ?? null,
        rights,
        pending: Object.fromEntries(
            member.pending.map(({ vault, right }) => [vault, rightName(right) as Right]),
        ),
    }
}

/** That there was another name the chain says; its text shows where the server gives it, and it opens its commitment. */
function formerlyOf(book: TeamBook, { formerly, profile }: Member): MemberView["formerly"] {
    const present = book.textOf(profile.name)
    return formerly
        .map(({ name, until }) => ({ name: book.textOf(name), until: book.state.linkAt(until).at }))
        .filter(({ name }) => name === null || name !== present)
        .toReversed()
}

function inviteViews(book: TeamBook): InviteView[] {
    const waiting = new Map(book.extras.waiting.map((row) => [row.invite, row]))
    return [...book.state.invites.values()].map((invite) => ({
        hash: invite.hash,
        email: book.textOf(invite.email),
        role: invite.role,
        expiry: invite.expiry,
        via: invite.via,
        by: invite.actor,
        state: invite.state,
        waiting: invite.state === "open" && waiting.has(invite.hash),
        former: formerView(book, invite, waiting.get(invite.hash)),
    }))
}

function formerView(book: TeamBook, invite: Invite, row: WaitingRow | undefined): InviteView["former"] {
    const former = invite.state !== "open" || row === undefined ? null : formerOf(book, row, invite)
    if (former === null || former.left === null) return null
    return { member: former.id, until: book.state.linkAt(former.left).at }
}

function vaultView(vault: VaultBook): VaultView {
    const own = vault.rows.get(vault.id)
    const isNamed = own !== undefined || vault.sealed.has(vault.id)
    const live = vault.rows.size + vault.sealed.size - (isNamed ? 1 : 0)
    const verified = vault.state.seq
    const holders = holdersOf(vault)
    return {
        id: vault.id,
        team: vault.team.id,
        name: own?.overview.title || null,
        right: rightName(vault.right),
        items: Math.max(live, 0),
        shut: vault.shut.filter(({ item }) => item !== vault.id).length,
        verified,
        links: Math.max(vault.announced, verified),
        state: stateOf(vault),
        awaits: awaitedCut(vault),
        due: vault.isDue,
        holders,
        last: lastOf(holders),
        broken: brokenOf(vault),
        steppedOver: steppedOverOf(vault),
        key: keyOf(vault),
    }
}

/** Who signed the cut that nothing here fits yet, and when. Whoever removed them since only said it again. */
function awaitedCut({ id, team }: VaultBook): VaultView["awaits"] {
    const cut = team.unmetCut(id)
    const first = cut && team.state.vaults.get(id)?.cuts.find(({ n, h }) => n === cut.n && equal(h, cut.h))
    if (!first) return null
    const { actor, at } = team.state.linkAt(first.s)
    return { by: actor.id, at }
}

function stateOf(vault: VaultBook): VaultView["state"] {
    if (vault.refusal !== null || vault.team.isFrozen) return "refused"
    if (vault.isStale || vault.team.isStale) return "behind"
    if (vault.isWaiting) return "waiting"
    if (vault.right === NONE) return "ready"
    if (vault.dek !== undefined) return vault.shut.length === 0 ? "ready" : "incomplete"
    // A key that came and is no good is stepped over by the next write, so nothing is waited for.
    return vault.mayWrite && vault.hasBrokenGrant ? "ready" : "waiting_for_key"
}

/**
 * Shown always, since a server can hold back: the newest link by somebody else, with the time of their own clock. Newest
 * by the order of the team's chain, where each vault's link stands behind what its signer had seen. A signer's clock only
 * parts the links of two vaults on one state of the team, and not one that is ahead of this device's.
 */
function lastByOther(book: TeamBook, me: Member, now: number): TeamView["lastByOther"] {
    const last: { member: string; at: number; after: number }[] = []
    for (let seq = book.state.seq; seq >= 0; seq--) {
        const { actor, at } = book.state.linkAt(seq)
        if (actor.id === me.id) continue
        last.push({ member: actor.id, at, after: seq - 1 })
        break
    }
    for (const { state } of book.vaults.values()) {
        for (let seq = state.seq; seq >= 1; seq--) {
            const { actor, at } = state.linkAt(seq)
            if (actor === me.id) continue
            last.push({ member: actor, at, after: state.columns.seens.at(seq) })
            break
        }
    }
    const told = ({ at }: { at: number }) => (at > now + CLOCKS_DIFFER ? 0 : at)
    const [newest] = last.toSorted((a, b) => b.after - a.after || told(b) - told(a))
    if (newest === undefined) return null
    const { member, at } = newest
    return { member, at, isAhead: at > now + CLOCKS_DIFFER }
}

export function levelOf(right: Right): Exclude<Level, 0> {
    return LEVELS[right]
}
