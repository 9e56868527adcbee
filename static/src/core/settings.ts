/**
 * The account's settings: one sealed blob, replaced as a whole. The person's own name, and the invites by mail whose words
 * were compared. An older blob than the last one only asks for words again.
 */
import type { Bytes } from "../crypto/bytes.ts"
import { hex, unhex } from "../crypto/bytes.ts"
import { decode, encode } from "../crypto/cbor.ts"
import { open, seal } from "../crypto/seal.ts"
import type { Me } from "./account.ts"
import type { Counted } from "./bundle.ts"
import { CoreFailure } from "./failure.ts"
import type { Server } from "./transport.ts"
import { asBytes, asList, asMap, asText, asUint } from "./wire.ts"

export interface Settings {
    readonly name: string
    /** Hashes of invites by mail whose words this person has heard and found right. */
    readonly compared: ReadonlySet<string>
}

const LABEL = "coffret/settings/v1"
const ATTEMPTS = 5

/** What the blob says; without one, a name from the address. */
export async function readSettings(
    me: Me,
    served: Counted | null,
    fallback: Settings = { name: me.email.split("@")[0] ?? me.email, compared: new Set() },
): Promise<Settings> {
    if (served === null) return fallback
    const context = { account: me.account, counter: served.counter }
    const bytes = await open(me.amk, LABEL, context, served.blob).catch(() => null)
    // Settings are a convenience: what does not open is not worth a locked door.
    if (bytes === null) return fallback
    const { name, compared } = asMap(decode(bytes))
    const hashes = compared === undefined ? [] : asList(compared).map((hash) => hex(asBytes(hash, 32)))
    return { name: asText(name), compared: new Set(hashes) }
}

/** Write the first settings of a new account. */
export async function writeSettings(server: Server, me: Me, settings: Settings): Promise<void> {
    await put(server, me, 1, settings)
}

/** The settings with one more compared invite, as they stand on the server then. */
export async function addCompared(server: Server, me: Me, mine: Settings, invite: string): Promise<Settings> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const served = await fetchSettings(server)
        const there = await readSettings(me, served, mine)
        const settings = { ...there, compared: new Set([...there.compared, ...mine.compared, invite]) }
        try {
            await put(server, me, (served?.counter ?? 0) + 1, settings)
            return settings
        } catch (error) {
            if (!(error instanceof CoreFailure) || error.code !== "counter_moved") throw error
        }
    }
    throw new CoreFailure("counter_moved")
}

async function fetchSettings(server: Server): Promise<Counted | null> {
    const { counter, blob } = await server.call("GET", "account/settings")
    return blob === null ? null : { counter: asUint(counter), blob: asBytes(blob) }
}

async function put(server: Server, me: Me, counter: number, { name, compared }: Settings): Promise<void> {
    const hashes: Bytes[] = [...compared].sort().map(unhex)
    const plaintext = encode({ compared: hashes, name, v: 1 })
    const blob = await seal(me.amk, LABEL, { account: me.account, counter }, plaintext)
    await server.call("PUT", "account/settings", { counter, blob })
}
