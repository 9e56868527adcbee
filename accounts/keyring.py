"""What a browser needs to unlock, and what it keeps here: keyring, pins, settings.

All of it is sealed in the browser. The server keeps bytes and counters: a write has to name the
next counter, so that two browsers cannot overwrite each other, and the same bytes again are fine.
"""

from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection
from django.utils import timezone

from accounts.errors import Conflict
from accounts.kek import lend
from accounts.models import AccountBlob, Kek, User
from audit.services import unit_of_work

Kind = AccountBlob.Kind

# What `lend` needs of a KEK.
_KEK: Final = ("id", "deployment_id", "team_id", "version", "blob", "master_key_id", "flushed")
_KEK_COLUMNS: Final = ", ".join(f"k.{name}" for name in _KEK)

# The KEK that the wrap lies under. A row for each blob, and one without if there is none.
_BUNDLE: Final = f"""
    SELECT w.id, w.wrap, w.cred, w.blob, o.cred, o.suite, b.kind, b.counter, b.blob, {_KEK_COLUMNS}
    FROM accounts_amkwrap w
    JOIN accounts_opaquerecord o ON o.account_id = w.account_id
    JOIN accounts_kek k ON k.team_id IS NULL AND k.version = w.kek_version
    LEFT JOIN accounts_accountblob b ON b.account_id = w.account_id
    WHERE w.account_id = %s AND w.wrap = 'auk'
"""  # noqa: S608 - the columns above


class CounterMoved(Conflict):
    """Another browser was first; `counter` and `blob` are what is here."""

    code = "counter_moved"
    title = "Another browser has changed this. Merge, and write again."


def bundle_of(user: User) -> dict[str, Any]:
    """Return what unlocks an account, for a session that has passed every stage.

    Raises:
        KmsUnavailable: the wrap's outer seal cannot be opened.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BUNDLE, [user.pk])
        rows = cursor.fetchall()
    if not rows:
        raise LookupError("an account without its wrap, its record or its KEK")
    wrap_id, wrap, wrap_cred, sealed, cred, suite = rows[0][:6]
    with lend(Kek.from_db(connection.alias, _KEK, rows[0][9:])) as kek:
        blob = bytes(kek.open("amk", wrap_id.bytes, bytes(sealed)))
        deployment = kek.deployment_id
    blobs = {
        kind: {"counter": counter, "blob": bytes(stored)}
        for kind, counter, stored in (row[6:9] for row in rows)
        if kind is not None
    }
    return {
        "account": user.id,
        "email": user.email,
        "cred": bytes(cred),
        "suite": suite,
        "wrap": {
            "id": wrap_id.bytes,
            "wrap": wrap,
            "cred": bytes(wrap_cred),
            "blob": blob,
        },
        "keyring": blobs.get(Kind.KEYRING),
        "pins": blobs.get(Kind.PINS),
        "settings": blobs.get(Kind.SETTINGS),
        "kit_saved": user.kit_saved_at is not None,
        "deployment": deployment,
    }


def blob_get(*, account: UUID, kind: Kind) -> dict[str, Any] | None:
    """Return one blob and its counter, or None before the first write."""
    row = AccountBlob.objects.filter(account_id=account, kind=kind).first()
    return None if row is None else {"counter": row.counter, "blob": bytes(row.blob)}


def blob_put(*, account: UUID, kind: Kind, counter: int, blob: bytes) -> int:
    """Store a blob as number `counter`, which is the stored one's + 1, the first 1.

    Returns:
        The counter; the same bytes under the stored counter are a retry and change nothing.

    Raises:
        CounterMoved: any other counter.
    """
    if not _stored(account, kind, counter, blob):
        present = blob_get(account=account, kind=kind)
        if present != {"counter": counter, "blob": blob}:
            raise CounterMoved(**(present or {"counter": 0, "blob": None}))
    return counter


def kit_saved(user: User) -> None:
    """Note that the person has shown that the recovery kit is kept; the first time stays."""
    User.objects.filter(pk=user.pk, kit_saved_at__isnull=True).update(kit_saved_at=timezone.now())


def _stored(account: UUID, kind: Kind, counter: int, blob: bytes) -> bool:
    """Compare and swap on the counter."""
    rows = AccountBlob.objects.filter(account_id=account, kind=kind)
    if counter > 1:
        changed = {"counter": counter, "blob": blob, "changed_at": timezone.now()}
        return rows.filter(counter=counter - 1).update(**changed) == 1
    try:
        with unit_of_work():
            rows.create(account_id=account, kind=kind, counter=counter, blob=blob)
    except IntegrityError:
        return False
    return True
