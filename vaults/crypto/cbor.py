"""Canonical CBOR, the restricted profile of SPEC 1.1.

Encoding uses cbor2 after a walk over the value. Decoding is done here: cbor2 computes the values of
tags (decimals, regular expressions) before anyone could refuse them, and bytes from strangers pass
through `loads`.
"""

from typing import Any, Final

import cbor2

MAX_INT: Final = 2**53 - 1
MAX_LEVEL: Final = 6  # maps and arrays inside each other

_UINT, _BYTES, _TEXT, _ARRAY, _MAP, _SIMPLE = 0, 2, 3, 4, 5, 7  # major types, RFC 8949 3.1
_SIMPLE_VALUES: Final = {0xF4: False, 0xF5: True, 0xF6: None}
_LARGEST_SHORT: Final = 23  # an argument up to here lies in the initial byte
_ONE_BYTE: Final = 24  # this one says: in the next byte
_SHORT_TEXT: Final = range(0x60, 0x78)  # initial bytes of texts of at most 23 bytes
_LEAST: Final = {25: 2**8, 26: 2**16, 27: 2**32}  # least argument that may take this length


class CborError(ValueError):
    """Bytes or a value outside the profile. The caller names the refusal."""

    def __init__(self) -> None:
        super().__init__("outside the CBOR profile")


def dumps(value: Any) -> bytes:
    """Encode a value of the profile: dict with text keys, list, bytes, str, int, bool, None.

    Raises:
        CborError: another type, an integer outside 0 ... 2^53-1, more than six levels, or text with
            lone surrogates.
    """
    _check(value, 0)
    try:
        return cbor2.dumps(value, canonical=True)
    except UnicodeEncodeError:
        raise CborError from None


def loads(data: bytes) -> Any:
    """Decode exactly one item, and nothing that `dumps` would have written otherwise.

    Raises:
        CborError: anything outside the profile, bytes after the item, or no bytes.
    """
    data = bytes(data)
    try:
        value, end = _item(data, 0, 0)
    except (IndexError, UnicodeDecodeError):
        raise CborError from None
    if end != len(data):
        raise CborError
    return value


def _check(value: Any, level: int) -> None:
    kind = type(value)
    if kind is dict or kind is list:
        if level == MAX_LEVEL:
            raise CborError
        if kind is dict:
            if any(type(key) is not str for key in value):
                raise CborError
            value = value.values()
        for inner in value:
            _check(inner, level + 1)
    elif kind is int:
        if not 0 <= value <= MAX_INT:
            raise CborError
    elif kind not in (bytes, str, bool, type(None)):
        raise CborError


def _item(data: bytes, at: int, level: int) -> tuple[Any, int]:  # noqa: C901  a case per major type
    """The item at `at`, and its end. An end behind the data is noticed by the next read."""
    first = data[at]
    at += 1
    major, argument = first >> 5, first & 31
    if major == _SIMPLE:
        if first not in _SIMPLE_VALUES:
            raise CborError
        return _SIMPLE_VALUES[first], at
    if argument == _ONE_BYTE:  # hashes, keys and ids: worth not calling for
        argument = data[at]
        at += 1
        if argument <= _LARGEST_SHORT:
            raise CborError
    elif argument > _LARGEST_SHORT:
        argument, at = _long_argument(data, at, argument)
    if major == _BYTES:
        end = at + argument
        return data[at:end], end
    if major == _UINT:
        return argument, at
    if major == _TEXT:
        end = at + argument
        return str(data[at:end], "utf-8"), end
    if major not in (_ARRAY, _MAP) or level == MAX_LEVEL:
        raise CborError
    if major == _ARRAY:
        return _array(data, at, level + 1, argument)
    return _map(data, at, level + 1, argument)


def _long_argument(data: bytes, at: int, info: int) -> tuple[int, int]:
    """A number of 2, 4 or 8 bytes after the initial byte, only if no shorter form would do."""
    least = _LEAST.get(info)
    if least is None:
        raise CborError
    end = at + (1 << (info - 24))
    argument = int.from_bytes(data[at:end], "big")
    if end > len(data) or not least <= argument <= MAX_INT:
        raise CborError
    return argument, end


def _array(data: bytes, at: int, level: int, count: int) -> tuple[list[Any], int]:
    items = []
    for _ in range(count):
        value, at = _item(data, at, level)
        items.append(value)
    return items, at


def _map(data: bytes, at: int, level: int, count: int) -> tuple[dict[str, Any], int]:
    """Keys are text, each greater, as encoded bytes, than the one before: sorted, never twice."""
    entries = {}
    before = b""
    for _ in range(count):
        start, first = at, data[at]
        if first in _SHORT_TEXT:
            at += 1 + first - 0x60
            key = str(data[start + 1 : at], "utf-8")
        elif first >> 5 == _TEXT:
            key, at = _item(data, at, level)
        else:
            raise CborError
        encoded = data[start:at]
        if encoded <= before:
            raise CborError
        before = encoded
        entries[key], at = _item(data, at, level)
    return entries, at
