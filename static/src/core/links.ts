/** My own links: made on the verified fold, tried against it before they leave, and folded when they are accepted. */
import { restoreTeam, serialiseTeam, stepParsed } from "../chain/team.ts"
import { cutVerdict, step as stepVault } from "../chain/vault.ts"
import type { Bodies, Cut, TeamType } from "../crypto/bodies.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { hex, unhex } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import { decode } from "../crypto/cbor.ts"
import { Refused } from "../crypto/errors.ts"
import { makeGrant } from "../crypto/grants.ts"
import { Dek, dekCommit } from "../crypto/keys.ts"
import type { Head, Parsed, TeamLink } from "../crypto/links.ts"
import { signLink } from "../crypto/links.ts"
import { sealOldDek } from "../crypto/wraps.ts"
import type { TeamBook, VaultBook } from "./books.ts"
import { breathe } from "./clock.ts"
import type { Context } from "./context.ts"
import { CoreFailure, ensure, Place, RefusedThere } from "./failure.ts"
import { uuid } from "./ids.ts"
import type { Mark } from "./outbox.ts"
import { placeOf } from "./ring.ts"
import { isInviterKnown } from "./settings.ts"

/** @throws {CoreFailure} `frozen`, `not_found`, `under_way` while another link of mine is on its way there. */
export function requireTeam(context: Context, id: string): TeamBook {
    const book = context.books.teams.get(id)
    if (book === undefined) throw new CoreFailure("not_found")
    requireUsable(book)
    ensure(!context.outbox.isPending([id]), "under_way")
    return book
}

function requireUsable(book: TeamBook): void {
    if (book.refusal !== null) throw frozen(book, new Place(book.id))
    requireOpen(book)
    ensure(!book.isStale, "waiting")
}

function requireOpen(book: TeamBook): void {
    ensure(!book.isKmsUnavailable, "kms_unavailable")
    ensure(!book.isMissing, "waiting")
    ensure(book.me !== undefined, "not_found")
}

/** @throws {CoreFailure} `not_found`, `frozen`, `waiting`, and as {@link requireTeam}. */
export function requireVault(context: Context, id: string): VaultBook {
    const vault = context.books.vault(id)
    if (vault === undefined) throw new CoreFailure("not_found")
    requireUsable(vault.team)
    if (vault.refusal !== null) throw frozen(vault, new Place(vault.team.id, vault.id))
    ensure(!vault.isStale, "waiting")
    return vault
}

/**
 * A vault to read in, at the last state that was verified and pinned, also where writing is frozen.
 *
 * @throws {CoreFailure} `not_found`, `waiting`, `frozen` if what is folded here is not what was pinned.
 */
export function requireReadable(context: Context, id: string): VaultBook {
    const vault = context.books.vault(id)
    if (vault === undefined) throw new CoreFailure("not_found")
    requireOpen(vault.team)
    if (vault.team.isBeside) throw frozen(vault.team, new Place(vault.team.id))
    if (vault.isBeside) throw frozen(vault, new Place(vault.team.id, vault.id))
    return vault
}

function frozen({ refusal }: TeamBook | VaultBook, place: Place): CoreFailure {
    return new CoreFailure("frozen", {}, { refusal, place })
}

/** A vault on whose verified head something new may be built. */
export function requireSettled(vault: VaultBook): void {
    const verdict = cutVerdict(vault.team.state, vault.state)
    ensure(verdict === "valid" && !vault.isWaiting && vault.announced <= vault.state.seq, "waiting")
}

/**
 * Whoever joined by a mailed link has only the mail's word for whose team it is, until the inviter's words were compared.
 * Before that nothing of theirs goes into it.
 *
 * @throws {CoreFailure} `not_compared`.
 */
export function requireCompared(context: Context, team: TeamBook): void {
    ensure(isInviterKnown(team.joinedBy, context.settings), "not_compared")
}

/** Sign a team link on the verified head, and try it: what this client would refuse to read is not sent. */
export function nextTeamLink<T extends Exclude<TeamType, "genesis">>(
    context: Context,
    team: TeamBook,
    type: T,
    body: Bodies[T],
): Parsed<T> {
    const { me, state } = team
    ensure(me !== undefined, "not_found")
    // Leaving is always possible.
    if (type !== "remove_member") requireCompared(context, team)
    const link = signLink<T>(context.me.keyring, {
        actor: unhex(me.id),
        at: context.clock.now(),
        body,
        chain: state.id,
        prev: state.head,
        seen: null,
        seq: state.seq + 1,
        type,
    })
    try {
        stepParsed(restoreTeam(serialiseTeam(state)), link as unknown as TeamLink)
    } catch (error) {
        if (error instanceof Refused) throw new CoreFailure("no_right", { rule: error.refusal })
        throw error
    }
    return link
}

export function markOf(chain: string, link: { readonly seq: number; readonly hash: Bytes }): Mark {
    return { chain, seq: link.seq, hash: link.hash }
}

export function headOf(link: { readonly seq: number; readonly hash: Bytes }): Head {
    return { hash: link.hash, seq: link.seq }
}

/**
 * The cuts by which somebody loses rights: my own verified heads; and where no head can meet the last cut, that cut once
 * more. Whoever holds a vault could else sign a cut that nothing fits, or make a vault under the id of another, and never
 * be taken out again. A server whose vault does fit answers that its head is another.
 *
 * @throws {CoreFailure} `waiting`, `frozen` if a head is not verified here.
 */
