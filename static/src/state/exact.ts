/**
 * A `<textarea>` shows every line end as \n and gives back only \n. Keys and `.env` texts are kept byte for byte,
 * so the text lives beside the element, and what the element says is translated back.
 */

export type LineEnds = "none" | "lf" | "crlf" | "mixed"

export function lineEnds(text: string): LineEnds {
    const crlf = text.match(/\r\n/g)?.length ?? 0
    const lone = text.match(/\r(?!\n)/g)?.length ?? 0
    const lf = (text.match(/\n/g)?.length ?? 0) - crlf
    if (crlf + lf + lone === 0) return "none"
    if (lone > 0 || (crlf > 0 && lf > 0)) return "mixed"
    return crlf > 0 ? "crlf" : "lf"
}

/** What the element would show for a text. */
export function shown(text: string): string {
    return text.replace(/\r\n?/g, "\n")
}

/** The text after an edit: unchanged if the element shows the same, with CRLF again if it had them throughout. */
export function fromShown(before: string, now: string): string {
    if (shown(before) === now) return before
    return lineEnds(before) === "crlf" ? now.replace(/\n/g, "\r\n") : now
}
