/** What every case asserts: honest first, then the lie, then silence, then the honest state again. */
import { expect } from "vitest"
import type { RefusalId } from "../../src/chain/refusals.ts"
import { refusedLinks } from "../../src/core/evidence.ts"
import { toFailure } from "../../src/core/failure.ts"
import { uuid } from "../../src/core/ids.ts"
import { createVault } from "../../src/core/members.ts"
import type { Bytes } from "../../src/crypto/bytes.ts"
import { hex } from "../../src/crypto/bytes.ts"
import { decode } from "../../src/crypto/cbor.ts"
import { parseSigned } from "../../src/crypto/links.ts"
import { PASSWORD } from "../core/device.ts"
import type { MemoryStore } from "../core/memory.ts"
import type { Lie, Sent } from "./lying.ts"
import { Twin } from "./twin.ts"
import { takeWatched } from "./watched.ts"
import type { Somebody, World } from "./world.ts"
import { MARKER } from "./world.ts"

export interface Scene {
    readonly who: Somebody
    /** The browser was here before: it has pins and verified chains. Else it knows nothing but the account's pins. */
    readonly known?: boolean
    readonly lie: Lie
    /** What the person does; by default the browser looks. */
    readonly flow?: (twin: Twin) => Promise<void>
    /** What is refused: a team with all that is in it, a vault, an item, or something that is merely not used. */
    readonly scope: "team" | "vault" | "item" | "nothing"
    /** Of the world's, by default `team` and `vault`. */
    readonly team?: string
    readonly vault?: string
    /** Further refusals that come with it. */
    readonly also?: readonly RefusalId[]
    /** More to see while the lie lasts. */
    readonly sees?: (victim: Twin, honest: Honest) => Promise<void> | void
    /** The chain that was shown had valid links that the honest server has not: it stays a fork, readable as it was. */
    readonly forked?: boolean
}

/** What the same steps came to with the honest server. */
export interface Honest {
    readonly titles: ReadonlyMap<string, string>
    readonly store: MemoryStore
}

/** Requests that carry a key or something that a person wrote, sealed or signed. */
export const BEARING =
    /\/(grants|links|changes|olds|restore)$|^invites\/accept$|^teams$|^password\/|^signup\//

/** The whole of a case that ends in a refusal. */
export async function refused(world: World, id: RefusalId, scene: Scene): Promise<void> {
    const honest = await honestly(scene)
    const told = scene.forked ? keepingPins(scene.lie) : scene.lie
    const victim = await Twin.of(scene.who, { ...(scene.known && honest), lie: told })
    await act(scene, victim)
    expect(new Set(victim.refusals)).toEqual(new Set([id, ...(scene.also ?? [])]))
    await keepsItsLink(victim)
    expectGivenBack(victim, id)
    await scene.sees?.(victim, honest)
    await staysShut(world, scene, victim)
    expectPlainReports(victim)
    await recovers(world, scene, victim, honest)
}

/** The whole of a case in which what is false is passed over: nothing is refused, and `sees` is shown what was made of it. */
export async function passedOver(world: World, scene: Scene): Promise<void> {
    const honest = await honestly(scene)
    const victim = await Twin.of(scene.who, { ...(scene.known && honest), lie: scene.lie })
    await act(scene, victim)
    expect(victim.refusals).toEqual([])
    await scene.sees?.(victim, honest)
    expectNothingOut(world, victim.transport.sent)
    await recovers(world, scene, victim, honest)
}

/** What a fork's victim pins stays in this browser, so that the account's next case begins as this one did. */
function keepingPins(told: Lie): Lie {
    return {
        ...told,
        request: async ({ method, path }, send) => {
            if (method !== "PUT" || path !== "account/pins") return send()
            return { status: 200, headers: new Map(), body: new Uint8Array() }
        },
    }
}

async function act(scene: Scene, twin: Twin): Promise<void> {
    if (scene.flow === undefined) await twin.look()
    else await scene.flow(twin)
}

/** The same steps against the honest server end well, with the vault open. A known browser goes on from there. */
async function honestly(scene: Scene): Promise<Honest> {
    const honest = await Twin.of(scene.who, scene.known ? scene.who : {})
    await act(scene, honest)
    expect(honest.refusals).toEqual([])
    const { titles } = honest
    expect([...titles.values()].filter((title) => title.startsWith(MARKER)).length).toBeGreaterThan(4)
    const store = await honest.close()
    if (scene.known) scene.who.store = store
    return { titles, store }
}

/** Under the lie that goes on, nothing can be written where it was refused, and nothing leaves. */
async function staysShut(world: World, scene: Scene, victim: Twin): Promise<void> {
    const [team, vault] = [scene.team ?? world.team, scene.vault ?? world.vault]
    const from = victim.transport.sent.length
    await victim.look()
    if (scene.scope === "team" || scene.scope === "vault") {
        expect(await failureOf(victim.save(vault, `${MARKER} never`))).toMatch(
            /frozen|waiting|not_found|no_right/,
        )
    }
    if (scene.scope === "team") {
        expect(await failureOf(createVault(victim.context, team, MARKER))).toMatch(/frozen|not_found/)
    }
    const concerned = scene.scope === "team" ? uuid(team) : scene.scope === "vault" ? uuid(vault) : ""
    const after = victim.transport.sent.slice(from)
    if (concerned !== "") expect(after.filter(({ path }) => path.includes(concerned))).toEqual([])
    expect(after.filter(({ path }) => BEARING.test(path))).toEqual([])
    expectNothingOut(world, victim.transport.sent)
}

