/** Under test: which messages the worker answers, and how. */
import { describe, expect, it } from "vitest"
import { answer, isRequest } from "../src/worker/protocol.ts"

describe("the worker's messages", () => {
    it.each([
        null,
        "ping",
        1,
        {},
        { id: "1", type: "ping" },
        { id: 1, type: "open" },
        { id: 1.5, type: "ping" },
    ])("ignores %j", (value) => {
        expect(isRequest(value)).toBe(false)
    })

    it("answers a ping under the id it was asked with", () => {
        const request = { id: 7, type: "ping" } as const
        expect(isRequest(request)).toBe(true)
        expect(answer(request, "1.0")).toEqual({ id: 7, type: "pong", sodium: "1.0" })
    })
})
