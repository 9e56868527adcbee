/** T10, F7, F8, F10, F27, F31, R1: who comes in, and with what proof. */

import { expect } from "vitest"
import type { RefusalId } from "../../../src/chain/refusals.ts"
import { acceptInvite, openInvite } from "../../../src/core/invites.ts"
import type { Response } from "../../../src/core/transport.ts"
import type { Bytes } from "../../../src/crypto/bytes.ts"
import { random, unhex } from "../../../src/crypto/bytes.ts"
import type { Value } from "../../../src/crypto/cbor.ts"
import { encode } from "../../../src/crypto/cbor.ts"
import { inviteKey } from "../../../src/crypto/keys.ts"
import { inviteFragment } from "../../../src/crypto/links.ts"
import { Person } from "../../chains.ts"
import type { Collusion } from "../collusion.ts"
import { nextFields, signRaw } from "../collusion.ts"
import { lie } from "../declare.ts"
import type { LINES, Line } from "../lines.ts"
import type { Said } from "../lying.ts"
import { Twin } from "../twin.ts"
import type { Offered, World } from "../world.ts"
import { serving } from "./serving.ts"

interface Spoilt {
    /** Whose keys; by default a stranger's. */
    readonly who?: Person
    readonly offered?: Offered
    readonly fields?: (accept: Record<string, Value>) => Record<string, Value>
    /** What the server answers with: signatures and bytes. */
    readonly body?: (body: { accept: Bytes; by_identity: Bytes; by_invite: Bytes }) => typeof body
    readonly at?: number
    /** Who lets them in; by default Adam. */
    readonly by?: Person
}

/** An `add_member` on the world's own open invitation unless another is named. */
export async function admit(w: World, c: Collusion, spoilt: Spoilt = {}): Promise<void> {
    const who = spoilt.who ?? new Person("stranger")
    const { t, hash } = spoilt.offered ?? (w.offered.get("open") as Offered)
    const invite = c.state.invites.get(Buffer.from(hash).toString("hex"))
    const key = await inviteKey(t, c.id, unhex(invite?.invite ?? "00".repeat(16)))
    const { keyring, account, member } = who
    const fields = {
        ...{ account, box: keyring.box.public, identity: keyring.identity.public, invite: hash, member },
        ...{ profile: { email: invite?.email ?? random(32), name: random(32) }, suite: 1, team: c.id },
    }
    const accept = encode(spoilt.fields?.(fields) ?? fields)
    const label = "coffret/accept/v1\0"
    const body = {
        accept,
        by_identity: keyring.identity.sign(label, accept),
        by_invite: key.sign(label, accept),
    }
    const by = spoilt.by ?? c.adam
    const place = nextFields(c, by, "add_member", spoilt.body?.(body) ?? body)
    c.put(signRaw(by.keyring, { ...place, at: spoilt.at ?? Date.now() }))
}

export function acceptances(w: World): void {
    type Name = keyof (typeof LINES)["T10"] & string
    const spoilt = (name: Name, make: Spoilt | ((c: Collusion) => Spoilt)): void =>
        serving(w, "T10", name, (c) => admit(w, c, typeof make === "function" ? make(c) : make))
    spoilt("on an invitation that was used", () => ({ offered: w.offered.get("used") as Offered }))
    spoilt("on an invitation that was taken back", () => ({ offered: w.offered.get("revoked") as Offered }))
    spoilt("on an invitation that never was", { offered: { t: random16x2(), hash: random16x2() } })
    spoilt("on an invitation that had expired", { at: Date.now() + 40 * 86_400_000 })
    spoilt("not signed with the invitation's key", {
        body: (body) => ({ ...body, by_invite: body.by_identity }),
    })
    spoilt("not signed with the new member's key", {
        body: (body) => ({ ...body, by_identity: body.by_invite }),
    })
    spoilt("with another e-mail commitment", {
        fields: (accept) => ({ ...accept, profile: { email: random(32), name: random(32) } }),
    })
    spoilt("with a member id that was used", (c) => ({
        fields: (accept) => ({ ...accept, member: c.mary.member }),
    }))
    spoilt("of an account that is there", (c) => ({
        fields: (accept) => ({ ...accept, account: c.mary.account }),
    }))
    spoilt("with the keys of somebody who is there", (c) => ({
        who: Object.assign(new Person("twin"), { keyring: c.mary.keyring }),
    }))
    spoilt("for another team", { fields: (accept) => ({ ...accept, team: random(16) }) })
    spoilt("with a field more", { fields: (accept) => ({ ...accept, escrow: true }) })
    spoilt("without bytes", { body: (body) => ({ ...body, accept: new Uint8Array() }) })
    serving(w, "T10", "an id of an invitation for a second time", (c) => {
        const used = [...c.state.invites.values()][0]?.invite as string
        return c.force(c.ana, "invite", {
            ...{
                email: random(32),
                expiry: Date.now() + 1e6,
                invite: unhex(used),
                key: c.mary.keyring.identity.public,
            },
            ...{ role: "member", vaults: [], via: "link" },
        })
    })
    serving(w, "T10", "a withdrawal of an invitation that is not open", (c) =>
        c.force(c.ana, "invite_revoke", { invite: (w.offered.get("used") as Offered).hash }),
    )
    const point = (byte: number) => new Uint8Array(32).fill(0).with(0, byte)
    serving(w, "F10", "a box key of low order", (c) =>
        admit(w, c, { fields: (accept) => ({ ...accept, box: point(1) }) }),
    )
    serving(w, "F10", "a box key of zeros", (c) =>
        admit(w, c, { fields: (accept) => ({ ...accept, box: point(0) }) }),
    )
    serving(w, "F10", "an identity key of small order", (c) =>
        admit(w, c, { fields: (accept) => ({ ...accept, identity: point(1) }) }),
    )
    serving(w, "R15", "an acceptance of another suite", (c) =>
        admit(w, c, { fields: (accept) => ({ ...accept, suite: 2 }) }),
    )
    serving(w, "F1", "an invitation into a vault that its author does not manage", (c) =>
        c.force(c.adam, "invite", {
            ...{
                email: random(32),
                expiry: Date.now() + 1e6,
                invite: random(16),
                role: "member",
                via: "link",
            },
            ...{ key: c.mary.keyring.identity.public, vaults: [{ right: "read", vault: c.other.bytes }] },
        }),
    )
    serving(w, "F1", "an invitation whose author was removed", (c) =>
        admit(w, c, { offered: w.offered.get("dead") as Offered }),
    )
    serving(w, "F27", "an admin invited by mail", (c) =>
        c.force(c.ana, "invite", {
            ...{
                email: random(32),
                expiry: Date.now() + 1e6,
                invite: random(16),
                role: "admin",
                via: "mail",
            },
            ...{ key: c.mary.keyring.identity.public, vaults: [] },
        }),
    )
}

