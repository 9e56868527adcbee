"""From what went wrong to HTTP: `application/problem+json` with a stable `code` (RFC 9457).

The only place that knows both. Clients read `code`; prose may change.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import redis
import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.utils.cache import add_never_cache_headers
from rest_framework import exceptions

from accounts.conflicts import LinkRefused
from accounts.errors import (
    AccessDenied,
    Conflict,
    DomainError,
    Forbidden,
    Gone,
    Invalid,
    RateLimited,
    StepUpRequired,
    Unauthenticated,
    Unavailable,
)
from accounts.wire import for_json
from vaults.kms.base import KmsUnavailable

logger = structlog.get_logger(__name__)

API = "/api/"
CONTENT_TYPE = "application/problem+json"

# The status of a domain error is that of the nearest class in its line of descent.
STATUS: dict[type[Exception], int] = {
    AccessDenied: 404,
    Conflict: 409,
    Gone: 410,
    Invalid: 400,
    LinkRefused: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    StepUpRequired: 403,
    RateLimited: 429,
    Unavailable: 503,
    DomainError: 400,
}

# What the frameworks raise; the first line that fits decides.
FRAMEWORK: tuple[tuple[tuple[type[Exception], ...], int], ...] = (
    ((Http404,), 404),
    ((RequestDataTooBig,), 413),
    # DRF turns these into 403 where no authenticator names a challenge; they mean 401.
    ((exceptions.NotAuthenticated, exceptions.AuthenticationFailed), 401),
    ((PermissionDenied,), 403),
    ((SuspiciousOperation,), 400),
    # Without Valkey nothing can be counted or kept, so nothing may be tried.
    ((redis.RedisError,), 503),
)

# What is said where no domain error spoke: status -> code, title.
PLAIN: dict[int, tuple[str, str]] = {
    400: ("parse_error", "The request could not be read."),
    401: (Unauthenticated.code, Unauthenticated.title),
    403: (Forbidden.code, Forbidden.title),
    404: (AccessDenied.code, AccessDenied.title),
    405: ("method_not_allowed", "This address does not take this method."),
    406: ("not_acceptable", "No form you accept can be made."),
    413: ("too_large", "The body is larger than this address takes."),
    415: ("unsupported_media_type", "This address does not read that content type."),
    429: (RateLimited.code, RateLimited.title),
    500: ("server_error", "The server failed. Nothing more is known here."),
    503: (Unavailable.code, Unavailable.title),
}


def problem(
    status: int,
    *,
    code: str | None = None,
    title: str | None = None,
    detail: str = "",
    extra: Mapping[str, object] | None = None,
) -> JsonResponse:
    """Return one problem document; members that are not given come from `PLAIN`."""
    plain_code, plain_title = PLAIN.get(status, ("error", HTTPStatus(status).phrase))
    body = {
        **for_json(extra or {}),
        "code": code or plain_code,
        "title": title or plain_title,
        "status": status,
    }
    if detail:
        body["detail"] = detail
    response = JsonResponse(body, status=status, content_type=CONTENT_TYPE)
    add_never_cache_headers(response)
    return response


def exception_handler(error: Exception, _context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's hook: what a view raised, as a problem. Unknown errors stay errors."""
    return problem_for(error)


def problem_for(error: Exception) -> JsonResponse | None:
    """Return the problem that `error` stands for, or None if it is a fault of ours."""
    if isinstance(error, DomainError):
        return _domain_problem(error)
    if isinstance(error, KmsUnavailable):
        # Refused and unreachable look alike from outside; the journal knows which it was.
        logger.warning("kms_unavailable", reason=error.reason, call=str(error.call_id))
        return problem(503, code="kms_unavailable", title="The key service does not answer.")
    if isinstance(error, exceptions.ValidationError):
        return problem(
            400, code=Invalid.code, title=Invalid.title, extra={"fields": error.get_codes()}
        )
    for kinds, status in FRAMEWORK:
        if isinstance(error, kinds):
            return problem(status)
    return problem(error.status_code) if isinstance(error, exceptions.APIException) else None


def _domain_problem(error: DomainError) -> JsonResponse:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    response = problem(
        status, code=error.code, title=error.title, detail=error.detail, extra=error.extra
    )
    retry_after = error.extra.get("retry_after")
    if isinstance(retry_after, int):
        response.headers["Retry-After"] = str(retry_after)
    return response


def csrf_failure(_request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's hook: a request that did not prove it comes from our own page."""
    logger.warning("csrf_refused", reason=reason)
    return HttpResponseForbidden("The request did not come from this page.")


class ProblemMiddleware:
    """Under /api/ every error is a problem document, whoever made it.

    Views may be of DRF, of allauth or of Django; the last answer HTML by default, as do the
    resolver (404), CSRF (403), method checks (405) and the handler of our own faults (500).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path_info.startswith(API):
            # Bundles, items and CSRF tokens belong on no disk; the sync says what it wants itself.
            response.headers.setdefault("Cache-Control", "no-store")
        if not request.path_info.startswith(API) or response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        if "json" in response.headers.get("Content-Type", ""):
            return response
        code = "csrf" if isinstance(response, HttpResponseForbidden) else None
        replaced = problem(response.status_code, code=code)
        if "Allow" in response.headers:
            replaced.headers["Allow"] = response.headers["Allow"]
        replaced.cookies = response.cookies
        return replaced

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Take what plain Django views under /api/ raise."""
        return problem_for(error) if request.path_info.startswith(API) else None
