"""S2: every address under /api/, every method, every kind of caller.

First the least sufficient caller succeeds with real ids; then everybody else gets one and the same
404, and nobody at all 401. A route that is missing in a table below fails the test.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.chains import Person, TeamBuilder
from tests.world import CBOR, World, client_of, user_of
from vaults.crypto import cbor

METHODS = ("get", "post", "put", "patch", "delete")

# No team and no vault stands in these; who is meant is the session. Their own tests are in
# tests/accounts. Here: without a session each answers 401, unless it is said why not.
OF_THE_SESSION = {
    "session-list",
    "session-detail",
    "unlock-start",
    "unlock-finish",
    "password-start",
    "password-finish",
    "account-bundle",
    "account-pins",
    "account-settings",
    "account-kit-saved",
    "schema",
    "docs",
    "teams",
    "sync",
    "invite-accept",
}
PUBLIC = {
    "health": "asked by whoever starts and stops the server",
    "session": "a page asks it first, to learn that nobody is signed in",
    "signup-start": "before there is an account",
    "signup-finish": "before there is an account",
    "signup-verify": "before there is an account; bound to its pending session",
    "signup-resend": "before there is an account; bound to its pending session",
    "login-start": "signing in",
    "login-finish": "signing in",
    "login-email": "a stage of signing in; bound to its pending session",
    "login-second-factor": "a stage of signing in; bound to its pending session",
    "login-link": "signing in from a new browser while strangers guess",
    "login-device": "signing in from a new browser while strangers guess",
    "invite-find": "people follow an invitation before they have an account; two ids, by its hash",
    "invite-open": "people follow an invitation before they have an account; by its key only",
}


@dataclass
class House:
    """One team with everybody in it who could knock, and another tenant's."""

    world: World
    vault: bytes
    item: bytes
    owner: Person
    writer: Person
    reader: Person
    plain: Person  # a member who holds no vault
    auditor: Person
    gone: Person  # was removed
    eve: Person  # owns another team
    outsider: Person  # has an account, and nothing else

    @property
    def path_ids(self) -> dict[str, UUID]:
        return {
            "team_id": self.world.id,
            "vault_id": UUID(bytes=self.vault),
            "item_id": UUID(bytes=self.item),
        }


Body = Callable[[House], dict[str, Any] | None]


@dataclass
class Case:
    """Who may at least, with which body, and whose role is wrong."""

    least: Callable[[House], Person]
    body: Body
    wrong: Callable[[House], list[Person]]


def _links_body(house: House) -> dict[str, Any]:
    profile = {**house.plain.profile, "name": os.urandom(32)}
    signed = house.world.team.sign(house.plain, "set_profile", {"profile": profile})
    return house.world.link_body(signed)


def _restore_body(house: House) -> dict[str, Any]:
    """A link that the server was never sent is one that it lost."""
    link = _links_body(house)["link"]
    nothing: dict[str, list[Any]] = {"openings": [], "grants": [], "olds": [], "blobs": []}
    return {"vault": None, "link": link, **nothing}


def _changes_body(house: House) -> dict[str, Any]:
    return house.world.change_body(house.writer, house.vault, {house.world.item(): 1})


def _grants_body(house: House) -> dict[str, Any]:
    grant = house.world.team.grant(house.owner, house.vault, house.reader)
    return {"grants": [cbor.loads(grant)]}


def _reports_body(house: House) -> dict[str, Any]:
    report = {"vault": house.vault, "epoch": 1, "from": house.owner.fp}
    return {"opened": [report], "broken": []}


def _nobody(_house: House) -> list[Person]:
    return []


CASES: dict[tuple[str, str], Case] = {
    # Every present member may knock: each may at least leave. What a role may sign, the fold says.
    ("links", "post"): Case(lambda h: h.plain, _links_body, _nobody),
    ("restore", "post"): Case(lambda h: h.plain, _restore_body, _nobody),
    ("changes", "post"): Case(
        lambda h: h.writer, _changes_body, lambda h: [h.reader, h.plain, h.auditor]
    ),
    ("grants", "post"): Case(
        lambda h: h.owner, _grants_body, lambda h: [h.writer, h.reader, h.plain, h.auditor]
    ),
    # A report is about grants to the reporter; on no such grant it says nothing.
    ("grant-reports", "post"): Case(lambda h: h.plain, _reports_body, _nobody),
    ("hold", "post"): Case(
        lambda h: h.reader, lambda h: {"vaults": [h.vault]}, lambda h: [h.plain, h.auditor]
    ),
    ("olds", "post"): Case(
        lambda h: h.reader,
        lambda _h: {"olds": [{"from": 1, "to": 2, "blob": bytes(113)}]},
        lambda h: [h.plain, h.auditor],
    ),
    ("item", "get"): Case(lambda h: h.reader, lambda _h: None, lambda h: [h.plain, h.auditor]),
    ("revisions", "get"): Case(lambda h: h.reader, lambda _h: None, lambda h: [h.plain, h.auditor]),
}


