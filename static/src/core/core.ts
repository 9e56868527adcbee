/** The browser client's core: everything between the pages and the server. Runs in a worker, and in Node for tests. */
import type {
    Comparison,
    Core,
    Details,
    Draft,
    ImportResult,
    InvitePreview,
    Kit,
    NewItem,
    Overview,
    Picked,
    Right,
    Role,
    SavedLinks,
    SaveResult,
    SessionView,
    Snapshot,
    Written,
} from "../worker/api.ts"
import { normalised } from "./address.ts"
import type { Clock } from "./clock.ts"
import { endSession, mailDeviceLink, sessionsOf, useDeviceLink } from "./devices.ts"
import { dropDraft, listDrafts, putDraft } from "./drafts.ts"
import { Entrance } from "./entrance.ts"
import { readableCopy, refusedLinks } from "./evidence.ts"
import { ensure } from "./failure.ts"
import { acceptInvite, cameByHand, invite, openInvite } from "./invites.ts"
import { lookAt, lookAtWithheld, withheldTeams } from "./looked.ts"
import * as members from "./members.ts"
import { historyOf, openItem } from "./read.ts"
import type { Session } from "./session.ts"
import { spokenFingerprint } from "./spoken.ts"
import type { Surroundings } from "./surroundings.ts"
import { Server } from "./transport.ts"
import { View } from "./view.ts"
import { importItems, purgeItem, revertItem, rotateVault, saveItem, setTrash } from "./write.ts"

export class CoffretCore implements Core {
    readonly #clock: Clock
    readonly #server: Server
    readonly #view: View
    readonly #entrance: Entrance

    constructor(around: Surroundings) {
        this.#clock = around.clock
        this.#server = new Server(around.transport)
        this.#view = new View(around.emit, () => this.snapshot())
        this.#entrance = new Entrance(around, this.#server, this.#view)
    }

    /** The unlocked account, for whoever shares this thread; no message names it, so the page cannot ask for it. */
    get session(): Session | null {
        return this.#entrance.session
    }

    /** What the page is shown. */
    snapshot(): Snapshot {
        const { shown, session } = this.#entrance
        const open = shown.phase === "open" ? session?.snapshot() : undefined
        return {
            ...{
                teams: [],
                refusals: [],
                withheld: 0,
                pending: 0,
                online: true,
                kmsUnavailable: false,
                newBrowser: false,
                kitSaved: false,
            },
            ...open,
            ...shown,
            progress: this.#view.progressNow,
        }
    }

    async start(): Promise<void> {
        await this.#entrance.start()
    }

    async signUp(email: string, name: string, password: string): Promise<Kit> {
        return this.#entrance.signUp(email, name, password)
    }

    async confirmCode(code: string): Promise<void> {
        await this.#entrance.confirmCode(code)
    }

    async resendCode(): Promise<void> {
        await this.#entrance.resendCode()
    }

    async startAgain(): Promise<void> {
        await this.#entrance.startAgain()
    }

    async kitSaved(confirmed: boolean): Promise<void> {
        await this.#entrance.kitSaved(confirmed)
    }

    async signIn(email: string, password: string): Promise<void> {
        await this.#entrance.signIn(email, password)
    }

    async unlock(password: string): Promise<void> {
        await this.#entrance.unlock(password)
    }

    async lock(): Promise<void> {
        await this.#entrance.lock()
    }

    async signOut(): Promise<void> {
        await this.#entrance.signOut()
    }

    async changePassword(current: string, next: string): Promise<void> {
        await this.#entrance.changePassword(current, next)
    }

    async touch(): Promise<void> {
        this.#entrance.touch()
    }

    /** The browser's store was emptied: what is verified in memory is pinned again, and the person is told. */
    async storageLost(): Promise<void> {
        const { session } = this.#entrance
        if (session === null) return
        this.#view.notice("storage_lost")
        await session.keepAgain()
    }

