/**
 * The client's folds on a story that Python wrote: the same lines as tests/fuzz/deliver.py, for Python to compare.
 * A request and an answer are CBOR after its length in four bytes.
 */
import type { Readable, Writable } from "node:stream"
import { grantVerdict } from "../../src/chain/grant"
import type { TeamState } from "../../src/chain/team"
import { foldTeam, restoreTeam, serialiseTeam, step as teamStep } from "../../src/chain/team"
import type { VaultState } from "../../src/chain/vault"
import {
    cutVerdict,
    foldVault,
    restoreVault,
    serialiseVault,
    startVault,
    step as vaultStep,
} from "../../src/chain/vault"
import type { Bytes } from "../../src/crypto/bytes"
import { concat, hex, utf8 } from "../../src/crypto/bytes"
import { decode, encode } from "../../src/crypto/cbor"
import { Refused, Waiting } from "../../src/crypto/errors"
import { BoxKey, IdentityKey, Keyring } from "../../src/crypto/keys"
import { sodiumReady } from "../../src/crypto/sodium"
import { dumpTeam, dumpVault } from "./dump"

const LENGTH_SIZE = 4 // bytes
const KEY_SIZE = 32 // bytes

interface Request {
    attempts: [kind: "team" | "vault" | "grant", target: Bytes, data: Bytes, keys: Bytes][]
    deliveries: [name: string, rounds: number[][]][]
    /** Links are named by the number of the attempt to append them. */
    team: number[]
    vaults: [id: Bytes, links: number[]][]
}

/** What an attempt or a state came to, in the order of deliver.py. */
type Line = Bytes

/** Answer requests until the input ends. */
export async function answerAll(input: Readable, output: Writable): Promise<void> {
    await sodiumReady()
    let pending: Bytes = new Uint8Array()
    for await (const chunk of input) {
        pending = concat(pending, chunk as Uint8Array)
        for (;;) {
            if (pending.length < LENGTH_SIZE) break
            const end = LENGTH_SIZE + new DataView(pending.buffer, pending.byteOffset).getUint32(0)
            if (pending.length < end) break
            output.write(framed(encode(judge(decode(pending.slice(LENGTH_SIZE, end)) as unknown as Request))))
            pending = pending.slice(end)
        }
    }
}

function framed(data: Bytes): Bytes {
    const length = new Uint8Array(LENGTH_SIZE)
    new DataView(length.buffer).setUint32(0, data.length)
    return concat(length, data)
}

function judge(request: Request): Line[] {
    const lines = new Live().play(request)
    for (const [name, rounds] of request.deliveries) lines.push(...new Reader(request, name).readAll(rounds))
    return lines
}

function verdictOf(check: () => unknown): string {
    try {
        const result = check()
        return typeof result === "string" ? result : "valid"
    } catch (error) {
        if (error instanceof Refused) return error.refusal
        if (error instanceof Waiting) return "waiting"
        return `broke: ${error}`
    }
}

/** Everything that was tried, in its order, on states that grow. */
class Live {
    #team: TeamState | null = null
    readonly #vaults = new Map<string, VaultState>()

    play({ attempts }: Request): Line[] {
        const lines = attempts.map(([kind, target, data, keys]) => {
            if (kind === "team") return utf8(verdictOf(() => this.#tryTeam(data)))
            const team = this.#team as TeamState
            if (kind === "grant") return utf8(verdictOf(() => openGrant(team, target, data, keys)))
            return utf8(verdictOf(() => void vaultStep(team, this.#vault(hex(target)), data)))
        })
        const team = this.#team as TeamState
        lines.push(dumpTeam(team))
        for (const [, state] of [...this.#vaults].sort(([a], [b]) => (a < b ? -1 : 1))) {
            lines.push(dumpVault(state), utf8(cutVerdict(team, state)))
        }
        return lines
    }

    #tryTeam(signed: Bytes): void {
        this.#team = teamStep(this.#team, signed)
        for (const id of this.#team.vaults.keys()) {
            if (!this.#vaults.has(id)) this.#vaults.set(id, startVault(this.#team, id))
        }
    }

    #vault(id: string): VaultState {
        const state = this.#vaults.get(id)
        if (state === undefined) throw new Refused("R13.vault")
        return state
    }
}

/** The DEK in hexadecimal. Of the identity key only the public half matters to a recipient, and only that is given. */
function openGrant(team: TeamState, member: Bytes, stored: Bytes, keys: Bytes): string {
    const identity = Object.assign(new IdentityKey(new Uint8Array(KEY_SIZE)), {
        public: keys.slice(KEY_SIZE),
    })
    const keyring = new Keyring(identity, new BoxKey(keys.slice(0, KEY_SIZE)))
    return hex(grantVerdict(team, { member: hex(member), keyring }, stored).expose())
}

/** Someone who gets the chains in rounds; in batches, it closes its browser after each and reads its cache. */
class Reader {
    readonly #request: Request
    readonly #name: string
    readonly #lines: Line[] = []
    #team: TeamState | null = null
    #refusal: string | null = null
    readonly #vaults = new Map<string, VaultState>()
    readonly #verdicts = new Map<string, string>()

    constructor(request: Request, name: string) {
        this.#request = request
        this.#name = name
    }

    readAll(rounds: number[][]): Line[] {
        for (const [team = 0, ...vaults] of rounds) {
            this.#read(team, vaults)
            if (this.#name === "batches") this.#reopen()
        }
        return this.#lines
    }

    #read(count: number, counts: number[]): void {
        this.#readTeam(count)
        this.#lines.push(utf8(this.#refusal ?? "valid"))
        const team = this.#team
        if (team === null) return
        this.#lines.push(dumpTeam(team))
        this.#request.vaults.forEach(([id, links], place) => {
            if (team.vaults.has(hex(id))) this.#readVault(team, hex(id), links.slice(0, counts[place]))
        })
    }

    #readTeam(count: number): void {
        if (this.#refusal !== null) return
        const done = this.#team === null ? 0 : this.#team.seq + 1
        const fold = foldTeam(this.#links(this.#request.team.slice(done, count)), this.#team)
        this.#team = fold.state
        this.#refusal = fold.refusal
    }

    #links(numbers: number[]): Bytes[] {
        return numbers.map((number) => this.#request.attempts[number]?.[2] as Bytes)
    }

    #readVault(team: TeamState, id: string, links: number[]): void {
        const state = this.#vaults.get(id) ?? startVault(team, id)
        this.#vaults.set(id, state)
        if (/^(valid|waiting)$/.test(this.#verdicts.get(id) ?? "valid")) {
            const { verdict, refusal } = foldVault(team, state, this.#links(links.slice(state.seq)))
            this.#verdicts.set(id, `${verdict} ${refusal ?? ""}`.trim())
        }
        this.#lines.push(utf8(this.#verdicts.get(id) as string), dumpVault(state))
    }

    #reopen(): void {
        if (this.#team !== null) this.#team = restoreTeam(serialiseTeam(this.#team))
        for (const [id, state] of this.#vaults) this.#vaults.set(id, restoreVault(serialiseVault(state)))
    }
}
