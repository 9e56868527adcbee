"""The first page, in Chromium, under the policy it is delivered with."""

from django.conf import settings
from playwright.sync_api import Page, expect


def test_the_page_shows_what_its_worker_says(page: Page) -> None:
    page.goto("/")

    # The form is there only once the worker has asked the server for the session.
    expect(page.get_by_role("heading", name="Closed twice")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_be_visible()


def test_the_page_is_delivered_with_every_header(page: Page) -> None:
    response = page.goto("/vaults/anything")
    assert response is not None
    headers = response.headers

    policy = dict(
        directive.strip().split(" ", 1)
        for directive in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["style-src"] == policy["connect-src"] == policy["worker-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "svelte-trusted-html coffret-worker"
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "camera=()" in headers["permissions-policy"]


def test_scripts_are_isolated_and_loaded_by_integrity(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_label("E-mail")).to_be_visible()

    assert page.evaluate("crossOriginIsolated") is True
    scripts = page.locator("script")
    assert scripts.count() == 1
    assert (scripts.get_attribute("integrity") or "").startswith("sha384-")
    assert scripts.inner_text() == ""


def test_the_cookie_is_bound_to_this_host(page: Page) -> None:
    page.goto("/")

    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    cookie = cookies[settings.CSRF_COOKIE_NAME]
    assert cookie["secure"]
    assert cookie["path"] == "/"
    assert cookie["sameSite"] == "Strict"


def test_static_files_carry_the_policy_too(page: Page, server: str) -> None:
    page.goto("/")
    address = page.locator("script").get_attribute("src")
    response = page.request.get(f"{server}{address}")

    assert response.status == 200
    assert "script-src" in response.headers["content-security-policy"]
    assert response.headers["cross-origin-embedder-policy"] == "require-corp"
    assert "immutable" in response.headers["cache-control"]
