/** One at a time, in the order of asking. */
export class Mutex {
    #last: Promise<unknown> = Promise.resolve()

    run<T>(job: () => Promise<T>): Promise<T> {
        const mine = this.#last.then(job, job)
        this.#last = mine.catch(() => undefined)
        return mine
    }
}

/** A {@link Mutex} for each name. */
export class Mutexes {
    readonly #byName = new Map<string, Mutex>()

    run<T>(name: string, job: () => Promise<T>): Promise<T> {
        let mutex = this.#byName.get(name)
        if (mutex === undefined) {
            mutex = new Mutex()
            this.#byName.set(name, mutex)
        }
        return mutex.run(job)
    }
}
