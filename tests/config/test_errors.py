"""Errors of the API: one form, whoever made them."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import AccessDenied, Conflict, DomainError, RateLimited, Unavailable
from config.errors import STATUS
from vaults.kms.base import KmsUnavailable


class Stale(Conflict):
    code = "stale_head"
    title = "The head moved."


class Body(serializers.Serializer[Any]):
    number = serializers.IntegerField()


RAISED: dict[str, Exception] = {
    "absent": AccessDenied(),
    "stale": Stale("Fold again.", head="ab"),
    "slow": RateLimited(retry_after=7),
    "down": Unavailable(),
    "kms": KmsUnavailable("secret words"),
    "404": Http404(),
    "403": PermissionDenied(),
    "400": SuspiciousOperation(),
    "401": exceptions.NotAuthenticated(),
    "415": exceptions.UnsupportedMediaType("x/y"),
    "fault": RuntimeError("secret words"),
}


class Raises(APIView):
    permission_classes = ()
    authentication_classes = ()

    def get(self, _request: Request, name: str) -> Response:
        raise RAISED[name]

    def post(self, request: Request, name: str) -> Response:
        body = Body(data=request.data)
        body.is_valid(raise_exception=True)
        return Response({"name": name})


class Wide(Raises):
    max_body_bytes = 100_000


def plain(_request: HttpRequest, name: str) -> HttpResponse:
    raise RAISED[name]


urlpatterns = [
    path("api/raises/<name>", Raises.as_view()),
    path("api/wide/<name>", Wide.as_view()),
    path("api/plain/<name>", plain),
    path("page/<name>", plain),
]

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def web() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("kind", ["raises", "plain"])
@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("absent", 404, "not_found"),
        ("stale", 409, "stale_head"),
        ("slow", 429, "too_many"),
        ("down", 503, "unavailable"),
        ("kms", 503, "kms_unavailable"),
        ("404", 404, "not_found"),
        ("403", 403, "forbidden"),
        ("400", 400, "parse_error"),
        ("401", 401, "not_signed_in"),
        ("415", 415, "unsupported_media_type"),
        ("fault", 500, "server_error"),
    ],
)
def test_what_was_raised_is_a_problem(
    web: Client, kind: str, name: str, status: int, code: str
) -> None:
    response = web.get(f"/api/{kind}/{name}")

    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert (body["code"], body["status"]) == (code, status)
    assert body["title"]
    assert "secret words" not in response.content.decode()


def test_absent_and_forbidden_are_the_same_bytes(web: Client) -> None:
    absent = web.get("/api/raises/absent")
    assert absent.content == web.get("/api/raises/404").content
    assert absent.content == web.get("/api/nowhere").content


def test_a_domain_error_tells_what_the_client_needs(web: Client) -> None:
    body = web.get("/api/raises/stale").json()
    assert (body["detail"], body["head"]) == ("Fold again.", "ab")
    assert web.get("/api/raises/slow").headers["Retry-After"] == "7"


def test_every_domain_error_has_a_status() -> None:
    for kind in DomainError.__subclasses__():
        assert kind in STATUS, kind


def test_a_wrong_method_is_a_problem(web: Client) -> None:
    response = web.put("/api/raises/absent")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("body", ["{", "[]", '{"number": "x"}', ""])
def test_an_unreadable_body_is_a_problem(web: Client, body: str) -> None:
    response = web.post("/api/raises/absent", body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["code"] in {"parse_error", "invalid"}


def test_a_body_is_refused_by_its_size_before_it_is_read(web: Client) -> None:
    body = '{"number": 1}' + " " * 64 * 1024
    for address, status in (("/api/raises/x", 413), ("/api/wide/x", 200)):
        response = web.post(address, body, content_type="application/json")
        assert response.status_code == status
    assert web.post("/api/raises/x", body, content_type="a/b").json()["code"] == "too_large"


def test_a_request_without_a_token_is_a_problem() -> None:
    with override_settings(ROOT_URLCONF="config.urls"):
        response = Client(enforce_csrf_checks=True).post("/api/health")
    assert (response.status_code, response.json()["code"]) == (403, "csrf")


def test_a_page_stays_a_page(web: Client) -> None:
    response = web.get("/page/404")
    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("name", ["absent", "fault"])
def test_no_answer_of_the_api_is_kept_by_a_cache(web: Client, name: str) -> None:
    done = web.post(f"/api/raises/{name}", {"number": 1}, content_type="application/json")

    assert (done.status_code, done.headers["Cache-Control"]) == (200, "no-store")
    assert "no-store" in web.get(f"/api/raises/{name}").headers["Cache-Control"]
