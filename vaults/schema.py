"""What the API's description says about our fields and errors (OpenAPI, drf-spectacular)."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.utils import OpenApiExample, OpenApiResponse

PROBLEM: Final = "application/problem+json"

# code -> status, title, further members of the problem.
PROBLEMS: Final[Mapping[str, tuple[int, str, dict[str, Any]]]] = {
    "invalid": (400, "The request breaks a rule.", {}),
    "parse_error": (400, "The request could not be read.", {}),
    "not_signed_in": (401, "Sign in first.", {}),
    "csrf": (403, "The request did not come from this page. Reload it.", {}),
    "invite_other_email": (403, "This invitation is for another e-mail address.", {}),
    "not_found": (404, "There is nothing here that you may use.", {}),
    "head_moved": (
        409,
        "The chain has grown meanwhile.",
        {"chain": "0199a1b2-0000-8000-8000-000000000001", "seq": 8, "hash": "q83v" + "A" * 39},
    ),
    "held": (409, "The vault is held for a moment.", {"until": 1_790_000_000_000}),
    "stale_seen": (409, "The team has changed since what you have seen.", {}),
    "rotation_due": (409, "The vault needs a new key before the next write.", {}),
    "taken": (409, "This place is taken by other bytes.", {}),
    "kek_moved": (409, "The key was replaced meanwhile. Try again.", {}),
    "personal_exists": (
        409,
        "There is a personal vault already.",
        {"team": "0199a1b2-0000-8000-8000-000000000001"},
    ),
    "invite_closed": (410, "This invitation is closed. Ask for a new one.", {"reason": "used"}),
    "too_large": (413, "The body is larger than this address takes.", {}),
    "unsupported_media_type": (415, "This address does not read that content type.", {}),
    "refused": (422, "The chain does not take this.", {"refusal": "T2.role"}),
    "too_many": (429, "Too often. Wait before the next.", {"retry_after": 60}),
    "kms_unavailable": (503, "The key service does not answer.", {}),
}
_PROBLEM_SHAPE: Final = {
    "type": "object",
    "required": ["code", "title", "status"],
    "properties": {
        "code": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


def problems(*codes: str) -> dict[tuple[int, str], OpenApiResponse]:
    """Describe these errors and those that every route shares, one response for each status."""
    shared = ("not_signed_in", "csrf", "not_found", "too_large")
    by_status: dict[int, list[OpenApiExample]] = {}
    for code in dict.fromkeys((*shared, *codes)):
        status, title, extra = PROBLEMS[code]
        value = {"code": code, "title": title, "status": status, **extra}
        example = OpenApiExample(code, value=value, media_type=PROBLEM, status_codes=[str(status)])
        by_status.setdefault(status, []).append(example)
    return {
        (status, PROBLEM): OpenApiResponse(
            response=_PROBLEM_SHAPE,
            description=" or ".join(f"`{example.name}`" for example in examples),
            examples=examples,
        )
        for status, examples in sorted(by_status.items())
    }


class _SessionSchema(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.BrowserSession"
    name = "session"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, str]:
        """The session's cookie; unsafe methods need the X-CSRFToken header as well."""
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class _BytesSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.wire.BytesField"

    def map_serializer_field(self, _auto_schema: Any, _direction: str) -> dict[str, Any]:
        """In JSON base64url without padding, in CBOR a byte string."""
        least, most = self.target.least, self.target.most
        size = f"{most} bytes" if least == most else f"{least} to {most} bytes"
        return {"type": "string", "format": "byte", "description": f"base64url; {size}"}


class _IdSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.wire.IdField"

    def map_serializer_field(self, _auto_schema: Any, _direction: str) -> dict[str, Any]:
        return {"type": "string", "format": "uuid", "description": "in CBOR 16 bytes"}


class _UintSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.wire.UintField"

    def map_serializer_field(self, _auto_schema: Any, _direction: str) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.target.least, "maximum": self.target.most}


class _TextSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.wire.TextField"

    def map_serializer_field(self, _auto_schema: Any, _direction: str) -> dict[str, Any]:
        return {
            "type": "string",
            "minLength": self.target.least,
            "maxLength": self.target.most,
        }
