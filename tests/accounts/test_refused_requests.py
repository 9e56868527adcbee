"""What no honest browser sends to an account's routes, and each refusal that answers it."""

import secrets
from collections.abc import Callable
from io import BytesIO
from uuid import uuid4

import opaque_ke_py as opaque
import pytest
from rest_framework.exceptions import ParseError

from accounts.errors import Invalid
from accounts.login import points_of
from accounts.models import AmkWrap, OpaqueRecord, User
from accounts.wire import WireJsonParser
from tests.accounts.test_unlock import password_body, password_start
from tests.opaque_client import Account, DjangoApi, signup_start, signup_upload, unlock
from tests.people import PASSWORD, Person, mailed_code

Browser = Callable[[], DjangoApi]


def test_an_unlock_whose_record_was_replaced_meanwhile(ana: Person) -> None:
    started = opaque.client_login_start(PASSWORD.encode())
    start = ana.api("POST", "unlock/start", {"ke1": started.get_message()})
    state = started.get_state()
    finished = opaque.client_login_finish(PASSWORD.encode(), state, start.body["ke2"])
    OpaqueRecord.objects.update(cred=secrets.token_bytes(16))
    body = {"handle": start.body["handle"], "ke3": finished.get_message()}

    answer = ana.api("POST", "unlock/finish", body)

    assert (answer.status, answer.body["code"]) == (401, "login_failed")


def test_a_wrap_whose_id_is_taken(ana: Person, person: Callable[[str], Person]) -> None:
    theirs = person("ben@example.com").account.wraps["auk"]["id"]
    unlock(ana.api, PASSWORD)
    body = password_body(ana, *password_start(ana.api))
    body["wrap"] = {**body["wrap"], "id": theirs}
    before = set(AmkWrap.objects.values_list("id", flat=True))

    answer = ana.api("POST", "password/finish", body)

    assert (answer.status, answer.body["code"]) == (409, "taken")
    assert set(AmkWrap.objects.values_list("id", flat=True)) == before


@pytest.mark.usefixtures("deployment")
def test_a_sign_up_brings_one_wrap_for_the_password_and_one_for_the_kit(
    browser_api: Browser,
) -> None:
    api, account = browser_api(), Account("new@example.com", PASSWORD)
    answer, state = signup_start(api, account.email, PASSWORD)
    body = signup_upload(account, answer, state)
    body["wraps"] = [body["wraps"][0], {**body["wraps"][0], "id": uuid4().bytes}]

    finish = api("POST", "signup/finish", body)

    assert (finish.status, finish.body["code"]) == (400, "invalid")


def test_an_address_that_became_an_account_while_its_code_was_under_way(
    browser_api: Browser,
) -> None:
    api, account = browser_api(), Account("new@example.com", PASSWORD)
    answer, state = signup_start(api, account.email, PASSWORD)
    api("POST", "signup/finish", signup_upload(account, answer, state))
    code = mailed_code(account.email)
    User.objects.create_user(account.email)

    verified = api("POST", "signup/verify", {"code": code})

    assert (verified.status, verified.body["code"]) == (410, "code_expired")
    assert User.objects.filter(email=account.email).count() == 1


def test_a_first_message_of_another_size() -> None:
    with pytest.raises(Invalid, match="96 bytes"):
        points_of(bytes(95))


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 9_999])
def test_json_that_is_none(body: bytes) -> None:
    with pytest.raises(ParseError):
        WireJsonParser().parse(BytesIO(body))
