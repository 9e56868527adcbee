"""KMS calls as rows: before, during and after, whatever becomes of the change they are for."""

import os
from uuid import UUID, uuid4

import pytest

from audit.kms_journal import DatabaseJournal
from audit.models import KmsAttempt, KmsCall
from audit.origin import Origin, origin_set
from audit.services import unit_of_work
from vaults.kms.base import Journal, KmsRefused, KmsUnavailable
from vaults.kms.cache import kek_context
from vaults.kms.local import LocalKms, create_key_file, set_key_disabled

pytestmark = pytest.mark.django_db(transaction=True)

TEAM = UUID(int=7)
ANA = UUID(int=1)


@pytest.fixture
def key_file(tmp_path):
    create_key_file(tmp_path / "keys.json")
    return tmp_path / "keys.json"


@pytest.fixture
def kms(key_file):
    journal: Journal = DatabaseJournal()
    return LocalKms(key_file, journal)


def context(team=TEAM):
    return kek_context(deployment=UUID(int=3), team=team, kek=UUID(int=4))


def test_a_call_is_one_row_with_its_attempt(kms):
    trace_id = uuid4()
    with origin_set(Origin("192.0.2.7", "", trace_id, lambda: ANA)):
        made = kms.generate_data_key(key_id="master", context=context())

    call = KmsCall.objects.get()
    assert call.id == made.call_id
    assert (call.operation, call.key_id, call.outcome) == ("GenerateDataKey", "master", "ok")
    assert (call.team_id, call.actor_id, call.trace_id) == (TEAM, ANA, trace_id)
    assert call.context == context()
    assert call.process.endswith(f":{os.getpid()}")
    attempt = call.attempts.get()
    assert call.finished_at is not None
    assert call.started_at <= attempt.at <= call.finished_at
    assert (attempt.number, attempt.outcome) == (1, "ok")
    assert len(attempt.request_id or "") == 36


def test_a_call_for_the_deployment_names_no_team(kms):
    kms.generate_data_key(key_id="master", context=context(team=None))
    kms.mac(key_id="login", message=b"m")
    assert (
        list(KmsCall.objects.values_list("team_id", "actor_id", "trace_id"))
        == [(None, None, None)] * 2
    )


def test_failures_are_rows_too(kms, key_file):
    blob = kms.generate_data_key(key_id="master", context=context()).blob
    with pytest.raises(KmsRefused):
        kms.decrypt(key_id="master", blob=blob, context=context(team=UUID(int=8)))
    set_key_disabled(key_file, "master", disabled=True)
    with pytest.raises(KmsUnavailable) as caught:
        kms.decrypt(key_id="master", blob=blob, context=context())

    calls = KmsCall.objects.order_by("started_at")
    assert [call.outcome for call in calls] == ["ok", "refused", "unavailable"]
    assert calls[2].id == caught.value.call_id
    assert calls[2].attempts.get().outcome == "DisabledException"


def test_the_rows_stay_when_the_change_is_rolled_back(kms):
    kms.mac(key_id="login", message=b"m")
    with pytest.raises(ZeroDivisionError), unit_of_work():
        _ = 1 / 0
    assert KmsAttempt.objects.get().call.outcome == "ok"


def test_no_call_is_made_inside_a_transaction(kms):
    with unit_of_work(), pytest.raises(RuntimeError, match="before the transaction"):
        kms.mac(key_id="login", message=b"m")
    assert not KmsCall.objects.exists()


def test_an_intent_whose_process_died_stays_open():
    DatabaseJournal().intent("Decrypt", "master", context())
    call = KmsCall.objects.get()
    assert (call.outcome, call.finished_at) == ("", None)


def test_every_attempt_of_a_call_is_numbered():
    entry = DatabaseJournal().intent("Decrypt", "master", context())
    entry.attempt("r-1", "ThrottlingException")
    entry.attempt(None, "unknown:ReadTimeoutError")
    entry.attempt("r-3", "ok")
    entry.close("ok")
    rows = KmsCall.objects.get().attempts.order_by("number")
    assert list(rows.values_list("number", "request_id", "outcome")) == [
        (1, "r-1", "ThrottlingException"),
        (2, None, "unknown:ReadTimeoutError"),
        (3, "r-3", "ok"),
    ]
