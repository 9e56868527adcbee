/**
 * Refusals that the person has looked at in this browser, and which may stand for good: a false key that somebody really
 * stored on the server, for instance. Each is known by the bytes that were refused, so that any other lie is news.
 */
import type { Books } from "./books.ts"
import type { Shelf } from "./shelf.ts"
import { asList, asMap, asText, asUint } from "./wire.ts"

const SHELVED = "0".repeat(32) // the id of the record: there is one
const MOST = 200

export async function loadLooked(books: Books, shelf: Shelf): Promise<void> {
    for (const { value } of await shelf.list("looked"))
        for (const one of asList(asMap(value)["refusals"])) {
            const { key, at } = asMap(one)
            books.looked.set(asText(key), asUint(at))
        }
}

/** Note that a refusal was shown. One that is not over the bytes it refused is news each time. */
export async function lookAt(books: Books, shelf: Shelf, key: string): Promise<void> {
    const refusal = books.refusals.get(key)
    if (refusal === undefined || !refusal.isLasting || refusal.isKnown) return
    books.looked.set(key, refusal.at)
    books.refusals.set(key, { ...refusal, isKnown: true })
    const newest = [...books.looked].slice(-MOST)
    await shelf.put("looked", SHELVED, { refusals: newest.map(([known, at]) => ({ at, key: known })) })
}
