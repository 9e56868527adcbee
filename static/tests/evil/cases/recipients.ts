/** R1, R5: whom a key is sealed to, at sharing, at joining and at a rotation. */
import { expect } from "vitest"
import { confirmMember } from "../../../src/core/members.ts"
import { rotateVault } from "../../../src/core/write.ts"
import type { Bytes } from "../../../src/crypto/bytes.ts"
import { hex, random, unhex, utf8 } from "../../../src/crypto/bytes.ts"
import type { Value } from "../../../src/crypto/cbor.ts"
import { decode, encode } from "../../../src/crypto/cbor.ts"
import { inviteKey, Keyring } from "../../../src/crypto/keys.ts"
import { makeAccept } from "../../../src/crypto/links.ts"
import { Person } from "../../chains.ts"
import { collude, personOf } from "../collusion.ts"
import { lie } from "../declare.ts"
import type { Lie, Said } from "../lying.ts"
import { failureOf, passedOver, refused } from "../scene.ts"
import { flipped, rewritten } from "../spoil.ts"
import type { Twin } from "../twin.ts"
import type { Offered, World } from "../world.ts"
import { decorated, looked, twice } from "./quiet.ts"
import { addressesHidden, both, teamRecord } from "./serving.ts"

const INVALID = { status: 422, headers: new Map(), body: utf8(JSON.stringify({ code: "invalid" })) }

/** Whose key a grant is sealed to: its fingerprint. */
const toOf = ({ grant }: { grant: Bytes }) => hex((decode(grant) as Said).to)

export function recipients(w: World): void {
    lie("R1", "another key for a colleague who waits for one", (id) =>
        refused(w, id, {
            ...{ who: w.adam, scope: "nothing", flow: twice },
            lie: teamRecord(w.team, (record) =>
                record.pending.push({
                    vault: unhex(w.vault),
                    epoch: 2,
                    to: new Person("fake bob").keyring.fp,
                }),
            ),
        }),
    )
    lie("R1", "another key for somebody who was invited", async (id) => {
        const c = await collude(w)
        const forged = await acceptance(w, new Person("fake bob"))
        await refused(w, id, {
            ...{ who: w.adam, scope: "nothing" },
            lie: waitingFor(w, {
                ...forged,
                by_invite: c.ana.keyring.identity.sign("coffret/accept/v1\0", forged.accept),
            }),
            sees: (victim) => expect(victim.team(w.team).members).toHaveLength(6),
        })
    })
    lie(
        "R1",
        "another key for a colleague of mine, by an invitation whose secret the server has",
        async (id) => {
            const fake = Object.assign(new Person("fake mary"), { account: w.mary.me.account })
            const forged = await acceptance(w, fake)
            await refused(w, id, { ...{ who: w.adam, scope: "nothing" }, lie: waitingFor(w, forged) })
        },
    )
    lie("R1", "the key of somebody who was removed, by an invitation from before", async () => {
        const zed = Object.assign(personOf(w.zed), { member: random(16) })
        await letInByNobody(w, waitingFor(w, await acceptance(w, zed)))
    })
    lie(
        "R1",
        "another key, by an invitation from before somebody was removed, with all addresses hidden",
        async () => {
            const told = waitingFor(w, await acceptance(w, new Person("fake zed")))
            await letInByNobody(w, both(told, addressesHidden(w)))
        },
    )
    lie("R5", "a recipient more in the server's list", async () => {
        for (const told of [null, decorated({}), extraRecipient(w)]) {
            const twin = await looked(w.adam, told, false)
            const sent = await rotationOf(w, twin)
            const holders = [w.ana, w.adam, w.mary, w.rita].map(({ me }) => hex(me.keyring.fp))
            expect(sent.toSorted()).toEqual(holders.toSorted())
        }
    })
    lie("R5", "one recipient, asked for more often than a request can hold", async () => {
        const honest = (await looked(w.adam)).context.books.teams.get(w.team)
        const epoch = honest?.vaults.get(w.vault)?.epoch
        const [mary, rita] = [w.mary.me.keyring.fp, w.rita.me.keyring.fp]
        const asked = { vault: unhex(w.vault), epoch, to: mary }
        const told = teamRecord(w.team, (record) =>
            record.pending.push(...Array(501).fill(asked), { ...asked, to: rita }),
        )
        const twin = await looked(w.adam, { ...told, ...UNTAKEN }, false)
        expect(grantedBy(twin)).toEqual([hex(mary), hex(rita)])
    })
    lie("R5", "a recipient exchanged in the link that let them in", (id) =>
        refused(w, id, {
            ...{ who: w.adam, scope: "team", lie: ritaExchanged(w) },
            sees: async (victim) => {
                const before = victim.transport.sent.length
                expect(await failureOf(rotateVault(victim.context, w.vault))).toMatch(/frozen|not_found/)
                expect(victim.transport.sent.length).toBe(before)
            },
        }),
    )
    lie("R5", "a recipient put in by a link that nobody signed", async (id) => {
        const [mine, hers] = [w.ana, w.mary].map(({ me }) => hex(me.keyring.fp))
        expect(await rotationOf(w, await looked(w.ana), w.other)).toEqual([mine])
        // The same link with its signature would give her the key.
        const { told, signed } = await maryPutIn(w, (link) => link)
        expect(grantedBy(await looked(w.ana, { ...told, ...UNTAKEN }))).toEqual([hers])
        const unsigned = await maryPutIn(w, () => flipped(signed, -1))
        await refused(w, id, {
            ...{ who: w.ana, known: true, scope: "team", lie: unsigned.told },
            sees: async (victim) => {
                const before = victim.transport.sent.length
                expect(await failureOf(rotateVault(victim.context, w.other))).toBe("frozen")
                expect(victim.transport.sent.length).toBe(before)
                expect(grantedBy(victim)).toEqual([])
            },
        })
        expect(await rotationOf(w, await looked(w.ana), w.other)).toEqual([mine])
    })
}

