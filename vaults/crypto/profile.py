"""Commitments to names of people and teams and to e-mail addresses. SPEC 5.2."""

import hashlib
from typing import Literal

from vaults.crypto import cbor

SALT_SIZE = 32  # bytes


def commitment(salt: bytes, kind: Literal["name", "email", "team"], text: str) -> bytes:
    """What a link says about a text that lies in a row which can be deleted.

    Args:
        salt: 32 random bytes, in the same row.
        kind: `name`, `email` or `team`.
        text: as a person typed it.
    """
    return hashlib.sha256(
        b"coffret/profile/v1" + salt + cbor.dumps({"kind": kind, "text": text})
    ).digest()
