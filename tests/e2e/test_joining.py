"""Joining: by mail with words that both sides hear, with nobody online, and by bad links.

Three people in three profiles of a real browser, beside the story's; about 50 s.
"""

import base64
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.bench.people import BenchWorld
from tests.chains import Invitation
from tests.e2e.person import SLOW, Person
from tests.e2e.pictures import findings, too_low
from tests.e2e.story import Told
from tests.product import Product

TEAM, VAULT = "Ferry crew", "Engine room"
HELD = SLOW + 10_000  # ms that the shortest invitation holds: its page is opened meanwhile
HEARD, NONE = "This is what I hear", "None of these"


@dataclass
class Crew:
    """Olga's team. Each test leaves her on her page Members, unlocked."""

    browser: Browser
    olga: Person
    ines: Person
    kaan: Person

    def stranger(self) -> Page:
        """A private window: no account, nothing kept."""
        url = self.olga.product.url
        return self.browser.new_context(base_url=url, reduced_motion="reduce").new_page()


@pytest.fixture(scope="module")
def crew(story: Told, browser: Browser) -> Iterator[Crew]:
    names = ("Olga Brandt", "Ines Duarte", "Kaan Yildiz")
    crew = Crew(browser, *(Person(story.product, browser, name) for name in names))
    for person in (crew.olga, crew.ines, crew.kaan):
        # Else a colour is measured on its way to another.
        person.page.emulate_media(reduced_motion="reduce")
    crew.olga.sign_up()
    crew.olga.create_team(TEAM)
    crew.olga.create_vault(VAULT)
    yield crew
    for person in (crew.olga, crew.ines, crew.kaan):
        person.context.close()


