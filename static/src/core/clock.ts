/** Time, injected so that tests decide it. */

export interface Clock {
    /** Unix milliseconds. */
    now(): number
    /** Call `run` once after `ms` milliseconds; the answer takes it back. */
    after(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
    now: () => Date.now(),
    after(ms, run) {
        const timer = setTimeout(run, ms)
        return () => clearTimeout(timer)
    },
}

/** Wait `ms` milliseconds. */
export function sleep(clock: Clock, ms: number): Promise<void> {
    return new Promise((resolve) => clock.after(ms, resolve))
}

/** Let messages and timers through between two pieces of a long computation. */
export function breathe(): Promise<void> {
    return new Promise((resolve) => {
        const channel = new MessageChannel()
        channel.port1.onmessage = () => {
            channel.port1.close()
            resolve()
        }
        channel.port2.postMessage(null)
    })
}
