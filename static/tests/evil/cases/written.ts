/**
 * F13, F29, T9, T10: a link is written when the chain holds it, whatever the server answers; what a person typed is not
 * lost; and what waited leaves only as it would leave if it were made now.
 */
import { encode as encodeCbor } from "cborg"
import { expect, vi } from "vitest"
import { listDrafts, putDraft } from "../../../src/core/drafts.ts"
import { refusedLinks } from "../../../src/core/evidence.ts"
import { Unanswered } from "../../../src/core/failure.ts"
import { invite } from "../../../src/core/invites.ts"
import { createVault, removeMember, revokeInvite, revokeVault } from "../../../src/core/members.ts"
import { saveItem } from "../../../src/core/write.ts"
import { hex, random } from "../../../src/crypto/bytes.ts"
import type { Value } from "../../../src/crypto/cbor.ts"
import { decode } from "../../../src/crypto/cbor.ts"
import { parseInviteFragment, parseSigned } from "../../../src/crypto/links.ts"
import { lie } from "../declare.ts"
import type { Lie, Sent } from "../lying.ts"
import { failureOf } from "../scene.ts"
import { note, type Twin, text } from "../twin.ts"
import type { Offered, World } from "../world.ts"
import { looked } from "./quiet.ts"
import { addressesHidden } from "./serving.ts"
import { shared, titleOf, typedOf, visit } from "./shared.ts"

const isChange = ({ path }: Sent) => path.endsWith("/changes")

function answer(status: number, body: unknown) {
    return { status, headers: new Map<string, string>(), body: new Uint8Array(encodeCbor(body)) }
}

function conflict() {
    return { ...answer(409, null), body: new TextEncoder().encode('{"code":"head_moved"}') }
}

function notTaken() {
    return { ...conflict(), body: new TextEncoder().encode('{"code":"refused"}'), status: 422 }
}

function linkIn({ body }: Sent) {
    return parseSigned((decode(body as Uint8Array) as { link: Uint8Array }).link, "team")
}

/** Hold the first request to such a path; meanwhile something happens in its place; say that it is done. */
function claiming(twin: Twin, ending: string, meanwhile: () => Promise<unknown>): Lie {
    return {
        request: async ({ path }, send) => {
            if (!path.endsWith(ending)) return send()
            twin.transport.lie = null
            await meanwhile()
            // The look of every five seconds, while the person waits.
            await twin.context.sync()
            return answer(201, { seq: 1 })
        },
    }
}

/** Requests to write items never arrive. */
const losing = (): Lie => ({
    request: async (sent, send) => {
        if (isChange(sent)) throw new Unanswered()
        return send()
    },
})

/** Save a new item as its page does, which has put the draft away first. */
async function saveDrafted({ context }: Twin, vault: string, title: string) {
    const id = hex(random(16))
    const [overview, details] = [note(title), text(title)]
    await putDraft(context.shelf, { id, vault, item: null, base: 0, overview, details, at: 1 })
    return saveItem(context, vault, null, 0, overview, details, id)
}

const draftsOf = async ({ context }: Twin) => (await listDrafts(context.shelf)).map(typedOf)

