/** What the core is given: the way to the server, the browser's store, the clock, the page, and the other tabs. */
import type { Event } from "../worker/api.ts"
import type { Clock } from "./clock.ts"
import type { Store } from "./store.ts"
import type { Transport } from "./transport.ts"

/** What other tabs of this browser say: somebody wrote, locked, signed in or signed out. */
export interface Channel {
    post(message: "written" | "locked" | "signed_in" | "signed_out"): void
    listen(heard: (message: unknown) => void): void
}

export interface Surroundings {
    readonly transport: Transport
    readonly store: Store
    readonly clock: Clock
    readonly emit: (event: Event) => void
    /** The address that people see, for links and the kit: `https://host`. */
    readonly origin: string
    readonly channel: Channel
    /** What this browser lacks: "wasm", "indexeddb", "secure_context"; null if nothing. Tried, not read off a name. */
    readonly missing: () => Promise<string | null>
}
