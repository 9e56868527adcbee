"""How many bytes a request may carry. Each view says so by `max_body_bytes`; 64 KiB else.

DRF's parsers read the stream themselves, past Django's own limit, hence this one.
A body without a Content-Length is read as empty by Django, so the header decides.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.errors import problem
from config.memory import give_back

# Bytes. What was parsed out of so much is worth the 10 ms that giving it back takes.
LARGE_BODY: Final = 512 * 1024


class BodyLimitMiddleware:
    """Answer 413 before the view, and so any parser, has seen a byte of the body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_read = response.status_code != HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        if is_read and content_length(request) >= LARGE_BODY:
            give_back()
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], *_args: object
    ) -> HttpResponse | None:
        if content_length(request) <= limit_of(view):
            return None
        return problem(413)


def content_length(request: HttpRequest) -> int:
    """Return the bytes announced; 0 if the header is absent or no number."""
    value = request.META.get("CONTENT_LENGTH") or ""
    return int(value) if value.isascii() and value.isdecimal() else 0


def limit_of(view: Callable[..., Any]) -> int:
    """Return what the view's class, or the view itself, allows, in bytes."""
    owner = getattr(view, "cls", None) or getattr(view, "view_class", None) or view
    limit = getattr(owner, "max_body_bytes", settings.MAX_BODY_BYTES)
    return min(int(limit), settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
