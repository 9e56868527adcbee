"""The recovery kit at sign-up: only a copy that was checked is said to be saved."""

from playwright.sync_api import Browser, expect

from tests.e2e.person import SLOW, Person
from tests.e2e.story import Told


def test_who_goes_on_without_a_kit_is_told_so(story: Told, browser: Browser) -> None:
    mia = Person(story.product, browser, "Mia Solberg")
    mia.page.goto("/signup")
    mia.fill_account()
    mia.button("Go on without a kit")
    mia.button("Go on without it")
    expect(mia.field("Name of the team")).to_be_visible(timeout=SLOW)

    mia.page.goto("/settings")
    mia.unlock()

    expect(mia.page.get_by_text("Not confirmed")).to_be_visible(timeout=SLOW)
