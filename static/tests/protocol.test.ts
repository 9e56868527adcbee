/** Under test: which messages the worker answers, and what the page learns of an answer or an error. */
import { describe, expect, it } from "vitest"
import { CoreFailure, toFailure } from "../src/core/failure.ts"
import type { Core } from "../src/worker/api.ts"
import { connectCore, type Port } from "../src/worker/client.ts"
import { answer, isCall } from "../src/worker/protocol.ts"

describe("the worker's messages", () => {
    it.each([
        null,
        "start",
        {},
        { id: "1", method: "start", args: [] },
        { id: 1, method: "constructor", args: [] },
        { id: 1, method: "__proto__", args: [] },
        { id: 1, method: "start" },
        { id: 1.5, method: "start", args: [] },
    ])("ignores %j", (value) => {
        expect(isCall(value)).toBe(false)
    })

    it("carries calls to the core and answers back to whoever asked", async () => {
        const core = { createTeam: async (name: string) => `team ${name}` } as unknown as Core
        const page = connectCore(portTo(core))
        const [one, two] = await Promise.all([page.core.createTeam("a"), page.core.createTeam("b")])
        expect([one, two]).toEqual(["team a", "team b"])
    })

    it("tells the page the code of an error, and nothing of its text", async () => {
        const failing = (error: unknown) => ({ lock: () => Promise.reject(error) }) as unknown as Core
        const known = connectCore(
            portTo(failing(new CoreFailure("code_wrong", { tries_left: 2, secret: "x" }))),
        )
        await expect(known.core.lock()).rejects.toEqual({ code: "code_wrong", triesLeft: 2 })
        const other = connectCore(portTo(failing(new Error("the password is hunter2"))))
        await expect(other.core.lock()).rejects.toEqual({ code: "unknown" })
    })

    it("hands events to every listener", () => {
        const port = portTo({} as Core)
        const { subscribe } = connectCore(port)
        const heard: unknown[] = []
        subscribe((event) => heard.push(event))
        port.onmessage?.({ data: { event: { kind: "notice", code: "saved" } } } as MessageEvent)
        expect(heard).toEqual([{ kind: "notice", code: "saved" }])
    })
})

function portTo(core: Core): Port {
    const port: Port = {
        onmessage: null,
        onerror: null,
        postMessage(message) {
            if (isCall(message)) {
                answer(core, message, toFailure).then((data) => port.onmessage?.({ data } as MessageEvent))
            }
        },
    }
    return port
}
