"""What we tell django-allauth. Hooks only; the way to sign in is accounts/login.py."""

from typing import Never

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """No password is set or checked on this server, whichever of allauth's paths asks."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        """Refuse allauth's own sign-up: ours takes the messages of OPAQUE."""
        return False

    def set_password(self, _user: User, _password: str) -> Never:
        raise RuntimeError("no password is ever set on this server")

    def authenticate(self, _request: HttpRequest, **_credentials: object) -> None:
        """Let nobody in by a password."""
        return

    def get_login_stages(self) -> list[str]:
        """Name what a sign-in passes, in this order; a new stage needs a route and a test."""
        return ["accounts.login.EmailCodeStage", "allauth.mfa.stages.AuthenticateStage"]
