"""Who asks: the session's account. CSRF is checked on every unsafe request, anonymous ones too."""

from typing import Any, Final
from uuid import UUID

from allauth.account.auth_backends import AuthenticationBackend
from django.http import HttpRequest
from rest_framework.authentication import CSRFCheck, SessionAuthentication
from rest_framework.request import Request

from accounts.errors import Forbidden
from accounts.models import User
from accounts.rows import Rows

_ACTIVE: Final = Rows(User, "t.id = %s AND t.is_active")


class AccountBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth ships no types
    """Finds the account of a session anew at each request; nobody who was switched off."""

    def get_user(self, user_id: UUID) -> User | None:
        return _ACTIVE.first(user_id)


class CsrfRefused(Forbidden):
    """The request does not prove that our own page made it."""

    code = "csrf"
    title = "The request did not come from this page. Reload it."


class BrowserSession(SessionAuthentication):
    """DRF's own checks CSRF only once somebody is signed in; signing in needs it as much."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        self.enforce_csrf(request)
        user = getattr(request._request, "user", None)  # noqa: SLF001 - as DRF's own does
        return (user, None) if user is not None and user.is_active else None

    def enforce_csrf(self, request: Request | HttpRequest) -> None:
        check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
        check.process_request(request)
        if check.process_view(request, None, (), {}) is not None:  # type: ignore[arg-type]
            raise CsrfRefused

    def authenticate_header(self, _request: Request) -> str:
        """Make DRF answer 401, not 403, to whoever is not signed in."""
        return "Session"
