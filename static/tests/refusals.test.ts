// @vitest-environment node
// The table of refusals is that of the specification.
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { isRefusal, REFUSALS } from "../src/chain/refusals"

describe("refusals", () => {
    it("are those of the specification, all of them and no others", () => {
        const spec = readFileSync(new URL("../../vaults/crypto/SPEC.md", import.meta.url), "utf8")
        const ids = [...spec.matchAll(/`([A-Z]\d+\.[a-z_0-9]+)`/g)].map(([, id]) => id as string)
        expect(Object.keys(REFUSALS).toSorted()).toEqual([...new Set(ids)].toSorted())
    })

    it("each say one sentence", () => {
        for (const sentence of Object.values(REFUSALS)) expect(sentence).toMatch(/^[A-Z][^<>]*\.$/)
        expect(new Set(Object.values(REFUSALS)).size).toBe(Object.keys(REFUSALS).length)
        expect(isRefusal("T1.prev")).toBe(true)
        expect(isRefusal("toString")).toBe(false)
    })
})
