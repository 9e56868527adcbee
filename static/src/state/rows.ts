/**
 * The rows of the list, ready for search: each row's text is lowered once, when it arrives, so that a key press
 * over 10,000 rows costs a few milliseconds. A longer search text only looks through what the shorter one found.
 */
import type { Id, Row } from "../worker/api.ts"

export type Order = "title" | "changed"

/** How an item is known on the page: an id alone may be used in another vault too, by whoever saw it. */
export function keyOf(vault: Id, item: Id): string {
    return `${vault}/${item}`
}

interface Entry {
    row: Row
    title: string
    haystack: string
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" })

const ASCII = /^[\0-\x7f]*$/

/** Lower case without accents, so that "Wojcik" finds "Wójcik". */
export function fold(text: string): string {
    // Most texts have nothing to take apart, and this costs a tenth.
    if (ASCII.test(text)) return text.toLowerCase()
    return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase()
}

function entry(row: Row): Entry {
    const { title, login, host, tags } = row.overview
    const haystack = [title, login ?? "", host ?? "", ...tags.map((tag) => `#${tag}`)].join("\n")
    return { row, title: fold(title), haystack: fold(haystack) }
}

function byTitle(a: Entry, b: Entry): number {
    return collator.compare(a.title, b.title)
}

/** Sorted entries with some more: each finds its place by halving, so that a few cost little among many. */
function withAdded(sorted: readonly Entry[], added: Entry[]): Entry[] {
    const merged: Entry[] = []
    let from = 0
    for (const each of added.sort(byTitle)) {
        let [low, high] = [from, sorted.length]
        while (low < high) {
            const middle = (low + high) >> 1
            if (byTitle(sorted[middle] as Entry, each) <= 0) low = middle + 1
            else high = middle
        }
        for (; from < low; from++) merged.push(sorted[from] as Entry)
        merged.push(each)
    }
    for (; from < sorted.length; from++) merged.push(sorted[from] as Entry)
    return merged
}

/** A vault's own item is its name, and no item of the list. */
function isListed({ row }: Entry): boolean {
    return row.overview.type !== "vault"
}

export class RowIndex {
    /** By {@link keyOf}. */
    #rows = new Map<string, Entry>()
    #byTitle: Entry[] | null = null
    #byChange: Entry[] | null = null
    #last: { text: string; found: Entry[] } | null = null

    get size(): number {
        return this.#rows.size
    }

    /** @param gone - keys, see {@link keyOf}. */
    apply(rows: readonly Row[], gone: readonly string[], reset: boolean): void {
        if (reset) {
            this.#rows.clear()
            this.#byTitle = null
        }
        const dropped = new Set<Entry>()
        const added: Entry[] = []
        for (const key of gone) this.#drop(key, dropped)
        for (const row of rows) {
            const key = keyOf(row.vault, row.id)
            this.#drop(key, dropped)
            const made = entry(row)
            this.#rows.set(key, made)
            if (isListed(made)) added.push(made)
        }
        if (this.#byTitle !== null) {
            const kept =
                dropped.size === 0 ? this.#byTitle : this.#byTitle.filter((each) => !dropped.has(each))
            this.#byTitle = withAdded(kept, added)
        }
        this.#byChange = null
        this.#last = null
    }

    #drop(key: string, dropped: Set<Entry>): void {
        const known = this.#rows.get(key)
        if (known === undefined) return
        dropped.add(known)
        this.#rows.delete(key)
    }

    /** Rows that count from now on, with their authors' times: their texts stay, so their places do too. */
    verify(vault: Id, ids: readonly Id[], at: readonly (number | null)[]): void {
        for (const [i, id] of ids.entries()) {
            const known = this.#rows.get(keyOf(vault, id))
            if (known !== undefined) known.row = { ...known.row, verified: true, at: at[i] ?? null }
        }
        this.#byChange = null
    }

    /** An item of a vault; of any, where an address names none, if one alone has it. */
    get(vault: Id | null, id: Id): Row | null {
        if (vault !== null) return this.#rows.get(keyOf(vault, id))?.row ?? null
        const found = this.all().filter((row) => row.id === id)
        return found.length === 1 ? (found[0] as Row) : null
    }

    all(): Row[] {
        return Array.from(this.#rows.values(), (each) => each.row)
    }

    /** Items of one vault, or of all, without the vaults' own; `trash` asks for what lies in the trash. */
    list(vault: Id | null, trash: boolean, order: Order): Row[] {
        const found: Row[] = []
        for (const { row } of this.#ordered(order)) {
            if ((row.overview.trash !== null) !== trash) continue
            if (vault !== null && row.vault !== vault) continue
            found.push(row)
        }
        return found
    }

    /** Every word must occur somewhere; titles that begin with the text come first. */
    search(text: string): Row[] {
        const wanted = fold(text.trim())
        const words = wanted.split(/\s+/).filter((word) => word !== "")
        if (words.length === 0) return []
        const found = this.#candidates(wanted).filter((each) =>
            words.every((word) => each.haystack.includes(word)),
        )
        this.#last = { text: wanted, found }
        const first = found.filter((each) => each.title.startsWith(wanted))
        const rest = found.filter((each) => !each.title.startsWith(wanted))
        return [...first, ...rest].map((each) => each.row)
    }

    #candidates(wanted: string): readonly Entry[] {
        const last = this.#last
        if (last !== null && wanted.startsWith(last.text)) return last.found
        return this.#ordered("title").filter((each) => each.row.overview.trash === null)
    }

    #ordered(order: Order): readonly Entry[] {
        if (order === "title") {
            this.#byTitle ??= this.#items().sort(byTitle)
            return this.#byTitle
        }
        this.#byChange ??= this.#items().sort((a, b) => (b.row.at ?? 0) - (a.row.at ?? 0))
        return this.#byChange
    }

    #items(): Entry[] {
        return [...this.#rows.values()].filter(isListed)
    }
}
