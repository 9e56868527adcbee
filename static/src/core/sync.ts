/** Asking the server what is new, and judging what it says of heads. Applied by {@link Applier}. */
import { NONE } from "../chain/team.ts"
import { hex, unhex } from "../crypto/bytes.ts"
import { encode } from "../crypto/cbor.ts"
import type { Applier } from "./apply.ts"
import type { Books } from "./books.ts"
import { ensure } from "./failure.ts"
import { mark } from "./marks.ts"
import type { Mutex } from "./mutex.ts"
import type { Delta, Heads } from "./records.ts"
import { readAnswer } from "./records.ts"
import { CBOR_SEQUENCE, decodeSequence, type Server } from "./transport.ts"

type Part = "teams" | "items" | "links"
const ALL: readonly Part[] = ["teams", "items", "links"]

interface Known {
    readonly teams: ReadonlyMap<string, number>
    readonly vaults: ReadonlyMap<string, number>
}

export class Sync {
    readonly #server: Server
    readonly #books: Books
    readonly #applier: Applier
    readonly #state: Mutex
    #etag: string | null = null
    /** Vaults and teams that the server named and no fold carried; named twice, they are refused. */
    #suspects = new Set<string>()

    /** @param state - held while folds change. */
    constructor(server: Server, books: Books, applier: Applier, state: Mutex) {
        this.#server = server
        this.#books = books
        this.#applier = applier
        this.#state = state
    }

    /** One round; and another one if a right came with it, to rows from before what was asked for. */
    async run(): Promise<void> {
        if (await this.#round()) await this.#round()
    }

    /**
     * One request, or two if nothing is here yet.
     *
     * @returns true if a vault lacks rows from before the cursor that asked for them.
     */
    async #round(): Promise<boolean> {
        const known = this.#known()
        const isFirst = known.teams.size === 0
        const answer = await this.#ask(known, isFirst ? ["teams", "items"] : ALL, this.#etag)
        if (answer === null) {
            if (this.#applier.judge.again()) this.#etag = null
            return false
        }
        const { heads, delta } = answer
        this.#judgeHeads(heads, known)
        this.#books.unavailable = heads.unavailable
        for (const team of this.#books.teams.values())
            team.isKmsUnavailable = heads.unavailable.includes(team.id)
        if (this.#isNew(heads)) {
            await (isFirst ? this.#applyFirst(known, delta) : this.#apply(known, delta))
            mark("verified")
        }
        const isAskedAgain = this.#applier.judge.all(heads)
        // Only now: had the round failed half-way, the next one must not be told that nothing changed. Nor while
        // something waits for what was announced.
        this.#etag = isAskedAgain || this.#books.isWaiting ? null : answer.etag
        this.#suspect(heads)
        return this.#books.lackRows
    }

    /** Forget the tag, so that the next round asks in full. */
    reset(): void {
        this.#etag = null
    }

    async #apply(known: Known, delta: Delta): Promise<void> {
        await this.#state.run(async () => {
            await this.#applier.teams(delta)
            await this.#applier.items(delta)
            await this.#applier.links(delta, known.vaults)
        })
    }

    /** Names and rows are on the page before the links have come. */
    async #applyFirst(known: Known, delta: Delta): Promise<void> {
        const asked = this.#ask(known, ["links"], null)
        asked.catch(() => undefined)
        await this.#state.run(async () => {
            await this.#applier.teams(delta)
            await this.#applier.items(delta)
        })
        const links = (await asked)?.delta.links ?? new Map()
        await this.#state.run(() => this.#applier.links({ ...delta, links }, known.vaults))
    }

    /** What lies behind the cursor, or null if the heads are still those of the tag. */
    async #ask(known: Known, parts: readonly Part[], etag: string | null) {
        const teams = [...known.teams].map(([team, seq]) => {
            const stir = this.#books.teams.get(team)?.extras.stir ?? -1
            return { team: unhex(team), seq, ...(stir < 0 ? {} : { stir }) }
        })
        const vaults = [...known.vaults].map(([vault, seq]) => ({ vault: unhex(vault), seq }))
        const body = encode({ cursor: { teams, vaults }, parts })
        const headers = { accept: CBOR_SEQUENCE, ...(etag === null ? {} : { "if-none-match": etag }) }
        const response = await this.#server.raw("POST", "sync", body, headers)
        if (response.status === 304) {
            // "Nothing new" is an answer to whoever said what they have, and to nobody else.
            ensure(etag !== null, "server")
            return null
        }
        return {
            ...readAnswer(decodeSequence(response.body)),
            etag: response.headers.get("etag") ?? null,
        }
    }

    #known(): Known {
        const teams = new Map<string, number>()
        const vaults = new Map<string, number>()
        for (const team of this.#books.teams.values()) {
            teams.set(team.id, team.state.seq)
            for (const vault of team.vaults.values()) {
                vaults.set(vault.id, vault.right === NONE ? vault.state.seq : vault.served)
            }
        }
        return { teams, vaults }
    }

    /** The server may be ahead of me, never behind, and never beside. R22. */
    #judgeHeads(heads: Heads, known: Known): void {
        for (const { team: id, seq, hash } of heads.teams) {
            const team = this.#books.teams.get(id)
            if (team === undefined) continue
            const facts = { server_seq: seq, server_head: hex(hash) }
            if (seq < (known.teams.get(id) ?? 0)) this.#books.freezeTeam(team, "T4.older", facts)
            else if (seq <= team.state.seq && !team.state.hashes.is(seq, hash)) {
                team.stopAt(seq, null)
                this.#books.freezeTeam(team, "T4.fork", facts)
            }
        }
        for (const { vault: id, team, seq, hash } of heads.vaults) {
            const vault = this.#books.teams.get(team)?.vaults.get(id)
            if (vault === undefined) continue
            const facts = { server_seq: seq, server_head: hex(hash) }
            if (seq < (known.vaults.get(id) ?? 0)) this.#books.freezeVault(vault, "T4.older", facts)
            else if (seq <= vault.state.seq && !vault.state.columns.hashes.is(seq, hash)) {
                vault.stopAt(seq, null)
                this.#books.freezeVault(vault, "T4.fork", facts)
            }
        }
    }

    #isNew(heads: Heads): boolean {
        for (const { team: id, seq, stir } of heads.teams) {
            const team = this.#books.teams.get(id)
            if (
                team === undefined
                    ? !this.#books.hasRefused(id)
                    : !team.isFinal && (seq > team.state.seq || stir !== team.extras.stir)
            ) {
                return true
            }
        }
        for (const { vault: id, team, seq } of heads.vaults) {
            const vault = this.#books.teams.get(team)?.vaults.get(id)
            if (vault === undefined || vault.isFinal || vault.team.isFinal) continue
            if (seq > (vault.right === NONE ? vault.state.seq : vault.served)) return true
        }
        return false
    }

    /** A vault that the server names is in a chain of mine, or it is refused (R13); a race is given one more round. */
    #suspect(heads: Heads): void {
        const before = this.#suspects
        this.#suspects = new Set()
        for (const { vault, team } of heads.vaults) {
            const book = this.#books.teams.get(team)
            if (book?.isFrozen || book?.state.vaults.has(vault)) continue
            if (before.has(vault)) this.#books.refuse("R13.vault", { team, vault }, {})
            this.#suspects.add(vault)
        }
        // A team that is refused is asked for again with every change, and refused again.
        if (this.#suspects.size > before.size) this.#etag = null
    }
}
