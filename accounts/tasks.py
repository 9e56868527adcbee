"""Doors for the worker. Messages carry ids only; each task may run twice."""

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from celery import shared_task

from accounts import mails
from accounts.selectors import active_user, pending_signup
from accounts.sessions import purge_sessions
from accounts.signup import purge_signups

# Mail servers are away at times: tried again for a quarter of an hour, each time later.
mail_task = partial(shared_task, autoretry_for=(OSError,), retry_backoff=True, max_retries=10)


@mail_task(name="accounts.mail_signup")
def mail_signup(pending_id: str) -> None:
    pending = pending_signup(UUID(pending_id))
    if pending is not None:
        mails.mail_signup(pending)


@mail_task(name="accounts.mail_stage_code")
def mail_stage_code(user_id: str, nonce: str) -> None:
    """`nonce` is the time of the sign-in: no secret, and of no use without the secret key."""
    user = active_user(UUID(user_id))
    if user is not None:
        mails.mail_stage_code(user, nonce)


@mail_task(name="accounts.mail_device_link")
def mail_device_link(user_id: str) -> None:
    user = active_user(UUID(user_id))
    if user is not None:
        mails.mail_device_link(user)


@mail_task(name="accounts.mail_password_changed")
def mail_password_changed(user_id: str) -> None:
    user = active_user(UUID(user_id))
    if user is not None:
        mails.mail_password_changed(user)


@mail_task(name="accounts.mail_new_browser")
def mail_new_browser(user_id: str, at: int) -> None:
    """`at` is the time of the sign-in, in Unix seconds."""
    user = active_user(UUID(user_id))
    if user is not None:
        mails.mail_new_browser(user, datetime.fromtimestamp(at, UTC))


@shared_task(name="accounts.purge")
def purge() -> None:
    """Delete sign-ups and sessions whose time is over."""
    purge_signups()
    purge_sessions()
