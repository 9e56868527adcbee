"""What the description promises: its form, its examples, every code, and what really comes back."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from accounts.errors import DomainError
from accounts.models import User
from accounts.schema import PROBLEM, PROBLEMS
from accounts.wire import CBOR_TYPE, for_json
from config.errors import STATUS
from tests.api.described import OPERATIONS, SCHEMA, WITH_BODY, Operation, places
from tests.architecture.test_sweep import CASES, House, house, routes
from tests.opaque_client import Answer, DjangoApi, log_in, sign_up, unlock
from tests.people import PASSWORD, Person, mailed_code
from tests.world import client_of, user_of

__all__ = ["house"]  # a fixture

JSON = "application/json"
# Said by the frameworks or by a class from which the codes derive, never by themselves.
NOT_OF_A_ROUTE = {"refused", "forbidden", "method_not_allowed"}


def validator(shape: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**shape, "components": SCHEMA["components"]})


def kinds(of: type[DomainError]) -> Iterator[type[DomainError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def test_it_is_openapi_3_1() -> None:
    assert SCHEMA["openapi"].startswith("3.1.")
    validate_schema(SCHEMA)


def test_every_address_is_described() -> None:
    described = {operation.path for operation in OPERATIONS}
    served = {
        "/" + path.replace("<uuid:", "{").replace("<int:", "{").replace(">", "}")
        for _name, path, _view in routes()
        if path.startswith("api/v1/")
    }
    assert described == served


@pytest.mark.parametrize("name", sorted(SCHEMA["components"]["schemas"]))
def test_the_example_of_a_shape_is_one(name: str) -> None:
    shape = SCHEMA["components"]["schemas"][name]
    for example in shape["examples"]:
        validator(shape).validate(example)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_error_is_a_problem_with_its_codes(operation: Operation) -> None:
    for status, response in operation.described["responses"].items():
        if int(status) < 400:
            continue
        assert list(response["content"]) == [PROBLEM]
        problem = response["content"][PROBLEM]
        examples = [example["value"] for example in problem["examples"].values()]
        assert [example["code"] for example in examples] == operation.codes(int(status))
        for example in examples:
            validator(problem["schema"]).validate(example)


def test_every_code_of_ours_is_described_with_its_status_and_title() -> None:
    documented = {code for operation in OPERATIONS for code in _codes(operation)}
    for kind in kinds(DomainError):
        if kind.__module__.startswith("tests."):
            continue  # another test's own
        if kind.code in NOT_OF_A_ROUTE and kind.__name__ != "LinkRefused":
            continue
        status, _title, _members = PROBLEMS[kind.code]
        assert next(STATUS[above] for above in kind.__mro__ if above in STATUS) == status, kind
        assert kind.code in documented, kind
    assert documented == set(PROBLEMS)


def _codes(operation: Operation) -> Iterator[str]:
    for status in operation.described["responses"]:
        if int(status) >= 400:
            yield from operation.codes(int(status))


@pytest.mark.parametrize("operation", WITH_BODY, ids=str)
def test_a_body_is_described_in_both_forms_and_with_its_sizes(operation: Operation) -> None:
    content = operation.described["requestBody"]["content"]
    assert set(content) == {JSON, CBOR_TYPE}
    assert "canonical CBOR" in content[CBOR_TYPE]["schema"]["description"]
    assert operation.shape is not None
    assert operation.shape["additionalProperties"] is False
    for at, shape in places(operation.shape, operation.example()):
        if shape.get("type") in ("string", ["string", "null"]):
            bounded = {"minLength", "maxLength"} <= set(shape)
            assert bounded or "enum" in shape or shape.get("format") == "uuid", at
        elif shape.get("type") == "array":
            assert "maxItems" in shape, at
        elif shape.get("type") == "integer":
            assert "const" in shape or {"minimum", "maximum"} <= set(shape), at


def check(method: str, path: str, status: int, body: Any) -> None:
    """Compare a real answer, in JSON, with what is described at `path`."""
    [operation] = [o for o in OPERATIONS if (o.method, o.path) == (method.lower(), path)]
    response = operation.described["responses"][str(status)]
    if "content" not in response:
        assert body is None, path
    else:
        validator(response["content"][JSON]["schema"]).validate(body)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), sorted(CASES))
def test_the_answer_to_a_good_request_in_a_team_is_as_described(
    house: House, name: str, method: str
) -> None:
    case = CASES[name, method]
    body = case.body(house)
    [address] = [path for found, path, _view in routes() if found == name]
    path = "/" + address.replace("<uuid:", "{").replace(">", "}")
    client = client_of(user_of(case.least(house)))
    client.credentials(HTTP_ACCEPT=JSON)
    sent = None if body is None else json.dumps(_ids_as_text(body))
    answer = client.generic(method.upper(), path.format(**house.path_ids), sent or "", JSON)
    assert answer.status_code < 300, answer.content
    check(method, path, answer.status_code, answer.json() if answer.content else None)


def _ids_as_text(body: Any) -> Any:
    """The JSON form of a body: the ids in it, which are bytes in CBOR, are UUIDs."""
    if isinstance(body, dict):
        return {
            name: str(UUID(bytes=inner))
            if name == "vault" and inner is not None
            else [str(UUID(bytes=vault)) for vault in inner]
            if name == "vaults"
            else _ids_as_text(inner)
            for name, inner in body.items()
        }
    if isinstance(body, list):
        return [_ids_as_text(inner) for inner in body]
    return for_json(body)


class Checked(DjangoApi):
    """A browser whose every answer is compared with the description."""

    def __call__(self, method: str, path: str, body: Any = None) -> Answer:
        answer = super().__call__(method, path, body)
        check(method, f"/api/v1/{path}", answer.status, for_json(answer.body))
        return answer


@pytest.mark.django_db
def test_the_answers_about_an_account_are_as_described(deployment: UUID) -> None:
    api = Checked("10.9.8.7")
    sign_up(api, "ana@example.com", PASSWORD)
    assert api("POST", "signup/resend", {}).status == 202
    assert api("POST", "signup/verify", {"code": mailed_code("ana@example.com")}).status == 200
    assert api("POST", "account/kit_saved", {}).status == 204
    for kind in ("pins", "settings"):
        blob = {"counter": 1, "blob": b"\1" * 200}
        assert api("GET", f"account/{kind}").body == {"counter": 0, "blob": None}
        assert api("PUT", f"account/{kind}", blob).status == 200
        assert api("GET", f"account/{kind}").body == blob
    assert api("GET", "account/bundle").body["settings"]["counter"] == 1
    assert len(api("GET", "sessions").body["sessions"]) == 1
    assert unlock(api, PASSWORD).finish is not None
    assert api("DELETE", "session").status == 204

    again = Checked("10.9.7.7", api.client.cookies)
    assert log_in(again, "ana@example.com", PASSWORD).finish is not None
    assert again("POST", "login/link", {"email": "ana@example.com"}).status == 202


@pytest.mark.django_db
def test_it_is_served_to_whoever_is_signed_in(ana: Person) -> None:
    reader = client_of(User.objects.get(pk=ana.id))
    answer = reader.get("/api/schema/", HTTP_ACCEPT="application/vnd.oai.openapi+json")
    assert answer.json() == json.loads(json.dumps(SCHEMA))
