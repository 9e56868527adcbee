"""The master key is switched off while people work: every vault under it shuts (design claim C5).

The running product, once with the key file and once with AWS KMS behind boto3, as moto speaks it.
Only the master key goes; the login key stays, so that what shuts is what hangs on the master key.
Three products are started for this, which takes most of the time: about 10 s each when the machine
is idle.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import opaque_ke_py as opaque
import pytest

from sharing.urls import urlpatterns as sharing_routes
from tests.bench.client import Client, Raw
from tests.bench.people import PASSWORD, BenchWorld, new_client
from tests.chains import TeamBuilder
from tests.kms.moto_server import CREDENTIALS, REGION, MotoServer, moto_server
from tests.opaque_client import log_in
from tests.product import data_folder, product
from tests.world import blob, records
from vaults.crypto import cbor
from vaults.kms.local import MASTER_KEY, set_key_disabled
from vaults.urls import urlpatterns as vault_routes

CACHE_SECONDS = 2
SHUT_SECONDS = CACHE_SECONDS * 1.2
# Each stays with one of the two web processes, so that what it warmed is what it asks again.
CONNECTIONS = 6

Call = tuple[str, str, bytes | None]


@dataclass
class Switch:
    """A master key that can be disabled, and the settings of a product that uses it."""

    settings: dict[str, str]
    turn: Callable[[bool, Path], None]  # disabled or not, and the product's folder


def key_file() -> Switch:
    """The key file of one machine."""

    def turn(disabled: bool, folder: Path) -> None:  # noqa: FBT001
        set_key_disabled(folder / "local-kms.key", MASTER_KEY, disabled=disabled)

    return Switch({}, turn)


def aws(server: MotoServer) -> Switch:
    """AWS KMS: DisableKey and EnableKey."""
    admin = server.admin()
    master = admin.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    login = admin.create_key(KeyUsage="GENERATE_VERIFY_MAC", KeySpec="HMAC_512", MultiRegion=True)
    settings = {
        "COFFRET_KMS": "aws",
        "COFFRET_KMS_ENDPOINT": server.endpoint_url,
        "COFFRET_KMS_REGION": REGION,
        "COFFRET_KMS_MASTER_KEY": master,
        "COFFRET_KMS_LOGIN_KEY": login["KeyMetadata"]["Arn"],
        **{name.upper(): value for name, value in CREDENTIALS.items()},
    }

    def turn(disabled: bool, _folder: Path) -> None:  # noqa: FBT001
        (admin.disable_key if disabled else admin.enable_key)(KeyId=master)

    return Switch(settings, turn)


@pytest.fixture(params=["key file", "aws"])
def switch(request: pytest.FixtureRequest) -> Iterator[Switch]:
    if request.param == "key file":
        yield key_file()
    else:
        with moto_server() as server:
            yield aws(server)


class House:
    """A person with a vault and an item, whose session is open on several connections."""

    def __init__(self, world: BenchWorld, stack: ExitStack) -> None:
        self.world, self.stack = world, stack
        self.vault, self.item = world.vault_create(world.founder), world.item()
        self.blob = blob()
        world.write(world.founder, self.vault, {self.item: 1}, blobs=[self.blob])
        first = world.load_client(world.founder)
        self.email = first("GET", "session").body["email"]
        self.sessions = [self.browser() for _ in range(CONNECTIONS)]
        for session in self.sessions:
            session.cookies, session.csrf = dict(first.cookies), first.csrf
        self.doors = [self.browser() for _ in range(CONNECTIONS)]

    def browser(self) -> Client:
        client = new_client(self.world.product)
        self.stack.enter_context(closing(client))
        return client

    def knock(self, door: Client) -> Raw:
        """Begin to sign in."""
        ke1 = opaque.client_login_start(PASSWORD.encode()).get_message()
        body = {"email": self.email, "ke1": ke1}
        return door.raw("POST", "login/start", cbor.dumps(body))

    def change(self) -> bytes:
        """A write that nothing but the key can stop."""
        return cbor.dumps(
            self.world.change_body(self.world.founder, self.vault, {self.world.item(): 1})
        )

    def calls(self) -> list[Call]:
        """A request to each route of a team or a vault; none may be missing."""
        bodies: dict[str, Any] = {
            "changes": ("POST", self.change()),
            "grants": ("POST", cbor.dumps({"grants": []})),
            "grant-reports": ("POST", cbor.dumps({"opened": [], "broken": []})),
            "hold": ("POST", cbor.dumps({"vaults": [self.vault]})),
            "item": ("GET", None),
            "links": ("POST", self.team_link()),
            "olds": ("POST", cbor.dumps({"olds": []})),
            "restore": ("POST", self.lost_link()),
            "revisions": ("GET", None),
        }
        ids = {"team_id": self.world.id, "vault_id": UUID(bytes=self.vault)}
        places = {**ids, "item_id": UUID(bytes=self.item)}
        found = []
        for route in [*vault_routes, *sharing_routes]:
            pattern = str(route.pattern)
            if "team_id" in pattern:
                method, body = bodies.pop(str(route.name))
                path = pattern.replace("<uuid:", "{").replace(">", "}").format(**places)
                found.append((method, path, body))
        assert not bodies
        return found

    def team_link(self) -> bytes:
        return cbor.dumps(self.world.link_body(self.profile_link()))

    def lost_link(self) -> bytes:
        nothing: dict[str, Any] = {"openings": [], "grants": [], "olds": [], "blobs": []}
        return cbor.dumps({"vault": None, "link": self.profile_link(), **nothing})

    def profile_link(self) -> bytes:
        founder = self.world.founder
        profile = {"profile": {"email": founder.profile["email"], "name": bytes(32)}}
        return self.world.team.sign(founder, "set_profile", profile)

    def others(self) -> list[Call]:
        """What a live session asks beside its vaults, and what needs the key too."""
        genesis = TeamBuilder("another", account=self.world.founder.account).links[0]
        ke1 = opaque.client_login_start(PASSWORD.encode()).get_message()
        return [
            ("POST", "teams", cbor.dumps({"link": genesis, "openings": []})),
            ("POST", "unlock/start", cbor.dumps({"ke1": ke1})),
            ("GET", "account/bundle", None),
        ]

    def details(self, session: Client) -> Raw:
        ids = f"teams/{self.world.id}/vaults/{UUID(bytes=self.vault)}/items/"
        return session.raw("GET", ids + str(UUID(bytes=self.item)))

    def sync(self, session: Client, etag: str = "") -> Raw:
        """The heads, and everything."""
        empty: dict[str, list[Any]] = {"teams": [], "vaults": []}
        body = cbor.dumps({"cursor": empty, "parts": ["teams", "items", "links"]})
        return session.raw("POST", "sync", body, etag)

    def assert_open(self) -> None:
        """Vaults serve on every connection, and who signs in gets in."""
        for session in self.sessions:
            answer = self.details(session)
            assert answer.status_code == 200, answer.content
            assert self.blob["details"] in answer.content
        for door in self.doors:
            run = log_in(door, self.email, PASSWORD)
            assert run.finish is not None
            assert run.finish.body["state"] == "signed_in"
        self.etag = self.sync(self.sessions[0]).etag
        assert self.sync(self.sessions[0], self.etag).status_code == 304

    def assert_shut(self) -> None:
        """Nobody signs in, and a live session gets not one byte of a vault."""
        for door in [*self.doors, self.browser()]:
            assert_unavailable(self.knock(door))
        calls = [*self.calls(), *self.others()]
        for session in self.sessions:
            assert_unavailable(self.details(session))
        for number, call in enumerate(calls):
            assert_unavailable(self.sessions[number % CONNECTIONS].raw(*call))
        for session in self.sessions:
            answer: Any = self.sync(session, self.etag)
            assert answer.status_code == 200, "304 would say that nothing has changed"
            team = {"error": "kms_unavailable", "team": self.world.id.bytes}
            assert records(answer) == [["heads", {"teams": [team], "vaults": []}], ["end"]]

    def assert_writes(self) -> None:
        """What was refused meanwhile left nothing behind: the next link fits."""
        path = f"teams/{self.world.id}/vaults/{UUID(bytes=self.vault)}/changes"
        answer = self.sessions[0].raw("POST", path, self.change())
        assert answer.status_code == 201, answer.content


def assert_unavailable(answer: Raw) -> None:
    assert answer.status_code == 503, answer.content
    assert b'"code": "kms_unavailable"' in answer.content


@contextmanager
def house(switch: Switch, **settings: str) -> Iterator[House]:
    """A product with somebody in it: signed up, signed in, and with an item written."""
    with (
        data_folder() as folder,
        product(folder, **switch.settings, **settings) as running,
        closing(BenchWorld(running)) as world,
        ExitStack() as stack,
    ):
        made = House(world, stack)
        made.assert_open()
        yield made


def test_without_the_key_all_is_shut_within_the_cache_time_and_a_fifth(switch: Switch) -> None:
    with house(switch, COFFRET_KEK_CACHE_SECONDS=str(CACHE_SECONDS)) as made:
        folder = made.world.product.folder
        switch.turn(True, folder)
        time.sleep(SHUT_SECONDS)
        made.assert_shut()

        switch.turn(False, folder)
        made.assert_open()
        made.assert_writes()


def test_a_flush_shuts_at_once_what_the_cache_would_still_serve() -> None:
    with moto_server() as server, house(switch := aws(server)) as made:
        folder = made.world.product.folder
        switch.turn(True, folder)
        made.assert_open()
        assert "2 KEKs were flushed" in made.world.product.manage("kek_flush")
        made.assert_shut()

        switch.turn(False, folder)
        made.assert_open()
        made.assert_writes()
