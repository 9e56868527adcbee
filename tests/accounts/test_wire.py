"""Bodies: the same fields as CBOR and as JSON, and nothing besides."""

import io
import json
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.test import Client
from django.urls import path
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.wire import (
    MAX_ITEMS,
    MAX_NAMES,
    BytesField,
    CborParser,
    ConstField,
    IdField,
    StrictSerializer,
    TextField,
    UintField,
)
from vaults.crypto import cbor

ID = UUID("0190a5b6-7c8d-7e9f-8a1b-2c3d4e5f6071")


class Inner(StrictSerializer):
    key = BytesField(4)


class Body(StrictSerializer):
    id = IdField()
    raw = BytesField(least=0, most=5)
    number = UintField(most=9)
    text = TextField(most=3)
    suite = ConstField(1)
    inner = Inner(many=True)


class Echo(APIView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        body = Body(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.validated_data)


urlpatterns = [path("api/echo", Echo.as_view())]
pytestmark = pytest.mark.urls(__name__)

CBOR = {
    "id": ID.bytes,
    "raw": b"\xff\xfe",
    "number": 7,
    "text": "abc",
    "suite": 1,
    "inner": [{"key": b"four"}],
}
JSON = {
    "id": str(ID),
    "raw": "__4",
    "number": 7,
    "text": "abc",
    "suite": 1,
    "inner": [{"key": "Zm91cg"}],
}


def send(kind: str, body: Any, accept: str | None = None) -> Any:
    raw = cbor.dumps(body) if kind == "cbor" else json.dumps(body)
    kind = f"application/{kind}"
    return Client().post("/api/echo", raw, content_type=kind, headers={"accept": accept or kind})


@pytest.mark.parametrize("kind", ["cbor", "json"])
@pytest.mark.parametrize("accept", ["cbor", "json"])
def test_both_forms_carry_the_same(kind: str, accept: str) -> None:
    answer = send(kind, CBOR if kind == "cbor" else JSON, f"application/{accept}")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == f"application/{accept}"
    if accept == "cbor":
        assert cbor.loads(answer.content) == CBOR
    else:
        assert answer.json() == JSON


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("cbor", {"id": str(ID)}),
        ("cbor", {"id": ID.bytes[1:]}),
        ("cbor", {"raw": "__4"}),
        ("cbor", {"inner": [{"key": b"four", "more": 1}]}),
        ("cbor", {"inner": [{"key": b"fou"}]}),
        ("json", {"id": ID.hex}),
        ("json", {"id": str(ID).upper()}),
        ("json", {"raw": "__5"}),  # bits that no byte holds
        ("json", {"raw": "__4="}),
        ("json", {"raw": "//4"}),
        ("json", {"raw": "AAAAAAAA"}),
        ("json", {"number": True}),
        ("json", {"number": 7.0}),
        ("json", {"number": "7"}),
        ("json", {"number": 10}),
        ("json", {"number": -1}),
        ("json", {"text": ""}),
        ("json", {"text": "abcd"}),
        ("json", {"text": "a\0"}),
        ("json", {"text": 3}),
        ("json", {"suite": 2}),
        ("json", {"suite": True}),
        ("json", {"more": 1}),
        ("json", {"raw": None}),
    ],
)
def test_what_is_not_of_the_shape_is_refused(kind: str, change: dict[str, Any]) -> None:
    answer = send(kind, {**(CBOR if kind == "cbor" else JSON), **change})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert set(answer.json()["fields"]) == set(change)


@pytest.mark.parametrize("missing", sorted(JSON))
def test_no_field_is_optional_by_itself(missing: str) -> None:
    answer = send("json", {name: value for name, value in JSON.items() if name != missing})

    assert answer.json()["fields"] == {missing: ["required"]}


@pytest.mark.parametrize("raw", [b"\xff", b"\xa1\x61\x61", b"\xa2\x61b\x01\x61a\x01"])
def test_cbor_outside_the_profile_is_not_read(raw: bytes) -> None:
    answer = Client().post("/api/echo", raw, content_type="application/cbor")

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


@pytest.mark.parametrize("item", [b"\x80", b"\x00", b"\x58\x18" + bytes(24)])
def test_a_body_of_very_many_items_is_not_decoded(item: bytes) -> None:
    def parsed(count: int) -> Any:
        head = b"\x9a" + count.to_bytes(4, "big")
        return CborParser().parse(io.BytesIO(head + item * count))

    assert len(parsed(MAX_ITEMS - 1)) == MAX_ITEMS - 1
    with patch("vaults.crypto.cbor.loads") as decode, pytest.raises(ParseError):
        parsed(MAX_ITEMS)
    decode.assert_not_called()


def test_large_bytes_are_one_item() -> None:
    raw = bytes(2 * MAX_ITEMS)
    assert CborParser().parse(io.BytesIO(cbor.dumps({"blob": raw}))) == {"blob": raw}


def test_an_error_repeats_few_of_the_unknown_names() -> None:
    answer = send("json", {**JSON, **{f"n{number}": 1 for number in range(5_000)}})

    assert answer.json()["fields"] == {f"n{number}": ["unknown"] for number in range(MAX_NAMES)}
