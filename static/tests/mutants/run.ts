/** The client's half of `./dev mutants`: each suite once as it is, then each check's cases without it. */
import { writeSync } from "node:fs"
import type { TestCase, TestSpecification, Vitest } from "vitest/node"
import { createVitest } from "vitest/node"
import type { Check } from "./switches.ts"
import { scan, switches } from "./switches.ts"

const ROOT = new URL("../..", import.meta.url).pathname
const SETUP = "tests/mutants/setup.ts"
const NONE = -1
const PATIENCE = 600_000 // ms for one case

/** Cheapest first; a check that is caught in one is not tried in the next. */
const SUITES: readonly {
    readonly project: string
    readonly include: string[]
    readonly exclude: string[]
}[] = [
    { project: "vectors", include: ["tests/vectors.test.ts"], exclude: [] },
    {
        project: "core",
        include: ["tests/*.test.ts", "tests/core/*.test.ts", "tests/evil/**/*.test.ts"],
        exclude: ["tests/vectors.test.ts", "tests/**/*.server.test.ts"],
    },
    { project: "server", include: ["tests/**/*.server.test.ts"], exclude: [] },
]

interface Case {
    readonly name: string
    readonly fired: ReadonlySet<number>
    readonly caught: readonly number[]
    /** Its file: what went before a case may matter to it. */
    readonly specification: TestSpecification
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

    /** Run a suite with every check in place. */
    async record(project: string): Promise<Case[]> {
        const specifications = await this.#vitest.globTestSpecifications()
        const mine = specifications.filter((one) => one.project.name === project)
        const cases = await this.#run(mine, NONE)
        const failed = cases.filter((one) => !one.ok())
        if (failed.length > 0) throw new Error(`with every check in place: ${failed.map(failureOf)}`)
        return cases.map((one) => ({
            name: nameOf(one),
            fired: new Set(one.meta().fired),
            caught: one.meta().caught ?? [],
            specification: one.module.toTestSpecification(),
        }))
    }

    /** A case that fails without the check: of the first round, else of a file that is run without it from the start. */
    async catcher({ number }: Check, cases: readonly Case[]): Promise<string | null> {
        const known = cases.find(({ caught }) => caught.includes(number))
        if (known !== undefined) return known.name
        const tried = new Set<string>()
        for (const { fired, specification } of cases) {
            if (!fired.has(number) || tried.has(specification.moduleId)) continue
            tried.add(specification.moduleId)
            const failed = await this.#failure(specification, number)
            if (failed !== null) return failed
        }
        return null
    }

    async #failure(specification: TestSpecification, off: number): Promise<string | null> {
        try {
            const failed = (await this.#run([specification], off)).find((ran) => !ran.ok())
            return failed === undefined ? null : nameOf(failed)
        } catch (error) {
            if (!(error instanceof Crash)) throw error
            return `${specification.moduleId.slice(ROOT.length)} (${error.message})`
        }
    }

    /** The cases that ran, without those left out. @throws {Crash} */
    async #run(specifications: readonly TestSpecification[], off: number): Promise<TestCase[]> {
        for (const { project } of specifications) project.provide("off", off)
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
            ...(name === "server" ? { globalSetup: "tests/core/server.ts" } : {}),
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
        for (const { project } of SUITES) {
            if (open.length === 0) break
            const cases = await runner.record(project)
            tell({ cases: cases.length })
            for (const check of open) {
                const by = await runner.catcher(check, cases)
                if (by === null) continue
                tell({ caught: check.number, by })
                open = open.filter((one) => one !== check)
            }
        }
        for (const { number } of open) tell({ survived: number })
    } finally {
        await vitest.close()
        // Cases that failed without a check are what was asked for.
        process.exitCode = 0
    }
}
