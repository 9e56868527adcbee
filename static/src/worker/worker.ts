/** Keys live here, in memory, away from the page. */
import { systemClock } from "../core/clock.ts"
import type { Channel } from "../core/core.ts"
import { CoffretCore } from "../core/core.ts"
import { toFailure } from "../core/failure.ts"
import { IndexedDbStore } from "../core/store.ts"
import { HttpTransport } from "../core/transport.ts"
import type { FromWorker } from "./protocol.ts"
import { answer, isCall } from "./protocol.ts"

function tabs(): Channel {
    const channel = new BroadcastChannel("coffret")
    return {
        post: (message) => channel.postMessage(message),
        listen: (heard) => {
            channel.onmessage = (event: MessageEvent<unknown>) => heard(event.data)
        },
    }
}

/** What this browser lacks, by the name that the page knows. */
function missing(): string | null {
    if (!isSecureContext) return "secure_context"
    if (typeof WebAssembly === "undefined") return "wasm"
    return typeof indexedDB === "undefined" ? "indexeddb" : null
}

const say = (message: FromWorker): void => postMessage(message)

const core = new CoffretCore({
    transport: new HttpTransport(),
    store: new IndexedDbStore(),
    clock: systemClock,
    emit: (event) => say({ event }),
    origin: location.origin,
    channel: tabs(),
    missing: missing(),
})

addEventListener("message", async (event: MessageEvent<unknown>) => {
    if (isCall(event.data)) say(await answer(core, event.data, toFailure))
})
