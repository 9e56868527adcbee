/** T2, T3, T12, T13, T16: links that somebody signed who may not, or that are not what the format knows. */

import { random, unhex } from "../../../src/crypto/bytes.ts"
import type { Value } from "../../../src/crypto/cbor.ts"
import { encode } from "../../../src/crypto/cbor.ts"
import type { Person } from "../../chains.ts"
import type { Collusion } from "../collusion.ts"
import { nextFields, personOf, signRaw } from "../collusion.ts"
import { rewritten } from "../spoil.ts"
import type { World } from "../world.ts"
import { nextChange, serving } from "./serving.ts"

const RESERVED = [
    "add_custodian",
    "rotate_key",
    "reset_open",
    "reset_key",
    "veto",
    "recovery_policy",
] as const

export function rights(w: World): void {
    serving(w, "T2", "by somebody who was removed", (c) => c.force(personOf(w.zed), "set_profile", profile()))
    serving(w, "T2", "an invitation by a member", (c) => c.force(c.mary, "invite", invitation("member")))
    serving(w, "T2", "an admin made by an admin", (c) => c.force(c.adam, "invite", invitation("admin")))
    serving(w, "T2", "an owner demoted by an admin", (c) =>
        c.force(c.adam, "set_role", { cut: [], member: c.ana.member, role: "member" }),
    )
    serving(w, "T2", "an owner removed by an admin", (c) =>
        c.force(c.adam, "remove_member", { cut: c.cutOf(c.ana), member: c.ana.member }),
    )
    serving(w, "T2", "a right given by a writer", (c) =>
        c.force(c.mary, "vault_grant", {
            cut: [],
            member: c.rita.member,
            right: "manage",
            vault: c.vault.bytes,
        }),
    )
    serving(w, "T2", "a right taken by a writer", (c) =>
        c.force(c.mary, "vault_revoke", {
            cut: c.cut([c.vault]),
            member: c.rita.member,
            vault: c.vault.bytes,
        }),
    )
    serving(w, "T2", "a vault taken over by the owner who does not manage it", (c) =>
        c.force(c.adam, "vault_grant", {
            cut: [],
            member: c.adam.member,
            right: "manage",
            vault: c.other.bytes,
        }),
    )
    serving(w, "T2", "a key changed by a reader", (c) => c.force(c.rita, "vault_rotate", rotation(c, 3)))
    serving(w, "T2", "a key changed out of order", (c) => c.force(c.mary, "vault_rotate", rotation(c, 4)))
    serving(w, "T2", "a vault made a second time", (c) =>
        c.force(c.mary, "vault_create", { dek_commit: random(32), epoch: 1, vault: c.vault.bytes }),
    )
    serving(w, "T2", "a vault that is not there", (c) =>
        c.force(c.ana, "vault_grant", { cut: [], member: c.rita.member, right: "read", vault: random(16) }),
    )
    serving(w, "T2", "somebody who is not there", (c) =>
        c.force(c.ana, "remove_member", { cut: [], member: random(16) }),
    )
    serving(w, "T2", "a verification of oneself", (c) =>
        c.force(c.adam, "verify", { fp: c.adam.keyring.fp, how: "words", member: c.adam.member }),
    )
    serving(w, "T2", "a link that changes nothing", (c) =>
        c.force(c.ana, "vault_grant", {
            cut: [],
            member: c.rita.member,
            right: "read",
            vault: c.vault.bytes,
        }),
    )
    serving(w, "T2", "a removal that cuts too little", (c) =>
        c.force(c.ana, "remove_member", { cut: [], member: c.mary.member }),
    )
    serving(w, "T2", "a removal that cuts behind an earlier cut", (c) =>
        c.force(c.ana, "remove_member", {
            cut: [{ hash: random(32), seq: 1, vault: c.vault.bytes }],
            member: c.mary.member,
        }),
    )
}

export function unknowns(w: World): void {
    for (const type of RESERVED)
        serving(w, "T3", `the type ${type}`, (c) =>
            c.put(signRaw(c.ana.keyring, nextFields(c, c.ana, type, {}))),
        )
    serving(w, "T3", "a type that nobody knows", (c) =>
        c.put(signRaw(c.ana.keyring, nextFields(c, c.ana, "escrow", {}))),
    )
    serving(w, "T3", "another version", (c) =>
        c.put(signRaw(c.mary.keyring, { ...nextFields(c, c.mary, "set_profile", profile()), v: 2 })),
    )
    serving(w, "T12", "the last owner leaves", (c) =>
        c.force(c.ana, "remove_member", { cut: c.cutOf(c.ana), member: c.ana.member }),
    )
    serving(w, "T12", "the last owner demotes themself", (c) =>
        c.force(c.ana, "set_role", { cut: [], member: c.ana.member, role: "member" }),
    )
    const max = () => personOf(w.max).member
    serving(w, "T13", "a right for a member without proof", (c) =>
        c.force(c.ana, "vault_grant", { cut: [], member: max(), right: "read", vault: c.vault.bytes }),
    )
    serving(w, "T13", "a role for a member without proof", (c) =>
        c.force(c.ana, "set_role", { cut: [], member: max(), role: "auditor" }),
    )
    serving(w, "T16", "a field more in a link", (c) =>
        c.put(signRaw(c.mary.keyring, { ...nextFields(c, c.mary, "set_profile", profile()), note: "x" })),
    )
    serving(w, "T16", "a field less in a link", (c) => {
        const { at: _, ...fields } = nextFields(c, c.mary, "set_profile", profile())
        return c.put(signRaw(c.mary.keyring, fields))
    })
    serving(w, "T16", "a field more in a body", (c) =>
        c.put(signRaw(c.mary.keyring, nextFields(c, c.mary, "set_profile", { ...profile(), escrow: true }))),
    )
    serving(w, "T16", "a field more beside the signatures", (c) =>
        c.put(rewritten(named(c), (fields) => ({ ...fields, note: "x" }))),
    )
    serving(w, "T16", "a second signature", (c) => c.put(twiceSigned(c, [c.mary, c.adam])))
    serving(w, "T16", "no signature", (c) => c.put(twiceSigned(c, [])))
    serving(
        w,
        "T16",
        "a vault link with an entry more than its item",
        (c) => {
            const entry = [random(16), 1, random(32), true] as never
            const body = { entries: [entry], epoch: c.vault.deks.length }
            return c.putChange(c.vault, signRaw(c.mary.keyring, { ...nextChange(c), body }))
        },
        { scope: "vault" },
    )
}

const profile = () => ({ profile: { email: random(32), name: random(32) } })

export const invitation = (role: "member" | "admin" | "owner") => ({
    ...{ email: random(32), expiry: Date.now() + 1e6, invite: random(16), key: unhex(KEY), role },
    ...{ vaults: [], via: "link" as const },
})

/** A valid Ed25519 key, of RFC 8032's first test. */
export const KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

export function rotation(c: Collusion, epoch: number) {
    return { cut: c.cut([c.vault]), dek_commit: random(32), epoch, vault: c.vault.bytes }
}

function named(c: Collusion) {
    return c.sign(c.mary, "set_profile", profile()).signed
}

function twiceSigned(c: Collusion, signers: readonly Person[]) {
    const link = encode(nextFields(c, c.mary, "set_profile", profile()))
    const sigs: Value = signers.map(({ keyring }) => ({
        fp: keyring.fp,
        sig: keyring.identity.sign("coffret/link/set_profile/v1\0", link),
    }))
    return encode({ link, sigs })
}
