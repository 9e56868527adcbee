/** One team link: made on the fold as it stands, sent, and folded here once the server has it. */
import type { Bodies, TeamType } from "../crypto/bodies.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { hex, random, unhex } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import { profileCommitment } from "../crypto/keys.ts"
import type { Parsed, TeamLink } from "../crypto/links.ts"
import type { Written } from "../worker/api.ts"
import type { TeamBook } from "./books.ts"
import type { Change } from "./change.ts"
import { takeMine } from "./change.ts"
import type { Context } from "./context.ts"
import { CoreFailure, ensure } from "./failure.ts"
import { uuid } from "./ids.ts"
import { foldMine, markOf, nextTeamLink, requireTeam, teamPath } from "./links.ts"
import type { Shipment } from "./outbox.ts"
import type { Opening } from "./records.ts"

type Later = Exclude<TeamType, "genesis">
const HOLD_AFTER = 2 // attempts that lost to busy vaults before they are asked to stand still

/** A text and the commitment that links carry for it. */
export function commitTo(kind: Opening["kind"], text: string): { opening: Opening; commitment: Bytes } {
    const salt = random(32)
    return { opening: { kind, salt, text }, commitment: profileCommitment(kind, text, salt) }
}

export function openingValue({ kind, salt, text }: Opening): Value {
    return { kind, salt, text }
}

/** What one team link is made of; asked again for every attempt. */
export interface Making<T extends Later> {
    readonly body: Bodies[T]
    readonly openings?: readonly Opening[]
    /** Vaults that are cut, for a hold if they are too busy. */
    readonly cut?: readonly string[]
    readonly ride?: (link: Parsed<T>) => Promise<{ grants: Value[]; change: Change }>
}

/** A team link that left, and what is known of it. */
export interface SentLink<T extends Later> {
    readonly link: Parsed<T>
    readonly written: Written
}

/**
 * Make, send and fold one team link.
 *
 * @returns the link as it was sent last. `done`: it stands in my fold; `pending`: its answer is unknown.
 * @throws {CoreFailure} `no_right` with the rule that forbids it, `under_way`, and the server's.
 * @throws {RefusedThere} `T4.fork` if the server says that it took what is not in the chain.
 */
export async function sendTeamLink<T extends Later>(
    context: Context,
    teamIdHex: string,
    type: T,
    make: (team: TeamBook) => Making<T> | Promise<Making<T>>,
): Promise<SentLink<T>> {
    return context.writes.run(teamIdHex, async () => {
        let last: Parsed<T> | null = null
        let cut: readonly string[] = []
        let attempts = 0
        const build = async (): Promise<Shipment> => {
            const team = requireTeam(context, teamIdHex)
            const making = await make(team)
            cut = making.cut ?? []
            const link = nextTeamLink(context, team, type, making.body)
            last = link
            const ride = making.ride === undefined ? null : await making.ride(link)
            const made = { link, making, change: ride?.change ?? null }
            const take = async (): Promise<void> => {
                last = link
                await accept(context, teamIdHex, made)
            }
            return shipmentOf(team, made, ride?.grants ?? [], take)
        }
        const again = async (): Promise<void> => {
            attempts++
            if (attempts === HOLD_AFTER && cut.length > 0) await hold(context, teamIdHex, cut)
            await context.sync()
        }
        // Folds stand still while it is made.
        const written = await context.outbox.send(() => context.state.run(build), again)
        if (written === "done") await context.written()
        return { link: last as unknown as Parsed<T>, written }
    })
}

/** A team link as it was made, with the change that rides along. */
interface Made<T extends Later> {
    readonly link: Parsed<T>
    readonly making: Making<T>
    readonly change: Change | null
}

function shipmentOf<T extends Later>(
    team: TeamBook,
    { link, making, change }: Made<T>,
    grants: Value[],
    take: () => Promise<void>,
): Shipment {
    const openings = (making.openings ?? []).map(openingValue)
    const rider = change === null ? null : { link: change.link.signed, blobs: change.blobs }
    const marks = [markOf(team.id, link)]
    if (change !== null) marks.push(markOf(hex(change.link.chain), change.link))
    return {
        path: teamPath(team, "links"),
        body: { link: link.signed, openings, grants, change: rider },
        marks,
        draft: null,
        typed: [],
        take,
    }
}

async function accept<T extends Later>(
    context: Context,
    id: string,
    { link, making, change }: Made<T>,
): Promise<void> {
    try {
        await context.state.run(async () => {
            const team = context.books.teams.get(id)
            ensure(team !== undefined, "locked")
            foldMine(context, team, link as unknown as TeamLink)
            team.takeOpenings(making.openings ?? [])
            const vault = change === null ? undefined : team.vault(hex(change.link.chain))
            if (vault !== undefined && change !== null) takeMine(context, vault, change)
        })
    } finally {
        context.view.changed()
    }
}

/** Ask busy vaults to stand still for ten seconds. Once a minute; without it the next attempt may lose again. */
async function hold(context: Context, team: string, vaults: readonly string[]): Promise<void> {
    try {
        await context.server.call("POST", `teams/${uuid(team)}/hold`, {
            vaults: vaults.map((vault) => unhex(vault)),
        })
    } catch (error) {
        if (!(error instanceof CoreFailure) || error.code !== "too_many") throw error
    }
}

/** @throws {CoreFailure} `pending` where the link's answer is unknown: it is kept, and sent until it is written or lost. */
export async function definite<T extends Later>(sent: Promise<SentLink<T>>): Promise<void> {
    const { written } = await sent
    ensure(written === "done", "pending")
}
