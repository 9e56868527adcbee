"""KEKs: made by KMS, opened through the cache of this process, used for outer seals (SPEC 2).

A KEK is asked of KMS before a transaction opens, and its row is written inside. Opening one costs a
query always (its row says whether copies were flushed) and a call to KMS only when this process
holds no live copy.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from django.db import connection, models

from accounts.errors import Conflict
from accounts.models import Deployment, Kek
from accounts.rows import Rows
from audit.events import Action, Scope
from audit.services import record, unit_of_work
from vaults.crypto import keys
from vaults.crypto.seal import open_outer, seal_outer
from vaults.kms import registry
from vaults.kms.base import Decrypted
from vaults.kms.cache import KekRef, kek_context, process_cache

_CURRENT: Final = Rows(Kek, "t.team_id IS NOT DISTINCT FROM %s AND t.state = 'current'")
_VERSION: Final = Rows(Kek, "t.team_id IS NOT DISTINCT FROM %s AND t.version = %s")
_OF_TEAMS: Final = Rows(Kek, "t.team_id = ANY(%s)")


class KekMoved(Conflict):
    """The KEK was replaced between sealing and writing: seal again."""

    code = "kek_moved"
    title = "The key was replaced meanwhile. Try again."


class KekMissing(RuntimeError):  # noqa: N818 - the name says what is wrong
    """No KEK for this owner: `manage.py setup` has not run, or the team is half made."""


@dataclass(frozen=True, slots=True)
class PreparedKek:
    """A new KEK as KMS sealed it, not stored yet."""

    id: UUID
    deployment_id: UUID
    team_id: UUID | None
    version: int
    blob: bytes
    master_key_id: str
    call_id: UUID


@dataclass(frozen=True, slots=True)
class SealedRow:
    """What is stored: the seal, and which version of the owner's KEK opens it."""

    kek_version: int
    blob: bytes


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class OpenedKek:
    """A KEK for the length of a `with`, and the KMS call that brought it into this process."""

    deployment_id: UUID
    team_id: UUID | None
    version: int
    key: keys.Kek
    call_id: UUID

    def seal(self, kind: str, row: bytes, plaintext: bytes | bytearray) -> SealedRow:
        """Seal a row's secret to its place.

        Args:
            kind: `grant`, `opaque`, `amk`, `server` or `totp` (SPEC 2).
            row: 16 bytes of the row's id; for a grant the hash of its bytes, 32.
            plaintext: any length; the blob is 81 bytes longer.
        """
        blob = seal_outer(
            self.key,
            deployment=self.deployment_id.bytes,
            kek_version=self.version,
            kind=kind,
            row=row,
            team=self._team(),
            plaintext=bytes(plaintext),
        )
        return SealedRow(self.version, blob)

    def open(self, kind: str, row: bytes, sealed: bytes) -> bytearray:
        """Undo `seal`.

        Raises:
            DecryptionError: other kind, row, team or version, or altered.
        """
        return open_outer(
            self.key,
            deployment=self.deployment_id.bytes,
            kek_version=self.version,
            kind=kind,
            row=row,
            team=self._team(),
            sealed=bytes(sealed),
        )

    def _team(self) -> bytes | None:
        return None if self.team_id is None else self.team_id.bytes


def deployment_id() -> UUID:
    """Return the id of this installation.

    Raises:
        KekMissing: `manage.py setup` has not run.
    """
    found = Deployment.objects.values_list("id", flat=True).first()
    if found is None:
        raise KekMissing("run manage.py setup first")
    return found


def kek_prepare(
    team_id: UUID | None, *, version: int = 1, deployment: UUID | None = None
) -> PreparedKek:
    """Have KMS draw a KEK. Call this before the transaction that stores it.

    Raises:
        KmsUnavailable: there is none; nothing was written.
    """
    kek_id, deployment = uuid4(), deployment or deployment_id()
    master = registry.master_key_id()
    context = kek_context(deployment=deployment, team=team_id, kek=kek_id)
    pair = registry.current().generate_data_key(key_id=master, context=context)
    pair.plaintext[:] = bytes(len(pair.plaintext))
    return PreparedKek(kek_id, deployment, team_id, version, pair.blob, master, pair.call_id)


