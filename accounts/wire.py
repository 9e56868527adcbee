"""Bodies and answers of the API: CBOR for the browser, JSON for people, one serializer for both.

Bytes are byte strings in CBOR and base64url without padding in JSON; ids are 16 bytes in CBOR and
hyphenated UUIDs in JSON. A field that a serializer does not know is an error: it would be
something that the client means and the server ignores.
"""

import base64
import binascii
import json
import threading
from collections.abc import Mapping
from typing import Any, Final, NoReturn
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from vaults.crypto import cbor

MAX_INT: Final = 2**53 - 1
MAX_NAME: Final = 40  # characters of a field's name
NON_FIELD_ERRORS_KEY: Final = "non_field_errors"
MAX_NAMES: Final = 8  # unknown fields that an error names
# Far above what any body of ours holds; 4 MiB of empty arrays took 11 s of CPU to decode.
MAX_ITEMS: Final = 100_000
CBOR_TYPE: Final = "application/cbor"


class CborBody(dict[str, Any]):
    """A body that came as CBOR: its bytes are bytes, and text does not stand in for them."""


class CborParser(BaseParser):
    """Reads the strict profile of SPEC 1.1."""

    media_type = CBOR_TYPE

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,  # noqa: ARG002 - the interface of DRF
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        data = stream.read()
        if len(data) > MAX_ITEMS and _items_exceed(data, MAX_ITEMS):
            raise ParseError
        try:
            body = cbor.loads(data)
        except cbor.CborError:
            raise ParseError from None
        return CborBody(body) if isinstance(body, dict) else body


def _items_exceed(data: bytes, most: int) -> bool:
    """Return whether CBOR holds more than `most` items, at any depth.

    Goes from head to head and builds nothing. What is no CBOR may be counted wrongly either way:
    the decoder refuses it at the first byte at fault.
    """
    at = count = 0
    while at < len(data):
        count += 1
        if count > most:
            return True
        major, info = data[at] >> 5, data[at] & 31
        at += 1
        length = info
        if 24 <= info <= 27:  # noqa: PLR2004 - the argument follows in 1, 2, 4 or 8 bytes
            end = at + (1 << (info - 24))
            length = int.from_bytes(data[at:end], "big")
            at = end
        if major in (2, 3):  # bytes and text
            at += length
    return False


class CborRenderer(BaseRenderer):
    media_type = CBOR_TYPE
    format = "cbor"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002 - the interface of DRF
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> bytes:
        return b"" if data is None else cbor.dumps(_for_cbor(data))


class WireJsonParser(JSONParser):
    """JSON in which nothing can be read in two ways: no name twice, no NaN."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,  # noqa: ARG002 - the interface of DRF
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        try:
            return json.loads(
                str(stream.read(), "utf-8"),
                object_pairs_hook=_without_twins,
                parse_constant=_no_constant,
            )
        except (ValueError, RecursionError):  # nothing of ours nests deeply
            raise ParseError from None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and the infinities are no JSON")


class WireJsonRenderer(JSONRenderer):
    """JSON with bytes as base64url; UUIDs are text already."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        plain = None if data is None else for_json(data)
        return bytes(super().render(plain, accepted_media_type, renderer_context))


