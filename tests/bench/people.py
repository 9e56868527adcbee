"""Accounts made through the real API, and a team of theirs."""

import re
from itertools import count
from typing import Any

from tests.bench.client import Client, Raw
from tests.chains import Invitation, Person, TeamBuilder
from tests.opaque_client import sign_up
from tests.product import Product
from tests.world import World

PASSWORD = "a password of the bench, long enough"
_numbers = count(1)


def new_client(product: Product) -> Client:
    """Return a client on an address that no other client of this run has."""
    return Client(product.url, next(_numbers))


def new_account(product: Product) -> tuple[bytes, str, Client]:
    """Sign a new person up; return the account's id, the address and the signed-in client."""
    client = new_client(product)
    email = f"person-{next(_numbers)}@example.org"
    account, _answer = sign_up(client, email, PASSWORD)
    code = product.mail_to(email, r"(\d{6})")
    client("POST", "signup/verify", {"code": code})
    return account.id, email, client


class Session:
    """A person's client in the form that `World` asks for."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def post(self, url: str, data: bytes, content_type: str, headers: dict[str, str]) -> Raw:
        assert (content_type, headers) == ("application/cbor", {}), (content_type, headers)
        return self.client.raw("POST", _path(url), data)

    def get(self, url: str) -> Raw:
        return self.client.raw("GET", _path(url))


def _path(url: str) -> str:
    return re.sub(r"^/api/v1/", "", url)


class BenchWorld(World):
    """A team on a running product; its people are accounts that signed up there."""

    def __init__(self, product: Product) -> None:
        account, _email, client = new_account(product)
        super().__init__(TeamBuilder(f"bench {account.hex()}", account=account))
        self.product = product
        self.clients: dict[bytes, Any] = {account: Session(client)}
        answer = self.post(self.founder, "teams", {"link": self.team.links[0], "openings": []})
        assert answer.status_code == 201, answer.content

    def load_client(self, person: Person) -> Client:
        """Return the client behind a person, for calls that are timed."""
        client = self.clients[person.account].client
        assert isinstance(client, Client)
        return client

    def close(self) -> None:
        """Hang up for everybody."""
        for session in self.clients.values():
            session.client.close()

    def join(self, vaults: dict[bytes, str] | None = None, *, role: str = "member") -> Person:
        """Sign a person up and add them to the team, with these rights."""
        invitation, person = self.invited(vaults, role=role)
        self.add(invitation, person)
        return person

    def invited(
        self, vaults: dict[bytes, str] | None, *, role: str = "member"
    ) -> tuple[Invitation, Person]:
        """Sign a person up and invite them."""
        account, email, client = new_account(self.product)
        person = self.team.person(f"person {account.hex()}")
        person.account = account
        self.clients[account] = Session(client)
        self.settle(person)
        return self.invite(self.founder, vaults, email=email, role=role), person

    def add(self, invitation: Invitation, person: Person) -> None:
        """Confirm somebody who was invited."""
        self.team.add_member(self.founder, invitation, person)
        self.push(self.founder)
