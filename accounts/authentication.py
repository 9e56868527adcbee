"""Who asks: the session's account. CSRF is checked on every unsafe request, anonymous ones too.

Two people may share a browser, one after the other. The cookie is then the later one's, while a tab
of the former may still be open, or wake. So a tab whose account is known names it with each request
(`X-Coffret-Account`, its id in hex), and in a session of anybody else that request is nobody's.
"""

from typing import Any, Final
from uuid import UUID

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import CSRFCheck, SessionAuthentication
from rest_framework.request import Request

from accounts.errors import Forbidden
from accounts.models import User
from accounts.rows import Rows

ACCOUNT_HEADER: Final = "X-Coffret-Account"
_ACTIVE: Final = Rows(User, "t.id = %s AND t.is_active")


class AccountBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth ships no types
    """Finds the account of a session anew at each request; nobody who was switched off."""

    def get_user(self, user_id: UUID) -> User | None:
        return _ACTIVE.first(user_id)


class SessionAccountMiddleware(AuthenticationMiddleware):
    """Sets `request.user` to the account that came with its session, by one statement for both."""

    def process_request(self, request: HttpRequest) -> None:
        """Django's own asks for the account once more, through the backend that signed it in."""
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _account_of(request))  # type: ignore[assignment]


def _account_of(request: HttpRequest) -> User | AnonymousUser:
    """Return the account, if the session is of its present login; else the session is flushed.

    Django's rule (`django.contrib.auth.get_user`): the session holds a MAC over the account's
    password field, which every change of the OPAQUE record sets anew and so ends other sessions.
    """
    session: Any = request.session
    if SESSION_KEY not in session:
        return AnonymousUser()
    account: User | None = session.account
    if account is None or str(account.pk) != session[SESSION_KEY]:
        return AnonymousUser()
    if not constant_time_compare(
        session.get(HASH_SESSION_KEY, ""), account.get_session_auth_hash()
    ):
        session.flush()
        return AnonymousUser()
    return AnonymousUser() if is_from_another(request, account) else account


def is_from_another(request: HttpRequest, account: User | None) -> bool:
    """Say whether the request names another account than this one, the session's."""
    named = request.headers.get(ACCOUNT_HEADER)
    return named is not None and (account is None or named != account.pk.hex)


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
