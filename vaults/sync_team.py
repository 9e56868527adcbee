"""The `team` records of a sync: links, names, grants to me, and what awaits managers and admins."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

import structlog
from django.db import connection

from accounts.kek import OpenedKek, keks_of, lend
from vaults import binary_rows, cbor_rows
from vaults.crypto import cbor
from vaults.crypto.errors import DecryptionError
from vaults.models import Right
from vaults.services.grants import grant_open

logger = structlog.get_logger(__name__)

ADMINS: Final = ("owner", "admin")


@dataclass(frozen=True, slots=True)
class MyTeam:
    """A team of which I am a present member."""

    id: UUID
    seq: int
    head: bytes
    stir: int
    member_id: bytes
    fp: bytes
    role: str
    verified: str

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> Self:
        """Take the columns in their order."""
        return cls(
            row[0], row[1], bytes(row[2]), row[3], bytes(row[4]), bytes(row[5]), row[6], row[7]
        )

    @property
    def administers(self) -> bool:
        return self.role in ADMINS and self.verified != "none"


_BROKEN_NAMES: Final = ("vault", "epoch", "to", "from")

Found = dict[UUID, list[Any]]  # by team
# Acceptances that wait for an admin, as they go out, by team.
FindWaiting = Callable[[list[UUID]], Mapping[UUID, list[dict[str, Any]]]]


def team_records(
    teams: list[MyTeam],
    cursor: Mapping[UUID, int],
    find_waiting: FindWaiting,
) -> Iterator[bytes]:
    """Yield one record for each team; the queries are over all of them.

    Args:
        teams: with a KEK that can be had.
        cursor: the last link that the client has of each.
        find_waiting: asked for the teams that I administer; people who wait are another app's.
    """
    if not teams:
        return
    ids = [team.id for team in teams]
    me = [ids, [team.member_id for team in teams], [team.fp for team in teams]]
    after = [cursor.get(team, -1) for team in ids]
    links = binary_rows.encoded(binary_rows.stream(_LINKS, [ids, after]), _link_batch)
    openings = _by_team(_OPENINGS, [ids])
    grants = _by_team(_GRANTS, me)
    olds = _by_team(_OLDS, me[:2])
    admins = [team.id for team in teams if team.administers]
    waiting = find_waiting(admins) if admins else {}
    pending = _by_team(_PENDING, me[:2])
    broken = _by_team(_BROKEN, me[:2])
    # Every version: some grants still name an older one.
    keks = {(kek.team_id, kek.version): kek for kek in keks_of(ids)}
    with ExitStack() as stack:
        opened: dict[tuple[UUID, int], OpenedKek] = {}
        for team in teams:
            for row in grants.get(team.id, []):
                place = (team.id, row[3])
                if place not in opened:
                    opened[place] = stack.enter_context(lend(keks.get(place)))
            record = {
                "broken": [_named(_BROKEN_NAMES, row) for row in broken.get(team.id, [])],
                "grants": [
                    grant
                    for row in grants.get(team.id, [])
                    if (grant := _grant(row, opened[team.id, row[3]]))
                ],
                "hash": team.head,
                "olds": [
                    _named(("vault", "from", "to", "uploader", "blob"), row)
                    for row in olds.get(team.id, [])
                ],
                "openings": [
                    _named(("kind", "member", "invite", "salt", "text"), row)
                    for row in openings.get(team.id, [])
                ],
                "pending": [_named(("vault", "epoch", "to"), r) for r in pending.get(team.id, [])],
                "seq": team.seq,
                "stir": team.stir,
                "team": team.id.bytes,
                "waiting": list(waiting.get(team.id, [])),
            }
            yield _record(record, links[team.id])


def _record(fields: dict[str, Any], links: list[tuple[int, bytes]]) -> bytes:
    """A team's record. Its links, of which there may be thousands, are encoded already."""
    encoded = {name: cbor.dumps(value) for name, value in fields.items()}
    encoded["links"] = cbor_rows.array(links)
    return cbor_rows.record("team", cbor_rows.mapping(encoded))