    async mailDeviceLink(email: string): Promise<void> {
        await mailDeviceLink(this.#server, normalised(email))
    }

    async useDeviceLink(token: string): Promise<void> {
        await useDeviceLink(this.#server, token)
    }

    async sessions(): Promise<SessionView[]> {
        return sessionsOf(this.#context().server)
    }

    async endSession(id: number): Promise<void> {
        await endSession(this.#context().server, id)
    }

    async setVisible(visible: boolean): Promise<void> {
        this.#entrance.session?.setVisible(visible)
    }

    async createTeam(name: string): Promise<string> {
        const context = this.#context()
        return members.createTeam(context, "team", name, context.settings.name)
    }

    async createVault(team: string, name: string): Promise<string> {
        return members.createVault(this.#context(), team, name)
    }

    async invite(
        team: string,
        email: string,
        role: Role,
        vaults: { vault: string; right: Right }[],
        days: number,
        via: "link" | "mail" = "link",
    ): Promise<{ url: string; written: Written }> {
        return invite(this.#context(), team, email, role, vaults, days, via)
    }

    async revokeInvite(team: string, hash: string): Promise<void> {
        await members.revokeInvite(this.#context(), team, hash)
    }

    async confirmMember(team: string, hash: string): Promise<void> {
        await members.confirmMember(this.#context(), team, hash)
    }

    async openInvite(fragment: string): Promise<InvitePreview> {
        return openInvite(this.#server, this.#entrance.session?.context ?? null, fragment)
    }

    async acceptInvite(fragment: string, name: string, came: "hand" | "mail"): Promise<void> {
        // The server knows by the personal team whose keys an acceptance names: it has to stand first.
        await this.syncNow()
        await acceptInvite(this.#context(), fragment, name, came)
    }

    async cameByHand(team: string): Promise<void> {
        await cameByHand(this.#context(), team)
    }

    async wordsOf(team: string, member: string): Promise<string> {
        const found = this.#context().books.teams.get(team)?.state.members.get(member)
        ensure(found !== undefined, "not_found")
        const words = await spokenFingerprint(found.fp)
        this.#view.changed()
        return words
    }

    async comparison(team: string, member: string): Promise<Comparison> {
        return this.#entrance.sessionOrFail().comparisons.ofMember(team, member)
    }

    /** The rights that came with it are followed by keys, sealed on the fold that has the link. */
    async pickWords(team: string, member: string, choice: number | null): Promise<Picked> {
        const session = this.#entrance.sessionOrFail()
        const picked = await session.comparisons.pick(team, member, choice)
        await session.look()
        return picked
    }

    async settleWords(team: string, member: string): Promise<void> {
        await this.#entrance.sessionOrFail().comparisons.settle(team, member)
    }

    async myComparison(team: string): Promise<Comparison> {
        return this.#entrance.sessionOrFail().comparisons.mine(team)
    }

    async hearWords(team: string, choice: number | null): Promise<Picked> {
        return this.#entrance.sessionOrFail().comparisons.hear(team, choice)
    }

    async lookedAt(refusal: string): Promise<void> {
        const { books, shelf } = this.#context()
        await lookAt(books, shelf, refusal)
        this.#view.changed()
    }

    async toldOfWithheld(): Promise<void> {
        const { books, shelf, pins, clock } = this.#context()
        await lookAtWithheld(books, shelf, pins, withheldTeams(books, pins), clock.now())
        this.#view.changed()
    }

    async removeMember(team: string, member: string): Promise<void> {
        await members.removeMember(this.#context(), team, member)
    }

    async setRole(team: string, member: string, role: Role): Promise<void> {
        await members.setRole(this.#context(), team, member, role)
    }

    /** The right is a link; the key follows it, sealed on the fold that has the link. */
    async grantVault(vault: string, member: string, right: Right): Promise<void> {
        const session = this.#entrance.sessionOrFail()
        await members.grantVault(session.context, vault, member, right)
        await session.look()
    }

    async revokeVault(vault: string, member: string): Promise<void> {
        await members.revokeVault(this.#context(), vault, member)
    }

    async rotateVault(vault: string): Promise<Written> {
        return rotateVault(this.#context(), vault)
    }

    async openItem(
        vault: string,
        item: string,
        revision?: number,
    ): Promise<{ overview: Overview; details: Details; revision: number; author: string }> {
        const opened = await openItem(this.#context(), vault, item, revision)
        return {
            overview: opened.overview,
            details: opened.details,
            revision: opened.revision,
            author: opened.author,
        }
    }

    async history(vault: string, item: string): Promise<{ revision: number; author: string; at: number }[]> {
        return historyOf(this.#context(), vault, item)
    }

    async saveItem(
        vault: string,
        item: string | null,
        base: number,
        overview: Overview,
        details: Details,
        draft: string | null = null,
    ): Promise<SaveResult> {
        return saveItem(this.#context(), vault, item, base, overview, details, draft)
    }

    async importItems(vault: string, entries: NewItem[]): Promise<ImportResult> {
        return importItems(this.#context(), vault, entries)
    }

    async revertItem(vault: string, item: string, revision: number): Promise<Written> {
        return revertItem(this.#context(), vault, item, revision)
    }

    async trashItem(vault: string, item: string): Promise<Written> {
        return setTrash(this.#context(), vault, item, this.#clock.now())
    }

    async restoreItem(vault: string, item: string): Promise<Written> {
        return setTrash(this.#context(), vault, item, null)
    }

    async purgeItem(vault: string, item: string): Promise<Written> {
        return purgeItem(this.#context(), vault, item)
    }

    async putDraft(draft: Draft): Promise<void> {
        await putDraft(this.#context().shelf, draft)
    }

    async drafts(): Promise<Draft[]> {
        const { shelf, outbox } = this.#context()
        return (await listDrafts(shelf)).filter(({ id }) => !outbox.drafts.has(id))
    }

    async dropDraft(id: string): Promise<void> {
        await dropDraft(this.#context().shelf, id)
    }

    async refusedLinks(team: string, vault: string | null): Promise<SavedLinks> {
        return refusedLinks(this.#context(), team, vault)
    }

    async readableCopy(vault: string): Promise<string> {
        return readableCopy(this.#context(), vault)
    }

    async syncNow(): Promise<void> {
        await this.#entrance.sessionOrFail().syncNow()
    }

    #context() {
        return this.#entrance.sessionOrFail().context
    }
}
