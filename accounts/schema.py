"""What the API's description says about shapes and errors (OpenAPI 3.1, drf-spectacular).

The description shows the JSON form. CBOR has the same members; `describe_cbor` says what differs.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.conf import settings
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.serializers import ListSerializer

from accounts.examples import example_of
from accounts.wire import CBOR_TYPE, StrictSerializer

PROBLEM: Final = "application/problem+json"
_TEAM: Final = "0199a1b2-0000-8000-8000-000000000001"
_AT: Final = 1_790_000_000_000  # Unix ms

# code -> status, title, further members of the problem.
PROBLEMS: Final[Mapping[str, tuple[int, str, dict[str, Any]]]] = {
    "invalid": (400, "The request breaks a rule.", {"fields": {"suite": ["value"]}}),
    "parse_error": (400, "The request could not be read.", {}),
    "code_wrong": (400, "This is not the code.", {"tries_left": 4}),
    "not_signed_in": (401, "Sign in first.", {}),
    "login_failed": (401, "The e-mail address or the password is wrong.", {}),
    "csrf": (403, "The request did not come from this page. Reload it.", {}),
    "step_up_needed": (403, "Confirm with your password first.", {}),
    "invite_other_email": (403, "This invitation is for another e-mail address.", {}),
    "not_found": (404, "There is nothing here that you may use.", {}),
    "not_acceptable": (406, "No form you accept can be made.", {}),
    "conflict": (409, "The state changed meanwhile.", {}),
    "counter_moved": (
        409,
        "Another browser has changed this. Merge, and write again.",
        {"counter": 7, "blob": "AQ" + "A" * 108},
    ),
    "cred_moved": (409, "The password was changed elsewhere. Sign in again.", {}),
    "head_moved": (
        409,
        "The chain has grown meanwhile.",
        {"chain": _TEAM, "seq": 8, "hash": "q83v" + "A" * 39},
    ),
    "held": (409, "The vault is held for a moment.", {"until": _AT}),
    "stale_seen": (409, "The team has changed since what you have seen.", {}),
    "rotation_due": (409, "The vault needs a new key before the next write.", {}),
    "taken": (409, "This place is taken by other bytes.", {}),
    "too_many_held": (
        409,
        "A member holds at most 1,500 vaults, and a vault has at most 1,000 holders.",
        {},
    ),
    "kek_moved": (409, "The key was replaced meanwhile. Try again.", {}),
    "personal_exists": (409, "There is a personal vault already.", {"team": _TEAM}),
    "code_expired": (410, "The code has expired. Start again.", {}),
    "gone": (410, "This took too long. Start again.", {}),
    "invite_closed": (410, "This invitation is closed. Ask for a new one.", {"reason": "used"}),
    "too_large": (413, "The body is larger than this address takes.", {}),
    "unsupported_media_type": (415, "This address does not read that content type.", {}),
    "refused": (422, "The chain does not take this.", {"refusal": "T2.role"}),
    "too_many": (429, "Too often. Wait before the next.", {"retry_after": 60}),
    "kms_unavailable": (503, "The key service does not answer.", {}),
    "unavailable": (503, "A service this needs does not answer. Nothing was changed.", {}),
}
# An empty map: the same answer whoever asks.
NOTHING: Final = {"type": "object", "additionalProperties": False}
_BODY: Final = ("invalid", "parse_error", "too_large", "unsupported_media_type")
_MEMBERS: Final[Mapping[str, dict[str, Any]]] = {
    "blob": {"type": ["string", "null"], "contentEncoding": "base64url"},
    "chain": {"type": "string", "format": "uuid"},
    "counter": {"type": "integer"},
    "fields": {"description": "Which fields, and what is wrong with each."},
    "hash": {"type": "string", "contentEncoding": "base64url"},
    "reason": {"enum": ["used", "revoked", "expired", "dead"]},
    "refusal": {"type": "string", "description": "The id of the rule in SPEC.md."},
    "retry_after": {"type": "integer", "description": "seconds"},
    "seq": {"type": "integer"},
    "team": {"type": "string", "format": "uuid"},
    "tries_left": {"type": "integer"},
    "until": {"type": "integer", "description": "Unix milliseconds"},
}


def problems(
    *codes: str, body: bool = True, safe: bool = False, public: bool = False
) -> dict[tuple[int, str], OpenApiResponse]:
    """Describe these errors and those that every route shares, one response for each status.

    Args:
        codes: of the route itself.
        body: it reads one.
        safe: its method is GET.
        public: nobody need be signed in.
    """
    shared = ["not_acceptable", "unavailable"]
    shared += [] if public else ["not_signed_in"]
    shared += [] if safe else ["csrf"]
    shared += _BODY if body and not safe else ()
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys((*shared, *codes)):
        by_status.setdefault(PROBLEMS[code][0], []).append(code)
    return {
        (status, PROBLEM): OpenApiResponse(
            response=_problem_shape(status, found),
            description=" or ".join(f"`{code}`" for code in found),
            examples=[_problem_example(code) for code in found],
        )
        for status, found in sorted(by_status.items())
    }


def _problem_example(code: str) -> OpenApiExample:
    status, title, extra = PROBLEMS[code]
    value = {"code": code, "title": title, "status": status, **extra}
    return OpenApiExample(code, value=value, media_type=PROBLEM, status_codes=[str(status)])


def _problem_shape(status: int, codes: list[str]) -> dict[str, Any]:
    extra = sorted({name for code in codes for name in PROBLEMS[code][2]})
    return {
        "type": "object",
        "required": ["code", "title", "status"],
        "properties": {
            "code": {"type": "string", "enum": codes},
            "title": {"type": "string"},
            "status": {"type": "integer", "const": status},
            "detail": {"type": "string"},
            **{name: _MEMBERS[name] for name in extra},
        },
        "additionalProperties": False,
    }


def describe_cbor(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """Say at each CBOR body how it differs from the JSON form (a hook of drf-spectacular)."""
    for content in _contents(result):
        shape = content.get(CBOR_TYPE, {}).get("schema")
        if shape and "$ref" in shape:
            content[CBOR_TYPE]["schema"] = {
                **shape,
                "description": "The same members in canonical CBOR: byte strings in place of "
                "base64url, ids as their 16 bytes.",
            }
    return result


def describe_waits(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """Say that every 429 comes with `Retry-After` (a hook of drf-spectacular)."""
    for methods in result["paths"].values():
        for operation in methods.values():
            if "429" in operation["responses"]:
                operation["responses"]["429"]["headers"] = {
                    "Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}
                }
    return result


def _contents(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in result["paths"].values():
        for operation in methods.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            yield from (body.get("content", {}) for body in bodies)


class _SessionSchema(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.BrowserSession"
    name = "session"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, str]:
        """The session's cookie; unsafe methods need the X-CSRFToken header as well."""
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}