def title(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", name=text, level=1)).to_be_visible(timeout=SLOW)


def open_link(person: Person, link: str) -> None:
    """Open a link anew, in a browser that is signed in and locked."""
    person.page.goto("about:blank")
    person.page.goto(link)
    person.unlock()


def words(page: Page) -> str:
    """Return what the page tells its person to read out."""
    listed = page.get_by_role("list", name="Words to read", exact=True)
    expect(listed).to_be_visible(timeout=SLOW)
    return " ".join(listed.get_by_role("listitem").all_inner_texts())


def hear(page: Page, phrase: str) -> None:
    """Choose what was heard."""
    radio = page.get_by_role("radio", name=phrase, exact=True)
    expect(radio).to_be_visible(timeout=SLOW)
    radio.check()
    page.get_by_role("button", name=HEARD).click()


def too_low_for_a_finger(page: Page) -> list[str]:
    """Return what is too low to be pressed, were this the page of a phone."""
    before = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    found = too_low(page)
    page.set_viewport_size(before or {"width": 1280, "height": 720})
    return found


def no_findings(*pages: Page) -> None:
    assert [findings(page) for page in pages] == [[] for _ in pages]


def test_who_comes_by_mail_gets_the_vault_once_both_have_heard_the_words(crew: Crew) -> None:
    olga, ines = crew.olga, crew.ines
    ines.accept(olga.invite(ines.email, VAULT, "write", by_mail=True))
    # Olga's browser lets her in by itself; that gives her nothing yet.
    expect(ines.page.get_by_text("One step is left")).to_be_visible(timeout=SLOW)
    assert olga.product.mail_to(ines.email, r"(compared six words by voice)")
    assert olga.product.mail_to(olga.email, r"(invited by mail)")

    assert too_low_for_a_finger(olga.page) == []
    olga.button("Compare words with “Ines Duarte”")
    said = words(olga.page)
    # The first thing to do there, not the cross.
    expect(olga.page.get_by_role("dialog").get_by_role("radio").first).to_be_focused()
    assert too_low_for_a_finger(olga.page) == []
    no_findings(olga.page, ines.page)
    hear(ines.page, said)
    # Asked of the page, since her own row has the fingerprint's words, too.
    hear(olga.page, words(ines.page))
    expect(olga.page.get_by_text("“Ines Duarte” is verified.")).to_be_visible(timeout=SLOW)
    no_findings(olga.page)
    olga.button("Done")

    expect(ines.page.get_by_text("appear as their keys reach you")).to_be_visible(timeout=SLOW)
    ines.button("Open the vaults")
    ines.add_item(VAULT, "Login", "Bilge pump", {"Password": "kelp-4471"}, {})
    assert [olga.problems, ines.problems] == [[], []]


def test_with_nobody_online_both_sides_are_told_who_is_awaited(crew: Crew) -> None:
    olga, kaan = crew.olga, crew.kaan
    link, spare = (olga.invite(kaan.email, VAULT, "read") for _ in range(2))
    olga.lock()
    kaan.accept(link)
    title(kaan.page, "Waiting to be let in")
    expect(kaan.page.get_by_text("Awaited: “Olga Brandt”")).to_be_visible()
    no_findings(kaan.page)
    assert olga.product.mail_to(olga.email, r"(has accepted the invitation to the team “Ferry)")
    assert olga.product.mail_to(kaan.email, r"waiting for one of these people[^“]*“(Olga Brandt)”")

    open_link(kaan, link)  # a second time
    title(kaan.page, "Waiting to be let in")
    olga.unlock()
    kaan.button("Look again")
    title(kaan.page, f"You are in “{TEAM}”")
    kaan.button("Open the vaults")
    kaan.open_vault(VAULT)

    open_link(kaan, link)  # a third time, as a member
    title(kaan.page, f"You are in “{TEAM}”")
    open_link(kaan, spare)
    title(kaan.page, "You are in this team already")
    private = crew.stranger()
    private.goto(link)
    title(private, "This invitation was used already")
    expect(private.get_by_role("link", name="Sign in")).to_be_visible()
    no_findings(private, kaan.page)


def test_nobody_is_invited_who_is_in(crew: Crew) -> None:
    crew.olga.open_members()
    crew.olga.button("Invite")
    crew.olga.field("E-mail").fill(crew.kaan.email)
    crew.olga.button("Make the link")
    expect(crew.olga.page.get_by_text("“Kaan Yildiz” is in the team already.")).to_be_visible()
    crew.olga.button("Cancel")


def test_who_got_the_link_by_mail_listens_first_whatever_the_invitation_says(crew: Crew) -> None:
    olga, kaan = crew.olga, crew.kaan
    olga.remove(kaan.name)
    open_link(kaan, olga.invite(kaan.email, VAULT, "write"))
    kaan.button("Accept the invitation")
    expect(kaan.page.get_by_text("Choose how the link reached you.")).to_be_visible(timeout=SLOW)
    # The name is offered once, and a field that was emptied stays so.
    kaan.field("Your name in this team").fill("")
    kaan.button("Accept the invitation")
    expect(kaan.page.get_by_text("Enter the name the team knows you by.")).to_be_visible()
    kaan.fill_acceptance(by_mail=True)
    expect(kaan.page.get_by_text("One step is left")).to_be_visible(timeout=SLOW)
    # She cannot know how it came: to her he is verified by the link.
    olga.button("Words of “Kaan Yildiz”")
    olga.button("Compare words with “Kaan Yildiz”")
    said = words(olga.page)
    no_findings(olga.page, kaan.page)
    hear(kaan.page, said)
    hear(olga.page, words(kaan.page))
    expect(olga.page.get_by_text("“Kaan Yildiz” is verified.")).to_be_visible(timeout=SLOW)
    olga.button("Done")
    kaan.button("Open the vaults")
    kaan.add_item(VAULT, "Login", "Stern light", {"Password": "lamp-2093"}, {})


def test_one_wrong_choice_ends_it_and_stays_to_be_seen(crew: Crew) -> None:
    olga, kaan = crew.olga, crew.kaan
    olga.remove(kaan.name)
    link = olga.invite(kaan.email, VAULT, "read", by_mail=True)
    open_link(kaan, link)
    kaan.fill_acceptance()
    expect(kaan.page.get_by_text("One step is left")).to_be_visible(timeout=SLOW)

    olga.button("Compare words with “Kaan Yildiz”")
    hear(olga.page, NONE)
    expect(olga.page.get_by_text("“Kaan Yildiz” was taken out.")).to_be_visible(timeout=SLOW)
    olga.button("Done")
    ended = olga.page.get_by_role("region", name="Out before words agreed")
    expect(ended.get_by_text("“Kaan Yildiz”")).to_be_visible()
    expect(ended.get_by_text("Taken out by you")).to_be_visible()
    open_link(kaan, link)
    title(kaan.page, "This invitation was used already")


def test_a_link_that_is_no_good_says_what_to_do_next(crew: Crew) -> None:
    olga, ines = crew.olga, crew.ines
    link = olga.invite("nora@example.org", VAULT, "read")
    private = crew.stranger()
    private.goto(link)
    title(private, f"Join “{TEAM}”")
    expect(private.get_by_text("a private window, or another browser")).to_be_visible()

    open_link(ines, link)
    # She is in the team; but the invitation is not hers to answer.
    other = ines.page.get_by_text("This invitation is for another address")
    expect(other).to_be_visible(timeout=SLOW)
    no_findings(ines.page, private)

    late = crew.stranger()
    late.clock.set_fixed_time(datetime.now() + timedelta(days=8))  # noqa: DTZ005 - the browser's
    late.goto(link)
    title(late, "This invitation has expired")

    # The hash is the invitation's, the secret before it is another.
    head, fragment = link.split("#")
    swapped = "B" if fragment[0] == "A" else "A"
    wrong = crew.stranger()
    wrong.goto(f"{head}#{swapped}{fragment[1:]}")
    title(wrong, "This invitation is not known here")
    cut = crew.stranger()
    cut.goto(link[:-3])
    title(cut, "This link is not whole")

    olga.button("Take back the invitation for nora@example.org")
    olga.page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    taken = olga.page.get_by_role("cell", name="nora@example.org", exact=True)
    expect(taken).to_have_count(0, timeout=SLOW)
    private.reload()
    title(private, "This invitation was taken back")
    no_findings(private, late, wrong, cut)
    assert not re.search("[#?]", private.url)


@contextmanager
def answer_lost(page: Page) -> Iterator[None]:
    """The server does the next thing that is asked of a team, and its answer is lost."""
    lost: list[Route] = []

    def lose(route: Route) -> None:
        lost.append(route)
        route.fetch()
        route.abort()

    page.route("**/api/v1/teams/*/links", lose, times=1)
    yield
    assert len(lost) == 1


def test_what_has_no_answer_is_said_as_kept_and_is_done_once(crew: Crew) -> None:
    """An invitation's link is shown all the same, and whoever removes gets their list."""
    olga, ines = crew.olga, crew.ines
    with answer_lost(olga.page):
        link = olga.invite("lost@example.org", VAULT, "read", title="The invitation is on its way")
    invited = olga.page.get_by_role("cell", name="lost@example.org", exact=True)
    expect(invited).to_have_count(1, timeout=SLOW)
    private = crew.stranger()
    private.goto(link)
    title(private, f"Join “{TEAM}”")

    olga.button(f"Remove “{ines.name}”")
    dialog = olga.page.get_by_role("dialog")
    with answer_lost(olga.page):
        dialog.get_by_role("button", name=f"Remove “{ines.name}”").click()
        expect(dialog.get_by_text(f"“{ines.name}” is to be removed")).to_be_visible(timeout=SLOW)
    expect(dialog.get_by_text("Change these where they are used")).to_be_visible()
    # The next look finds it in the log.
    expect(dialog.get_by_text("Signed and in the team")).to_be_visible(timeout=SLOW)
    olga.button("Done")


@pytest.fixture
def world(crew: Crew) -> Iterator[BenchWorld]:
    """A team whose clients are in Python: a browser invites for a day at least."""
    with closing(BenchWorld(crew.olga.product)) as world:
        yield world


def test_an_invitation_ends_by_the_servers_clock_and_with_its_author(
    crew: Crew, world: BenchWorld
) -> None:
    kaan, product = crew.kaan, crew.olga.product
    admin = world.join(role="admin")
    over = int(time.time() * 1000) + HELD
    short = link_to(product, world.invite(world.founder, email=kaan.email, expiry=over))
    kaan.page.goto(short)  # he is on that page, so nothing is loaded, and nothing locks
    expect(kaan.field("Your name in this team")).to_be_visible(timeout=SLOW)

    private = crew.stranger()
    private.goto(link_to(product, world.invite(admin, email="nora@example.org")))
    title(private, "Join a team")  # whose name was never told to the server
    world.remove(world.founder, admin)
    private.reload()
    title(private, "This invitation holds no more")
    expect(private.get_by_text("Ask somebody else in the team for a new one.")).to_be_visible()

    late = crew.stranger()
    late.wait_for_timeout(max(0, over - time.time() * 1000) + 1)
    kaan.fill_acceptance()  # on a page that was opened in time
    expect(kaan.page.get_by_text("This invitation has expired.")).to_be_visible(timeout=SLOW)
    late.goto(short)
    title(late, "This invitation has expired")
    expect(late.get_by_text("It held for some days only.")).to_be_visible()  # the server's verdict
    no_findings(private, late)
    (team, *_rest) = world.sync(world.founder, ["teams"])
    assert (team[0], team[1]["waiting"]) == ("team", [])


def link_to(product: Product, invitation: Invitation) -> str:
    """What an inviter's browser would show."""
    fragment = base64.urlsafe_b64encode(invitation.t + invitation.hash).decode().rstrip("=")
    return f"{product.url}/join#{fragment}"
