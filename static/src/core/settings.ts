/**
 * The account's settings: one sealed blob, replaced as a whole, and a copy of it in this browser. The person's own name,
 * and what they said of the people they met: whose words they compared, whose link reached them by hand, whose words were
 * not the right ones. A server that hands out an older blob than this browser's loses it nothing of these; in a new
 * browser it can only have the person asked again, or hide that words differed.
 */
import type { Invite } from "../chain/team.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { hex, unhex } from "../crypto/bytes.ts"
import { decode, encode } from "../crypto/cbor.ts"
import { open, seal } from "../crypto/seal.ts"
import type { Me } from "./account.ts"
import type { Books } from "./books.ts"
import type { Counted } from "./bundle.ts"
import type { Context } from "./context.ts"
import { CoreFailure } from "./failure.ts"
import type { Shelf } from "./shelf.ts"
import type { Server } from "./transport.ts"
import type { Answer } from "./wire.ts"
import { asBytes, asList, asMap, asText, asUint, orNull } from "./wire.ts"

export interface Settings {
    readonly name: string
    /** Hashes of invites whose words this person has heard and found right. */
    readonly compared: ReadonlySet<string>
    /** By an invite's hash: how its link reached this person, as they say. */
    readonly came: ReadonlyMap<string, "hand" | "mail">
    /** Members, as `team/member`, who read other words than the right ones to this person; and when, Unix ms. */
    readonly differed: ReadonlyMap<string, number>
}

const LABEL = "coffret/settings/v1"
const ATTEMPTS = 5
const SHELVED = "0".repeat(32) // the id of the copy: there is one, and no record of another kind has it

export function settingsOf(name: string): Settings {
    return { name, compared: new Set(), came: new Map(), differed: new Map() }
}

/** Is it known whose team an invite leads to? The chain's word that it went `via: link` is only the inviter's. */
export function isInviterKnown(invite: Invite | undefined, { compared, came }: Settings): boolean {
    if (invite === undefined || compared.has(invite.hash)) return true
    return invite.via === "link" && came.get(invite.hash) === "hand"
}

/**
 * What the served blob says, and this browser's copy if that is newer; without either, a name from the address. A blob that
 * does not open is told of as `R17.settings`, and the copy is to be sent in its place: by a new browser at the next visit.
 */
export async function loadSettings(
    books: Books,
    shelf: Shelf,
    me: Me,
    served: Counted | null,
): Promise<Settings> {
    const theirs = await readSettings(me, served)
    const isBroken = theirs === null && served !== null
    if (isBroken) books.refuse("R17.settings", {}, {})
    const kept = await keptIn(shelf)
    if (kept === null) {
        const first = theirs ?? settingsOf(me.email.split("@")[0] ?? me.email)
        // Older than any, where nothing of the person's own is in it.
        if (served !== null) await shelve(shelf, first, isBroken ? 0 : served.counter)
        return first
    }
    const mine = parseSettings(asBytes(kept["settings"]))
    const at = orNull(kept["counter"], asUint)
    if (isBroken) await shelve(shelf, mine, null)
    if (theirs === null || served === null) return mine
    if (at === null || served.counter <= at) return merged(theirs, mine)
    await shelve(shelf, theirs, served.counter)
    return theirs
}

async function keptIn(shelf: Shelf): Promise<Answer | null> {
    const kept = (await shelf.list("settings")).find(({ id }) => id === SHELVED)
    return kept === undefined ? null : asMap(kept.value)
}

/** @param counter - of the served blob that is the same; null while the server has none. */
async function shelve(shelf: Shelf, settings: Settings, counter: number | null): Promise<void> {
    await shelf.put("settings", SHELVED, { counter, settings: serialised(settings) })
}

/** Give the server what this browser could only keep, if there is such a thing. @throws as {@link changeSettings}. */
export async function sendSettings(context: Context): Promise<void> {
    const kept = await keptIn(context.shelf)
    if (kept !== null && kept["counter"] === null) await changeSettings(context, (now) => now)
}

