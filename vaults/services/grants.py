"""Grants: sealed again under the team's KEK, stored, opened for their recipients, reported on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.access import TeamAccess
from accounts.conflicts import LinkRefused, StaleSeen
from accounts.errors import AccessDenied, Invalid
from accounts.kek import KekMoved, OpenedKek, lend, open_kek
from accounts.models import Kek
from accounts.rows import rows_of
from accounts.services.log import member_record
from accounts.services.team import team_lock, team_stir
from accounts.team_chain import TeamState
from accounts.team_state import team_states
from audit.events import Action
from audit.services import unit_of_work
from vaults.crypto import cbor
from vaults.crypto.errors import DecryptionError, Refused, Waiting
from vaults.crypto.grants import ParsedGrant, parse_grant, stored_grant
from vaults.models import Right
from vaults.vault_chain import check_grant

KIND: Final = "grant"  # of the outer seal


@dataclass(frozen=True, slots=True)
class SealedGrants:
    """Grants under the outer seal, ready for a transaction that is still on the same KEK."""

    grants: tuple[ParsedGrant, ...]
    blobs: tuple[bytes, ...]
    kek_version: int
    call_id: UUID  # of the KMS call that loaded the KEK


@dataclass(frozen=True, slots=True)
class GrantReport:
    """That a grant opened, or did not, in its recipient's client."""

    vault_id: UUID
    epoch: int
    from_fp: bytes


def grants_parse(pairs: Iterable[tuple[bytes, bytes]]) -> list[ParsedGrant]:
    """Parse grants and signatures as they came.

    Raises:
        LinkRefused: `T7.parse` or `R15.suite`.
    """
    try:
        return [parse_grant(stored_grant(grant, sig)) for grant, sig in pairs]
    except Refused as verdict:
        raise LinkRefused(verdict.refusal) from None


def grants_seal(team_id: UUID, grants: Sequence[ParsedGrant]) -> SealedGrants:
    """Put the outer seal over grants; before the transaction.

    Raises:
        KmsUnavailable: the team's KEK cannot be had; nothing was written.
    """
    with open_kek(team_id) as kek:
        return _seal(kek, grants)


def _seal(kek: OpenedKek, grants: Sequence[ParsedGrant]) -> SealedGrants:
    blobs = tuple(grant_seal(kek, grant) for grant in grants)
    return SealedGrants(tuple(grants), blobs, kek.version, kek.call_id)


def grant_seal(kek: OpenedKek, grant: ParsedGrant) -> bytes:
    """Seal one grant to its own hash."""
    return kek.seal(KIND, grant.row_hash(), stored_grant(grant.grant, grant.sig)).blob


def grant_open(kek: OpenedKek, row_hash: bytes, blob: bytes) -> tuple[bytes, bytes]:
    """Undo the outer seal; return the grant's bytes and its signature.

    Raises:
        DecryptionError: it does not open, or what came out is not the row's grant.
    """
    pair = cbor.loads(bytes(kek.open(KIND, row_hash, blob)))
    if parse_grant(stored_grant(pair["grant"], pair["sig"])).row_hash() != row_hash:
        raise DecryptionError
    return pair["grant"], pair["sig"]


def grants_store(*, access: TeamAccess, kek_row: Kek, pairs: Sequence[tuple[bytes, bytes]]) -> int:
    """Store grants that the caller signed, for holders of vaults that the caller manages.

    `kek_row` is the team's current one, as it was read with `access`.

    A later grant by the same sender to the same member and epoch takes the place of one that
    was not reported open, so a first bad one blocks nothing.

    Returns:
        How many were stored.

    Raises:
        AccessDenied: a vault that is not of this team.
        Invalid: no grant, or one twice.
        LinkRefused: what a recipient's client would refuse.
        StaleSeen: the head does not cover the last link about recipient or vault.
        KmsUnavailable: nothing was written.
    """
    if not pairs:
        raise Invalid("Bring at least one grant.")
    grants = grants_parse(pairs)
    with lend(kek_row) as kek:
        sealed = _seal(kek, grants)
    with team_states.lend(access.team_id) as state:
        for grant in grants:
            _check_may_grant(state, access, grant)
            if grant.sender != access.fp:
                raise LinkRefused("T7.sender")
            grant_check(state, grant)
    with unit_of_work():
        team_lock(access.team_id)
        _check_heads(access.team_id, grants)
        stored = grants_insert(access, sealed)
        # What is passed over is no news: nobody's client need fetch the team's record for it.
        if stored:
            team_stir(access.team_id)
        return stored


