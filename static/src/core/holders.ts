/** Who holds a vault and its key, as the page is shown it: what would be lost with somebody, keys that do not open. */
import type { Id, Level } from "../chain/team.ts"
import { equal, hex, unhex } from "../crypto/bytes.ts"
import type { Right, VaultView } from "../worker/api.ts"
import type { VaultBook } from "./books.ts"
import { isPassedOver } from "./ring.ts"

const NAMES: readonly (Right | null)[] = [null, "read", "write", "manage"]

export function rightName(level: Level): Right | null {
    return NAMES[level] ?? null
}

/**
 * The holders of the fold. Whether the browser of one has said that the key opens, the server tells managers only, and
 * nobody signs it: it is shown and warned by, and decides nothing. My own key I know.
 */
export function holdersOf(vault: VaultBook): VaultView["holders"] {
    const { state, extras, me } = vault.team
    const without = new Set(
        extras.pending
            .filter((row) => row.vault === vault.id && row.epoch === vault.epoch)
            .map((row) => row.to),
    )
    const hasKey = (member: Id, fp: Uint8Array): boolean | null => {
        if (member === me?.id && vault.dek !== undefined) return true
        return vault.mayManage ? !without.has(hex(fp)) : null
    }
    return state.holders(vault.id).map(({ member, right }) => ({
        member: member.id,
        right: rightName(right) as Right,
        hasKey: hasKey(member.id, member.fp),
    }))
}

/**
 * With whom a vault dies (design 12): its only holder, or the only one of whom it is known that they have the key. The
 * others of that kind hold a right and nothing that opens. A loss of right is not signed before the person was told.
 */
export function lastOf(holders: VaultView["holders"]): VaultView["last"] {
    const [only, ...others] = holders
    if (only === undefined) return null
    if (others.length === 0) return { member: only.member, of: "right" }
    const known = holders.filter(({ hasKey }) => hasKey !== false)
    const [keyed, ...more] = known
    if (keyed?.hasKey !== true || more.length > 0) return null
    return { member: keyed.member, of: "key" }
}

/**
 * Keys of which the recipient's browser reported that they do not open, with who sent them (design 4). It is the server's
 * word: whom the chain does not know is not named by it.
 */
export function brokenOf({ id, team }: VaultBook): VaultView["broken"] {
    const members = [...team.state.members.values()]
    const named = (fp: string): Id | undefined => members.findLast((one) => equal(one.fp, unhex(fp)))?.id
    return team.extras.broken
        .filter((row) => row.vault === id)
        .flatMap(({ epoch, ...row }) => {
            const [from, to] = [named(row.from), named(row.to)]
            return from === undefined || to === undefined ? [] : [{ epoch, from, to }]
        })
}

/** Keys that do not open here though the present one does, or the present one that never came or is none; and who made them. */
export function steppedOverOf(vault: VaultBook): VaultView["steppedOver"] {
    const { team, id, epoch: open, ring, dek } = vault
    const isLost = dek === undefined && (vault.hasBrokenGrant || isPassedOver(vault))
    return (team.state.vaults.get(id)?.epochs ?? [])
        .filter(({ epoch }) => (epoch === open ? isLost : dek !== undefined && !ring.has(epoch)))
        .map(({ epoch, seq, signer }) => ({ epoch, by: signer, at: team.state.linkAt(seq).at }))
}

/** The present key: who made it, and when by their clock. */
export function keyOf({ id, team }: VaultBook): VaultView["key"] {
    const current = team.state.vaults.get(id)?.current
    if (current === undefined) return null
    return { epoch: current.epoch, by: current.signer, at: team.state.linkAt(current.seq).at }
}
