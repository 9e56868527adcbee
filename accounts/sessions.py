"""The sessions of a person: which there are, and how each ends."""

from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from accounts.errors import AccessDenied
from accounts.models import Session, User
from accounts.session_store import SessionStore, session_delete, stored_name
from audit.events import Action, Scope
from audit.origin import MAX_USER_AGENT
from audit.services import record, unit_of_work

_NOTE: Final = """
    INSERT INTO usersessions_usersession
        (user_id, created_at, last_seen_at, ip, user_agent, session_key, data)
    VALUES (%s, clock_timestamp(), clock_timestamp(), %s, %s, %s, '{}')
"""

_RENAME: Final = "UPDATE usersessions_usersession SET session_key = %s WHERE session_key = %s"


def note_session(request: HttpRequest, **_signal: Any) -> None:
    """Keep a row of a new session, when allauth says that somebody has signed in.

    allauth's own receiver first loads every session of the person; what is over is deleted by beat.
    """
    address = request.META["REMOTE_ADDR"]
    browser = request.META.get("HTTP_USER_AGENT", "")[:MAX_USER_AGENT]
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [request.user.pk, address, browser, _name_of(request)])


def note_renewed_session(request: HttpRequest, *, before: str) -> None:
    """Let the row of a session that changed its key go with it; `before` is its former key."""
    with connection.cursor() as cursor:
        cursor.execute(_RENAME, [_name_of(request), stored_name(before)])


def _name_of(request: HttpRequest) -> str:
    return stored_name(str(request.session.session_key))


def sessions_of(user: User, *, current: str) -> list[dict[str, Any]]:
    """Return the live sessions of a person, newest first; `current` is the key of this one."""
    here = stored_name(current)
    live = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    rows = UserSession.objects.filter(user=user, session_key__in=live).order_by("-created_at")
    return [
        {
            "id": row.pk,
            "current": row.session_key == here,
            "address": row.ip,
            "browser": row.user_agent,
            "since": int(row.created_at.timestamp() * 1000),
        }
        for row in rows
    ]


def session_end(user: User, *, session_id: int) -> None:
    """End one session of a person.

    Raises:
        AccessDenied: it is nobody's, or another's.
    """
    row = UserSession.objects.filter(user=user, pk=session_id).first()
    if row is None:
        raise AccessDenied
    with unit_of_work():
        session_delete(row.session_key)
        row.delete()
        record(action=Action.ACCOUNT_SESSION_ENDED, scope=Scope.account(user.id), actor_id=user.id)


def purge_sessions() -> None:
    """Delete what is over, and rows of sessions that are no more."""
    SessionStore.clear_expired()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