/** To a server that is behind, links of this browser's own chains that it had before are given back; to any other nothing. */
function expectGivenBack(victim: Twin, id: RefusalId): void {
    const given = givenBack(victim)
    if (id !== "T4.older") expect(given).toEqual([])
    for (const { path, body } of given) {
        const { link, vault } = decode(body as Bytes) as { link: Bytes; vault: Bytes | null }
        const team = [...victim.context.books.teams.values()].find((book) => path.includes(uuid(book.id)))
        const { seq, hash } = vault === null ? parseSigned(link, "team") : parseSigned(link, "vault")
        const mine = vault === null ? team?.state.hashes : team?.vault(hex(vault))?.state.columns.hashes
        expect(mine?.is(seq, hash), path).toBe(true)
    }
}

export function givenBack({ transport }: Twin): Sent[] {
    return transport.sent.filter(({ path }) => path.endsWith("/restore"))
}

export async function failureOf(done: Promise<unknown>): Promise<string> {
    try {
        await done
        return "done"
    } catch (error) {
        return toFailure(error).code
    }
}

/** No request ever carries what a person typed, or a key. */
export function expectNothingOut(world: World, sent: readonly Sent[]): void {
    const secrets = secretsOf(world)
    for (const { path, body, headers } of sent) {
        const whole = Buffer.concat([Buffer.from(path + JSON.stringify(headers)), body ?? new Uint8Array()])
        expect(
            secrets.filter(({ bytes }) => whole.includes(bytes)).map(({ name }) => `${name} in ${path}`),
        ).toEqual([])
    }
}

/** No browser that the case opened sent a text or a key, nor a key that was born in the case. */
export function expectAllKept(world: World): void {
    const browsers = takeWatched()
    for (const dek of browsers.flatMap(({ deks }) => deks())) world.knowDek(dek)
    expectNothingOut(
        world,
        browsers.flatMap(({ sent }) => sent),
    )
}

function secretsOf(world: World): { name: string; bytes: Buffer }[] {
    const secrets = [
        { name: "a text", bytes: Buffer.from(MARKER) },
        { name: "the password", bytes: Buffer.from(PASSWORD) },
    ]
    for (const { name, me } of world.people) {
        const keys = { amk: me.amk, identity: me.keyring.identity, box: me.keyring.box }
        for (const [kind, key] of Object.entries(keys))
            secrets.push({ name: `${name}'s ${kind}`, bytes: Buffer.from(key.expose()) })
    }
    for (const [name, { t }] of world.offered)
        secrets.push({ name: `the secret of the invitation ${name}`, bytes: Buffer.from(t) })
    for (const dek of world.deks.values()) secrets.push({ name: "a DEK", bytes: Buffer.from(dek.expose()) })
    return secrets
}

/** A report is made of ids, hashes and numbers: no text of the server's is in it. */
function expectPlainReports(victim: Twin): void {
    for (const { id, report } of victim.context.books.refusals.values()) {
        const facts = JSON.parse(report) as Record<string, unknown>
        expect(facts["refusal"]).toBe(id)
        for (const [name, value] of Object.entries(facts)) {
            if (name === "refusal" || value === null || typeof value === "number") continue
            expect(value, name).toMatch(/^[0-9a-f]+$/)
        }
    }
}

/** Refusals that only a link of a chain can earn. */
const OF_A_LINK = /^(T1|T2|T3|T9|T12|T14|T15|T16|F1)\./

/** A link that was refused is not thrown away: the report names it, its signer stands on the page, it can be saved. */
async function keepsItsLink({ context }: Twin): Promise<void> {
    for (const { id, team, vault, links, signer, report } of context.books.refusals.values()) {
        if (!OF_A_LINK.test(id) || team === null) continue
        const facts = JSON.parse(report) as Record<string, unknown>
        const named = context.books.teams.has(team) ? (facts["signer"] ?? null) : null
        expect([links, signer?.member ?? null], id).toEqual([true, named])
        const saved = await refusedLinks(context, team, vault)
        const kept = JSON.parse(saved.text) as { links: { source: string; hash: string; signed: string }[] }
        const shown = kept.links.find(({ source }) => source === "shown by the server")
        expect([shown?.hash, saved.whole > 0], id).toEqual([facts["refused_link"], true])
        expect(shown?.signed, id).toMatch(/^[\w-]+$/)
    }
}

/** The lie stops: the same browser, opened again, sees the honest state, reads and writes. */
async function recovers(world: World, scene: Scene, victim: Twin, honest: Honest): Promise<void> {
    const [team, vault] = [scene.team ?? world.team, scene.vault ?? world.vault]
    const before = victim.titles
    const store = await victim.close(scene.forked ? victim.transport.lie : null)
    const again = await Twin.of(scene.who, { store, ...(scene.forked && { lie: keepingPins({}) }) })
    await again.look()
    if (scene.forked) {
        expect(again.refusals.length).toBeGreaterThan(0)
        expect([...before].filter(([item]) => !again.titles.has(item))).toEqual([])
        expect(await failureOf(again.save(vault, MARKER))).toMatch(/frozen|waiting|no_right/)
        return
    }
    expect(again.refusals).toEqual([])
    for (const [item, title] of honest.titles) expect(again.titles.get(item)).toBe(title)
    const book = again.context.books.teams.get(team)?.vault(vault)
    // Nothing is ever written behind Zed's cut: links that he dates back belong there.
    if (book?.mayWrite && vault !== world.other)
        expect(await again.save(vault, `${MARKER} after`)).toMatchObject({ result: "saved" })
    else if (vault === world.vault) await again.open(vault, world.items[0] as string)
}
