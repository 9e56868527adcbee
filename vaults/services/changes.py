"""Writing items: one signed vault link and its blobs.

What a link may do is judged before the transaction, on the vault as it stood and the team as it
was `seen`. Inside, one compare-and-swap takes the vault's row and with it every judgement: the
head fixes all items, and a right that was lost, or a new epoch, has raised `last_cut_seq` above
what the signer has seen.
"""

from dataclasses import dataclass
from typing import Any, Final, NoReturn
from uuid import UUID

from django.db import IntegrityError, connection
from psycopg import Error as PsycopgError

from accounts.access import TeamAccess
from accounts.conflicts import (
    HeadMoved,
    LinkRefused,
    StaleSeen,
    Taken,
)
from accounts.rows import rows_of
from accounts.services.team import link_event, link_record_restored
from audit.events import Action
from audit.services import RECORDING, Event, record, recording, unit_of_work
from vaults.access import VaultAccess
from vaults.crypto.links import Head, ParsedLink
from vaults.models import VaultMember
from vaults.services.heads import (
    vault_head_read,
)
from vaults.services.judging import Change, check_blobs, check_shape, stands_or_judged


@dataclass(frozen=True, slots=True)
class Written:
    """The heads after a write: of the vault, and of the team as the write has seen it."""

    seq: int
    hash: bytes
    team_seq: int
    team_hash: bytes
    again: bool


def change_apply(*, access: VaultAccess, change: Change) -> Written:
    """Append a vault link and store its blobs.

    Args:
        access: with the right to write; `require_vault` has asked for the KEK.
        change: signed by the caller.

    Raises:
        HeadMoved, StaleSeen, Held, RotationDue, Taken: nothing was written.
        LinkRefused: the fold refuses the link.
        Invalid: blobs and entries do not match.
    """
    check_shape(access, change)
    again = stands_or_judged(access.team_id, access.vault_id, change)
    if not again:
        event = recording(**_event(access.team, access.vault_id, change.link))
        _append(access.team, access.vault_id, change, event)
    return _written(change, again=again)


def change_restore(*, access: TeamAccess, vault_id: UUID, change: Change) -> Written:
    """Append a vault link that a restored backup has lost.

    It is judged as when it was new. Any member may offer it, whoever signed it, but blobs are taken
    from their author alone: the server cannot hold them against the link's hashes.

    Raises:
        AccessDenied: no such vault in the team. The rest as `change_apply`, but that HeadMoved,
            which says where the chain stands, is StaleSeen to those who may not read it.
    """
    try:
        return _restore(access, vault_id, change)
    except HeadMoved:
        if _may_read_chain(access, vault_id):
            raise
        raise StaleSeen from None


def _may_read_chain(access: TeamAccess, vault_id: UUID) -> bool:
    holders = VaultMember.objects.filter(vault_id=vault_id, member_id=access.member_id)
    return access.administers or holders.exists()


def _restore(access: TeamAccess, vault_id: UUID, change: Change) -> Written:
    if change.link.chain != vault_id.bytes:
        raise LinkRefused("T5.chain")
    if change.blobs and change.link.actor != access.member_id:
        raise LinkRefused("T2.actor")
    check_blobs(change)
    again = stands_or_judged(access.team_id, vault_id, change)
    if not again:
        with unit_of_work():
            _append(access, vault_id, change)
            details = _details(change.link)
            link_record_restored(access, change.link, Action.ITEM_CHANGED, vault_id, **details)
    return _written(change, again=again)


def change_write(access: TeamAccess, vault_id: UUID, change: Change) -> None:
    """Swap the head and store the blobs, inside the caller's unit of work, after the judgement."""
    _append(access, vault_id, change)
    record(**_event(access, vault_id, change.link))


def _event(access: TeamAccess, vault_id: UUID, link: ParsedLink) -> Event:
    return link_event(access, link, Action.ITEM_CHANGED, vault_id, **_details(link))


def _details(link: ParsedLink) -> dict[str, bytes | int]:
    """How many items a link changes; and which, if it is but one, as it nearly always is."""
    entries = link.body["entries"]
    only = {"item": entries[0][0], "revision": entries[0][1]} if len(entries) == 1 else {}
    return {"entries": len(entries), **only}


