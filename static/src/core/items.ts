/** The text of items (SPEC.md 6.2): CBOR maps in the blobs, plain objects for the page. Unknown fields survive an edit. */
import type { Bytes } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import { decode, encode } from "../crypto/cbor.ts"
import { Refused } from "../crypto/errors.ts"
import { unpad } from "../crypto/parts.ts"
import type { Details, Field, Overview } from "../worker/api.ts"
import type { Answer } from "./wire.ts"
import { asList, asMap, asText, asUint, orNull } from "./wire.ts"

const TYPES: readonly string[] = ["ssh_key", "env", "login", "note", "server", "database", "token", "vault"]
const KINDS: readonly string[] = ["text", "secret", "multiline", "secret_multiline", "url"]
const VERSION = 1

/** A part's map as its author wrote it, unknown fields included. */
export type Part = Readonly<Record<string, Value>>

export function readOverview(fields: Answer): Overview {
    const type = asText(fields["type"])
    // A type of a later version is shown as what it surely is: something to read.
    const known = TYPES.includes(type) ? (type as Overview["type"]) : "note"
    const login = orNull(fields["login"], asText)
    const host = orNull(fields["host"], asText)
    return {
        type: known,
        title: asText(fields["title"]),
        ...(login === null ? {} : { login }),
        ...(host === null ? {} : { host }),
        tags: asList(fields["tags"]).map(asText),
        trash: orNull(fields["trash"], asUint),
    }
}

export function readDetails(fields: Answer): Details {
    return { fields: asList(fields["fields"]).map(readField), note: asText(fields["note"]) }
}

function readField(value: unknown): Field {
    const fields = asMap(value)
    const kind = asText(fields["kind"])
    return {
        id: asText(fields["id"]),
        // A kind of a later version may be secret, so it is shown closed.
        kind: KINDS.includes(kind) ? (kind as Field["kind"]) : "secret_multiline",
        label: asText(fields["label"]),
        value: asText(fields["value"]),
    }
}

/** What `overview` says, over the fields of `before` that this version does not know. */
export function writeOverview(overview: Overview, before: Part): Record<string, Value> {
    const { login, host, isUnreadable: _unread, ...rest } = overview
    const { login: _, host: __, ...kept } = before
    return {
        ...kept,
        ...rest,
        ...(login === undefined ? {} : { login }),
        ...(host === undefined ? {} : { host }),
        tags: [...overview.tags],
        v: VERSION,
    }
}

export function writeDetails(details: Details, before: Part): Record<string, Value> {
    const known = new Map<string, Part>()
    const earlier = before["fields"]
    if (Array.isArray(earlier)) for (const field of earlier as Part[]) known.set(String(field["id"]), field)
    const fields = details.fields.map((field) => ({ ...known.get(field.id), ...field }))
    return { ...before, fields, note: details.note, v: VERSION }
}

/** In place of what opened, and is what its author signed, and is no item: nobody but the author is to blame for it. */
const UNREADABLE = {
    overview: { type: "note", title: "", tags: [], trash: null, isUnreadable: true },
    details: { fields: [], note: "", isUnreadable: true },
} as const satisfies { overview: unknown; details: unknown }

/** A part as the page shows it, and as it is written over. */
interface ReadPart<T> {
    readonly shown: T
    readonly raw: Part
}

function partOr<T>(text: Bytes, read: (fields: Part) => T): ReadPart<T> | null {
    try {
        const raw = asMap(decode(text)) as Part
        return { shown: read(raw), raw }
    } catch {
        return null
    }
}

export function overviewOf(text: Bytes): ReadPart<Overview> {
    const none = { ...UNREADABLE.overview, tags: [] }
    return partOr(text, readOverview) ?? { shown: none, raw: writeOverview(none, {}) }
}

export function detailsOf(text: Bytes): ReadPart<Details> {
    const none = { ...UNREADABLE.details, fields: [] }
    return partOr(text, readDetails) ?? { shown: none, raw: writeDetails(none, {}) }
}

/** The overview inside what was opened, whole. @throws {Refused} `R7.open` if it is not padded as the format says. */
export function overviewIn(padded: Bytes): Overview {
    return overviewOf(textIn(padded)).shown
}

function textIn(padded: Bytes): Bytes {
    try {
        return unpad(padded)
    } catch {
        throw new Refused("R7.open")
    }
}

export function encodePart(part: Part): Bytes {
    return encode(part)
}