const random16x2 = () => new Uint8Array(32).fill(7)

/** Zed, who is no member any more, opens an invitation: the answer is bent, and nothing is signed. */
function opening<L extends Line>(
    w: World,
    line: L,
    name: keyof (typeof LINES)[L] & string,
    bend: (answer: Said) => Said,
    fragment = () => inviteFragment(offer(w).t, offer(w).hash),
    reaches = true,
): void {
    lie(line, name, async (id: RefusalId) => {
        let served: Response | null = null
        const honest = await Twin.of(w.zed, {
            lie: {
                request: async ({ path }, send) => {
                    const response = await send()
                    if (path === "invites/open") served = response
                    return response
                },
            },
        })
        const { server } = honest.context
        expect(
            await openInvite(server, honest.context, inviteFragment(offer(w).t, offer(w).hash)),
        ).toMatchObject({
            state: "open",
        })
        // Whatever the guest proves, this server goes on.
        const guest = await Twin.of(w.zed, {
            lie: {
                request: ({ path }, send) =>
                    path === "invites/open" && served !== null ? Promise.resolve(served) : send(),
                answer: (path, value) => (path === "invites/open" ? bend(value) : value),
            },
        })
        const { context } = guest
        await expect(openInvite(context.server, context, fragment())).rejects.toMatchObject({
            refusal: id,
        })
        await expect(acceptInvite(context, fragment(), "Zed", "hand")).rejects.toMatchObject({ refusal: id })
        const asked = guest.transport.sent
            .map(({ path }) => path)
            .filter((path) => path.startsWith("invites"))
        expect(new Set(asked)).toEqual(new Set(reaches ? ["invites/find", "invites/open"] : []))
    })
}

const offer = (w: World) => w.offered.get("open") as Offered

export function invitations(w: World): void {
    opening(w, "F8", "the chain ends before the invitation", (answer) => ({
        ...answer,
        links: answer.links.slice(0, 5),
    }))
    opening(w, "F8", "there is no chain", (answer) => ({ ...answer, links: [] }))
    opening(w, "F8", "a link before the invitation is missing", (answer) => ({
        ...answer,
        links: answer.links.toSpliced(2, 1),
    }))
    opening(
        w,
        "T10",
        "the link's secret is for another invitation",
        (answer) => answer,
        () => inviteFragment(random(32), offer(w).hash),
    )
    const short = () => inviteFragment(offer(w).t, offer(w).hash).slice(0, -3)
    opening(w, "T10", "a fragment that is cut short", (answer) => answer, short, false)
    opening(w, "R4", "a policy of recovery at joining that a link carries", (answer) => ({
        ...answer,
        links: answer.links.toSpliced(1, 0, policy()),
    }))
}

function policy() {
    const link = encode({
        ...{ actor: random(16), at: 1, body: {}, chain: random(16), prev: random(32), seen: null, seq: 1 },
        ...{ type: "recovery_policy", v: 1 },
    })
    return encode({ link, sigs: [] })
}
