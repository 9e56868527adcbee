"""Reading one item: its newest or an older revision, and the list of all."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounts.errors import AccessDenied
from vaults.access import VaultAccess

_COLUMNS: Final = """
    r.revision, COALESCE(r.epoch, i.epoch), COALESCE(r.author, i.author),
    COALESCE(r.overview, i.overview), COALESCE(r.c_details, i.c_details)
"""
# What a replaced revision had in its item's row was moved beside its details.
_FROM: Final = """
    FROM vaults_item i JOIN vaults_revision r ON r.item_id = i.id
    WHERE i.vault_id = %s AND i.id = %s
"""
_ONE: Final = f"SELECT {_COLUMNS}, r.details {_FROM} AND r.revision = COALESCE(%s, i.revision)"
_ALL: Final = f"SELECT {_COLUMNS} {_FROM} ORDER BY r.revision"


@dataclass(frozen=True, slots=True)
class ItemRevision:
    """One revision as it is stored; `details` is None in lists."""

    revision: int
    epoch: int
    author: bytes
    overview: bytes
    c_details: bytes
    details: bytes | None


def item_revision(*, access: VaultAccess, item_id: UUID, revision: int | None) -> ItemRevision:
    """Return one revision; None means the newest.

    Raises:
        AccessDenied: no such item or revision in this vault, or it was purged.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ONE, [access.vault_id, item_id, revision])
        row = cursor.fetchone()
    if row is None:
        raise AccessDenied
    return _revision(row, bytes(row[5]))


def item_revisions(*, access: VaultAccess, item_id: UUID) -> list[ItemRevision]:
    """Return all revisions of an item without their details, oldest first.

    Raises:
        AccessDenied: no such item in this vault, or it was purged.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ALL, [access.vault_id, item_id])
        rows = cursor.fetchall()
    if not rows:
        raise AccessDenied
    return [_revision(row, None) for row in rows]


def _revision(row: tuple[Any, ...], details: bytes | None) -> ItemRevision:
    return ItemRevision(row[0], row[1], bytes(row[2]), bytes(row[3]), bytes(row[4]), details)
