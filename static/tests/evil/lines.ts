/**
 * Every line of the security requirements that the client answers for, its cases, and how each ends: with a refusal's
 * id, or in words. The test of the same name is `<line>: <case>`.
 */
import { it } from "vitest"
import type { RefusalId } from "../../src/chain/refusals.ts"

/**
 * `passed over`: not used, not shown, and no lie that a person should read of. `waiting`: read, not written upon.
 * `goes on`: it is done all the same, on what is true. `fails`: the call ends in an error, and nothing was sent.
 */
export type Ending = RefusalId | "passed over" | "waiting" | "goes on" | "fails"

export const LINES = {
    T1: {
        "a link is missing": "T1.seq",
        "a link comes twice, another is gone": "T1.seq",
        "a wrong prev": "T1.prev",
        "a second genesis": "T1.genesis",
        "a genesis that is not at the beginning": "T1.place",
        "a state of the team in a team link": "T1.seen",
        "a signature that does not hold": "T1.sig",
        "a signature that is not canonical (S + L)": "T1.sig",
        "a signature under another's name": "T1.signers",
        "a link that is not canonical": "T1.cbor",
        "a link that is too long": "T1.size",
        "a vault's link is missing": "T1.seq",
        "a vault link with a wrong prev": "T1.prev",
        "a vault link on a team that never was": "T1.seen_hash",
        "a vault link on no team": "T1.seen",
    },
    T2: {
        "by somebody who was removed": "T2.actor",
        "an invitation by a member": "T2.role",
        "an admin made by an admin": "T2.give",
        "an owner demoted by an admin": "T2.role",
        "an owner removed by an admin": "T2.role",
        "a right given by a writer": "T2.manage",
        "a right taken by a writer": "T2.manage",
        "a vault taken over by the owner who does not manage it": "T2.manage",
        "a key changed by a reader": "T2.write",
        "a key changed out of order": "T2.epoch",
        "a vault made a second time": "T2.vault_id",
        "a vault that is not there": "T2.vault",
        "somebody who is not there": "T2.subject",
        "a verification of oneself": "T2.self",
        "a link that changes nothing": "T2.nothing",
        "a removal that cuts too little": "T2.cut",
        "a removal that cuts behind an earlier cut": "T2.cut_back",
    },
    T3: {
        "the type add_custodian": "T3.type",
        "the type rotate_key": "T3.type",
        "the type reset_open": "T3.type",
        "the type reset_key": "T3.type",
        "the type veto": "T3.type",
        "the type recovery_policy": "T3.type",
        "a type that nobody knows": "T3.type",
        "another version": "T3.version",
    },
    T4: {
        "a team's head older than the pin": "T4.older",
        "a vault's head older than the pin": "T4.older",
        "an older team, on a browser without a cache": "T4.older",
        "an older vault, on a browser without a cache": "T4.older",
        "another team head at the same place": "T4.fork",
        "another vault head at the same place": "T4.fork",
    },
    T5: {
        "a team of mine under another's id": "R13.team",
        "a link of another team": "T5.chain",
        "a link of another vault": "T5.chain",
        "an invitation that shows another team's id": "T10.link",
    },
    T6: {
        "a recipient whose key no log names": "R1.recipient",
        "a recipient who has no right": "R1.recipient",
        "a member verified with other keys": "T6.fp",
    },
    T7: {
        "by a writer, not at the link that made the epoch": "T7.authority",
        "by a reader": "T7.authority",
        "by somebody who was removed": "T7.sender",
        "by somebody who was not there yet": "T7.sender",
        "signed by another than it says": "T7.sig",
        "for another member": "T7.to",
        "of a vault that is not there": "T7.place",
        "of an epoch that is not there": "T7.place",
        "of another team": "T5.chain",
        "at a state of the team that never was": "T7.head",
        "a box that does not open": "T7.open",
        "a field more": "T7.parse",
        "bytes that are no grant": "T7.parse",
        "longer than a grant is": "T7.parse",
    },
    T8: {
        "a key that the log does not name": "T8.commit",
        "the key of another epoch": "T8.commit",
    },
    T10: {
        "on an invitation that was used": "T10.invite",
        "on an invitation that was taken back": "T10.invite",
        "on an invitation that never was": "T10.invite",
        "on an invitation that had expired": "T10.expired",
        "not signed with the invitation's key": "T10.sig_invite",
        "not signed with the new member's key": "T10.sig_identity",
        "with another e-mail commitment": "T10.email",
        "with a member id that was used": "T10.member",
        "of an account that is there": "T10.account",
        "with the keys of somebody who is there": "T10.fp",
        "for another team": "T10.team",
        "with a field more": "T10.accept",
        "without bytes": "T10.accept",
        "an id of an invitation for a second time": "T10.invite_id",
        "a withdrawal of an invitation that is not open": "T10.invite",
        "the link's secret is for another invitation": "T10.link",
        "a fragment that is cut short": "T10.link",
    },
    // Resetting a key is a later feature: until then its link is of no known type, whoever signs it.
    T11: {
        "a key reset by the owner": "T3.type",
        "a key reset by the subject's own session": "T3.type",
    },
    T12: { "the last owner leaves": "T12.owner", "the last owner demotes themself": "T12.owner" },
    T13: {
        "a right for a member without proof": "T13.subject",
        "a role for a member without proof": "T13.subject",
    },
    T14: {
        "a revision is left out": "T14.revision",
        "a revision comes twice": "T14.revision",
        "a revision goes back": "T14.revision",
        "a new item begins late": "T14.revision",
        "a writer deletes for ever": "T14.purge",
        "a manager deletes the vault's own item": "T14.purge",
    },
    T15: {
        "by a reader": "T15.right",
        "by a member who holds no right": "T15.right",
        "of an epoch that is closed": "T15.epoch",
        "of an epoch that is not there": "T15.epoch",
        "on an older state of the team than the link before it": "T15.seen",
        "by a removed writer, dated back behind the removal's cut": "T15.backdated",
    },
    T16: {
        "a field more in a link": "T16.fields",
        "a field less in a link": "T16.fields",
        "a field more in a body": "T16.body",
        "a field more beside the signatures": "T16.fields",
        "a second signature": "T1.signers",
        "no signature": "T1.signers",
        "a vault link with an entry more than its item": "T16.body",
    },
    T17: {
        "a clock ten years ahead": "goes on",
        "a clock ten years behind": "goes on",
        "the server's time in its answers": "passed over",
    },
    R2: {
        "a key that the server drew, sealed to mine": "T7.sender",
        "another vault's grant": "T7.place",
        "by a writer, not at the link that made the epoch": "T7.authority",
    },
    R4: { "a policy of recovery at joining that a link carries": "T3.type" },
    R7: {
        "overview: another item's": "R7.open",
        "details: the other part of the same item": "R7.open",
        "both parts exchanged": "R7.open",
        "details: another item's": "R7.open",
        "details: another vault's": "R7.open",
        "details: another team's": "R7.open",
        "details: an older revision's": "R7.open",
        "an older revision under the new number": "R7.open",
        "an older revision as the newest": "R12.items",
    },
    R11: {
        "another author": "R7.open",
        "another epoch": "R7.open",
        "another commitment of the details": "R7.hash",
        "another revision": "R7.open",
        "another item's id": "R12.items",
    },
    R16: { "one bit of the details": "R7.open", "one bit of an overview": "R7.open" },
    R12: {
        "an item is dropped": "R12.items",
        "all items are dropped": "R12.items",
        "a link of the vault is dropped": "T1.seq",
        "a link of the vault comes twice": "T1.seq",
        "two links of the vault are exchanged": "T1.seq",
        "the vault's chain is rolled back on a browser with pins": "T4.older",
    },
    R15: {
        "a grant of another suite": "R15.suite",
        "an acceptance of another suite": "R15.suite",
        "a blob of another suite": "R7.open",
    },
    R22: {
        "an older head": "T4.older",
        "the same place with another hash: both are shown": "T4.fork",
    },
    F1: {
        "an invitation into a vault that its author does not manage": "F1.manage",
        "an invitation whose author was removed": "T10.invite",
    },
    F3: {
        "by a removed writer, dated back behind the removal's cut": "T15.backdated",
        "a removed writer's last link is another": "T15.cut",
    },
    F4: { "an item is called purged under a good head": "R12.items" },
    F8: {
        "the chain ends before the invitation": "F8.short",
        "there is no chain": "F8.short",
        "a link before the invitation is missing": "T1.seq",
    },
    F10: {
        "a box key of low order": "F10.key",
        "a box key of zeros": "F10.key",
        "an identity key of small order": "F10.key",
    },
    F16: { "a clock ten years ahead": "goes on", "a clock ten years behind": "goes on" },
    F26: {
        "details with another text, sealed by somebody who has the key": "R7.hash",
        "an overview with another text, sealed by somebody who has the key": "R7.hash",
    },
    F27: {
        "an admin invited by mail": "T10.via",
        "a member invited by mail signs": "T13.actor",
    },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Ending>>>>

export type Line = keyof typeof LINES

/** Declare the test of one case. */
export function lie<L extends Line>(
    line: L,
    name: keyof (typeof LINES)[L] & string,
    run: (refusal: RefusalId) => Promise<void>,
): void {
    it(`${line}: ${name}`, () => run(LINES[line][name] as RefusalId), 30_000)
}