export function claims(w: World): void {
    lie("F13", "a removal that is said to be done, and a colleague's link in its place", async (id) => {
        const [ana, adam] = [await visit(w.ana), await visit(w.adam)]
        const meanwhile = () => createVault(adam.context, w.team, "zz-plain by Adam")
        ana.transport.lie = claiming(ana, "/links", meanwhile)
        await expect(removeMember(ana.context, w.team, w.rita.member)).rejects.toMatchObject({ refusal: id })
        const team = ana.context.books.teams.get(w.team)
        expect([ana.refusals, team?.state.presentAt(w.rita.member)?.id]).toEqual([[id], w.rita.member])
        expect(await failureOf(ana.save(w.vault, "zz-plain never"))).toBe("frozen")
        const { links } = JSON.parse((await refusedLinks(ana.context, w.team, null)).text)
        const signers = links.map((link: { signer: { member: string } }) => link.signer.member)
        expect(signers).toEqual([w.adam.member, w.ana.member])
        await ana.look()
        expect([ana.context.outbox.pending, ana.notices]).toEqual([0, ["not_written"]])
        await ana.close()
        const again = await visit(w.ana)
        expect([again.refusals, again.context.outbox.pending]).toEqual([[], 0])
    })
    lie("F13", "a change that is said to be done, and a colleague's link in its place", async (id) => {
        const { ana, vault } = await shared(w)
        const mary = await visit(w.mary)
        ana.transport.lie = claiming(ana, "/changes", () => mary.save(vault, "zz-plain by Mary"))
        await expect(saveDrafted(ana, vault, "zz-plain typed")).rejects.toMatchObject({ refusal: id })
        expect([ana.refusals, await draftsOf(ana)]).toEqual([[id], ["zz-plain typed, in full"]])
        await ana.look()
        expect([ana.context.outbox.pending, ana.notices]).toEqual([0, ["draft_kept"]])
        expect(await draftsOf(ana)).toEqual(["zz-plain typed, in full"])
        expect([...ana.titles.values()]).not.toContain("zz-plain typed")
    })
    lie("F13", "a link that is said to be taken, and is in no chain", async () => {
        const { ana, vault } = await shared(w)
        let times = 0
        ana.transport.lie = {
            request: async (sent, send) => {
                if (!isChange(sent)) return send()
                if (times++ === 0) throw new Unanswered()
                return answer(200, { seq: 2 })
            },
        }
        const { item, result } = await saveDrafted(ana, vault, "zz-plain claimed")
        for (let look = 0; look < 2; look++) await ana.look()
        expect([result, ana.context.outbox.pending, ana.notices]).toEqual(["pending", 1, []])
        expect([times, await draftsOf(ana)]).toEqual([3, ["zz-plain claimed, in full"]])
        ana.transport.lie = null
        await ana.look()
        expect([ana.context.outbox.pending, ana.notices]).toEqual([0, ["sent"]])
        expect([titleOf(ana, item), await draftsOf(ana)]).toEqual(["zz-plain claimed", []])
    })
    lie("F13", "a new key that is published without the change that it came with", async () => {
        const { ana, vault } = await shared(w)
        await revokeVault(ana.context, vault, w.rita.member)
        ana.transport.lie = {
            request: async ({ method, path, body }, send) => {
                if (!path.endsWith("/changes")) return send()
                ana.transport.lie = losing()
                const whole = decode(body as Uint8Array) as Record<string, Value>
                const { server } = ana.context
                ana.transport.lie = null
                await server.call(method, path, { ...whole, link: null, blobs: [] })
                throw new Unanswered()
            },
        }
        expect((await saveDrafted(ana, vault, "zz-plain half")).result).toBe("pending")
        await (await visit(w.mary)).save(vault, "zz-plain in its place")
        await ana.look()
        expect([ana.context.outbox.pending, ana.notices]).toEqual([0, ["draft_kept"]])
        expect([await draftsOf(ana), ana.refusals]).toEqual([["zz-plain half, in full"], []])
    })
    lie("T10", "an invitation that is taken, and said to be too late", async () => {
        const ana = await visit(w.ana)
        ana.transport.lie = {
            request: async ({ path }, send) => {
                if (!path.endsWith("/links")) return send()
                ana.transport.lie = null
                await send()
                return conflict()
            },
        }
        const invites = () => [...(ana.context.books.teams.get(w.team)?.state.invites.values() ?? [])]
        const before = invites().length
        const { url } = await invite(ana.context, w.team, "twice@example.test", "member", [], 7, "link")
        const hash = hex(parseInviteFragment(url.split("#")[1] as string).invite)
        expect(invites().map((one) => one.hash)).toContain(hash)
        expect(invites()).toHaveLength(before + 1)
        await revokeInvite(ana.context, w.team, hash)
    })
}

