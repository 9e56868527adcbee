/** Says how long the tests of each folder took: `./dev test` prints it before the closing lines. */
import type { Reporter, TestModule } from "vitest/node"

const FOLDER = /\/(tests(?:\/[^/]+)*)\/[^/]+$/
const LONG = 60 // seconds: a run of less needs no account of them

export default class Seconds implements Reporter {
    onTestRunEnd(modules: readonly TestModule[]): void {
        const taken = new Map<string, number>()
        for (const module of modules) {
            const folder = FOLDER.exec(module.moduleId)?.[1] ?? ""
            const { collectDuration, duration } = module.diagnostic()
            taken.set(folder, (taken.get(folder) ?? 0) + (collectDuration + duration) / 1000)
        }
        const sorted = [...taken].toSorted(([, one], [, other]) => other - one)
        if (sorted.reduce((sum, [, seconds]) => sum + seconds, 0) < LONG) return
        const lines = sorted.map(
            ([folder, seconds]) => `${folder.padEnd(24)}${seconds.toFixed(0).padStart(6)} s`,
        )
        process.stdout.write(`\nseconds by folder\n${lines.join("\n")}\n`)
    }
}
