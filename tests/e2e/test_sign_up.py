"""Making an account when something goes wrong on the way: no dead end, and the kit is shown.

About 30 s.
"""

from playwright.sync_api import Browser, Route, expect

from tests.e2e.person import SLOW, Person
from tests.e2e.story import Told


def lose_answer(route: Route) -> None:
    """Let the server do what it is asked, and the browser hear nothing of it: no cookie, too."""
    route.fetch()
    route.request.frame.page.context.clear_cookies()
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
    nora.fill_account()
    expect(nora.page.get_by_text("answer was lost")).to_be_visible(timeout=SLOW)
    nora.save_kit()
    expect(nora.page.get_by_text("Now sign in")).to_be_visible()
    expect(nora.field("E-mail")).to_have_value(nora.email)
    nora.field("Password").fill(nora.password)
    nora.button("Sign in")
    expect(nora.field("Name of the team")).to_be_visible(timeout=SLOW)
    # What was typed is in no storage of the tab any more.
    assert nora.page.evaluate("sessionStorage.length") == 0
    nora.context.close()


def too_many(route: Route) -> None:
    """Answer as if strangers had used up the account's tries."""
    body = {"code": "too_many", "title": "Too many.", "status": 429, "retry_after": 900}
    route.fulfill(status=429, json=body, headers={"content-type": "application/problem+json"})


def test_a_mailed_link_lets_a_new_browser_in_and_settings_end_the_other(
    story: Told, browser: Browser
) -> None:
    olaf = Person(story.product, browser, "Olaf Ness")
    olaf.sign_up()
    elsewhere = Person(story.product, browser, "Olaf Ness")
    page = elsewhere.page
    page.route("**/api/v1/login/start", too_many)
    elsewhere.sign_in()
    expect(page.get_by_text("Try again in 15 min")).to_be_visible(timeout=SLOW)
    elsewhere.button("Mail me a link")
    link = story.product.mail_to(olaf.email, r"(http\S+/device#\S+)")

    page.goto(link)
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text("This browser has tries of its own now")
    assert page.url == f"{story.product.url}/device"
    # The link is good for one use, and the page leads on after that, too.
    page.goto("about:blank")
    page.goto(link)
    expect(title).to_have_text("This link does not hold")
    page.unroute("**/api/v1/login/start")
    page.get_by_role("link", name="Go to sign-in").click()
    elsewhere.field("E-mail").fill(olaf.email)
    elsewhere.field("Password").fill(olaf.password)
    elsewhere.button("Sign in")
    expect(elsewhere.field("Name of the team")).to_be_visible(timeout=SLOW)

    elsewhere.case.get_by_role("link", name="Settings").click()
    listed = page.get_by_role("row", name="Chrome on Linux")
    expect(listed).to_have_count(2)
    expect(listed.first).to_contain_text("This browser")
    listed.get_by_role("button", name="End the session").click()
    expect(listed).to_have_count(1)
    expect(olaf.page.get_by_text("Your session has ended")).to_be_visible(timeout=SLOW)
    for person in (olaf, elsewhere):
        person.context.close()
