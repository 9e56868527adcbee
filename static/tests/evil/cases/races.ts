/**
 * F11, F13, F14, F25, F28 to F30, F33 to F36: races and garbage. What was written stays, what is written
 * counts. Garbage that the server cannot tell from keys stays in the team for good, so those cases are the last.
 */
import { expect } from "vitest"
import { listDrafts } from "../../../src/core/drafts.ts"
import { Unanswered } from "../../../src/core/failure.ts"
import { uuid } from "../../../src/core/ids.ts"
import { makeRotation, vaultPath } from "../../../src/core/links.ts"
import { revokeVault } from "../../../src/core/members.ts"
import { rotateVault } from "../../../src/core/write.ts"
import type { Bytes } from "../../../src/crypto/bytes.ts"
import { hex, random, unhex } from "../../../src/crypto/bytes.ts"
import type { Value } from "../../../src/crypto/cbor.ts"
import { decode } from "../../../src/crypto/cbor.ts"
import { makeGrant } from "../../../src/crypto/grants.ts"
import { Dek } from "../../../src/crypto/keys.ts"
import { lie } from "../declare.ts"
import type { Lie, Said } from "../lying.ts"
import { failureOf } from "../scene.ts"
import { Twin } from "../twin.ts"
import type { World } from "../world.ts"
import { teamRecord } from "./serving.ts"
import { shared, titleOf, typedOf, visit } from "./shared.ts"

/** Mary changes the key, with keys for some and garbage for the others. The server cannot tell. */
async function garbageRotation(mary: Twin, vaultId: string, good: readonly string[] = []): Promise<void> {
    await mary.look()
    const { context } = mary
    const vault = context.books.vault(vaultId)
    if (vault === undefined) throw new Error("no such vault")
    const { link, dek, epoch } = await makeRotation(context, vault)
    const place = { team: vault.team.state.id, vault: unhex(vaultId), epoch }
    const head = { hash: link.hash, seq: link.seq }
    const grants = vault.team.state.holders(vaultId).map(({ member }) => {
        const key = good.includes(member.id) ? dek : Dek.generate()
        const { grant, sig } = stored(makeGrant(context.me.keyring, key, place, member, head).stored)
        return { grant, sig }
    })
    const body = { link: null, blobs: [], rotation: { link: link.signed, grants, olds: [] } }
    await context.server.call("POST", vaultPath(vault, "changes"), body as unknown as Value)
}

function epochOf(grant: Said): number {
    return (decode(grant.grant) as { epoch: number }).epoch
}

function stored(bytes: Bytes): { grant: Bytes; sig: Bytes } {
    return decode(bytes) as { grant: Bytes; sig: Bytes }
}

