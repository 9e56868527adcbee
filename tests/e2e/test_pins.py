"""What one person's browsers know of the past, and say of it.

Tabs, private windows, emptied storage, wrong clocks, a fork, and silence towards the network.
Nobody lies here, so nothing may be refused; and what a browser cannot know, its page says.
"""

import copy
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import watch
from tests.e2e.person import SLOW, Person
from tests.evil.proxy import Answer, Ask, LyingServer, Sent, rewritten
from tests.evil.victim import COME_BACK, GO, settle
from tests.product import data_folder, product

TEAM, VAULT = "Harbour Works", "Quay"
FIRST = "Crane of the north quay"
NEW = "This browser is new to your account"
UNLOCK_AGAIN = "Locked, as in another tab of this browser."
REFUSED = re.compile("^This browser refused")
TWO_YEARS_MS = 2 * 365 * 86_400_000
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Quay:
    """Ana and Ben in one vault; every request of theirs goes through the proxy, which is honest."""

    liar: LyingServer
    browser: Browser
    ana: Person
    ben: Person

    def tab(self, person: Person) -> Person:
        """One more tab of a person's browser, locked."""
        other = copy.copy(person)
        other.page = person.context.new_page()
        other.problems = watch(other.page)
        other.page.goto("/")
        return other

    @contextmanager
    def window(self, person: Person, offset_ms: int = 0) -> Iterator[Person]:
        """A browser of a person that has seen nothing yet, with its clock off by so much."""
        other = copy.copy(person)
        other.context = self.browser.new_context(base_url=self.liar.url)
        other.page = other.context.new_page()
        other.problems = watch(other.page)
        if offset_ms:
            shift = f"{{ const now = Date.now; Date.now = () => now() + {offset_ms}; }}"
            other.page.add_init_script(shift)
            rule = shifted(shift)
        else:
            rule = shifted("")
        with self.liar.lying("GET", r"/static/assets/worker-[^/]*\.js", rule) as told:
            other.sign_in()
            yield other
            assert told.told > 0
        other.context.close()


def shifted(shift: str) -> Any:
    """The worker has a clock of its own, which no page can set: its script sets it first."""

    def bend(_sent: Sent, ask: Ask) -> Answer:
        answer = ask()
        return replace(answer, body=shift.encode() + b"\n" + answer.body)

    return bend


@pytest.fixture(scope="module")
def quay(browser: Browser) -> Iterator[Quay]:
    with (
        LyingServer() as liar,
        data_folder() as data,
        product(data, COFFRET_PUBLIC_URL=liar.url) as running,
    ):
        liar.upstream = int(running.url.rsplit(":", 1)[1])
        here = replace(running, url=liar.url)
        ana, ben = (Person(here, browser, name) for name in ("Ana Torres", "Ben Okafor"))
        ana.sign_up()
        ana.create_team(TEAM)
        ana.create_vault(VAULT)
        ana.add_item(VAULT, "Login", FIRST, {"Password": "first tide 1"}, {})
        ben.accept(ana.invite(ben.email, VAULT, "write"))
        ben.page.get_by_role("button", name="Open the vaults").click(timeout=SLOW)
        ben.add_item(VAULT, "Login", "By Ben", {"Password": "second tide 2"}, {})
        yield Quay(liar, browser, ana, ben)
        assert liar.failures == []


def item(person: Person, title: str) -> Any:
    return person.page.get_by_role("link", name=title, exact=True)


def enter(person: Person) -> None:
    """Unlock, and see the vault."""
    person.unlock()
    person.open_vault(VAULT)


def expect_calm(*people: Person) -> None:
    """Nothing was refused, and no page threw anything."""
    for person in people:
        expect(person.page.get_by_text(REFUSED)).to_have_count(0)
        # A page that is left breaks off what it was asking.
        assert [each for each in person.problems if not each.startswith("failed: ")] == []