/** What would change the world for the cases that follow stays here: pins of a fork, and grants, which the server refuses. */
const UNTAKEN: Lie = {
    request: async ({ method, path }, send) => {
        if (method === "PUT" && path === "account/pins")
            return { status: 200, headers: new Map(), body: new Uint8Array() }
        return path.endsWith("/grants") ? INVALID : send()
    },
}

/** To whom it sealed unasked in its first such request. */
function grantedBy({ transport }: Twin): string[] {
    const post = transport.sent.find(({ path }) => path.endsWith("/grants"))
    if (post === undefined) return []
    return (decode(post.body as Bytes) as Said).grants.map(toOf)
}

/** Mary, who holds nothing of the other vault, is put into it by the next link, and the server says that she waits for the key. */
async function maryPutIn(w: World, bend: (signed: Bytes) => Bytes) {
    const c = await collude(w)
    const { signed } = c.sign(c.ana, "vault_grant", {
        ...{ cut: [], member: c.mary.member, right: "read", vault: c.other.bytes },
    })
    c.put(bend(signed))
    const epoch = c.other.deks.length
    const waits = teamRecord(w.team, (record) =>
        record.pending.push({ vault: c.other.bytes, epoch, to: c.mary.keyring.fp }),
    )
    return { told: both(c.lie(w.ana), waits), signed }
}

/** The server has other keys in the link that let Rita in. */
function ritaExchanged(w: World): Lie {
    const other = Keyring.generate()
    const keys = { box: other.box.public, identity: other.identity.public }
    const bend = (fields: Record<string, Value>) => {
        const body = fields["body"] as Record<string, Value>
        const accept = body["accept"] as Bytes | undefined
        if (accept === undefined) return fields
        const said = decode(accept) as Record<string, Value>
        if (hex(said["member"] as Bytes) !== w.rita.member) return fields
        return { ...fields, body: { ...body, accept: encode({ ...said, ...keys }) } }
    }
    return teamRecord(w.team, (record) => {
        record.links = record.links.map((signed: Bytes) =>
            rewritten(signed, ({ link, sigs }) => ({
                link: rewritten(link as Bytes, bend),
                sigs: sigs as Value,
            })),
        )
    })
}

/** An acceptance of the world's open invitation, by whoever has its secret. */
export async function acceptance(w: World, who: Person) {
    const { t, hash } = w.offered.get("open") as Offered
    const invite = (await looked(w.ana)).context.books.teams.get(w.team)?.state.invites.get(hex(hash))
    const key = await inviteKey(t, unhex(w.team), unhex(invite?.invite as string))
    const { account, member } = who
    const profile = { email: invite?.email as Bytes, name: random(32) }
    return makeAccept(who.keyring, key, { account, invite: hash, member, profile, team: unhex(w.team) })
}

export function waitingFor(w: World, accept: { accept: Bytes; by_identity: Bytes; by_invite: Bytes }): Lie {
    const { hash } = w.offered.get("open") as Offered
    const opening = { kind: "name", salt: random(32), text: "Bob" }
    return teamRecord(w.team, (record) => record.waiting.push({ invite: hash, ...accept, opening }))
}

/** It waits for a person, who is told that it may be Zed. */
function letInByNobody(w: World, told: Lie): Promise<void> {
    const hash = hex((w.offered.get("open") as Offered).hash)
    return passedOver(w, {
        ...{ who: w.adam, scope: "nothing", lie: told },
        sees: async (victim) => {
            const invite = victim.team(w.team).invites.find((one) => one.hash === hash)
            expect([invite?.waiting, invite?.former?.member]).toEqual([true, w.zed.member])
            // Nor where the acceptance came while the link was on its way: each attempt asks.
            const unasked = confirmMember(victim.context, w.team, hash, true)
            expect(await failureOf(unasked)).toBe("not_found")
            expect(victim.transport.sent.filter(({ path }) => path.endsWith("/links"))).toEqual([])
        },
    })
}

function extraRecipient(w: World): Lie {
    return teamRecord(w.team, (record) => {
        for (const to of [w.max.me.keyring.fp, w.zed.me.keyring.fp, random(32)])
            record.pending.push({ vault: unhex(w.vault), epoch: 3, to })
    })
}

/** To whom a rotation seals. It is caught on its way, so that the world stays as it is. */
async function rotationOf(w: World, twin: Twin, vault = w.vault): Promise<string[]> {
    let caught: Said = null
    twin.transport.lie = {
        request: async ({ path, body }, send) => {
            if (!path.endsWith("/changes")) return send()
            caught = decode(body as Bytes)
            return INVALID
        },
    }
    expect(await failureOf(rotateVault(twin.context, vault))).toBe("invalid")
    return caught.rotation.grants.map(toOf)
}
