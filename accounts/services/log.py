"""What the audit log is told of something that a member did in a team."""

from collections.abc import Mapping
from uuid import UUID

from accounts.access import TeamAccess
from audit.chain import Detail
from audit.events import Action, Scope
from audit.services import Event, record


def member_event(
    access: TeamAccess,
    action: Action,
    subject: UUID | bytes | None,
    details: Mapping[str, Detail] | None = None,
) -> Event:
    """Return the event, in the team's log and by the caller, as account and as member."""
    return {
        "action": action,
        "scope": Scope.team(access.team_id),
        "actor_id": access.account_id,
        "member_id": access.member_id,
        "subject": subject,
        "details": details or {},
    }


def member_record(
    access: TeamAccess,
    action: Action,
    subject: UUID | bytes | None,
    details: Mapping[str, Detail] | None = None,
) -> None:
    """Note it in the open unit of work."""
    record(**member_event(access, action, subject, details))