export function garbage(w: World): void {
    lie("F35", "a first garbage old, and a good one after it", async () => {
        const { ana, vault, item } = await shared(w)
        await rotateVault(ana.context, vault)
        const [mary, path] = [await visit(w.mary), (twin: Twin) => twin.context.books.vault(vault) as never]
        await mary.context.server.call("POST", vaultPath(path(mary), "olds"), {
            olds: [{ from: 1, to: 2, blob: random(113) }],
        })
        // Of the two epochs she is granted the newer alone: to the older one the way is an old.
        const granted = (record: Said) => {
            record.grants = record.grants.filter(
                (one: Said) => epochOf(one) === 2 || hex(one.vault) !== vault,
            )
        }
        const rita = await visit(w.rita, teamRecord(w.team, granted))
        expect([rita.refusals, titleOf(rita, item)]).toEqual([[], "zz-plain before"])
        const onlyGarbage = teamRecord(w.team, (record) => {
            granted(record)
            record.olds = record.olds.map((old: Said) => ({ ...old, blob: random(113) }))
        })
        const told = await visit(w.rita, onlyGarbage)
        expect([told.refusals, titleOf(told, item)]).toEqual([[], undefined])
        await told.close()
    })
    lie("F35", "a first garbage grant, and a good one after it", async () => {
        const { item } = await shared(w)
        const bad: Lie = teamRecord(w.team, (record) => {
            for (const grant of record.grants) grant.sig = random(64)
        })
        const victim = await visit(w.rita, bad)
        expect(new Set(victim.refusals)).toEqual(new Set(["T7.sig"]))
        const again = await Twin.of(w.rita, { store: await victim.close() })
        await again.look()
        expect([again.refusals, titleOf(again, item)]).toEqual([[], "zz-plain before"])
    })
    lie("F11", "a rotation whose grants open for nobody", async (id) => {
        const { vault, item } = await shared(w)
        await garbageRotation(await visit(w.mary), vault)
        const adam = await visit(w.adam)
        expect(new Set(adam.refusals)).toEqual(new Set([id]))
        expect(titleOf(adam, item)).toBe("zz-plain before")
        expect((await adam.open(vault, item)).details.note).toContain("before")
    })
    lie("F11", "a rotation that brings a key to nobody", async () => {
        const { vault, item } = await shared(w)
        const mary = await visit(w.mary)
        const book = mary.context.books.vault(vault)
        if (book === undefined) throw new Error("no such vault")
        // The door for what a backup lost takes a rotation as it comes: the keys may be lost for good.
        const { link } = await makeRotation(mary.context, book)
        const nothing = { vault: null, openings: [], grants: [], olds: [], blobs: [] }
        await mary.context.server.call("POST", `teams/${uuid(w.team)}/restore`, {
            ...nothing,
            link: link.signed,
        })
        const adam = await visit(w.adam)
        await adam.look()
        const { item: after } = await adam.save(vault, "zz-plain after no key")
        const rita = await visit(w.rita)
        for (const each of [item, after]) expect(titleOf(rita, each)).toContain("zz-plain")
    })
    lie(
        "F25",
        "after a garbage rotation an honest write counts, and old items open on a new device",
        async () => {
            const { vault, item } = await shared(w)
            await garbageRotation(await visit(w.mary), vault)
            const adam = await visit(w.adam)
            const { item: after } = await adam.save(vault, "zz-plain after garbage")
            const rita = await visit(w.rita)
            for (const each of [item, after]) expect(titleOf(rita, each)).toContain("zz-plain")
            expect((await rita.open(vault, item)).details.note).toContain("before")
            expect((await rita.open(vault, after)).details.note).toContain("after garbage")
        },
    )
    lie("F33", "garbage just before an honest rotation, and between it and its write", async () => {
        const { vault } = await shared(w)
        await garbageRotation(await visit(w.mary), vault)
        const [adam, ana] = [await visit(w.adam), await visit(w.ana)]
        let times = 0
        ana.transport.lie = {
            request: async ({ path }, send) => {
                if (path.endsWith("/changes") && times++ === 0) await garbageRotation(adam, vault)
                return send()
            },
        }
        const { item, result } = await ana.save(vault, "zz-plain between garbage")
        expect([result, times]).toEqual(["saved", 2])
        expect(titleOf(await visit(w.rita), item)).toBe("zz-plain between garbage")
    })
    lie("F34", "a rotation that is good for one and garbage for the others", async () => {
        const { vault, item } = await shared(w)
        await garbageRotation(await visit(w.mary), vault, [w.adam.member])
        const adam = await visit(w.adam)
        const { item: inside } = await adam.save(vault, "zz-plain inside")
        await adam.look()
        for (const who of [w.ana, w.rita, w.mary]) {
            const again = await visit(who)
            for (const each of [item, inside]) expect(titleOf(again, each)).toContain("zz-plain")
        }
    })
}

