"""Ed25519 signatures with special values, in the manner of Wycheproof: all must be refused."""

import hashlib
from collections.abc import Iterator
from itertools import product
from typing import Any

from nacl.signing import SigningKey

from tests.draw import Draw

ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19
# As R and as S: around zero, around the group's order, around the field's prime, and the greatest.
VALUES = {
    "0": 0,
    "1": 1,
    "L - 1": ORDER - 1,
    "L": ORDER,
    "L + 1": ORDER + 1,
    "p - 1": PRIME - 1,
    "p": PRIME,
    "p + 1": PRIME + 1,
    "2^255 - 1": 2**255 - 1,
    "2^256 - 1": 2**256 - 1,
}
NEUTRAL = 1  # the encoding of the neutral element; plus p: one that is not canonical
TOP_BIT = 2**255  # the sign of x


def edge_cases() -> Iterator[dict[str, Any]]:
    """Every pair of special values, and R whose equation holds although it may not be taken."""
    signer, message = SigningKey(Draw("signature edges").take(32)), b"?"
    for (r_name, r), (s_name, s) in product(VALUES.items(), repeat=2):
        yield _case(f"R = {r_name}, S = {s_name}", signer, message, _encoded(r) + _encoded(s))
    for name, r in {
        "neutral": NEUTRAL,
        "neutral, sign bit set": NEUTRAL + TOP_BIT,
        "neutral + p": NEUTRAL + PRIME,
    }.items():
        s = _fitting(signer, _encoded(r), message)
        yield _case(f"R = {name}, S fits it", signer, message, _encoded(r) + _encoded(s))
    yield from _more_than_the_order(signer, message)


def _more_than_the_order(signer: SigningKey, message: bytes) -> Iterator[dict[str, Any]]:
    """A good S plus multiples of the order: the same scalar to whoever does not look."""
    good = signer.sign(message).signature
    s = int.from_bytes(good[32:], "little")
    for times in range(1, 16):
        name = f"S + {times} L"
        yield _case(name, signer, message, good[:32] + _encoded(s + times * ORDER))


def _fitting(signer: SigningKey, r: bytes, message: bytes) -> int:
    """The S for which [S]B = R + [h]A, R being the neutral element."""
    digest = hashlib.sha512(bytes(signer)).digest()
    secret = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    h = hashlib.sha512(r + bytes(signer.verify_key) + message).digest()
    return int.from_bytes(h, "little") * secret % ORDER


def _encoded(value: int) -> bytes:
    return value.to_bytes(32, "little")


def _case(name: str, signer: SigningKey, message: bytes, signature: bytes) -> dict[str, Any]:
    public = bytes(signer.verify_key)
    said = {"message": message, "public": public, "signature": signature}
    return {"name": name, **said, "verdict": "refused"}
