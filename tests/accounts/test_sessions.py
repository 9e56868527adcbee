"""How sessions are stored: under a hash of their key, as JSON that is bound to its place."""

import json
from collections.abc import Iterator

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client

from accounts.session_store import SessionStore, stored_name
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
