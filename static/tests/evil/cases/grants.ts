/** T7, T8, R2: grants that give nothing. */
import { expect } from "vitest"
import { hex, random, unhex } from "../../../src/crypto/bytes.ts"
import type { Value } from "../../../src/crypto/cbor.ts"
import { decode, encode } from "../../../src/crypto/cbor.ts"
import { makeGrant } from "../../../src/crypto/grants.ts"
import { Dek, Keyring } from "../../../src/crypto/keys.ts"
import type { Collusion } from "../collusion.ts"
import { collude } from "../collusion.ts"
import { lie } from "../declare.ts"
import type { LINES, Line } from "../lines.ts"
import type { Lie, Said } from "../lying.ts"
import { refused } from "../scene.ts"
import type { World } from "../world.ts"
import { teamRecord } from "./serving.ts"

type Making = (c: Collusion) => Uint8Array | Promise<Uint8Array>

/** A new browser of Rita's is given another grant in place of her own. It may have one from each sender: all go. */
function granted<L extends Line>(
    w: World,
    line: L,
    name: keyof (typeof LINES)[L] & string,
    make: Making,
): void {
    lie(line, name, async (id) => {
        const stored = await make(await collude(w))
        await refused(w, id, {
            who: w.rita,
            lie: inPlace(w, stored),
            scope: "nothing",
            sees: (victim) => {
                expect(victim.vault(w.vault).state).toBe("waiting_for_key")
                expect(victim.context.books.vault(w.vault)?.ring.size).toBe(0)
                expect(w.items.filter((item) => victim.titles.has(item))).toEqual([])
            },
        })
    })
}

function inPlace(w: World, stored: Uint8Array): Lie {
    const { grant, sig } = read(stored)
    return teamRecord(w.team, (record) => {
        const others = record.grants.filter((one: Said) => hex(one.vault) !== w.vault)
        record.grants = [...others, { vault: unhex(w.vault), grant, sig, opened: false }]
        record.olds = []
    })
}

function read(stored: Uint8Array): { grant: Uint8Array; sig: Uint8Array } {
    try {
        return decode(stored) as { grant: Uint8Array; sig: Uint8Array }
    } catch {
        return { grant: stored, sig: random(64) }
    }
}

/** A grant of the world's second epoch, with fields changed, signed by `by`. */
function grantBy(
    c: Collusion,
    by: Keyring,
    change: Record<string, Value> = {},
    dek = c.vault.deks[1] as Dek,
) {
    const place = { team: c.id, vault: c.vault.bytes, epoch: 2 }
    const to = { fp: c.rita.keyring.fp, box: c.rita.keyring.box.public }
    const made = read(makeGrant(by, dek, place, to, c.head).stored).grant
    const grant = encode({ ...(decode(made) as Record<string, Value>), ...change })
    return encode({ grant, sig: by.identity.sign("coffret/grant/v1\0", grant) })
}

export function grants(w: World): void {
    granted(w, "R2", "a key that the server drew, sealed to mine", (c) =>
        grantBy(c, Keyring.generate(), {}, Dek.generate()),
    )
    lie("R2", "another vault's grant", (id) =>
        refused(w, id, {
            who: w.ana,
            lie: teamRecord(w.team, (record) => {
                const [theirs] = record.grants.filter((one: Said) => hex(one.vault) === w.other)
                for (const one of record.grants)
                    if (one !== theirs) Object.assign(one, { ...theirs, vault: one.vault })
            }),
            scope: "nothing",
            sees: (victim) => expect(victim.context.books.vault(w.vault)?.ring.size).toBe(0),
        }),
    )
    for (const line of ["R2", "T7"] as const)
        granted(w, line, "by a writer, not at the link that made the epoch", (c) =>
            grantBy(c, c.mary.keyring, { head: { ...c.headAt(c.state.seq - 1) } }),
        )
    granted(w, "T7", "by a reader", (c) => grantBy(c, c.rita.keyring))
    granted(w, "T7", "by somebody who was removed", (c) => grantBy(c, w.zed.me.keyring))
    granted(w, "T7", "by somebody who was not there yet", (c) =>
        grantBy(c, c.mary.keyring, { head: { ...c.headAt(3) } }),
    )
    granted(w, "T7", "signed by another than it says", (c) =>
        grantBy(c, c.mary.keyring, { from: c.ana.keyring.fp }),
    )
    granted(w, "T7", "for another member", (c) => grantBy(c, c.ana.keyring, { to: c.mary.keyring.fp }))
    granted(w, "T7", "of a vault that is not there", (c) => grantBy(c, c.ana.keyring, { vault: random(16) }))
    granted(w, "T7", "of an epoch that is not there", (c) => grantBy(c, c.ana.keyring, { epoch: 3 }))
    granted(w, "T7", "of another team", (c) => grantBy(c, c.ana.keyring, { team: unhex(w.team2) }))
    granted(w, "T7", "at a state of the team that never was", (c) =>
        grantBy(c, c.ana.keyring, { head: { hash: random(32), seq: c.state.seq } }),
    )
    granted(w, "T7", "a box that does not open", (c) => grantBy(c, c.ana.keyring, { ct: random(80) }))
    granted(w, "T7", "a field more", (c) => grantBy(c, c.ana.keyring, { note: "x" }))
    granted(w, "T7", "bytes that are no grant", () => random(200))
    granted(w, "T7", "longer than a grant is", (c) => grantBy(c, c.ana.keyring, { ct: random(1_000) }))
    granted(w, "R15", "a grant of another suite", (c) => grantBy(c, c.ana.keyring, { suite: 2 }))
    granted(w, "T8", "a key that the log does not name", (c) => grantBy(c, c.ana.keyring, {}, Dek.generate()))
    granted(w, "T8", "the key of another epoch", (c) => grantBy(c, c.ana.keyring, {}, c.vault.deks[0] as Dek))
}
