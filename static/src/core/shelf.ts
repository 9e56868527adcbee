/** The account's own sealed records in this browser's store: drafts, the outbox, what is kept, settings, what was looked at, the address. Each has 16 bytes as id. */
import type { Bytes } from "../crypto/bytes.ts"
import { hex, unhex } from "../crypto/bytes.ts"
import type { Value } from "../crypto/cbor.ts"
import { decode, encode } from "../crypto/cbor.ts"
import { open, seal } from "../crypto/seal.ts"
import type { Me } from "./account.ts"
import type { Store } from "./store.ts"

export type Kind = "draft" | "outbox" | "kept" | "settings" | "looked" | "address"

export class Shelf {
    readonly #store: Store
    readonly #me: Me

    constructor(store: Store, me: Me) {
        this.#store = store
        this.#me = me
    }

    /** @param id - 16 bytes as hex. */
    async put(kind: Kind, id: string, value: Value): Promise<void> {
        await this.#store.put(this.#name(kind, id), await this.#seal(id, encode(value)))
    }

    async delete(kind: Kind, id: string): Promise<void> {
        await this.#store.delete(this.#name(kind, id))
    }

    /** Delete the records of a kind whose id, as hex, stands before `first`. */
    async prune(kind: Kind, first: string): Promise<void> {
        const prefix = this.#name(kind, "")
        for (const key of await this.#store.keys(prefix))
            if (key.slice(prefix.length) < first) await this.#store.delete(key)
    }

    /** Every record of a kind that opens; one that does not was left by another AMK and is passed over. */
    async list(kind: Kind): Promise<{ id: string; value: unknown }[]> {
        const prefix = this.#name(kind, "")
        const found: { id: string; value: unknown }[] = []
        for (const { key, value } of await this.#store.list(prefix)) {
            const id = key.slice(prefix.length)
            const bytes = await this.#open(id, value)
            if (bytes !== null) found.push({ id, value: decode(bytes) })
        }
        return found
    }

    #name(kind: Kind, id: string): string {
        return `${kind}/${hex(this.#me.account)}/${id}`
    }

    #seal(id: string, plaintext: Bytes): Promise<Bytes> {
        return seal(
            this.#me.amk,
            "coffret/draft/v1",
            { account: this.#me.account, draft: unhex(id) },
            plaintext,
        )
    }

    async #open(id: string, sealed: Bytes): Promise<Bytes | null> {
        const context = { account: this.#me.account, draft: unhex(id) }
        return open(this.#me.amk, "coffret/draft/v1", context, sealed).catch(() => null)
    }
}
