/** A Core in memory with sample data, for pages under test and for pictures of them. Never part of the build. */
import { keyOf } from "../../src/state/rows.ts"
import type {
    Comparison,
    Core,
    Details,
    Draft,
    Event,
    Failure,
    Id,
    ImportResult,
    InvitePreview,
    Kit,
    NewItem,
    Overview,
    Picked,
    Right,
    Role,
    Row,
    SavedLinks,
    SessionView,
    Snapshot,
    TeamView,
    VaultView,
    Written,
} from "../../src/worker/api.ts"
import { type Kept, many, samples, unreadable } from "./sample-items.ts"
import { DAY, hex, members, NOW, PHRASES, TEAM, teams, vault, WORDS } from "./sample-team.ts"
import { bare, KIT, SCENES, SESSIONS } from "./scenes.ts"

function fail(code: string, more: Partial<Failure> = {}): never {
    throw { code, ...more } satisfies Failure
}

export class FakeCore implements Core {
    #scene: string
    #snapshot: Snapshot
    /** By vault and id. */
    #items = new Map<string, Kept>()
    #drafts = new Map<Id, Draft>()
    #listeners: ((event: Event) => void)[] = []
    #tries = 5
    #sessions = SESSIONS
    invitation: InvitePreview | Failure = {
        team: hex(3),
        teamName: "Northwind Operations",
        inviter: "Ben Okafor",
        role: "member",
        vaults: 2,
        expiry: Date.now() + 5 * DAY,
        via: "link",
        compares: true,
        awaited: ["Maya Lindqvist", "Ben Okafor"],
        byHand: false,
        state: "open",
        forMe: true,
    }

    constructor(scene = "full") {
        this.#scene = scene
        const kept =
            scene === "many"
                ? [...samples(), ...many(10_000)]
                : ["empty", "fresh", "novault", "personal"].includes(scene)
                  ? []
                  : samples()
        if (scene === "unreadable") kept.push(unreadable())
        for (const each of kept) this.#items.set(keyOf(each.row.vault, each.row.id), each)
        const begin = SCENES[scene] ?? ((snapshot: Snapshot) => snapshot)
        this.#snapshot = begin({ ...bare("open"), teams: teams(), idleLockAt: Date.now() + 9 * 60_000 })
    }

    readonly subscribe = (listener: (event: Event) => void): void => {
        this.#listeners.push(listener)
    }

    #tell(event: Event): void {
        for (const listener of this.#listeners) listener(event)
    }