/**
 * Change the settings as they stand on the server then. In this browser the change holds even if that fails.
 *
 * @throws {CoreFailure} `offline` and the server's.
 */
export async function changeSettings(context: Context, change: (now: Settings) => Settings): Promise<void> {
    const { server, me } = context
    await keep(context, change(context.settings), null)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const served = await fetchSettings(server)
        const theirs = await readSettings(me, served)
        const settings = change(theirs === null ? context.settings : merged(theirs, context.settings))
        const counter = (served?.counter ?? 0) + 1
        try {
            await put(server, me, counter, settings)
        } catch (error) {
            if (!(error instanceof CoreFailure) || error.code !== "counter_moved") throw error
            continue
        }
        return keep(context, settings, counter)
    }
    throw new CoreFailure("counter_moved")
}

/** @param counter - as {@link shelve} takes it. */
async function keep(context: Context, settings: Settings, counter: number | null): Promise<void> {
    context.settings = settings
    context.view.changed()
    await shelve(context.shelf, settings, counter)
}

/** Null without a blob, and for one that does not open: settings are not worth a locked door. */
export async function readSettings(me: Me, served: Counted | null): Promise<Settings | null> {
    if (served === null) return null
    const context = { account: me.account, counter: served.counter }
    const bytes = await open(me.amk, LABEL, context, served.blob).catch(() => null)
    return bytes === null ? null : parseSettings(bytes)
}

/** Lists that are not there were written before there was such a list. */
function parseSettings(bytes: Bytes): Settings {
    const { name, compared = [], handed = [], mailed = [], differed = [] } = asMap(decode(bytes))
    const hashes = (list: unknown) => asList(list).map((hash) => hex(asBytes(hash, 32)))
    const members = asList(differed).map((value): [string, number] => {
        const { at, member, team } = asMap(value)
        return [`${hex(asBytes(team, 16))}/${hex(asBytes(member, 16))}`, asUint(at)]
    })
    return {
        name: asText(name),
        compared: new Set(hashes(compared)),
        came: new Map([
            ...hashes(handed).map((hash) => [hash, "hand"] as const),
            ...hashes(mailed).map((hash) => [hash, "mail"] as const),
        ]),
        differed: new Map(members),
    }
}

function serialised({ name, compared, came, differed }: Settings): Bytes {
    const hashes = (found: Iterable<string>): Bytes[] => [...found].sort().map(unhex)
    const byWay = (way: string) => hashes([...came.keys()].filter((hash) => came.get(hash) === way))
    const members = [...differed].sort().map(([key, at]) => {
        const [team = "", member = ""] = key.split("/")
        return { at, member: unhex(member), team: unhex(team) }
    })
    const [handed, mailed] = [byWay("hand"), byWay("mail")]
    return encode({ compared: hashes(compared), differed: members, handed, mailed, name, v: 1 })
}

/** What either knows. Of one link the answer that asks for words stands: a server may hand out what was taken back. */
function merged(one: Settings, other: Settings): Settings {
    const mailed = [one, other].flatMap(({ came }) => [...came].filter(([, way]) => way === "mail"))
    return {
        name: one.name,
        compared: new Set([...one.compared, ...other.compared]),
        came: new Map([...one.came, ...other.came, ...mailed]),
        differed: new Map([...one.differed, ...other.differed]),
    }
}

async function fetchSettings(server: Server): Promise<Counted | null> {
    const { counter, blob } = await server.call("GET", "account/settings")
    return blob === null ? null : { counter: asUint(counter), blob: asBytes(blob) }
}

async function put(server: Server, me: Me, counter: number, settings: Settings): Promise<void> {
    const blob = await seal(me.amk, LABEL, { account: me.account, counter }, serialised(settings))
    await server.call("PUT", "account/settings", { counter, blob })
}
