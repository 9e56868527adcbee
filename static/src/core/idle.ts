/** The lock that comes by itself after a time without use. */
import type { Clock } from "./clock.ts"
import type { View } from "./view.ts"

const IDLE = 15 * 60_000 // ms
const NOTICE = 60_000 // ms before the lock

export class IdleLock {
    readonly #clock: Clock
    readonly #view: View
    readonly #lock: () => void
    #at: number | null = null
    #cancelTimers: () => void = () => undefined

    constructor(clock: Clock, view: View, lock: () => void) {
        this.#clock = clock
        this.#view = view
        this.#lock = lock
    }

    /** When it comes, in Unix milliseconds; null while nothing is open. */
    get at(): number | null {
        return this.#at
    }

    /** Begin the time anew. The page is told a minute ahead, so that it can keep what was typed. */
    putOff(): void {
        this.#cancelTimers()
        this.#at = this.#clock.now() + IDLE
        const cancelNotice = this.#clock.after(IDLE - NOTICE, () => {
            this.#view.notice("idle_soon")
            this.#view.changed()
        })
        const cancelLock = this.#clock.after(IDLE, this.#lock)
        this.#cancelTimers = () => {
            cancelNotice()
            cancelLock()
        }
    }

    cancel(): void {
        this.#cancelTimers()
        this.#at = null
    }
}