export function waiting(w: World): void {
    lie("F29", "what waited while a reader was removed", async () => {
        const { ana, vault } = await shared(w)
        ana.transport.lie = losing()
        expect((await saveDrafted(ana, vault, "zz-plain waits")).result).toBe("pending")
        await revokeVault((await visit(w.adam)).context, vault, w.rita.member)
        ana.transport.sent.length = 0
        ana.transport.lie = null
        await ana.look()
        expect([ana.transport.sent.filter(isChange), ana.context.outbox.pending]).toEqual([[], 0])
        expect([await draftsOf(ana), ana.notices]).toEqual([["zz-plain waits, in full"], ["draft_kept"]])
        const { item } = await ana.save(vault, "zz-plain under a new key")
        expect(titleOf(await visit(w.mary), item)).toBe("zz-plain under a new key")
    })
    lie("F13", "what waited in a team that is refused since", async () => {
        const { ana, vault } = await shared(w)
        ana.transport.lie = losing()
        await saveDrafted(ana, vault, "zz-plain frozen")
        const { books } = ana.context
        const team = books.teams.get(w.team)
        if (team === undefined) throw new Error("no such team")
        books.freezeTeam(team, "T4.fork", {})
        ana.transport.sent.length = 0
        await ana.look()
        expect([ana.transport.sent.filter(isChange), await draftsOf(ana)]).toEqual([
            [],
            ["zz-plain frozen, in full"],
        ])
    })
    lie("T9", "a removal that comes in while a change is sealed", async () => {
        const { ana, vault } = await shared(w)
        await revokeVault((await visit(w.adam)).context, vault, w.rita.member)
        const book = ana.context.books.vault(vault)
        const left: [due: boolean, epoch: number][] = []
        ana.transport.lie = {
            request: async (sent, send) => {
                if (isChange(sent)) {
                    const { link } = decode(sent.body as Uint8Array) as { link: Uint8Array }
                    left.push([book?.isDue ?? false, parseSigned(link, "vault").body.epoch])
                }
                return send()
            },
        }
        const slow = sealingWhile(() => ana.context.sync())
        const { result, item } = await ana.save(vault, "zz-plain sealed meanwhile")
        slow.mockRestore()
        // Under the old key only what left before the removal was seen, and the server did not take that.
        expect([result, left.filter(([due, epoch]) => due && epoch === 1)]).toEqual(["saved", []])
        expect(ana.context.books.vault(vault)?.state.latest(item)?.epoch).toBe(2)
    })
}

/** The first seal takes as long as a look does, which begins with it. */
function sealingWhile(look: () => Promise<void>) {
    const encrypt = crypto.subtle.encrypt.bind(crypto.subtle)
    const spy = vi.spyOn(crypto.subtle, "encrypt")
    return spy.mockImplementationOnce(async (...args) => {
        const looked = look().catch(() => undefined)
        await Promise.race([looked, new Promise((resolve) => setTimeout(resolve, 500))])
        return encrypt(...args)
    })
}

export function comingBack(w: World): void {
    lie("T10", "an open invitation of somebody who is removed", async () => {
        const ana = await visit(w.ana)
        const { member } = w.rita
        const { url } = await invite(ana.context, w.team, w.rita.email, "member", [], 7, "link")
        const hash = hex(parseInviteFragment(url.split("#")[1] as string).invite)
        // Rita stays for the other cases: the removal itself never arrives.
        ana.transport.lie = {
            request: async (sent, send) => {
                if (!sent.path.endsWith("/links")) return send()
                return linkIn(sent).type === "remove_member" ? notTaken() : send()
            },
        }
        expect(await failureOf(removeMember(ana.context, w.team, member))).toBe("refused")
        const state = ana.context.books.teams.get(w.team)?.state
        expect(state?.invites.get(hash)?.state).toBe("revoked")
    })
    lie("T10", "an open invitation of somebody who is removed, with all addresses hidden", async () => {
        const ana = await looked(w.ana, addressesHidden(w), false)
        const links: ReturnType<typeof linkIn>[] = []
        // It stays open for the other cases: nothing that Ana signs arrives.
        const request: Lie["request"] = async (sent, send) => {
            if (!sent.path.endsWith("/links")) return send()
            links.push(linkIn(sent))
            return notTaken()
        }
        ana.transport.lie = { ...addressesHidden(w), request }
        expect(await failureOf(removeMember(ana.context, w.team, w.rita.member))).toBe("refused")
        const { hash } = w.offered.get("open") as Offered
        expect(links).toMatchObject([{ type: "invite_revoke", body: { invite: hash } }])
    })
}