    #set(change: Partial<Snapshot>): void {
        this.#snapshot = { ...this.#snapshot, ...change }
        this.#tell({ kind: "snapshot", snapshot: this.#snapshot })
        if (change.phase === "open") this.#rows()
    }

    #rows(): void {
        this.#tell({
            kind: "rows",
            rows: [...this.#items.values()].map((each) => each.row),
            reset: true,
        })
    }

    /** Somebody else writes an item. */
    put(kept: Kept): void {
        this.#items.set(keyOf(kept.row.vault, kept.row.id), kept)
        this.#tell({ kind: "rows", rows: [kept.row], reset: false })
    }

    /** Somebody purges an item. */
    drop(vault: Id, item: Id): void {
        this.#items.delete(keyOf(vault, item))
        this.#tell({ kind: "gone", vault, ids: [item] })
    }

    #team(id: Id, change: (team: TeamView) => TeamView): void {
        this.#set({ teams: this.#snapshot.teams.map((team) => (team.id === id ? change(team) : team)) })
    }

    #kept(vault: Id, item: Id): Kept {
        return this.#items.get(keyOf(vault, item)) ?? fail("not_found")
    }

    #change(vault: Id, item: Id, change: Partial<Overview>): void {
        const kept = this.#kept(vault, item)
        const row = {
            ...kept.row,
            overview: { ...kept.row.overview, ...change },
            revision: kept.row.revision + 1,
            at: Date.now(),
        }
        this.#items.set(keyOf(vault, item), { ...kept, row })
        this.#tell({ kind: "rows", rows: [row], reset: false })
    }

    async start(): Promise<void> {
        this.#set({ phase: this.#snapshot.phase })
    }
    async signUp(email: string): Promise<Kit> {
        this.#set({ phase: "code", stage: "sign_up", email })
        return KIT
    }
    async confirmCode(code: string): Promise<void> {
        if (code === "999999") fail("code_expired")
        if (code !== "123456") fail("code_wrong", { triesLeft: --this.#tries })
        this.#set({ phase: "kit", stage: null })
    }
    async resendCode(): Promise<void> {
        this.#tries = 5
    }
    async startAgain(): Promise<void> {
        this.#set({ phase: "anonymous", stage: null, email: null })
    }
    async kitSaved(confirmed: boolean): Promise<void> {
        if (this.#snapshot.stage === "unheard") return this.#set({ phase: "anonymous", stage: null })
        this.#set({ phase: "open", kitSaved: confirmed })
    }
    async signIn(email: string, password: string): Promise<void> {
        if (password === "tried too often") fail("too_many", { retryAfter: 900 })
        if (password === "lying server") fail("refused", { refusal: "A3.server_key" })
        if (password !== "correct horse battery staple") fail("login_failed")
        this.#set({ phase: "open", email })
    }
    async unlock(password: string): Promise<void> {
        if (password !== "correct horse battery staple") fail("login_failed")
        this.#set({ phase: "open" })
    }
    async lock(): Promise<void> {
        this.#set({ phase: "locked" })
    }
    async signOut(): Promise<void> {
        this.#set({ phase: "anonymous", email: null })
    }
    async changePassword(current: string): Promise<void> {
        if (current !== "correct horse battery staple") fail("login_failed")
    }
    async mailDeviceLink(): Promise<void> {}
    async useDeviceLink(token: string): Promise<void> {
        if (token === "used") fail("gone")
        if (token === "offline") fail("offline")
    }
    async sessions(): Promise<SessionView[]> {
        return this.#sessions
    }
    async endSession(id: number): Promise<void> {
        this.#sessions = this.#sessions.filter((each) => each.id !== id)
    }
    async touch(): Promise<void> {}
    async setVisible(): Promise<void> {}
    async createTeam(name: string): Promise<Id> {
        const team: TeamView = {
            id: hex(7),
            name,
            kind: "team",
            role: "owner",
            state: "ready",
            members: members().slice(0, 1),
            invites: [],
            vaults: [],
            uncompared: false,
            lastByOther: null,
        }
        this.#set({ teams: [...this.#snapshot.teams, team] })
        return team.id
    }
    async createVault(team: Id, name: string): Promise<Id> {
        const made = {
            ...vault(hex(20 + this.#snapshot.teams.length), name, "manage"),
            team,
            holders: [{ member: hex(100), right: "manage" as const, hasKey: true }],
        }
        this.#team(team, (each) => ({ ...each, vaults: [...each.vaults, made] }))
        return made.id
    }
    async invite(
        team: Id,
        email: string,
        role: Role,
        _vaults: { vault: Id; right: Right }[],
        days: number,
        via: "link" | "mail" = "link",
    ): Promise<{ url: string; written: Written }> {
        const invite = {
            hash: "a3".repeat(32),
            email,
            role,
            via,
            by: hex(100),
            expiry: Date.now() + days * DAY,
            state: "open" as const,
            waiting: false,
            former: null,
        }
        this.#team(team, (each) => ({ ...each, invites: [...each.invites, invite] }))
        return { url: `https://coffret.example.net/join#${"A".repeat(86)}`, written: "done" }
    }
    async revokeInvite(team: Id, hash: Id): Promise<void> {
        this.#team(team, (each) => ({
            ...each,
            invites: each.invites.filter((invite) => invite.hash !== hash),
        }))
    }
    async confirmMember(team: Id, hash: Id): Promise<void> {
        await this.revokeInvite(team, hash)
    }
    async openInvite(_fragment: string): Promise<InvitePreview> {
        if ("code" in this.invitation) throw this.invitation
        return this.invitation
    }
    async acceptInvite(_fragment: string, _name: string, came: "hand" | "mail"): Promise<void> {
        if ("code" in this.invitation) return
        this.invitation = { ...this.invitation, state: "waiting", compares: came === "mail" }
    }
    async cameByHand(team: Id): Promise<void> {
        this.#team(team, (each) => ({ ...each, uncompared: false }))
    }
    async wordsOf(_team: Id, member: Id): Promise<string> {
        return WORDS[Number.parseInt(member, 16) % WORDS.length] ?? ""
    }
    async comparison(_team: Id, member: Id): Promise<Comparison> {
        const isNone = this.#snapshot.teams[0]?.members.find(({ id }) => id === member)?.verified === "none"
        return { say: isNone ? (WORDS[2] ?? null) : null, choices: PHRASES }
    }
    async pickWords(team: Id, member: Id, choice: number | null): Promise<Picked> {
        if (this.#scene === "unanswered") fail("pending")
        if (choice !== 1) {
            await this.removeMember(team, member)
            return "removed"
        }
        this.#team(team, (each) => ({
            ...each,
            members: each.members.map((one) =>
                one.id === member ? { ...one, verified: "words" as const, pending: {} } : one,
            ),
        }))
        return "verified"
    }
    async settleWords(team: Id, member: Id): Promise<void> {
        this.#team(team, (each) => ({
            ...each,
            members: each.members.map((one) => (one.id === member ? { ...one, differed: null } : one)),
        }))
    }
    async myComparison(team: Id): Promise<Comparison> {
        const unheard = this.#snapshot.teams.find(({ id }) => id === team)?.uncompared
        return unheard ? { say: null, choices: PHRASES } : { say: PHRASES[1] ?? null, choices: null }
    }
    async hearWords(team: Id, choice: number | null): Promise<Picked> {
        if (choice !== 1) return "removed"
        this.#team(team, (each) => ({ ...each, uncompared: false }))
        return "verified"
    }
    async lookedAt(): Promise<void> {
        return
    }
    async toldOfWithheld(): Promise<void> {
        this.#set({ withheld: 0 })
    }
    async removeMember(team: Id, member: Id): Promise<void> {
        this.#team(team, (each) => ({
            ...each,
            members: each.members.map((one) =>
                one.id === member
                    ? { ...one, present: false, rights: {}, left: { by: hex(100), at: Date.now() } }
                    : one,
            ),
        }))
    }
    async setRole(team: Id, member: Id, role: Role): Promise<void> {
        this.#team(team, (each) => ({
            ...each,
            members: each.members.map((one) => (one.id === member ? { ...one, role } : one)),
        }))
    }
    async grantVault(id: Id, member: Id, right: Right): Promise<void> {
        this.#vault(id, (each) => ({
            ...each,
            holders: [
                ...each.holders.filter((holder) => holder.member !== member),
                { member, right, hasKey: true },
            ],
        }))
    }
    async revokeVault(id: Id, member: Id): Promise<void> {
        this.#vault(id, (each) => ({
            ...each,
            due: true,
            holders: each.holders.filter((holder) => holder.member !== member),
        }))
    }
    async rotateVault(id: Id): Promise<Written> {
        this.#vault(id, (each) => ({ ...each, due: false }))
        return "done"
    }
    #vault(id: Id, change: (vault: VaultView) => VaultView): void {
        this.#set({
            teams: this.#snapshot.teams.map((team) => ({
                ...team,
                vaults: team.vaults.map((each) => (each.id === id ? change(each) : each)),
            })),
        })
    }
    async openItem(
        vault: Id,
        item: Id,
        revision?: number,
    ): Promise<{ overview: Overview; details: Details; revision: number; author: string }> {
        const { row, details } = this.#kept(vault, item)
        const place = { team: row.team, vault, item }
        const refusal = this.#snapshot.refusals.find((each) => each.vault === vault && each.item === item)
        if (refusal !== undefined && (revision ?? row.revision) === row.revision)
            fail("refused", { refusal: refusal.id, place })
        return { overview: row.overview, details, revision: revision ?? row.revision, author: row.author }
    }
    async history(vault: Id, item: Id): Promise<{ revision: number; author: string; at: number }[]> {
        const { row } = this.#kept(vault, item)
        return Array.from({ length: row.revision }, (_, at) => ({
            revision: at + 1,
            author: hex(100 + (at % 4)),
            at: NOW - (row.revision - at) * 40 * DAY,
        }))
    }
    async saveItem(
        vaultId: Id,
        item: Id | null,
        base: number,
        text: Overview,
        details: Details,
    ): ReturnType<Core["saveItem"]> {
        const id = item ?? hex(9000 + this.#items.size)
        const before = this.#items.get(keyOf(vaultId, id))
        if (this.#scene === "conflict" && before !== undefined && base <= before.row.revision) {
            const newer = {
                overview: { ...before.row.overview, login: "deployer" },
                details: { ...before.details, note: "Changed by Ben." },
                revision: before.row.revision + 1,
                author: hex(101),
            }
            this.#items.set(keyOf(vaultId, id), {
                row: { ...before.row, overview: newer.overview, revision: newer.revision },
                details: newer.details,
            })
            this.#scene = "full"
            return { result: "conflict", item: id, theirs: newer }
        }
        const revision = (before?.row.revision ?? 0) + 1
        const row: Row = {
            id,
            vault: vaultId,
            team: TEAM,
            overview: text,
            revision,
            author: hex(100),
            at: Date.now(),
            verified: true,
        }
        this.#items.set(keyOf(vaultId, id), { row, details })
        this.#tell({ kind: "rows", rows: [row], reset: false })
        return { result: "saved", item: id, revision }
    }
    async importItems(vault: Id, entries: NewItem[]): Promise<ImportResult> {
        for (const { overview, details } of entries) await this.saveItem(vault, null, 0, overview, details)
        return { saved: entries.length, pending: 0 }
    }
    async revertItem(vault: Id, item: Id): Promise<Written> {
        this.#change(vault, item, {})
        return "done"
    }
    async trashItem(vault: Id, item: Id): Promise<Written> {
        this.#change(vault, item, { trash: Date.now() })
        return "done"
    }
    async restoreItem(vault: Id, item: Id): Promise<Written> {
        this.#change(vault, item, { trash: null })
        return "done"
    }
    async purgeItem(vault: Id, item: Id): Promise<Written> {
        this.drop(vault, item)
        return "done"
    }
    async putDraft(draft: Draft): Promise<void> {
        this.#drafts.set(draft.id, draft)
    }
    async drafts(): Promise<Draft[]> {
        return [...this.#drafts.values()]
    }
    async dropDraft(id: Id): Promise<void> {
        this.#drafts.delete(id)
    }
    async refusedLinks(): Promise<SavedLinks> {
        return { text: "{}", whole: 1, hashes: 1 }
    }

    async readableCopy(): Promise<string> {
        return "{}"
    }

    async syncNow(): Promise<void> {}
}
