"""How sessions are stored: under a hash of their key, as JSON that is bound to its place."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Session, User
from accounts.session_store import SessionStore, session_delete, stored_name
from accounts.valkey import valkey
from tests.people import Person

pytestmark = pytest.mark.django_db


def stored() -> Iterator[tuple[bytes, bytes]]:
    """Everything that Valkey holds as a string: name and value."""
    for name in valkey().scan_iter():
        if valkey().type(name) == b"string":
            value = valkey().get(name)
            assert isinstance(value, bytes)
            yield name, value


def session_of(ana: Person) -> SessionStore:
    session = ana.api.client.session
    assert isinstance(session, SessionStore)
    return session


def answer_with(key: str) -> str:
    """What somebody hears who sends this session cookie."""
    browser = Client()
    browser.cookies["__Host-coffret"] = key
    state: str = browser.get("/api/v1/session").json()["state"]
    return state


def test_no_table_and_nothing_in_valkey_holds_a_session_key(ana: Person) -> None:
    key = str(session_of(ana).session_key)
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_key, session_data FROM accounts_session")
        rows = cursor.fetchall()
        cursor.execute("SELECT * FROM usersessions_usersession")
        rows += cursor.fetchall()

    assert stored_name(key) in str(rows)
    assert key not in str(rows)
    assert not any(key.encode() in name + value for name, value in stored())


def test_a_stored_name_signs_nobody_in(ana: Person) -> None:
    key = str(session_of(ana).session_key)
    assert (answer_with(key), answer_with(stored_name(key))) == ("signed_in", "anonymous")


def test_a_session_that_is_over_is_nobodys(ana: Person) -> None:
    key = str(session_of(ana).session_key)
    Session.objects.all().update(expire_date="2020-01-01T00:00:00Z")
    assert answer_with(key) == "anonymous"


def test_a_session_copied_to_another_key_is_nobodys(ana: Person) -> None:
    key, mine = str(session_of(ana).session_key), "a" * 32
    row = Session.objects.get(session_key=stored_name(key))
    assert answer_with(key) == "signed_in"
    Session.objects.create(
        session_key=stored_name(mine),
        session_data=row.session_data,
        account_id=row.account_id,
        expire_date=row.expire_date,
    )
    assert answer_with(mine) == "anonymous"


def test_data_that_were_altered_are_nobodys(ana: Person) -> None:
    key = str(session_of(ana).session_key)
    row = Session.objects.get(session_key=stored_name(key))
    row.session_data = row.session_data[:64] + json.dumps({SESSION_KEY: str(row.account_id)})
    row.save()
    assert answer_with(key) == "anonymous"


def test_a_row_that_names_another_account_is_nobodys(ana: Person) -> None:
    """The column is outside the MAC: what the data say counts."""
    key = str(session_of(ana).session_key)
    eve = User.objects.create_user("eve@example.com")
    assert answer_with(key) == "signed_in"
    Session.objects.filter(session_key=stored_name(key)).update(account_id=eve.id)
    assert answer_with(key) == "anonymous"


def test_an_account_that_was_switched_off_is_nobody(ana: Person) -> None:
    key = str(session_of(ana).session_key)
    assert answer_with(key) == "signed_in"
    User.objects.update(is_active=False)
    assert answer_with(key) == "anonymous"


def test_a_session_of_a_former_login_is_over(ana: Person) -> None:
    key = str(session_of(ana).session_key)
    user = User.objects.get()
    user.set_unusable_password()
    user.save()
    assert answer_with(key) == "anonymous"
    assert not Session.objects.filter(session_key=stored_name(key)).exists()


def test_session_and_account_are_one_statement(ana: Person) -> None:
    browser = Client()
    browser.cookies["__Host-coffret"] = str(session_of(ana).session_key)
    with CaptureQueriesContext(connection) as captured:
        assert browser.get("/api/v1/session").json()["state"] == "signed_in"
    asked = [query["sql"] for query in captured.captured_queries if "accounts_user" in query["sql"]]
    assert len(asked) == 1
    assert "accounts_session" in asked[0]


def after(statement: str, then: Callable[[], None]) -> AbstractContextManager[None]:
    """Do something right after the first statement of this kind, as another request would."""
    todo = [then]

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        result = execute(sql, params, many, context)
        if statement in sql and todo:
            todo.pop()()
        return result

    return connection.execute_wrapper(wrapper)


def test_a_session_that_ended_is_not_written_again(ana: Person) -> None:
    """By a request that had read it before."""
    key = str(session_of(ana).session_key)
    mine = SessionStore(key)
    with after("FROM accounts_session", lambda: session_delete(stored_name(key))):
        mine["note"] = "changed"
    with pytest.raises(UpdateError):
        mine.save()
    assert not Session.objects.filter(session_key=stored_name(key)).exists()
    assert answer_with(key) == "anonymous"


def test_the_cache_holds_json_only() -> None:
    cache.set("a-key", {"list": [1, "two", None]})
    cache.set("a-number", 7)
    values = [value for name, value in stored() if b"a-key" in name or b"a-number" in name]
    assert sorted(map(json.loads, values), key=str) == [7, {"list": [1, "two", None]}]
    assert (cache.get("a-key"), cache.incr("a-number")) == ({"list": [1, "two", None]}, 8)
    with pytest.raises(TypeError):
        cache.set("an-object", object())


def test_the_cache_runs_nothing_that_somebody_wrote_into_it() -> None:
    cache.set("a-key", 1)
    place = next(name for name, _value in stored() if b"a-key" in name)
    valkey().set(place, b"cbuiltins\nlist\n(tR.")  # a pickle that calls list()
    with pytest.raises(json.JSONDecodeError):
        cache.get("a-key")
