"""Unlock and step-up: an OPAQUE run on a live session, whose account nobody types.

Its tries count by session: ten misses end it, so a stolen cookie gives ten guesses and no more.
"""

import time
from typing import Final
from uuid import UUID

from django.contrib.auth import logout
from django.http import HttpRequest

from accounts.errors import StepUpRequired, Unauthenticated
from accounts.limits import UNLOCK_MISSES, count_miss, take_back_miss
from accounts.login import answer_ke1, credential_of, points_of
from accounts.models import OpaqueRecord, User
from accounts.opaque import LoginRefused, check_points, server_keys, verify_login
from accounts.tickets import TicketGone, session_hash, ticket_take
from audit.events import Action, Scope
from audit.services import record, unit_of_work
from vaults.kms.base import KmsUnavailable

STEP_UP_SECONDS: Final = 300
_STEP_UP: Final = "step_up_at"


class SessionEnded(Unauthenticated):
    """Too many misses: the session is over, the account is not."""

    title = "Too many wrong passwords: this session was ended. Sign in again."


def unlock_start(request: HttpRequest, user: User, *, ke1: bytes) -> tuple[bytes, bytes]:
    """Answer KE1 for the session's own account; returns the handle and KE2.

    Raises:
        SessionEnded: this session has missed ten times.
        KmsUnavailable: nothing was counted.
    """
    with server_keys() as (kek, _deployment, keys):
        check_points(keys, *points_of(ke1))
        credential = credential_of(kek, OpaqueRecord.objects.get(account=user))
        session = session_hash(request).hex()
        if count_miss("unlock", session) > UNLOCK_MISSES:
            _end(request, user)
            raise SessionEnded
        try:
            return answer_ke1(
                request, kek, keys, credential, ke1, purpose="unlock", content={"counted": []}
            )
        except KmsUnavailable:
            take_back_miss("unlock", session)
            raise


def unlock_finish(request: HttpRequest, user: User, *, handle: bytes, ke3: bytes) -> None:
    """Check KE3; the session counts as stepped up for five minutes.

    Raises:
        LoginRefused: a wrong password.
        SessionEnded: it was the tenth.
    """
    session = session_hash(request).hex()
    try:
        kept = ticket_take(request, purpose="unlock", handle=handle)
    except TicketGone:
        raise LoginRefused from None
    try:
        verify_login(kept["state"], ke3)
        _same(kept, user)
    except LoginRefused:
        with unit_of_work():
            record(
                action=Action.ACCOUNT_UNLOCK_FAILED,
                scope=Scope.account(user.id),
                actor_id=user.id,
            )
        raise
    take_back_miss("unlock", session)
    request.session[_STEP_UP] = int(time.time())
    with unit_of_work():
        record(action=Action.ACCOUNT_UNLOCKED, scope=Scope.account(user.id), actor_id=user.id)


def require_step_up(request: HttpRequest) -> None:
    """Return if the password was proved on this session within five minutes.

    Raises:
        StepUpRequired: it was not. Having signed in does not count.
    """
    age = time.time() - request.session.get(_STEP_UP, 0)
    if not 0 <= age <= STEP_UP_SECONDS:
        raise StepUpRequired


def _same(kept: dict[str, bytes], user: User) -> None:
    """The run was with this account's record, and the record is still the one."""
    if UUID(bytes=kept["account"]) != user.id:
        raise LoginRefused
    if not OpaqueRecord.objects.filter(account=user, cred=kept["cred"]).exists():
        raise LoginRefused


def _end(request: HttpRequest, user: User) -> None:
    with unit_of_work():
        record(action=Action.ACCOUNT_SESSION_ENDED, scope=Scope.account(user.id), actor_id=user.id)
    logout(request)
