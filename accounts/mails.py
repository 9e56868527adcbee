"""Mails about accounts: plain text, no secret but a code, and no name that somebody typed."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string

from accounts.codes import code_for
from accounts.links import link_address
from accounts.models import PendingSignup, User
from accounts.signup import code_name


def mail_signup(pending: PendingSignup) -> None:
    """Send a sign-up's code, or tell the owner of a known address that somebody tried."""
    if not pending.known:
        code = code_for("signup", code_name(pending))
        _send(pending.email, "Your code for Coffret", "signup_code", code=code)
    elif pending.mails == 1:
        _send(pending.email, "Somebody signed up with your address", "signup_known")


def mail_stage_code(user: User, nonce: str) -> None:
    """Send the code that a sign-in waits for."""
    code = code_for("stage", f"{user.pk} {nonce}")
    _send(user.email, "Your code for Coffret", "stage_code", code=code)


def mail_device_link(user: User) -> None:
    """Send a link that gives a browser tries of its own."""
    _send(user.email, "Sign in from a new browser", "device_link", link=link_address(user))


def mail_password_changed(user: User) -> None:
    """Tell that the password was changed."""
    _send(user.email, "Your password was changed", "password_changed")


def mail_new_browser(user: User, at: datetime) -> None:
    """Tell that somebody signed in from a browser that had not before."""
    _send(user.email, "A new browser signed in to your account", "new_browser", at=at)


def _send(to: str, subject: str, template: str, **context: Any) -> None:
    context = {"host": settings.PUBLIC_URL, **context}
    body = render_to_string(f"accounts/{template}.txt", context)
    send_mail(subject, body, None, [to])
