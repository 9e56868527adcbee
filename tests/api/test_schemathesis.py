"""Schemathesis on the real WSGI application: as nobody, and as the owner of a team with items.

It reads the description and tries what it allows and what it forbids, in both media types; the same
cases at every run. Path parameters that it means to be right are replaced by real ids, so that it
comes past the first 404. No route of allauth is mounted, so none is excluded.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case, Config
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode

from accounts.models import User
from accounts.wire import CBOR_TYPE
from config.wsgi import application
from tests.api.described import SCHEMA, to_cbor
from tests.people import Person
from tests.world import World, client_of, user_of
from vaults.crypto import cbor

MAX_EXAMPLES: Final = 8  # random ones of each operation, beside the boundaries of every field
CONFIG: Final = {
    "seed": 20_261_122,
    "generation": {
        "max-examples": MAX_EXAMPLES,
        "deterministic": True,
        "database": "none",
        "with-security-parameters": False,  # each visitor brings cookies of their own
    },
    # 413 too: a list may be too long for the address before it is too long for its field.
    "checks": {"negative_data_rejection": {"expected-statuses": ["4xx"]}},
    "phases": {"stateful": {"enabled": False}},
}
SETTINGS: Final = settings(
    max_examples=MAX_EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LARGE: Final = 512
OF_TEAMS: Final = ("/api/v1/teams", "/api/v1/sync", "/api/v1/invites")

# Of schemathesis' checks, those that say something about a cookie session and signed bodies.
# Left out is `positive_data_acceptance`: the description gives sizes, and no random bytes of the
# right size are a signed link; that good requests succeed is tested in test_openapi.py.
load_all_checks()
CHECKED: Final[list[Any]] = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
        "allow_header_conformance",
    ]
)


@schemathesis.serializer(CBOR_TYPE)
def as_cbor(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    try:
        return cbor.dumps(to_cbor(value))
    except cbor.CborError:
        return b"\xff"  # nothing of our profile: a negative number, a fraction


@dataclass(frozen=True)
class Visitor:
    """Who asks, by cookies."""

    cookies: dict[str, str]
    csrf: str


def visitor_of(user: User | None) -> Visitor:
    client = client_of(user)
    token = client.get("/api/v1/session", HTTP_ACCEPT="application/json").json()["csrf"]
    return Visitor({name: morsel.value for name, morsel in client.cookies.items()}, token)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """The application, asked from another network each time: limits have tests of their own."""
    for signal in (request_started, request_finished):
        # It would close the connection whose transaction the test is in.
        signal.disconnect(close_old_connections)
    number = next(_numbers)
    environ["REMOTE_ADDR"] = f"10.{number >> 8 & 255}.{number & 255}.1"
    return application(environ, start_response)


_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """Undo what `app` does."""
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def without_large_bounds(shape: Any) -> Any:
    """Megabytes at each boundary of each field take minutes; test_bad_input.py sends a few."""
    if isinstance(shape, list):
        return [without_large_bounds(inner) for inner in shape]
    if not isinstance(shape, dict):
        return shape
    return {
        name: without_large_bounds(inner)
        for name, inner in shape.items()
        if not (name in {"maxLength", "maxItems"} and isinstance(inner, int) and inner > LARGE)
    }


def described(*leave_out: str) -> Any:
    """The schema as /api/schema/ serves it, without some media types, and the application."""
    served = deepcopy(SCHEMA)
    for methods in served["paths"].values():
        for operation in methods.values():
            for media_type in leave_out:
                operation.get("requestBody", {"content": {}})["content"].pop(media_type, None)
    loaded = schemathesis.openapi.from_dict(
        without_large_bounds(served), config=Config.from_dict(CONFIG)
    )
    loaded.app = app
    return loaded


everything = described()
in_json = described(CBOR_TYPE)  # what nobody is told does not depend on the form
in_json.config.phases.coverage.enabled = False  # nor on each field's bounds, which come below


def ask(case: Case, visitor: Visitor, ids: Mapping[str, str]) -> None:
    meta = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
    if meta is None or meta.mode is GenerationMode.POSITIVE:
        real = {name: ids[name] for name in case.path_parameters if name in ids}
        case.path_parameters.update(real)
    case.call_and_validate(
        headers={"X-CSRFToken": visitor.csrf}, cookies=visitor.cookies, checks=CHECKED
    )


@pytest.fixture
def nobody(deployment: UUID) -> Visitor:
    return visitor_of(None)


@in_json.parametrize()
@SETTINGS
def test_nobody(case: Case, nobody: Visitor) -> None:
    ask(case, nobody, {})


@dataclass(frozen=True)
class Members:
    """The owner of a team, what its addresses are, and a person who has signed up."""

    owner: Visitor
    ids: Mapping[str, str]
    person: User


@pytest.fixture
def members(ana: Person) -> Members:
    world = World.begin("schemathesis")
    vault = world.vault_create(world.founder)
    item = world.item()
    world.write(world.founder, vault, {item: 1})
    ids = {"team_id": world.id, "vault_id": UUID(bytes=vault), "item_id": UUID(bytes=item)}
    return Members(
        visitor_of(user_of(world.founder)),
        {name: str(value) for name, value in ids.items()},
        User.objects.get(pk=ana.id),
    )


@everything.parametrize()
@SETTINGS
def test_signed_in(case: Case, members: Members) -> None:
    of_a_team = case.operation.path.startswith(OF_TEAMS)
    # Routes about the session may end it, so each of those cases has one of its own.
    visitor = members.owner if of_a_team else visitor_of(members.person)
    ask(case, visitor, members.ids)
