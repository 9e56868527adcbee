"""OPAQUE (RFC 9807), the server's side: the one file that calls the library.

The OPRF seed of an account is derived by KMS at every use, so that whoever steals the database
cannot test one guess. The server's key pair lives sealed under the deployment KEK, for life: it is
what clients pin. For an address without an account there is a synthetic record whose answers are
the same bytes, made by the same calls.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

import opaque_ke_py as library

from accounts.errors import Invalid, Unauthenticated
from accounts.kek import KekMissing, OpenedKek, lend
from accounts.models import Deployment, Kek, OpaqueRecord
from accounts.rows import Joined
from vaults.crypto.keys import oprf_seed_message
from vaults.kms import registry

REQUEST_SIZE: Final = 32  # bytes, registration request
RESPONSE_SIZE: Final = 64
RECORD_SIZE: Final = 192
KE1_SIZE: Final = 96
KE2_SIZE: Final = 320
KE3_SIZE: Final = 64
CRED_SIZE: Final = 16

_SEED_SIZE: Final = 64  # bytes, in front of the library's serialised setup
_KEY_SIZE: Final = 32

# What every sign-in needs. An address without an account costs the same statement.
_KEYS_AND_RECORD: Final = Joined(
    """
    accounts_kek k
    JOIN accounts_deployment d ON d.id = k.deployment_id
    LEFT JOIN accounts_opaquerecord o ON o.account_id = (
        SELECT u.id FROM accounts_user u WHERE u.email = %s AND u.is_active)
    WHERE k.team_id IS NULL AND k.state = 'current'
    """,
    k=Kek,
    d=Deployment,
    o=OpaqueRecord,
)


class LoginRefused(Unauthenticated):
    """KE3 does not verify: a wrong password, no such account, or a stale start."""

    code = "login_failed"
    title = "The e-mail address or the password is wrong."


class ServerKeys:
    """Zeroed when its `with` ends.

    server key(32) ‖ fake key(32) ‖ fake seed(32). The fake key is a public key, as the library
    keeps it: a point whose secret nobody knows.
    """

    SIZE: Final = 96
    __slots__ = ("raw",)

    def __init__(self, raw: bytes | bytearray) -> None:
        if len(raw) != self.SIZE:
            raise ValueError("server keys are 96 bytes")
        self.raw = bytearray(raw)

    @classmethod
    def generate(cls) -> Self:
        pairs = library.server_setup().to_bytes()[_SEED_SIZE:]
        return cls(pairs + secrets.token_bytes(_KEY_SIZE))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.raw[:] = bytes(self.SIZE)

    def __repr__(self) -> str:
        return "<ServerKeys>"

    def __reduce_ex__(self, _protocol: object) -> str:
        raise TypeError("ServerKeys does not leave the process")

    def setup(self, seed: bytes) -> library.ServerSetupData:
        """Return the library's setup with one account's seed, 64 bytes, in it."""
        return library.ServerSetupData.from_bytes(seed + bytes(self.raw[: 2 * _KEY_SIZE]))

    def fake(self, purpose: bytes, what: bytes, size: int) -> bytes:
        """Return up to 64 bytes that are always the same for `what`, and mean nothing."""
        seed = self.raw[2 * _KEY_SIZE :]
        return hmac.digest(seed, purpose + b"\0" + what, hashlib.sha512)[:size]

    def fake_key(self) -> bytes:
        """Return the public key that stands in synthetic records."""
        return bytes(self.raw[_KEY_SIZE : 2 * _KEY_SIZE])


@dataclass(frozen=True, slots=True)
class Credential:
    """What a login is tried against: a record of an account, or a synthetic one."""

    account: UUID
    cred: bytes  # 16 bytes
    login_key_id: str
    record: bytes  # 192 bytes


@contextmanager
def server_keys() -> Iterator[tuple[OpenedKek, Deployment, ServerKeys]]:
    """Open the OPAQUE keys of this installation, and the KEK that they lie under.

    Raises:
        KmsUnavailable: the KEK cannot be had.
    """
    with server_keys_and_record(None) as (kek, deployment, keys, _record):
        yield kek, deployment, keys


@contextmanager
def server_keys_and_record(
    email: str | None,
) -> Iterator[tuple[OpenedKek, Deployment, ServerKeys, OpaqueRecord | None]]:
    """Open the OPAQUE keys, and read the record of the active account with an address, if any.

    Raises: as `server_keys`.
    """
    rows = _KEYS_AND_RECORD.first(email)
    if rows is None:
        raise KekMissing("run manage.py setup first")
    kek_row, deployment, record = rows
    with lend(kek_row) as kek:
        opened = kek.open("server", deployment.id.bytes, bytes(deployment.opaque_keys))
        try:
            with ServerKeys(opened) as keys:
                yield kek, deployment, keys, record
        finally:
            opened[:] = bytes(len(opened))


def oprf_seed(*, deployment: UUID, account: UUID, cred: bytes, login_key_id: str) -> bytes:
    """Have KMS derive an account's OPRF seed, 64 bytes: one journalled call.

    Raises:
        KmsUnavailable: nobody signs in meanwhile.
    """
    message = oprf_seed_message(deployment.bytes, account.bytes, cred)
    return registry.current().mac(key_id=login_key_id, message=message).mac


def synthetic_credential(keys: ServerKeys, email: str) -> Credential:
    """Return what stands in for an account that does not exist, always the same for an address.

    The masking key is as random to a stranger as a true one; the envelope, 96 zeros, leaves
    the server under that mask.
    """
    name = email.encode()
    account = UUID(bytes=keys.fake(b"account", name, 16))
    record = keys.fake_key() + keys.fake(b"mask", name, 64) + bytes(RECORD_SIZE - 96)
    cred = keys.fake(b"cred", name, CRED_SIZE)
    return Credential(account, cred, registry.login_key_id(), record)


def check_points(keys: ServerKeys, *points: bytes) -> None:
    """Return if each of these, 32 bytes, is a point that the library takes.

    Done before KMS is asked, so that a call to KMS stands for an answer that was given.

    Raises:
        Invalid: one is none.
    """
    setup = keys.setup(bytes(_SEED_SIZE))
    try:
        for point in points:
            library.server_registration_start(setup, point, b"")
    except ValueError:
        raise Invalid("not a message of OPAQUE") from None


def answer_registration(setup: library.ServerSetupData, account: UUID, request: bytes) -> bytes:
    """Return the registration response, 64 bytes; `request` has passed `check_points`."""
    return bytes(library.server_registration_start(setup, request, account.bytes).get_message())


def check_record(record: bytes) -> bytes:
    """Return what is stored of a registration upload, 192 bytes.

    Raises:
        Invalid: it is none.
    """
    try:
        return bytes(library.server_registration_finish(record).get_password_file())
    except ValueError:
        raise Invalid("not a registration record") from None


def answer_login(
    setup: library.ServerSetupData, credential: Credential, ke1: bytes
) -> tuple[bytes, bytes]:
    """Return KE2, 320 bytes, and the server's login state, a secret; KE1's points are checked."""
    started = library.server_login_start(setup, credential.record, ke1, credential.account.bytes)
    return bytes(started.get_message()), bytes(started.get_state())


def verify_login(state: bytes, ke3: bytes) -> None:
    """Return if KE3 proves that the client knew the password.

    Raises:
        LoginRefused: it does not.
    """
    try:
        library.server_login_finish(state, ke3)
    except ValueError:
        raise LoginRefused from None
