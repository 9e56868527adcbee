"""Unlock, step-up and the change of the password, on a live session."""

import secrets
from collections.abc import Callable
from typing import Any

import opaque_ke_py as opaque
import pytest

from accounts.models import AmkWrap, OpaqueRecord
from audit.models import AuditEvent, KmsCall
from tests.opaque_client import (
    Answer,
    DjangoApi,
    log_in,
    opaque_run,
    open_bundle,
    register,
    unlock,
    wrap_amk,
)
from tests.people import PASSWORD, Person

Browser = Callable[[], DjangoApi]
NEW = "another horse, another battery"


def test_the_password_unlocks(ana: Person) -> None:
    run = unlock(ana.api, PASSWORD)

    assert run.finish is not None
    assert run.finish.status == 200
    assert open_bundle(ana.account, run.finish.body["bundle"], run.export_key) == ana.account.amk
    assert AuditEvent.objects.filter(scope_id=ana.id, action="account.unlocked").count() == 1


def test_ten_misses_end_the_session(ana: Person) -> None:
    before = KmsCall.objects.count()
    runs = [unlock(ana.api, "wrong") for _ in range(11)]

    assert [run.finish.status for run in runs[:10] if run.finish] == [401] * 10
    assert (runs[10].start.status, runs[10].start.body["code"]) == (401, "not_signed_in")
    assert KmsCall.objects.count() == before + 10
    assert ana.api("GET", "session").body["state"] == "anonymous"
    actions = AuditEvent.objects.filter(scope_id=ana.id).values_list("action", flat=True)
    assert list(actions).count("account.unlock_failed") == 10
    assert "account.session_ended" in actions


def test_a_ke1_without_ke3_is_a_miss(ana: Person) -> None:
    message = opaque.client_login_start(b"guess").get_message()
    answers = [ana.api("POST", "unlock/start", {"ke1": message}).status for _ in range(11)]

    assert answers == [200] * 10 + [401]


def test_the_right_password_is_no_miss(ana: Person) -> None:
    for _ in range(12):
        run = unlock(ana.api, PASSWORD)
        assert run.finish is not None
        assert run.finish.status == 200


def test_misses_on_one_session_leave_the_others(ana: Person, browser_api: Browser) -> None:
    api = browser_api()
    log_in(api, "ana@example.com", PASSWORD)
    for _ in range(11):
        unlock(api, "wrong")

    run = unlock(ana.api, PASSWORD)
    assert run.finish is not None
    assert run.finish.status == 200
    again = log_in(browser_api(), "ana@example.com", PASSWORD)
    assert again.finish is not None
    assert again.finish.status == 200


def password_start(api: DjangoApi) -> tuple[Answer, bytes]:
    started = opaque.client_registration_start(NEW.encode())
    answer = api("POST", "password/start", {"request": started.get_message()})
    return answer, started.get_state()


def password_body(person: Person, answer: Answer, state: bytes) -> dict[str, Any]:
    registered = register(NEW, answer.body["response"], state)
    old, person.account.cred = person.account.cred, answer.body["cred"]
    return {
        "handle": answer.body["handle"],
        "record": registered.record,
        "suite": 1,
        "wrap": wrap_amk(person.account, registered, "auk"),
        "old_cred": old,
    }


def test_a_new_password_needs_the_old_one_on_this_session(ana: Person) -> None:
    answer, _state = password_start(ana.api)
    assert (answer.status, answer.body["code"]) == (403, "step_up_needed")


def test_a_proof_lasts_five_minutes(ana: Person) -> None:
    unlock(ana.api, PASSWORD)
    session = ana.api.client.session
    session["step_up_at"] -= 301
    session.save()
    answer, _state = password_start(ana.api)
    assert answer.body["code"] == "step_up_needed"


def test_a_new_password_replaces_the_old_one_and_ends_other_sessions(
    ana: Person, browser_api: Browser
) -> None:
    other = browser_api()
    log_in(other, "ana@example.com", PASSWORD)
    unlock(ana.api, PASSWORD)
    before = OpaqueRecord.objects.get()
    (here,) = (row for row in ana.api("GET", "sessions").body["sessions"] if row["current"])
    answer = ana.api("POST", "password/finish", password_body(ana, *password_start(ana.api)))

    assert (answer.status, answer.body.keys()) == (200, {"csrf"})
    # The session goes on under another key, and its row with it.
    assert here in ana.api("GET", "sessions").body["sessions"]
    assert ana.api("GET", "account/bundle").status == 200
    assert other("GET", "account/bundle").status == 401
    after = OpaqueRecord.objects.get()
    assert bytes(after.cred) == ana.account.cred != bytes(before.cred)
    assert sorted(AmkWrap.objects.values_list("wrap", flat=True)) == ["auk", "kit"]
    old = log_in(browser_api(), "ana@example.com", PASSWORD)
    new = log_in(browser_api(), "ana@example.com", NEW)
    assert old.finish is not None
    assert new.finish is not None
    assert (old.finish.status, new.finish.status) == (401, 200)
    assert open_bundle(ana.account, new.finish.body["bundle"], new.export_key) == ana.account.amk
    events = AuditEvent.objects.filter(scope_id=ana.id, action="account.password_changed")
    assert events.count() == 1


def test_of_two_changes_one_wins(ana: Person, browser_api: Browser) -> None:
    other = browser_api()
    log_in(other, "ana@example.com", PASSWORD)
    for api in (ana.api, other):
        unlock(api, PASSWORD)
    body = password_body(ana, *password_start(ana.api))
    OpaqueRecord.objects.update(cred=secrets.token_bytes(16))
    before = bytes(OpaqueRecord.objects.get().blob)
    wraps = set(AmkWrap.objects.values_list("id", flat=True))
    answer = ana.api("POST", "password/finish", body)

    assert (answer.status, answer.body["code"]) == (409, "cred_moved")
    assert bytes(OpaqueRecord.objects.get().blob) == before
    assert set(AmkWrap.objects.values_list("id", flat=True)) == wraps


@pytest.mark.parametrize("field", ["wrap", "cred"])
def test_the_wrap_is_the_passwords(ana: Person, field: str) -> None:
    unlock(ana.api, PASSWORD)
    body = password_body(ana, *password_start(ana.api))
    body["wrap"][field] = {"wrap": "kit", "cred": bytes(16)}[field]
    answer = ana.api("POST", "password/finish", body)

    assert (answer.status, answer.body["code"]) == (400, "invalid")


def test_a_handle_of_a_sign_up_changes_no_password(ana: Person) -> None:
    unlock(ana.api, PASSWORD)
    started = opaque.client_registration_start(NEW.encode())
    body = {"email": "x@example.com", "request": started.get_message()}
    answer = ana.api("POST", "signup/start", body)
    finish = ana.api("POST", "password/finish", password_body(ana, answer, started.get_state()))

    assert (finish.status, finish.body["code"]) == (410, "gone")


def test_an_unlock_does_not_sign_in(ana: Person, browser_api: Browser) -> None:
    assert opaque_run(browser_api(), "unlock", PASSWORD).start.status == 401
