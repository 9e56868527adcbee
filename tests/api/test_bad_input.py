"""Bodies that nobody honest sends, to every route that reads one.

Each is answered by 400, 413 or 415 with a code that the description names, and leaves every table
as it was. The routes and what is right for them come from the description, so that a new route is
tried too. What is well-formed and breaks a rule is tested beside the rules.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.conf import settings
from django.urls import resolve
from rest_framework.test import APIClient

from accounts.models import User
from accounts.wire import CBOR_TYPE
from config.limits import limit_of
from tests.api.described import WITH_BODY, Operation, got, places, put, to_cbor, without
from tests.people import Person
from tests.world import World, client_of, user_of
from vaults.crypto import cbor

JSON = "application/json"
Sent = tuple[str, bytes, str]  # what is wrong with it, the body, its media type


def broken_cbor(operation: Operation) -> Iterator[Sent]:
    """CBOR that is none, is not canonical, or is no map."""
    body = to_cbor(operation.example())
    raw = cbor.dumps(body)
    count = len(body)
    yield "truncated by one", raw[:-1] if count else b"\xa1", CBOR_TYPE
    yield "only a head", bytes([0xA0 | (count + 1)]), CBOR_TYPE
    yield "a byte behind", raw + b"\0", CBOR_TYPE
    yield "twice", raw + raw, CBOR_TYPE
    yield "length not the shortest", bytes([0xB8, count]) + raw[1:], CBOR_TYPE
    yield "indefinite length", b"\xbf" + raw[1:] + b"\xff", CBOR_TYPE
    yield "tagged", b"\xd9\xd9\xf7" + raw, CBOR_TYPE
    if count > 1:
        parts = [cbor.dumps(name) + cbor.dumps(body[name]) for name in body]
        ordered = sorted(parts, reverse=True)
        yield "keys not in order", bytes([0xA0 | count]) + b"".join(ordered), CBOR_TYPE
        yield "a key twice", bytes([0xA0 | (count + 1)]) + raw[1:] + parts[-1], CBOR_TYPE
    for name, value in {
        "null": b"\xf6",
        "a number": b"\x01",
        "an array": b"\x80",
        "a text": b"\x61a",
        "no UTF-8": b"\xa1\x62\xc3\x28\x01",
        "a fraction": b"\xa1\x61x\xf9\x3c\x00",
        "a negative number": b"\xa1\x61x\x20",
        "2^64 - 1": b"\xa1\x61x\x1b" + b"\xff" * 8,
        "nested deeply": b"\xa1\x61x" + b"\x81" * 30_000 + b"\x01",
        "an array of 2^40 items": b"\xa1\x61x\x9b\0\0\1\0\0\0\0\0",
        "a text of 2^40 bytes": b"\xa1\x61x\x7b\0\0\1\0\0\0\0\0",
    }.items():
        yield name, value, CBOR_TYPE


def broken_json(operation: Operation) -> Iterator[Sent]:
    """JSON that is none, can be read in two ways, or is no object."""
    raw = json.dumps(operation.example()).encode()
    inside = raw[1:-1]
    comma = b", " if inside else b""
    yield "truncated by one", raw[:-1], JSON
    yield "a byte behind", raw + b"]", JSON
    yield "a mark in front", b"\xef\xbb\xbf" + raw, JSON
    yield "UTF-16", raw.decode().encode("utf-16"), JSON
    yield "no UTF-8", b'{"x\xff": 1}', JSON
    for name, value in {
        "NaN": b"NaN",
        "infinity": b"-Infinity",
        "a long number": b"9" * 5_000,
        "nested deeply": b"[" * 30_000 + b"]" * 30_000,
        "half a pair": b'"\\ud800"',
    }.items():
        yield name, b'{"x": ' + value + comma + inside + b"}", JSON
    yield "a key twice", b'{"x": 1, "x": 1' + comma + inside + b"}", JSON
    yield "half a pair as a name", b'{"\\ud800": 1' + comma + inside + b"}", JSON
    for value in (b"null", b"1", b"[]", b'"a"', b"true"):
        yield value.decode(), value, JSON


def wrong_fields(operation: Operation) -> Iterator[Sent]:
    """Well-formed bodies with one field that is not as described, in both media types."""
    example = operation.example()
    for at, shape in [((), operation.shape), *places(operation.shape or {}, example)]:
        value = got(example, at)
        if isinstance(value, dict):
            yield from both(f"{at}: unknown field", put(example, at, {**value, "unknown": 1}))
        if at and isinstance(at[-1], str) and at[-1] in required(operation, at):
            yield from both(f"{at}: missing", without(example, at))
        if at:
            for name, wrong in wrong_values(shape or {}, value):
                yield from both(f"{at}: {name}", put(example, at, wrong))


def required(operation: Operation, at: Any) -> list[str]:
    above = dict(places(operation.shape or {}, operation.example()))
    found = above[at[:-1]] if len(at) > 1 else operation.shape
    names: list[str] = (found or {}).get("required", [])
    return names


def wrong_values(shape: dict[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    """What must not stand in place of `value`."""
    yield "an object", {"x": 1}
    yield "true", True
    if not isinstance(value, list):
        yield "an array", [value]
    if isinstance(value, str):
        yield "a number", 7
        yield from wrong_texts(shape, value)
    if isinstance(value, int):
        yield "a text", str(value)
        for number in (-1, 2**53, 2**63, 2**64, 10**30, 1.5):
            yield f"the number {number}", number
    if isinstance(value, list):
        yield "a text", "x"
        if "maxItems" in shape and shape["maxItems"] <= 10:
            yield "one too many", value * (shape["maxItems"] + 1)


def wrong_texts(shape: dict[str, Any], value: str) -> Iterator[tuple[str, str]]:
    if "contentEncoding" in shape:
        yield "padded", value + "="
        yield "other letters", "+/" + value[2:]
        yield "not ASCII", "é" + value[1:]
        least, most = shape["minLength"], shape["maxLength"]
        if least == most:
            # Three more or fewer bytes would do as well; these are the nearest that are canonical.
            yield "a byte short", "A" * ((((most * 3) // 4 - 1) * 4 + 2) // 3)
            yield "a byte long", "A" * ((((most * 3) // 4 + 1) * 4 + 2) // 3)
    elif shape.get("format") == "uuid":
        yield "upper case", value.upper()
        yield "without hyphens", value.replace("-", "")
    else:
        yield "a NUL", "a\0b@example.org"
        yield "half a pair", "\ud800"
        yield "empty", ""
        yield "too long", "a" * 1_001


def both(name: str, body: Any) -> Iterator[Sent]:
    yield name, json.dumps(body).encode(), JSON
    try:
        yield name, cbor.dumps(to_cbor(body)), CBOR_TYPE
    except cbor.CborError:
        return  # it cannot be said in our CBOR; bytes of that kind are in `broken_cbor`


def counts() -> dict[str, int]:
    """How many rows each table has."""
    return {model._meta.db_table: model._default_manager.count() for model in apps.get_models()}


@pytest.fixture
def ids(ana: Person) -> dict[str, UUID]:
    world = World.begin("bad input")
    vault = world.vault_create(world.founder)
    return {"team_id": world.id, "vault_id": UUID(bytes=vault), "owner": user_of(world.founder).pk}


def caller(operation: Operation, ana: Person, ids: dict[str, UUID]) -> APIClient:
    of_a_team = operation.path.startswith(("/api/v1/teams", "/api/v1/sync", "/api/v1/invites"))
    return client_of(User.objects.get(pk=ids["owner"] if of_a_team else ana.id))


def address(operation: Operation, ids: dict[str, UUID]) -> str:
    return operation.path.format(**ids)


def check(operation: Operation, name: str, answer: Any, allowed: set[int]) -> None:
    assert answer.status_code in allowed, (name, answer.status_code, answer.content)
    assert answer["Content-Type"] == "application/problem+json", name
    assert answer.json()["code"] in operation.codes(answer.status_code), (name, answer.content)


@pytest.mark.django_db
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_bad_body_is_named_and_changes_nothing(
    operation: Operation, ana: Person, ids: dict[str, UUID]
) -> None:
    client, path = caller(operation, ana, ids), address(operation, ids)
    send = getattr(client, operation.method)
    before, sent = counts(), 0
    for attempt in (broken_cbor, broken_json, wrong_fields):
        for name, body, media_type in attempt(operation):
            answer = send(path, body, content_type=media_type)
            check(operation, f"{name}, {media_type}", answer, {400})
            sent += 1
    assert sent > 30
    assert counts() == before


@pytest.mark.django_db
@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_body_of_another_kind_or_size_is_not_read(
    operation: Operation, ana: Person, ids: dict[str, UUID]
) -> None:
    client, path = caller(operation, ana, ids), address(operation, ids)
    send = getattr(client, operation.method)
    before = counts()
    raw = json.dumps(operation.example()).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"):
        check(operation, kind, send(path, raw, content_type=kind), {415})
    limit = limit_of(resolve(path).func)
    assert limit <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    for media_type in (JSON, CBOR_TYPE):
        answer = send(path, b" " * (limit + 1), content_type=media_type)
        check(operation, "too large", answer, {413})
        answer = send(path, b" " * limit, content_type=media_type)
        check(operation, "nothing but spaces", answer, {400})
    assert counts() == before


def restore_body(link: bytes) -> dict[str, Any]:
    nothing: dict[str, list[Any]] = {"openings": [], "grants": [], "olds": [], "blobs": []}
    return {"vault": None, "link": link, **nothing}


@pytest.mark.django_db
def test_ids_of_another_team_reach_nothing(ana: Person, ids: dict[str, UUID]) -> None:
    other = World.begin("another team")
    theirs = other.vault_create(other.founder)
    mine = client_of(User.objects.get(pk=ids["owner"]))
    team = f"/api/v1/teams/{ids['team_id']}"
    report = {"vault": theirs, "epoch": 1, "from": other.founder.fp}
    grant = cbor.loads(other.team.grant(other.founder, theirs, other.founder))
    committed = {"profile": {**other.founder.profile, "name": bytes(32)}}
    profile = other.team.sign(other.founder, "set_profile", committed)
    purge = other.team.sign_change(other.founder, theirs, {other.item(): (1, None)})
    bodies = {
        f"{team}/hold": {"vaults": [theirs]},
        f"{team}/vaults/{UUID(bytes=theirs)}/olds": {
            "olds": [{"from": 1, "to": 2, "blob": bytes(113)}]
        },
        f"{team}/grants": {"grants": [grant]},
        f"{team}/links": other.link_body(profile),
        f"{team}/restore": restore_body(profile),
        f"{team}/restore?vault": {**restore_body(purge), "vault": theirs},
    }
    before = counts()
    for path, body in bodies.items():
        answer = mine.post(path, cbor.dumps(body), content_type=CBOR_TYPE)
        assert answer.status_code in {404, 409, 422}, (path, answer.content)
    reports = {"opened": [report], "broken": [report]}
    answer = mine.post(f"{team}/grants/reports", cbor.dumps(reports), content_type=CBOR_TYPE)
    assert answer.status_code == 204  # a report on no grant says nothing, to nobody
    assert counts() == before
