"""Writing items: one signed vault link, its blobs, and the rotation that the link may need.

What a link may do is judged before the transaction, on the vault as it stood and the team as it
was `seen`. Inside, one compare-and-swap takes the vault's row and with it every judgement: the
head fixes all items, and a right that was lost, or a new epoch, has raised `last_cut_seq` above
what the signer has seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from uuid import UUID

from django.core.cache import cache
from django.db import connection, transaction

from accounts.access import TeamAccess
from accounts.conflicts import (
    HeadMoved,
    LinkRefused,
    RotationDue,
    StaleSeen,
    Taken,
    TooManyLinks,
)
from accounts.errors import AccessDenied, Invalid
from accounts.rows import rows_of
from accounts.services.team import link_record, link_record_restored, team_commit
from accounts.team_chain import TeamState
from accounts.team_state import Changing, team_states
from audit.events import Action
from audit.services import unit_of_work
from vaults.access import VaultAccess
from vaults.crypto.errors import Refused, Waiting
from vaults.crypto.grants import ParsedGrant
from vaults.crypto.links import Head, ParsedLink
from vaults.models import Right, VaultLink, VaultMember
from vaults.services.grants import SealedGrants, grant_check, grants_insert, grants_seal
from vaults.services.heads import (
    VaultHead,
    cut_heads_check,
    vault_head_of,
    vault_head_read,
    vaults_project,
)
from vaults.services.olds import OldIn, olds_insert
from vaults.vault_chain import Revision, VaultState, vault_step

# Those that a link names; of a hash only whether it was purged.
Items = dict[bytes, Revision]

ROTATION_QUOTA_SECONDS: Final = 3_600  # one rotation that is not due, per member and vault


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


@dataclass(frozen=True, slots=True)
class RotationIn:
    """A `vault_rotate`, the new DEK for every holder, and the former one under it."""

    link: ParsedLink
    grants: Sequence[ParsedGrant]
    olds: Sequence[OldIn]


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
    _check_shape(access, change)
    again = _stands_or_judged(access.team_id, access.vault_id, change)
    if not again:
        with unit_of_work():
            change_write(access.team, access.vault_id, change)
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
    _check_blobs(change)
    again = _stands_or_judged(access.team_id, vault_id, change)
    if not again:
        with unit_of_work():
            _append(access, vault_id, change)
            details = _details(change.link)
            link_record_restored(access, change.link, Action.ITEM_CHANGED, vault_id, **details)
    return _written(change, again=again)


def _stands_or_judged(team_id: UUID, vault_id: UUID, change: Change) -> bool:
    """Whether the link stands in the chain already; if not, it may come next.

    Raises:
        as `change_apply`.
    """
    head, items, team_head = _ground(team_id, vault_id, change.link)
    if _stands(change.link, head):
        return True
    with team_states.lend(team_id, team_head) as state:
        _judge(state, head, items, change.link)
    return False


def rotation_apply(*, access: VaultAccess, rotation: RotationIn, change: Change | None) -> Written:
    """Append a `vault_rotate`, and the vault link that needed it: both or neither.

    Raises:
        as `change_apply`; TooManyLinks: not due, not by a manager, and one was made this hour.
        KmsUnavailable: nothing was written.
    """
    if change is not None:
        _check_shape(access, change)
    _check_rotation_shape(access, rotation)
    sealed = grants_seal(access.team_id, rotation.grants)
    with team_states.change(access.team_id) as changing, unit_of_work():
        again = _rotate(access, changing, rotation, sealed, change)
        if change is not None and not again:
            change_write(access.team, access.vault_id, change)
    return _rotated(rotation, change, again=again)


def change_write(access: TeamAccess, vault_id: UUID, change: Change) -> None:
    """Swap the head and store the blobs, inside the caller's unit of work, after the judgement."""
    _append(access, vault_id, change)
    link_record(access, change.link, Action.ITEM_CHANGED, vault_id, **_details(change.link))


def first_change_judge(state: TeamState, vault_id: UUID, change: Change) -> None:
    """Judge the link that comes with a `vault_create`: it holds the vault's own item.

    Raises:
        Invalid, LinkRefused.
    """
    _check_blobs(change)
    created = state.vaults[vault_id.bytes].cuts[0]
    head = VaultHead(vault_id, 0, created.hash, created.seq, created.seq, None, None)
    if all(item != vault_id.bytes for item, _revision, _hash in change.link.body["entries"]):
        raise Invalid("The first link of a vault holds the vault's own item.")
    _judge(state, head, {}, change.link)


