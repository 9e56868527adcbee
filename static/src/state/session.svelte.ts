/** What the worker told the page, and the calls to it. Keys are not here; opened values live only in the view that shows them. */
import { untrack } from "svelte"
import { asFailure } from "../words/errors.ts"
import { isWarning, noticeWords, WAITS } from "../words/notices.ts"
import type {
    Core,
    Event,
    Failure,
    Id,
    Kit,
    MemberView,
    Refusal,
    Row,
    Snapshot,
    TeamView,
    VaultView,
} from "../worker/api.ts"
import { keyOf, RowIndex } from "./rows.ts"
import { typedSignUp } from "./signup.svelte.ts"
import { toasts } from "./toasts.svelte.ts"

const EMPTY: Snapshot = {
    phase: "booting",
    stage: null,
    email: null,
    missing: null,
    newBrowser: false,
    kitSaved: false,
    teams: [],
    refusals: [],
    withheld: 0,
    pending: 0,
    online: true,
    kmsUnavailable: false,
    progress: null,
    idleLockAt: null,
}

/** Said on the page that follows, in place of a toast: it is the reason for that page. */
const IN_PLACE = new Set(["auto_locked", "session_ended", "password_unsure", "made_unheard"])

class Session {
    snapshot = $state.raw<Snapshot>(EMPTY)
    /** Grows with every change of the rows; what reads it sees the rows anew. */
    rowsVersion = $state(0)
    /** Shown once, right after sign-up; never stored. */
    kit = $state.raw<Kit | null>(null)
    refusal = $state.raw<Refusal | null>(null)
    /** Why the page is locked or asks to sign in, when the worker said so. */
    lockNotice = $state<string | null>(null)
    /** Why the worker could not begin. */
    stopped = $state.raw<Failure | null>(null)
    readonly index = new RowIndex()
    /** Refusals of items whose page the person has left: what else the item has stays within reach. */
    #left = new Set<string>()
    #core: Core | null = null
    #beforeLock = new Set<() => Promise<void>>()

    get core(): Core {
        if (this.#core === null) throw new Error("the client is not connected to its worker")
        return this.#core
    }

    connect(core: Core, subscribe: (listener: (event: Event) => void) => void): void {
        this.#core = core
        subscribe((event) => this.receive(event))
        void this.start()
    }

    /** What this browser lacks, found before the worker could say so itself. */
    unsupported(missing: string): void {
        this.snapshot = { ...EMPTY, phase: "unsupported", missing }
    }

    async start(): Promise<void> {
        this.stopped = null
        try {
            await this.core.start()
        } catch (thrown) {
            this.stopped = asFailure(thrown)
            this.noteRefusal(this.stopped)
        }
    }

    receive(event: Event): void {
        if (event.kind === "snapshot") this.#take(event.snapshot)
        else if (event.kind === "rows") {
            this.index.apply(event.rows, [], event.reset)
            this.rowsVersion++
        } else if (event.kind === "gone") {
            const { vault, ids } = event
            this.index.apply(
                [],
                ids.map((id) => keyOf(vault, id)),
                false,
            )
            this.rowsVersion++
        } else if (event.kind === "verified") {
            this.index.verify(event.vault, event.ids, event.at)
            this.rowsVersion++
        } else this.#notice(event.code)
    }

    #take(snapshot: Snapshot): void {
        const wasOpen = this.snapshot.phase === "open"
        this.snapshot = snapshot
        if (snapshot.phase === "open") {
            this.lockNotice = null
            typedSignUp.drop()
        } else if (wasOpen) {
            this.index.apply([], [], true)
            this.rowsVersion++
            this.#left.clear()
        }
        if (snapshot.phase !== "code" && snapshot.phase !== "kit") this.kit = null
    }

    #notice(code: string): void {
        const words = noticeWords(code)
        if (words === null) return
        if (code === "locked_elsewhere")
            void this.lock().then(() => {
                this.lockNotice = words
            })
        else if (IN_PLACE.has(code)) this.lockNotice = words
        else toasts.show(words, undefined, isWarning(code) ? "warn" : "done")
    }

    /** Work that must be kept before the keys go: an editor puts its draft away. Returns how to take it back. */
    beforeLock(work: () => Promise<void>): () => void {
        this.#beforeLock.add(work)
        return () => this.#beforeLock.delete(work)
    }

    async lock(): Promise<void> {
        await Promise.allSettled([...this.#beforeLock].map((work) => work()))
        await this.core.lock()
    }

    /** Leave the page of a refusal. */
    leaveRefusal(): void {
        if (this.refusal?.item) this.#left.add(this.refusal.key)
        this.refusal = null
    }

    noteRefusal(failure: Failure): void {
        if (failure.refusal === undefined) return
        const id = failure.refusal
        const place = failure.place ?? { team: null, vault: null, item: null }
        const known = this.snapshot.refusals.find(
            (refusal) =>
                refusal.id === id &&
                refusal.team === place.team &&
                refusal.vault === place.vault &&
                refusal.item === place.item,
        )
        if (known !== undefined && this.#left.has(known.key)) return
        const at = Date.now()
        const report = JSON.stringify({ refusal: id, ...place }, null, 2)
        const plain = { isLasting: false, isKnown: false, signer: null, links: false, isDenied: false }
        this.refusal = known ?? { key: id, id, ...place, ...plain, at, report }
    }

    team(id: Id | null): TeamView | null {
        return this.snapshot.teams.find((team) => team.id === id) ?? null
    }

    vault(id: Id | null): VaultView | null {
        for (const team of this.snapshot.teams)
            for (const vault of team.vaults) if (vault.id === id) return vault
        return null
    }

    teamOf(vault: Id | null): TeamView | null {
        return this.team(this.vault(vault)?.team ?? null)
    }

    member(team: Id, member: string): MemberView | null {
        return this.team(team)?.members.find((each) => each.id === member) ?? null
    }

    /** @param vault - null where an address names none: see {@link RowIndex.get}. */
    row(vault: Id | null, id: Id | null): Row | null {
        // Read, so that whoever asks is asked again after a change.
        void this.rowsVersion
        return id === null ? null : this.index.get(vault, id)
    }

    /** Vaults in which something can be written now. */
    writable(): VaultView[] {
        return this.snapshot.teams
            .filter((team) => team.state === "ready" && !team.uncompared)
            .flatMap((team) => team.vaults)
            .filter((vault) => isUsable(vault) && (vault.right === "write" || vault.right === "manage"))
    }
}

export const session = new Session()

/** May a vault be written to, shared and invited into? Also while some of its items wait for a key. */
export function isUsable({ state }: VaultView): boolean {
    return state === "ready" || state === "incomplete"
}

/** One thing that a page asks of the worker: busy while it runs, and how it failed. */
export class Action {
    busy = $state(false)
    failure = $state.raw<Failure | null>(null)
    /** It is kept and sent by itself, its answer being unknown; the person was told so. What asked for it closes. */
    kept = $state(false)

    /** Null if it failed or another run is on its way; else the value in a box, so that no value is none. */
    async run<T>(work: () => Promise<T>): Promise<{ value: T } | null> {
        // Read without being followed: an effect that asks something must not run again when the answer is there.
        if (untrack(() => this.busy)) return null
        this.busy = true
        this.failure = null
        this.kept = false
        try {
            return { value: await work() }
        } catch (thrown) {
            const failure = asFailure(thrown)
            this.kept = failure.code === "pending"
            if (this.kept) toasts.show(WAITS)
            else this.failure = failure
            session.noteRefusal(failure)
            return null
        } finally {
            this.busy = false
        }
    }
}