# The head is compared and swapped first, and only with it is anything stored: `swapped` holds no
# row else. An item's row moves to the revisions, and the new revision takes its place. All parts of
# one statement see the rows as they were before it.
_STORE: Final = """
    WITH swapped AS (
        UPDATE vaults_vault SET seq = %s, head = %s, seen_seq = %s
        WHERE id = %s AND seq = %s AND head = %s AND last_cut_seq <= %s AND seen_seq <= %s
            AND (held_until IS NULL OR held_until <= now() OR held_by = %s)
        RETURNING number, seq
    ), link AS (
        INSERT INTO vaults_vaultlink (vault_number, seq, signed)
        SELECT number, seq, %s FROM swapped
        RETURNING seq
    ), entry AS (
        SELECT s.number, s.seq, %s AS epoch, %s AS author, e.*
        FROM swapped s, (VALUES {entries}) AS e(id, revision, overview, c_details, details)
    ), moved AS (
        INSERT INTO vaults_revision
            (item_id, revision, epoch, author, c_details, overview, details)
        SELECT i.id, i.revision, i.epoch, i.author, i.c_details, i.overview, i.details
        FROM vaults_item i JOIN entry e ON e.id = i.id AND e.number = i.vault_number
        WHERE e.details IS NOT NULL
        RETURNING revision
    ), stored AS (
        INSERT INTO vaults_item AS i
            (id, vault_number, revision, epoch, link_seq, author, c_details, overview, details)
        SELECT id, number, revision, epoch, seq, author, c_details, overview, details
        FROM entry WHERE details IS NOT NULL
        ON CONFLICT (id) DO UPDATE
        SET revision = EXCLUDED.revision, epoch = EXCLUDED.epoch, link_seq = EXCLUDED.link_seq,
            author = EXCLUDED.author, c_details = EXCLUDED.c_details,
            overview = EXCLUDED.overview, details = EXCLUDED.details
        WHERE i.vault_number = EXCLUDED.vault_number
        RETURNING id
    ){purged}
    SELECT vaults_stored({stored}, %s, {rest}){recording} FROM swapped
"""
# How many items were written, and what else: counted first, so that it is all done before the
# audit's head is locked, for which everybody who writes in the team waits.
_STORED: Final = "(SELECT count(*) FROM stored)"
_REST: Final = "(SELECT count(*) FROM link) + (SELECT count(*) FROM moved)"

# The row of a purged item stays, so that none returns under its id.
_PURGED: Final = """, purged AS (
        UPDATE vaults_item i
        SET revision = e.revision, link_seq = e.seq, author = e.author, epoch = e.epoch,
            overview = NULL, details = NULL, c_details = NULL
        FROM entry e WHERE e.details IS NULL AND i.id = e.id AND i.vault_number = e.number
        RETURNING i.id
    ), erased AS (
        DELETE FROM vaults_revision r USING purged p WHERE r.item_id = p.id
        RETURNING r.revision
    )"""
_STORED_PURGED: Final = f"{_STORED} + (SELECT count(*) FROM purged)"  # noqa: S608 - constants
_REST_ERASED: Final = f"{_REST} + (SELECT count(*) FROM erased)"  # noqa: S608


_ENTRY: Final = "(%s::uuid, %s::int, %s::bytea, %s::bytea, %s::bytea)"
_NO_BLOB: Final = (None, None, None)  # of an item that is purged


def _append(
    access: TeamAccess, vault_id: UUID, change: Change, event: tuple[Any, ...] = ()
) -> None:
    """Swap the head, store link and blobs, purge, and record the event: one statement.

    `event` is what `recording` returned; nothing if the caller's unit of work records it.

    Raises:
        HeadMoved, StaleSeen, Held: the head was not swapped.
        Taken: an item of this id is another vault's.
    """
    link = change.link
    seen = _seen(link).seq
    entries = link.body["entries"]
    purges = len(change.blobs) < len(entries)
    statement = _STORE.format(
        entries=rows_of(_ENTRY, len(entries)),
        purged=_PURGED if purges else "",
        stored=_STORED_PURGED if purges else _STORED,
        rest=_REST_ERASED if purges else _REST,
        recording=f", {RECORDING}" if event else "",
    )
    values = [
        *(link.seq, link.hash, seen),
        *(vault_id, link.seq - 1, link.prev, seen, seen, access.member_id),
        link.signed,
        *(link.body["epoch"], link.actor),
        *_entries(change),
        len(entries),
        *event,
    ]
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            row = cursor.fetchone()
    except IntegrityError as error:
        if not _is_elsewhere(error):
            raise
        raise Taken from None
    if row is None:
        _explain(access, vault_id, link)


def _is_elsewhere(error: IntegrityError) -> bool:
    """Whether `vaults_stored` said so."""
    cause = error.__cause__
    return isinstance(cause, PsycopgError) and cause.diag.constraint_name == "item_of_one_vault"


def _entries(change: Change) -> list[Any]:
    """Return what `_ENTRY` takes for each entry of the link."""
    blobs, values = iter(change.blobs), list[Any]()
    for item, revision, content in change.link.body["entries"]:
        values += (UUID(bytes=item), revision)
        if content is None:
            values += _NO_BLOB
        else:
            blob = next(blobs)
            values += (blob.overview, blob.c_details, blob.details)
    return values


def _explain(access: TeamAccess, vault_id: UUID, link: ParsedLink) -> NoReturn:
    """Say why a head was not swapped.

    Raises:
        HeadMoved, StaleSeen, Held.
    """
    head = vault_head_read(access.team_id, vault_id)
    if (link.seq, link.prev) != (head.seq + 1, head.head):
        raise HeadMoved(vault_id, head.seq, head.head)
    head.check_not_held(access.member_id)
    raise StaleSeen


def _seen(link: ParsedLink) -> Head:
    """The state of the team that a judged link has seen; the fold asks for one."""
    if link.seen is None:
        raise TypeError("a vault link that was judged names what it has seen")
    return link.seen


def _written(change: Change, *, again: bool) -> Written:
    """Return what the bytes themselves say, so that a retry is told the same."""
    seen = _seen(change.link)
    return Written(change.link.seq, change.link.hash, seen.seq, seen.hash, again)
