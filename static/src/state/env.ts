/** Reads a `.env` text for display. The text itself is kept byte for byte; nothing is ever written back from here. */

export interface EnvLine {
    /** 1 for the first line. */
    line: number
    kind: "pair" | "comment" | "other"
    /** The name, the comment, or the line as it stands. */
    key: string
    value: string
}

const PAIR = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*)$/s
const ESCAPES: Record<string, string> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\", $: "$" }

export function parseEnv(text: string): EnvLine[] {
    const lines = text.split(/\r\n|\n|\r/)
    const closings = new Closings(lines)
    const found: EnvLine[] = []
    for (let at = 0; at < lines.length; at++) {
        const first = at
        const line = lines[at] ?? ""
        if (line.trim() === "") continue
        if (line.trimStart().startsWith("#")) {
            found.push({ line: first + 1, kind: "comment", key: line.trim(), value: "" })
            continue
        }
        const pair = PAIR.exec(line)
        if (pair === null) {
            found.push({ line: first + 1, kind: "other", key: line.trim(), value: "" })
            continue
        }
        let raw = pair[2] ?? ""
        const last = isOpen(raw) ? closings.next(raw.charAt(0), at + 1) : lines.length
        // An apostrophe alone must not swallow the rest of the file.
        if (last < lines.length) {
            raw = [raw, ...lines.slice(at + 1, last + 1)].join("\n")
            at = last
        }
        found.push({ line: first + 1, kind: "pair", key: pair[1] ?? "", value: unquote(raw) })
    }
    return found
}

/** A quoted value whose closing quote is not on its line. */
function isOpen(raw: string): boolean {
    const quote = raw.charAt(0)
    return (quote === '"' || quote === "'") && endOfQuote(raw, quote) === -1
}

/** Where open quotes close. Every line is looked at once, so that many open quotes cost no square of the text. */
class Closings {
    readonly #lines: readonly string[]
    readonly #found = new Map<string, number>()

    constructor(lines: readonly string[]) {
        this.#lines = lines
    }

    /** The first line from `from` on that closes a quote; the number of lines if none does. `from` only grows. */
    next(quote: string, from: number): number {
        let at = Math.max(from, this.#found.get(quote) ?? 0)
        while (at < this.#lines.length && endOfQuote(` ${this.#lines[at]}`, quote) === -1) at++
        this.#found.set(quote, at)
        return at
    }
}

function endOfQuote(raw: string, quote: string): number {
    for (let at = 1; at < raw.length; at++) {
        if (quote === '"' && raw.charAt(at) === "\\") at++
        else if (raw.charAt(at) === quote) return at
    }
    return -1
}

function unquote(raw: string): string {
    const quote = raw.charAt(0)
    if (quote === '"' || quote === "'") {
        const end = endOfQuote(raw, quote)
        if (end !== -1) {
            const inner = raw.slice(1, end)
            return quote === "'" ? inner : inner.replace(/\\([nrt"\\$])/g, (_, c: string) => ESCAPES[c] ?? c)
        }
    }
    const comment = raw.search(/\s#/)
    return (comment === -1 ? raw : raw.slice(0, comment)).trimEnd()
}

/** "38 variables", "1 variable". */
export function countPairs(text: string): number {
    return parseEnv(text).filter((line) => line.kind === "pair").length
}
