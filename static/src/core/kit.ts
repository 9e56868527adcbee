/** The recovery kit as people keep it. */
import type { Bytes } from "../crypto/bytes.ts"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // RFC 4648
const GROUP = /.{1,4}/g

/** 256 bits as thirteen groups of four letters. */
export function kitCode(code: Bytes): string {
    let bits = 0n
    for (const byte of code) bits = (bits << 8n) | BigInt(byte)
    const letters = Math.ceil((code.length * 8) / 5)
    bits <<= BigInt(letters * 5 - code.length * 8)
    let text = ""
    for (let i = letters - 1; i >= 0; i--) text += ALPHABET[Number((bits >> BigInt(5 * i)) & 31n)]
    return (text.match(GROUP) as string[]).join("-")
}
