/**
 * What an unlocked client does unasked after a sync: confirm who was invited as member or auditor, seal what is pending,
 * change the keys that a removal or their age asks to change, complete the way back to older keys, report what opens. Recipients come from the fold; the server's lists only hint.
 */
import { NONE } from "../chain/team.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { hex, unhex } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import { makeGrant } from "../crypto/grants.ts"
import type { Dek } from "../crypto/keys.ts"
import { sealOldDek } from "../crypto/wraps.ts"
import type { TeamBook, VaultBook } from "./books.ts"
import type { Context } from "./context.ts"
import { CoreFailure, Unanswered } from "./failure.ts"
import { keyOf } from "./holders.ts"
import { uuid } from "./ids.ts"
import { grantValue, teamPath, vaultPath } from "./links.ts"
import { confirmMember } from "./members.ts"
import type { PendingRow } from "./records.ts"
import { grantKey, isPassedOver, placeOf, reachOf, readGrant } from "./ring.ts"
import { acceptRefusal, confirmsAlone } from "./waiting.ts"
import { rotateVault } from "./write.ts"

/** A due key is changed by the next write. If none comes for so long, ms, an idle client does it. */
const PATIENCE = 20_000
/** Up to so much longer, by lot: a hundred idle clients would all race for one head. */
const SPREAD = 40_000
/**
 * So long, ms, a vault keeps a key before an idle client of a writer changes it. Told from the clocks of this device and of
 * whoever made the key: a wrong one costs a change of key that nobody needed, or leaves it to the next removal.
 */
export const KEY_AGE = 365 * 86_400_000
/** Rows of one request: half of what the server takes, so that no list is refused as a whole. The next round sends more. */
const AT_ONCE = 500

export class Upkeep {
    readonly #context: Context
    /** What was tried and failed for good, or was done and is not in the server's lists yet. */
    readonly #done = new Set<string>()
    /** By team: pending recipients that the fold does not name; named twice at the same head, they are refused. */
    readonly #strangers = new Map<string, Map<string, number>>()

    /** By team and vault: when this client changes the key itself, ms. */
    readonly #rotateAt = new Map<string, number>()

    constructor(context: Context) {
        this.#context = context
    }

    /** One round over all teams. Never rejects for one team's sake: the next round tries again. */
    async run(): Promise<void> {
        for (const team of [...this.#context.books.teams.values()]) {
            if (team.isFrozen || team.isKmsUnavailable || team.isMissing || team.isStale) continue
            if (team.me === undefined) continue
            await this.#quietly(() => this.#confirm(team))
            await this.#quietly(() => this.#seal(team))
            for (const vault of team.vaults.values()) {
                if (vault.refusal !== null || vault.right === NONE) continue
                await this.#quietly(() => this.#rotateIfWanted(vault))
                await this.#quietly(() => this.#complete(vault))
            }
            await this.#quietly(() => this.#report(team))
        }
    }

    /** A definite "no" of the server is not an error here: somebody else was faster, or the folds have moved. */
    async #quietly(job: () => Promise<void>): Promise<void> {
        try {
            await job()
        } catch (error) {
            if (
                !(error instanceof CoreFailure) ||
                error instanceof Unanswered ||
                error.code === "not_signed_in"
            )
                throw error
        }
    }

    async #confirm(team: TeamBook): Promise<void> {
        const { me } = team
        if (me === undefined || (me.role !== "owner" && me.role !== "admin")) return
        for (const row of [...team.extras.waiting]) {
            const invite = team.state.invites.get(row.invite)
            const key = `confirm/${row.invite}/${hex(row.by_identity)}`
            if (invite === undefined || invite.state !== "open" || this.#done.has(key)) continue
            const refusal = acceptRefusal(this.#context.books, team, row, invite)
            if (refusal !== null) {
                this.#done.add(key)
                this.#context.books.refuse(refusal, { team: team.id }, { invite: row.invite })
                this.#context.view.changed()
            } else if (confirmsAlone(team, row, invite) && this.#context.clock.now() <= invite.expiry) {
                await this.#quietly(() => this.#confirmOnce(team, row.invite, key))
            }
        }
    }

    /** What the server refused by the rules stays refused; what failed otherwise is tried in the next round. */
    async #confirmOnce(team: TeamBook, invite: string, key: string): Promise<void> {
        try {
            await confirmMember(this.#context, team.id, invite, true)
        } catch (error) {
            if (error instanceof CoreFailure && ["refused", "no_right"].includes(error.code))
                this.#done.add(key)
            throw error
        }
    }

    /** Grants for those who hold a right on my fold and have no key yet. */
    async #seal(team: TeamBook): Promise<void> {
        const strangers = new Map<string, number>()
        const grants: Value[] = []
        const sealed = new Set<string>()
        for (const row of team.extras.pending) {
            if (grants.length === AT_ONCE) break
            const vault = team.vaults.get(row.vault)
            if (
                vault === undefined ||
                vault.refusal !== null ||
                !vault.mayManage ||
                row.epoch !== vault.epoch
            )
                continue
            const key = `grant/${row.vault}/${row.epoch}/${row.to}/${team.state.seq}`
            // The server takes one for each in a request: a list that names somebody twice is not refused with all in it.
            if (this.#done.has(key) || sealed.has(key)) continue
            if (vault.dek === undefined) {
                await this.#replaceBroken(vault)
                continue
            }
            const grant = this.#grantFor(team, vault, vault.dek, row, strangers)
            if (grant === null) continue
            grants.push(grant)
            sealed.add(key)
        }
        this.#strangers.set(team.id, strangers)
        if (grants.length === 0) return
        await this.#context.server.call("POST", teamPath(team, "grants"), { grants })
        for (const key of sealed) this.#done.add(key)
    }

    #grantFor(
        team: TeamBook,
        vault: VaultBook,
        dek: Dek,
        row: PendingRow,
        strangers: Map<string, number>,
    ): Value | null {
        const to = team.state.byFp(unhex(row.to))
        if (to !== undefined && team.state.rightAt(vault.id, to.id) !== NONE) {
            const head = { hash: team.state.head, seq: team.state.seq }
            return grantValue(
                makeGrant(this.#context.me.keyring, dek, placeOf(vault, vault.epoch), to, head).stored,
            )
        }
        const key = `${vault.id}/${row.to}`
        if (this.#strangers.get(team.id)?.get(key) === team.state.seq) {
            // The list was read at a head that I have folded, and it names a key that is not there: nothing is sealed.
            this.#context.books.refuse(
                "R1.recipient",
                { team: team.id, vault: vault.id },
                { fp: row.to, seq: team.state.seq },
            )
            this.#context.view.changed()
        }
        strangers.set(key, team.state.seq)
        return null
    }

