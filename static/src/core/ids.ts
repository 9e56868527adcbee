/** Ids: bytes in links, lowercase hex as keys of maps and towards the page, UUIDs in the server's addresses. */
import type { Bytes } from "../crypto/bytes.ts"
import { random } from "../crypto/bytes.ts"

/** `8-4-4-4-12` of 32 hexadecimal digits. */
export function uuid(id: string): string {
    return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`
}

/** A new UUIDv7: the time in milliseconds, then 74 random bits. */
export function uuid7(now: number): Bytes {
    const id = random(16)
    new DataView(id.buffer).setUint16(0, Math.floor(now / 2 ** 32))
    new DataView(id.buffer).setUint32(2, now % 2 ** 32)
    id[6] = ((id[6] as number) & 0x0f) | 0x70
    id[8] = ((id[8] as number) & 0x3f) | 0x80
    return id
}