def test_two_tabs_write_see_each_other_and_lock_together(quay: Quay) -> None:
    ana, other = quay.ana, quay.tab(quay.ana)
    enter(other)
    ana.add_item(VAULT, "Login", "From the first tab", {"Password": "a"}, {})
    expect(item(other, "From the first tab")).to_be_visible(timeout=SLOW)
    other.add_item(VAULT, "Login", "From the second tab", {"Password": "b"}, {})
    expect(item(ana, "From the second tab")).to_be_visible(timeout=SLOW)
    ana.open_item("From the second tab")

    other.page.get_by_role("link", name="Edit", exact=True).click()
    other.page.get_by_role("textbox", name="Note").fill("typed a moment before the lock")
    ana.lock()
    expect(other.page.get_by_text(UNLOCK_AGAIN)).to_be_visible(timeout=SLOW)
    other.unlock()
    note = other.page.get_by_role("textbox", name="Note")
    expect(note).to_have_value("typed a moment before the lock", timeout=SLOW)
    enter(ana)
    expect_calm(ana, other)
    other.page.close()


def test_an_item_left_at_once_while_there_is_a_draft_throws_nothing(quay: Quay) -> None:
    """What the worker answers about drafts comes when the item is not open any more."""
    ana = quay.ana
    ana.open_vault(VAULT)
    address = item(ana, FIRST).get_attribute("href")
    leave = f"({GO})({json.dumps(address)}); setTimeout(() => ({GO})('/'), 0)"
    for _time in range(3):
        ana.page.evaluate(leave)
        expect(ana.page.get_by_text("Choose an item on the left")).to_be_visible()
        ana.page.wait_for_timeout(100)
    expect_calm(ana)


def test_a_private_window_says_what_it_cannot_know(quay: Quay) -> None:
    """It starts from the mirrored pins: all is there, and who changed something last."""
    quay.ana.open_vault(VAULT)
    with quay.window(quay.ana) as private:
        expect(private.page.get_by_text(NEW)).to_be_visible(timeout=SLOW)
        private.open_vault(VAULT)
        last = private.page.get_by_text("Last change by someone else: “Ben Okafor”")
        expect(last).to_be_visible()
        private.open_item(FIRST)
        assert private.reveal("Password") == "first tide 1"
        private.add_item(VAULT, "Login", "From the private window", {"Password": "c"}, {})
        expect(item(quay.ana, "From the private window")).to_be_visible(timeout=SLOW)
        expect_calm(private, quay.ana)


def test_storage_that_is_emptied_under_an_open_page_is_said_and_pinned_again(quay: Quay) -> None:
    ana = quay.ana
    with quay.liar.lying("POST", "sync", clearing, times=1) as told:
        ana.page.evaluate(COME_BACK)
        expect(ana.page.get_by_text("storage was emptied while")).to_be_visible(timeout=SLOW)
        assert told.told == 1
    ana.add_item(VAULT, "Login", "After the storage was emptied", {"Password": "d"}, {})
    ana.page.goto("/")
    enter(ana)
    # The pins were put back from memory, so this browser is not new.
    expect(ana.page.get_by_text(NEW)).to_have_count(0)
    expect(item(ana, "After the storage was emptied")).to_be_visible()
    expect_calm(ana)


def clearing(_sent: Sent, ask: Ask) -> Answer:
    return ask().adding(("Clear-Site-Data", '"storage"'))


def test_a_browser_that_lost_everything_says_so_and_goes_on(quay: Quay) -> None:
    ana = quay.ana
    ana.lock()
    empty(ana.page)
    ana.page.goto("/")
    ana.unlock()
    expect(ana.page.get_by_text(NEW)).to_be_visible(timeout=SLOW)
    ana.open_vault(VAULT)
    ana.open_item(FIRST)
    assert ana.reveal("Password") == "first tide 1"
    expect_calm(ana)


def empty(page: Page) -> None:
    """Delete the site's databases, as a person does in the browser's settings; cookies stay."""
    session = page.context.new_cdp_session(page)
    where = {"origin": page.evaluate("location.origin"), "storageTypes": "indexeddb"}
    session.send("Storage.clearDataForOrigin", where)
    session.detach()


