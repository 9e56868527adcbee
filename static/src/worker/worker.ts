/** Keys live here, in memory, away from the page. */
import { systemClock } from "../core/clock.ts"
import { CoffretCore } from "../core/core.ts"
import { toFailure } from "../core/failure.ts"
import { IndexedDbStore } from "../core/store.ts"
import type { Channel } from "../core/surroundings.ts"
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

/** The smallest module there is: a policy may refuse WebAssembly that the browser has. */
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
const store = new IndexedDbStore()

/** What this browser lacks, by the name that the page knows. Each is tried, since a name alone promises nothing. */
async function missing(): Promise<string | null> {
    if (!isSecureContext) return "secure_context"
    try {
        new WebAssembly.Module(EMPTY_MODULE)
    } catch {
        return "wasm"
    }
    try {
        await store.get("server_key")
    } catch {
        return "indexeddb"
    }
    return null
}

const say = (message: FromWorker): void => postMessage(message)

const core = new CoffretCore({
    transport: new HttpTransport(),
    store,
    clock: systemClock,
    emit: (event) => say({ event }),
    origin: location.origin,
    channel: tabs(),
    missing,
})

store.onLost = () => void core.storageLost()

addEventListener("message", async (event: MessageEvent<unknown>) => {
    if (isCall(event.data)) say(await answer(core, event.data, toFailure))
})
