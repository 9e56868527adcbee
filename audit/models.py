"""The log: heads, events, and the KMS calls beside it.

Ids, never foreign keys: a log outlives its subjects. Triggers (migration 0002) refuse to delete
or to alter an event, but for erasing its personal part.
"""

import uuid
from typing import ClassVar

from django.db import models

from audit.chain import ZERO
from audit.events import ScopeKind


class AuditHead(models.Model):
    """Where one scope's chain stands; its row is the lock under which events are numbered."""

    scope_kind = models.CharField(max_length=10, choices=ScopeKind.choices)
    scope_id = models.UUIDField()
    seq = models.PositiveBigIntegerField(default=0)
    head = models.BinaryField(default=ZERO)  # the last leaf, 32 bytes

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope_kind", "scope_id"], name="one_head_per_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.scope_kind} {self.scope_id} at {self.seq}"


class AuditEvent(models.Model):
    """One event. What is hashed is `core`; the other columns repeat it, to be searched by."""

    id = models.UUIDField(primary_key=True, editable=False)
    scope_kind = models.CharField(max_length=10, choices=ScopeKind.choices)
    scope_id = models.UUIDField()
    seq = models.PositiveBigIntegerField()
    action = models.CharField(max_length=40)
    actor_id = models.UUIDField(null=True)  # account
    member_id = models.BinaryField(null=True)  # 16 bytes
    subject = models.BinaryField(null=True)  # 16 bytes of a UUID or member id, or a fingerprint
    at = models.DateTimeField()  # whole milliseconds
    core = models.BinaryField()  # chain.Facts.encode
    prev = models.BinaryField()
    leaf = models.BinaryField()
    personal_hash = models.BinaryField()
    # Erased together; the chain holds without them.
    salt = models.BinaryField(null=True)
    personal = models.BinaryField(null=True)  # origin.Origin.encode_personal

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["scope_kind", "scope_id", "seq"], name="one_event_per_number"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["actor_id", "at"], name="event_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.scope_kind} {self.scope_id} #{self.seq}"


class KmsCall(models.Model):
    """One call to the key provider: written before it is made, closed after it.

    Outside the chain: a call comes before the transaction that uses its answer, and must stay
    when that one is rolled back.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operation = models.CharField(max_length=40)
    key_id = models.CharField(max_length=256)
    context = models.JSONField()  # opaque ids
    team_id = models.UUIDField(null=True, db_index=True)  # from the context; null: deployment
    actor_id = models.UUIDField(null=True)  # account
    trace_id = models.UUIDField(null=True)  # of the request; null: task or command
    process = models.CharField(max_length=120)  # host:pid
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, default="")  # empty: open, or its process died

    class Meta:
        indexes: ClassVar = [models.Index(fields=["started_at"], name="kms_call_by_time")]

    def __str__(self) -> str:
        return f"{self.operation} {self.id} {self.outcome}"


class KmsAttempt(models.Model):
    """One attempt of a call, by whose request id CloudTrail's record is found."""

    # A key inside the app: an attempt is nothing without its call.
    call = models.ForeignKey(KmsCall, models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()  # from 1
    # Null says that no answer came; an empty text would say that it came without an id.
    request_id = models.CharField(max_length=100, null=True, db_index=True)  # noqa: DJ001
    outcome = models.CharField(max_length=100)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["call", "number"], name="one_attempt_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} #{self.number} {self.outcome}"
