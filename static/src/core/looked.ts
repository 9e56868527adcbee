/**
 * What the person has looked at in this browser, and what may stand for good: a false key that somebody really stored on
 * the server, a team that they left. Each refusal is known by the bytes that were refused, so that any other lie is news.
 */
import type { Books } from "./books.ts"
import type { PinBook } from "./pins.ts"
import type { Shelf } from "./shelf.ts"
import { asList, asMap, asText, asUint } from "./wire.ts"

const SHELVED = `${"0".repeat(31)}1` // the id of the record: there is one, and no record of another kind has it
const MOST = 200

export async function loadLooked(books: Books, shelf: Shelf): Promise<void> {
    for (const { id, value } of await shelf.list("looked")) {
        if (id !== SHELVED) continue
        for (const one of asList(asMap(value)["refusals"])) {
            const { key, at } = asMap(one)
            books.looked.set(asText(key), asUint(at))
        }
    }
}

/** Note that a refusal was shown. One that is not over the bytes it refused is news each time. */
export async function lookAt(books: Books, shelf: Shelf, key: string): Promise<void> {
    const refusal = books.refusals.get(key)
    if (refusal === undefined || !refusal.isLasting || refusal.isKnown) return
    books.refusals.set(key, { ...refusal, isKnown: true })
    await keep(books, shelf, key, refusal.at)
}

/**
 * Teams that are pinned and that the server does not show, less those of which the person knows here, up to that pin: they
 * have been told, or have accepted an invitation and wait. Pins move only while the person is in the team.
 */
export function withheldTeams(books: Books, pins: PinBook): string[] {
    const pinned = new Set(pins.teams())
    const known = new Set([...books.teams.keys(), ...books.unavailable])
    return [...pinned].filter((team) => !known.has(team) && !books.looked.has(withheldKey(team, pins)))
}

export async function lookAtWithheld(
    books: Books,
    shelf: Shelf,
    pins: PinBook,
    teams: string[],
    now: number,
): Promise<void> {
    for (const team of teams) await keep(books, shelf, withheldKey(team, pins), now)
}

function withheldKey(team: string, pins: PinBook): string {
    return `withheld/${team}/${pins.seqOf(team)}`
}

async function keep(books: Books, shelf: Shelf, key: string, at: number): Promise<void> {
    books.looked.set(key, at)
    const newest = [...books.looked].slice(-MOST)
    await shelf.put("looked", SHELVED, { refusals: newest.map(([known, at]) => ({ at, key: known })) })
}
