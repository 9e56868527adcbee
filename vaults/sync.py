"""What a client has not seen yet: the heads of all chains, and records of what lies behind them.

Every query is over all teams or all vaults at once, so their number does not grow. A team whose
KEK cannot be had is an error among the heads; nothing else of it is served, and the rest is.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from django.db import connection, transaction

from accounts.errors import AccessDenied
from accounts.kek import lend
from accounts.models import Kek, User
from vaults import cbor_rows
from vaults.access import KEK_COLUMNS, kek_of
from vaults.crypto import cbor
from vaults.crypto.links import parse_signed
from vaults.kms.base import KmsUnavailable
from vaults.sync_team import FindWaiting, MyTeam, team_records

BATCH: Final = 500  # items or links in one record
# Up to here the links themselves say which items changed; beyond, all items of the vault are read.
MAX_LINKS_READ: Final = 200

_TEAMS: Final = f"""
    SELECT t.id, t.seq, t.head, t.stir, m.member_id, m.fp, m.role, m.verified, {KEK_COLUMNS}
    FROM accounts_member m JOIN accounts_team t ON t.id = m.team_id
    JOIN accounts_kek k ON k.team_id = t.id AND k.state = 'current'
    WHERE m.account_id = %s AND m.left_seq IS NULL
    ORDER BY t.id
"""  # noqa: S608 - a constant
# Vaults in which I hold a right, and all of a team that I administer, for their chains.
_VAULTS: Final = """
    SELECT v.id, v.number, v.team_id, v.seq, v.head, COALESCE(h."right", 0)
    FROM accounts_member m
    JOIN vaults_vault v ON v.team_id = m.team_id
    LEFT JOIN vaults_vaultmember h ON h.vault_id = v.id AND h.member_id = m.member_id
    WHERE m.account_id = %s AND m.left_seq IS NULL AND (
        h."right" IS NOT NULL OR (m.role IN ('owner', 'admin') AND m.verified <> 'none'))
    ORDER BY v.id
"""


@dataclass(frozen=True, slots=True)
class MyVault:
    """A vault whose chain I may read; its blobs only with a right."""

    id: UUID
    number: int  # what items and links name the vault by
    team_id: UUID
    seq: int
    head: bytes
    right: int  # 0: none


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a client has verified: a team's seq and the stir it last saw, a vault's seq."""

    teams: Mapping[UUID, tuple[int, int | None]]
    vaults: Mapping[UUID, int]


@dataclass(frozen=True, slots=True)
class View:
    """All that one account may sync now."""

    teams: list[MyTeam]
    vaults: list[MyVault]
    shut: frozenset[UUID]  # teams whose KEK cannot be had


@contextmanager
def one_state() -> Iterator[None]:
    """Have everything read inside belong to one moment.

    Else an item written between two queries would stand ahead of its link, which a client can only
    take for a lie (R12.items). Inside a transaction its caller has chosen.
    """
    connection.ensure_connection()
    if connection.in_atomic_block or connection.connection is None:
        yield
        return
    session = connection.connection
    # Set here, it goes with BEGIN; a statement of its own would cost a round trip.
    session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with transaction.atomic():
            yield
    finally:
        session.isolation_level = None


def sync_view(user: User) -> View:
    """Read what the account may see, and ask for each team's KEK."""
    with connection.cursor() as cursor:
        cursor.execute(_TEAMS, [user.pk])
        rows = cursor.fetchall()
        cursor.execute(_VAULTS, [user.pk])
        vaults = [
            MyVault(row[0], row[1], row[2], row[3], bytes(row[4]), row[5])
            for row in cursor.fetchall()
        ]
    shut = frozenset(row[0] for row in rows if _is_shut(kek_of(row[0], row[8:])))
    open_vaults = [vault for vault in vaults if vault.team_id not in shut]
    return View([MyTeam.from_row(row) for row in rows], open_vaults, shut)


def sync_heads(view: View) -> tuple[bytes, str]:
    """Return the first record, how far each chain is, and its ETag. No item is touched."""
    vaults = [
        {"hash": vault.head, "seq": vault.seq, "team": vault.team_id.bytes, "vault": vault.id.bytes}
        for vault in view.vaults
    ]
    teams = [_team_head(team, view) for team in view.teams]
    record = cbor.dumps(["heads", {"teams": teams, "vaults": vaults}])
    return record, f'"{hashlib.sha256(record).hexdigest()[:32]}"'


def sync_records(
    view: View, cursor: Cursor, parts: Collection[str], find_waiting: FindWaiting
) -> Iterator[bytes]:
    """Yield what follows the heads, in the order teams, items, links; then the end."""
    if "teams" in parts:
        open_teams = [team for team in view.teams if _is_behind(team, cursor, view)]
        seqs = {team: seen[0] for team, seen in cursor.teams.items()}
        yield from team_records(open_teams, seqs, find_waiting)
    behind = [vault for vault in view.vaults if vault.seq > cursor.vaults.get(vault.id, 0)]
    links = _links(behind, cursor, wanted="links" in parts)
    if "items" in parts:
        held = [vault for vault in behind if vault.right]
        yield from _item_records(held, cursor, links)
    if "links" in parts:
        for vault in behind:
            first = cursor.vaults.get(vault.id, 0) + 1
            signed = links.get(vault.id, [])
            for at in range(0, len(signed), BATCH):
                yield cbor_rows.record(
                    "links",
                    cbor_rows.b16(vault.id.bytes),
                    cbor_rows.uint(first + at),
                    cbor_rows.byte_strings(signed[at : at + BATCH]),
                )
    yield cbor.dumps(["end"])


