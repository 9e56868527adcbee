"""Reading one item: its newest or an older revision, and the list of all."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounts.errors import AccessDenied
from vaults.access import VaultAccess

_COLUMNS: Final = "{0}.revision, {0}.epoch, {0}.author, {0}.overview, {0}.c_details"
_NEWEST: Final = """
    FROM vaults_item i
    WHERE i.vault_number = %(vault)s AND i.id = %(item)s AND i.details IS NOT NULL
"""
_REPLACED: Final = """
    FROM vaults_item i JOIN vaults_revision r ON r.item_id = i.id
    WHERE i.vault_number = %(vault)s AND i.id = %(item)s
"""
_OF_ITEM, _OF_REVISION = _COLUMNS.format("i"), _COLUMNS.format("r")
_ONE_NEWEST: Final = f"SELECT {_OF_ITEM}, i.details {_NEWEST}"
_ONE_REPLACED: Final = f"SELECT {_OF_REVISION}, r.details {_REPLACED} AND r.revision = %(revision)s"
_ALL: Final = f"SELECT {_OF_ITEM} {_NEWEST} UNION ALL SELECT {_OF_REVISION} {_REPLACED} ORDER BY 1"


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
    values: dict[str, Any] = {
        "vault": access.vault_number,
        "item": item_id,
        "revision": revision,
    }
    with connection.cursor() as cursor:
        row = cursor.execute(_ONE_NEWEST, values).fetchone()
        if row is not None and revision not in (None, row[0]):
            row = cursor.execute(_ONE_REPLACED, values).fetchone()
    if row is None:
        raise AccessDenied
    return _revision(row, bytes(row[5]))


def item_revisions(*, access: VaultAccess, item_id: UUID) -> list[ItemRevision]:
    """Return all revisions of an item without their details, oldest first.

    Raises:
        AccessDenied: no such item in this vault, or it was purged.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ALL, {"vault": access.vault_number, "item": item_id})
        rows = cursor.fetchall()
    if not rows:
        raise AccessDenied
    return [_revision(row, None) for row in rows]


def _revision(row: tuple[Any, ...], details: bytes | None) -> ItemRevision:
    return ItemRevision(row[0], row[1], bytes(row[2]), bytes(row[3]), bytes(row[4]), details)
