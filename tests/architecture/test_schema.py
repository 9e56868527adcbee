"""The API's description: complete, without warnings, and with every error of the vault routes."""

from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from tests.architecture.test_sweep import OF_A_TEAM


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def test_it_is_valid_openapi(schema: dict[str, Any]) -> None:
    validate_schema(schema)


@pytest.mark.parametrize(("name", "address", "method"), OF_A_TEAM)
def test_every_team_route_says_its_errors_with_examples(
    schema: dict[str, Any], name: str, address: str, method: str
) -> None:
    path = "/" + address.replace("<uuid:", "{").replace(">", "}")
    responses = schema["paths"][path][method]["responses"]
    assert {"401", "404", "503"} <= set(responses), name
    for status in ("404", "503"):
        problem = responses[status]["content"]["application/problem+json"]
        assert problem["examples"], (name, status)


def test_whatever_counts_says_so_and_when_to_come_again(schema: dict[str, Any]) -> None:
    waits = {
        path.removeprefix("/api/v1/")
        for path, methods in schema["paths"].items()
        if "429" in methods.get("post", {}).get("responses", {})
    }
    assert {
        "invites/find",
        "invites/open",
        "invites/accept",
        "login/start",
        "signup/start",
        "teams",
    } <= waits
    assert {"teams/{team_id}/links", "teams/{team_id}/restore", "teams/{team_id}/hold"} <= waits
    for path in waits:
        headers = schema["paths"][f"/api/v1/{path}"]["post"]["responses"]["429"]["headers"]
        assert headers["Retry-After"]["schema"] == {"type": "integer"}


def test_the_vault_routes_make_no_warning(schema: dict[str, Any]) -> None:
    ours = ("vaults/", "sharing/")
    warnings = [str(key) for key in GENERATOR_STATS._warn_cache]
    assert [warning for warning in warnings if any(app in warning for app in ours)] == []
