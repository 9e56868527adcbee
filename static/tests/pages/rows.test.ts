/** The list's index: what it finds, in which order, and how fast. */
import { expect, test } from "vitest"
import { fold, keyOf, RowIndex } from "../../src/state/rows.ts"
import { nearest, windowOf } from "../../src/state/window.ts"
import type { Overview, Row } from "../../src/worker/api.ts"
import { hex } from "./sample-team.ts"

function row(number: number, title: string, more: Partial<Overview> = {}, vault = hex(1)): Row {
    const overview: Overview = { type: "login", title, tags: [], trash: null, ...more }
    return {
        id: hex(number),
        vault,
        team: hex(9),
        overview,
        revision: 1,
        author: "Ben",
        at: number,
        verified: true,
    }
}

function index(...rows: Row[]): RowIndex {
    const made = new RowIndex()
    made.apply(rows, [], true)
    return made
}

const titles = (rows: Row[]): string[] => rows.map((each) => each.overview.title)

test("search looks into title, user, host and tags, whatever the case and the accents", () => {
    const rows = index(
        row(1, "Grafana", { login: "Wójcik" }),
        row(2, "bastion", { host: "ops.example.net" }),
        row(3, "mail", { tags: ["on-call"] }),
    )
    expect(titles(rows.search("wojcik"))).toEqual(["Grafana"])
    expect(titles(rows.search("OPS.example"))).toEqual(["bastion"])
    expect(titles(rows.search("#on-call"))).toEqual(["mail"])
    expect(rows.search("nothing")).toEqual([])
    expect(rows.search("  ")).toEqual([])
})

test("every word must occur, and a title that begins with the text comes first", () => {
    const rows = index(row(1, "a db of web"), row(2, "web db"), row(3, "web"))
    expect(titles(rows.search("web db"))).toEqual(["web db", "a db of web"])
    expect(titles(rows.search("web"))).toEqual(["web", "web db", "a db of web"])
})

test("a longer text, a shorter one and changed rows each give what a fresh index would", () => {
    const rows = index(row(1, "alpha"), row(2, "alpine"), row(3, "beta"))
    expect(titles(rows.search("al"))).toEqual(["alpha", "alpine"])
    expect(titles(rows.search("alp"))).toEqual(["alpha", "alpine"])
    expect(titles(rows.search("alpi"))).toEqual(["alpine"])
    expect(titles(rows.search("a"))).toEqual(["alpha", "alpine", "beta"])
    rows.apply([row(4, "alpinist")], [keyOf(hex(1), hex(2))], false)
    expect(titles(rows.search("alpi"))).toEqual(["alpinist"])
})

test("the trash and the vaults' own items stay out of list and search", () => {
    const rows = index(
        row(1, "here"),
        row(2, "thrown here", { trash: 5 }),
        row(3, "here too", { type: "vault" }),
    )
    expect(titles(rows.search("here"))).toEqual(["here"])
    expect(titles(rows.list(null, false, "title"))).toEqual(["here"])
    expect(titles(rows.list(null, true, "title"))).toEqual(["thrown here"])
})

test("a list is of one vault, by title with numbers as numbers, or last changed first", () => {
    const rows = index(row(1, "web-10"), row(2, "web-9"), row(3, "other", {}, hex(2)))
    expect(titles(rows.list(hex(1), false, "title"))).toEqual(["web-9", "web-10"])
    expect(titles(rows.list(null, false, "changed"))).toEqual(["other", "web-9", "web-10"])
})

test("a key press over 10,000 rows takes less than 50 ms", () => {
    const rows = index(
        ...Array.from({ length: 10_000 }, (_, at) =>
            row(at, `host-${at}`, { login: "root", host: `host-${at}.example.net`, tags: ["eu"] }),
        ),
    )
    rows.search("warm")
    let slowest = 0
    for (const text of ["h", "ho", "hos", "host", "host-9", "host-99", "99 root", "example eu 7"]) {
        // The best of three: the first alone would measure what else this machine is doing.
        const times = [1, 2, 3].map(() => {
            rows.apply([], [], false)
            const before = performance.now()
            expect(rows.search(text).length).toBeGreaterThan(0)
            return performance.now() - before
        })
        slowest = Math.max(slowest, Math.min(...times))
    }
    expect(slowest).toBeLessThan(50)
})

