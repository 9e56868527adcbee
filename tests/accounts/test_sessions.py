"""How sessions are stored: under a hash of their key, as JSON that is bound to its place."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError

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
        cursor.execute("SELECT session_key, session_data FROM django_session")
        rows = cursor.fetchall()
        cursor.execute("SELECT * FROM usersessions_usersession")
        rows += cursor.fetchall()

    assert stored_name(key) in str(rows)
    assert key not in str(rows)
    assert any(stored_name(key).encode() in name for name, _value in stored())
    assert not any(key.encode() in name + value for name, value in stored())


def test_a_stored_name_signs_nobody_in(ana: Person) -> None:
    key = str(session_of(ana).session_key)
    assert (answer_with(key), answer_with(stored_name(key))) == ("signed_in", "anonymous")


def test_the_row_alone_is_enough_and_is_copied_again(ana: Person) -> None:
    key = str(session_of(ana).session_key)
    cache.clear()
    assert answer_with(key) == "signed_in"
    assert any(stored_name(key).encode() in name for name, _value in stored())


def test_a_session_that_is_over_is_nobodys(ana: Person) -> None:
    key = str(session_of(ana).session_key)
    Session.objects.all().update(expire_date="2020-01-01T00:00:00Z")
    cache.clear()
    assert answer_with(key) == "anonymous"


def test_a_session_copied_to_another_key_is_nobodys(ana: Person) -> None:
    key, mine = str(session_of(ana).session_key), "a" * 32
    name, value = next(
        (name, value) for name, value in stored() if stored_name(key).encode() in name
    )
    assert answer_with(key) == "signed_in"
    valkey().set(name.replace(stored_name(key).encode(), stored_name(mine).encode()), value)
    row = Session.objects.get(session_key=stored_name(key))
    Session.objects.create(
        session_key=stored_name(mine), session_data=row.session_data, expire_date=row.expire_date
    )
    assert answer_with(mine) == "anonymous"


def test_a_copy_that_was_altered_is_passed_over(ana: Person) -> None:
    key = str(session_of(ana).session_key)
    place = next(name for name, _value in stored() if stored_name(key).encode() in name)
    valkey().set(place, b"0" * 64 + json.dumps({"_auth_user_id": "somebody"}).encode())
    assert answer_with(key) == "signed_in"


def after(statement: str, then: Callable[[], None]) -> AbstractContextManager[None]:
    """Do something right after the first statement of this kind, as another request would."""
    todo = [then]

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        result = execute(sql, params, many, context)
        if statement in sql and todo:
            todo.pop()()
        return result

    return connection.execute_wrapper(wrapper)


@pytest.mark.parametrize("statement", ["FROM django_session", "UPDATE django_session"])
def test_a_copy_made_while_a_session_ends_brings_it_not_back(ana: Person, statement: str) -> None:
    """The row is read, or written; the session ends; then the copy is made."""
    key = str(session_of(ana).session_key)
    mine = SessionStore(key)
    mine["note"] = "changed"
    cache.clear()
    with after(statement, lambda: session_delete(stored_name(key))):
        mine.load() if "FROM" in statement else mine.save()

    assert not Session.objects.filter(session_key=stored_name(key)).exists()
    assert answer_with(key) == "anonymous"


@pytest.mark.django_db(transaction=True)
def test_a_copy_made_before_the_end_is_committed_brings_it_not_back(ana: Person) -> None:
    """Others still read the row then."""
    key = str(session_of(ana).session_key)
    with transaction.atomic(), ThreadPoolExecutor(1) as other:
        session_delete(stored_name(key))
        assert other.submit(read_elsewhere, key).result() == {}
    assert answer_with(key) == "anonymous"


def read_elsewhere(key: str) -> dict[str, Any]:
    """What another request finds."""
    try:
        return SessionStore(key).load()
    finally:
        connection.close()


def test_what_cannot_be_marked_as_ended_stays_and_is_no_silent_success(ana: Person) -> None:
    """Else the row would be gone, and the copy served for weeks."""
    key = str(session_of(ana).session_key)
    with (
        patch("accounts.session_store.valkey", side_effect=RedisConnectionError),
        pytest.raises(RedisConnectionError),
    ):
        session_delete(stored_name(key))
    assert Session.objects.filter(session_key=stored_name(key)).exists()


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
