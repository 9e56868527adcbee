"""Two accounts in one browser: a tab of the first asks with the cookie of the second."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from accounts.models import User
from audit.models import AuditEvent
from tests.opaque_client import DjangoApi, log_in
from tests.people import PASSWORD, Person

NOBODY = (401, "not_signed_in")


@pytest.fixture
def taken(ana: Person, person: Callable[[str], Person]) -> DjangoApi:
    """Ana's browser, in which Bob has signed in; a tab of hers names her still."""
    person("bob@example.com")
    finish = log_in(ana.api, "bob@example.com", PASSWORD).finish
    assert finish is not None
    assert finish.status == 200
    ana.api.named = ana.id.hex
    return ana.api


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "account/bundle", None),
        ("PUT", "account/pins", {"counter": 1, "blob": bytes(100)}),
        ("PUT", "account/settings", {"counter": 1, "blob": bytes(100)}),
        ("POST", "account/kit_saved", {}),
        ("POST", "unlock/start", {"ke1": bytes(96)}),
        ("GET", "sessions", None),
        ("DELETE", "session", None),
    ],
)
def test_a_tab_of_another_account_is_nobody(
    taken: DjangoApi, method: str, path: str, body: object
) -> None:
    events = AuditEvent.objects.count()
    answer = taken(method, path, body)
    assert (answer.status, answer.body["code"]) == NOBODY
    assert AuditEvent.objects.count() == events

    taken.named = None
    session = taken("GET", "session").body
    assert (session["state"], session["email"]) == ("signed_in", "bob@example.com")
    assert taken("GET", "account/pins").body["blob"] is None
    assert taken("GET", "account/settings").body["blob"] is None
    assert User.objects.get(email="bob@example.com").kit_saved_at is None


def test_it_is_told_that_nobody_is_signed_in(taken: DjangoApi) -> None:
    session = taken("GET", "session").body
    assert (session["state"], session["account"], session["email"]) == ("anonymous", None, None)


def test_whoever_names_their_own_account_is_served(ana: Person) -> None:
    ana.api.named = ana.id.hex
    assert ana.api("GET", "account/pins").status == 200
    assert ana.api("GET", "session").body["account"] == ana.account.id
    assert ana.api("DELETE", "session").status == 204


@pytest.mark.parametrize("named", ["", "x", uuid4().hex])
def test_any_other_name_is_another_s(ana: Person, named: str) -> None:
    ana.api.named = named
    answer = ana.api("GET", "account/pins")
    assert (answer.status, answer.body["code"]) == NOBODY
