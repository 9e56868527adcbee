"""Key types, checks of public keys, and every derivation of SPEC 1.2 and 1.3.

Each class is one role; a function that takes a `Dek` takes nothing else. Keys are `bytearray`s and
are overwritten with zeros when their `with` block ends. CPython may still hold copies that a
library made (SPEC 1.2).
"""

import hashlib
import secrets
from types import TracebackType
from typing import ClassVar, Final, NoReturn, Self
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_scalarmult
from nacl.signing import SigningKey

from vaults.crypto import cbor
from vaults.crypto.errors import Refused

SUITE: Final = 1  # X25519 sealed boxes, Ed25519, HKDF, AES-256-GCM, SHA-256
KEY_SIZE: Final = 32  # bytes
EXPORT_KEY_SIZE: Final = 64  # bytes, from OPAQUE

# Any fixed scalar does: a low-order point gives zero with each of them.
_PROBE: Final = b"\x42" * KEY_SIZE
_UUID_FREE_BITS: Final = ~((0xF << 76) | (0b11 << 62))


class _SymmetricKey:
    """32 secret bytes with one role: no text, comparison or pickle; zeroed at the end of `with`."""

    SIZE: ClassVar[int] = KEY_SIZE
    __slots__ = ("raw",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, raw: bytes | bytearray) -> None:
        """Take a copy of `raw`, 32 bytes.

        Raises:
            ValueError: another length.
        """
        if len(raw) != self.SIZE:
            raise ValueError(f"{type(self).__name__} is {self.SIZE} bytes")
        self.raw = bytearray(raw)

    @classmethod
    def generate(cls) -> Self:
        """Draw a key of `SIZE` bytes from the system's generator."""
        return cls(secrets.token_bytes(cls.SIZE))

    def zero(self) -> None:
        """Overwrite the key; SPEC 1 says what CPython may have copied before."""
        self.raw[:] = bytes(self.SIZE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.zero()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("keys are not compared")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        # A key that can be pickled will one day sit in a queue or a cache.
        raise TypeError(f"{type(self).__name__} does not leave the process")


class Kek(_SymmetricKey):
    """Key encryption key: outer seals of one team, or of the deployment."""


class Dek(_SymmetricKey):
    """Data encryption key of one epoch of one vault."""


class Amk(_SymmetricKey):
    """Account master key: seals the keyring, pins, settings, drafts and this browser's cache."""


class Auk(_SymmetricKey):
    """Account unlock key: opens the AMK after OPAQUE."""


class KitKey(_SymmetricKey):
    """Opens the AMK from the printed recovery kit."""


def check_identity_key(public: bytes) -> None:
    """Let an Ed25519 public key in, or not (32 bytes).

    Raises:
        Refused: `F10.key`: not canonical, not on the curve, of low or mixed order.
    """
    if not crypto_core_ed25519_is_valid_point(public):
        raise Refused("F10.key")


def check_box_key(public: bytes) -> None:
    """Let an X25519 public key in, or not (32 bytes).

    Raises:
        Refused: `F10.key`: the key has low order, so that every shared secret would be zero.
    """
    try:
        # libsodium refuses an all-zero result by itself; PyNaCl turns that into RuntimeError.
        crypto_scalarmult(_PROBE, public)
    except RuntimeError:
        raise Refused("F10.key") from None


def fingerprint(identity: bytes, box: bytes) -> bytes:
    """The 32 bytes that stand for a member's two public keys."""
    return hashlib.sha256(
        b"coffret/fp/v1" + cbor.dumps({"box": box, "identity": identity, "suite": SUITE})
    ).digest()


def dek_commit(team: bytes, vault: bytes, epoch: int, dek: Dek) -> bytes:
    """What `vault_create` and `vault_rotate` say about a DEK, 32 bytes."""
    digest = hashlib.sha256(
        b"coffret/dek/v1" + cbor.dumps({"epoch": epoch, "team": team, "vault": vault})
    )
    digest.update(dek.raw)
    return digest.digest()


def team_id(genesis_link: bytes) -> UUID:
    """The UUIDv8 that a genesis link (the link's bytes, not the Signed) gives its team."""
    number = int.from_bytes(
        hashlib.sha256(b"coffret/genesis/v1" + genesis_link).digest()[:16], "big"
    )
    return UUID(int=(number & _UUID_FREE_BITS) | (8 << 76) | (0b10 << 62))


def derive_auk(
    *, export_key: bytes, account_secret: bytes, account: bytes, cred: bytes, server_key: bytes
) -> Auk:
    """The key that opens the AMK after OPAQUE.

    Args:
        export_key: 64 bytes from OPAQUE.
        account_secret: 32 bytes, or empty for an account without one.
        account: 16 bytes.
        cred: 16 bytes, new at every registration.
        server_key: OPAQUE's public key of the server, 32 bytes.

    Raises:
        ValueError: a length is wrong (`R18.length`).
    """
    if len(export_key) != EXPORT_KEY_SIZE or len(account_secret) not in (0, KEY_SIZE):
        raise ValueError("export key is 64 bytes, account secret 32 or none")
    info = cbor.dumps(["coffret/auk/v1", account, cred, SUITE, server_key])
    return Auk(_hkdf(hashes.SHA512(), export_key, account_secret, info))


def derive_kit_key(*, code: bytes, account: bytes) -> KitKey:
    """The key that the printed recovery kit stands for.

    Args:
        code: 32 bytes.
        account: 16 bytes.

    Raises:
        ValueError: the code has another length (`R18.length`).
    """
    if len(code) != KEY_SIZE:
        raise ValueError("kit code is 32 bytes")
    return KitKey(_hkdf(hashes.SHA512(), code, b"", cbor.dumps(["coffret/kit/v1", account, SUITE])))


def invite_key_from(t: bytes, team: bytes, invite: bytes) -> SigningKey:
    """The Ed25519 key of an invitation.

    Args:
        t: the link's 32 random bytes.
        team: 16 bytes.
        invite: the invite's id, 16 bytes.

    Raises:
        ValueError: `t` has another length.
    """
    if len(t) != KEY_SIZE:
        raise ValueError("t is 32 bytes")
    return SigningKey(_hkdf(hashes.SHA256(), t, b"", cbor.dumps(["coffret/inv/v1", team, invite])))


def oprf_seed_message(deployment: bytes, account: bytes, cred: bytes) -> bytes:
    """What the KMS login key authenticates to give an account's OPRF seed. Ids of 16 bytes."""
    return cbor.dumps(["coffret/oprf/v1", deployment, account, cred])


def _hkdf(algorithm: hashes.HashAlgorithm, secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=algorithm, length=KEY_SIZE, salt=salt, info=info).derive(secret)