def for_json(value: Any) -> Any:
    """Return `value` with bytes as base64url and ids as text."""
    if isinstance(value, bytes | bytearray | memoryview):
        return to_base64url(bytes(value))
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {key: for_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [for_json(inner) for inner in value]
    return value


def _for_cbor(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.bytes
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Mapping):
        return {str(key): _for_cbor(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_for_cbor(inner) for inner in value]
    if isinstance(value, str):
        return str(value)  # enumerations are texts
    return value


def to_base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Return what `text` stands for; only the one canonical form is taken.

    Raises:
        ValueError: any other form.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not base64url") from None
    if to_base64url(raw) != text:
        raise ValueError("not canonical")
    return raw


class StrictSerializer(serializers.Serializer[Any]):
    """A shape that refuses fields it does not know. Inputs derive from it."""

    default_error_messages = {"unknown": "Unknown field."}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                raise serializers.ValidationError(
                    {_shown(name): ["Unknown field."] for name in unknown[:MAX_NAMES]},
                    code="unknown",
                )
        return super().to_internal_value(data)


def _shown(name: str) -> str:
    """Return a field's name as far as an error repeats it."""
    return name if name.isascii() and name.isidentifier() and len(name) <= MAX_NAME else "?"


class _Shapes(threading.local):
    """One object of each shape for each thread: making one copies all its fields, deeply."""

    def __init__(self) -> None:
        self._kept: dict[type[StrictSerializer], StrictSerializer] = {}

    def of(self, shape: type[StrictSerializer]) -> StrictSerializer:
        kept = self._kept.get(shape)
        if kept is None:
            kept = self._kept[shape] = shape()
        return kept


_shapes: Final = _Shapes()


def parse(shape: type[StrictSerializer], request: Request) -> dict[str, Any]:
    """Return the validated body.

    Raises:
        ValidationError: it has not the shape.
    """
    data = request.data
    if data is None:
        raise serializers.ValidationError({NON_FIELD_ERRORS_KEY: ["null"]}, code="null")
    kept = _shapes.of(shape)
    kept.initial_data = data  # its fields ask in which form it came
    try:
        values: dict[str, Any] = kept.run_validation(data)
    finally:
        del kept.initial_data
    return values


class _Field(serializers.Field[Any, Any, Any, Any]):
    def in_cbor(self) -> bool:
        return isinstance(getattr(self.root, "initial_data", None), CborBody)

    def refuse(self, code: str) -> NoReturn:
        raise serializers.ValidationError(code, code=code)

    def to_representation(self, value: Any) -> Any:
        return value


class BytesField(_Field):
    """`exact` bytes, or `least` to `most`."""

    def __init__(
        self, exact: int | None = None, *, least: int = 0, most: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.least, self.most = (least, most) if exact is None else (exact, exact)

    def to_internal_value(self, data: Any) -> bytes:
        raw = data
        if not self.in_cbor() and isinstance(data, str):
            try:
                raw = from_base64url(data)
            except ValueError:
                self.refuse("base64url")
        if not isinstance(raw, bytes):
            self.refuse("type")
        if not self.least <= len(raw) <= self.most:
            self.refuse("size")
        return raw


class IdField(_Field):
    """An id of 16 bytes, as a UUID."""

    def to_internal_value(self, data: Any) -> UUID:
        if self.in_cbor():
            if not isinstance(data, bytes) or len(data) != 16:  # noqa: PLR2004 - said above
                self.refuse("id")
            return UUID(bytes=data)
        try:
            found = UUID(data) if isinstance(data, str) else None
        except ValueError:
            found = None
        if found is None or str(found) != data:
            self.refuse("id")
        return found


class UintField(_Field):
    """A whole number of the profile; `true` is none."""

    def __init__(self, *, least: int = 0, most: int = MAX_INT, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.most = least, most

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.refuse("type")
        if not self.least <= data <= self.most:
            self.refuse("range")
        return int(data)


class TextField(_Field):
    """Text as it was sent, `least` to `most` characters."""

    pattern = ""  # a form that the description names

    def __init__(self, *, least: int = 1, most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.most = least, most

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.refuse("type")
        if not self.least <= len(data) <= self.most:
            self.refuse("size")
        if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in data):
            self.refuse("characters")  # PostgreSQL stores no NUL, UTF-8 no half of a pair
        return data


class ConstField(_Field):
    """One value and no other, such as the suite."""

    def __init__(self, value: int | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value = value

    def to_internal_value(self, data: Any) -> int | str:
        if type(data) is not type(self.value) or data != self.value:
            self.refuse("value")
        return self.value
