"""What no honest browser sends to an account's routes, and each refusal that answers it."""

import secrets
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final, cast
from unittest.mock import patch
from uuid import uuid4

import opaque_ke_py as opaque
import pytest
from allauth.account.stages import LoginStage
from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework.exceptions import ParseError

from accounts.adapter import AccountAdapter
from accounts.errors import Invalid
from accounts.kek import open_kek
from accounts.login import points_of
from accounts.models import AmkWrap, OpaqueRecord, User
from accounts.opaque import LoginRefused, ServerKeys
from accounts.password import password_finish
from accounts.session_store import SessionStore
from accounts.signup import Wrap
from accounts.tickets import TicketGone, ticket_issue, ticket_take
from accounts.unlock import _same
from accounts.valkey import valkey
from accounts.wire import WireJsonParser
from tests.accounts.test_unlock import password_body, password_start
from tests.opaque_client import Account, DjangoApi, sign_up, signup_start, signup_upload, unlock
from tests.people import PASSWORD, Person, mailed_code
from tests.world import client_of

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


@pytest.mark.usefixtures("deployment")
def test_a_sign_up_that_waits_for_more_than_its_code(browser_api: Browser) -> None:
    api = browser_api()
    sign_up(api, "new@example.com", PASSWORD)
    code = {"code": mailed_code("new@example.com")}
    with patch.object(AccountAdapter, "get_login_stages", return_value=[f"{__name__}.OneMore"]):
        verified = api("POST", "signup/verify", code)

    assert (verified.status, verified.body["code"]) == (409, "conflict")
    assert api("GET", "session").body["state"] != "signed_in"


class OneMore(LoginStage):  # type: ignore[misc]  # allauth ships no types
    """Lets nobody through."""

    key = "one_more"

    def handle(self) -> tuple[HttpResponse, bool]:
        return HttpResponse(), True


@pytest.mark.usefixtures("deployment")
def test_another_code_for_no_sign_up(browser_api: Browser) -> None:
    answer = browser_api()("POST", "signup/resend", {})
    assert (answer.status, answer.body["code"]) == (410, "code_expired")


@pytest.fixture
def request_of_ana(ana: Person) -> HttpRequest:
    """A request in Ana's session that no view has seen."""
    request = RequestFactory().post("/")
    request.session = ana.api.client.session
    request.session["step_up_at"] = int(time.time())
    return request


def ticket(request: HttpRequest, purpose: str, content: dict[str, Any]) -> bytes:
    with open_kek(None) as kek:
        return ticket_issue(request, kek, purpose=purpose, content=content, seconds=60)


def test_a_handle_is_for_one_purpose(request_of_ana: HttpRequest) -> None:
    handle = ticket(request_of_ana, "login", {})
    with pytest.raises(TicketGone):
        ticket_take(request_of_ana, purpose="unlock", handle=handle)


def test_a_handle_whose_content_was_damaged(request_of_ana: HttpRequest) -> None:
    handle = ticket(request_of_ana, "login", {})
    (name,) = valkey().keys("coffret:ticket:*")
    kept = bytes(cast("bytes", valkey().get(name)))
    valkey().set(name, kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(TicketGone):
        ticket_take(request_of_ana, purpose="login", handle=handle)


def test_a_handle_of_another_account(ana: Person, request_of_ana: HttpRequest) -> None:
    user = User.objects.get(pk=ana.id)
    content = {"account": uuid4().bytes, "cred": ana.account.cred}
    handle = ticket(request_of_ana, "password", content)
    with pytest.raises(TicketGone):
        password_finish(request_of_ana, user, handle=handle, opaque_record=b"", wrap=WRAP, old=b"")
    with pytest.raises(LoginRefused):
        _same(content, user)


WRAP: Final = Wrap(id=bytes(16), wrap="auk", cred=bytes(16), blob=b"")


def test_server_keys_of_another_size() -> None:
    with pytest.raises(ValueError, match="96 bytes"):
        ServerKeys(bytes(95))


@pytest.mark.django_db
def test_a_body_that_is_null() -> None:
    path = "/api/v1/invites/open"
    answer = client_of(None).post(path, b"\xf6", content_type="application/cbor")
    assert (answer.status_code, answer.json()["fields"]) == (400, {"non_field_errors": ["null"]})


def test_a_first_message_of_another_size() -> None:
    with pytest.raises(Invalid, match="96 bytes"):
        points_of(bytes(95))


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 9_999])
def test_json_that_is_none(body: bytes) -> None:
    with pytest.raises(ParseError):
        WireJsonParser().parse(BytesIO(body))


def test_a_session_is_written_once_and_not_after_its_end(ana: Person) -> None:
    key = ana.api.client.cookies[settings.SESSION_COOKIE_NAME].value
    late = SessionStore(key)
    late["seen"] = True
    with pytest.raises(CreateError):
        SessionStore(key).save(must_create=True)
    ana.api("DELETE", "session")
    with pytest.raises(UpdateError):
        late.save()