def _is_shut(kek: Kek) -> bool:
    try:
        with lend(kek):
            return False
    except KmsUnavailable:
        return True


def _team_head(team: MyTeam, view: View) -> dict[str, Any]:
    if team.id in view.shut:
        return {"error": "kms_unavailable", "team": team.id.bytes}
    return {"hash": team.head, "seq": team.seq, "stir": team.stir, "team": team.id.bytes}


def _is_behind(team: MyTeam, cursor: Cursor, view: View) -> bool:
    """Whether the client lacks anything; one that names no stir is sent the team again."""
    return team.id not in view.shut and cursor.teams.get(team.id) != (team.seq, team.stir)


_LINKS: Final = """
    SELECT l.vault_number, l.signed
    FROM unnest(%s::int[], %s::int[]) AS c(number, seq)
    JOIN vaults_vaultlink l ON l.vault_number = c.number AND l.seq > c.seq
    ORDER BY l.vault_number, l.seq
"""


def _links(vaults: list[MyVault], cursor: Cursor, *, wanted: bool) -> dict[UUID, list[bytes]]:
    """The links after the cursor: of all, or of those where they say which items changed."""
    read = [vault for vault in vaults if wanted or _is_near(vault, cursor)]
    if not read:
        return {}
    found: dict[int, list[bytes]] = defaultdict(list)
    for number, signed in _binary(_LINKS, _places(read, cursor)):
        found[number].append(signed)
    return {vault.id: found[vault.number] for vault in read if vault.number in found}


def _places(vaults: list[MyVault], cursor: Cursor) -> list[list[int]]:
    """The numbers of the vaults, and of each the seq that the client has."""
    return [
        [vault.number for vault in vaults],
        [cursor.vaults.get(vault.id, 0) for vault in vaults],
    ]


def _is_near(vault: MyVault, cursor: Cursor) -> bool:
    """Whether the client has most of the vault already."""
    return 0 < cursor.vaults.get(vault.id, 0) >= vault.seq - MAX_LINKS_READ


_ITEM_COLUMNS: Final = (
    "i.vault_number, uuid_send(i.id), i.revision, i.epoch, i.author, i.c_details, i.overview"
)
_ITEMS_BY_VAULT: Final = f"""
    SELECT {_ITEM_COLUMNS}
    FROM unnest(%s::int[], %s::int[]) AS c(number, seq)
    JOIN vaults_item i ON i.vault_number = c.number AND i.link_seq > c.seq
"""  # noqa: S608 - constants only
_ITEMS_BY_ID: Final = f"""
    SELECT {_ITEM_COLUMNS}
    FROM vaults_item i WHERE i.id = ANY(%s) AND i.vault_number = ANY(%s)
"""  # noqa: S608


def _item_records(
    vaults: list[MyVault], cursor: Cursor, links: Mapping[UUID, list[bytes]]
) -> Iterator[bytes]:
    near = [vault for vault in vaults if _is_near(vault, cursor)]
    far = [vault for vault in vaults if not _is_near(vault, cursor)]
    items: dict[int, list[bytes]] = defaultdict(list)
    if near:
        changed = {item for vault in near for link in links[vault.id] for item in _named(link)}
        ids = [UUID(bytes=item) for item in changed]
        _encode(_ITEMS_BY_ID, [ids, [vault.number for vault in near]], items)
    if far:
        _encode(_ITEMS_BY_VAULT, _places(far, cursor), items)
    for vault in vaults:
        yield _vault_record(vault)
        for encoded in items[vault.number]:
            yield cbor_rows.record("items", cbor_rows.b16(vault.id.bytes), encoded)


def _encode(sql: str, values: list[Any], items: dict[int, list[bytes]]) -> None:
    """Read items, and add them to their vaults' lists as arrays of up to `BATCH`.

    Each array is encoded as soon as its rows are there: 10,000 rows in Python's small blocks
    would leave them scattered over 10 MB that the process keeps.
    """
    rows: dict[int, list[cbor_rows.ItemRow]] = defaultdict(list)
    for number, *row in _stream(sql, values):
        rows[number].append(row)
        if len(rows[number]) == BATCH:
            items[number].append(cbor_rows.items(rows.pop(number)))
    for number, rest in rows.items():
        items[number].append(cbor_rows.items(rest))


def _vault_record(vault: MyVault) -> bytes:
    place = {"hash": vault.head, "seq": vault.seq}
    return cbor.dumps(["vault", {**place, "team": vault.team_id.bytes, "vault": vault.id.bytes}])


def _named(signed: bytes) -> list[bytes]:
    """The items that a stored vault link is about."""
    return [entry[0] for entry in parse_signed(signed, "vault").body["entries"]]


def _binary(sql: str, values: list[Any]) -> list[Any]:
    """Fetch all rows in PostgreSQL's binary form: bytes come as they are, not as hex."""
    with _cursor() as cursor:
        cursor.execute(sql, values, binary=True)
        return list(cursor.fetchall())


def _stream(sql: str, values: list[Any]) -> Iterator[Any]:
    """Yield the rows as they come, `BATCH` at a time; else as `_binary`."""
    with _cursor() as cursor:
        yield from cursor.stream(sql, values, binary=True, size=BATCH)


def _cursor() -> psycopg.Cursor[Any]:
    """Django's own cursors do not ask for binary results."""
    connection.ensure_connection()
    if connection.connection is None:
        raise AccessDenied
    return psycopg.Cursor(connection.connection)