    /** A key that came and does not open is no key, nor is one that was made and kept from me: change it before sealing. */
    async #replaceBroken(vault: VaultBook): Promise<void> {
        if (vault.hasBrokenGrant || isPassedOver(vault)) await rotateVault(this.#context, vault.id)
    }

    /** Is a change of key asked for, by a removal or by its age? */
    #isWanted(vault: VaultBook): boolean {
        if (!vault.mayWrite) return false
        if (vault.isDue) return true
        const made = keyOf(vault)?.at ?? Number.POSITIVE_INFINITY
        return vault.dek !== undefined && this.#context.clock.now() - made > KEY_AGE
    }

    /** Change the key of a vault that somebody left, if nothing is written that would do it, or that is old (design 9). */
    async #rotateIfWanted(vault: VaultBook): Promise<void> {
        const { clock, outbox } = this.#context
        const key = `${vault.team.id}/${vault.id}`
        if (!this.#isWanted(vault)) {
            this.#rotateAt.delete(key)
            return
        }
        const at = this.#rotateAt.get(key)
        if (at !== undefined && (clock.now() < at || outbox.pending > 0)) return
        this.#rotateAt.set(key, clock.now() + PATIENCE + Math.random() * SPREAD)
        if (at === undefined) return
        await rotateVault(this.#context, vault.id, (now) => this.#isWanted(now))
        if (!this.#isWanted(vault)) this.#context.view.notice("rotated")
    }

    /** Whoever holds an older key and the open one adds the way from this to that, if there is none. */
    async #complete(vault: VaultBook): Promise<void> {
        const { dek, epoch } = vault
        if (dek === undefined || vault.ring.size < 2) return
        const reach = await reachOf(vault, epoch)
        const olds: { from: number; to: number; blob: Bytes }[] = []
        for (const [from, older] of vault.ring) {
            if (from >= epoch || reach.has(from)) continue
            olds.push({ from, to: epoch, blob: await sealOldDek(dek, placeOf(vault, epoch), older, from) })
        }
        const key = `olds/${vault.id}/${epoch}/${olds.map(({ from }) => from).join()}`
        if (olds.length === 0 || this.#done.has(key)) return
        await this.#context.server.call("POST", vaultPath(vault, "olds"), { olds })
        this.#done.add(key)
    }

    /** Say which grants open, once everything that opened before can be reached from them. */
    async #report(team: TeamBook): Promise<void> {
        const opened: Value[] = []
        const broken: Value[] = []
        const told: string[] = []
        for (const row of team.extras.grants) {
            if (told.length === AT_ONCE) break
            const key = `report/${grantKey(row)}`
            const memo = team.memo.get(grantKey(row))
            if (memo === undefined || row.opened || this.#done.has(key)) continue
            const named = readGrant(row)
            if (named === null) continue
            const value = { vault: unhex(row.vault), epoch: named.epoch, from: named.from }
            if (memo !== "opened") broken.push(value)
            else if (await this.#reachesAll(team, row.vault, named.epoch)) opened.push(value)
            else continue
            told.push(key)
        }
        if (told.length === 0) return
        await this.#context.server.call("POST", `teams/${uuid(team.id)}/grants/reports`, { opened, broken })
        for (const key of told) this.#done.add(key)
    }

    async #reachesAll(team: TeamBook, id: string, epoch: number): Promise<boolean> {
        const vault = team.vaults.get(id)
        if (vault === undefined) return false
        const reach = await reachOf(vault, epoch)
        return [...vault.ring.keys()].every((held) => held > epoch || reach.has(held))
    }
}