@pytest.mark.parametrize("offset", [-TWO_YEARS_MS, TWO_YEARS_MS], ids=["behind", "ahead"])
def test_a_wrong_clock_is_no_alarm_and_loses_nothing(quay: Quay, offset: int) -> None:
    title = f"Written {offset} ms away"
    with quay.window(quay.ana, offset) as late:
        late.open_vault(VAULT)
        late.open_item("By Ben")
        assert late.reveal("Password") == "second tide 2"
        late.add_item(VAULT, "Login", title, {"Password": "e"}, {})
        expect(item(quay.ben, title)).to_be_visible(timeout=SLOW)
        quay.ben.open_item(title)
        assert quay.ben.reveal("Password") == "e"
        expect(late.page.get_by_role("button", name="Lock")).to_be_visible()
        expect_calm(late, quay.ben)


def test_a_fork_freezes_writing_reads_on_and_hands_out_both_links(quay: Quay) -> None:
    ana = quay.ana
    ana.open_vault(VAULT)
    with quay.liar.lying("POST", "sync", rewritten(another_history)):
        ana.page.evaluate(COME_BACK)
        expect(ana.page.get_by_role("button", name="Show what")).to_be_visible(timeout=SLOW)
        ana.open_item("By Ben")
        assert ana.reveal("Password") == "second tide 2"
        expect(ana.page.get_by_role("link", name="Edit", exact=True)).to_have_count(0)
        ana.button("Show what")
        with ana.page.expect_download() as download:
            ana.button("Save the links")
    kept = json.loads(Path(download.value.path()).read_text())
    hashes = {link["hash"] for link in kept["links"]}
    assert len(hashes) == 2
    signers = [link["signer"]["called"] for link in kept["links"] if link["signer"]]
    assert set(signers) <= {"Ana Torres", "Ben Okafor"}
    assert len(signers) == 2
    # The lie is over: a new visit finds everything as it was.
    ana.page.goto("/")
    enter(ana)
    expect_calm(ana)


def another_history(values: list[Any]) -> list[Any]:
    """Name another head for each team that has one, and show the link of it to whoever asks."""
    for record in values:
        if record[0] == "heads":
            for head in record[1]["teams"]:
                head["hash"] = bytes(32)
        if record[0] == "team" and record[1]["links"]:
            signed = record[1]["links"][-1]
            record[1]["links"][-1] = signed[:-1] + bytes([signed[-1] ^ 1])
    return values


def requests(quay: Quay, vault: str, titles: list[str]) -> list[tuple[str, str, int]]:
    """What a visit sends, in order: method, shape of the address, size; polls left out."""
    ana = quay.ana
    ana.page.goto("/")
    # Until it offers this, the page asks what every page asks: who is here.
    expect(ana.page.get_by_role("button", name="Unlock")).to_be_visible(timeout=SLOW)
    start = len(quay.liar.sent)
    ana.unlock()
    ana.open_vault(vault)
    for title in titles:
        ana.open_item(title)
        ana.reveal("Password")
        ana.copied("password")
        ana.open_vault(vault)
    settle(quay.liar, ana.page)
    sent = quay.liar.sent[start:]
    shape = [(each.method, UUID.sub("{id}", each.path), len(each.body)) for each in sent]
    # How often the clock asks, how far every chain is kept as seen, and when the tab's icon comes
    # depends on how long a visit takes, and on nothing else.
    by_the_clock = {"sync", "account/pins", "/static/favicon.svg"}
    return [each for each in shape if each[1] not in by_the_clock]


def test_r9_what_is_sent_does_not_depend_on_what_is_read(quay: Quay) -> None:
    """Sites, weak passwords, names: the plaintexts differ, their padded sizes do not."""
    ana = quay.ana
    plain = {
        "North pier": ["https://bank.example/login", "hunter2", "root"],
        "South pier": ["javascript:alert(1)", "Zx9!kelp-Lantern", "0"],
    }
    for vault, (url, password, login) in plain.items():
        ana.create_vault(vault)
        for title in ("alpha", "omega"):
            values = {"Password": password, "User": login, "Website": url}
            ana.add_item(vault, "Login", f"{title} of {vault}", values, {})
    titles = {vault: [f"{each} of {vault}" for each in ("alpha", "omega")] for vault in plain}
    quay.ben.lock()  # his browser asks by the same proxy
    requests(quay, VAULT, [])  # what earlier tests left to be said is said now
    seen = [requests(quay, vault, titles[vault]) for vault in plain]
    assert seen[0] == seen[1]
    assert len([path for _method, path, _size in seen[0] if "/items/" in path]) >= 2
