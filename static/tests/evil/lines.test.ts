// @vitest-environment node
/** Under test: that no line of the requirements is forgotten, and every refusal without shared vectors has a case. */
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it, vi } from "vitest"
import { REFUSALS } from "../../src/chain/refusals.ts"
import { everyCase } from "./cases/all.ts"
import { LATER, NUMBERS } from "./declare.ts"
import { LINES } from "./lines.ts"
import type { World } from "./world.ts"

// The cases only say here what they are called: lines.server.test.ts runs them.
const declared = vi.hoisted((): string[] => [])
vi.mock("./declare.ts", async (original) => ({
    ...(await original<typeof import("./declare.ts")>()),
    lie: (line: string, name: string) => declared.push(`${line}: ${name}`),
}))

const VECTORS = new URL("../../../tests/vectors/", import.meta.url)

const read = (folder: URL, ending: string) =>
    readdirSync(folder)
        .filter((name) => name.endsWith(ending))
        .map((name) => readFileSync(new URL(name, folder), "utf8"))
        .join("\n")

describe("the lines of the requirements", () => {
    it("have each its cases, or a reason why not yet", () => {
        const wanted = Object.entries(NUMBERS).flatMap(([letter, numbers]) =>
            numbers.map((number) => `${letter}${number}`),
        )
        expect([...Object.keys(LINES), ...Object.keys(LATER)].toSorted()).toEqual(wanted.toSorted())
        for (const [line, cases] of Object.entries(LINES))
            expect(Object.keys(cases).length, line).toBeGreaterThan(0)
    })

    it("are owned up to where they have none", () => {
        const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8")
        for (const [line, { said }] of Object.entries(LATER)) expect(readme, line).toContain(said)
    })

    it("have each case declared as a test of theirs, once", () => {
        everyCase({} as World)
        const listed = Object.entries(LINES).flatMap(([line, cases]) =>
            Object.keys(cases).map((name) => `${line}: ${name}`),
        )
        expect(declared.toSorted()).toEqual(listed.toSorted())
    })

    it("name every refusal that no shared vector names", () => {
        const vectors = read(VECTORS, ".json")
        const alone = Object.keys(REFUSALS).filter((id) => !vectors.includes(`"${id}"`))
        expect(alone.length).toBeGreaterThan(10)
        const cased = new Set<string>(Object.values(LINES).flatMap((cases) => Object.values(cases)))
        expect(alone.filter((id) => !cased.has(id))).toEqual([])
    })
})
