/** Byte strings: joining, comparing, and the three texts they travel as. */

export type Bytes = Uint8Array<ArrayBuffer>

/** Join byte strings into a new one. */
export function concat(...parts: readonly Uint8Array[]): Bytes {
    let length = 0
    for (const part of parts) length += part.length
    const whole = new Uint8Array(length)
    let at = 0
    for (const part of parts) {
        whole.set(part, at)
        at += part.length
    }
    return whole
}

/** Compare in a time that depends on the lengths only. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
    if (a.length !== b.length) return false
    let difference = 0
    for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number)
    return difference === 0
}

/** Order by the first byte that differs, then by length: the order of lists in links. Not constant time. */
export function compare(a: Uint8Array, b: Uint8Array): number {
    const shorter = Math.min(a.length, b.length)
    for (let i = 0; i < shorter; i++) {
        const difference = (a[i] as number) - (b[i] as number)
        if (difference !== 0) return difference
    }
    return a.length - b.length
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** Lower-case hexadecimal. Its order is the order of the bytes, so it serves as key of maps and for sorting. */
export function hex(bytes: Uint8Array): string {
    let text = ""
    for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i] as number]
    return text
}

/** @throws {SyntaxError} if `text` is not pairs of hexadecimal digits. */
export function unhex(text: string): Bytes {
    if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw new SyntaxError("not hexadecimal")
    const bytes = new Uint8Array(text.length / 2)
    for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
    return bytes
}

/** base64url without padding, RFC 4648 section 5. For short texts such as links, not for bulk. */
export function base64url(bytes: Uint8Array): string {
    let binary = ""
    for (const byte of bytes) binary += String.fromCharCode(byte)
    return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
}

/** @throws {SyntaxError} on padding, foreign characters, or unused bits that are not zero. */
export function unbase64url(text: string): Bytes {
    if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new SyntaxError("not base64url")
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"))
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0))
    // Without this two texts would name the same bytes.
    if (base64url(bytes) !== text) throw new SyntaxError("not base64url")
    return bytes
}

/** Unsigned 32-bit big-endian. */
export function u32(value: number): Bytes {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value)
    return bytes
}

const encoder = new TextEncoder()

/** UTF-8 of a text; labels are ASCII, so there it is the label. */
export function utf8(text: string): Bytes {
    return encoder.encode(text)
}

/** Fresh random bytes, at most 65,536. */
export function random(length: number): Bytes {
    return crypto.getRandomValues(new Uint8Array(length))
}
