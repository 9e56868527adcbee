import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { isWholeInvite } from "../../src/state/invite.svelte.ts"
import { toasts } from "../../src/state/toasts.svelte.ts"

beforeEach(() => {
    vi.useFakeTimers()
})

afterEach(() => {
    toasts.close()
    vi.useRealTimers()
})

test("what a toast offers is done once, and the toast is gone before", () => {
    const seen: unknown[] = []
    toasts.show("Moved to trash.", { label: "Undo", run: () => seen.push(toasts.current) })
    toasts.act()
    toasts.act()
    expect(seen).toEqual([null])
})

test("a toast that the action shows stays", () => {
    toasts.show("Moved to trash.", { label: "Undo", run: () => toasts.show("Back in its vault.") })
    toasts.act()
    expect(toasts.current?.text).toBe("Back in its vault.")
})

test("a toast with an action stays longer than one without", () => {
    toasts.show("Saved.")
    vi.advanceTimersByTime(6_000)
    expect(toasts.current).toBeNull()
    toasts.show("Moved to trash.", { label: "Undo", run: () => undefined })
    vi.advanceTimersByTime(11_999)
    expect(toasts.current).not.toBeNull()
    vi.advanceTimersByTime(1)
    expect(toasts.current).toBeNull()
})

test.each([
    ["_FXRK8Hm0X6LkVeeX5ZWWRt5SuznUp1S-IeVQYK7vV2wJA01PPDZxeR6yYWn67ZIcRcoluMslIGl6-JrIjGrtQ", true],
    ["_FXRK8Hm0X6LkVeeX5ZWWRt5SuznUp1S", false],
    [`${"A".repeat(86)}.`, false],
    ["", false],
])("a fragment is whole or was cut on the way: %s", (fragment, whole) => {
    expect(isWholeInvite(fragment)).toBe(whole)
})
