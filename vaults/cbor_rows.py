"""CBOR put together by hand where thousands of rows go out (RFC 8949, 3).

`vaults.crypto.cbor` walks each value and encodes it: 14 µs an item. Rows have one shape, so here
only the lengths are encoded: 1 µs. The tests decode what comes out with the strict decoder.
"""

from collections.abc import Mapping, Sequence
from typing import Final

_UINT, _BYTES, _TEXT, _ARRAY, _MAP = 0x00, 0x40, 0x60, 0x80, 0xA0  # major types
_NULL: Final = b"\xf6"
_B16: Final = b"\x50"
_B32: Final = b"\x58\x20"


def head(major: int, number: int) -> bytes:
    """The initial byte of a major type, and its number in the shortest form."""
    if number < 24:  # noqa: PLR2004 - the numbers of RFC 8949, 3
        return bytes((major | number,))
    if number < 0x100:  # noqa: PLR2004
        return bytes((major | 24, number))
    if number < 0x10000:  # noqa: PLR2004
        return bytes((major | 25,)) + number.to_bytes(2, "big")
    if number < 0x100000000:  # noqa: PLR2004
        return bytes((major | 26,)) + number.to_bytes(4, "big")
    return bytes((major | 27,)) + number.to_bytes(8, "big")


_HEADS: Final = {major: [head(major, n) for n in range(2048)] for major in (_UINT, _BYTES)}


def _head_of(major: int, number: int) -> bytes:
    return _HEADS[major][number] if number < 2048 else head(major, number)  # noqa: PLR2004


def text(value: str) -> bytes:
    """A text string."""
    raw = value.encode()
    return head(_TEXT, len(raw)) + raw


def record(kind: str, *encoded: bytes) -> bytes:
    """An array of a text and values that are encoded already."""
    return head(_ARRAY, 1 + len(encoded)) + text(kind) + b"".join(encoded)


def b16(value: bytes) -> bytes:
    """A byte string of 16 bytes."""
    return _B16 + value


def uint(value: int) -> bytes:
    """An unsigned integer."""
    return _head_of(_UINT, value)


def bare_byte_strings(values: Sequence[bytes]) -> bytes:
    """Byte strings, one after the other, without the head of an array."""
    parts: list[bytes] = []
    for value in values:
        parts += (_head_of(_BYTES, len(value)), value)
    return b"".join(parts)


def byte_strings(values: Sequence[bytes]) -> bytes:
    """An array of byte strings."""
    return array([(len(values), bare_byte_strings(values))])


def array(runs: Sequence[tuple[int, bytes]]) -> bytes:
    """An array of what is encoded already: runs of values, and how many are in each."""
    count = sum(length for length, _values in runs)
    return b"".join([head(_ARRAY, count), *(values for _length, values in runs)])


def mapping(fields: Mapping[str, bytes]) -> bytes:
    """A map whose values are encoded already, its keys in the order of their bytes."""
    keys = sorted((text(name), value) for name, value in fields.items())
    return head(_MAP, len(keys)) + b"".join(key + value for key, value in keys)


ItemRow = tuple[bytes, int, int, bytes, bytes | None, bytes | None]


def items(rows: Sequence[ItemRow]) -> bytes:
    """An array of `[item, revision, epoch, author, c_details | null, overview | null]`."""
    parts = [head(_ARRAY, len(rows))]
    for item, revision, epoch, author, c_details, overview in rows:
        parts += (b"\x86\x50", item, _head_of(_UINT, revision), _head_of(_UINT, epoch))
        if overview is None or c_details is None:
            parts += (_B16, author, _NULL, _NULL)
        else:
            size = _head_of(_BYTES, len(overview))
            parts += (_B16, author, _B32, c_details, size, overview)
    return b"".join(parts)
