"""A browser that lacks what the client needs is told so, instead of being left waiting."""

from playwright.sync_api import Page, Route, expect

WORKER = "**/assets/worker-*.js"


def before_the_worker(page: Page, script: str) -> None:
    """Run `script` in the worker ahead of its own code."""

    def prepend(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=f"{script};\n{answer.text()}")

    page.route(WORKER, prepend)


def test_a_browser_without_webassembly(page: Page) -> None:
    page.add_init_script("delete globalThis.WebAssembly")
    before_the_worker(page, "delete globalThis.WebAssembly")
    page.goto("/")

    expect(page.get_by_role("heading", name="This browser runs no WebAssembly")).to_be_visible()


def test_a_policy_that_refuses_webassembly(page: Page) -> None:
    def stricter(route: Route) -> None:
        answer = route.fetch()
        policy = answer.headers["content-security-policy"].replace(" 'wasm-unsafe-eval'", "")
        headers = {**answer.headers, "content-security-policy": policy}
        route.fulfill(response=answer, headers=headers)

    page.route("**/*", stricter)
    page.goto("/")

    expect(page.get_by_role("heading", name="This browser runs no WebAssembly")).to_be_visible()
    # What is still on its way is not this test's business, nor the next one's.
    page.unroute_all(behavior="ignoreErrors")


def test_a_browser_that_stores_nothing(page: Page) -> None:
    refuse = "indexedDB.open = () => { throw new DOMException('', 'SecurityError') }"
    page.add_init_script(refuse)
    before_the_worker(page, f"IDBFactory.prototype.open = {refuse.partition(' = ')[2]}")
    page.goto("/")

    heading = "This browser keeps nothing on this device"
    expect(page.get_by_role("heading", name=heading)).to_be_visible()


def test_an_address_that_is_not_secure(page: Page) -> None:
    before_the_worker(page, "Object.defineProperty(globalThis, 'isSecureContext', {value: false})")
    page.goto("/")

    expect(page.get_by_role("heading", name="This address is not encrypted")).to_be_visible()


def test_a_browser_without_workers(page: Page) -> None:
    page.add_init_script("delete globalThis.Worker")
    page.goto("/")

    expect(page.get_by_role("heading", name="This browser runs no workers")).to_be_visible()
