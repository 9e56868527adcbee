/** Which rows of a long list are drawn: those in sight, and a few beyond. */

const BEYOND = 4

export interface Sight {
    /** How far the list is scrolled, how high it is, how high one row is: pixels. */
    top: number
    height: number
    rowHeight: number
    count: number
}

/** From the first row drawn to the one after the last. */
export function windowOf({ top, height, rowHeight, count }: Sight): { from: number; to: number } {
    const first = Math.floor(Math.max(0, top) / rowHeight)
    const seen = Math.ceil(height / rowHeight)
    const to = Math.min(count, first + seen + BEYOND)
    return { from: Math.max(0, Math.min(first - BEYOND, to)), to }
}

/** The place of the row with a key, or 0: the row that Tab reaches. */
export function nearest<T>(items: readonly T[], keyOf: (item: T) => string, key: string | null): number {
    if (key === null) return 0
    return Math.max(
        0,
        items.findIndex((item) => keyOf(item) === key),
    )
}
