"""The hash chain of one scope: pure, so that an export can be checked offline by anyone.

The bytes are fixed in README.md, "The bytes". Nothing here reads a database or a clock.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from vaults.crypto import cbor

CORE_VERSION: Final = 1
SALT_SIZE: Final = 32  # bytes
HASH_SIZE: Final = 32  # bytes
ZERO: Final = bytes(HASH_SIZE)  # `prev` of the first event; `personal_hash` where there is none
_LABEL: Final = b"coffret/audit/v1"

Detail = None | bool | int | str | bytes | UUID | list["Detail"] | Mapping[str, "Detail"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What an event says, without anything that may be erased."""

    id: UUID
    scope_kind: str
    scope_id: UUID
    seq: int  # from 1, without a gap
    action: str
    actor_id: UUID | None  # account
    member_id: bytes | None  # the actor as a member of the team
    subject: bytes | None  # id of what it is about: a UUID's 16 bytes, a member id, a fingerprint
    at_ms: int  # Unix time in milliseconds, when the event was written
    details: Mapping[str, Detail]

    def encode(self) -> bytes:
        """Return the core: deterministic CBOR of exactly these fields."""
        return cbor.dumps(
            {
                "v": CORE_VERSION,
                "at": self.at_ms,
                "id": self.id.bytes,
                "seq": self.seq,
                **self._rest(),
            }
        )

    def encode_rest(self) -> bytes:
        """Return what follows the number in the core: all that is known before the lock.

        The database puts the map's head, version, time, id and number in front (migration 0003).
        """
        return cbor.dumps(self._rest())[1:]  # the entries of a map of 7, without its head

    def _rest(self) -> dict[str, object]:
        return {
            "actor": None if self.actor_id is None else self.actor_id.bytes,
            "scope": self.scope_kind,
            "action": self.action,
            "member": self.member_id,
            "details": _plain(self.details),
            "subject": self.subject,
            "scope_id": self.scope_id.bytes,
        }


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as a row or an export holds it. All but the hashes must agree with `core`."""

    id: UUID
    scope_kind: str
    scope_id: UUID
    seq: int
    action: str
    actor_id: UUID | None
    member_id: bytes | None
    subject: bytes | None
    at_ms: int
    core: bytes
    prev: bytes
    leaf: bytes
    personal_hash: bytes
    salt: bytes | None
    personal: bytes | None


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands: the number and the leaf of its last event; (0, zeros) if empty."""

    seq: int
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """The first place at which a chain does not hold."""

    seq: int
    why: str


def hash_personal(salt: bytes, personal: bytes) -> bytes:
    """SHA-256(salt ‖ personal); the salt (32 random bytes) keeps an address from being guessed."""
    return hashlib.sha256(salt + personal).digest()


def leaf_of(*, prev: bytes, core: bytes, personal_hash: bytes) -> bytes:
    """SHA-256(label ‖ prev ‖ u32 length of core ‖ core ‖ personal_hash)."""
    length = len(core).to_bytes(4, "big")
    return hashlib.sha256(_LABEL + prev + length + core + personal_hash).digest()


def details_of(core: bytes) -> Mapping[str, Detail]:
    """Return the details that a core holds; ids come as bytes."""
    details: Mapping[str, Detail] = cbor.loads(core)["details"]
    return details


def verify_chain(events: Iterable[StoredEvent], *, head: Head) -> Break | None:
    """Check the whole chain of one scope, its events in order from number 1.

    `head` is what it must end in, or a chain cut short would pass. Returns None if it holds, else
    the first break; what lies after a break is not judged.
    """
    seq, leaf = 0, ZERO
    scope: tuple[str, UUID] | None = None
    for event in events:
        seq += 1
        if scope is None:
            scope = (event.scope_kind, event.scope_id)
        why = _fault(event, seq=seq, prev=leaf, scope=scope)
        if why is not None:
            return Break(seq, why)
        leaf = event.leaf
    if (seq, leaf) != (head.seq, head.leaf):
        return Break(seq + 1 if seq < head.seq else seq, "the head is another")
    return None


def _fault(event: StoredEvent, *, seq: int, prev: bytes, scope: tuple[str, UUID]) -> str | None:
    """Say what is wrong with one event, in the order in which it is checked."""
    made = leaf_of(prev=event.prev, core=event.core, personal_hash=event.personal_hash)
    checks: list[tuple[Callable[[], bool], str]] = [
        (lambda: event.seq == seq, "the number is not the next"),
        (lambda: (event.scope_kind, event.scope_id) == scope, "the event is of another scope"),
        (lambda: event.prev == prev, "prev is not the leaf before"),
        (lambda: _personal_holds(event), "the personal part does not match its hash"),
        (lambda: event.leaf == made, "the leaf does not match"),
        (lambda: _agrees(event), "the columns do not agree with the core"),
    ]
    return next((why for holds, why in checks if not holds()), None)


def _personal_holds(event: StoredEvent) -> bool:
    """Whether the personal part matches its hash, or was erased as a whole."""
    if len(event.personal_hash) != HASH_SIZE:
        return False
    if event.salt is None or event.personal is None:
        return event.salt is None and event.personal is None
    if len(event.salt) != SALT_SIZE:
        return False
    return hash_personal(event.salt, event.personal) == event.personal_hash


def _agrees(event: StoredEvent) -> bool:
    """Whether the columns, by which people search, say what the hashed core says."""
    try:
        details = details_of(event.core)
    except (KeyError, TypeError, ValueError):
        return False
    facts = Facts(
        id=event.id,
        scope_kind=event.scope_kind,
        scope_id=event.scope_id,
        seq=event.seq,
        action=event.action,
        actor_id=event.actor_id,
        member_id=event.member_id,
        subject=event.subject,
        at_ms=event.at_ms,
        details=details,
    )
    try:
        return facts.encode() == event.core
    except (TypeError, ValueError):
        return False


def _plain(value: Detail) -> object:
    """Write ids as bytes; CBOR refuses what is not of its own types."""
    if isinstance(value, UUID):
        return value.bytes
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
