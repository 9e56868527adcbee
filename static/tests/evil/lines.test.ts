// @vitest-environment node
/** Under test: that no line of the requirements is forgotten, and every refusal without shared vectors has a case. */
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { REFUSALS } from "../../src/chain/refusals.ts"
import { LATER, NUMBERS } from "./declare.ts"
import { LINES } from "./lines.ts"

const FOLDER = new URL("./cases/", import.meta.url)
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

    it("have each case declared as a test", () => {
        const source = read(FOLDER, ".ts")
        const missing = Object.values(LINES)
            .flatMap((cases) => Object.keys(cases))
            .filter((name) => !source.includes(JSON.stringify(name)) && !isReserved(name))
        expect(missing).toEqual([])
    })

    it("name every refusal that no shared vector names", () => {
        const vectors = read(VECTORS, ".json")
        const alone = Object.keys(REFUSALS).filter((id) => !vectors.includes(`"${id}"`))
        expect(alone.length).toBeGreaterThan(10)
        const cased = new Set<string>(Object.values(LINES).flatMap((cases) => Object.values(cases)))
        expect(alone.filter((id) => !cased.has(id))).toEqual([])
    })
})

/** The reserved types are declared in a loop. */
function isReserved(name: string): boolean {
    return /^the type [a-z_]+$/.test(name)
}
