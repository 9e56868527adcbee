/** Points in time for whoever measures: `performance.getEntriesByName("coffret.…")` in the worker. */
export type Mark = "keys_open" | "pinned" | "unsealing" | "verified"

/** Note the time. The mark of an earlier unlock goes, so that there is never more than one of a name. */
export function mark(name: Mark): void {
    performance.clearMarks(`coffret.${name}`)
    performance.mark(`coffret.${name}`)
}
