"""The journal that config gives to the key providers (`vaults.kms.base.Journal`): rows.

Each report is a commit of its own, so that it stays whatever happens next: an intent whose
process died is an open row, which reconciliation shows.
"""

import os
import socket
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection
from django.utils import timezone
from psycopg.types.json import Jsonb

from audit.origin import current_origin
from audit.services import in_unit_of_work

_NO_TEAM: Final = "-"

# Written out: each sign-in makes a call, and three querysets would cost it 1 ms of CPU.
_INTENT: Final = """
    INSERT INTO audit_kmscall (
        id, operation, key_id, context, team_id, actor_id, trace_id, process, started_at, outcome
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, '')
"""
_ATTEMPT: Final = """
    INSERT INTO audit_kmsattempt (call_id, number, request_id, outcome, at)
    VALUES (%s, %s, %s, %s, %s)
"""
_CLOSE: Final = "UPDATE audit_kmscall SET outcome = %s, finished_at = %s WHERE id = %s"
_ATTEMPT_AND_CLOSE: Final = f"WITH attempted AS ({_ATTEMPT}) {_CLOSE}"

_ANSWERED: Final = "ok"  # the outcome of an attempt that no other follows


class DatabaseEntry:
    """One call's row, open until `close`.

    An attempt that failed is written at once, since a wait may follow it. One that was answered
    is written with the end of the call, which follows it without a wait: one commit, not two.
    """

    def __init__(self, call_id: UUID) -> None:
        self.id = call_id
        self._attempts = 0
        self._answered: tuple[Any, ...] | None = None  # the values of an attempt not yet written

    def attempt(self, request_id: str | None, outcome: str) -> None:
        self._write_answered()
        self._attempts += 1
        values = (self.id, self._attempts, request_id, outcome[:100], timezone.now())
        if outcome == _ANSWERED:
            self._answered = values
        else:
            _write(_ATTEMPT, *values)

    def close(self, outcome: str) -> None:
        ending = (str(outcome), timezone.now(), self.id)
        if self._answered is None:
            _write(_CLOSE, *ending)
        else:
            _write(_ATTEMPT_AND_CLOSE, *self._answered, *ending)

    def _write_answered(self) -> None:
        """Write an attempt that was answered after all by another: its answer was cut short."""
        if self._answered is not None:
            _write(_ATTEMPT, *self._answered)
            self._answered = None


class DatabaseJournal:
    """Writes KmsCall and KmsAttempt rows."""

    def intent(self, operation: str, key_id: str, context: Mapping[str, str]) -> DatabaseEntry:
        """Write the row that precedes a call.

        Raises:
            RuntimeError: inside a unit of work: rows would be locked while KMS is waited for,
                and a rollback would take the report away.
        """
        if in_unit_of_work():
            raise RuntimeError("KMS is called before the transaction, not inside it")
        origin = current_origin()
        entry = DatabaseEntry(uuid4())
        _write(
            _INTENT,
            *(entry.id, operation, key_id, Jsonb(dict(context)), _team_of(context)),
            None if origin is None else origin.find_actor(),
            None if origin is None else origin.trace_id,
            f"{socket.gethostname()[:100]}:{os.getpid()}",
            timezone.now(),
        )
        return entry


def _write(statement: str, *values: Any) -> None:
    """Run one statement, which is a commit of its own."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _team_of(context: Mapping[str, str]) -> UUID | None:
    team = context.get("team", _NO_TEAM)
    return None if team == _NO_TEAM else UUID(team)
