"""The provider for a single machine: keys in one file that only its owner may read.

The file is JSON, version 1:
`{"version": 1, "keys": {NAME: {"spec": SPEC, "material": base64, "disabled": bool}}}` with
SPEC "AES_256" (32 bytes) or "HMAC_512" (64 bytes). It is read at every call, so `disabled` acts at
once, as it does in KMS, and the process holds no master key between calls. Whoever reads this file
and the database has everything that the outer seals protect; production therefore uses AWS KMS,
and the start-up checks insist on it.

blob = version(1) ‖ nonce(12) ‖ AES-256-GCM(data key(32)) ‖ tag(16), 61 bytes.
aad = "coffret/local-kms/v1" ‖ field(key name) ‖ u32 number of pairs ‖ for each pair, sorted by
name: field(name) ‖ field(value), where field(x) = u32 length ‖ UTF-8, integers big-endian. The
lengths are what keeps `{"ab": "c"}` from opening `{"a": "bc"}`.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vaults.kms.base import (
    DATA_KEY_SIZE,
    DataKeyPair,
    Decrypted,
    Journal,
    JournalEntry,
    KmsRefused,
    KmsUnavailable,
    MacResult,
    Outcome,
    check_context,
    check_message,
)

MASTER_KEY: Final = "master"
LOGIN_KEY: Final = "login"

_FILE_VERSION: Final = 1
_AES: Final = "AES_256"
_HMAC: Final = "HMAC_512"
_MATERIAL_SIZES: Final = {_AES: 32, _HMAC: 64}  # bytes
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO

_BLOB_VERSION: Final = 1
_NONCE_SIZE: Final = 12  # bytes
_TAG_SIZE: Final = 16  # bytes
_BLOB_SIZE: Final = 1 + _NONCE_SIZE + DATA_KEY_SIZE + _TAG_SIZE
_LABEL: Final = b"coffret/local-kms/v1"


class LocalKms:
    """Keys from a file; see the module."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self._path = path
        self._journal = journal

    def generate_data_key(self, *, key_id: str, context: Mapping[str, str]) -> DataKeyPair:
        checked = check_context(context)
        with (
            self._call("GenerateDataKey", key_id, checked) as entry,
            self._material(key_id, _AES) as material,
        ):
            nonce = secrets.token_bytes(_NONCE_SIZE)
            plaintext = bytearray(secrets.token_bytes(DATA_KEY_SIZE))
            sealed = AESGCM(material).encrypt(nonce, plaintext, _aad(key_id, checked))
            return DataKeyPair(plaintext, bytes([_BLOB_VERSION]) + nonce + sealed, entry.id)

    def decrypt(self, *, key_id: str, blob: bytes, context: Mapping[str, str]) -> Decrypted:
        checked = check_context(context)
        with (
            self._call("Decrypt", key_id, checked) as entry,
            self._material(key_id, _AES) as material,
        ):
            if len(blob) != _BLOB_SIZE or blob[0] != _BLOB_VERSION:
                raise KmsRefused("InvalidCiphertextException")
            nonce, sealed = blob[1 : 1 + _NONCE_SIZE], blob[1 + _NONCE_SIZE :]
            plaintext = bytearray(DATA_KEY_SIZE)
            try:
                AESGCM(material).decrypt_into(nonce, sealed, _aad(key_id, checked), plaintext)
            except InvalidTag:
                raise KmsRefused("InvalidCiphertextException") from None
            return Decrypted(plaintext, entry.id)

    def mac(self, *, key_id: str, message: bytes) -> MacResult:
        check_message(message)
        with (
            self._call("GenerateMac", key_id, {}) as entry,
            self._material(key_id, _HMAC) as material,
        ):
            return MacResult(hmac.new(material, message, hashlib.sha512).digest(), entry.id)

    @contextmanager
    def _call(
        self, operation: str, key_id: str, context: Mapping[str, str]
    ) -> Iterator[JournalEntry]:
        """Journal one call: the intent, its only attempt, and the outcome."""
        entry = self._journal.intent(operation, key_id, context)
        request_id = str(uuid4())
        try:
            yield entry
        except KmsUnavailable as error:
            error.call_id = entry.id
            entry.attempt(request_id, error.reason)
            refused = isinstance(error, KmsRefused)
            entry.close(Outcome.REFUSED if refused else Outcome.UNAVAILABLE)
            raise
        except BaseException:
            entry.close(Outcome.UNKNOWN)
            raise
        entry.attempt(request_id, "ok")
        entry.close(Outcome.OK)

    @contextmanager
    def _material(self, key_id: str, spec: str) -> Iterator[bytearray]:
        """The named key's bytes for one use; zeroed afterwards.

        Raises:
            KmsUnavailable: the file or the key cannot be used; the codes are AWS's.
        """
        key = _read(self._path)["keys"].get(key_id)
        if key is None:
            raise KmsUnavailable("NotFoundException")
        if key["spec"] != spec:
            raise KmsUnavailable("InvalidKeyUsageException")
        if key["disabled"]:
            raise KmsUnavailable("DisabledException")
        material = bytearray(base64.b64decode(key["material"], validate=True))
        try:
            yield material
        finally:
            material[:] = bytes(len(material))


