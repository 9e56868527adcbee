/**
 * The account's pins (design 5, SPEC 8): the same sealed bytes in this browser and on the server, by compare-and-swap on
 * a counter. Every pin that any copy holds is a condition that my verified chains must meet.
 *
 * Chosen for copies that differ: they become one only by {@link mergePins}. A chain of which they hold different pins, and
 * which is not folded here as far as the higher one (a withheld team, keys out of reach), is undecided: then nothing is
 * uploaded, since one blob would have to drop a pin, and this browser keeps every copy, sealed as it came, until a later
 * visit can decide. Two pins that contradict each other are a refusal of that chain and stay, both, for good.
 *
 * Several tabs write one store. None writes over what it has not read: under a lock, what another tab kept there becomes a
 * condition here too, and is merged before anything is put.
 */
import type { Chains, Pins, TeamPin, VaultPin, Verified } from "../chain/pins.ts"
import { checkPin, decodePins, encodePins, mergePins } from "../chain/pins.ts"
import type { RefusalId } from "../chain/refusals.ts"
import type { Bytes } from "../crypto/bytes.ts"
import { equal, hex } from "../crypto/bytes.ts"
import { decode, encode } from "../crypto/cbor.ts"
import { Refused } from "../crypto/errors.ts"
import { open, seal } from "../crypto/seal.ts"
import type { Me } from "./account.ts"
import type { Counted } from "./bundle.ts"
import { CoreFailure } from "./failure.ts"
import { Mutex } from "./mutex.ts"
import type { Store } from "./store.ts"
import type { Server } from "./transport.ts"
import { asBytes, asList, asMap, asUint } from "./wire.ts"

const ATTEMPTS = 5

/** What is verified here. */
export interface Verdicts extends Chains {
    /** The heads: what a new set of pins is made of. */
    heads(): { readonly teams: readonly TeamPin[]; readonly vaults: readonly VaultPin[] }
    /** Two copies contradict each other about a chain; null: a copy is no pins of mine at all. */
    refuse(chain: string | null, refusal: RefusalId): void
}

/** A set of pins, and the sealed bytes that it came in. */
interface Copy {
    readonly pins: Pins
    readonly sealed: Counted | null
}

export class PinBook {
    readonly #server: Server
    readonly #store: Store
    readonly #me: Me
    readonly #verdicts: Verdicts
    /** Two writers of one core would race for one counter. */
    readonly #writing = new Mutex()
    #copies: Copy[] = []
    #counter = 0
    /** What the store held when it was last read or written here. */
    #stored: Bytes | null = null
    #dirty = false
    /** What the server keeps does not open, and this browser had nothing of its own to put in its place. */
    #isOnlyTold = false
    /** True if this browser held no pins: it cannot know older states. */
    isNew = false

    constructor(server: Server, store: Store, me: Me, verdicts: Verdicts) {
        this.#server = server
        this.#store = store
        this.#me = me
        this.#verdicts = verdicts
    }

    /**
     * Take up every copy. The server's is told of as `R17.pins` if it does not open, and binds to nothing, which a server
     * gets as well by saying that it has none. A browser that holds pins of its own writes them over it; a new one does not
     * in its first visit, since it could not know a better blob from none.
     *
     * @throws {Refused} `R17.bundle` if this browser's own does not open, `A3.server_key`.
     */
    async load(served: Counted | null): Promise<void> {
        await this.takeStored()
        this.isNew = this.#stored === null
        if (served !== null) await this.#takeServed(served)
    }

