"""The story of the product: Ana and Ben share a key, and part.

Told once per run, on the whole product as `./dev run` starts it, in two profiles of a real browser.
What is expected on the way is asserted on the way.
"""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.e2e.person import SLOW, SOON, Person
from tests.product import Product

TEAM, VAULT = "Harbour Works", "Quayside servers"
SSH, ENV, LATER = "Deploy key of the lighthouse", "Payments of the ferry", "Written after Ben"
PASSPHRASE = "correct horse on the pier"
ENV_TEXT = (
    "# kept to the byte\n"
    "DATABASE_URL=postgres://ferry:Tr4verse-Kelp@db-1.example.net/ferry?sslmode=verify-full\n"
    'export STRIPE_KEY="sk_live_51Hx7kelp" \n'
    "EMPTY=\r\n"
    "LAST=no line end"
)
BENS_NOTE = "Ben was here: rotate before the spring tide"
ANAS_SECRET = "only after Ben left: oyster-7431-lantern"
RENAMED = "Ana writes again, and the key is new"


@dataclass(frozen=True)
class Told:
    """What the story left behind."""

    product: Product
    ana: Person
    ben: Person
    private_key: str
    invitation: str
    seconds_to_ana: float  # until Ana saw Ben's change, without a reload
    shown_to_ben: str  # all text of his page after the removal, a reload and an unlock


def private_key(folder: Path) -> Path:
    """Have ssh-keygen make a key with a passphrase."""
    path = folder / "lighthouse"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", PASSPHRASE, "-C", "deploy@lighthouse"]
    subprocess.run([*words, "-f", str(path)], check=True)
    return path


@contextmanager
def no_problems(*people: Person) -> Iterator[None]:
    """Fail if a page showed an error, or the policy refused something, meanwhile."""
    yield
    assert [person.problems for person in people] == [[] for _ in people]


def tell(product: Product, browser: Browser, folder: Path) -> Told:
    """Go through the whole story; `folder` takes the two files of Ana's."""
    ana, ben = (Person(product, browser, name) for name in ("Ana Torres", "Ben Okafor"))
    key, env = private_key(folder), folder / "ferry.env"
    env.write_bytes(ENV_TEXT.encode())
    with no_problems(ana, ben):
        ana.sign_up()
        ana.create_team(TEAM)
        ana.create_vault(VAULT)
        ana_stores(ana, key, env)
        invitation = ben_joins(ana, ben)
        ben_reads(ben, key.read_text())
        seconds = ben_changes(ana, ben)
        ana_removes_ben(ana, ben)
        seen = what_ben_sees(ben)
    return Told(product, ana, ben, key.read_text(), invitation, seconds, seen)


def ana_stores(ana: Person, key: Path, env: Path) -> None:
    ana.add_item(VAULT, "SSH key", SSH, {"Passphrase": PASSPHRASE}, {"Private key": key})
    assert ana.copied("private key") == key.read_text()
    ana.add_item(VAULT, "Environment set", ENV, {}, {"Variables": env})


def ben_joins(ana: Person, ben: Person) -> str:
    """Ana's browser lets Ben in by itself: nobody presses anything."""
    link = ana.invite(ben.email, VAULT, "write")
    ben.accept(link)
    ben.page.get_by_role("button", name="Open the vaults").click(timeout=SLOW)
    ben.open_vault(VAULT)
    return link


def ben_reads(ben: Person, key: str) -> None:
    ben.open_item(SSH)
    assert ben.reveal("Private key").strip() == key.strip()
    assert ben.copied("private key") == key
    assert ben.reveal("Passphrase") == PASSPHRASE
    ben.open_item(ENV)
    assert ben.copied(".env") == ENV_TEXT


def ben_changes(ana: Person, ben: Person) -> float:
    """Return after how many seconds Ana saw what Ben had seen written, without a reload."""
    ana.open_vault(VAULT)
    ana.open_item(SSH)
    ben.open_item(SSH)
    ben.change_note(BENS_NOTE)
    written = time.monotonic()
    expect(ana.page.get_by_text(BENS_NOTE)).to_be_visible(timeout=SLOW)
    return time.monotonic() - written


def ana_removes_ben(ana: Person, ben: Person) -> None:
    """Ana writes again; the page says that a new key was due, and is not any more."""
    ana.remove(ben.name)
    expect(ana.page.get_by_text("needs a new key")).to_be_visible(timeout=SLOW)
    ana.add_item(VAULT, "Login", LATER, {"Password": ANAS_SECRET}, {})
    ana.open_item(SSH)
    ana.change_note(RENAMED)
    ana.open_members()
    expect(ana.page.get_by_role("heading", name=re.compile("^Members of"))).to_be_visible()
    expect(ana.page.get_by_text("needs a new key")).to_have_count(0)


def what_ben_sees(ben: Person) -> str:
    """Return all text that a reload and an unlock show to Ben, once his page is quiet."""
    ben.page.goto("/")
    ben.unlock()
    expect(ben.case.or_(ben.field("Name of the team"))).to_be_visible(timeout=SLOW)
    ben.page.wait_for_timeout(SOON)
    return ben.page.locator("body").inner_text()
