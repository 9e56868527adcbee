/** What a browser keeps, for tests. */
import { Mutexes } from "../../src/core/mutex.ts"
import type { Store } from "../../src/core/store.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"

/** A map is all it is. Values are copied, as a database would. */
export class MemoryStore implements Store {
    readonly #values = new Map<string, Bytes>()
    readonly #locks = new Mutexes()

    async get(key: string): Promise<Bytes | null> {
        return this.#values.get(key)?.slice() ?? null
    }

    async put(key: string, value: Bytes): Promise<void> {
        this.#values.set(key, value.slice())
    }

    async delete(key: string): Promise<void> {
        this.#values.delete(key)
    }

    async keys(prefix: string): Promise<string[]> {
        return [...this.#values.keys()].filter((key) => key.startsWith(prefix))
    }

    async list(prefix: string): Promise<{ key: string; value: Bytes }[]> {
        const entries = [...this.#values].filter(([key]) => key.startsWith(prefix))
        return entries.map(([key, value]) => ({ key, value: value.slice() }))
    }

    alone<T>(name: string, job: () => Promise<T>): Promise<T> {
        return this.#locks.run(name, job)
    }
}
