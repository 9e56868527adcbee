"""Folding every chain again, with all signatures, and comparing with the projections."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Count

from accounts.models import Member, Team, TeamLink
from accounts.team_chain import TeamState
from vaults.models import Grant, Item, Vault, VaultLink, VaultMember
from vaults.stored_chains import StoredTeam, StoredVault, team_fold, vault_fold


def team_differences(team: Team) -> Iterator[str]:
    """Yield one sentence for each place where the rows are not what the links fold to.

    Run it in a repeatable-read transaction, or while nothing is written.
    """
    stored = team_fold(team.pk)
    if stored.refusal is not None or stored.state is None:
        yield f"team {team.pk}: link {len(stored.links)} is refused: {stored.refusal}"
    if stored.state is None:
        return
    yield from compare(f"team {team.pk}", _folded_team(stored, stored.state), _team_row(team))
    yield from compare(
        f"team {team.pk} links", dict(enumerate(stored.links)), _link_rows(team, stored)
    )
    yield from compare(f"team {team.pk} members", _folded_members(stored), _member_rows(team))
    yield from compare(f"team {team.pk} rights", _folded_rights(stored.state), _right_rows(team))
    vaults = {vault.pk: vault for vault in Vault.objects.filter(team=team)}
    folded = {UUID(bytes=vault) for vault in stored.state.vaults}
    yield from compare(f"team {team.pk} vaults", {"ids": folded}, {"ids": set(vaults)})
    for vault_id in sorted(folded & set(vaults)):
        yield from _vault_differences(stored, stored.state, vaults[vault_id])


def _vault_differences(team: StoredTeam, state: TeamState, row: Vault) -> Iterator[str]:
    stored = vault_fold(state, row)
    if stored.verdict != "valid":
        yield f"vault {row.pk}: {stored.verdict} after link {stored.state.seq}: {stored.refusal}"
    vault = state.vaults[row.pk.bytes]
    yield from compare(
        f"vault {row.pk}",
        {
            "seq": stored.state.seq,
            "head": stored.state.head,
            "seen_seq": stored.state.seen,
            "epoch": vault.epoch,
            "due": vault.due.now,
            "last_cut_seq": vault.cuts[-1].seq,
            "touched_seq": team.vaults[vault.id],
            "links": stored.state.seq,
        },
        {
            "seq": row.seq,
            "head": bytes(row.head),
            "seen_seq": row.seen_seq,
            "epoch": row.epoch,
            "due": row.due,
            "last_cut_seq": row.last_cut_seq,
            "touched_seq": row.touched_seq,
            "links": VaultLink.objects.filter(vault=row).count(),
        },
    )
    yield from compare(f"vault {row.pk} items", _folded_items(stored), _item_rows(row))
    known = range(1, vault.epoch + 1)
    for grant in Grant.objects.filter(vault=row).exclude(epoch__in=known):
        yield f"vault {row.pk} grants: one of epoch {grant.epoch}, which the chain does not know"


def compare(what: str, folded: Mapping[Any, Any], stored: Mapping[Any, Any]) -> Iterator[str]:
    """Yield one sentence for each key whose values differ."""
    for key in sorted({*folded, *stored}, key=str):
        if folded.get(key) != stored.get(key):
            name = key.hex() if isinstance(key, bytes) else key
            yield f"{what}, {name}: folded {folded.get(key)!r}, stored {stored.get(key)!r}"


def _folded_team(stored: StoredTeam, state: TeamState) -> dict[str, Any]:
    founder = next(iter(state.members.values()))
    return {
        "id": UUID(bytes=state.id),
        "kind": state.kind,
        "personal_of": UUID(bytes=founder.account) if state.kind == "personal" else None,
        "genesis_hash": stored.links[0][0],
        "seq": state.seq,
        "head": state.head,
    }


def _team_row(team: Team) -> dict[str, Any]:
    return {
        "id": team.pk,
        "kind": team.kind,
        "personal_of": team.personal_of_id,
        "genesis_hash": bytes(team.genesis_hash),
        "seq": team.seq,
        "head": bytes(team.head),
    }


def _link_rows(team: Team, stored: StoredTeam) -> dict[int, tuple[bytes, str]]:
    """As the columns beside the links say; those that are refused have been told of."""
    rows = TeamLink.objects.filter(team=team, seq__lt=len(stored.links))
    return {seq: (bytes(h), kind) for seq, h, kind in rows.values_list("seq", "hash", "type")}


def _folded_members(stored: StoredTeam) -> dict[bytes, tuple[Any, ...]]:
    members = stored.state.members.values() if stored.state else ()
    return {
        m.id: (
            *(UUID(bytes=m.account), m.role, m.verified, m.identity, m.box, m.fp),
            *(m.joined, m.left, stored.members[m.id]),
        )
        for m in members
    }


def _member_rows(team: Team) -> dict[bytes, tuple[Any, ...]]:
    return {
        bytes(m.member_id): (
            *(m.account_id, m.role, m.verified, bytes(m.identity), bytes(m.box), bytes(m.fp)),
            *(m.joined_seq, m.left_seq, m.touched_seq),
        )
        for m in Member.objects.filter(team=team)
    }


def _folded_rights(state: TeamState) -> dict[tuple[UUID, str], tuple[int, int]]:
    return {
        (UUID(bytes=vault.id), member.hex()): (vault.right(member), since)
        for vault in state.vaults.values()
        for member, since in vault.since.items()
    }


def _right_rows(team: Team) -> dict[tuple[UUID, str], tuple[int, int]]:
    return {
        (row.vault_id, bytes(row.member_id).hex()): (row.right, row.since_seq)
        for row in VaultMember.objects.filter(team_id=team.pk)
    }


def _folded_items(stored: StoredVault) -> dict[UUID, tuple[Any, ...]]:
    """Revision, purged or not, the link and its author, how many revisions were replaced."""
    found = {}
    for item, (revision, content) in stored.state.items.items():
        purged = content is None
        replaced = 0 if purged else revision - 1
        found[UUID(bytes=item)] = (revision, purged, *stored.items[item], replaced)
    return found


def _item_rows(row: Vault) -> dict[UUID, tuple[Any, ...]]:
    items = Item.objects.filter(vault=row).annotate(replaced=Count("revisions"))
    return {
        item.pk: (
            *(item.revision, item.overview is None, item.link_seq),
            *(bytes(item.author), item.replaced),
        )
        for item in items.defer("details", "c_details").iterator()
    }
