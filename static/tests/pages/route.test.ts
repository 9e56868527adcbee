/** Addresses are read back as they were written, and hold ids only. */
import { expect, test } from "vitest"
import { formatRoute, parseRoute, type Route, routeTitle } from "../../src/state/route.ts"
import { hex } from "./sample-team.ts"

const [A, B, C] = [hex(1), hex(2), hex(3)]
const ROUTES: Route[] = [
    { page: "items", vault: null, item: null, mode: "view" },
    { page: "items", vault: A, item: null, mode: "view" },
    { page: "items", vault: A, item: B, mode: "view" },
    { page: "items", vault: null, item: B, mode: "edit" },
    { page: "items", vault: A, item: B, mode: "history" },
    { page: "trash", item: null },
    { page: "trash", item: B },
    { page: "trash", of: A, item: B },
    { page: "items", vault: null, of: A, item: B, mode: "view" },
    { page: "items", vault: null, of: A, item: B, mode: "edit" },
    { page: "new", type: null, vault: null, draft: null },
    { page: "new", type: "ssh_key", vault: A, draft: C },
    { page: "new-team" },
    { page: "members", team: A },
    { page: "access", vault: A },
    { page: "settings" },
    { page: "sign-in" },
    { page: "sign-up" },
    { page: "join" },
    { page: "device" },
]

test.each(ROUTES)("$page is read back", (route) => {
    const [path = "", query = ""] = formatRoute(route).split("?")
    expect(parseRoute(path, query)).toEqual(route)
})

test.each([
    "/vaults/1",
    `/vaults/${A}/${B}/delete`,
    `/items/${A.toUpperCase()}x`,
    "/new/virus",
    "/teams",
    `/trash/${A}/x`,
    "/__proto__",
    "/constructor",
    `/items/${A}/edit/more`,
    `/items/${A}/${B}/${C}`,
    `/trash/${A}/${B}/${C}`,
])("%s is no address of ours", (path) => {
    expect(parseRoute(path)).toEqual({ page: "nowhere" })
})

test("a tab's title names the page only", () => {
    expect(routeTitle({ page: "items", vault: A, item: B, mode: "view" })).toBe("Items · Coffret")
})
