"""Signing in: what a right password gives, what a wrong one, and each stage between."""

import secrets
from collections.abc import Callable
from typing import Any
from uuid import UUID

import opaque_ke_py as opaque
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.conf import settings
from django.core.mail import EmailMessage

from accounts.kek import kek_flush
from accounts.models import OpaqueRecord, User
from accounts.valkey import valkey
from audit.models import AuditEvent, KmsCall
from tests.opaque_client import DjangoApi, log_in, opaque_run, open_bundle
from tests.people import PASSWORD, Person

Browser = Callable[[], DjangoApi]


def actions(account: UUID) -> list[str]:
    events = AuditEvent.objects.filter(scope_id=account).order_by("seq")
    return list(events.values_list("action", flat=True))


def macs() -> int:
    return KmsCall.objects.filter(operation="GenerateMac").count()


def test_the_right_password_signs_in_and_opens_the_keys(ana: Person, browser_api: Browser) -> None:
    api = browser_api()
    run = log_in(api, " ANA@example.com", PASSWORD)

    assert run.finish is not None
    assert (run.finish.status, run.finish.body["state"]) == (200, "signed_in")
    bundle = run.finish.body["bundle"]
    assert open_bundle(ana.account, bundle, run.export_key) == ana.account.amk
    assert bundle["account"] == ana.account.id
    assert bundle["keyring"]["counter"] == 1
    assert (bundle["pins"], bundle["settings"], bundle["kit_saved"]) == (None, None, False)
    session = api("GET", "session").body
    assert (session["state"], session["account"]) == ("signed_in", ana.account.id)
    assert actions(ana.id)[-1] == "account.signed_in"


def test_a_wrong_password_is_a_401_and_an_event(ana: Person, browser_api: Browser) -> None:
    api = browser_api()
    run = log_in(api, "ana@example.com", "wrong")

    assert run.finish is not None
    assert (run.finish.status, run.finish.body["code"]) == (401, "login_failed")
    assert api("GET", "session").body["state"] == "anonymous"
    event = AuditEvent.objects.filter(action="account.sign_in_failed").get()
    assert event.subject == ana.account.id


