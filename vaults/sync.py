"""What a client has not seen yet: the heads of all chains, and records of what lies behind them.

Every query is over all teams or all vaults at once, so their number does not grow. A team whose
KEK cannot be had is an error among the heads; nothing else of it is served, and the rest is.
"""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from django.db import connection, transaction

from accounts.kek import lend
from accounts.models import Kek, User
from vaults import binary_rows, cbor_rows
from vaults.access import KEK_COLUMNS, kek_of
from vaults.crypto import cbor
from vaults.crypto.links import parse_signed
from vaults.kms.base import KmsUnavailable
from vaults.sync_team import FindWaiting, MyTeam, team_records

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
    near = [vault for vault in behind if _is_near(vault, cursor)]
    links = _links(near, cursor)
    if "items" in parts:
        held = [vault for vault in behind if vault.right]
        yield from _item_records(held, cursor, links)
    if "links" in parts:
        yield from _link_records(behind, cursor, links)
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


def _links(vaults: list[MyVault], cursor: Cursor) -> dict[UUID, list[bytes]]:
    """The links after the cursor, of vaults where they are few and say which items changed."""
    if not vaults:
        return {}
    found: dict[int, list[bytes]] = defaultdict(list)
    for number, signed in binary_rows.fetch(_LINKS, _places(vaults, cursor)):
        found[number].append(signed)
    return {vault.id: found[vault.number] for vault in vaults}


def _places(vaults: list[MyVault], cursor: Cursor) -> list[list[int]]:
    """The numbers of the vaults, and of each the seq that the client has."""
    return [
        [vault.number for vault in vaults],
        [cursor.vaults.get(vault.id, 0) for vault in vaults],
    ]


def _is_near(vault: MyVault, cursor: Cursor) -> bool:
    """Whether the client has most of the vault already."""
    return 0 < cursor.vaults.get(vault.id, 0) >= vault.seq - MAX_LINKS_READ


def _link_records(
    vaults: list[MyVault], cursor: Cursor, near: Mapping[UUID, list[bytes]]
) -> Iterator[bytes]:
    far = [vault for vault in vaults if vault.id not in near]
    rows = binary_rows.stream(_LINKS, _places(far, cursor)) if far else iter(())
    arrays = binary_rows.encoded(rows, cbor_rows.byte_strings)
    for vault in vaults:
        first = cursor.vaults.get(vault.id, 0) + 1
        few = [cbor_rows.byte_strings(near[vault.id])] if vault.id in near else []
        for number, array in enumerate(few or arrays[vault.number]):
            yield cbor_rows.record(
                "links",
                cbor_rows.b16(vault.id.bytes),
                cbor_rows.uint(first + number * binary_rows.BATCH),
                array,
            )


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
    near = [vault for vault in vaults if vault.id in links]
    far = [vault for vault in vaults if vault.id not in links]
    changed = {item for vault in near for link in links[vault.id] for item in _named(link)}
    few = [[UUID(bytes=item) for item in changed], [vault.number for vault in near]]
    rows = itertools.chain(
        binary_rows.stream(_ITEMS_BY_ID, few) if near else (),
        binary_rows.stream(_ITEMS_BY_VAULT, _places(far, cursor)) if far else (),
    )
    items = binary_rows.encoded(((row[0], row[1:]) for row in rows), cbor_rows.items)
    for vault in vaults:
        yield _vault_record(vault)
        for encoded in items[vault.number]:
            yield cbor_rows.record("items", cbor_rows.b16(vault.id.bytes), encoded)


def _vault_record(vault: MyVault) -> bytes:
    place = {"hash": vault.head, "seq": vault.seq}
    return cbor.dumps(["vault", {**place, "team": vault.team_id.bytes, "vault": vault.id.bytes}])


def _named(signed: bytes) -> list[bytes]:
    """The items that a stored vault link is about."""
    return [entry[0] for entry in parse_signed(signed, "vault").body["entries"]]
