/** Secrets of links leave the address bar at once, and are kept no longer than they are needed. */
import { beforeEach, expect, test } from "vitest"
import { deviceLink } from "../../src/state/device.svelte.ts"

beforeEach(() => {
    deviceLink.token = null
    sessionStorage.clear()
})

test("a device link's token goes from the address into memory, and into no storage", () => {
    history.replaceState(null, "", "/device#eyJ0b2tlbiI.abc-DEF_9")
    deviceLink.take()
    expect(deviceLink.token).toBe("eyJ0b2tlbiI.abc-DEF_9")
    expect(location.pathname + location.hash).toBe("/device")
    expect(sessionStorage.length + localStorage.length).toBe(0)
})

test("what stands at another page is none", () => {
    history.replaceState(null, "", "/join#abc")
    deviceLink.take()
    expect(deviceLink.token).toBeNull()
    expect(location.hash).toBe("#abc")
})