export function cutsForRemoval(context: Context, team: TeamBook, vaults: Iterable<string>): Cut[] {
    return [...vaults].flatMap((id) => {
        const cut = team.unmetCut(id)
        return cut === null ? cutsOver(context, team, [id]) : [{ hash: cut.h, seq: cut.n, vault: unhex(id) }]
    })
}

/**
 * The cuts over some vaults: my own verified heads, none else.
 *
 * @throws {CoreFailure} `waiting`, `frozen` if a head is not verified here.
 */
function cutsOver(context: Context, team: TeamBook, vaults: Iterable<string>): Cut[] {
    const cuts: Cut[] = []
    for (const id of vaults) {
        const vault = team.vault(id)
        if (vault === undefined) throw new CoreFailure("waiting")
        requireVault(context, id)
        requireSettled(vault)
        cuts.push({ hash: vault.state.head, seq: vault.state.seq, vault: unhex(id) })
    }
    return cuts
}

/** A grant as the server takes it. */
export function grantValue(stored: Bytes): Value {
    const { grant, sig } = decode(stored) as { grant: Bytes; sig: Bytes }
    return { grant, sig }
}

/** A change of a vault's key: the link, the grants to every holder of the fold, and the way back to an older key. */
export interface Rotation {
    readonly link: Parsed<"vault_rotate">
    readonly dek: Dek
    readonly epoch: number
    readonly value: Value
}

/** @throws {CoreFailure} `waiting`, `no_right`. */
export async function makeRotation(context: Context, vault: VaultBook): Promise<Rotation> {
    const { team } = vault
    const epoch = vault.epoch + 1
    const place = placeOf(vault, epoch)
    const dek = Dek.generate()
    const link = nextTeamLink(context, team, "vault_rotate", {
        cut: cutsOver(context, team, [vault.id]),
        dek_commit: dekCommit(dek, place),
        epoch,
        vault: place.vault,
    })
    const grants = await grantsToHolders(context, vault, dek, link)
    const from = Math.max(...vault.ring.keys(), 0)
    const older = vault.ring.get(from)
    const olds =
        older === undefined ? [] : [{ from, to: epoch, blob: await sealOldDek(dek, place, older, from) }]
    return { link, dek, epoch, value: { link: link.signed, grants, olds } }
}

const SEALED_AT_ONCE = 100 // grants, about 10 ms

/** The new key for every holder of the fold, with progress: a vault may have a thousand. */
async function grantsToHolders(
    context: Context,
    vault: VaultBook,
    dek: Dek,
    link: Parsed<"vault_rotate">,
): Promise<Value[]> {
    const place = placeOf(vault, link.body.epoch)
    const holders = vault.team.state.holders(vault.id)
    const grants: Value[] = []
    try {
        for (const [done, { member }] of holders.entries()) {
            if (done % SEALED_AT_ONCE === 0) {
                context.view.progress({ label: "rotate", done, total: holders.length })
                await breathe()
            }
            grants.push(grantValue(makeGrant(context.me.keyring, dek, place, member, headOf(link)).stored))
        }
    } finally {
        context.view.progress(null)
    }
    return grants
}

/**
 * Fold my own team link, which the server says it took. Its answer counts for nothing if another link stands there.
 *
 * @throws {RefusedThere} `T4.fork`, and the team is frozen: the server has said two things of one place.
 * @throws {CoreFailure} `frozen` if the team was refused meanwhile.
 */
export function foldMine({ books }: Context, team: TeamBook, link: TeamLink): void {
    const place = new Place(team.id)
    if (team.state.hashes.is(link.seq, link.hash)) return
    if (team.refusal !== null) throw frozen(team, place)
    if (team.state.seq + 1 !== link.seq) {
        team.stopAt(link.seq, null, link.signed)
        books.freezeTeam(team, "T4.fork", { answered_seq: link.seq, answered_head: hex(link.hash) })
        throw new RefusedThere("T4.fork", place)
    }
    stepParsed(team.state, link)
    team.isDirty = true
    // Who waits for a key now follows from this link, so the server's lists are asked for again.
    team.missExtras()
}

/**
 * The same for a vault link.
 *
 * @throws {Waiting} what it refers to is not here yet.
 */
export function foldMineVault({ books }: Context, vault: VaultBook, link: Parsed<"change">): void {
    const { state, team } = vault
    const place = new Place(team.id, vault.id)
    if (state.columns.hashes.is(link.seq, link.hash)) return
    if (team.refusal !== null) throw frozen(team, new Place(team.id))
    if (vault.refusal !== null) throw frozen(vault, place)
    if (state.seq + 1 !== link.seq) {
        vault.stopAt(link.seq, null, link.signed)
        books.freezeVault(vault, "T4.fork", { answered_seq: link.seq, answered_head: hex(link.hash) })
        throw new RefusedThere("T4.fork", place)
    }
    const wasServed = vault.served === state.seq
    try {
        stepVault(team.state, state, link.signed)
    } catch (error) {
        if (!(error instanceof Refused)) throw error
        // The team went on meanwhile, and in its log my link cannot stand where the server says that it stands.
        vault.stopAt(link.seq, null, link.signed)
        books.freezeVault(vault, error.refusal, { answered_seq: link.seq, answered_head: hex(link.hash) })
        throw new RefusedThere(error.refusal, place)
    }
    if (wasServed) vault.served = link.seq
    vault.isDirty = true
}

export function teamPath(team: TeamBook, rest: string): string {
    return `teams/${uuid(team.id)}/${rest}`
}

export function vaultPath(vault: VaultBook, rest: string): string {
    return teamPath(vault.team, `vaults/${uuid(vault.id)}/${rest}`)
}