def _check_may_grant(state: TeamState, access: TeamAccess, grant: ParsedGrant) -> None:
    """Whoever neither manages the vault nor made the epoch hears what an outsider hears.

    Raises:
        AccessDenied.
    """
    vault = state.vaults.get(grant.vault)
    if vault is None:
        raise AccessDenied
    made = (
        1 <= grant.epoch <= vault.epoch and vault.epochs[grant.epoch - 1].signer == access.member_id
    )
    if not made and vault.right(access.member_id) < Right.MANAGE:
        raise AccessDenied


def grant_check(state: TeamState, grant: ParsedGrant) -> None:
    """Judge a grant as its recipient will, but for what lies inside the box.

    Raises:
        LinkRefused: the first check of SPEC 7.3 that fails.
    """
    recipient = state.member_by_fp(grant.to)
    if recipient is None:
        raise LinkRefused("T7.to")
    try:
        check_grant(state, recipient.id, grant)
    except Refused as verdict:
        raise LinkRefused(verdict.refusal) from None
    except Waiting:
        raise LinkRefused("T7.head") from None


# The KEK is held first (see `kek_hold_current`): without it, no row comes back. A grant that opened
# stays: nobody may take a working key from a holder. But where a holder lost all right and came
# back, the one from before is refused by their client (T7.since), so it may be replaced. What was
# reported on a grant is not true of the one that takes its place.
_INSERT: Final = """
    WITH kek AS MATERIALIZED (
        SELECT team_id, version FROM accounts_kek
        WHERE team_id = %s AND version = %s AND state = 'current' FOR KEY SHARE
    ), stored AS (
        INSERT INTO vaults_grant (
            team_id, kek_version, vault_id, epoch, to_fp, from_fp, row_hash, blob, head_seq
        )
        SELECT kek.team_id, kek.version, g.*
        FROM kek, (VALUES {grants}) AS g(vault_id, epoch, to_fp, from_fp, row_hash, blob, head_seq)
        ON CONFLICT (vault_id, epoch, to_fp, from_fp) DO UPDATE
        SET kek_version = EXCLUDED.kek_version, row_hash = EXCLUDED.row_hash,
            blob = EXCLUDED.blob, head_seq = EXCLUDED.head_seq, opened_at = NULL, broken_at = NULL
        WHERE vaults_grant.opened_at IS NULL OR vaults_grant.head_seq < (
            SELECT holder.since_seq FROM vaults_vaultmember holder
            JOIN accounts_member person
                ON person.team_id = holder.team_id AND person.member_id = holder.member_id
            WHERE holder.vault_id = vaults_grant.vault_id AND person.fp = vaults_grant.to_fp
                AND person.team_id = vaults_grant.team_id AND person.left_seq IS NULL
        )
        RETURNING row_hash
    )
    SELECT stored.row_hash FROM kek LEFT JOIN stored ON true
"""
_GRANT: Final = "(%s::uuid, %s::int, %s::bytea, %s::bytea, %s::bytea, %s::bytea, %s::bigint)"


def grants_insert(access: TeamAccess, sealed: SealedGrants) -> int:
    """Store sealed grants and their events, inside the caller's unit of work.

    Returns:
        How many were stored: one that opened is kept, and what would replace it passed over.

    Raises:
        Invalid: two of them are by one sender to one member, vault and epoch.
        KekMoved: they are sealed under a KEK that is not the current one by now.
    """
    if not sealed.grants:
        return 0
    places = {(grant.vault, grant.epoch, grant.to, grant.sender) for grant in sealed.grants}
    if len(places) != len(sealed.grants):
        raise Invalid("One grant for each member, vault and epoch.")
    stored = _insert(access.team_id, sealed)
    for grant in sealed.grants:
        if grant.row_hash() not in stored:
            continue
        _record(
            access,
            Action.GRANT_STORED,
            GrantReport(UUID(bytes=grant.vault), grant.epoch, grant.sender),
            to=grant.to,
            kek_call=sealed.call_id,
        )
    return len(stored)


