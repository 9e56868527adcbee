/**
 * Every refusal of SPEC.md by its id, with one sentence that says what was seen. The sentences are fixed here: no text
 * of the server's appears in a security notice.
 */
export const REFUSALS = {
    // The form of a link.
    "T1.size": "An entry of the log is larger than the format allows.",
    "T1.cbor": "An entry of the log is not encoded in the one way the format allows.",
    "T16.fields": "An entry of the log has fields that are missing, unknown or of the wrong type.",
    "T3.version": "An entry of the log is of a version that this client does not know.",
    "T3.type": "An entry of the log is of a kind that this client does not know.",
    "T16.body": "The content of an entry of the log is not exactly what its kind asks for.",
    "R15.suite": "A set of algorithms was offered that this client does not use.",
    "F10.key": "A public key is not valid.",
    "R16.open": "Something sealed does not open.",

    // The order of a chain.
    "T1.genesis": "A log does not begin with its founding entry, or has a second one.",
    "T1.place": "The founding entry of a team does not stand at the beginning.",
    "T1.seq": "An entry of the log is missing, repeated or out of order.",
    "T1.prev": "An entry of the log does not follow from the one before it.",
    "T1.seen":
        "An entry of the log names a state of the team where it must not, or names none where it must.",
    "T1.seen_hash": "A vault entry refers to a state of the team that never was.",
    "T1.signers": "An entry of the log is not signed by exactly the person who made it.",
    "T1.sig": "A signature in the log is not valid.",
    "T5.chain": "An entry belongs to another team or vault.",

    // Who may do what in a team.
    "T2.actor": "An entry was made by somebody who is not a member at that point.",
    "T13.actor": "An entry was made by a member whose identity had not been verified.",
    "T2.personal": "Somebody was invited into a personal team.",
    "T2.role": "A change was made by a member whose role does not allow it.",
    "T2.give": "The role of admin or owner was given by somebody who is not an owner.",
    "T10.via": "An admin or owner was invited by mail.",
    "T2.auditor": "An auditor was given access to a vault.",
    "F1.manage": "Somebody was invited into a vault that the inviter does not manage.",
    "T10.invite_id": "The id of an invitation was used twice.",
    "T10.invite": "An invitation was used or withdrawn that is not open.",
    "T10.accept": "The acceptance of an invitation is not in the form that the format asks for.",
    "T10.team": "The acceptance of an invitation is for another team.",
    "T10.expired": "A member was added with an invitation that had expired.",
    "T10.sig_invite": "The acceptance of an invitation was not signed with the invitation's key.",
    "T10.sig_identity": "The acceptance of an invitation was not signed with the new member's key.",
    "T10.email": "The acceptance of an invitation names another e-mail address than the invitation.",
    "T10.member": "The id of a member was used twice.",
    "T10.account": "An account was added to a team to which it belongs.",
    "T10.fp": "The keys of a present member were used for a second member.",
    "T10.link": "What the link holds is not what the server shows for it.",
    "T2.subject":
        "A change concerns somebody who is not a member at that point, or holds no right in the vault.",
    "T2.self": "A member verified their own identity.",
    "T6.fp": "A member was verified with keys that are not theirs.",
    "T2.nothing": "An entry of the log changes nothing.",
    "T13.subject": "A right or role was given to a member whose identity had not been verified.",
    "T12.owner": "The last owner of a team was removed or demoted.",
    "T2.vault_id": "The id of a vault was used twice.",
    "T2.epoch": "The key of a vault was changed out of order.",
    "T2.vault": "A change concerns a vault that is not there.",
    "T2.manage": "A vault's members were changed by somebody who does not manage it.",
    "T2.write": "The key of a vault was changed by somebody who may not write to it.",
    "T2.cut": "A removal does not name the state of exactly the vaults concerned.",
    "T2.cut_back": "A removal contradicts an earlier one about the state of a vault.",

    // The items of a vault.
    "T15.seen": "A vault entry was made on an older state of the team than the entry before it.",
    "T15.cut": "A vault entry stands in the place of the one that a removal names.",
    "T15.backdated": "A vault entry was added behind a removal without having seen it.",
    "T15.right": "A vault entry was made by a member who may not write to the vault.",
    "T15.epoch": "A vault entry uses a key of the vault that is closed or not there.",
    "T9.due": "A vault entry was made before the vault's key was changed after a removal.",
    "T14.revision": "A revision of an item is missing, repeated or comes after its deletion.",
    "T14.purge": "An item was deleted for ever by somebody who may not, or cannot be deleted.",

    // What this client knew before.
    "T4.cut": "A removal contradicts what this browser has seen of the vault.",
    "T4.older": "The server shows an older state than this browser has seen.",
    "T4.fork": "The server shows another history than this browser has seen.",
    "R23.genesis": "A known team begins with another founding entry than before.",
    "F8.short": "The team's log ends before the invitation.",

    // Grants of a vault's key.
    "T7.parse": "The grant of a vault's key is not in the form that the format asks for.",
    "T7.place": "The grant of a vault's key is for a vault or a key that the team's log does not know.",
    "T7.head": "The grant of a vault's key refers to a state of the team that never was.",
    "T7.sender": "The grant of a vault's key comes from somebody who was not a member.",
    "T7.sig": "The signature of a vault's key grant is not valid.",
    "T7.authority": "The grant of a vault's key comes from somebody who did not manage the vault.",
    "T7.to": "The grant of a vault's key is for somebody else.",
    "T7.right": "A vault's key was granted to you without a right in the vault.",
    "T7.since": "The grant of a vault's key is from before your present right in the vault.",
    "T7.open": "The grant of a vault's key does not open.",
    "T8.commit": "The granted key is not the one that the team's log names.",

    // Outside the folds.
    "A3.server_key": "The server proves itself with another key than before.",
    "A4.bundle": "The key of your account does not open.",
    "A4.email": "The server names your account by another e-mail address.",
    "R10.kdf": "The server asks for a weaker or unknown way to derive keys.",
    "R17.bundle": "Key material from the server is missing or cut short.",
    "R17.keyring": "Your keyring is missing on the server, or there are two that differ.",
    "R17.pins": "The pins that the server keeps for your account do not open.",
    "R17.settings": "The settings that the server keeps for your account do not open.",
    "S4.keys": "Your keys are not those that the team's log names for you.",
    "R1.recipient": "A key was offered as a recipient's that the team's log does not name.",
    "R12.items": "The items that the server shows are not those of the vault's log.",
    "R13.team": "The server shows a team that no log of yours carries.",
    "R13.vault": "The server shows a vault that no log of yours carries.",
    "R7.open": "An item does not open at its place.",
    "R7.hash": "An item is not what its author wrote.",
    "T6.key": "Somebody accepted an invitation as an account that your teams' logs know by other keys.",
    "R18.length": "A key is of the wrong length.",
} as const satisfies Record<string, string>

export type RefusalId = keyof typeof REFUSALS

export function isRefusal(id: string): id is RefusalId {
    return Object.hasOwn(REFUSALS, id)
}