def kek_insert(prepared: PreparedKek) -> Kek:
    """Store a prepared KEK as the current one, inside the caller's unit of work."""
    record(
        action=Action.KEK_CREATED,
        scope=_scope(prepared.team_id),
        subject=prepared.id,
        details={"version": prepared.version, "call": prepared.call_id.bytes},
    )
    return Kek.objects.create(
        id=prepared.id,
        deployment_id=prepared.deployment_id,
        team_id=prepared.team_id,
        version=prepared.version,
        blob=prepared.blob,
        master_key_id=prepared.master_key_id,
        call_id=prepared.call_id,
    )


@contextmanager
def open_kek(team_id: UUID | None) -> Iterator[OpenedKek]:
    """Lend the current KEK of a team, or of the deployment for None.

    Raises:
        KmsUnavailable: it is not in the cache and KMS does not open it.
        KekMissing: there is none.
    """
    with lend(_CURRENT.first(team_id)) as opened:
        yield opened


@contextmanager
def open_kek_version(team_id: UUID | None, version: int) -> Iterator[OpenedKek]:
    """Lend one version, for rows that still name it. Raises as `open_kek`."""
    with lend(_VERSION.first(team_id, version)) as opened:
        yield opened


def kek_hold_current(team_id: UUID | None, version: int) -> None:
    """Inside a transaction that stores rows sealed under `version`: keep that version alive.

    Takes FOR KEY SHARE, so that many writers pass together while the destruction of a KEK, which
    takes FOR UPDATE, waits for them.

    Raises:
        KekMoved: another version is the current one by now.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM accounts_kek WHERE team_id IS NOT DISTINCT FROM %s AND version = %s"
            " AND state = 'current' FOR KEY SHARE",
            [team_id, version],
        )
        if cursor.fetchone() is None:
            raise KekMoved


def kek_flush(team_id: UUID | None, *, actor_id: UUID | None = None) -> int:
    """Shut the cached copies of one team's KEKs, in every process at once.

    Args:
        team_id: None for the deployment's own.
        actor_id: the account that asked; None on the command line.

    Returns:
        How many KEKs were flushed.
    """
    with unit_of_work():
        return _flush(Kek.objects.filter(team_id=team_id), _scope(team_id), actor_id)


def kek_flush_all(*, actor_id: UUID | None = None) -> int:
    """Shut every cached KEK, in every process at once; returns how many there are."""
    with unit_of_work():
        return _flush(Kek.objects.all(), Scope.deployment(), actor_id)


def _flush(rows: models.QuerySet[Kek], scope: Scope, actor_id: UUID | None) -> int:
    count = rows.update(flushed=models.F("flushed") + 1)
    record(action=Action.KEK_FLUSHED, scope=scope, actor_id=actor_id, details={"count": count})
    return count


def _scope(team_id: UUID | None) -> Scope:
    return Scope.deployment() if team_id is None else Scope.team(team_id)


def keks_of(team_ids: Iterable[UUID]) -> list[Kek]:
    """Return every KEK of these teams, in one query; `lend` opens them."""
    return _OF_TEAMS.all(list(team_ids))


@contextmanager
def lend(row: Kek | None) -> Iterator[OpenedKek]:
    """Lend the KEK of a row that was just read. Raises as `open_kek`."""
    if row is None:
        raise KekMissing("this owner has no such KEK")
    with process_cache().get(KekRef(row.id, row.flushed), lambda: _load(row)) as held:
        yield OpenedKek(row.deployment_id, row.team_id, row.version, held.key, held.call_id)


def _load(row: Kek) -> Decrypted:
    context = kek_context(deployment=row.deployment_id, team=row.team_id, kek=row.id)
    kms = registry.current()
    return kms.decrypt(key_id=row.master_key_id, blob=bytes(row.blob), context=context)
