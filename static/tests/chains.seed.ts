/**
 * Chains as long as years make them, for measuring: links really signed by the account's own keys, items really sealed.
 * They are made here and put into the tables by `tests/bench/chains.py`, since sending each would take minutes.
 */
import { writeFileSync } from "node:fs"
import { uuid7 } from "../src/core/ids.ts"
import { encodePart, writeDetails, writeOverview } from "../src/core/items.ts"
import type { Bodies, TeamType } from "../src/crypto/bodies.ts"
import type { Bytes } from "../src/crypto/bytes.ts"
import { compare, hex, random } from "../src/crypto/bytes.ts"
import { decode, encode } from "../src/crypto/cbor.ts"
import { BoxKey, Dek, IdentityKey, Keyring } from "../src/crypto/keys.ts"
import type { Head, Parsed } from "../src/crypto/links.ts"
import { parseSigned, signLink } from "../src/crypto/links.ts"
import { pad, partCommitment, revisionHash, sealPart } from "../src/crypto/parts.ts"
import { Device, PASSWORD } from "./core/device.ts"
import { newItem } from "./seed.ts"

export interface Shape {
    /** Links that the team's chain gets: profiles, invitations, their withdrawal. */
    readonly team: number
    readonly items: number
    /** Revisions of each item, one link each. */
    readonly revisions: number
}

interface Begun {
    readonly keyring: Keyring
    readonly dek: Dek
    readonly created: Parsed<"vault_create">
    readonly first: Parsed<"change">
}

/** Copies of the keys that the core draws while `run` runs: it gives them to nobody, and wipes its own. */
async function withKeys<T>(run: (keyrings: Keyring[], deks: Dek[]) => Promise<T>): Promise<T> {
    const [makeKeyring, makeDek] = [Keyring.generate, Dek.generate]
    const keyrings: Keyring[] = []
    const deks: Dek[] = []
    const twice = <K>(list: K[], make: () => K): K => {
        list.push(make())
        return make()
    }
    Keyring.generate = () => {
        const [identity, box] = [random(32), random(32)]
        return twice(keyrings, () => new Keyring(new IdentityKey(identity.slice()), new BoxKey(box.slice())))
    }
    Dek.generate = () => {
        const key = random(32)
        return twice(deks, () => new Dek(key.slice()))
    }
    try {
        return await run(keyrings, deks)
    } finally {
        Keyring.generate = makeKeyring
        Dek.generate = makeDek
    }
}

async function begin(url: string, folder: string, email: string): Promise<Begun> {
    return withKeys(async (keyrings, deks) => {
        const device = await new Device(url, folder).signUp(email, "Ana")
        const team = await device.core.createTeam("Acme")
        await device.core.createVault(team, "Years")
        const sent = device.transport.sent.findLast(({ path }) => path.endsWith("/links"))
        const body = decode(sent?.body as Bytes) as { link: Bytes; change: { link: Bytes } }
        return {
            keyring: keyrings[0] as Keyring,
            dek: deks.at(-1) as Dek,
            created: parseSigned(body.link, "team") as Parsed<"vault_create">,
            first: parseSigned(body.change.link, "vault"),
        }
    })
}

function teamLinks({ keyring, created }: Begun, count: number): Parsed<TeamType>[] {
    const links: Parsed<TeamType>[] = []
    let last: Parsed<TeamType> = created
    const sign = <T extends Exclude<TeamType, "genesis">>(type: T, body: Bodies[T]) => {
        const { actor, at, chain } = created
        const place = { actor, at, chain, prev: last.hash, seen: null, seq: last.seq + 1 }
        last = signLink<T>(keyring, { ...place, body, type }) as unknown as Parsed<TeamType>
        links.push(last)
    }
    const makers = [
        () => sign("set_profile", { profile: { email: random(32), name: random(32) } }),
        () =>
            sign("invite", {
                email: random(32),
                expiry: created.at,
                invite: random(16),
                key: new IdentityKey(random(32)).public,
                role: "member",
                vaults: [],
                via: "link",
            }),
        () => sign("invite_revoke", { invite: last.hash }),
    ]
    for (let i = 0; i < count; i++) makers[i % makers.length]?.()
    return links
}

async function vaultLinks(begun: Begun, seen: Head, { items, revisions }: Shape) {
    const { created, dek, first, keyring } = begun
    const ids = Array.from({ length: items }, () => uuid7(created.at)).toSorted(compare)
    const links: Bytes[] = []
    const rows: (readonly [Bytes, number, number, Bytes, Bytes, Bytes])[] = []
    let last = first
    for (let revision = 1; revision <= revisions; revision++) {
        for (const [number, item] of ids.entries()) {
            const isLast = revision === revisions
            const sealed = isLast ? await sealItem(begun, dek, item, revision, number) : null
            last = signLink<"change">(keyring, {
                actor: first.actor,
                at: created.at,
                body: { entries: [[item, revision, sealed?.hash ?? random(32)]], epoch: 1 },
                chain: first.chain,
                prev: last.hash,
                seen,
                seq: last.seq + 1,
                type: "change",
            })
            links.push(last.signed)
            if (sealed !== null) rows.push([item, revision, last.seq, ...sealed.row])
        }
    }
    return { links, rows, head: last.hash }
}

async function sealItem({ created, first }: Begun, dek: Dek, item: Bytes, revision: number, number: number) {
    const { overview, details } = newItem(number)
    const place = { author: first.actor, epoch: 1, item, revision, team: created.chain, vault: first.chain }
    const parts = [pad(encodePart(writeOverview(overview, {}))), pad(encodePart(writeDetails(details, {})))]
    const [shown, hidden] = parts as [Bytes, Bytes]
    const other = partCommitment("details", hidden)
    const blobs = await Promise.all([
        sealPart(dek, { ...place, part: "overview" }, shown),
        sealPart(dek, { ...place, part: "details" }, hidden),
    ])
    const hash = revisionHash(partCommitment("overview", shown), other)
    return { hash, row: [...blobs, other] as [Bytes, Bytes, Bytes] }
}

/** Sign somebody up, make the chains, and write them to `file` as one CBOR map. */
export async function seedChains(url: string, folder: string, email: string, shape: Shape, file: string) {
    const begun = await begin(url, folder, email)
    const team = teamLinks(begun, shape.team)
    const { hash, seq } = team.at(-1) ?? begun.created
    const vault = await vaultLinks(begun, { hash, seq }, shape)
    const content = {
        author: begun.first.actor,
        team: begun.created.chain,
        team_links: team.map(({ signed, type }) => [signed, type] as const),
        vault: begun.first.chain,
        vault_head: vault.head,
        vault_items: vault.rows,
        vault_links: vault.links,
    }
    writeFileSync(file, encode(content))
    return { email, password: PASSWORD, vault: hex(begun.first.chain) }
}
