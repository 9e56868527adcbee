/** The account's settings: one sealed blob, replaced as a whole. So far the person's own name. */
import { decode, encode } from "../crypto/cbor.ts"
import { open, seal } from "../crypto/seal.ts"
import type { Me } from "./account.ts"
import type { Counted } from "./bundle.ts"
import type { Server } from "./transport.ts"
import { asMap, asText } from "./wire.ts"

export interface Settings {
    readonly name: string
}

const LABEL = "coffret/settings/v1"

/** What the blob says; without one, a name from the address. */
export async function readSettings(me: Me, served: Counted | null): Promise<Settings> {
    const fallback = { name: me.email.split("@")[0] ?? me.email }
    if (served === null) return fallback
    const context = { account: me.account, counter: served.counter }
    const bytes = await open(me.amk, LABEL, context, served.blob).catch(() => null)
    // Settings are a convenience: what does not open is not worth a locked door.
    return bytes === null ? fallback : { name: asText(asMap(decode(bytes))["name"]) }
}

/** Write the first settings of a new account. */
export async function writeSettings(server: Server, me: Me, settings: Settings): Promise<void> {
    const context = { account: me.account, counter: 1 }
    const blob = await seal(me.amk, LABEL, context, encode({ name: settings.name, v: 1 }))
    await server.call("PUT", "account/settings", { counter: 1, blob })
}
