/** A server together with a member: links that a colluder signs with the real keys, put behind the real chains. */
import type { Id } from "../../src/chain/team.ts"
import { restoreTeam, serialiseTeam } from "../../src/chain/team.ts"
import { restoreVault, serialiseVault } from "../../src/chain/vault.ts"
import type { Bodies, TeamType } from "../../src/crypto/bodies.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex, unhex } from "../../src/crypto/bytes.ts"
import type { Value } from "../../src/crypto/cbor.ts"
import { encode } from "../../src/crypto/cbor.ts"
import type { Keyring } from "../../src/crypto/keys.ts"
import { sha256 } from "../../src/crypto/sodium.ts"
import type { VaultKit } from "../chains.ts"
import { Person, TeamBuilder } from "../chains.ts"
import type { Lie, Said } from "./lying.ts"
import { Twin } from "./twin.ts"
import type { Somebody, World } from "./world.ts"

/** A continuation of the real team that no honest server has: valid links are folded, invalid ones are appended. */
export class Collusion extends TeamBuilder {
    readonly ana: Person
    readonly adam: Person
    readonly mary: Person
    readonly rita: Person
    readonly vault: VaultKit
    readonly other: VaultKit
    /** The seq of each chain's real head. */
    readonly #bases = new Map<Id, number>()

    constructor(twin: Twin, world: World) {
        const book = twin.context.books.teams.get(world.team)
        if (book === undefined) throw new Error("no such team")
        super(personOf(world.ana), "team", restoreTeam(serialiseTeam(book.state)))
        this.#bases.set(world.team, this.state.seq)
        this.ana = this.founder
        this.adam = personOf(world.adam)
        this.mary = personOf(world.mary)
        this.rita = personOf(world.rita)
        this.vault = this.#kit(twin, world.vault)
        this.other = this.#kit(twin, world.other)
        this.vaults.push(this.vault, this.other)
    }

    #kit(twin: Twin, id: string): VaultKit {
        const book = twin.context.books.vault(id)
        if (book === undefined) throw new Error("no such vault")
        const deks = [...book.ring].toSorted(([a], [b]) => a - b).map(([, dek]) => dek)
        this.#bases.set(id, book.state.seq)
        const state = restoreVault(serialiseVault(book.state))
        return { id, bytes: unhex(id), deks, links: [], state }
    }

    /** Append a link as it is, whatever the fold says of it. */
    put(signed: Bytes): this {
        this.links.push(signed)
        return this
    }

    /** Sign a team link and append it unfolded. */
    force<T extends TeamType>(by: Person, type: T, body: Bodies[T], at?: number): this {
        return this.put(this.sign(by, type, body, at).signed)
    }

    /** Append a vault link unfolded. */
    putChange(vault: VaultKit, signed: Bytes): this {
        vault.links.push(signed)
        return this
    }

    #served(id: Id, { bytes, links }: { bytes: Bytes; links: readonly Bytes[] }): Served {
        const base = this.#bases.get(id) as number
        const hash = sha256(links.at(-1) ?? new Uint8Array())
        return { id: bytes, links, first: base + 1, seq: base + links.length, hash }
    }

    /** The lie that serves all of it to somebody. Rows of items may come along. */
    lie(to: Somebody, rows: readonly Said[] = []): Lie {
        const vaults = this.vaults
            .filter(({ links }) => links.length > 0)
            .map((vault) => this.#served(vault.id, vault))
        const team = this.#served(hex(this.id), { bytes: this.id, links: this.links })
        return {
            heads: (heads) => {
                if (this.links.length > 0) raise(heads.teams, "team", team, true)
                for (const vault of vaults) raise(heads.vaults, "vault", vault, false)
            },
            records: (records) => {
                const end = records.pop()
                if (this.links.length > 0) serveTeam(records, to, team)
                for (const vault of vaults) serveVault(records, this.id, vault, rows)
                return [...records, end]
            },
        }
    }
}

/** Links behind the real head of a chain. */
interface Served {
    readonly id: Bytes
    readonly links: readonly Bytes[]
    readonly first: number
    readonly seq: number
    readonly hash: Bytes
}

/** Somebody of the world as a signer. */
export function personOf({ name, me, member }: Somebody): Person {
    return Object.assign(new Person(name.toLowerCase()), {
        account: me.account,
        keyring: me.keyring,
        member: unhex(member),
    })
}

/** A look at the real state, to go on from. Ana holds every vault. */
export async function collude(world: World): Promise<Collusion> {
    const twin = await Twin.of(world.ana, { store: world.ana.store })
    await twin.look()
    if (twin.refusals.length > 0) throw new Error(`refused: ${twin.refusals}`)
    return new Collusion(twin, world)
}

function raise(list: Said[], field: string, { id, seq, hash }: Served, stirs: boolean): void {
    for (const head of list) {
        if (hex(head[field]) !== hex(id)) continue
        Object.assign(head, { seq, hash })
        if (stirs) head.stir += 1
    }
}

function serveTeam(records: Said[], to: Somebody, { id, links, seq, hash }: Served): void {
    let record = records.find(([kind, one]) => kind === "team" && hex(one.team) === hex(id))
    if (record === undefined) {
        record = ["team", { ...structuredClone(to.record), links: [] }]
        records.unshift(record)
    }
    Object.assign(record[1], { links: [...record[1].links, ...links], seq, hash })
}

function serveVault(records: Said[], team: Bytes, vault: Served, rows: readonly Said[]): void {
    const { id, seq, hash, first } = vault
    const isIt = (bytes: Bytes) => hex(bytes) === hex(id)
    const head = records.find(([kind, one]) => kind === "vault" && isIt(one.vault))
    if (head === undefined) records.push(["vault", { vault: id, team, seq, hash }])
    else Object.assign(head[1], { seq, hash })
    const links = records.find(([kind, one]) => kind === "links" && isIt(one))
    if (links === undefined) records.push(["links", id, first, [...vault.links]])
    else links[3] = [...links[3], ...vault.links]
    const items = records.find(([kind, one]) => kind === "items" && isIt(one))
    const isNew = (row: Said) => !rows.some(([item]) => hex(item) === hex(row[0]))
    if (items === undefined) records.push(["items", id, [...rows]])
    else items[2] = [...items[2].filter(isNew), ...rows]
}

/** Sign any map as a link: fields and bodies that `signLink` does not make. */
export function signRaw(keyring: Keyring, fields: Record<string, Value>, sigs?: Value): Bytes {
    return signBytes(keyring, String(fields["type"]), encode(fields), sigs)
}

/** Sign any bytes as a link of a type. */
export function signBytes(keyring: Keyring, type: string, link: Bytes, sigs?: Value): Bytes {
    const sig = keyring.identity.sign(`coffret/link/${type}/v1\0`, link)
    return encode({ link, sigs: sigs ?? [{ fp: keyring.fp, sig }] })
}

/** The next team link's fields, to be spoilt. */
export function nextFields(team: TeamBuilder, by: Person, type: string, body: Value): Record<string, Value> {
    const { head, seq } = team.state
    const place = { actor: by.member, at: Date.now(), chain: team.id, prev: head, seen: null, seq: seq + 1 }
    return { ...place, body, type, v: 1 }
}
