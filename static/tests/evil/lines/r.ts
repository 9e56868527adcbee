/** R1 to R23: what stops the published attacks. */
import type { Cases } from "./cases.ts"

export const R = {
    R1: {
        "another key for a colleague who waits for one": "R1.recipient",
        "another key for somebody who was invited": "T10.sig_invite",
        "another key for a colleague of mine, by an invitation whose secret the server has": "T6.key",
        "the key of somebody who was removed, by an invitation from before": "passed over",
        "another key, by an invitation from before somebody was removed, with all addresses hidden":
            "passed over",
    },
    R2: {
        "a key that the server drew, sealed to mine": "T7.sender",
        "another vault's grant": "T7.place",
        "by a writer, not at the link that made the epoch": "T7.authority",
    },
    R3: {
        "a wrap of a key that the server knows, sealed to my public key": "A4.bundle",
        "a keyring that is sealed to my public key": "R17.keyring",
    },
    R4: {
        "a policy of recovery at joining that a link carries": "T3.type",
        "auto_recover at sign-in": "R17.bundle",
        "auto_recover at joining": "passed over",
        "auto_recover at making a vault": "passed over",
    },
    R5: {
        "one recipient, asked for more often than a request can hold": "passed over",
        "a recipient more in the server's list": "passed over",
        "a recipient put in by a link that nobody signed": "T1.sig",
        "a recipient exchanged in the link that let them in": "T1.sig",
    },
    R6: { "a key host in every answer": "passed over" },
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
    R8: { "two seals of the same text": "goes on" },
    R9: {
        "opening an item asks the same, whatever is in it": "goes on",
        "a visit asks the same, whatever is in the vaults": "goes on",
    },
    R10: {
        "another suite": "R10.kdf",
        "weaker parameters": "passed over",
        "another way to stretch the password": "passed over",
        "another config id": "passed over",
    },
    R11: {
        "another author": "R7.open",
        "another epoch": "R7.open",
        "an epoch that is not there": "R7.open",
        "another author under an older key that is withheld": "R7.open",
        "another commitment of the details": "R7.hash",
        "another revision": "R7.open",
        "another item's id": "R12.items",
    },
    R12: {
        "an item is dropped": "R12.items",
        "all items are dropped": "R12.items",
        "a link of the vault is dropped": "T1.seq",
        "a link of the vault comes twice": "T1.seq",
        "two links of the vault are exchanged": "T1.seq",
        "the vault's chain is rolled back on a browser with pins": "T4.older",
        "the older keys of a vault are withheld": "waiting",
    },
    R13: {
        "a team in which I am not": "R13.team",
        "a vault that no log names": "R13.vault",
    },
    R14: {
        "an older server": "passed over",
        "other features": "passed over",
        "another suite": "passed over",
    },
    R15: {
        "a grant of another suite": "R15.suite",
        "an acceptance of another suite": "R15.suite",
        "a blob of another suite": "R7.open",
        "no attempt is made on another suite's seal": "fails",
    },
    R16: {
        "one bit of the details": "R7.open",
        "one bit of an overview": "R7.open",
    },
    R17: {
        "no keyring": "R17.keyring",
        "a wrap that is cut short": "R17.bundle",
        "every field of the bundle missing, null, cut short, or one more": "R17.bundle",
        "pins that do not open": "R17.pins",
        "settings that do not open": "R17.settings",
    },
    R18: { "keys of any other length, and passwords": "R18.length" },
    R19: {
        "markup and orders in a team's name": "T4.fork",
        "a refusal that the server writes into its answer": "fails",
    },
    R20: {
        "a joining that nobody asked for": "passed over",
        "a conversion that nobody asked for": "passed over",
        "a recovery that nobody asked for": "passed over",
        "a migration that nobody asked for": "passed over",
        "a record of a kind that nobody knows": "fails",
    },
    R21: { "one member's keys on another's keyring": "fails" },
    R22: {
        "an older head": "T4.older",
        "the same place with another hash: both are shown": "T4.fork",
        "the same place with another hash, while a colleague waits for a key": "T4.fork",
        "the same place with another hash, while somebody waits to be let in": "T4.fork",
        "another server key than the pinned one": "A3.server_key",
    },
    R23: { "the genesis is replaced right after creation": "R23.genesis" },
} as const satisfies Cases