def _insert(team_id: UUID, sealed: SealedGrants) -> set[bytes]:
    """Return the hashes of the grants that were stored. Raises as `grants_insert`."""
    values: list[Any] = [team_id, sealed.kek_version]
    for grant, blob in zip(sealed.grants, sealed.blobs, strict=True):
        values += (UUID(bytes=grant.vault), grant.epoch, grant.to, grant.sender)
        values += (grant.row_hash(), blob, grant.head.seq)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT.format(grants=rows_of(_GRANT, len(sealed.grants))), values)
        rows = cursor.fetchall()
    if not rows:
        raise KekMoved
    return {bytes(row_hash) for (row_hash,) in rows if row_hash is not None}


def grants_report(
    *, access: TeamAccess, opened: Sequence[GrantReport], broken: Sequence[GrantReport]
) -> None:
    """Note which grants to the caller opened. A report on no such grant is passed over."""
    with unit_of_work():
        # First the team's row, as everywhere: a rotation replaces grants under that lock.
        team_lock(access.team_id)
        found = _mark(access, opened, "opened_at") + _mark(access, broken, "broken_at")
        for report in found[: len(opened)]:
            if report is not None:
                _record(access, Action.GRANT_OPENED, report)
        for report in found[len(opened) :]:
            if report is not None:
                _record(access, Action.GRANT_REPORTED_BROKEN, report)
        if any(found):
            team_stir(access.team_id)


_MARK: Final = """
    UPDATE vaults_grant g SET {column} = %s
    FROM unnest(%s::uuid[], %s::int[], %s::bytea[]) AS r(vault_id, epoch, from_fp)
    WHERE g.team_id = %s AND g.to_fp = %s AND g.{column} IS NULL
        AND g.vault_id = r.vault_id AND g.epoch = r.epoch AND g.from_fp = r.from_fp
    RETURNING g.vault_id, g.epoch, g.from_fp
"""


def _mark(
    access: TeamAccess, reports: Sequence[GrantReport], column: str
) -> list[GrantReport | None]:
    """Set a time where there is none yet; return per report itself, or None if nothing changed."""
    columns = [
        [report.vault_id for report in reports],
        [report.epoch for report in reports],
        [report.from_fp for report in reports],
    ]
    with connection.cursor() as cursor:
        values: list[Any] = [timezone.now(), *columns, access.team_id, access.fp]
        cursor.execute(_MARK.format(column=column), values)
        changed = {(row[0], row[1], bytes(row[2])) for row in cursor.fetchall()}
    return [
        report if (report.vault_id, report.epoch, report.from_fp) in changed else None
        for report in reports
    ]


# One row for each grant, in their order.
_TOUCHED: Final = """
    SELECT v.touched_seq, m.touched_seq
    FROM unnest(%s::uuid[], %s::bytea[]) WITH ORDINALITY AS g(vault_id, to_fp, number)
    LEFT JOIN vaults_vault v ON v.id = g.vault_id AND v.team_id = %s
    LEFT JOIN accounts_member m
        ON m.team_id = %s AND m.fp = g.to_fp AND m.left_seq IS NULL
    ORDER BY g.number
"""


def _check_heads(team_id: UUID, grants: Sequence[ParsedGrant]) -> None:
    """Compare with the last links about vaults and recipients.

    The caller has locked the team's row, so that no link comes between this and the commit.
    """
    places: list[Any] = [
        [UUID(bytes=grant.vault) for grant in grants],
        [grant.to for grant in grants],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED, [*places, team_id, team_id])
        rows = cursor.fetchall()
    for grant, (vault_seq, member_seq) in zip(grants, rows, strict=True):
        if vault_seq is None:
            raise AccessDenied
        if member_seq is None or grant.head.seq < max(vault_seq, member_seq):
            raise StaleSeen


def _record(
    access: TeamAccess, action: Action, report: GrantReport, **details: bytes | UUID
) -> None:
    member_record(
        access,
        action,
        report.vault_id,
        {"epoch": report.epoch, "from": report.from_fp, **details},
    )
