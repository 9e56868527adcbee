/** What can be said of an SSH key without its passphrase: the public half and the fingerprint. */

export interface PublicKey {
    type: string
    blob: Uint8Array<ArrayBuffer>
    comment: string
}

const MAGIC = "openssh-key-v1\0"
const [BEGIN, END] = ["-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"]

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | null {
    try {
        return Uint8Array.from(atob(base64.replace(/\s+/g, "")), (character) => character.charCodeAt(0))
    } catch {
        return null
    }
}

function base64Of(bytes: Uint8Array): string {
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
}

/** One length-prefixed string of the SSH wire format, and where the next begins. */
function stringAt(bytes: Uint8Array<ArrayBuffer>, at: number): [Uint8Array<ArrayBuffer>, number] | null {
    if (at + 4 > bytes.length) return null
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at)
    const end = at + 4 + length
    return end > bytes.length ? null : [bytes.slice(at + 4, end), end]
}

function textOf(bytes: Uint8Array): string {
    return new TextDecoder().decode(bytes)
}

/** Read an `authorized_keys` line. Null if it is none. */
export function readPublic(line: string): PublicKey | null {
    const [type = "", base64 = "", ...comment] = line.trim().split(/\s+/)
    const blob = bytesOf(base64)
    const name = blob === null ? null : stringAt(blob, 0)
    if (blob === null || name === null || textOf(name[0]) !== type || type === "") return null
    return { type, blob, comment: comment.join(" ") }
}

/** The public half inside an OpenSSH private key; it stands there unencrypted. Null for other formats. */
export function publicOf(privateKey: string): PublicKey | null {
    const text = privateKey.trim()
    if (!text.startsWith(BEGIN) || !text.endsWith(END)) return null
    const bytes = bytesOf(text.slice(BEGIN.length, -END.length))
    if (bytes === null || textOf(bytes.slice(0, MAGIC.length)) !== MAGIC) return null
    let at = MAGIC.length
    // Cipher, derivation and its options come before the number of keys, which is one.
    for (let skipped = 0; skipped < 3; skipped++) {
        const part = stringAt(bytes, at)
        if (part === null) return null
        at = part[1]
    }
    const blob = stringAt(bytes, at + 4)?.[0]
    const type = blob === undefined ? undefined : stringAt(blob, 0)?.[0]
    return blob === undefined || type === undefined ? null : { type: textOf(type), blob, comment: "" }
}

export function formatPublic(key: PublicKey): string {
    return `${key.type} ${base64Of(key.blob)}${key.comment === "" ? "" : ` ${key.comment}`}`
}

/** `SHA256:…`, as `ssh-keygen -l` prints it. */
export async function fingerprint(key: PublicKey): Promise<string> {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", key.blob))
    return `SHA256:${base64Of(digest).replace(/=+$/, "")}`
}

export function sameKey(a: PublicKey, b: PublicKey): boolean {
    return a.type === b.type && base64Of(a.blob) === base64Of(b.blob)
}
