"""moto's KMS, corrected where this product depends on it, as a server of its own.

Run as a script: binds 127.0.0.1 on a free port and prints it. `--without NAME` leaves a patch out;
the self-test in `moto_server.py` uses that to prove that it would notice. `MOTO_KMS_THROTTLED` in
the environment turns on throttling.

Each patch names what plain moto 5.2.5 does and what AWS does.
"""

# mypy: disable-error-code="method-assign"
import argparse
import io
import json
import os
import threading
from collections import Counter
from collections.abc import Callable

from moto.core.exceptions import JsonRESTError
from moto.kms import utils
from moto.kms.exceptions import InvalidCiphertextException
from moto.kms.models import KmsBackend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

MAX_CONTEXT_SIZE = 8192  # characters of its JSON
MAGIC = b"moto-kms-blob/1\0"
REFUSED_IN_A_ROW = 3  # uses of one key, on a server that throttles


def patch_context() -> None:
    """Plain moto glues keys and values without lengths and knows no limit; AWS does neither."""

    def serialize(encryption_context: dict[str, str]) -> bytes:
        if len(json.dumps(encryption_context, separators=(",", ":"))) > MAX_CONTEXT_SIZE:
            raise JsonRESTError("ValidationException", "encryption context is too large")
        out = io.BytesIO()
        for pair in sorted(encryption_context.items()):
            for text in pair:
                encoded = text.encode()
                out.write(len(encoded).to_bytes(4, "big") + encoded)
        return out.getvalue()

    utils._serialize_encryption_context = serialize


def patch_blob() -> None:
    """Plain moto packs the 40 characters of an `mrk-` id into 36; garbage is a foreign key to it.

    AWS opens blobs of multi-Region keys, and says InvalidCiphertextException to garbage.
    """

    def serialize(ciphertext: utils.Ciphertext) -> bytes:
        key_id = ciphertext.key_id.encode()
        head = MAGIC + bytes([len(key_id)]) + key_id
        return b"".join([head, ciphertext.iv, ciphertext.tag, ciphertext.ciphertext])

    def deserialize(ciphertext_blob: bytes) -> utils.Ciphertext:
        source = io.BytesIO(ciphertext_blob)
        if source.read(len(MAGIC)) != MAGIC:
            raise ValueError("not a blob of this server")
        key_id = source.read(source.read(1)[0]).decode()
        iv, tag = source.read(utils.IV_LEN), source.read(utils.TAG_LEN)
        return utils.Ciphertext(key_id=key_id, iv=iv, ciphertext=source.read(), tag=tag)

    utils._serialize_ciphertext_blob = serialize
    utils._deserialize_ciphertext_blob = deserialize


def patch_state() -> None:
    """Plain moto lets disabled keys and keys pending deletion work; AWS refuses both."""

    def refuse_unusable(backend: KmsBackend, key_id: str) -> None:
        key = backend.keys[backend.any_id_to_key_id(key_id)]
        if key.key_state == "PendingDeletion":
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        if key.key_state == "Disabled":
            raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")

    _before_each_use(refuse_unusable)


def patch_wrong_key() -> None:
    """Plain moto says AccessDeniedException to a blob of another key; AWS IncorrectKeyException."""
    decrypt = KmsBackend.decrypt

    def checked(self, ciphertext_blob, encryption_context, key_id=None):
        if key_id is not None:
            try:
                actual = utils._deserialize_ciphertext_blob(ciphertext_blob).key_id
            except Exception as error:
                raise InvalidCiphertextException from error
            if actual != self.any_id_to_key_id(key_id):
                raise JsonRESTError("IncorrectKeyException", "sealed under another key")
        return decrypt(self, ciphertext_blob, encryption_context, key_id)

    KmsBackend.decrypt = checked


def patch_key_usage() -> None:
    """Plain moto draws data keys under HMAC keys; AWS says InvalidKeyUsageException."""
    encrypt = KmsBackend.encrypt

    def checked(self, key_id, plaintext, encryption_context):
        if self.keys[self.any_id_to_key_id(key_id)].key_usage == "GENERATE_VERIFY_MAC":
            raise JsonRESTError("InvalidKeyUsageException", "the key is for something else")
        return encrypt(self, key_id, plaintext, encryption_context)

    KmsBackend.encrypt = checked


def patch_mac_key_id() -> None:
    """Plain moto returns a bare id from GenerateMac; AWS the key's ARN."""
    generate_mac = KmsBackend.generate_mac

    def with_arn(self, *args, **kwargs):
        mac, algorithm, key_id = generate_mac(self, *args, **kwargs)
        return mac, algorithm, self.keys[key_id].arn

    KmsBackend.generate_mac = with_arn


def patch_admin_arn() -> None:
    """Plain moto fails with HTTP 500 when a key is disabled by ARN; AWS takes ids and ARNs."""

    def by_any_id(operation):
        def call(self, key_id, *args):
            return operation(self, self.any_id_to_key_id(key_id), *args)

        return call

    for name in ("disable_key", "enable_key", "schedule_key_deletion", "cancel_key_deletion"):
        setattr(KmsBackend, name, by_any_id(getattr(KmsBackend, name)))


def patch_throttle() -> None:
    """Plain moto never throttles; AWS does above the quota. Off unless MOTO_KMS_THROTTLED is set.

    Of the uses of a key all are refused but each fourth: counted, since by the clock a slow machine
    would never come above any quota.
    """
    if "MOTO_KMS_THROTTLED" not in os.environ:
        return
    lock = threading.Lock()
    refused: Counter[str] = Counter()

    def take(_backend: KmsBackend, key_id: str) -> None:
        with lock:
            if refused[key_id] < REFUSED_IN_A_ROW:
                refused[key_id] += 1
                raise JsonRESTError("ThrottlingException", "Rate exceeded")
            refused[key_id] = 0

    _before_each_use(take)


def _before_each_use(check: Callable[[KmsBackend, str], None]) -> None:
    """Run a check at the three operations through which every use of a key passes."""
    encrypt, decrypt = KmsBackend.encrypt, KmsBackend.decrypt
    generate_mac = KmsBackend.generate_mac

    def checked_encrypt(self, key_id, plaintext, encryption_context):
        check(self, key_id)
        return encrypt(self, key_id, plaintext, encryption_context)

    def checked_decrypt(self, ciphertext_blob, encryption_context, key_id=None):
        if key_id is not None:
            check(self, key_id)
        return decrypt(self, ciphertext_blob, encryption_context, key_id)

    def checked_mac(self, message, key_id, mac_algorithm, grant_tokens, dry_run):
        check(self, key_id)
        return generate_mac(self, message, key_id, mac_algorithm, grant_tokens, dry_run)

    KmsBackend.encrypt = checked_encrypt
    KmsBackend.decrypt = checked_decrypt
    KmsBackend.generate_mac = checked_mac


PATCHES = {
    "context": patch_context,
    "blob": patch_blob,
    "wrong_key": patch_wrong_key,
    "key_usage": patch_key_usage,
    "state": patch_state,
    "mac_key_id": patch_mac_key_id,
    "admin_arn": patch_admin_arn,
    "throttle": patch_throttle,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--without", choices=sorted(PATCHES), action="append", default=[])
    arguments = parser.parse_args()
    for name, patch in PATCHES.items():
        if name not in arguments.without:
            patch()
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    print(server.server_port, flush=True)  # noqa: T201  how the parent learns it
    server.serve_forever()


if __name__ == "__main__":
    main()