def test_a_new_browser_is_told_by_mail_once(
    ana: Person,
    browser_api: Browser,
    mailoutbox: list[EmailMessage],
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    def mails_of(api: DjangoApi, password: str) -> list[EmailMessage]:
        mailoutbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            log_in(api, "ana@example.com", password)
        return list(mailoutbox)

    new = browser_api()
    assert mails_of(ana.api, PASSWORD) == []  # the browser that signed up
    assert mails_of(new, "not the password") == []
    (mail,) = mails_of(new, PASSWORD)
    assert mails_of(new, PASSWORD) == []

    assert mail.to == ["ana@example.com"]
    assert mail.subject == "A new browser signed in to your account"
    assert f"{settings.PUBLIC_URL} on " in mail.body.replace("\n", " ")
    assert mail.body.count("://") == 1


@pytest.mark.parametrize("path", ["account/bundle", "account/pins", "account/settings", "sessions"])
def test_nothing_of_an_account_comes_before_the_sign_in(browser_api: Browser, path: str) -> None:
    answer = browser_api()("GET", path)
    assert (answer.status, answer.body["code"]) == (401, "not_signed_in")


def start(api: DjangoApi, email: str = "ana@example.com") -> tuple[Any, bytes, bytes]:
    """KE1 to KE3, with the right password; returns the answer, the handle and KE3."""
    started = opaque.client_login_start(PASSWORD.encode())
    answer = api("POST", "login/start", {"email": email, "ke1": started.get_message()})
    state = started.get_state()
    finished = opaque.client_login_finish(PASSWORD.encode(), state, answer.body["ke2"])
    return answer, answer.body["handle"], finished.get_message()


def test_a_handle_works_once(ana: Person, browser_api: Browser) -> None:
    api = browser_api()
    _answer, handle, ke3 = start(api)
    body = {"handle": handle, "ke3": ke3}

    assert api("POST", "login/finish", body).status == 200
    assert api("POST", "login/finish", body).body["code"] == "login_failed"


def test_a_handle_is_of_one_session(ana: Person, browser_api: Browser) -> None:
    owner, thief = browser_api(), browser_api()
    _answer, handle, ke3 = start(owner)
    body = {"handle": handle, "ke3": ke3}

    assert thief("POST", "login/finish", body).status == 401
    # Nor does it spoil the sign-in of whom it belongs to.
    assert owner("POST", "login/finish", body).status == 200
    assert owner("POST", "login/finish", body).status == 401


def test_a_handle_of_a_login_unlocks_nothing(ana: Person) -> None:
    _answer, handle, ke3 = start(ana.api)

    assert ana.api("POST", "unlock/finish", {"handle": handle, "ke3": ke3}).status == 401


def test_what_is_kept_between_the_messages_is_sealed(ana: Person, browser_api: Browser) -> None:
    start(browser_api())
    keys = valkey().keys("coffret:ticket:*")

    assert len(keys) == 1
    stored = valkey().get(keys[0])
    assert isinstance(stored, bytes)
    assert ana.account.id not in stored
    assert b"account" not in stored
    assert 0 < valkey().ttl(keys[0]) <= 60


def test_a_password_change_between_the_messages_refuses(ana: Person, browser_api: Browser) -> None:
    api = browser_api()
    _answer, handle, ke3 = start(api)
    OpaqueRecord.objects.filter(account=ana.id).update(cred=secrets.token_bytes(16))

    assert api("POST", "login/finish", {"handle": handle, "ke3": ke3}).status == 401


def test_a_closed_account_looks_like_none(ana: Person, browser_api: Browser) -> None:
    User.objects.filter(pk=ana.id).update(is_active=False)
    run = log_in(browser_api(), "ana@example.com", PASSWORD)

    assert run.finish is not None
    assert run.finish.body["code"] == "login_failed"


def test_every_answer_is_one_call_to_kms(ana: Person, browser_api: Browser) -> None:
    before = macs()
    api = browser_api()
    log_in(api, "ana@example.com", PASSWORD)
    log_in(api, "ana@example.com", "wrong")
    log_in(api, "nobody@example.com", "wrong")

    assert macs() == before + 3


@pytest.mark.parametrize(
    "ke1", [bytes(96), b"\xff" * 96, b"\xff" * 32 + bytes(64)], ids=["zero", "ff", "point"]
)
def test_a_malformed_ke1_costs_no_call_and_no_try(
    ana: Person, browser_api: Browser, ke1: bytes
) -> None:
    before = macs()
    api = browser_api()
    for _ in range(8):
        answer = api("POST", "login/start", {"email": "ana@example.com", "ke1": ke1})
        assert (answer.status, answer.body["code"]) == (400, "invalid")
    assert macs() == before


def test_signing_out_ends_the_session(ana: Person) -> None:
    assert ana.api("DELETE", "session").status == 204
    assert ana.api("GET", "account/bundle").status == 401
    assert actions(ana.id)[-1] == "account.signed_out"


def test_signing_in_changes_session_and_token(ana: Person, browser_api: Browser) -> None:
    api = browser_api()
    start(api)
    session, csrf = api.client.session.session_key, api.csrf
    log_in(api, "ana@example.com", PASSWORD)

    assert api.client.session.session_key != session
    assert api.csrf != csrf
    assert api("GET", "account/bundle").status == 200


@pytest.mark.parametrize(
    "path", ["signup/start", "signup/verify", "login/start", "login/finish", "login/link"]
)
def test_csrf_is_checked_before_anybody_is_signed_in(browser_api: Browser, path: str) -> None:
    api = browser_api()
    api.csrf = "A" * 64
    answer = api("POST", path, {})

    assert (answer.status, answer.body["code"]) == (403, "csrf")


# --- The stages -------------------------------------------------------------------------


def pending(api: DjangoApi, stage: str) -> None:
    """A sign-in waits in `stage`, and nothing of the account comes out meanwhile (A7)."""
    session = api("GET", "session").body
    assert (session["state"], session["stage"], session["account"]) == ("pending", stage, None)
    assert api("GET", "account/bundle").status == 401
    assert api("POST", "unlock/start", {"ke1": bytes(96)}).status == 401


def test_the_stage_of_the_email_address(
    ana: Person, browser_api: Browser, mailoutbox: list[Any]
) -> None:
    EmailAddress.objects.filter(user_id=ana.id).update(verified=False)
    api = browser_api()
    run = log_in(api, "ana@example.com", PASSWORD)

    assert run.finish is not None
    assert run.finish.body.keys() == {"state", "stage", "csrf"}
    assert run.finish.body["stage"] == "verify_email"
    pending(api, "verify_email")
    code = code_in_mail(mailoutbox)
    assert code not in str(dict(api.client.session))
    wrong = api("POST", "login/email", {"code": other(code)})
    assert (wrong.status, wrong.body["code"], wrong.body["tries_left"]) == (400, "code_wrong", 4)
    pending(api, "verify_email")

    answer = api("POST", "login/email", {"code": code})
    assert (answer.status, answer.body["state"]) == (200, "signed_in")
    assert answer.body["bundle"]["account"] == ana.account.id
    assert EmailAddress.objects.get(user_id=ana.id).verified


def test_the_stage_of_the_email_address_ends_after_five_tries(
    ana: Person, browser_api: Browser, mailoutbox: list[Any]
) -> None:
    EmailAddress.objects.filter(user_id=ana.id).update(verified=False)
    api = browser_api()
    log_in(api, "ana@example.com", PASSWORD)
    code = code_in_mail(mailoutbox)
    answers = [api("POST", "login/email", {"code": other(code)}) for _ in range(5)]

    assert [answer.status for answer in answers] == [400, 400, 400, 400, 410]
    assert api("POST", "login/email", {"code": code}).body["code"] == "code_expired"
    assert api("GET", "session").body["state"] == "anonymous"


def test_the_stage_of_the_second_factor(ana: Person, browser_api: Browser) -> None:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    TOTP.activate(User.objects.get(pk=ana.id), secret)
    api = browser_api()
    run = log_in(api, "ana@example.com", PASSWORD)

    assert run.finish is not None
    assert run.finish.body["stage"] == "mfa_authenticate"
    pending(api, "mfa_authenticate")
    counter = next(iter(yield_hotp_counters_from_time()))
    code = format_hotp_value(hotp_value(secret, counter))
    wrong = api("POST", "login/second_factor", {"code": other(code)})
    assert (wrong.status, wrong.body["code"]) == (400, "code_wrong")
    pending(api, "mfa_authenticate")

    answer = api("POST", "login/second_factor", {"code": code})
    assert (answer.status, answer.body["state"]) == (200, "signed_in")
    assert actions(ana.id)[-1] == "account.signed_in"


def test_a_sign_in_that_waits_is_nobody_s_even_where_somebody_was_signed_in(ana: Person) -> None:
    TOTP.activate(User.objects.get(pk=ana.id), "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    _answer, handle, ke3 = start(ana.api)
    kek_flush(None)  # so that KMS is asked, and its journal finds out who is signed in so far
    before = actions(ana.id)

    answer = ana.api("POST", "login/finish", {"handle": handle, "ke3": ke3})
    assert answer.body["stage"] == "mfa_authenticate"
    pending(ana.api, "mfa_authenticate")
    assert actions(ana.id) == before


def test_the_second_factor_is_not_guessed(ana: Person, browser_api: Browser) -> None:
    TOTP.activate(User.objects.get(pk=ana.id), "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    api = browser_api()
    log_in(api, "ana@example.com", PASSWORD)
    answers = [api("POST", "login/second_factor", {"code": "000000"}) for _ in range(9)]

    statuses = [answer.status for answer in answers]
    assert statuses[:4] == [400] * 4
    # The waits double from one second: a slow machine may get a fifth try in, never five more.
    assert 429 in statuses[4:]


def test_no_stage_is_entered_without_a_password(ana: Person, browser_api: Browser) -> None:
    for path in ("login/email", "login/second_factor"):
        answer = browser_api()("POST", path, {"code": "000000"})
        assert (answer.status, answer.body["code"]) == (410, "code_expired")


def other(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def code_in_mail(outbox: list[Any]) -> str:
    return str(outbox[-1].body.split("Your code is ")[1][:6])


def test_sessions_are_listed_and_ended(ana: Person, browser_api: Browser) -> None:
    api = browser_api()
    log_in(api, "ana@example.com", PASSWORD)
    listed = ana.api("GET", "sessions").body["sessions"]

    assert [row["current"] for row in listed] == [False, True]
    assert ana.api("DELETE", f"sessions/{listed[0]['id']}").status == 204
    assert api("GET", "account/bundle").status == 401
    assert len(ana.api("GET", "sessions").body["sessions"]) == 1


def test_nobody_ends_another_persons_session(ana: Person, person: Callable[[str], Person]) -> None:
    eve = person("eve@example.com")
    listed = ana.api("GET", "sessions").body["sessions"]

    assert eve.api("DELETE", f"sessions/{listed[0]['id']}").status == 404
    assert ana.api("GET", "account/bundle").status == 200


def test_unlock_needs_a_session(browser_api: Browser) -> None:
    run = opaque_run(browser_api(), "unlock", PASSWORD)
    assert run.start.status == 401
