/** What the changed code asks while it runs: is my check off? */
import { inject } from "vitest"

export interface Switches {
    /** The numbers of the checks that are switched off. */
    off: ReadonlySet<number>
    /** Those without which each case in which they refused something is run again. */
    readonly open: ReadonlySet<number>
    /** The checks that refused, or would have refused, since somebody emptied this. */
    readonly fired: Set<number>
    /** Stands for the condition of a `need`. */
    holds(number: number, condition: boolean): boolean
    /** Stands before a statement that refuses. */
    fires(number: number): boolean
}

declare module "vitest" {
    export interface ProvidedContext {
        off: number[]
        open: number[]
    }
    interface TaskMeta {
        /** The checks that refused something in the case. */
        fired?: number[]
        /** Those without which it failed. */
        caught?: number[]
    }
}

declare global {
    var __switches: Switches
}

/** A check that is off and asked more often than this stands in a loop that ends by it alone. */
const ENDLESS = 100_000
let passed = 0
let counted: ReadonlySet<number> = new Set()

globalThis.__switches = {
    off: new Set(inject("off")),
    open: new Set(inject("open")),
    fired: new Set(),
    holds: (number, condition) => condition || isOff(number),
    fires: (number) => !isOff(number),
}

function isOff(number: number): boolean {
    const { fired, off } = globalThis.__switches
    fired.add(number)
    if (!off.has(number)) return false
    passed = counted === off ? passed + 1 : 0
    counted = off
    if (passed > ENDLESS) throw new Error("a loop does not end")
    return true
}
