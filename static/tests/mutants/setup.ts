/** What the changed code asks while it runs, and what each case leaves behind: which checks refused something in it. */
import { afterEach, inject } from "vitest"

declare module "vitest" {
    export interface ProvidedContext {
        /** The number of the check that is switched off, or −1. */
        off: number
    }
    interface TaskMeta {
        fired?: number[]
    }
}

const off = inject("off")
const fired = new Set<number>()
/** A check that is off and asked more often than this stands in a loop that ends by it alone. */
const ENDLESS = 100_000
let passed = 0

function isOff(number: number): boolean {
    fired.add(number)
    if (number === off && ++passed > ENDLESS) throw new Error("a loop does not end")
    return number === off
}

Object.assign(globalThis, {
    __switches: {
        /** Stand for the condition of a `need`. */
        holds(number: number, condition: boolean): boolean {
            return condition || isOff(number)
        },
        /** Stand before a statement that refuses. */
        fires(number: number): boolean {
            return !isOff(number)
        },
    },
})

// What fires between two cases, in the preparation of a file, is the next one's.
afterEach(({ task }) => {
    task.meta.fired = [...fired]
    fired.clear()
})
