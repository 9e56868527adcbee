/** Columns of what is kept for every link of a chain: compact, and read back without touching each value. */
import type { Bytes } from "../crypto/bytes"
import { equal } from "../crypto/bytes"

const HASH_SIZE = 32 // bytes
const FIRST_ROWS = 16

/** A growing list of 32-byte hashes. */
export class Hashes {
    #bytes: Bytes
    #rows: number

    constructor(bytes: Uint8Array = new Uint8Array()) {
        this.#rows = bytes.length / HASH_SIZE
        if (!Number.isInteger(this.#rows)) throw new RangeError("a column of hashes is cut short")
        this.#bytes = new Uint8Array(bytes)
    }

    get length(): number {
        return this.#rows
    }

    push(hash: Uint8Array): void {
        const end = (this.#rows + 1) * HASH_SIZE
        if (end > this.#bytes.length) {
            const larger = new Uint8Array(Math.max(2 * this.#bytes.length, FIRST_ROWS * HASH_SIZE))
            larger.set(this.#bytes)
            this.#bytes = larger
        }
        this.#bytes.set(hash, end - HASH_SIZE)
        this.#rows++
    }

    /** @throws {RangeError} if there is no such row. */
    at(row: number): Bytes {
        if (!(row >= 0 && row < this.#rows)) throw new RangeError("no such row")
        return this.#bytes.slice(row * HASH_SIZE, (row + 1) * HASH_SIZE)
    }

    /** Is this the hash of that row? False for a row that is not there. */
    is(row: number, hash: Uint8Array): boolean {
        return row >= 0 && row < this.#rows && equal(this.at(row), hash)
    }

    toBytes(): Bytes {
        return this.#bytes.slice(0, this.#rows * HASH_SIZE)
    }
}

/** A growing list of numbers, exact to 2^53 − 1. Its bytes are read back by the browser that wrote them. */
export class Numbers {
    #values: Float64Array<ArrayBuffer>
    #rows: number

    constructor(bytes: Uint8Array = new Uint8Array()) {
        this.#values = new Float64Array(new Uint8Array(bytes).buffer)
        this.#rows = this.#values.length
    }

    get length(): number {
        return this.#rows
    }

    push(value: number): void {
        if (this.#rows === this.#values.length) {
            const larger = new Float64Array(Math.max(2 * this.#rows, FIRST_ROWS))
            larger.set(this.#values)
            this.#values = larger
        }
        this.#values[this.#rows++] = value
    }

    /** @throws {RangeError} if there is no such row. */
    at(row: number): number {
        const value = row < this.#rows ? this.#values[row] : undefined
        if (value === undefined) throw new RangeError("no such row")
        return value
    }

    toBytes(): Bytes {
        return new Uint8Array(this.#values.slice(0, this.#rows).buffer)
    }
}
