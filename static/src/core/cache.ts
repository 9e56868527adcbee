/**
 * What was verified, kept sealed in this browser, so that the next visit checks only what is new. One seal per chain
 * under the AMK. It can be thrown away at any time: then everything is fetched and verified again. Of two tabs whoever
 * got further is kept.
 */
import { restoreTeam, serialiseTeam } from "../chain/team.ts"
import { restoreVault, serialiseVault } from "../chain/vault.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { hex, unhex, utf8 } from "../crypto/bytes.ts"
import { decode, encode } from "../crypto/cbor.ts"
import { open, seal } from "../crypto/seal.ts"
import type { Overview } from "../worker/api.ts"
import type { Me } from "./account.ts"
import type { Books } from "./books.ts"
import { NO_EXTRAS, TeamBook, VaultBook } from "./books.ts"
import type { Extras } from "./records.ts"
import { isFalse } from "./ring.ts"
import type { Store } from "./store.ts"
import { asBytes, asMap, asText, asUint } from "./wire.ts"

const VERSION = 1
const NOTHING = new Uint8Array()

/** item, revision, epoch, author, overview: rows that were held against the fold, so what they were held by is spent. */
type StoredRow = [string, number, number, string, Overview]

export class Cache {
    readonly #store: Store
    readonly #me: Me

    constructor(store: Store, me: Me) {
        this.#store = store
        this.#me = me
    }

    /** Bring back what opens; anything that does not is fetched again. */
    async load(books: Books): Promise<void> {
        const stored = await this.#store.list(this.#name(""))
        const opened = await Promise.all(stored.map(({ key, value }) => this.#open(key, value)))
        const maps = opened.filter((map) => map !== null)
        for (const map of maps) if (map["kind"] === "team") restoreOne(() => this.#team(books, map))
        for (const map of maps) if (map["kind"] === "vault") restoreOne(() => restoreVaultBook(books, map))
    }

    /** Write what changed and is settled. */
    async save(books: Books): Promise<void> {
        for (const team of books.teams.values()) {
            if (team.isFinal) continue
            if (team.isDirty) await this.#put(team.id, team.state.seq, teamMap(team, keptExtras(books, team)))
            team.isDirty = false
            for (const vault of team.vaults.values()) {
                if (!vault.isDirty || !isSettled(vault)) continue
                vault.isDirty = false
                await this.#put(vault.id, vault.state.seq, vaultMap(vault))
            }
        }
    }

    #team(books: Books, map: Readonly<Record<string, unknown>>): void {
        const team = new TeamBook(restoreTeam(asBytes(map["state"])), hex(this.#me.account))
        const extras = asMap(map["extras"]) as unknown as Extras
        // A cache of a client before this one has none of what came since.
        team.takeExtras({ ...NO_EXTRAS, ...extras, stir: extras.stir - 1 })
        team.isMissing = map["missing"] === true
        books.teams.set(team.id, team)
    }

    #name(chain: string): string {
        return `cache/${hex(this.#me.account)}/${chain}`
    }

    async #put(chain: string, seq: number, plaintext: Bytes): Promise<void> {
        const name = this.#name(chain)
        const context = { account: this.#me.account, chain: unhex(chain) }
        const sealed = await seal(this.#me.amk, "coffret/cache/v1", context, plaintext)
        await this.#store.alone(name, async () => {
            const there = await this.#store.get(name)
            const map = there === null ? null : await this.#open(name, there)
            if (map === null || seqOf(map) <= seq) await this.#store.put(name, sealed)
        })
    }

    async #open(key: string, sealed: Bytes): Promise<Readonly<Record<string, unknown>> | null> {
        const chain = unhex(key.slice(this.#name("").length))
        const context = { account: this.#me.account, chain }
        const bytes = await open(this.#me.amk, "coffret/cache/v1", context, sealed).catch(() => null)
        if (bytes === null) return null
        const map = asMap(decode(bytes))
        return map["v"] === VERSION ? map : null
    }
}

/** How far it goes; nowhere if it was written before that was noted. */
function seqOf({ seq = 0 }: Readonly<Record<string, unknown>>): number {
    return asUint(seq)
}

/** Another version of the client wrote it, or a part of it is missing: it is fetched again. */
function restoreOne(restore: () => void): void {
    try {
        restore()
    } catch {
        return
    }
}

function isSettled(vault: VaultBook): boolean {
    if (vault.refusal !== null || vault.sealed.size > 0 || vault.broken.size > 0) return false
    if (vault.served !== vault.state.seq && vault.rows.size > 0) return false
    for (const row of vault.rows.values()) if (!row.isVerified) return false
    return true
}

/**
 * Where something was refused, the server may have lied beside the chain, in grants for instance: none of that is kept,
 * and the next visit asks for it again. Else a lie told once would be refused for ever. Of a server that is only behind
 * what it said before is kept: it may have lost keys of mine.
 */
function keptExtras(books: Books, team: TeamBook): Extras {
    const isRefused = [...books.refusals.values()].some(
        (refusal) => refusal.team === team.id && refusal.id !== "T4.older",
    )
    return isRefused ? NO_EXTRAS : team.extras
}

function teamMap(team: TeamBook, extras: Extras): Bytes {
    const { stir, openings, grants, olds, waiting, pending, broken } = extras
    const stored = {
        // One more, since a team that was never served has none, and the profile has no negative numbers.
        stir: stir + 1,
        openings: openings.map((row) => ({ ...row })),
        // One that was refused is not tried again at the next visit: the server may have mended it.
        grants: grants.filter((row) => !isFalse(team, row)).map((row) => ({ ...row })),
        olds: olds.map((row) => ({ ...row })),
        waiting: waiting.map((row) => ({ ...row, opening: { ...row.opening } })),
        pending: pending.map((row) => ({ ...row })),
        broken: broken.map((row) => ({ ...row })),
    }
    const state = serialiseTeam(team.state)
    const { isMissing: missing, state: at } = team
    return encode({ v: VERSION, kind: "team", seq: at.seq, state, extras: stored, missing })
}

function vaultMap(vault: VaultBook): Bytes {
    const rows: StoredRow[] = []
    for (const row of vault.rows.values())
        rows.push([row.item, row.revision, row.epoch, row.author, row.overview])
    return encode({
        v: VERSION,
        kind: "vault",
        team: vault.team.id,
        seq: vault.state.seq,
        state: serialiseVault(vault.state),
        served: vault.served,
        // As text: ten thousand rows are read back in a few milliseconds.
        rows: utf8(JSON.stringify(rows)),
    })
}

function restoreVaultBook(books: Books, map: Readonly<Record<string, unknown>>): void {
    const team = books.teams.get(asText(map["team"]))
    if (team === undefined) return
    const state = restoreVault(asBytes(map["state"]))
    const vault = new VaultBook(state.id, team, state)
    vault.served = asUint(map["served"])
    vault.announced = state.seq
    const rows = JSON.parse(new TextDecoder().decode(asBytes(map["rows"]))) as StoredRow[]
    for (const [item, revision, epoch, author, overview] of rows) {
        vault.rows.set(item, {
            item,
            revision,
            epoch,
            author,
            overview,
            padded: NOTHING,
            details: NOTHING,
            isVerified: true,
            before: null,
        })
    }
    team.vaults.set(vault.id, vault)
}
