"""Reading the log as the chain sees it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from audit.chain import ZERO, Break, Head, StoredEvent, verify_chain
from audit.events import Scope, ScopeKind
from audit.models import AuditEvent, AuditHead

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK: Final = 2000  # rows


def all_scopes() -> list[Scope]:
    """Every scope that has a head or an event: either alone is a break to be shown."""
    places = set(AuditHead.objects.values_list("scope_kind", "scope_id"))
    places |= set(AuditEvent.objects.values_list("scope_kind", "scope_id").distinct())
    scopes = [Scope(ScopeKind(kind), scope_id) for kind, scope_id in places]
    return sorted(scopes, key=lambda scope: scope.lock_order)


def stored_events(scope: Scope) -> Iterator[StoredEvent]:
    """The events of one scope by number, a chunk of rows in memory at a time."""
    rows = AuditEvent.objects.filter(scope_kind=scope.kind.value, scope_id=scope.id)
    for row in rows.order_by("seq").iterator(chunk_size=_CHUNK):
        yield _stored(row)


def head_of(scope: Scope) -> Head:
    """The head of one scope; (0, zeros) if there is none."""
    row = AuditHead.objects.filter(scope_kind=scope.kind.value, scope_id=scope.id).first()
    return Head(0, ZERO) if row is None else Head(row.seq, bytes(row.head))


def verify_scope(scope: Scope) -> Break | None:
    """Check one scope's chain. Call it in a repeatable-read transaction, or on a quiet scope."""
    return verify_chain(stored_events(scope), head=head_of(scope))


def _stored(row: AuditEvent) -> StoredEvent:
    return StoredEvent(
        id=row.id,
        scope_kind=row.scope_kind,
        scope_id=row.scope_id,
        seq=row.seq,
        action=row.action,
        actor_id=row.actor_id,
        member_id=_bytes(row.member_id),
        subject=_bytes(row.subject),
        at_ms=_milliseconds(row.at),
        core=bytes(row.core),
        prev=bytes(row.prev),
        leaf=bytes(row.leaf),
        personal_hash=bytes(row.personal_hash),
        salt=_bytes(row.salt),
        personal=_bytes(row.personal),
    )


def _bytes(value: bytes | memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)


def _milliseconds(at: datetime) -> int:
    """Unix milliseconds, or -1 for a time between two of them, which no event has."""
    whole, rest = divmod(at - _EPOCH, timedelta(milliseconds=1))
    return -1 if rest else whole
