"""What the application asks of a key provider, and how every call is reported.

A provider keeps its keys to itself. It hands out data keys sealed under one of them, opens those
again, and computes MACs. Each call is journalled: an intent before it, every attempt with its
request id, the outcome after it, so that CloudTrail's record can be matched with ours.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

DATA_KEY_SIZE: Final = 32  # bytes
MAC_SIZE: Final = 64  # bytes, HMAC-SHA-512
MAX_MESSAGE_SIZE: Final = 4096  # bytes, the limit of GenerateMac
MAX_CONTEXT_PAIRS: Final = 8

# Contexts stand in CloudTrail as plain text, so only opaque ids may enter: no name and no e-mail
# address fits this pattern's alphabet and length by accident. 8 pairs of these stay far below
# the 8 KiB that KMS accepts.
_OPAQUE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class KmsUnavailable(Exception):  # noqa: N818  named as the answer's code, `kms_unavailable`
    """The key cannot be used now: callers answer `503 kms_unavailable`.

    Not reachable, throttled until the attempts ran out, or the key is disabled, pending
    deletion, missing or denied by policy. `reason` is a code for logs; it never leaves the
    server. `call_id` names the journal's row of the failed call.
    """

    def __init__(self, reason: str, *, call_id: UUID | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.call_id = call_id


class KmsRefused(KmsUnavailable):
    """The provider answered, and the answer is no: wrong context, wrong key or altered blob.

    A subclass, so that one `except KmsUnavailable` covers both: from outside they look alike.
    Trying again cannot help.
    """


class Outcome(StrEnum):
    """How a whole call ended."""

    OK = "ok"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    # An attempt was sent and its answer lost: the provider may have done it.
    UNKNOWN = "unknown"


class JournalEntry(Protocol):
    """One call in the journal, open from the intent to `close`."""

    @property
    def id(self) -> UUID:
        """Names the call in events and log lines."""

    def attempt(self, request_id: str | None, outcome: str) -> None:
        """Report one attempt.

        Args:
            request_id: the provider's; None if no answer came.
            outcome: "ok", the provider's error code, `unreached:<why>` if nothing was sent,
                or `unknown:<why>` if the answer was lost.
        """

    def close(self, outcome: Outcome) -> None:
        """Report the end of the call."""


class Journal(Protocol):
    """Where calls are reported. Config injects one that writes rows."""

    def intent(self, operation: str, key_id: str, context: Mapping[str, str]) -> JournalEntry:
        """Report that a call is about to be made; if this raises, it is not made."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class DataKeyPair:
    """A fresh data key: `plaintext` for use, `blob` for storage.

    Whoever receives it zeroes `plaintext` after use.
    """

    plaintext: bytearray  # 32 bytes
    blob: bytes
    call_id: UUID


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Decrypted:
    """An opened data key. Whoever receives it zeroes `plaintext` after use."""

    plaintext: bytearray  # 32 bytes
    call_id: UUID


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class MacResult:
    """An HMAC-SHA-512."""

    mac: bytes  # 64 bytes
    call_id: UUID


class Kms(Protocol):
    """A key provider. Thread-safe; every method is one journalled call."""

    def generate_data_key(self, *, key_id: str, context: Mapping[str, str]) -> DataKeyPair:
        """Draw a data key and seal it under `key_id`, bound to `context`.

        Raises:
            KmsUnavailable: the key cannot be used now.
            ValueError: `key_id` or `context` is malformed; no call was made.
        """

    def decrypt(self, *, key_id: str, blob: bytes, context: Mapping[str, str]) -> Decrypted:
        """Open a data key. `key_id` is always the caller's: the blob never chooses.

        Raises:
            KmsRefused: sealed under another key or context, or altered.
            KmsUnavailable: the key cannot be used now.
            ValueError: `key_id` or `context` is malformed; no call was made.
        """

    def mac(self, *, key_id: str, message: bytes) -> MacResult:
        """Compute HMAC-SHA-512 of `message` (1 to 4096 bytes) under `key_id`.

        Raises:
            KmsUnavailable: the key cannot be used now.
            ValueError: `key_id` or `message` is malformed; no call was made.
        """


def check_context(context: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of `context` if it holds opaque ids only.

    Raises:
        ValueError: empty, over 8 pairs, or a key or value is not 1 to 64 of `A-Z a-z 0-9 _ -`.
    """
    if not 1 <= len(context) <= MAX_CONTEXT_PAIRS:
        raise ValueError("a context has 1 to 8 pairs")
    for name, value in context.items():
        if not (_OPAQUE.fullmatch(name) and _OPAQUE.fullmatch(value)):
            raise ValueError("a context holds opaque ids only")
    return dict(context)


def check_message(message: bytes) -> None:
    """Refuse a message that GenerateMac would not take.

    Raises:
        ValueError: not 1 to 4096 bytes.
    """
    if not 1 <= len(message) <= MAX_MESSAGE_SIZE:
        raise ValueError("a message is 1 to 4096 bytes")
