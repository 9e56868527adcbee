"""People with accounts, made by the real client through the API."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from accounts.codes import code_for
from accounts.models import PendingSignup
from accounts.signup import code_name
from tests.opaque_client import Account, DjangoApi, sign_up

PASSWORD = "correct horse battery staple"

# A network for each browser, so that only a test about limits shares one.
_networks = (f"10.{n // 250 % 250}.{n % 250}.1" for n in itertools.count())


@dataclass
class Person:
    """An account and the browser it was made in, signed in."""

    account: Account
    api: DjangoApi

    @property
    def id(self) -> UUID:
        return UUID(bytes=self.account.id)


def mailed_code(email: str) -> str:
    """The code of the newest sign-up of an address, as its mail says it."""
    row = PendingSignup.objects.filter(email=email).latest("created_at")
    return code_for("signup", code_name(row))


@pytest.fixture
def browser_api(deployment: UUID) -> Callable[[], DjangoApi]:
    """Make a fresh browser, at an address and in a network of its own."""

    def make() -> DjangoApi:
        return DjangoApi(next(_networks))

    return make


@pytest.fixture
def person(browser_api: Callable[[], DjangoApi]) -> Callable[[str], Person]:
    """Make an account, with `PASSWORD`."""

    def make(email: str) -> Person:
        api = browser_api()
        account, _pending = sign_up(api, email, PASSWORD)
        answer = api("POST", "signup/verify", {"code": mailed_code(email)})
        assert answer.status == 200, answer
        return Person(account, api)

    return make


@pytest.fixture
def ana(person: Callable[[str], Person]) -> Person:
    return person("ana@example.com")
