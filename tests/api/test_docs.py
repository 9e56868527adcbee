"""The description in a browser, under the policy that every page has."""

from urllib.parse import urlsplit

from django.conf import settings
from playwright.sync_api import Page, expect

from tests.chains import TeamBuilder
from tests.world import client_of, user_of


def sign_in(page: Page, server: str) -> None:
    """Give the page the cookie of a person who is signed in."""
    client = client_of(user_of(TeamBuilder("docs").founder))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [
            {
                "name": settings.SESSION_COOKIE_NAME,
                "value": session,
                "url": server.replace("http", "https"),  # a cookie that is secure
                "secure": True,
            }
        ]
    )


def test_the_docs_work_from_local_files_under_the_policy(page: Page, server: str) -> None:
    sign_in(page, server)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    answer = page.goto("/api/docs/")

    assert answer is not None
    assert answer.status == 200
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    expect(page.get_by_role("heading", name="Coffret")).to_be_visible()
    expect(page.get_by_text("OAS 3.1")).to_be_visible()
    operation = page.locator("#operations-teams-teams_create")
    operation.get_by_role("button").first.click()
    expect(operation.get_by_text("personal_exists").first).to_be_visible()
    expect(operation.get_by_role("button", name="Try it out")).to_have_count(0)
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(server).netloc}


def test_nobody_reads_the_docs_without_a_session(page: Page) -> None:
    answer = page.request.get("/api/docs/")
    assert answer.status == 401
