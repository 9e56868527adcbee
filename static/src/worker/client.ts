/** The page's side of the worker: each method of {@link Core} as a message, and a way to hear events. */
import type { Core, Event } from "./api.ts"
import type { FromWorker, Method } from "./protocol.ts"
import { METHODS } from "./protocol.ts"
import { startWorker } from "./start.ts"

interface Waiting {
    resolve(value: unknown): void
    reject(error: unknown): void
}

/** What the page needs of a worker. */
export interface Port {
    postMessage(message: unknown): void
    onmessage: ((event: MessageEvent) => void) | null
    onerror: ((event: ErrorEvent) => void) | null
}

export interface Connection {
    readonly core: Core
    /** Hear every event from now on. */
    subscribe(listener: (event: Event) => void): void
}

/** Start the worker and connect to it. */
export function connectCore(port: Port = startWorker()): Connection {
    const waiting = new Map<number, Waiting>()
    const listeners: ((event: Event) => void)[] = []
    let last = 0
    const call = (method: Method, args: readonly unknown[]): Promise<unknown> =>
        new Promise((resolve, reject) => {
            last++
            waiting.set(last, { resolve, reject })
            port.postMessage({ id: last, method, args })
        })
    port.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if ("event" in data) {
            for (const listener of listeners) listener(data.event)
            return
        }
        const asked = waiting.get(data.id)
        waiting.delete(data.id)
        if ("error" in data) asked?.reject(data.error)
        else asked?.resolve(data.ok)
    }
    port.onerror = () => {
        // A worker that stopped answers nothing any more; whoever waits must hear of it.
        for (const { reject } of waiting.values()) reject({ code: "worker" })
        waiting.clear()
    }
    const methods = Object.keys(METHODS).map((method) => [
        method,
        (...args: readonly unknown[]) => call(method as Method, args),
    ])
    return {
        core: Object.fromEntries(methods) as Core,
        subscribe: (listener) => void listeners.push(listener),
    }
}
