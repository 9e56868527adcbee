"""A view of the API leaves nothing to the collector: it goes with its request."""

import gc
import weakref
from collections.abc import Iterator

import pytest
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts.endpoint import Endpoint
from accounts.errors import AccessDenied

kept: list[weakref.ref[Request]] = []


class Answers:
    def get(self, request: Request) -> Response:
        kept.append(weakref.ref(request))
        if request.query_params:
            raise AccessDenied
        return Response({"read": True})

    post = get


class OfOurs(Answers, Endpoint):
    permission_classes = (AllowAny,)


class OfTheFramework(Answers, APIView):
    permission_classes = (AllowAny,)


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    kept.clear()
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def ask(view: type[APIView], method: str, path: str) -> int:
    response = view.as_view()(APIRequestFactory().generic(method, path))
    if isinstance(response, Response):
        response.render()
    return response.status_code


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/?wrong=1", 404)])
def test_a_request_is_gone_with_its_answer(method: str, path: str, status: int) -> None:
    assert ask(OfOurs, method, path) == status
    assert kept[0]() is None


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_frameworks_own_would_stay(method: str) -> None:
    assert ask(OfTheFramework, method, "/") == 200
    assert kept[0]() is not None
