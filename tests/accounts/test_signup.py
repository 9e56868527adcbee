"""Signing up: the code, whose it is, and what becomes of the rest."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from accounts.codes import code_for
from accounts.models import AccountBlob, AmkWrap, OpaqueRecord, PendingSignup, User
from accounts.signup import code_name
from accounts.tasks import purge
from audit.models import AuditEvent, KmsCall
from tests.opaque_client import (
    Account,
    DjangoApi,
    log_in,
    open_bundle,
    sign_up,
    signup_start,
    signup_upload,
)
from tests.people import PASSWORD, Person, mailed_code

Browser = Callable[[], DjangoApi]
EMAIL = "new@example.com"


def other(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def verify(api: DjangoApi, code: str) -> Any:
    return api("POST", "signup/verify", {"code": code})


@pytest.fixture
def mails(mailoutbox: list[Any], django_capture_on_commit_callbacks: Any) -> Callable[[], Any]:
    """Run what a commit queues within the block, and give the mails it sent."""

    @contextmanager
    def sent() -> Iterator[list[Any]]:
        found: list[Any] = []
        before = len(mailoutbox)
        with django_capture_on_commit_callbacks(execute=True):
            yield found
        found.extend(mailoutbox[before:])

    return sent


def test_a_code_makes_the_account_and_signs_in(browser_api: Browser, mails: Any) -> None:
    api = browser_api()
    with mails() as sent:
        account, answer = sign_up(api, " New@Example.com", PASSWORD)

    assert (answer.status, answer.body.keys()) == (202, {"state", "stage", "csrf"})
    assert api("GET", "session").body["stage"] == "signup_code"
    assert not User.objects.exists()
    assert [mail.to for mail in sent] == [[EMAIL]]
    code = sent[0].body.split("Your code is ")[1][:6]

    with mails() as sent:
        done = verify(api, code)
    assert (done.status, done.body["state"]) == (200, "signed_in")
    assert sent == []  # this browser is no news
    user = User.objects.get()
    assert (user.email, user.id.bytes, user.has_usable_password()) == (EMAIL, account.id, False)
    assert not PendingSignup.objects.exists()
    assert api("GET", "session").body["state"] == "signed_in"
    run = log_in(browser_api(), EMAIL, PASSWORD)
    assert open_bundle(account, done.body["bundle"], run.export_key) == account.amk
    actions = AuditEvent.objects.filter(scope_id=user.id).order_by("seq")
    assert [event.action for event in actions][:3] == [
        "account.created",
        "account.keyring_stored",
        "account.signed_in",
    ]


def test_the_database_holds_no_secret_of_an_account(ana: Person) -> None:
    record = OpaqueRecord.objects.get()
    wraps = {wrap.wrap: bytes(wrap.blob) for wrap in AmkWrap.objects.all()}

    # Sealed again by the server: 81 bytes over what the browser sent, and not that.
    assert len(bytes(record.blob)) == 192 + 81
    uploaded = ana.account.record
    assert len(uploaded) == 192
    parts = [uploaded[at : at + 32] for at in range(0, len(uploaded), 32)]
    assert not any(part in bytes(record.blob) for part in parts)
    for kind, wrap in ana.account.wraps.items():
        assert len(wraps[kind]) == 113 + 81
        assert wrap["blob"] not in wraps[kind]
    assert ana.account.amk not in bytes(AccountBlob.objects.get().blob)


def test_an_unverified_sign_up_signs_in_like_nobody(browser_api: Browser) -> None:
    sign_up(browser_api(), EMAIL, PASSWORD)
    run = log_in(browser_api(), EMAIL, PASSWORD)

    assert run.finish is not None
    assert (run.finish.status, run.finish.body["code"]) == (401, "login_failed")


def test_five_wrong_codes_end_it(browser_api: Browser) -> None:
    api = browser_api()
    sign_up(api, EMAIL, PASSWORD)
    code = mailed_code(EMAIL)
    answers = [verify(api, other(code)) for _ in range(5)]

    assert [answer.body["tries_left"] for answer in answers] == [4, 3, 2, 1, 0]
    assert {answer.body["code"] for answer in answers} == {"code_wrong"}
    assert verify(api, code).body["code"] == "code_expired"
    assert not User.objects.exists()
    assert api("GET", "session").body["state"] == "anonymous"


def test_a_code_is_of_its_own_session(browser_api: Browser) -> None:
    mine, eves = browser_api(), browser_api()
    sign_up(mine, EMAIL, PASSWORD)
    code = mailed_code(EMAIL)
    sign_up(eves, EMAIL, "eve knows this one")

    assert verify(eves, code).body["code"] == "code_wrong"
    assert verify(mine, code).status == 200
    # Verifying one drops the others.
    assert verify(eves, "000000").body["code"] == "code_expired"
    assert User.objects.count() == 1


def test_another_mail_brings_another_code(browser_api: Browser, mails: Any) -> None:
    api = browser_api()
    sign_up(api, EMAIL, PASSWORD)
    first = mailed_code(EMAIL)
    with mails() as sent:
        assert api("POST", "signup/resend", {}).status == 202
    second = sent[0].body.split("Your code is ")[1][:6]

    assert second == mailed_code(EMAIL) != first
    assert verify(api, first).body["code"] == "code_wrong"
    assert verify(api, second).status == 200


def test_mails_are_not_sent_without_end(browser_api: Browser) -> None:
    api = browser_api()
    sign_up(api, EMAIL, PASSWORD)
    answers = [api("POST", "signup/resend", {}).status for _ in range(4)]

    assert answers == [202, 202, 202, 429]


def test_after_a_day_it_is_gone(browser_api: Browser) -> None:
    api = browser_api()
    sign_up(api, EMAIL, PASSWORD)
    sign_up(browser_api(), "kept@example.com", PASSWORD)
    code = mailed_code(EMAIL)
    old = timezone.now() - timedelta(hours=24, seconds=1)
    PendingSignup.objects.filter(email=EMAIL).update(created_at=old)

    assert verify(api, code).body["code"] == "code_expired"
    purge()
    assert [row.email for row in PendingSignup.objects.all()] == ["kept@example.com"]


def test_the_owner_of_a_known_address_is_told(
    ana: Person, browser_api: Browser, mails: Any
) -> None:
    api = browser_api()
    before = AmkWrap.objects.count()
    with mails() as sent:
        account, answer = sign_up(api, "ana@example.com", "eve's password")

    assert answer.status == 202
    assert [mail.to for mail in sent] == [["ana@example.com"]]
    assert "tried to sign up" in sent[0].body
    assert "code is" not in sent[0].body
    # What was uploaded is nowhere, and even the code that the row would have does not fit.
    row = PendingSignup.objects.get()
    assert account.wraps["auk"]["blob"] not in bytes(row.auk)
    assert verify(api, mailed_code("ana@example.com")).body["code"] == "code_wrong"
    assert (AmkWrap.objects.count(), User.objects.count()) == (before, 1)
    run = log_in(browser_api(), "ana@example.com", PASSWORD)
    assert run.finish is not None
    assert run.finish.status == 200


def test_a_registration_is_one_call_to_kms(browser_api: Browser) -> None:
    calls = KmsCall.objects.filter(operation="GenerateMac")
    before = calls.count()
    sign_up(browser_api(), EMAIL, PASSWORD)

    assert calls.count() == before + 1


def change(body: Any, path: str, value: Any) -> Any:
    """A copy of an upload with one thing changed."""
    first, _, rest = path.partition(".")
    if first.isdecimal():
        return [change(v, rest, value) if i == int(first) else v for i, v in enumerate(body)]
    return {**body, first: change(body[first], rest, value) if rest else value}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("suite", 2),
        ("record", bytes(192)),
        ("record", bytes(191)),
        ("keyring.counter", 2),
        ("keyring.blob", bytes(1025)),
        ("wraps", []),
        ("wraps.0.blob", bytes(112)),
        ("wraps.0.cred", bytes(16)),
        ("wraps.1.cred", b"\1" * 16),
        ("wraps.1.wrap", "auk"),
        ("wraps.0.wrap", "peer"),
    ],
)
def test_an_upload_of_another_shape_is_refused(browser_api: Browser, path: str, value: Any) -> None:
    api = browser_api()
    answer, state = signup_start(api, EMAIL, PASSWORD)
    upload = signup_upload(Account(EMAIL, PASSWORD), answer, state)
    refused = api("POST", "signup/finish", change(upload, path, value))

    assert (refused.status, refused.body["code"]) == (400, "invalid")
    assert not PendingSignup.objects.exists()


def test_a_handle_that_nobody_gave_is_gone(browser_api: Browser) -> None:
    api = browser_api()
    answer, state = signup_start(api, EMAIL, PASSWORD)
    upload = signup_upload(Account(EMAIL, PASSWORD), answer, state)
    refused = api("POST", "signup/finish", {**upload, "handle": secrets.token_bytes(16)})

    assert (refused.status, refused.body["code"]) == (410, "gone")


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b@c", "x" * 250 + "@example.com", "\ufb03" * 90 + "@example.com"]
)
def test_an_address_is_an_address(browser_api: Browser, email: str) -> None:
    answer, _state = signup_start(browser_api(), email, PASSWORD)
    assert (answer.status, answer.body["code"]) == (400, "invalid")


@pytest.mark.django_db(transaction=True)
def test_of_sign_ups_verified_at_once_one_makes_the_account(browser_api: Browser) -> None:
    apis, codes = [browser_api() for _ in range(3)], []
    for api in apis:
        sign_up(api, EMAIL, PASSWORD)
        row = PendingSignup.objects.latest("created_at")
        codes.append(code_for("signup", code_name(row)))
    barrier = Barrier(len(apis))

    def run(api: DjangoApi, code: str) -> int:
        try:
            barrier.wait(60)
            return int(verify(api, code).status)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(apis)) as pool:
        statuses = sorted(pool.map(run, apis, codes))

    assert statuses == [200, 410, 410]
    assert User.objects.count() == 1
    assert not PendingSignup.objects.exists()


def test_an_upload_with_anothers_id_makes_no_account(browser_api: Browser, ana: Person) -> None:
    api = browser_api()
    answer, state = signup_start(api, EMAIL, PASSWORD)
    upload = signup_upload(Account(EMAIL, PASSWORD), answer, state)
    upload["wraps"][0]["id"] = AmkWrap.objects.filter(account_id=UUID(bytes=ana.account.id))[
        0
    ].id.bytes
    api("POST", "signup/finish", upload)
    refused = verify(api, mailed_code(EMAIL))

    assert (refused.status, refused.body["code"]) == (409, "conflict")
    assert not User.objects.filter(email=EMAIL).exists()
