/** The clipboard is cleared after 30 seconds, or as soon as the page is looked at again. */
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { CLEAR_AFTER_MS, clearClipboard, copyText } from "../../src/state/clipboard.ts"

let held = ""
let focused = true

beforeEach(() => {
    vi.useFakeTimers()
    held = ""
    focused = true
    vi.stubGlobal("navigator", {
        clipboard: {
            writeText: async (text: string) => {
                if (!focused) throw new DOMException("Document is not focused.", "NotAllowedError")
                held = text
            },
        },
    })
})

afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
})

test("a copy stays for 30 seconds and no longer", async () => {
    await copyText("s3cret")
    await vi.advanceTimersByTimeAsync(CLEAR_AFTER_MS - 1)
    expect(held).toBe("s3cret")
    await vi.advanceTimersByTimeAsync(1)
    expect(held).toBe("")
})

test("a second copy begins the 30 seconds anew", async () => {
    await copyText("first")
    await vi.advanceTimersByTimeAsync(20_000)
    await copyText("second")
    await vi.advanceTimersByTimeAsync(20_000)
    expect(held).toBe("second")
    await vi.advanceTimersByTimeAsync(10_000)
    expect(held).toBe("")
})

test("without focus it is cleared at the next focus", async () => {
    await copyText("s3cret")
    focused = false
    await vi.advanceTimersByTimeAsync(CLEAR_AFTER_MS)
    expect(held).toBe("s3cret")
    focused = true
    window.dispatchEvent(new Event("focus"))
    await vi.advanceTimersByTimeAsync(0)
    expect(held).toBe("")
})

test("clearing by hand takes the timer back, so that it does not clear what came later from elsewhere", async () => {
    await copyText("s3cret")
    expect(await clearClipboard()).toBe(true)
    held = "something else"
    await vi.advanceTimersByTimeAsync(CLEAR_AFTER_MS)
    expect(held).toBe("something else")
})
