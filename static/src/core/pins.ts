/**
 * The account's pins (design 5): the same sealed bytes in this browser and on the server, by compare-and-swap on a
 * counter. Every pin that any source holds is a condition that my verified chains must meet.
 */
import type { Pins, TeamPin, VaultPin, Verified } from "../chain/pins.ts"
import { checkPin, decodePins, encodePins } from "../chain/pins.ts"
import { equal, hex } from "../crypto/bytes.ts"
import { decode, encode } from "../crypto/cbor.ts"
import { Refused } from "../crypto/errors.ts"
import { open, seal } from "../crypto/seal.ts"
import type { Me } from "./account.ts"
import type { Counted } from "./bundle.ts"
import { CoreFailure } from "./failure.ts"
import type { Store } from "./store.ts"
import type { Server } from "./transport.ts"
import { asBytes, asMap, asUint } from "./wire.ts"

const ATTEMPTS = 5

/** The heads that are verified now: what a new set of pins is made of. */
export type Heads = () => { readonly teams: readonly TeamPin[]; readonly vaults: readonly VaultPin[] }

export class PinBook {
    readonly #server: Server
    readonly #store: Store
    readonly #me: Me
    readonly #heads: Heads
    #sources: Pins[] = []
    #counter = 0
    #dirty = false
    /** True if this browser held no pins: it cannot know older states. */
    isNew = false

    constructor(server: Server, store: Store, me: Me, heads: Heads) {
        this.#server = server
        this.#store = store
        this.#me = me
        this.#heads = heads
    }

    /** Take up both copies. @throws {Refused} `R17.bundle` if one does not open, `A3.server_key`. */
    async load(served: Counted | null): Promise<void> {
        const local = await this.#store.get(this.#name)
        this.isNew = local === null
        if (local !== null) this.#sources.push(await this.#open(readCounted(local)))
        if (served === null) return
        this.#counter = served.counter
        this.#sources.push(await this.#open(served))
    }

    get isDirty(): boolean {
        return this.#dirty
    }

    /** Does any source name a team? */
    get isEmpty(): boolean {
        return this.#sources.every((pins) => pins.teams.size === 0)
    }

    /** Hold a team's verified chain against every pin of it. @throws {Refused} `R23.genesis`, `T4.older`, `T4.fork`. */
    checkTeam(id: string, chain: Verified): void {
        for (const { teams } of this.#sources) {
            const pin = teams.get(id)
            if (pin !== undefined) checkPin(pin, chain)
        }
    }

    /** The same for a vault's. @throws {Refused} `T4.older`, `T4.fork`. */
    checkVault(id: string, chain: Verified): void {
        for (const { vaults } of this.#sources) {
            const pin = vaults.get(id)
            if (pin !== undefined) checkPin(pin, chain)
        }
    }

    /** Pin a chain that was verified outside the sync: at an invitation. */
    expect(pin: TeamPin): void {
        const teams = new Map([[hex(pin.team), pin]])
        this.#sources.push({ serverKey: this.#me.serverKey, teams, vaults: new Map() })
        this.#dirty = true
    }

    /** The verified heads moved: keep them in this browser at once. */
    async keep(): Promise<void> {
        this.#dirty = true
        await this.#sealed(this.#counter + 1)
    }

    /** Bring the pins to the server; what another browser of mine put there first becomes a condition. */
    async upload(): Promise<void> {
        for (let attempt = 0; this.#dirty && attempt < ATTEMPTS; attempt++) {
            const counter = this.#counter + 1
            const blob = await this.#sealed(counter)
            this.#dirty = false
            try {
                await this.#server.call("PUT", "account/pins", { counter, blob })
                this.#counter = counter
            } catch (error) {
                this.#dirty = true
                if (!(error instanceof CoreFailure) || error.code !== "counter_moved") throw error
                await this.#fetch()
            }
        }
    }

    async #fetch(): Promise<void> {
        const answer = await this.#server.call("GET", "account/pins")
        const theirs = { counter: asUint(answer["counter"]), blob: asBytes(answer["blob"]) }
        this.#sources.push(await this.#open(theirs))
        this.#counter = theirs.counter
    }

    /** Every chain at the higher of its verified head and its pins. */
    #current(): Pins {
        const teams = new Map<string, TeamPin>()
        const vaults = new Map<string, VaultPin>()
        for (const source of this.#sources) {
            for (const [id, pin] of source.teams) raise(teams, id, pin)
            for (const [id, pin] of source.vaults) raise(vaults, id, pin)
        }
        const heads = this.#heads()
        for (const pin of heads.teams) raise(teams, hex(pin.team), pin)
        for (const pin of heads.vaults) raise(vaults, hex(pin.vault), pin)
        return { serverKey: this.#me.serverKey, teams, vaults }
    }

    async #sealed(counter: number) {
        const place = { account: this.#me.account, counter }
        const blob = await seal(this.#me.amk, "coffret/pins/v1", place, encodePins(this.#current()))
        await this.#store.put(this.#name, encode({ counter, blob }))
        return blob
    }

    async #open({ counter, blob }: Counted): Promise<Pins> {
        const place = { account: this.#me.account, counter }
        const bytes = await open(this.#me.amk, "coffret/pins/v1", place, blob).catch(() => null)
        if (bytes === null) throw new Refused("R17.bundle")
        const pins = decodePins(bytes)
        if (!equal(pins.serverKey, this.#me.serverKey)) throw new Refused("A3.server_key")
        return pins
    }

    get #name(): string {
        return `pins/${hex(this.#me.account)}`
    }
}

function raise<P extends { readonly seq: number }>(pins: Map<string, P>, id: string, pin: P): void {
    const there = pins.get(id)
    if (there === undefined || pin.seq > there.seq) pins.set(id, pin)
}

function readCounted(bytes: Uint8Array): Counted {
    const { counter, blob } = asMap(decode(bytes))
    return { counter: asUint(counter), blob: asBytes(blob) }
}
