"""The journal that config gives to the key providers (`vaults.kms.base.Journal`): rows.

Each report is a commit of its own, so that it stays whatever happens next: an intent whose
process died is an open row, which reconciliation shows.
"""

import os
import socket
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from django.utils import timezone

from audit.models import KmsAttempt, KmsCall
from audit.origin import current_origin
from audit.services import in_unit_of_work

_NO_TEAM: Final = "-"


class DatabaseEntry:
    """One call's row, open until `close`."""

    def __init__(self, call: KmsCall) -> None:
        self._call = call
        self._attempts = 0

    @property
    def id(self) -> UUID:
        return self._call.id

    def attempt(self, request_id: str | None, outcome: str) -> None:
        self._attempts += 1
        KmsAttempt.objects.create(
            call=self._call,
            number=self._attempts,
            request_id=request_id,
            outcome=outcome[:100],
            at=timezone.now(),
        )

    def close(self, outcome: str) -> None:
        KmsCall.objects.filter(pk=self._call.pk).update(
            outcome=str(outcome), finished_at=timezone.now()
        )


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
        call = KmsCall.objects.create(
            operation=operation,
            key_id=key_id,
            context=dict(context),
            team_id=_team_of(context),
            actor_id=None if origin is None else origin.find_actor(),
            trace_id=None if origin is None else origin.trace_id,
            process=f"{socket.gethostname()[:100]}:{os.getpid()}",
            started_at=timezone.now(),
        )
        return DatabaseEntry(call)


def _team_of(context: Mapping[str, str]) -> UUID | None:
    team = context.get("team", _NO_TEAM)
    return None if team == _NO_TEAM else UUID(team)
