"""Safety words (SPEC 5.3): the second implementation, and its cases. No server needs them."""

import hashlib
from pathlib import Path
from typing import Any

from nacl.bindings import crypto_pwhash_alg

from tests.draw import Draw

LIST = Path(__file__).parents[2] / "static/src/crypto/eff_large_wordlist.txt"
ARGON2ID13 = 2  # libsodium's number of the algorithm
MEMORY = 64 * 1024 * 1024  # bytes


def words(kind: str, message: bytes) -> str:
    """Return the six words of a message, with spaces between."""
    salt = hashlib.sha256(b"coffret/words/v1\0" + kind.encode()).digest()[:16]
    okm = crypto_pwhash_alg(32, message, salt, 3, MEMORY, ARGON2ID13)
    listed = LIST.read_text(encoding="ascii").split()
    rest, found = int.from_bytes(okm), []
    for _ in range(6):
        rest, place = divmod(rest, len(listed))
        found.append(listed[place])
    return " ".join(found)


def word_cases() -> list[dict[str, Any]]:
    """Return the words of each kind; the same bytes give other words as another kind."""
    draw = Draw("words")
    invite, fp = draw.take(32), draw.take(32)
    said = [("invite", invite), ("key", invite), ("key", fp), ("member", invite + fp)]
    return [
        {"name": kind, "kind": kind, "message": message.hex(), "words": words(kind, message)}
        for kind, message in [*said, ("member", fp + invite)]
    ]