def _details(link: ParsedLink) -> dict[str, bytes | int]:
    """How many items a link changes; and which, if it is but one, as it nearly always is."""
    entries = link.body["entries"]
    only = {"item": entries[0][0], "revision": entries[0][1]} if len(entries) == 1 else {}
    return {"entries": len(entries), **only}


def _check_shape(access: VaultAccess, change: Change) -> None:
    if change.link.actor != access.team.member_id:
        raise LinkRefused("T2.actor")
    if change.link.chain != access.vault_id.bytes:
        raise LinkRefused("T5.chain")
    _check_blobs(change)


def _check_blobs(change: Change) -> None:
    kept = sum(1 for entry in change.link.body["entries"] if entry[2] is not None)
    if kept != len(change.blobs):
        raise Invalid("One blob for each entry that is no purge.")


def _check_rotation_shape(access: VaultAccess, rotation: RotationIn) -> None:
    if rotation.link.type != "vault_rotate" or rotation.link.body["vault"] != access.vault_id.bytes:
        raise Invalid("A rotation brings the vault_rotate of this vault.")
    head = (rotation.link.hash, rotation.link.seq)
    for grant in rotation.grants:
        if grant.sender != access.team.fp or grant.head != head:
            raise LinkRefused("T7.authority")


def _stands(link: ParsedLink, head: VaultHead) -> bool:
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


_GROUND: Final = """
    SELECT v.id, v.seq, v.head, v.seen_seq, v.last_cut_seq, v.held_until, v.held_by,
        t.seq, t.head, i.id, i.revision, i.c_details IS NULL
    FROM vaults_vault v
    JOIN accounts_team t ON t.id = v.team_id
    LEFT JOIN vaults_item i ON i.vault_number = v.number AND i.id = ANY(%s)
    WHERE v.id = %s AND v.team_id = %s
"""


def _ground(
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


def _judge(state: TeamState, head: VaultHead, items: Items, link: ParsedLink) -> None:
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
    ), entry AS (
        SELECT s.number, s.seq, e.*
        FROM swapped s, (VALUES {entries}) AS e(id, revision, overview, c_details, details)
        WHERE e.id IS NOT NULL
    ), moved AS (
        INSERT INTO vaults_revision
            (item_id, revision, epoch, author, c_details, overview, details)
        SELECT i.id, i.revision, i.epoch, i.author, i.c_details, i.overview, i.details
        FROM vaults_item i JOIN entry e ON e.id = i.id AND e.number = i.vault_number
    ), stored AS (
        INSERT INTO vaults_item AS i
            (id, vault_number, revision, epoch, link_seq, author, c_details, overview, details)
        SELECT id, number, revision, %s, seq, %s, c_details, overview, details FROM entry
        ON CONFLICT (id) DO UPDATE
        SET revision = EXCLUDED.revision, epoch = EXCLUDED.epoch, link_seq = EXCLUDED.link_seq,
            author = EXCLUDED.author, c_details = EXCLUDED.c_details,
            overview = EXCLUDED.overview, details = EXCLUDED.details
        WHERE i.vault_number = EXCLUDED.vault_number
        RETURNING id
    )
    SELECT number, (SELECT count(*) FROM stored) FROM swapped
"""
_ENTRY: Final = "(%s::uuid, %s::int, %s::bytea, %s::bytea, %s::bytea)"
_NO_ENTRY: Final = (None,) * 5  # of a link that only purges


def _append(access: TeamAccess, vault_id: UUID, change: Change) -> None:
    """Swap the head and store link and blobs in one statement; purge in two more.

    Raises:
        HeadMoved, StaleSeen, Held: the head was not swapped.
        Taken: an item of this id is another vault's.
    """
    link = change.link
    kept = [entry for entry in link.body["entries"] if entry[2] is not None]
    stored: list[Any] = []
    for entry, blob in zip(kept, change.blobs, strict=True):
        stored += (UUID(bytes=entry[0]), entry[1], blob.overview, blob.c_details, blob.details)
    seen = _seen(link).seq
    values = [
        *(link.seq, link.hash, seen),
        *(vault_id, link.seq - 1, link.prev, seen, seen, access.member_id),
        link.signed,
        *(stored or _NO_ENTRY),
        *(link.body["epoch"], link.actor),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_STORE.format(entries=rows_of(_ENTRY, len(kept) or 1)), values)
        row = cursor.fetchone()
    if row is None:
        _explain(access, vault_id, link)
    number, count = row
    if count != len(kept):
        raise Taken
    if len(kept) != len(link.body["entries"]):
        _purge(number, link)


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


_PURGE: Final = """
    UPDATE vaults_item i
    SET revision = e.revision, link_seq = %s, author = %s, epoch = %s,
        overview = NULL, details = NULL, c_details = NULL
    FROM unnest(%s::uuid[], %s::int[]) AS e(id, revision)
    WHERE i.id = e.id AND i.vault_number = %s
