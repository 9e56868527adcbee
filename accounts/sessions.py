"""The sessions of a person: which there are, and how each ends."""

from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from accounts.errors import AccessDenied
from accounts.models import User
from audit.events import Action, Scope
from audit.origin import MAX_USER_AGENT
from audit.services import record, unit_of_work

_NOTE: Final = """
    INSERT INTO usersessions_usersession
        (user_id, created_at, last_seen_at, ip, user_agent, session_key, data)
    VALUES (%s, clock_timestamp(), clock_timestamp(), %s, %s, %s, '{}')
"""


def note_session(request: HttpRequest, **_signal: Any) -> None:
    """Keep a row of a new session, when allauth says that somebody has signed in.

    allauth's own receiver first loads every session of the person; what is over is deleted by beat.
    """
    address = request.META["REMOTE_ADDR"]
    browser = request.META.get("HTTP_USER_AGENT", "")[:MAX_USER_AGENT]
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [request.user.pk, address, browser, request.session.session_key])


def sessions_of(user: User, *, current: str | None) -> list[dict[str, Any]]:
    """Return the live sessions of a person, newest first."""
    live = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    rows = UserSession.objects.filter(user=user, session_key__in=live).order_by("-created_at")
    return [
        {
            "id": row.pk,
            "current": row.session_key == current,
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
        row.end()
        record(action=Action.ACCOUNT_SESSION_ENDED, scope=Scope.account(user.id), actor_id=user.id)


def purge_sessions() -> None:
    """Delete what is over, and rows of sessions that are no more."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