def routes() -> Iterator[tuple[str, str, Any]]:
    """Name, address and view of everything under /api/."""

    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, str, Any]]:
        for pattern in patterns:
            address = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, address)
            elif isinstance(pattern, URLPattern) and address.startswith("api/"):
                yield str(pattern.name), address, pattern.callback

    yield from walk(get_resolver().url_patterns, "")


def methods_of(view: Any) -> list[str]:
    owner = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return [m for m in METHODS if hasattr(owner, m)] if owner else ["get"]


ALL = [(name, address, m) for name, address, view in routes() for m in methods_of(view)]
OF_A_TEAM = [entry for entry in ALL if "team_id" in entry[1]]
WITHOUT_TEAM = [entry for entry in ALL if "team_id" not in entry[1]]


@pytest.fixture
def house() -> House:
    world = World.begin()
    vault = world.vault_create(world.founder)
    item = world.item()
    world.write(world.founder, vault, {item: 1})
    people = {
        "writer": world.recruit("writer", {vault: "write"}),
        "reader": world.recruit("reader", {vault: "read"}),
        "plain": world.recruit("plain"),
        "auditor": world.recruit("auditor", role="auditor"),
    }
    assert world.rotate(world.founder, vault).status_code == 201
    gone = world.recruit("gone", role="admin")
    world.remove(world.founder, gone)
    eve = World.begin()
    eve.vault_create(eve.founder)
    outsider = TeamBuilder(os.urandom(8).hex()).founder
    return House(
        world,
        vault,
        item,
        owner=world.founder,
        **people,
        gone=gone,
        eve=eve.founder,
        outsider=outsider,
    )


def knock(house: House, person: Person | None, address: str, method: str, body: Any) -> Any:
    client = client_of(None if person is None else user_of(person))
    path = address
    for name, value in house.path_ids.items():
        path = path.replace(f"<uuid:{name}>", str(value))
    if body is None:
        return getattr(client, method)(f"/{path}")
    return getattr(client, method)(f"/{path}", cbor.dumps(body), content_type=CBOR)


def test_every_address_is_in_exactly_one_table() -> None:
    named = {name for name, _method in CASES} | OF_THE_SESSION | set(PUBLIC)
    assert {name for name, _address, _method in ALL} == named
    assert {(name, method) for name, _address, method in OF_A_TEAM} == set(CASES)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "address", "method"), OF_A_TEAM)
def test_the_least_role_succeeds_and_all_others_get_one_404(
    house: House, name: str, address: str, method: str
) -> None:
    case = CASES[name, method]
    body = case.body(house)

    assert knock(house, case.least(house), address, method, body).status_code < 300

    missing = address.replace("<uuid:team_id>", str(UUID(int=1)))
    expected = knock(house, case.least(house), missing, method, body)
    assert expected.status_code == 404
    strangers = [house.outsider, house.gone, house.eve, *case.wrong(house)]
    for stranger in strangers:
        answer = knock(house, stranger, address, method, body)
        assert (answer.status_code, answer.content) == (404, expected.content), stranger.name
    assert knock(house, None, address, method, body).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "address", "method"), OF_A_TEAM)
def test_a_stranger_without_a_body_gets_the_same_404(
    house: House, name: str, address: str, method: str
) -> None:
    """Nothing is parsed before the caller is known: an error about the body would tell."""
    body = None if method == "get" else {"x": 1}
    assert knock(house, house.outsider, address, method, body).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "address", "method"), [e for e in WITHOUT_TEAM if e[0] not in PUBLIC]
)
def test_what_needs_a_session_answers_401_without_one(name: str, address: str, method: str) -> None:
    path = address.replace("<int:session_id>", "1")
    answer = getattr(client_of(None), method)(f"/{path}", HTTP_ACCEPT="*/*")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), name


@pytest.mark.django_db
def test_a_vault_of_another_team_is_not_reached_through_ones_own(house: House) -> None:
    other = World.begin()
    theirs = other.vault_create(other.founder)
    mine = client_of(user_of(house.owner))
    for path in (
        f"/api/v1/teams/{house.world.id}/vaults/{UUID(bytes=theirs)}/items/{UUID(bytes=theirs)}",
        f"/api/v1/teams/{house.world.id}/vaults/{UUID(bytes=house.vault)}/items/{UUID(bytes=theirs)}",
        f"/api/v1/teams/{other.id}/vaults/{UUID(bytes=house.vault)}/items/{UUID(bytes=house.item)}",
    ):
        assert mine.get(path).status_code == 404
