"""Making an account when something goes wrong on the way: no dead end, and the kit is shown.

About 20 s.
"""

from playwright.sync_api import Browser, Route, expect

from tests.e2e.person import SLOW, Person
from tests.e2e.story import Told


def lose_answer(route: Route) -> None:
    """Let the server do what it is asked, and the browser hear nothing of it."""
    route.fetch()
    route.abort()


def test_a_sign_up_goes_on_after_wrong_codes_a_reload_and_a_lost_answer(
    story: Told, browser: Browser
) -> None:
    nora = Person(story.product, browser, "Nora Hale")
    nora.page.goto("/signup")
    nora.make_keys()
    for left in (4, 3, 2, 1):
        nora.field("Code").fill("000000")
        expect(nora.page.get_by_text(f"{left} tr")).to_be_visible()
    nora.field("Code").fill("000000")
    expect(nora.page.get_by_role("heading", name="This sign-up is over")).to_be_visible()
    nora.button("Start again")
    for _ in range(2):
        expect(nora.field("E-mail")).to_have_value(nora.email)
        expect(nora.field("Name")).to_have_value(nora.name)
        expect(nora.field("Password")).to_have_value("")
        nora.page.reload()

    nora.email = "nora.hale@example.org"
    nora.make_keys()
    nora.page.reload()
    expect(nora.page.get_by_text("A sign-up was begun here")).to_be_visible()
    expect(nora.field("E-mail")).to_have_value(nora.email)
    nora.email = "nora.b.hale@example.org"
    nora.page.route("**/api/v1/signup/verify", lose_answer)
    nora.page.route("**/api/v1/account/settings", lose_answer)
    nora.fill_account()
    nora.save_kit()
    expect(nora.field("Name of the team")).to_be_visible(timeout=SLOW)
    # What was typed is in no storage of the tab any more.
    assert nora.page.evaluate("sessionStorage.length") == 0
    nora.context.close()
