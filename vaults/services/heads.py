"""Vault heads under team links: locks, cuts, and the rights that a team link changes.

Lock order: the team's row, vaults by id, the audit's head.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.conflicts import HeadMoved, Held, TooManyHeld
from accounts.errors import AccessDenied
from accounts.team_chain import TeamState
from accounts.team_chain.state import Cut
from vaults.crypto.links import ParsedLink
from vaults.models import VaultLink

# A cut has 2,000 places (SPEC 3), and names all the vaults that a member held: with room to spare.
MAX_HELD: Final = 1_500
MAX_HOLDERS: Final = 1_000  # the grants that one rotation may bring

_COLUMNS: Final = "id, seq, head, seen_seq, last_cut_seq, held_until, held_by"
_LOCK: Final = (
    f"SELECT {_COLUMNS} FROM vaults_vault WHERE team_id = %s AND id = ANY(%s)"  # noqa: S608
    " ORDER BY id FOR UPDATE"
)
_READ: Final = f"SELECT {_COLUMNS} FROM vaults_vault WHERE team_id = %s AND id = %s"  # noqa: S608


@dataclass(frozen=True, slots=True)
class VaultHead:
    """Where a vault chain stands, and what its next link must meet."""

    id: UUID
    seq: int
    head: bytes
    seen_seq: int
    last_cut_seq: int
    held_until: datetime | None
    held_by: bytes | None

    def check_not_held(self, member_id: bytes) -> None:
        """Refuse while somebody else holds the vault.

        Raises:
            Held: with the end of the hold.
        """
        if self.held_until is None or self.held_by == member_id:
            return
        if self.held_until > timezone.now():
            raise Held(until=int(self.held_until.timestamp() * 1000))


def vault_heads_lock(team_id: UUID, vaults: Iterable[UUID]) -> dict[UUID, VaultHead]:
    """Lock the rows of these vaults, by id; what is not of the team is left out."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [team_id, list(vaults)])
        rows = cursor.fetchall()
    return {row[0]: vault_head_of(row) for row in rows}


def vault_head_read(team_id: UUID, vault_id: UUID) -> VaultHead:
    """Read a vault's row without a lock.

    Raises:
        AccessDenied: there is no such vault in the team.
    """
    with connection.cursor() as cursor:
        cursor.execute(_READ, [team_id, vault_id])
        row = cursor.fetchone()
    if row is None:
        raise AccessDenied
    return vault_head_of(row)


def cut_heads_check(team_id: UUID, link: ParsedLink, state: TeamState) -> dict[UUID, VaultHead]:
    """Lock every vault that a team link cuts, and compare its head with the cut.

    A cut that no head here meets was signed by somebody who invented it, or saw another history:
    nobody writes to that vault any more, and it can only be said again. Else whoever holds it could
    never be taken out.

    Args:
        team_id: whose vaults they are.
        link: with a `cut`.
        state: the fold before the link.

    Raises:
        HeadMoved: a vault has grown since the signer looked.
    """
    cuts = {UUID(bytes=cut["vault"]): cut for cut in link.body["cut"]}
    heads = vault_heads_lock(team_id, cuts)
    for vault_id, head in heads.items():
        cut = cuts[vault_id]
        named = (cut["seq"], cut["hash"])
        if named == (head.seq, head.head) or _says_again(vault_id, head, named, state):
            continue
        raise HeadMoved(vault_id, head.seq, head.head)
    # A vault that is missing here is missing in the fold too, which refuses the link.
    return heads


def _says_again(
    vault_id: UUID, head: VaultHead, named: tuple[int, bytes], state: TeamState
) -> bool:
    last = state.vaults[vault_id.bytes].cuts[-1]
    return named == (last.n, last.hash) and not _stands(vault_id, head, last)


def _stands(vault_id: UUID, head: VaultHead, cut: Cut) -> bool:
    """Whether the chain has the link that a cut names."""
    if cut.n == 0 or cut.n > head.seq:
        return cut.n == 0
    links = VaultLink.objects.filter(vault__id=vault_id, seq=cut.n)
    return hashlib.sha256(bytes(links.values_list("signed", flat=True).get())).digest() == cut.hash


_PROJECT_VAULTS: Final = """
    UPDATE vaults_vault v
    SET epoch = e.epoch, due = e.due, last_cut_seq = e.last_cut_seq, touched_seq = %s,
        held_until = CASE WHEN e.last_cut_seq = %s THEN NULL ELSE v.held_until END
    FROM unnest(%s::uuid[], %s::int[], %s::bool[], %s::bigint[])
        AS e(id, epoch, due, last_cut_seq)
    WHERE v.id = e.id
"""
_PROJECT_RIGHTS: Final = """
    WITH folded AS (
        SELECT * FROM unnest(%s::uuid[], %s::smallint[], %s::bigint[])
            AS f(vault_id, "right", since_seq)
    ), gone AS (
        DELETE FROM vaults_vaultmember m
        WHERE m.team_id = %s AND m.member_id = %s
            AND NOT EXISTS (SELECT 1 FROM folded f WHERE f.vault_id = m.vault_id)
    )
    INSERT INTO vaults_vaultmember (vault_id, member_id, team_id, "right", since_seq)
    SELECT f.vault_id, %s, %s, f."right", f.since_seq FROM folded f
    ON CONFLICT (vault_id, member_id) DO UPDATE
    SET "right" = EXCLUDED."right", since_seq = EXCLUDED.since_seq
    WHERE vaults_vaultmember."right" <> EXCLUDED."right"
"""


def vaults_project(vaults: Iterable[bytes], state: TeamState) -> None:
    """Write epoch, due and last cut of vaults as the fold has them after its last link."""
    folded = [state.vaults[vault] for vault in vaults]
    values: list[Any] = [
        [UUID(bytes=vault.id) for vault in folded],
        [vault.epoch for vault in folded],
        [vault.due.now for vault in folded],
        [vault.cuts[-1].seq for vault in folded],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_PROJECT_VAULTS, [state.seq, state.seq, *values])


def rights_project(team_id: UUID, member_id: bytes, state: TeamState) -> None:
    """Write the rights that a member holds after the last link; the fold has all of them.

    Raises:
        TooManyHeld: the link gave more than one removal, or one rotation, could take back.
    """
    held = [state.vaults[vault] for vault in state.held(member_id)]
    gained = [vault for vault in held if vault.since[member_id] == state.seq]
    if gained and len(held) > MAX_HELD:
        raise TooManyHeld
    if any(len(vault.since) > MAX_HOLDERS for vault in gained):
        raise TooManyHeld
    folded: list[Any] = [
        [UUID(bytes=vault.id) for vault in held],
        [vault.right(member_id) for vault in held],
        [vault.since[member_id] for vault in held],
    ]
    where: list[Any] = [team_id, member_id]
    with connection.cursor() as cursor:
        cursor.execute(_PROJECT_RIGHTS, [*folded, *where, member_id, team_id])


def vault_head_of(row: tuple[Any, ...]) -> VaultHead:
    """Take a vault's columns in the order of `_COLUMNS`; more may follow."""
    held_by = None if row[6] is None else bytes(row[6])
    return VaultHead(row[0], row[1], bytes(row[2]), row[3], row[4], row[5], held_by)
