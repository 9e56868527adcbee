/** Passwords of equally likely characters. Drawn by rejection, so that no character is likelier than another. */

export interface Sets {
    upper: boolean
    lower: boolean
    digits: boolean
    symbols: boolean
}

export interface Settings extends Sets {
    length: number
}

export const LENGTH_MIN = 8
export const LENGTH_MAX = 64
export const DEFAULTS: Settings = { length: 24, upper: true, lower: true, digits: true, symbols: true }

const ALPHABETS: Record<keyof Sets, string> = {
    upper: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    lower: "abcdefghijklmnopqrstuvwxyz",
    digits: "0123456789",
    // Safe in an address, a shell's double quotes and a .env file.
    symbols: "-_.~+=:@%^",
}

function chosen(sets: Sets): string[] {
    const keys = Object.keys(ALPHABETS) as (keyof Sets)[]
    return keys.filter((key) => sets[key]).map((key) => ALPHABETS[key])
}

/** A number from 0 to `below` − 1, each equally likely; `below` is at most 256. */
export function draw(below: number, random: (bytes: Uint8Array<ArrayBuffer>) => void = fill): number {
    const limit = 256 - (256 % below)
    const byte = new Uint8Array(1)
    for (;;) {
        random(byte)
        const value = byte[0] ?? 256
        if (value < limit) return value % below
    }
}

function fill(bytes: Uint8Array<ArrayBuffer>): void {
    crypto.getRandomValues(bytes)
}

/**
 * Make a password. Every chosen set occurs: a draw without one of them is thrown away as a whole, which keeps
 * the rest equally likely. @throws RangeError if no set is chosen or the length is out of range.
 */
export function generate(settings: Settings): string {
    const alphabets = chosen(settings)
    const { length } = settings
    if (alphabets.length === 0) throw new RangeError("no set of characters")
    if (!Number.isInteger(length) || length < LENGTH_MIN || length > LENGTH_MAX)
        throw new RangeError("length out of range")
    const all = alphabets.join("")
    for (;;) {
        let made = ""
        while (made.length < length) made += all.charAt(draw(all.length))
        if (alphabets.every((alphabet) => [...made].some((character) => alphabet.includes(character))))
            return made
    }
}

/** Bits of a password of these settings, rounded down. */
export function bits(settings: Settings): number {
    const size = chosen(settings).join("").length
    return size === 0 ? 0 : Math.floor(settings.length * Math.log2(size))
}
