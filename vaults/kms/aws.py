"""The provider of production: AWS KMS by boto3.

Retries are botocore's own, in two sets: a web request must answer soon and has the KEK cache
behind it; a worker may wait (400 calls from 32 threads against 50 calls/s: `adaptive` with 6
attempts lost none, `standard` with 3 lost 61). A web call takes at most 3 x (1 s + 2 s) and the
pauses between. boto3 tells the id of the last attempt only, so a hook on `needs-retry.kms.*`
journals each attempt as it ends.

Plaintexts arrive inside a JSON answer, so botocore leaves copies that Python frees in its own
time; only the `bytearray` handed out can be zeroed.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
)
from urllib3.exceptions import HTTPError

from vaults.kms.base import (
    DATA_KEY_SIZE,
    MAC_SIZE,
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

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

Profile = Literal["web", "worker"]

CONNECT_TIMEOUT_SECONDS: Final = 1
READ_TIMEOUT_SECONDS: Final = 2

_MAC_ALGORITHM: Final = "HMAC_SHA_512"
_KEY_ARN: Final = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,64}")
_REFUSALS: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_WRONG_KEY: Final = "answered under another key"
_WRONG_SIZE: Final = "answered with another size"


class _Attempts:
    """What the hook learns about one call while botocore retries it."""

    def __init__(self, entry: JournalEntry) -> None:
        self.entry = entry
        self.unanswered = 0  # sent, and not yet reported by the hook
        self.may_have_happened = False

    def report(self, request_id: str | None, outcome: str) -> None:
        self.unanswered = 0
        self.may_have_happened |= outcome.startswith("unknown:")
        self.entry.attempt(request_id, outcome)


# The client is shared between threads, and botocore gives its hooks no place for our own data.
_current: ContextVar[_Attempts | None] = ContextVar("kms_attempts", default=None)


class AwsKms:
    """One boto3 client; thread-safe. Build it after a fork, not before."""

    def __init__(
        self, *, region: str, journal: Journal, profile: Profile, endpoint_url: str | None = None
    ) -> None:
        self._journal = journal
        self._client = _client(region, profile, endpoint_url)
        events = self._client.meta.events
        events.register("before-send.kms.*", _note_sending)
        events.register_first("needs-retry.kms.*", _journal_attempt)

    def generate_data_key(self, *, key_id: str, context: Mapping[str, str]) -> DataKeyPair:
        checked = check_context(context)
        with self._call("GenerateDataKey", key_id, checked) as entry:
            answer = self._client.generate_data_key(
                KeyId=key_id, KeySpec="AES_256", EncryptionContext=checked
            )
            _check_answer(key_id, answer, "CiphertextBlob", "Plaintext")
            return DataKeyPair(_data_key(answer), answer["CiphertextBlob"], entry.id)

    def decrypt(self, *, key_id: str, blob: bytes, context: Mapping[str, str]) -> Decrypted:
        checked = check_context(context)
        with self._call("Decrypt", key_id, checked) as entry:
            if not blob:
                # KMS calls such a request malformed, which would look like an outage.
                raise KmsRefused("InvalidCiphertextException")
            answer = self._client.decrypt(
                KeyId=key_id, CiphertextBlob=blob, EncryptionContext=checked
            )
            _check_answer(key_id, answer, "Plaintext")
            return Decrypted(_data_key(answer), entry.id)

    def mac(self, *, key_id: str, message: bytes) -> MacResult:
        check_message(message)
        with self._call("GenerateMac", key_id, {}) as entry:
            answer = self._client.generate_mac(
                KeyId=key_id, Message=message, MacAlgorithm=_MAC_ALGORITHM
            )
            _check_answer(key_id, answer, "Mac")
            if len(answer["Mac"]) != MAC_SIZE:
                raise KmsRefused(_WRONG_SIZE)
            return MacResult(answer["Mac"], entry.id)

    @contextmanager
    def _call(
        self, operation: str, key_id: str, context: Mapping[str, str]
    ) -> Iterator[JournalEntry]:
        """Journal one call and translate its errors.

        A key is named by its ARN: an alias could be pointed elsewhere, and only an ARN can be
        compared with the one that KMS says it used.
        """
        if not _KEY_ARN.fullmatch(key_id):
            raise ValueError("a KMS key is named by its key ARN")
        entry = self._journal.intent(operation, key_id, context)
        attempts = _Attempts(entry)
        token = _current.set(attempts)
        try:
            yield entry
        except KmsRefused as error:
            error.call_id = entry.id
            entry.close(Outcome.REFUSED)
            raise
        except KmsUnavailable as error:
            error.call_id = entry.id
            entry.close(Outcome.UNKNOWN)
            raise
        except ClientError as error:
            raise _closed(attempts, str(error.response["Error"]["Code"])) from error
        except (BotoCoreError, HTTPError) as error:
            raise _closed(attempts, type(error).__name__) from error
        except BaseException:
            entry.close(Outcome.UNKNOWN)
            raise
        else:
            entry.close(Outcome.OK)
        finally:
            _current.reset(token)


def _client(region: str, profile: Profile, endpoint_url: str | None) -> "KMSClient":
    retries: Mapping[Profile, Any] = {
        "web": {"mode": "standard", "total_max_attempts": 3},
        "worker": {"mode": "adaptive", "total_max_attempts": 6},
    }
    config = Config(
        region_name=region,
        retries=retries[profile],
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        max_pool_connections=32,
    )
    # A session of our own: boto3's default one is shared state and not thread-safe.
    return boto3.session.Session().client("kms", endpoint_url=endpoint_url, config=config)


def _note_sending(**_kwargs: object) -> None:
    attempts = _current.get()
    if attempts is not None:
        attempts.unanswered += 1


def _journal_attempt(
    *,
    response: tuple[Any, dict[str, Any]] | None = None,
    caught_exception: Exception | None = None,
    **_kwargs: object,
) -> None:
    """Report the attempt that has just ended; botocore calls this before it decides on a retry."""
    attempts = _current.get()
    if attempts is None:
        return
    if response is None:
        never_sent = isinstance(caught_exception, (ConnectTimeoutError, EndpointConnectionError))
        prefix = "unreached" if never_sent else "unknown"
        attempts.report(None, f"{prefix}:{type(caught_exception).__name__}")
        return
    parsed = response[1]
    request_id = parsed.get("ResponseMetadata", {}).get("RequestId")
    attempts.report(request_id, str(parsed.get("Error", {}).get("Code", "ok")))


def _closed(attempts: _Attempts, reason: str) -> KmsUnavailable:
    """Close a failed call and return the error to raise."""
    entry = attempts.entry
    if attempts.unanswered:
        # An answer that breaks off in its body never reaches the hook.
        attempts.report(None, f"unknown:{reason}")
    if reason in _REFUSALS:
        entry.close(Outcome.REFUSED)
        return KmsRefused(reason, call_id=entry.id)
    entry.close(Outcome.UNKNOWN if attempts.may_have_happened else Outcome.UNAVAILABLE)
    return KmsUnavailable(reason, call_id=entry.id)


def _check_answer(key_id: str, answer: Mapping[str, Any], *names: str) -> None:
    """Check that an answer is whole and made under our key.

    Raises:
        KmsUnavailable: incomplete; botocore parses a body cut short as an empty answer.
        KmsRefused: made under another key.
    """
    if not all(name in answer for name in ("KeyId", *names)):
        raise KmsUnavailable("answer is incomplete")
    if answer["KeyId"] != key_id:
        raise KmsRefused(_WRONG_KEY)


def _data_key(answer: Mapping[str, Any]) -> bytearray:
    """Take the plaintext out of a checked answer.

    Raises:
        KmsRefused: not 32 bytes.
    """
    plaintext = bytearray(answer["Plaintext"])
    if len(plaintext) != DATA_KEY_SIZE:
        raise KmsRefused(_WRONG_SIZE)
    return plaintext
