"""What a change is judged on, before its transaction, and the judgement.

It is judged on the vault as it stood and the team as it was `seen`, exactly as clients do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection

from accounts.conflicts import (
    HeadMoved,
    LinkRefused,
    RotationDue,
    StaleSeen,
)
from accounts.errors import AccessDenied, Invalid
from accounts.team_chain import TeamState
from accounts.team_state import team_states
from vaults.access import VaultAccess
from vaults.crypto.errors import Refused, Waiting
from vaults.crypto.links import ParsedLink
from vaults.models import VaultLink
from vaults.services.heads import (
    VaultHead,
    vault_head_of,
)
from vaults.vault_chain import Revision, VaultState, vault_step

# Those that a link names; of a hash only whether it was purged.
Items = dict[bytes, Revision]


@dataclass(frozen=True, slots=True)
class Blob:
    """The two sealed parts of one revision, and the commitment to its details."""

    overview: bytes
    details: bytes
    c_details: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """A vault link, and one blob for each entry that is no purge, in the link's order."""

    link: ParsedLink
    blobs: Sequence[Blob]


def first_change_judge(state: TeamState, vault_id: UUID, change: Change) -> None:
    """Judge the link that comes with a `vault_create`: it holds the vault's own item.

    Raises:
        Invalid, LinkRefused.
    """
    check_blobs(change)
    created = state.vaults[vault_id.bytes].cuts[0]
    head = VaultHead(vault_id, 0, created.hash, created.seq, created.seq, None, None)
    if all(item != vault_id.bytes for item, _revision, _hash in change.link.body["entries"]):
        raise Invalid("The first link of a vault holds the vault's own item.")
    judge(state, head, {}, change.link)


def stands_or_judged(team_id: UUID, vault_id: UUID, change: Change) -> bool:
    """Whether the link stands in the chain already; if not, it may come next.

    Raises:
        as `change_apply`.
    """
    head, items, team_head = ground(team_id, vault_id, change.link)
    if stands(change.link, head):
        return True
    with team_states.lend(team_id, team_head) as state:
        judge(state, head, items, change.link)
    return False


def check_shape(access: VaultAccess, change: Change) -> None:
    """Refuse a change that is somebody else's, or of another vault.

    Raises:
        LinkRefused. Invalid: as `check_blobs`.
    """
    if change.link.actor != access.team.member_id:
        raise LinkRefused("T2.actor")
    if change.link.chain != access.vault_id.bytes:
        raise LinkRefused("T5.chain")
    check_blobs(change)


def check_blobs(change: Change) -> None:
    """Refuse a change whose blobs are not those of its entries.

    Raises:
        Invalid.
    """
    kept = sum(1 for entry in change.link.body["entries"] if entry[2] is not None)
    if kept != len(change.blobs):
        raise Invalid("One blob for each entry that is no purge.")


def stands(link: ParsedLink, head: VaultHead) -> bool:
    """Whether these very bytes are in the chain.

    Raises:
        HeadMoved: other bytes are, or the place is not reached.
    """
    if link.seq <= head.seq:
        stored = VaultLink.objects.filter(vault__id=head.id, seq=link.seq)
        signed = stored.values_list("signed", flat=True).first()
        if signed is not None and bytes(signed) == link.signed:
            return True
    if (link.seq, link.prev) != (head.seq + 1, head.head):
        raise HeadMoved(head.id, head.seq, head.head)
    return False


# OFFSET 0 has the items found by their ids, and only then compared with the vault: a planner that
# knows nothing of the tables yet, as on the first day, reads all items of the vault instead.
_GROUND: Final = """
    SELECT v.id, v.seq, v.head, v.seen_seq, v.last_cut_seq, v.held_until, v.held_by,
        t.seq, t.head, i.id, i.revision, i.purged
    FROM vaults_vault v
    JOIN accounts_team t ON t.id = v.team_id
    LEFT JOIN (
        SELECT id, vault_number, revision, c_details IS NULL AS purged
        FROM vaults_item WHERE id = ANY(%s) OFFSET 0
    ) i ON i.vault_number = v.number
    WHERE v.id = %s AND v.team_id = %s
"""


def ground(
    team_id: UUID, vault_id: UUID, link: ParsedLink
) -> tuple[VaultHead, Items, tuple[int, bytes]]:
    """Read all that a change is judged on, in one statement and so at one moment.

    Raises:
        AccessDenied: the vault is gone.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GROUND, [_named(link), vault_id, team_id])
        rows = cursor.fetchall()
    if not rows:
        raise AccessDenied
    items = {
        row[9].bytes: Revision(row[10], None if row[11] else b"")
        for row in rows
        if row[9] is not None
    }
    return vault_head_of(rows[0]), items, (rows[0][7], bytes(rows[0][8]))


def _named(link: ParsedLink) -> list[UUID]:
    return [UUID(bytes=entry[0]) for entry in link.body["entries"]]


def judge(state: TeamState, head: VaultHead, items: Items, link: ParsedLink) -> None:
    """Judge a link exactly as a client does, on the rows of the items that it names.

    Raises:
        StaleSeen, RotationDue: what an honest client meets when others were faster.
        LinkRefused: the rest.
    """
    if link.seen is not None and link.seen.seq < max(head.seen_seq, head.last_cut_seq):
        raise StaleSeen
    vault = VaultState(
        id=head.id.bytes,
        seq=head.seq,
        head=head.head,
        seen=head.seen_seq,
        judged=state.seq,
        items=items,
    )
    try:
        vault_step(state, vault, link)
    except Refused as verdict:
        if verdict.refusal == "T9.due":
            raise RotationDue from None
        raise LinkRefused(verdict.refusal) from None
    except Waiting:
        raise LinkRefused("T1.seen_hash") from None
