"""Start the patched moto in a child process, and hand it out only if every patch is effective."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from mypy_boto3_kms import KMSClient

REGION = "eu-central-1"
# moto accepts any; without some, botocore would look for real ones.
CREDENTIALS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
STOP_SECONDS = 60


class PatchNotEffective(Exception):  # noqa: N818  a finding
    """The server behaves like plain moto in the named respect: a test run on it proves nothing."""


@dataclass(frozen=True)
class MotoServer:
    endpoint_url: str
    pid: int

    def admin(self) -> KMSClient:
        """A client without retries, to make keys and to break them."""
        return boto3.session.Session().client(
            "kms",
            endpoint_url=self.endpoint_url,
            config=Config(region_name=REGION, retries={"total_max_attempts": 1}),
            aws_access_key_id=CREDENTIALS["aws_access_key_id"],
            aws_secret_access_key=CREDENTIALS["aws_secret_access_key"],
        )


@contextlib.contextmanager
def moto_server(*, throttled: bool = False, without: str | None = None) -> Iterator[MotoServer]:
    """Run a server for the length of a `with`.

    Args:
        throttled: it refuses each key's first three uses, takes the fourth, and so on.
        without: leave this patch out.

    Raises:
        PatchNotEffective: the self-test found plain moto's behaviour.
    """
    command = [sys.executable, str(Path(__file__).with_name("moto_patch.py"))]
    if without is not None:
        command += ["--without", without]
    environment = {k: v for k, v in os.environ.items() if k != "MOTO_KMS_THROTTLED"}
    if throttled:
        environment["MOTO_KMS_THROTTLED"] = "1"
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port.isdigit():
            raise RuntimeError("moto did not start")
        server = MotoServer(f"http://127.0.0.1:{port}", process.pid)
        self_test(server, throttled=throttled)
        yield server
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def self_test(server: MotoServer, *, throttled: bool) -> None:
    """Show that each patch is effective."""
    kms = _Patient(server.admin())
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    blob = _expect_mrk(kms, key)
    _expect_refusals(kms, key, blob)
    _expect_mac_key(kms)
    _expect_states(kms)
    if throttled:
        _expect_throttling(server.admin())


class _Patient:
    """Calls that wait when throttled, so that the self-test also runs on a throttled server."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            while True:
                try:
                    return getattr(self._client, operation)(**arguments)
                except ClientError as error:
                    if _code(error) != "ThrottlingException":
                        raise
                    threading.Event().wait(0.01)

        return call


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _expect(name: str, wanted: str, call: Any, **arguments: Any) -> None:
    try:
        call(**arguments)
    except ClientError as error:
        if _code(error) == wanted:
            return
        raise PatchNotEffective(f"{name}: {_code(error)} instead of {wanted}") from error
    raise PatchNotEffective(f"{name}: worked instead of {wanted}")


def _expect_mrk(kms: Any, key: str) -> bytes:
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"a": "bc"})
    blob: bytes = made["CiphertextBlob"]
    try:
        opened = kms.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionContext={"a": "bc"})
    except ClientError as error:
        raise PatchNotEffective(f"blob: mrk- key: {_code(error)}") from error
    if opened["Plaintext"] != made["Plaintext"] or opened["KeyId"] != key:
        raise PatchNotEffective("blob: mrk- key: another plaintext or key")
    return blob


def _expect_refusals(kms: Any, key: str, blob: bytes) -> None:
    invalid = "InvalidCiphertextException"
    glued, large = {"ab": "c"}, {"a": "b" * 8192}
    _expect(
        "context", invalid, kms.decrypt, KeyId=key, CiphertextBlob=blob, EncryptionContext=glued
    )
    _expect(
        "context",
        "ValidationException",
        kms.generate_data_key,
        KeyId=key,
        KeySpec="AES_256",
        EncryptionContext=large,
    )
    _expect("blob", invalid, kms.decrypt, KeyId=key, CiphertextBlob=b"x" * 120)
    other = kms.create_key()["KeyMetadata"]["Arn"]
    _expect(
        "wrong_key",
        "IncorrectKeyException",
        kms.decrypt,
        KeyId=other,
        CiphertextBlob=blob,
        EncryptionContext={"a": "bc"},
    )


def _expect_mac_key(kms: Any) -> None:
    key = kms.create_key(KeyUsage="GENERATE_VERIFY_MAC", KeySpec="HMAC_512")["KeyMetadata"]["Arn"]
    made = kms.generate_mac(KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_512")
    if made["KeyId"] != key:
        raise PatchNotEffective("mac_key_id: not the ARN")
    _expect(
        "key_usage",
        "InvalidKeyUsageException",
        kms.generate_data_key,
        KeyId=key,
        KeySpec="AES_256",
    )
    try:
        kms.disable_key(KeyId=key)
    except ClientError as error:
        raise PatchNotEffective(f"admin_arn: {_code(error)}") from error
    _expect(
        "state",
        "DisabledException",
        kms.generate_mac,
        KeyId=key,
        Message=b"m",
        MacAlgorithm="HMAC_SHA_512",
    )


def _expect_states(kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.generate_data_key(KeyId=key, KeySpec="AES_256")["CiphertextBlob"]
    kms.disable_key(KeyId=key)
    for state in ("DisabledException", "KMSInvalidStateException"):
        _expect("state", state, kms.decrypt, KeyId=key, CiphertextBlob=blob)
        _expect("state", state, kms.generate_data_key, KeyId=key, KeySpec="AES_256")
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def _expect_throttling(kms: KMSClient) -> None:
    key = kms.create_key()["KeyMetadata"]["Arn"]
    throttled = "ThrottlingException"
    _expect("throttle", throttled, kms.generate_data_key, KeyId=key, KeySpec="AES_256")
