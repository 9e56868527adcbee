/** Drafts: what a person typed and has not saved. Sealed on the device; they survive lock, reload, conflict, lost network. */
import type { Value } from "../crypto/cbor.ts"
import type { Details, Draft, Overview } from "../worker/api.ts"
import { ensure } from "./failure.ts"
import { readDetails, readOverview, writeDetails, writeOverview } from "./items.ts"
import type { Shelf } from "./shelf.ts"
import { asMap, asText, asUint, orNull } from "./wire.ts"

const ID = /^[0-9a-f]{32}$/

export async function putDraft(shelf: Shelf, draft: Draft): Promise<void> {
    ensure(ID.test(draft.id), "invalid")
    await shelf.put("draft", draft.id, draftValue(draft))
}

export function draftValue(draft: Draft): Record<string, Value> {
    return {
        vault: draft.vault,
        item: draft.item,
        base: draft.base,
        overview: writeOverview(draft.overview, {}),
        details: writeDetails(draft.details, {}),
        at: draft.at,
        v: 1,
    }
}

/** The newest first. */
export async function listDrafts(shelf: Shelf): Promise<Draft[]> {
    const drafts = (await shelf.list("draft")).map(({ id, value }) => readDraft(id, value))
    return drafts.toSorted((a, b) => b.at - a.at)
}

export async function dropDraft(shelf: Shelf, id: string): Promise<void> {
    ensure(ID.test(id), "invalid")
    await shelf.delete("draft", id)
}

export function readDraft(id: string, value: unknown): Draft {
    const fields = asMap(value)
    return {
        id,
        vault: orNull(fields["vault"], asText),
        item: orNull(fields["item"], asText),
        base: asUint(fields["base"]),
        overview: readOverview(asMap(fields["overview"])) satisfies Overview,
        details: readDetails(asMap(fields["details"])) satisfies Details,
        at: asUint(fields["at"]),
    }
}
