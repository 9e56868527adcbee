/** The client's half of `./dev mutants`: each suite once as it is, then each check's cases without it. */
import { writeSync } from "node:fs"
import type { TestCase, TestSpecification, Vitest } from "vitest/node"
import { createVitest } from "vitest/node"
import type { Check } from "./switches.ts"
import { scan, switches } from "./switches.ts"

const ROOT = new URL("../..", import.meta.url).pathname
const SETUP = "tests/mutants/setup.ts"
const PATIENCE = 600_000 // ms for one case

interface Suite {
    readonly project: string
    readonly include: string[]
    readonly exclude: string[]
    /** Its cases leave everything as it was: one may be run again, without a check. */
    readonly repeats: boolean
}

/** Cheapest first; a check that is caught in one is not tried in the next. */
const SUITES: readonly Suite[] = [
    { project: "vectors", include: ["tests/vectors.test.ts"], exclude: [], repeats: true },
    {
        project: "core",
        include: ["tests/*.test.ts", "tests/core/*.test.ts", "tests/evil/**/*.test.ts"],
        exclude: ["tests/vectors.test.ts", "tests/**/*.server.test.ts"],
        repeats: true,
    },
    { project: "lies", include: ["tests/evil/**/*.server.test.ts"], exclude: [], repeats: true },
    // A case goes on from where the one before it ended.
    { project: "stories", include: ["tests/core/**/*.server.test.ts"], exclude: [], repeats: false },
]
const SERVED = new Set(["lies", "stories"])

interface Case {
    readonly test: TestCase
    readonly fired: ReadonlySet<number>
    readonly caught: readonly number[]
}

/** A file could not be run to its end. */
class Crash extends Error {}

function tell(message: object): void {
    writeSync(Number(process.env["COFFRET_MUTANTS_TO"]), `${JSON.stringify(message)}\n`)
}

class Runner {
    readonly #vitest: Vitest

    constructor(vitest: Vitest) {
        this.#vitest = vitest
    }

    /** Run a suite with every check in place; its cases again without each open one, if they bear that. */
    async record({ project, repeats }: Suite, open: readonly Check[]): Promise<Case[]> {
        const specifications = await this.#vitest.globTestSpecifications()
        const mine = specifications.filter((one) => one.project.name === project)
        const cases = await this.#run(mine, [], repeats ? open.map(({ number }) => number) : [])
        const failed = cases.filter((one) => !one.ok())
        if (failed.length > 0) throw new Error(`with every check in place: ${failed.map(failureOf)}`)
        return cases.map((one) => ({
            test: one,
            fired: new Set(one.meta().fired),
            caught: one.meta().caught ?? [],
        }))
    }

    /** A case that fails without the check: of the first round, else of a file that is loaded without it. */
    async catcher({ number }: Check, cases: readonly Case[], suite: Suite): Promise<string | null> {
        const known = cases.find(({ caught }) => caught.includes(number))
        return known === undefined ? this.failing([number], cases, suite) : nameOf(known.test)
    }

    /** A case that fails without these checks, of those in which the first refused something. */
    async failing(off: number[], cases: readonly Case[], { repeats }: Suite): Promise<string | null> {
        const reaching = cases.filter(({ fired }) => fired.has(off[0] as number)).map(({ test }) => test)
        for (const module of new Set(reaching.map((test) => test.module))) {
            const some = reaching.filter((test) => test.module === module)
            const failed = await this.#failure(module.toTestSpecification(repeats ? some : undefined), off)
            if (failed !== null) return failed
        }
        return null
    }

    async #failure(specification: TestSpecification, off: number[]): Promise<string | null> {
        try {
            const failed = (await this.#run([specification], off, [])).find((ran) => !ran.ok())
            return failed === undefined ? null : nameOf(failed)
        } catch (error) {
            if (!(error instanceof Crash)) throw error
            return `${specification.moduleId.slice(ROOT.length)} (${error.message})`
        }
    }

    /** The cases that ran, without those left out. @throws {Crash} */
    async #run(
        specifications: readonly TestSpecification[],
        off: number[],
        open: number[],
    ): Promise<TestCase[]> {
        for (const { project } of specifications) {
            project.provide("off", off)
            project.provide("open", open)
        }
        const ran = await this.#vitest.runTestSpecifications([...specifications])
        const [error] = ran.unhandledErrors
        if (error !== undefined) throw new Crash(String(error).split("\n")[0])
        const files = new Set(specifications.map(({ moduleId }) => moduleId))
        const modules = ran.testModules.filter(({ moduleId }) => files.has(moduleId))
        for (const module of modules) {
            if (module.errors().length > 0) throw new Crash(`${module.errors()[0]?.message}`)
        }
        const cases = modules.flatMap((module) => [...module.children.allTests()])
        return cases.filter((one) => one.result().state === "passed" || one.result().state === "failed")
    }
}

function failureOf(one: TestCase): string {
    return `${nameOf(one)}: ${one.result().errors?.map(({ message }) => message)}`
}

function nameOf(one: TestCase): string {
    return `${one.module.relativeModuleId} > ${one.fullName}`
}

/** The numbers of a check and of the one that refuses as well, if such is named. */
function withOther({ number, place }: Check, checks: readonly Check[]): number[] | null {
    const behind = JSON.parse(process.env["COFFRET_MUTANTS_BEHIND"] ?? "{}") as Record<string, string>
    const other = checks.find((one) => `static/${one.place}` === behind[`static/${place}`])
    return other === undefined ? null : [number, other.number]
}

/** @param pattern - a regular expression over the places of checks. */
export async function run(pattern: string): Promise<void> {
    const scanned = scan(ROOT)
    const wanted = new RegExp(pattern)
    let open = scanned.checks.filter(({ place }) => wanted.test(place))
    tell({ checks: open.map(({ number, place, line }) => [number, `static/${place}`, line]) })
    const projects = SUITES.map(({ project: name, include, exclude }) => ({
        plugins: [switches(scanned)],
        test: {
            name,
            include,
            exclude,
            environment: "node",
            setupFiles: [SETUP],
            runner: "tests/mutants/runner.ts",
            testTimeout: PATIENCE,
            hookTimeout: PATIENCE,
            ...(SERVED.has(name) ? { globalSetup: "tests/core/server.ts" } : {}),
        },
    }))
    const vitest = await createVitest("test", {
        root: ROOT,
        config: false,
        watch: false,
        bail: 1,
        reporters: [{}],
        projects,
    })
    try {
        const runner = new Runner(vitest)
        const recorded: [Suite, Case[]][] = []
        for (const suite of SUITES) {
            if (open.length === 0) break
            const cases = await runner.record(suite, open)
            recorded.push([suite, cases])
            tell({ cases: cases.length })
            for (const check of open) {
                const by = await runner.catcher(check, cases, suite)
                if (by === null) continue
                tell({ caught: check.number, by })
                open = open.filter((one) => one !== check)
            }
        }
        for (const check of open) {
            const pair = withOther(check, scanned.checks)
            let by: string | null = null
            for (const [suite, cases] of pair === null ? [] : recorded) {
                by ??= await runner.failing(pair as number[], cases, suite)
            }
            tell({ survived: check.number, without_both: by })
        }
    } finally {
        await vitest.close()
        // Cases that failed without a check are what was asked for.
        process.exitCode = 0
    }
}
