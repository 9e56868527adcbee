"""KEKs: made by KMS, opened through the cache, and what happens when KMS says no."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import IntegrityError

from accounts.kek import (
    KekMoved,
    SealedRow,
    kek_flush,
    kek_hold_current,
    kek_insert,
    kek_prepare,
    open_kek,
    open_kek_version,
)
from accounts.models import Deployment, Kek
from accounts.setup import deployment_setup
from audit.models import AuditEvent, KmsCall
from audit.services import unit_of_work
from vaults.crypto.errors import DecryptionError
from vaults.kms.base import KmsUnavailable
from vaults.kms.cache import process_cache
from vaults.kms.local import MASTER_KEY, set_key_disabled

ROW = bytes(range(16))


def seal_row(kind: str, row: bytes, team_id: UUID | None, plaintext: bytes) -> SealedRow:
    with open_kek(team_id) as kek:
        return kek.seal(kind, row, plaintext)


def open_row(kind: str, row: bytes, team_id: UUID | None, sealed: SealedRow) -> bytearray:
    with open_kek_version(team_id, sealed.kek_version) as kek:
        return kek.open(kind, row, sealed.blob)


@pytest.fixture
def team(deployment: UUID) -> UUID:
    team = uuid4()
    prepared = kek_prepare(team)
    with unit_of_work():
        kek_insert(prepared)
    return team


@pytest.fixture
def switched_off(deployment: UUID):
    path = Path(settings.KMS_LOCAL_KEY_FILE)
    set_key_disabled(path, MASTER_KEY, disabled=True)
    yield
    set_key_disabled(path, MASTER_KEY, disabled=False)


def decrypts() -> int:
    return KmsCall.objects.filter(operation="Decrypt").count()


def test_setup_runs_once(deployment: UUID) -> None:
    assert not deployment_setup()
    call_command("setup")

    assert Deployment.objects.get().id == deployment
    kek = Kek.objects.get()
    assert (kek.team_id, kek.version, kek.deployment_id) == (None, 1, deployment)
    assert AuditEvent.objects.filter(action="kek.created", subject=kek.id.bytes).count() == 1


def test_the_context_names_the_team_and_nothing_personal(team: UUID, deployment: UUID) -> None:
    kek = Kek.objects.get(team_id=team)
    call = KmsCall.objects.get(pk=kek.call_id)

    assert call.context == {
        "app": "coffret",
        "deployment": deployment.hex,
        "team": team.hex,
        "kek": kek.id.hex,
    }


@pytest.mark.parametrize("owner", ["team", "deployment"])
def test_a_sealed_row_opens_only_at_its_place(team: UUID, owner: str) -> None:
    mine, other = (team, None) if owner == "team" else (None, team)
    sealed = seal_row("amk", ROW, mine, b"wrap")

    assert bytes(open_row("amk", ROW, mine, sealed)) == b"wrap"
    for kind, row, where in [
        ("opaque", ROW, mine),
        ("amk", ROW[::-1], mine),
        ("amk", ROW, other),
    ]:
        with pytest.raises(DecryptionError):
            open_row(kind, row, where, sealed)


def test_one_call_to_kms_serves_many_uses(team: UUID) -> None:
    before = decrypts()
    with open_kek(team) as first:
        pass
    with open_kek_version(team, 1) as second:
        pass

    assert decrypts() == before + 1
    assert first.call_id == second.call_id == KmsCall.objects.latest("started_at").id


def test_a_flush_shuts_the_copies_of_one_team(team: UUID) -> None:
    for owner in (team, None):
        with open_kek(owner):
            pass
    before = decrypts()
    call_command("kek_flush", "--team", str(team))
    for owner in (team, None):
        with open_kek(owner):
            pass

    assert decrypts() == before + 1
    assert AuditEvent.objects.filter(action="kek.flushed", scope_id=team).count() == 1


def test_without_kms_nothing_opens_once_the_copies_are_gone(team: UUID, switched_off: None) -> None:
    sealed = None
    process_cache().clear()
    with pytest.raises(KmsUnavailable):
        sealed = seal_row("amk", ROW, team, b"wrap")
    with pytest.raises(KmsUnavailable):
        kek_prepare(uuid4())

    assert sealed is None
    assert KmsCall.objects.filter(outcome="unavailable").count() == 2


def test_a_flush_with_kms_switched_off_shuts_at_once(team: UUID, switched_off: None) -> None:
    kek_flush(team)
    with pytest.raises(KmsUnavailable), open_kek(team):
        pass


def test_a_kek_is_never_asked_for_inside_a_unit_of_work(team: UUID) -> None:
    with pytest.raises(RuntimeError, match="before the transaction"), unit_of_work():
        kek_prepare(uuid4())


def test_a_writer_who_sealed_under_a_retired_version_is_told(team: UUID) -> None:
    with unit_of_work():
        kek_hold_current(team, 1)
    Kek.objects.filter(team_id=team).update(state=Kek.State.RETIRING)
    with pytest.raises(KekMoved), unit_of_work():
        kek_hold_current(team, 1)


@pytest.mark.parametrize("owner", ["team", "deployment"])
def test_an_owner_has_one_current_kek(team: UUID, owner: str) -> None:
    mine = team if owner == "team" else None
    prepared = kek_prepare(mine, version=2)
    with pytest.raises(IntegrityError), unit_of_work():
        kek_insert(prepared)


def test_a_kek_shows_nothing_of_itself(team: UUID) -> None:
    with open_kek(team) as kek:
        assert kek.key.raw.hex() not in repr(kek)
        assert bytes(kek.key.raw) not in bytes(Kek.objects.get(team_id=team).blob)