test("fold lowers and takes accents off", () => {
    expect(fold("Émile ÅNGSTRÖM")).toBe("emile angstrom")
})

test("of 10,000 rows at most 26 are drawn in a window of 860 pixels, and those in sight are among them", () => {
    for (const top of [0, 47, 48, 4_800, 240_000, 10_000 * 48 - 740]) {
        const { from, to } = windowOf({ top, height: 740, rowHeight: 48, count: 10_000 })
        expect(to - from).toBeLessThanOrEqual(26)
        expect(from * 48).toBeLessThanOrEqual(top)
        expect(to * 48).toBeGreaterThanOrEqual(Math.min(top + 740, 480_000))
    }
})

test("a short list is drawn whole, and a scroll position beyond a list that shrank draws no negative range", () => {
    expect(windowOf({ top: 0, height: 740, rowHeight: 48, count: 3 })).toEqual({ from: 0, to: 3 })
    const { from, to } = windowOf({ top: 99_999, height: 740, rowHeight: 48, count: 2 })
    expect(from).toBeLessThanOrEqual(to)
    expect(to).toBe(2)
})

test("the tab stop is the open row, or the first", () => {
    const rows = [row(1, "a"), row(2, "b")]
    const id = (each: Row) => each.id
    expect(nearest(rows, id, hex(2))).toBe(1)
    expect(nearest(rows, id, hex(7))).toBe(0)
    expect(nearest(rows, id, null)).toBe(0)
})

test("rows that come, change and go one after the other leave the order of a fresh index", () => {
    const all = Array.from({ length: 300 }, (_, i) => row(i, `host ${(i * 7919) % 300}`))
    const grown = index(...all.slice(0, 100))
    grown.list(null, false, "title")
    grown.apply(all.slice(100), [], false)
    grown.apply([row(5, "aaa"), row(7, "zzz")], [keyOf(hex(1), hex(9))], false)
    const fresh = index(...all.filter((_, i) => ![5, 7, 9].includes(i)), row(5, "aaa"), row(7, "zzz"))
    expect(titles(grown.list(null, false, "title"))).toEqual(titles(fresh.list(null, false, "title")))
    expect(grown.get(hex(1), hex(9))).toBeNull()
})

test("rows that are verified get their time and keep their place and text", () => {
    const rows = index({ ...row(1, "b"), at: null, verified: false }, row(2, "a"))
    rows.verify(hex(1), [hex(1), hex(77)], [1_000, 5])
    expect(rows.get(hex(1), hex(1))).toMatchObject({ verified: true, at: 1_000, overview: { title: "b" } })
    expect(titles(rows.list(null, false, "title"))).toEqual(["a", "b"])
    expect(rows.list(null, false, "changed").map(({ id }) => id)).toEqual([hex(1), hex(2)])
    expect(rows.size).toBe(2)
})

test("one id in two vaults is two items, each of which comes, counts and goes by itself", () => {
    const rows = index(row(1, "mine"))
    rows.apply([{ ...row(1, "theirs", {}, hex(2)), verified: false }], [], false)
    expect(titles(rows.list(null, false, "title"))).toEqual(["mine", "theirs"])
    expect(rows.get(hex(1), hex(1))?.overview.title).toBe("mine")
    // An address that does not say of which vault leads to neither.
    expect(rows.get(null, hex(1))).toBeNull()
    rows.verify(hex(1), [hex(1)], [5])
    expect(rows.get(hex(2), hex(1))?.verified).toBe(false)
    rows.apply([], [keyOf(hex(2), hex(1))], false)
    expect(titles(rows.list(null, false, "title"))).toEqual(["mine"])
    expect(rows.get(null, hex(1))?.overview.title).toBe("mine")
})
