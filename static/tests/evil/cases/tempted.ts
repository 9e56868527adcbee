/**
 * R22, T1, T4: silence after a refusal, of a browser that would have something to say. A colleague waits for a key, or
 * somebody to be let in: with the honest server this client sees to it unasked, and to a server that lies it says nothing.
 */
import { expect } from "vitest"
import type { RefusalId } from "../../../src/chain/refusals.ts"
import type { Response } from "../../../src/core/transport.ts"
import { random, unhex, utf8 } from "../../../src/crypto/bytes.ts"
import { Person } from "../../chains.ts"
import { collude } from "../collusion.ts"
import { lie } from "../declare.ts"
import type { Lie, Sent } from "../lying.ts"
import { BEARING } from "../scene.ts"
import { flipped } from "../spoil.ts"
import { Twin } from "../twin.ts"
import type { World } from "../world.ts"
import { teamHead, vaultHead } from "./pinned.ts"
import { acceptance, waitingFor } from "./recipients.ts"
import { both, teamRecord } from "./serving.ts"

/** What waits for Adam, and the requests with which his browser ends that. */
interface Temptation {
    readonly waits: Lie
    readonly ends: string
}

export function tempted(w: World): void {
    const otherTeamHead = () => teamHead(w.team, (head) => (head.hash = random(32)))
    lie("T4", "another vault head at the same place, while a colleague waits for the key", (id) =>
        resists(w, id, waitsForKey(w), async () => vaultHead(w.vault, (head) => (head.hash = random(32)))),
    )
    lie("R22", "the same place with another hash, while a colleague waits for a key", (id) =>
        resists(w, id, waitsForKey(w), async () => otherTeamHead()),
    )
    lie("R22", "the same place with another hash, while somebody waits to be let in", async (id) =>
        resists(w, id, await waitsAtTheDoor(w), async () => otherTeamHead()),
    )
    lie("T1", "a signature that is not one, while a colleague waits for a key", (id) =>
        resists(w, id, waitsForKey(w), async () => {
            const c = await collude(w)
            const body = { cut: [], member: c.mary.member, right: "manage", vault: c.vault.bytes } as const
            return c.put(flipped(c.sign(c.ana, "vault_grant", body).signed, -1)).lie(w.adam)
        }),
    )
}

/** Rita, who has the key, is said to wait for it: a second grant would change nothing. */
function waitsForKey(w: World): Temptation {
    const row = { vault: unhex(w.vault), epoch: 2, to: w.rita.me.keyring.fp }
    return { waits: teamRecord(w.team, (record) => record.pending.push(row)), ends: "grants" }
}

async function waitsAtTheDoor(w: World): Promise<Temptation> {
    return { waits: waitingFor(w, await acceptance(w, new Person("Bob"))), ends: "links" }
}

/**
 * The server cannot take at once what would end the wait, so it is sent again at each look. Only then does it lie: from
 * there on nothing is sent. To the same browser, opened again before an honest server, the wait is there as it was.
 */
async function resists(
    w: World,
    id: RefusalId,
    { waits, ends }: Temptation,
    liar: () => Promise<Lie>,
): Promise<void> {
    const honest = await visitOf(w, waits)
    expect(givenBy(honest)).toEqual([ends])
    await honest.look()
    expect(givenBy(honest)).toEqual([ends, ends])
    const victim = await visitOf(w, waits)
    victim.transport.lie = { ...both(await liar(), waits), request: busy }
    await victim.look()
    await victim.look()
    expect([new Set(victim.refusals), givenBy(victim)]).toEqual([new Set([id]), [ends]])
    expect(givenBy(await visitOf(w, waits))).toEqual([ends])
}

/** Adam's browser, which was here before, asks for all that lies beside the chain. */
async function visitOf(w: World, told: Lie): Promise<Twin> {
    const twin = await Twin.of(w.adam, { store: w.adam.store, lie: { ...told, request: busy } })
    for (const team of twin.context.books.teams.values()) team.extras = { ...team.extras, stir: -1 }
    await twin.look()
    return twin
}

/**
 * What is given is not taken now: the world stays as it is, and the browser tries again. An answer is given no tag, under
 * which the browser would be told later that nothing has changed.
 */
async function busy({ path }: Sent, send: () => Promise<Response>): Promise<Response> {
    if (BEARING.test(path))
        return { status: 503, headers: new Map(), body: utf8(JSON.stringify({ code: "kms_unavailable" })) }
    const response = await send()
    const headers = [...response.headers].filter(([name]) => name !== "etag")
    return { ...response, headers: new Map(headers) }
}

/** The last parts of the paths with which keys and links left. */
function givenBy({ transport }: Twin): string[] {
    return transport.sent.flatMap(({ path }) =>
        BEARING.test(path) ? [path.split("/").at(-1) as string] : [],
    )
}
