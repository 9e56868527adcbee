"""An item revision: two padded parts, their commitments, the hash of both. SPEC 6.1."""

import hashlib
import secrets
from typing import Final, Literal

from vaults.crypto.errors import DecryptionError
from vaults.crypto.keys import Dek
from vaults.crypto.seal import ITEM, open_sealed, seal

Part = Literal["overview", "details"]

MAX_SEALED: Final[dict[Part, int]] = {"overview": 65_536, "details": 2_097_152}  # bytes
BLIND_SIZE: Final = 32  # bytes; hides the text from whoever guesses at its commitment
LEAST_PADDED: Final = 256  # bytes

_TEXT_AT: Final = BLIND_SIZE + 4


def padme(length: int) -> int:
    """Round a length (at least 2) up: it leaks O(log log length) bits, grows by less than 12 %."""
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def pad(text: bytes, blind: bytes | None = None) -> bytes:
    """`r(32) || u32 length || text || zeros`. `blind` is r, drawn here unless given."""
    blind = secrets.token_bytes(BLIND_SIZE) if blind is None else blind
    return (blind + len(text).to_bytes(4, "big") + text).ljust(_padded_size(len(text)), b"\0")


def unpad(padded: bytes | bytearray) -> bytes:
    """The text inside.

    Raises:
        DecryptionError: the whole has not the size that its text asks for, or the zeros are not
            zeros.
    """
    end = _TEXT_AT + int.from_bytes(padded[BLIND_SIZE:_TEXT_AT], "big")
    if (
        len(padded) < LEAST_PADDED
        or len(padded) != _padded_size(end - _TEXT_AT)
        or any(padded[end:])
    ):
        raise DecryptionError
    return bytes(padded[_TEXT_AT:end])


def part_commitment(part: Part, padded: bytes | bytearray) -> bytes:
    """`c(part)`, 32 bytes."""
    return hashlib.sha256(b"coffret/part/v1\0" + part.encode() + b"\0" + padded).digest()


def revision_hash(overview: bytes, details: bytes) -> bytes:
    """The entry of a `change` link, from the commitments of both parts."""
    return hashlib.sha256(b"coffret/rev/v1" + overview + details).digest()


def seal_part(
    dek: Dek,
    *,
    team: bytes,
    vault: bytes,
    item: bytes,
    revision: int,
    author: bytes,
    epoch: int,
    part: Part,
    padded: bytes,
) -> bytes:
    """Seal a padded part at its place. `author` is the actor of the `change` link, for ever."""
    context = _context(team, vault, item, revision, author, epoch, part)
    return seal(dek, ITEM, context, padded)


def open_part(
    dek: Dek,
    *,
    team: bytes,
    vault: bytes,
    item: bytes,
    revision: int,
    author: bytes,
    epoch: int,
    part: Part,
    sealed: bytes,
) -> bytearray:
    """Undo `seal_part`; the padding is still on, for the commitment is over it.

    Raises:
        DecryptionError: as for every seal.
    """
    context = _context(team, vault, item, revision, author, epoch, part)
    return open_sealed(dek, ITEM, context, sealed)


def _padded_size(length: int) -> int:
    return padme(max(LEAST_PADDED, _TEXT_AT + length))


def _context(
    team: bytes, vault: bytes, item: bytes, revision: int, author: bytes, epoch: int, part: Part
) -> dict[str, bytes | int | str]:
    return {
        "author": author,
        "epoch": epoch,
        "item": item,
        "part": part,
        "revision": revision,
        "team": team,
        "vault": vault,
    }