"""


def _purge(vault_number: int, link: ParsedLink) -> None:
    """Delete all blobs of the items that the link purges; their rows stay, so that none returns."""
    purged = [entry for entry in link.body["entries"] if entry[2] is None]
    ids = [UUID(bytes=entry[0]) for entry in purged]
    values = [link.seq, link.actor, link.body["epoch"], ids, [entry[1] for entry in purged]]
    with connection.cursor() as cursor:
        cursor.execute(_PURGE, [*values, vault_number])
        cursor.execute("DELETE FROM vaults_revision WHERE item_id = ANY(%s)", [ids])


def _rotate(
    access: VaultAccess,
    changing: Changing,
    rotation: RotationIn,
    sealed: SealedGrants,
    change: Change | None,
) -> bool:
    """Append the team link with its grants, and judge the vault link on it.

    Returns:
        Whether both stood there already.
    """
    heads: dict[UUID, VaultHead] = {}

    def lock_vault() -> None:
        heads.update(cut_heads_check(access.team_id, rotation.link))
        head = heads.get(access.vault_id)
        if head is not None:
            head.check_not_held(access.team.member_id)
        _check_quota(access, changing.at_head(rotation.link.seq - 1, rotation.link.prev), rotation)

    state = team_commit(access=access.team, link=rotation.link, changing=changing, guard=lock_vault)
    if state is None:
        if change is not None and not _stands(
            change.link, vault_head_read(access.team_id, access.vault_id)
        ):
            raise StaleSeen
        return True
    _store_rotation(access, state, rotation, sealed)
    if change is not None:
        head, items, _team_head = _ground(access.team_id, access.vault_id, change.link)
        _judge(state, head, items, change.link)
    return False


def is_spare_rotation(state: TeamState, link: ParsedLink) -> bool:
    """Whether a rotation is not due, and by somebody who does not manage the vault."""
    vault = state.vaults.get(link.body["vault"])
    return vault is not None and not vault.due.now and vault.right(link.actor) != Right.MANAGE


def _check_quota(access: VaultAccess, state: TeamState, rotation: RotationIn) -> None:
    """Of rotations that nobody needs, one an hour.

    Raises:
        TooManyLinks.
    """
    if not is_spare_rotation(state, rotation.link):
        return
    key = f"rotated:{access.vault_id}:{access.team.member_id.hex()}"
    if cache.get(key) is not None:
        raise TooManyLinks(retry_after=ROTATION_QUOTA_SECONDS)
    transaction.on_commit(lambda: cache.set(key, 1, ROTATION_QUOTA_SECONDS))


def _store_rotation(
    access: VaultAccess, state: TeamState, rotation: RotationIn, sealed: SealedGrants
) -> None:
    holders = {state.members[member].fp for member in state.holders(access.vault_id.bytes)}
    recipients = [grant.to for grant in rotation.grants]
    if len(recipients) != len(holders) or set(recipients) != holders:
        raise Invalid("A rotation brings one grant for each holder.")
    for grant in rotation.grants:
        if (grant.vault, grant.epoch) != (access.vault_id.bytes, rotation.link.body["epoch"]):
            raise LinkRefused("T7.place")
        grant_check(state, grant)
    vaults_project([access.vault_id.bytes], state)
    grants_insert(access.team, sealed)
    olds_insert(access.team, access.vault_id, rotation.olds, newest=rotation.link.body["epoch"])
    link_record(access.team, rotation.link, Action.VAULT_ROTATED, access.vault_id)


def _seen(link: ParsedLink) -> Head:
    """The state of the team that a judged link has seen; the fold asks for one."""
    if link.seen is None:
        raise TypeError("a vault link that was judged names what it has seen")
    return link.seen


# Both say what the bytes themselves say, so that a retry is told the same.


def _written(change: Change, *, again: bool) -> Written:
    seen = _seen(change.link)
    return Written(change.link.seq, change.link.hash, seen.seq, seen.hash, again)


def _rotated(rotation: RotationIn, change: Change | None, *, again: bool) -> Written:
    cut = rotation.link.body["cut"][0]
    seq, head = cut["seq"], cut["hash"]
    if change is not None:
        seq, head = change.link.seq, change.link.hash
    return Written(seq, head, rotation.link.seq, rotation.link.hash, again)
