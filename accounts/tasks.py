"""Doors for the worker. Messages carry ids only; each task may run twice."""

from uuid import UUID

from celery import shared_task

from accounts import mails
from accounts.models import PendingSignup, User
from accounts.sessions import purge_sessions
from accounts.signup import purge_signups

RETRY = {"autoretry_for": (OSError,), "retry_backoff": True, "max_retries": 8}


@shared_task(name="accounts.mail_signup", **RETRY)
def mail_signup(pending_id: str) -> None:
    pending = PendingSignup.objects.filter(pk=UUID(pending_id)).first()
    if pending is not None:
        mails.mail_signup(pending)


@shared_task(name="accounts.mail_stage_code", **RETRY)
def mail_stage_code(user_id: str, nonce: str) -> None:
    """`nonce` is the time of the sign-in: no secret, and of no use without the secret key."""
    user = _user(user_id)
    if user is not None:
        mails.mail_stage_code(user, nonce)


@shared_task(name="accounts.mail_device_link", **RETRY)
def mail_device_link(user_id: str) -> None:
    user = _user(user_id)
    if user is not None:
        mails.mail_device_link(user)


@shared_task(name="accounts.mail_password_changed", **RETRY)
def mail_password_changed(user_id: str) -> None:
    user = _user(user_id)
    if user is not None:
        mails.mail_password_changed(user)


@shared_task(name="accounts.purge")
def purge() -> None:
    """Delete sign-ups and sessions whose time is over."""
    purge_signups()
    purge_sessions()


def _user(user_id: str) -> User | None:
    return User.objects.filter(pk=UUID(user_id), is_active=True).first()
