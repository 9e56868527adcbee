/** F19, F24, F32: grants, and the right that they are of, which ended, came back, was raised or never was. */
import { expect } from "vitest"
import { createVault, grantVault, revokeVault } from "../../../src/core/members.ts"
import type { Bytes } from "../../../src/crypto/bytes.ts"
import { hex, unhex } from "../../../src/crypto/bytes.ts"
import { decode } from "../../../src/crypto/cbor.ts"
import { makeGrant } from "../../../src/crypto/grants.ts"
import { Dek } from "../../../src/crypto/keys.ts"
import { lie } from "../declare.ts"
import type { Lie, Said } from "../lying.ts"
import { Twin } from "../twin.ts"
import type { Somebody, World } from "../world.ts"
import { teamRecord } from "./serving.ts"
import { shared, titleOf, visit } from "./shared.ts"

export function grantsInTime(w: World): void {
    lie("F19", "a grant from before a right that ended and came back", async () => {
        const { ana, vault } = await shared(w)
        let old: Said[] = []
        const mine = (record: Said) => record.grants.filter((grant: Said) => hex(grant.vault) === vault)
        await visit(
            w.rita,
            teamRecord(w.team, (record) => {
                old = mine(record)
            }),
        )
        expect(old).toHaveLength(1)
        await revokeVault(ana.context, vault, w.rita.member)
        await grantVault(ana.context, vault, w.rita.member, "read")
        await ana.look()
        const served = teamRecord(w.team, (record) => {
            record.grants = [...record.grants.filter((grant: Said) => hex(grant.vault) !== vault), ...old]
            record.olds = []
        })
        const victim = await visit(w.rita, served)
        expect(victim.refusals).toEqual([])
        expect(victim.context.books.vault(vault)?.ring.size).toBe(0)
        expect(victim.vault(vault).state).toBe("waiting_for_key")
        await victim.close()
    })
    lie("F19", "a grant on its way when its recipient's right ends", async () => {
        const ana = await visit(w.ana)
        const vault = await createVault(ana.context, w.team, "zz-plain in time")
        await grantVault(ana.context, vault, w.adam.member, "manage")
        await ana.look()
        const adam = await visit(w.adam)
        await grantVault(ana.context, vault, w.rita.member, "read")
        const given: { readonly grants: Said[]; readonly status: number }[] = []
        ana.transport.lie = {
            request: async ({ path, body }, send) => {
                if (!path.endsWith("/grants")) return send()
                if (given.length === 0) {
                    await adam.context.sync()
                    await revokeVault(adam.context, vault, w.rita.member)
                }
                const response = await send()
                given.push({ grants: (decode(body as Bytes) as Said).grants, status: response.status })
                return response
            },
        }
        await ana.look()
        await ana.look()
        const toRita = ({ grant }: Said) => hex((decode(grant) as Said).to) === hex(w.rita.me.keyring.fp)
        const sealed = given.map(({ grants, status }) => [grants.filter(toRita).length, status])
        expect([sealed.slice(0, 1), ana.refusals]).toEqual([[[1, 422]], []])
        expect(sealed.slice(1).map(([count]) => count)).not.toContain(1)
        // What the server has seen of it is worth nothing when the right comes back.
        await grantVault(adam.context, vault, w.rita.member, "read")
        const kept = teamRecord(w.team, (record) =>
            record.grants.push({ ...given[0]?.grants.find(toRita), opened: false, vault: unhex(vault) }),
        )
        const victim = await visit(w.rita, kept)
        expect([victim.refusals, victim.vault(vault).state]).toEqual([[], "waiting_for_key"])
        expect(victim.context.books.vault(vault)?.ring.size).toBe(0)
        await ana.look()
        const again = await visit(w.rita)
        expect([again.refusals, again.vault(vault).state]).toEqual([[], "ready"])
    })
    lie("F32", "a right is raised, then a new browser: older grants open", async () => {
        const { ana, vault, item } = await shared(w)
        await grantVault(ana.context, vault, w.rita.member, "write")
        const rita = await visit(w.rita)
        expect([rita.refusals, rita.vault(vault).right, titleOf(rita, item)]).toEqual([
            [],
            "write",
            "zz-plain before",
        ])
    })
    lie("F24", "the creator's own grant is another's", async (id) => {
        const { vault } = await shared(w)
        const victim = await visit(w.ana, foreign(w, vault, w.mary))
        expect(new Set(victim.refusals)).toEqual(new Set([id]))
        // As manager she has changed the key at once; the epoch of the false grant stays shut.
        expect(victim.context.books.vault(vault)?.ring.has(1)).toBe(false)
        const again = await Twin.of(w.ana, { store: await victim.close() })
        await again.look()
        expect([again.refusals, again.vault(vault).state]).toEqual([[], "ready"])
    })
}

/** In place of a vault's own grants: a key that somebody without the right to it sealed. */
function foreign(w: World, vault: string, by: Somebody): Lie {
    return teamRecord(w.team, (record) => {
        const place = { team: unhex(w.team), vault: unhex(vault), epoch: 1 }
        const to = { fp: w.ana.me.keyring.fp, box: w.ana.me.keyring.box.public }
        const head = { hash: record.hash, seq: record.seq }
        const { stored } = makeGrant(by.me.keyring, Dek.generate(), place, to, head)
        const made = decode(stored) as { grant: Bytes; sig: Bytes }
        for (const grant of record.grants) if (hex(grant.vault) === vault) Object.assign(grant, made)
    })
}