def create_key_file(path: Path) -> None:
    """Write a new file with a master and a login key, mode 0600.

    Raises:
        FileExistsError: there is one; it is never overwritten, since every KEK hangs on it.
    """
    keys = {MASTER_KEY: _new_key(_AES), LOGIN_KEY: _new_key(_HMAC)}
    draft = _write_draft(path, {"version": _FILE_VERSION, "keys": keys})
    try:
        # A hard link, because it fails where a rename would overwrite.
        os.link(draft, path)
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def set_key_disabled(path: Path, key_id: str, *, disabled: bool) -> None:
    """Switch one key off or on: the local counterpart of DisableKey and EnableKey.

    Raises:
        KmsUnavailable: there is no such file or key.
    """
    content = _read(path)
    if key_id not in content["keys"]:
        raise KmsUnavailable("NotFoundException")
    content["keys"][key_id]["disabled"] = disabled
    _write_draft(path, content).replace(path)
    _sync_folder(path.parent)


def _new_key(spec: str) -> dict[str, Any]:
    material = secrets.token_bytes(_MATERIAL_SIZES[spec])
    return {"spec": spec, "material": base64.b64encode(material).decode(), "disabled": False}


def _read(path: Path) -> dict[str, Any]:
    """Read and check the file.

    Raises:
        KmsUnavailable: absent, readable by others, or not of this version and shape.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise KmsUnavailable("key file is open to others")
            content: dict[str, Any] = json.load(file)
    except (OSError, ValueError) as error:
        raise KmsUnavailable(f"key file: {type(error).__name__}") from error
    try:
        well_formed = content["version"] == _FILE_VERSION and all(
            len(base64.b64decode(key["material"], validate=True)) == _MATERIAL_SIZES[key["spec"]]
            and isinstance(key["disabled"], bool)
            for key in content["keys"].values()
        )
    except (AttributeError, KeyError, TypeError, binascii.Error) as error:
        raise KmsUnavailable("key file is malformed") from error
    if not well_formed:
        raise KmsUnavailable("key file is malformed")
    return content


def _write_draft(path: Path, content: dict[str, Any]) -> Path:
    """Write the content beside `path`, mode 0600 and on the disk, and return where."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _aad(key_id: str, context: Mapping[str, str]) -> bytes:
    pairs = sorted(context.items())
    fields = [field for pair in pairs for field in pair]
    return b"".join(
        [_LABEL, _field(key_id), len(pairs).to_bytes(4, "big"), *(_field(f) for f in fields)]
    )


def _field(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(4, "big") + encoded
