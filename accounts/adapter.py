"""What we tell django-allauth. Hooks only; the way to sign in is accounts/login.py."""

from collections.abc import Sequence
from typing import Final, Never

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from accounts.models import User
from accounts.rows import exists

_FACTORS: Final = "SELECT 1 FROM mfa_authenticator WHERE user_id = %s"


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


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """Asks at each sign-in, in one short statement, whether there is a second factor.

    Not even that if the sign-in has read it with the account (`login.py`).
    """

    def is_mfa_enabled(self, user: User, types: Sequence[str] | None = None) -> bool:
        if user.factors is not None:
            return bool(user.factors if types is None else set(types).intersection(user.factors))
        if types is None:
            return exists(_FACTORS, user.pk)
        return exists(f"{_FACTORS} AND type = ANY(%s)", user.pk, [str(kind) for kind in types])
