"""The one seal, inner and outer. SPEC 2.

`sealed = suite(1) || salt(32) || commit(32) || ciphertext || tag(16)`: 81 bytes longer than the
plaintext. AES key and commitment come from HKDF over a salt that is fresh for every seal, so the
nonce is constant and there is no associated
data: the context is in the key.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vaults.crypto import cbor
from vaults.crypto.errors import DecryptionError
from vaults.crypto.keys import SUITE, Amk, Auk, Dek, Kek, KitKey

Sealing = TypeVar("Sealing", Kek, Dek, Amk, Auk | KitKey)

SALT_SIZE: Final = 32  # bytes
COMMIT_SIZE: Final = 32  # bytes
TAG_SIZE: Final = 16  # bytes
OVERHEAD: Final = 1 + SALT_SIZE + COMMIT_SIZE + TAG_SIZE  # 81 bytes
NO_TEAM: Final = bytes(
    16
)  # the team in contexts under the deployment KEK, and the cred of a kit wrap

_NONCE: Final = bytes(12)
_COMMIT_AT: Final = 1 + SALT_SIZE
_CIPHERTEXT_AT: Final = _COMMIT_AT + COMMIT_SIZE


@dataclass(frozen=True)
class Label(Generic[Sealing]):
    """What a seal is for: its name in the key derivation, and the fields of its context."""

    name: bytes
    fields: frozenset[str]


def _label(name: str, fields: str) -> Label[Any]:
    return Label(name.encode(), frozenset([*fields.split(), "suite"]))


OUTER: Final[Label[Kek]] = _label("coffret/outer/v1", "deployment kek kind row team")
ITEM: Final[Label[Dek]] = _label("coffret/item/v1", "author epoch item part revision team vault")
OLD_DEK: Final[Label[Dek]] = _label("coffret/olddek/v1", "from team to vault")
AMK_WRAP: Final[Label[Auk | KitKey]] = _label("coffret/amk/v1", "account cred id wrap")
KEYRING: Final[Label[Amk]] = _label("coffret/keyring/v1", "account counter")
PINS: Final[Label[Amk]] = _label("coffret/pins/v1", "account counter")
SETTINGS: Final[Label[Amk]] = _label("coffret/settings/v1", "account counter")
DRAFT: Final[Label[Amk]] = _label("coffret/draft/v1", "account draft")
CACHE: Final[Label[Amk]] = _label("coffret/cache/v1", "account chain")
LOGIN: Final[Label[Kek]] = _label("coffret/login/v1", "handle session")


def seal(
    key: Sealing, label: Label[Sealing], context: dict[str, Any], plaintext: bytes | bytearray
) -> bytes:
    """Seal `plaintext` to one place.

    Args:
        key: of the role that the label asks for.
        label: one of the constants above.
        context: the label's fields as bytes, text and integers; `suite` is added.
        plaintext: any length; the result is 81 bytes longer.

    Raises:
        ValueError: the context has not exactly the label's fields, or a value that CBOR does not
            take.
    """
    return _seal_with_salt(key, label, context, plaintext, secrets.token_bytes(SALT_SIZE))


def open_sealed(
    key: Sealing, label: Label[Sealing], context: dict[str, Any], sealed: bytes
) -> bytearray:
    """Undo `seal`. The caller overwrites the result if it is a key.

    Raises:
        DecryptionError: wrong key, label or context, another suite, altered or too short. Never
            which.
        ValueError: as for `seal`.
    """
    info = _info(label, context)
    if len(sealed) < OVERHEAD or sealed[0] != SUITE:
        raise DecryptionError
    view = memoryview(sealed)
    okm = _derive(key, bytes(view[1:_COMMIT_AT]), info)
    plaintext = bytearray(len(sealed) - OVERHEAD)
    try:
        if not hmac.compare_digest(okm[32:], view[_COMMIT_AT:_CIPHERTEXT_AT]):
            raise DecryptionError
        AESGCM(memoryview(okm)[:32]).decrypt_into(_NONCE, view[_CIPHERTEXT_AT:], None, plaintext)
    except InvalidTag:
        raise DecryptionError from None
    finally:
        okm[:] = bytes(64)
    return plaintext


def seal_outer(
    kek: Kek,
    *,
    deployment: bytes,
    kek_version: int,
    kind: str,
    row: bytes,
    team: bytes | None,
    plaintext: bytes,
) -> bytes:
    """Seal a row under a KEK.

    Args:
        kek: of the team, or of the deployment when `team` is None.
        deployment: 16 bytes.
        kek_version: of this KEK, from 1.
        kind: `grant`, `opaque`, `amk`, `server` or `totp`.
        row: `H(grant bytes)` for a grant, else the row's id, 16 bytes.
        team: 16 bytes, or None under the deployment KEK.
        plaintext: any length; the result is 81 bytes longer.
    """
    return seal(kek, OUTER, _outer(deployment, kek_version, kind, row, team), plaintext)


def open_outer(
    kek: Kek,
    *,
    deployment: bytes,
    kek_version: int,
    kind: str,
    row: bytes,
    team: bytes | None,
    sealed: bytes,
) -> bytearray:
    """Undo `seal_outer`.

    Raises:
        DecryptionError: as for `open_sealed`.
    """
    return open_sealed(kek, OUTER, _outer(deployment, kek_version, kind, row, team), sealed)


def _outer(
    deployment: bytes, kek_version: int, kind: str, row: bytes, team: bytes | None
) -> dict[str, Any]:
    return {
        "deployment": deployment,
        "kek": kek_version,
        "kind": kind,
        "row": row,
        "team": team or NO_TEAM,
    }


def _seal_with_salt(
    key: Sealing,
    label: Label[Sealing],
    context: dict[str, Any],
    plaintext: bytes | bytearray,
    salt: bytes,
) -> bytes:
    """`seal` with the salt given: for the vectors, which must come out the same each time."""
    okm = _derive(key, salt, _info(label, context))
    sealed = bytearray(len(plaintext) + OVERHEAD)
    sealed[0] = SUITE
    sealed[1:_COMMIT_AT] = salt
    sealed[_COMMIT_AT:_CIPHERTEXT_AT] = okm[32:]
    try:
        AESGCM(memoryview(okm)[:32]).encrypt_into(
            _NONCE, plaintext, None, memoryview(sealed)[_CIPHERTEXT_AT:]
        )
    finally:
        okm[:] = bytes(64)
    return bytes(sealed)


def _info(label: Label[Any], context: dict[str, Any]) -> bytes:
    context = {**context, "suite": SUITE}
    if context.keys() != label.fields:
        raise ValueError(f"{label.name.decode()} takes {sorted(label.fields)}")
    return label.name + cbor.dumps(context)


def _derive(key: Kek | Dek | Amk | Auk | KitKey, salt: bytes, info: bytes) -> bytearray:
    """AES key(32) || commit(32)."""
    okm = bytearray(64)
    HKDF(algorithm=hashes.SHA256(), length=64, salt=salt, info=info).derive_into(key.raw, okm)
    return okm