class _ShapeSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Every shape has an example; those that come in say that they know no other fields."""

    target_class = "rest_framework.serializers.Serializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        shape: dict[str, Any] = auto_schema._map_serializer(  # noqa: SLF001 - as its own extensions
            self.target, direction, bypass_extensions=True
        )
        if isinstance(self.target, StrictSerializer):
            shape["additionalProperties"] = False
        if "__doc__" not in vars(type(self.target)) or not type(self.target).__doc__:
            shape.pop("description", None)  # a base class's, about something else
        for name, field in self.target.fields.items():
            most = getattr(field, "max_length", None)
            if isinstance(field, ListSerializer) and most is not None:
                shape["properties"][name]["maxItems"] = most
        return {**shape, "examples": [example_of(self.target)]}


def _base64url(size: int) -> int:
    """How many characters `size` bytes take, without padding."""
    return (size * 4 + 2) // 3


def _pattern(least: int, most: int) -> str:
    """The letters of base64url; of a fixed size also the last one, whose unused bits are 0."""
    if least != most or most % 3 == 0:
        return "^[A-Za-z0-9_-]*$"
    last = "AQgw" if most % 3 == 1 else "AEIMQUYcgkosw048"
    return f"^[A-Za-z0-9_-]{{{_base64url(most) - 1}}}[{last}]$"


class _BytesSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.wire.BytesField"

    def map_serializer_field(self, _auto_schema: Any, _direction: str) -> dict[str, Any]:
        """In JSON base64url without padding, in CBOR a byte string."""
        least, most = self.target.least, self.target.most
        return {
            "type": "string",
            "contentEncoding": "base64url",
            "minLength": _base64url(least),
            "maxLength": _base64url(most),
            "pattern": _pattern(least, most),
            "description": f"{most} bytes" if least == most else f"{least} to {most} bytes",
        }


class _IdSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.wire.IdField"

    def map_serializer_field(self, _auto_schema: Any, _direction: str) -> dict[str, Any]:
        return {"type": "string", "format": "uuid", "description": "in CBOR 16 bytes"}


class _UintSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.wire.UintField"

    def map_serializer_field(self, _auto_schema: Any, _direction: str) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.target.least, "maximum": self.target.most}


class _TextSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Texts, and those with a form of their own, such as six digits."""

    target_class = "accounts.wire.TextField"
    match_subclasses = True

    def map_serializer_field(self, _auto_schema: Any, _direction: str) -> dict[str, Any]:
        shape: dict[str, Any] = {
            "type": "string",
            "minLength": self.target.least,
            "maxLength": self.target.most,
        }
        return {**shape, "pattern": self.target.pattern} if self.target.pattern else shape


class _ConstSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.wire.ConstField"

    def map_serializer_field(self, _auto_schema: Any, _direction: str) -> dict[str, Any]:
        kind = "integer" if isinstance(self.target.value, int) else "string"
        return {"type": kind, "const": self.target.value}


class _ChoiceSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "rest_framework.fields.ChoiceField"

    def map_serializer_field(self, _auto_schema: Any, _direction: str) -> dict[str, Any]:
        none = [None] if self.target.allow_null else []
        return {"type": "string", "enum": [*self.target.choices, *none]}
