"""Folding every chain again, with all signatures, and comparing with the projections."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import Q

from accounts.models import Member, Team, TeamLink
from accounts.team_chain import TeamState, fold_team
from vaults.models import Item, Vault, VaultLink, VaultMember
from vaults.vault_chain import VaultState, fold_vault, vault_start


def team_differences(team: Team) -> Iterator[str]:
    """Yield one sentence for each place where the rows are not what the links fold to.

    Run it in a repeatable-read transaction, or while nothing is written.
    """
    rows = TeamLink.objects.filter(team=team).order_by("seq")
    links = [bytes(signed) for signed in rows.values_list("signed", flat=True)]
    state, refusal = fold_team(links)
    if state is None or refusal is not None:
        at = -1 if state is None else state.seq
        yield f"team {team.pk}: link {at + 1} is refused: {refusal}"
    if state is None:
        return
    yield from _compare(
        f"team {team.pk}",
        {"id": UUID(bytes=state.id), "kind": state.kind, "seq": state.seq, "head": state.head},
        {"id": team.pk, "kind": team.kind, "seq": team.seq, "head": bytes(team.head)},
    )
    yield from _compare(f"team {team.pk} members", _folded_members(state), _member_rows(team))
    yield from _compare(f"team {team.pk} rights", _folded_rights(state), _right_rows(team))
    vaults = {vault.pk: vault for vault in Vault.objects.filter(team=team)}
    folded = {UUID(bytes=vault) for vault in state.vaults}
    yield from _compare(f"team {team.pk} vaults", {"ids": folded}, {"ids": set(vaults)})
    for vault_id in sorted(folded & set(vaults)):
        yield from _vault_differences(state, vaults[vault_id])


def _vault_differences(team: TeamState, row: Vault) -> Iterator[str]:
    rows = VaultLink.objects.filter(vault=row).order_by("seq")
    links = [bytes(signed) for signed in rows.values_list("signed", flat=True)]
    folded = fold_vault(team, vault_start(team, row.pk.bytes), links)
    if folded.verdict != "valid":
        yield f"vault {row.pk}: {folded.verdict} after link {folded.state.seq}: {folded.refusal}"
    vault = team.vaults[row.pk.bytes]
    yield from _compare(
        f"vault {row.pk}",
        {
            "seq": folded.state.seq,
            "head": folded.state.head,
            "seen_seq": folded.state.seen,
            "epoch": vault.epoch,
            "due": vault.due.now,
            "last_cut_seq": vault.cuts[-1].seq,
        },
        {
            "seq": row.seq,
            "head": bytes(row.head),
            "seen_seq": row.seen_seq,
            "epoch": row.epoch,
            "due": row.due,
            "last_cut_seq": row.last_cut_seq,
        },
    )
    yield from _compare(f"vault {row.pk} items", _folded_items(folded.state), _item_rows(row))


def _compare(what: str, folded: dict[Any, Any], stored: dict[Any, Any]) -> Iterator[str]:
    for key in sorted({*folded, *stored}, key=str):
        if folded.get(key) != stored.get(key):
            name = key.hex() if isinstance(key, bytes) else key
            yield f"{what}, {name}: folded {folded.get(key)!r}, stored {stored.get(key)!r}"


def _folded_members(state: TeamState) -> dict[bytes, tuple[Any, ...]]:
    return {
        m.id: (UUID(bytes=m.account), m.role, m.verified, m.identity, m.box, m.fp, m.joined, m.left)
        for m in state.members.values()
    }


def _member_rows(team: Team) -> dict[bytes, tuple[Any, ...]]:
    return {
        bytes(m.member_id): (
            *(m.account_id, m.role, m.verified, bytes(m.identity), bytes(m.box), bytes(m.fp)),
            *(m.joined_seq, m.left_seq),
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


def _folded_items(state: VaultState) -> dict[UUID, tuple[int, bool]]:
    return {UUID(bytes=i): (r.revision, r.hash is None) for i, r in state.items.items()}


def _item_rows(row: Vault) -> dict[UUID, tuple[int, bool]]:
    items = Item.objects.filter(vault=row).annotate(purged=Q(overview__isnull=True))
    rows = items.values_list("pk", "revision", "purged")
    return {pk: (revision, purged) for pk, revision, purged in rows}
