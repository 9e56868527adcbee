/**
 * T11, F2, F15, F27: other keys for somebody who is there, and keys that no log lets in, whatever they sign. Resetting a
 * member's keys and a custodian are later features, so their links are of no known type; what is tried here besides are
 * the doors that there are now, by which the same could come about.
 */
import { restoreTeam, serialiseTeam, step } from "../../../src/chain/team.ts"
import type { TeamType } from "../../../src/crypto/bodies.ts"
import { random, unhex } from "../../../src/crypto/bytes.ts"
import type { Value } from "../../../src/crypto/cbor.ts"
import { encode } from "../../../src/crypto/cbor.ts"
import type { Parsed } from "../../../src/crypto/links.ts"
import { Person } from "../../chains.ts"
import type { Collusion } from "../collusion.ts"
import { nextFields, personOf, signRaw } from "../collusion.ts"
import type { LINES, Line } from "../lines.ts"
import type { World } from "../world.ts"
import { invitation, KEY, rotation } from "./authority.ts"
import { admit } from "./joining.ts"
import { nextChange, serving } from "./serving.ts"

/** New keys for somebody, signed by these; the first is the actor. */
function reset(c: Collusion, whom: Person, by: readonly [Person, ...Person[]]) {
    const body = { member: whom.member, box: random(32), identity: unhex(KEY) }
    const link = encode(nextFields(c, by[0], "reset_key", body))
    const sigs: Value = by.map(({ keyring }) => ({
        fp: keyring.fp,
        sig: keyring.identity.sign("coffret/link/reset_key/v1\0", link),
    }))
    return encode({ link, sigs })
}

/** Other keys under the name of somebody who is there. */
const anew = (whom: Person, same: "account" | "member") =>
    Object.assign(new Person(whom.name), { [same]: whom[same] })

const vouching = (c: Collusion, by: Person, whom: Person) =>
    c.force(by, "verify", { fp: new Person("other").keyring.fp, how: "words", member: whom.member })

export function otherKeys(w: World): void {
    serving(w, "T11", "a key reset by the owner", (c) => c.put(reset(c, c.rita, [c.ana])))
    serving(w, "T11", "a key reset by the subject's own session", (c) => c.put(reset(c, c.mary, [c.mary])))
    serving(w, "T11", "a key reset by the subject's own admin session", (c) =>
        c.put(reset(c, c.adam, [c.adam])),
    )
    serving(w, "T11", "a key reset that two signed", (c) => c.put(reset(c, c.rita, [c.ana, c.adam])))
    serving(w, "T11", "a second member for an account, by an admin", (c) =>
        admit(w, c, { who: anew(c.mary, "account") }),
    )
    serving(w, "T11", "a second member for an account, by its own admin session", (c) =>
        admit(w, c, { who: anew(c.adam, "account") }),
    )
    serving(w, "T11", "other keys under a member's id", (c) => admit(w, c, { who: anew(c.mary, "member") }))
    serving(w, "T11", "other keys in a verification by the owner", (c) => vouching(c, c.ana, c.mary))
    serving(w, "F2", "an admin resets an owner's keys", (c) => c.put(reset(c, c.ana, [c.adam])))
    serving(w, "F2", "an admin and a sock-puppet reset an owner's keys", (c) =>
        c.put(reset(c, c.ana, [c.adam, c.mary])),
    )
    serving(w, "F2", "an admin opens a reset of an owner's keys", (c) =>
        c.put(signRaw(c.adam.keyring, nextFields(c, c.adam, "reset_open", { member: c.ana.member }))),
    )
    serving(w, "F2", "an admin lets an owner's account in with other keys", (c) =>
        admit(w, c, { who: anew(c.ana, "account") }),
    )
    serving(w, "F2", "an admin removes an owner, who could come back with other keys", (c) =>
        c.force(c.adam, "remove_member", { cut: c.cutOf(c.ana), member: c.ana.member }),
    )
    serving(w, "F2", "an admin verifies an owner with other keys", (c) => vouching(c, c.adam, c.ana))
    serving(w, "F2", "an admin invites an owner", (c) => c.force(c.adam, "invite", invitation("owner")))
    serving(w, "F2", "an admin makes themself an owner", (c) =>
        c.force(c.adam, "set_role", { cut: [], member: c.adam.member, role: "owner" }),
    )
}

type Deed = (c: Collusion, by: Person) => Parsed<TeamType>

