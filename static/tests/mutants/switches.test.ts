// @vitest-environment node
// The scanner behind `./dev mutants`: no refusal of the client without a check, no check without its id.
import { describe, expect, it } from "vitest"
import { isRefusal, REFUSALS } from "../../src/chain/refusals.ts"
import type { Check } from "./switches.ts"
import { scan, switched, Unplaced } from "./switches.ts"

const STATIC = new URL("../..", import.meta.url).pathname
const WITHOUT_ID = new Set(["waiting", "handed on"])

function idOf({ place }: Check): string {
    return place
        .split(" ")
        .slice(2)
        .join(" ")
        .replace(/ #\d+$/, "")
}

describe("the checks of the client", () => {
    const { checks } = scan(STATIC)

    it("are there for every refusal", () => {
        const found = new Set(checks.map(idOf))
        expect(Object.keys(REFUSALS).filter((id) => !found.has(id))).toEqual([])
    })

    it("have an id each", () => {
        const odd = checks.filter((check) => !isRefusal(idOf(check)) && !WITHOUT_ID.has(idOf(check)))
        expect(odd).toEqual([])
    })
})

describe("a switch", () => {
    const put = (text: string) => {
        const checks: Check[] = []
        const changed = switched("src/core/a.ts", text, checks).replaceAll("globalThis.__switches.", "")
        return [changed, ...checks.map(idOf)]
    }

    it("stands around a condition", () => {
        expect(put(`need(a && b, "T1.seq")`)).toEqual([`need(holds(0, a && b), "T1.seq")`, "T1.seq"])
    })

    it("stands before a statement that refuses", () => {
        expect(put(`if (a) throw new Refused("T1.sig")`)).toEqual([
            `if (a) { if (fires(0)) throw new Refused("T1.sig") }`,
            "T1.sig",
        ])
        expect(put(`throw new DecryptionError()`)).toEqual([
            `{ if (fires(0)) throw new DecryptionError() }`,
            "R16.open",
        ])
        expect(put(`books.refuse(error.refusal, {})`)).toEqual([
            `{ if (fires(0)) books.refuse(error.refusal, {}) }`,
            "handed on",
        ])
    })

    it("does not stand where a check is only spoken of", () => {
        expect(put(`const known = ["T1.sig"]; if (a === "T1.seq") b()`)).toHaveLength(1)
    })

    it("must be possible for every refusal", () => {
        expect(() => put(`const later = () => make("T1.sig")`)).toThrow(Unplaced)
    })
})
