"""No route takes a password: not one of ours, and none of allauth's is mounted."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework import serializers

from accounts.wire import StrictSerializer
from tests.people import Person, ana, browser_api, person  # noqa: F401 - fixtures


def routes(patterns: list[Any], prefix: str = "/") -> Iterator[tuple[str, Any]]:
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, prefix + str(entry.pattern))
        elif isinstance(entry, URLPattern):
            yield prefix + str(entry.pattern), entry.callback


def subclasses(kind: type) -> Iterator[type]:
    for sub in kind.__subclasses__():
        yield sub
        yield from subclasses(sub)


ROUTES = list(routes(get_resolver().url_patterns))
FIXED = sorted(path for path, _view in ROUTES if path.startswith("/api/v1/") and "<" not in path)


def test_there_are_routes_to_look_at() -> None:
    assert {"/api/v1/login/start", "/api/v1/password/finish"} <= set(FIXED)


@pytest.mark.parametrize(("path", "view"), ROUTES, ids=[path for path, _view in ROUTES])
def test_no_view_is_allauths(path: str, view: Callable[..., Any]) -> None:
    owner = getattr(view, "cls", None) or getattr(view, "view_class", None) or view
    assert not owner.__module__.startswith(
        ("allauth", "django.contrib.auth", "django.contrib.admin")
    )


def test_no_shape_has_such_a_field() -> None:
    apps = ("accounts.", "vaults.", "sharing.", "audit.", "config.")
    shapes = [sub for sub in subclasses(serializers.Serializer) if sub.__module__.startswith(apps)]
    assert StrictSerializer in shapes
    for shape in shapes:
        for name in shape().fields:
            assert "password" not in name, (shape, name)


@pytest.mark.parametrize("path", FIXED)
@pytest.mark.parametrize("method", ["post", "put"])
def test_a_password_that_is_sent_is_refused(ana: Person, path: str, method: str) -> None:  # noqa: F811
    client: Client = ana.api.client
    response = client.generic(
        method.upper(),
        path,
        '{"password": "secret"}',
        content_type="application/json",
        headers={"x-csrftoken": ana.api.csrf},
    )

    assert response.status_code in {400, 405}
    if response.status_code == 400:
        assert response.json()["fields"].get("password") == ["unknown"]