/** What can be signed in a team, as the next link. */
const DEEDS = {
    invites: (c, by) => c.sign(by, "invite", invitation("member")),
    "withdraws an invitation": (c, by) => {
        const open = [...c.state.invites.values()].find(({ state }) => state === "open")
        return c.sign(by, "invite_revoke", { invite: unhex(open?.hash as string) })
    },
    "verifies somebody": (c, by) =>
        c.sign(by, "verify", { fp: c.rita.keyring.fp, how: "words", member: c.rita.member }),
    "changes a role": (c, by) => c.sign(by, "set_role", { cut: [], member: c.mary.member, role: "admin" }),
    "removes somebody": (c, by) =>
        c.sign(by, "remove_member", { cut: c.cutOf(c.mary), member: c.mary.member }),
    "makes a vault": (c, by) =>
        c.sign(by, "vault_create", { dek_commit: random(32), epoch: 1, vault: random(16) }),
    "gives a right": (c, by) =>
        c.sign(by, "vault_grant", { ...rightOf(c.mary, c), cut: [], right: "manage" }),
    "takes a right": (c, by) => c.sign(by, "vault_revoke", { ...rightOf(c.rita, c), cut: c.cut([c.vault]) }),
    "changes a key": (c, by) => c.sign(by, "vault_rotate", rotation(c, 3)),
} as const satisfies Record<string, Deed>

const rightOf = ({ member }: Person, { vault }: Collusion) => ({ member, vault: vault.bytes })

/** Each of them, by somebody who may do none; by the owner it is valid. */
function deeds<L extends Line>(
    w: World,
    line: L,
    name: (deed: keyof typeof DEEDS) => keyof (typeof LINES)[L] & string,
    by: (c: Collusion) => Person,
): void {
    for (const [deed, signed] of Object.entries(DEEDS))
        serving(w, line, name(deed as keyof typeof DEEDS), (c) => {
            step(restoreTeam(serialiseTeam(c.state)), signed(c, c.ana).signed)
            return c.put(signed(c, by(c)).signed)
        })
}

export function nobodysKey(w: World): void {
    serving(w, "F15", "a custodian is added", (c) =>
        c.put(signRaw(c.ana.keyring, nextFields(c, c.ana, "add_custodian", { vault: c.vault.bytes }))),
    )
    serving(w, "F15", "somebody is invited as a custodian", (c) => {
        const body = { ...invitation("member"), role: "custodian" }
        return c.put(signRaw(c.ana.keyring, nextFields(c, c.ana, "invite", body)))
    })
    serving(w, "F15", "a member is made a custodian", (c) => {
        const body = { cut: [], member: c.mary.member, role: "custodian" }
        return c.put(signRaw(c.ana.keyring, nextFields(c, c.ana, "set_role", body)))
    })
    deeds(
        w,
        "F15",
        (deed) => `a key of nobody's in the roster ${deed}` as const,
        () => new Person("custodian"),
    )
    serving(w, "F15", "a key of nobody's in the roster lets somebody in", (c) =>
        admit(w, c, { by: new Person("custodian") }),
    )
    serving(
        w,
        "F15",
        "a key of nobody's in the roster writes an item",
        (c) => {
            const by = new Person("custodian")
            return c.putChange(c.vault, signRaw(by.keyring, { ...nextChange(c), actor: by.member }))
        },
        { scope: "vault" },
    )
    serving(w, "F15", "a key of nobody's in the roster rotates in a writer's name", (c) => {
        const place = nextFields(c, c.mary, "vault_rotate", rotation(c, 3))
        return c.put(signRaw(new Person("custodian").keyring, place))
    })
}

/** Max was invited by mail, and nobody verified him. */
export function mailedMember(w: World): void {
    const max = () => personOf(w.max)
    deeds(w, "F27", (deed) => `a member invited by mail ${deed}` as const, max)
    serving(w, "F27", "a member invited by mail lets somebody in", (c) => admit(w, c, { by: max() }))
    serving(w, "F27", "a member invited by mail takes another name", (c) =>
        c.force(max(), "set_profile", { profile: { email: random(32), name: random(32) } }),
    )
    serving(
        w,
        "F27",
        "a member invited by mail writes an item",
        (c) => c.putChange(c.vault, signRaw(max().keyring, { ...nextChange(c), actor: max().member })),
        { scope: "vault" },
    )
}
