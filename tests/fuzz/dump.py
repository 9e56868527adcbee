"""Everything that a folded state holds, as canonical bytes: `dump.ts` writes the same."""

from typing import Any

from accounts.team_chain import Invite, Member, TeamState, Vault
from accounts.team_chain.state import History
from vaults.crypto import cbor
from vaults.crypto.links import RIGHTS
from vaults.vault_chain import VaultState


def dump_team(state: TeamState) -> bytes:
    """Also what the digest of SPEC 4.2 leaves out: histories, keys, profiles, indexes."""
    members = [_member(state, member) for _, member in sorted(state.members.items())]
    opened = [sorted(one.hash for one in state.open_invites(member[0])) for member in members]
    return cbor.dumps(
        {
            "hashes": b"".join(state.hashes),
            "head": state.head,
            "id": state.id,
            "invites": [_invite(invite) for _, invite in sorted(state.invites.items())],
            "kind": state.kind,
            "members": members,
            "name": state.name,
            "open": opened,
            "owners": state.owners,
            "seq": state.seq,
            "vaults": [_vault(vault) for _, vault in sorted(state.vaults.items())],
        }
    )


def dump_vault(state: VaultState) -> bytes:
    items = [[item, *revision] for item, revision in sorted(state.items.items())]
    place = {"head": state.head, "seen": state.seen, "seq": state.seq}
    return cbor.dumps({**place, "id": state.id, "items": items, "judged": state.judged})


def _member(state: TeamState, member: Member) -> list[Any]:
    who = [member.id, member.account, member.identity, member.box, member.fp]
    standing = [member.role, member.verified, member.joined, member.left]
    profile = [member.profile["email"], member.profile["name"]]
    return [*who, *standing, *profile, _rights(member.pending), state.held(member.id)]


def _invite(invite: Invite) -> list[Any]:
    body = invite.body
    said = [body[name] for name in ("email", "expiry", "invite", "key", "role", "via")]
    return [invite.hash, invite.actor, invite.state, *said, _rights(body["vaults"])]


def _rights(given: list[dict[str, Any]]) -> list[Any]:
    return [[entry["vault"], RIGHTS[entry["right"]]] for entry in given]


def _vault(vault: Vault) -> list[Any]:
    rights = [
        [member, _changes(history, 0), vault.since.get(member)]
        for member, history in sorted(vault.rights.items())
    ]
    epochs = [[*epoch] for epoch in vault.epochs]
    return [vault.id, epochs, [[*cut] for cut in vault.cuts], _changes(vault.due, 0), rights]


def _changes(history: History[Any], start: int) -> list[int]:
    """seq, value, seq, value …: only where the value becomes another, `start` before the first."""
    changes, before = [], start
    for seq, value in zip(history._seqs, history._values, strict=True):
        if int(value) != before:
            before = int(value)
            changes += [seq, before]
    return changes