export function outbox(w: World): void {
    lie("F13", "a link whose answer is lost is found in the chain", async () => {
        const { ana, vault } = await shared(w)
        let lost = 0
        ana.transport.lie = {
            request: async ({ path }, send) => {
                const response = await send()
                if (path.endsWith("/changes") && lost++ === 0) throw new Unanswered()
                return response
            },
        }
        const { item, result } = await ana.save(vault, "zz-plain once")
        expect(result).toBe("pending")
        await ana.look()
        expect([ana.context.outbox.pending, ana.notices.includes("sent"), lost]).toEqual([0, true, 1])
        expect(ana.context.books.vault(vault)?.state.revisionOf(item)).toBe(1)
    })
    lie("F13", "a link that was held back is published after another took its place", async () => {
        const { ana, vault } = await shared(w)
        let held: (() => Promise<unknown>) | null = null
        ana.transport.lie = {
            request: async ({ path }, send) => {
                if (!path.endsWith("/changes")) return send()
                held ??= send
                throw new Unanswered()
            },
        }
        expect((await ana.save(vault, "zz-plain held")).result).toBe("pending")
        const { item: theirs } = await (await visit(w.mary)).save(vault, "zz-plain meanwhile")
        const late = (await (held as unknown as () => Promise<{ status: number }>)()) as { status: number }
        expect(late.status).toBe(409)
        ana.transport.lie = null
        await ana.look()
        expect([ana.context.outbox.pending, ana.notices.includes("draft_kept")]).toEqual([0, true])
        expect((await listDrafts(ana.context.shelf)).map(typedOf)).toEqual(["zz-plain held, in full"])
        expect(ana.context.books.vault(vault)?.state.revisionOf(theirs)).toBe(1)
        expect(ana.refusals).toEqual([])
    })
    lie("F14", "the team's sealing key changes while somebody writes", async () => {
        const { ana, vault } = await shared(w)
        let moved = 0
        ana.transport.lie = {
            request: async ({ path }, send) => {
                if (!path.endsWith("/changes") || moved++ > 0) return send()
                return {
                    status: 409,
                    headers: new Map(),
                    body: new TextEncoder().encode('{"code":"kek_moved"}'),
                }
            },
        }
        expect([(await ana.save(vault, "zz-plain all the same")).result, moved]).toEqual(["saved", 2])
    })
    lie("F14", "two people change the same item at once", async () => {
        const { ana, vault, item } = await shared(w)
        const mary = await visit(w.mary)
        const done = await Promise.all([ana, mary].map((twin) => twin.save(vault, "zz-plain both", item, 1)))
        expect(done.map(({ result }) => result).toSorted()).toEqual(["conflict", "saved"])
    })
    lie("F29", "a reader is removed; a stale writer changes the key and writes", async () => {
        const { ana, vault } = await shared(w)
        const mary = await visit(w.mary)
        await revokeVault(ana.context, vault, w.rita.member)
        const { item, result } = await mary.save(vault, "zz-plain not for Rita")
        expect(result).toBe("saved")
        const answers = mary.transport.sent.filter(({ path }) => path.endsWith("/changes"))
        expect(answers).toHaveLength(2)
        await ana.look()
        expect([titleOf(ana, item), ana.vault(vault).due]).toEqual(["zz-plain not for Rita", false])
        expect(titleOf(await visit(w.rita), item)).toBeUndefined()
    })
    lie("F30", "a rotation loses the vault's race, and its next attempt succeeds", async () => {
        const { ana, vault } = await shared(w)
        const adam = await visit(w.adam)
        let first = true
        ana.transport.lie = {
            request: async ({ path }, send) => {
                if (path.endsWith("/changes") && first) {
                    first = false
                    await adam.save(vault, "zz-plain faster")
                }
                return send()
            },
        }
        await rotateVault(ana.context, vault)
        expect(ana.context.books.vault(vault)?.epoch).toBe(2)
        await adam.look()
        expect([adam.refusals, adam.context.books.vault(vault)?.epoch]).toEqual([[], 2])
    })
}

export function order(w: World): void {
    lie("F28", "a vault link before the team link that its author had seen", async () => {
        const { ana, vault } = await shared(w)
        const rita = await visit(w.rita)
        await rotateVault(ana.context, vault)
        const { item } = await ana.save(vault, "zz-plain on a newer team")
        rita.transport.lie = withheldTeam(w, rita)
        await rita.look()
        expect([rita.refusals, rita.vault(vault).state, titleOf(rita, item)]).toEqual([
            [],
            "waiting",
            undefined,
        ])
        rita.transport.lie = null
        await rita.look()
        expect([rita.refusals, rita.vault(vault).state]).toEqual([[], "ready"])
        expect(titleOf(rita, item)).toBe("zz-plain on a newer team")
    })
    for (const line of ["F28", "F36"] as const)
        lie(line, "a cut before the vault links that it names", async () => {
            const { ana, vault, item } = await shared(w)
            const mary = await visit(w.mary)
            await ana.save(vault, "zz-plain ahead")
            await rotateVault(ana.context, vault)
            mary.transport.lie = withheldVault(vault, mary)
            await mary.look()
            expect([mary.refusals, mary.vault(vault).state, titleOf(mary, item)]).toEqual([
                [],
                "waiting",
                "zz-plain before",
            ])
            expect(await failureOf(mary.save(vault, "zz-plain never"))).toBe("waiting")
            mary.transport.lie = null
            await mary.look()
            expect([mary.refusals, mary.vault(vault).state]).toEqual([[], "ready"])
            expect((await mary.save(vault, "zz-plain now")).result).toBe("saved")
        })
}

/** The team stays where this browser knows it. */
function withheldTeam(w: World, twin: Twin): Lie {
    const state = twin.context.books.teams.get(w.team)?.state
    const [seq, hash] = [state?.seq, state?.head]
    return {
        heads: (heads) => {
            for (const head of heads.teams) if (hex(head.team) === w.team) Object.assign(head, { seq, hash })
        },
        records: (records) => records.filter(([kind, one]) => kind !== "team" || hex(one.team) !== w.team),
    }
}

/** One vault stays where this browser knows it. */
function withheldVault(vault: string, twin: Twin): Lie {
    const state = twin.context.books.vault(vault)?.state
    const [seq, hash] = [state?.seq, state?.head]
    return {
        heads: (heads) => {
            for (const head of heads.vaults) if (hex(head.vault) === vault) Object.assign(head, { seq, hash })
        },
        records: (records) =>
            records.filter(([kind, one]) =>
                kind === "vault"
                    ? hex(one.vault) !== vault
                    : !["items", "links"].includes(kind) || hex(one) !== vault,
            ),
    }
}
