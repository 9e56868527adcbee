"""Notes where each request comes from; stands after the authentication middleware."""

from collections.abc import Callable
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse

from audit.origin import Origin, origin_set


class OriginMiddleware:
    """Sets `audit.origin` for the length of a request.

    The address is REMOTE_ADDR, which config/proxy.py sets first: of what proxies say in headers it
    believes the trusted ones, for a header that anybody can send is no evidence.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        origin = Origin(
            address=str(request.META.get("REMOTE_ADDR", "")),
            user_agent=str(request.META.get("HTTP_USER_AGENT", "")),
            trace_id=uuid4(),
            find_actor=lambda: _account_of(request),
        )
        with origin_set(origin):
            return self._get_response(request)


def _account_of(request: HttpRequest) -> UUID | None:
    user = getattr(request, "user", None)
    key = user.pk if user is not None and user.is_authenticated else None
    return key if isinstance(key, UUID) else None
