/** What this browser keeps: byte strings by name. All but the server's public key is sealed before it comes here. */
import type { Bytes } from "../crypto/bytes.ts"
import { CoreFailure } from "./failure.ts"

export interface Store {
    get(key: string): Promise<Bytes | null>
    put(key: string, value: Bytes): Promise<void>
    delete(key: string): Promise<void>
    /** Every key that begins with `prefix`. */
    keys(prefix: string): Promise<string[]>
    /** Every entry whose key begins with `prefix`. */
    list(prefix: string): Promise<{ key: string; value: Bytes }[]>
    /** Read and write under a name that no other tab of this browser holds meanwhile. */
    alone<T>(name: string, job: () => Promise<T>): Promise<T>
}

/** The store while an account is open: nothing sealed with an overwritten key is kept after the lock. */
export function whileOpen(store: Store, isClosed: () => boolean): Store {
    return {
        get: (key) => store.get(key),
        keys: (prefix) => store.keys(prefix),
        list: (prefix) => store.list(prefix),
        delete: (key) => store.delete(key),
        alone: (name, job) => store.alone(name, job),
        put(key, value) {
            if (isClosed()) throw new CoreFailure("locked")
            return store.put(key, value)
        },
    }
}

const DATABASE = "coffret"
const TABLE = "values"
const ATTEMPTS = 4
const BETWEEN = 100 // ms, times the attempt

/** One table of one database; opened at the first use. */
export class IndexedDbStore implements Store {
    /** The person or the server (by `Clear-Site-Data`) took everything away while the page was open. */
    onLost: () => void = () => undefined
    #database: Promise<IDBDatabase> | null = null

    async get(key: string): Promise<Bytes | null> {
        const value: unknown = await this.#do("readonly", (table) => table.get(key))
        return value instanceof Uint8Array ? (value as Bytes) : null
    }

    async put(key: string, value: Bytes): Promise<void> {
        await this.#do("readwrite", (table) => table.put(value, key))
    }

    async delete(key: string): Promise<void> {
        await this.#do("readwrite", (table) => table.delete(key))
    }

    async keys(prefix: string): Promise<string[]> {
        return (await this.#do("readonly", (table) => table.getAllKeys(rangeOf(prefix)))).map(String)
    }

    async list(prefix: string): Promise<{ key: string; value: Bytes }[]> {
        const range = rangeOf(prefix)
        const keys: { all: IDBValidKey[] } = { all: [] }
        const values = await this.#do("readonly", (table) => {
            // Two requests of one transaction: both see the same rows, in the same order.
            const asked = table.getAllKeys(range)
            asked.onsuccess = () => {
                keys.all = asked.result
            }
            return table.getAll(range)
        })
        return keys.all.map((key, i) => ({ key: String(key), value: values[i] as Bytes }))
    }

    async alone<T>(name: string, job: () => Promise<T>): Promise<T> {
        return await navigator.locks.request(`${DATABASE}/${name}`, job)
    }

    async #do<T>(mode: IDBTransactionMode, ask: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
        const transaction = await this.#begin(mode)
        const request = ask(transaction.objectStore(TABLE))
        return new Promise((resolve, reject) => {
            transaction.oncomplete = () => resolve(request.result)
            transaction.onabort = () => reject(new Error("the browser's store failed"))
        })
    }

    async #begin(mode: IDBTransactionMode): Promise<IDBTransaction> {
        const options = { durability: "strict" } as const
        try {
            return (await this.#opened()).transaction(TABLE, mode, options)
        } catch (error) {
            // It is being closed under us, and the event that says so is still to come.
            if (!(error instanceof DOMException) || error.name !== "InvalidStateError") throw error
            this.#database = null
            return (await this.#opened()).transaction(TABLE, mode, options)
        }
    }

    #opened(): Promise<IDBDatabase> {
        this.#database ??= this.#open().catch((error: unknown) => {
            this.#database = null
            throw error
        })
        return this.#database
    }

    async #open(): Promise<IDBDatabase> {
        const database = await persistently(openDatabase)
        const lost = (): void => {
            this.#database = null
            this.onLost()
        }
        database.onclose = lost
        // Somebody deletes it: whoever held it open would only make the deletion wait.
        database.onversionchange = () => {
            database.close()
            lost()
        }
        return database
    }
}

/** While a browser empties its storage, nothing opens for a moment. */
async function persistently<T>(open: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
        try {
            return await open()
        } catch (error) {
            if (attempt === ATTEMPTS) throw error
            await new Promise((resolve) => setTimeout(resolve, BETWEEN * attempt))
        }
    }
}

function rangeOf(prefix: string): IDBKeyRange {
    return IDBKeyRange.bound(prefix, `${prefix}\uffff`)
}

function openDatabase(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
        const request = indexedDB.open(DATABASE, 1)
        request.onupgradeneeded = () => request.result.createObjectStore(TABLE)
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(new Error("the browser's store does not open"))
    })
}
