/** Runs each case as it is and then, in the same process, once without each open check that refused something in it. */
import type { RunnerTestCase } from "vitest"
import { VitestTestRunner } from "vitest/runners"
import { getFn } from "vitest/suite"

const QUICK = 2_000 // ms: what takes longer tries thousands of cases, and is not run again for each check

type Run = () => unknown

export default class MutantRunner extends VitestTestRunner {
    readonly #caught = new Set<number>()

    async runTask(test: RunnerTestCase): Promise<void> {
        const switches = globalThis.__switches
        const run = getFn(test as never) as Run
        const start = performance.now()
        await run()
        const isQuick = performance.now() - start < QUICK
        const fired = [...switches.fired]
        switches.fired.clear()
        const isOpen = (number: number) => switches.open.has(number) && !this.#caught.has(number)
        const open = isQuick ? fired.filter(isOpen) : []
        const caught: number[] = []
        for (const number of open) {
            switches.off = new Set([number])
            if (await fails(run)) caught.push(number)
        }
        if (open.length > 0) switches.off = new Set()
        // A case that cannot be run again proves nothing.
        const counts = caught.length === 0 || !(await fails(run))
        if (counts) for (const number of caught) this.#caught.add(number)
        test.meta.fired = fired
        test.meta.caught = counts ? caught : []
        switches.fired.clear()
    }
}

async function fails(run: Run): Promise<boolean> {
    try {
        await run()
        return false
    } catch {
        return true
    }
}