def _link_batch(links: Sequence[bytes]) -> tuple[int, bytes]:
    return len(links), cbor_rows.bare_byte_strings(links)


_LINKS: Final = """
    SELECT l.team_id, l.signed
    FROM unnest(%s::uuid[], %s::bigint[]) AS c(id, seq)
    JOIN accounts_teamlink l ON l.team_id = c.id AND l.seq > c.seq
    ORDER BY l.team_id, l.seq
"""
_OPENINGS: Final = """
    SELECT team_id, kind, member_id, invite, salt, text FROM accounts_opening
    WHERE team_id = ANY(%s) ORDER BY id
"""
# Of all epochs, while I hold a right: an old item may need an old key.
_GRANTS: Final = """
    SELECT g.team_id, g.vault_id, g.row_hash, g.blob, g.kek_version, g.opened_at IS NOT NULL
    FROM unnest(%s::uuid[], %s::bytea[], %s::bytea[]) AS me(team_id, member_id, fp)
    JOIN vaults_vaultmember h ON h.team_id = me.team_id AND h.member_id = me.member_id
    JOIN vaults_grant g ON g.vault_id = h.vault_id AND g.to_fp = me.fp
    ORDER BY g.id
"""
_OLDS: Final = """
    SELECT o.team_id, o.vault_id, o.from_epoch, o.to_epoch, o.uploader, o.blob
    FROM unnest(%s::uuid[], %s::bytea[]) AS me(team_id, member_id)
    JOIN vaults_vaultmember h ON h.team_id = me.team_id AND h.member_id = me.member_id
    JOIN vaults_olddek o ON o.vault_id = h.vault_id
    ORDER BY o.id
"""
# Holders who have no grant of the present epoch that their client could open.
_PENDING: Final = f"""
    SELECT v.team_id, v.id, v.epoch, m.fp
    FROM unnest(%s::uuid[], %s::bytea[]) AS me(team_id, member_id)
    JOIN vaults_vaultmember h ON h.team_id = me.team_id AND h.member_id = me.member_id
        AND h."right" = {Right.MANAGE}
    JOIN vaults_vault v ON v.id = h.vault_id
    JOIN vaults_vaultmember o ON o.vault_id = v.id
    JOIN accounts_member m ON m.team_id = v.team_id AND m.member_id = o.member_id
    WHERE NOT EXISTS (
        SELECT 1 FROM vaults_grant g
        WHERE g.vault_id = v.id AND g.epoch = v.epoch AND g.to_fp = m.fp
            AND g.opened_at IS NOT NULL)
    ORDER BY v.id, m.fp
"""  # noqa: S608 - a constant
_BROKEN: Final = f"""
    SELECT g.team_id, g.vault_id, g.epoch, g.to_fp, g.from_fp
    FROM unnest(%s::uuid[], %s::bytea[]) AS me(team_id, member_id)
    JOIN vaults_vaultmember h ON h.team_id = me.team_id AND h.member_id = me.member_id
        AND h."right" = {Right.MANAGE}
    JOIN vaults_grant g ON g.vault_id = h.vault_id
    WHERE g.broken_at IS NOT NULL AND g.opened_at IS NULL
    ORDER BY g.id
"""  # noqa: S608


def _by_team(sql: str, values: list[Any]) -> Found:
    """Run one query whose first column is the team; ids and bytes come as plain bytes."""
    found: Found = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        for team_id, *row in cursor.fetchall():
            found[team_id].append([_plain(value) for value in row])
    return found


def _plain(value: Any) -> Any:
    return value.bytes if isinstance(value, UUID) else value


def _named(names: tuple[str, ...], row: list[Any]) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))


def _grant(row: list[Any], kek: OpenedKek) -> dict[str, Any] | None:
    """Open one grant; None, and a line in the log, if its row is damaged: the rest is served."""
    vault, row_hash, blob, _version, opened = row
    try:
        grant, sig = grant_open(kek, row_hash, blob)
    except DecryptionError:
        logger.exception("grant_does_not_open", vault=UUID(bytes=vault))
        return None
    return {"grant": grant, "opened": opened, "sig": sig, "vault": vault}