    async #takeServed(served: Counted): Promise<void> {
        this.#counter = served.counter
        try {
            await this.#take(served)
        } catch (error) {
            if (!(error instanceof Refused) || error.refusal !== "R17.bundle") throw error
            this.#verdicts.refuse(null, "R17.pins")
            this.#isOnlyTold = this.#copies.length === 0
            this.#dirty = true
        }
    }

    /** Take up what another tab of this browser kept since. @throws {Refused} as {@link load}. */
    async takeStored(): Promise<void> {
        const local = await this.#store.get(this.#name)
        if (local === null || (this.#stored !== null && equal(local, this.#stored))) return
        for (const sealed of readLocal(local)) await this.#take(sealed)
        this.#stored = local
    }

    get isDirty(): boolean {
        return this.#dirty
    }

    /** The ids of every team that any copy pins. */
    teams(): string[] {
        return this.#copies.flatMap(({ pins }) => [...pins.teams.keys()])
    }

    /** Hold a team's verified chain against every pin of it. @throws {Refused} `R23.genesis`, `T4.older`, `T4.fork`. */
    checkTeam(id: string, chain: Verified): void {
        for (const { pins } of this.#copies) {
            const pin = pins.teams.get(id)
            if (pin !== undefined) checkPin(pin, chain)
        }
    }

    /** The same for a vault's. @throws {Refused} `T4.older`, `T4.fork`. */
    checkVault(id: string, chain: Verified): void {
        for (const { pins } of this.#copies) {
            const pin = pins.vaults.get(id)
            if (pin !== undefined) checkPin(pin, chain)
        }
    }

    /** The pins of a chain, of a team or a vault: one, or several that are not decided. */
    pinsOf(chain: string): (TeamPin | VaultPin)[] {
        return this.#copies.flatMap((copy) => copy.pins.teams.get(chain) ?? copy.pins.vaults.get(chain) ?? [])
    }

    /** The seq that a chain is pinned at, the highest of all copies; null if it is not. */
    seqOf(chain: string): number | null {
        const pins = this.pinsOf(chain)
        return pins.length === 0 ? null : Math.max(...pins.map(({ seq }) => seq))
    }

    /** The team whose vault has this id, as it was pinned first here; null if none was. */
    teamOf(vault: string): string | null {
        for (const { pins } of this.#copies) {
            const pin = pins.vaults.get(vault)
            if (pin !== undefined) return hex(pin.team)
        }
        return null
    }

    /** Does a verified chain contain every pin of it? */
    isReached(chain: string, verified: Verified): boolean {
        try {
            this.checkTeam(chain, verified)
            this.checkVault(chain, verified)
            return true
        } catch (error) {
            if (error instanceof Refused) return false
            throw error
        }
    }

    /**
     * Pin a chain that was verified outside the sync, up to its head: at an invitation.
     *
     * @throws {Refused} as {@link checkTeam}.
     */
    expect(pin: TeamPin, chain: Verified): void {
        const id = hex(pin.team)
        this.checkTeam(id, chain)
        const known = this.#copies.length === 0 ? [{ pins: this.#none(), sealed: null }] : this.#copies
        // The chain has just been seen to contain each of them.
        this.#copies = known.map(({ pins, sealed }) => ({
            pins: { ...pins, teams: new Map(pins.teams).set(id, pin) },
            sealed,
        }))
        this.#dirty = true
    }

    /** The verified heads moved: keep them in this browser at once. */
    async keep(): Promise<void> {
        this.#dirty = true
        await this.#writing.run(() => this.#keep(this.#counter + 1))
    }

    /**
     * Bring the pins to the server; what another browser of mine put there first becomes a condition. Nothing is sent
     * while a chain is undecided.
     */
    async upload(): Promise<void> {
        await this.#writing.run(() => this.#upload())
    }

    async #upload(): Promise<void> {
        if (this.#isOnlyTold) return
        for (let attempt = 0; this.#dirty && attempt < ATTEMPTS; attempt++) {
            const counter = this.#counter + 1
            const { blob, isWhole } = await this.#keep(counter)
            if (!isWhole) return
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
        await this.#takeServed(theirs)
    }

    async #take(sealed: Counted): Promise<void> {
        this.#copies.push({ pins: await this.#open(sealed), sealed })
    }

    /** Merge what there is into one set. Copies with a pin that it would drop stay beside it: `others`. */
    #merge(): { pins: Pins; others: readonly Counted[] } {
        let pins = this.#none()
        const others = new Map<string, Copy>()
        for (const copy of this.#copies) {
            const merged = mergePins(pins, copy.pins, this.#verdicts)
            for (const [chain, refusal] of merged.refused) this.#verdicts.refuse(chain, refusal)
            if (merged.undecided.length + merged.refused.size > 0)
                others.set(hex(encodePins(copy.pins)), copy)
            pins = merged.pins
        }
        this.#copies = [{ pins, sealed: null }, ...others.values()]
        const sealed = [...others.values()].flatMap((copy) => copy.sealed ?? [])
        return { pins: this.#raised(pins), others: sealed }
    }

    /** With my verified heads, where they are beyond the pin and their chain contains it. */
    #raised(pins: Pins): Pins {
        const { teams, vaults } = this.#verdicts.heads()
        const all = { serverKey: pins.serverKey, teams: new Map(pins.teams), vaults: new Map(pins.vaults) }
        for (const head of teams) {
            const id = hex(head.team)
            if (isBeyond(head, pins.teams.get(id), this.#verdicts.team(id))) all.teams.set(id, head)
        }
        for (const head of vaults) {
            const id = hex(head.vault)
            if (isBeyond(head, pins.vaults.get(id), this.#verdicts.vault(id))) all.vaults.set(id, head)
        }
        return all
    }

    #keep(counter: number): Promise<{ blob: Bytes; isWhole: boolean }> {
        return this.#store.alone(this.#name, async () => {
            await this.takeStored()
            const { pins, others } = this.#merge()
            const place = { account: this.#me.account, counter }
            const blob = await seal(this.#me.amk, LABEL, place, encodePins(pins))
            const local = encode({ counter, blob, others: others.map((sealed) => ({ ...sealed })) })
            await this.#store.put(this.#name, local)
            this.#stored = local
            return { blob, isWhole: others.length === 0 }
        })
    }

    async #open({ counter, blob }: Counted): Promise<Pins> {
        const place = { account: this.#me.account, counter }
        // What does not open is read as nothing, which are no pins either.
        const bytes = await open(this.#me.amk, LABEL, place, blob).catch(() => new Uint8Array())
        const pins = decodePins(bytes)
        if (!equal(pins.serverKey, this.#me.serverKey)) throw new Refused("A3.server_key")
        return pins
    }

    #none(): Pins {
        return { serverKey: this.#me.serverKey, teams: new Map(), vaults: new Map() }
    }

    get #name(): string {
        return `pins/${hex(this.#me.account)}`
    }
}

const LABEL = "coffret/pins/v1"

function isBeyond(head: TeamPin | VaultPin, pin: TeamPin | VaultPin | undefined, chain?: Verified): boolean {
    return pin === undefined || (head.seq > pin.seq && (chain?.is(pin.seq, pin.hash) ?? false))
}

/** What this browser keeps: its own copy, and while a chain is undecided those that it was made of. */
function readLocal(bytes: Uint8Array): Counted[] {
    const local = asMap(decode(bytes))
    return [local, ...asList(local["others"]).map(asMap)].map(({ counter, blob }) => ({
        counter: asUint(counter),
        blob: asBytes(blob),
    }))
}
