"""What a person waits for in Chromium: the first page, and a vault of 10,000 items.

The vault is written by the client's own code, which Node runs (`static/tests/seed.ts`): an import
of items with a secret of 1 kB, in links of 500 changes.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from statistics import median
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from config.embedded import BASE_DIR
from tests.browser import launch
from tests.product import Product

ITEMS = 10_000
SLOW = 60_000  # ms: no figure, only when to give up
SEED_SECONDS = 300
SEARCHED = ("upp", "4719")  # each key leaves fewer rows than the one before it
OPENED = 21  # items, an odd number for the median
ROWS = 8  # of the list, opened in turns
_numbers = count(1)

Figures = Iterator[tuple[str, float]]

# Runs in the page before its own scripts. A time is taken at the frame that draws what was waited
# for, as ms since 1970, so that it compares with the worker's marks.
WATCH = """
(() => {
    const now = () => performance.timeOrigin + performance.now()
    const bench = { whole: 0, verified: 0, opened: 0, updated: 0, begun: 0, tasks: [] }
    globalThis.bench = bench
    const note = (name) => requestAnimationFrame(() => { bench[name] = now() })
    const look = () => {
        const row = document.querySelector("ul[aria-label^='Items: '] > li")
        const isWhole = row?.getAttribute("aria-setsize") === "ITEMS"
        const isChecked = isWhole && !document.querySelector(".row .badge")
        if (isWhole && bench.whole === 0) { bench.whole = -1; note("whole") }
        if (isChecked && bench.verified === 0) { bench.verified = -1; note("verified") }
        if (document.querySelector("section[aria-label='Fields']")) {
            if (bench.opened === 0) { bench.opened = -1; note("opened") }
        } else bench.opened = 0
    }
    const found = (records) => {
        const inList = ({ target }) => target.parentElement?.closest(".pane-list")
        if (bench.updated < bench.begun && records.some(inList)) note("updated")
    }
    new MutationObserver((records) => { look(); found(records) }).observe(document, {
        subtree: true, childList: true, characterData: true, attributes: true,
        attributeFilter: ["aria-setsize"],
    })
    new PerformanceObserver((list) => {
        for (const { startTime, duration } of list.getEntries())
            bench.tasks.push([performance.timeOrigin + startTime, duration])
    }).observe({ type: "longtask", buffered: true })
    const begin = (event) => { bench.begun = performance.timeOrigin + event.timeStamp }
    addEventListener("keydown", begin, true)
    addEventListener("click", begin, true)
})()
"""


def first_page(product: Product, _seconds: float) -> Figures:
    """Every byte that Chromium receives for `/` without a session, headers included, in kB.

    Until the form takes a password and nothing has been asked of the server for half a second.
    """
    with launch() as browser:
        context = browser.new_context(base_url=product.url)
        page = context.new_page()
        done = noted(page, "requestfinished")
        page.goto("/")
        expect(page.get_by_label("Password", exact=True)).to_be_editable(timeout=SLOW)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1_000)
        received = sum(bytes_received(request) for request in done)
    yield "page.first_kB", received / 1000


def bytes_received(request: Request) -> int:
    """Return what an answer took on the network, its body as it was encoded."""
    sizes = request.sizes()
    body = sizes["responseBodySize"]
    response = request.response()
    if body == 0 and response is not None:
        # Of the worker's own script Chromium tells the page no length; the server does.
        body = int(response.headers.get("content-length", "0"))
    return body + sizes["responseHeadersSize"]


def noted(page: Page, event: Literal["request", "requestfinished"]) -> list[Request]:
    """Return a list that fills with the requests of the page and of its worker."""
    requests: list[Request] = []

    def note(request: Request) -> None:
        requests.append(request)

    page.on(event, note)
    return requests


def vault10k(product: Product, _seconds: float) -> Figures:
    """A vault of 10,000 items: the first visit of a browser, the next ones, search, an item."""
    seeded = seed(product, ITEMS)
    with launch() as browser:
        visit = Visit(product, browser, seeded["email"], seeded["password"], ITEMS)
        requests = visit.sign_in()
        opened = visit.opened()
        yield "vault10k.open_s", opened["whole"]
        yield "vault10k.requests", requests
        yield "vault10k.verify_s", opened["verified"]
        yield "vault10k.longest_task_ms", visit.longest_task()
        yield "vault10k.reopen_s", max(visit.lock_and_unlock(), visit.reload_and_unlock())
        yield "search10k.ms", visit.search()
        yield "item.open_ms", visit.open_items()


def seed(product: Product, items: int) -> dict[str, Any]:
    """Sign somebody up on the product and import items; return their e-mail and password."""
    email = f"import-{next(_numbers)}@example.org"
    command = ["node", "tests/seed.mjs", product.url, str(product.folder), email, str(items)]
    done = subprocess.run(
        command,
        cwd=BASE_DIR / "static",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=SEED_SECONDS,
    )
    made = json.loads(done.stdout)
    assert isinstance(made, dict), made
    return made


class Visit:
    """A fresh profile of Chromium at the product."""

    def __init__(
        self, product: Product, browser: Browser, email: str, password: str, items: int
    ) -> None:
        self.email, self.password = email, password
        self.context: BrowserContext = browser.new_context(base_url=product.url)
        self.page: Page = self.context.new_page()
        self.page.add_init_script(WATCH.replace("ITEMS", str(items)))
        self.asked = noted(self.page, "request")

    def sign_in(self) -> int:
        """Sign in and wait for the list; return how often the API was asked until it was whole.

        Counted from the answer that opens the keys, whatever was asked for.
        """
        self.page.goto("/signin")
        self.page.get_by_label("E-mail", exact=True).fill(self.email)
        self.page.get_by_label("Password", exact=True).fill(self.password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        whole = self.whole()
        asked = [
            (request.timing["startTime"], request.url)
            for request in self.asked
            if "/api/v1/" in request.url
        ]
        opened = max(start for start, url in asked if url.endswith("/finish"))
        return sum(opened < start <= whole for start, _url in asked)

    def whole(self) -> float:
        """Wait until the list has every item; return when, in ms since 1970."""
        self.until("bench.whole > 0")
        return self.number("bench.whole")

    def until(self, condition: str) -> None:
        """Wait for a condition of the page.

        Not by `wait_for_function`, which compiles text inside the page: its policy refuses that.
        """
        deadline = time.monotonic() + SLOW / 1000
        while not self.page.evaluate(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(condition)
            time.sleep(0.02)

    def number(self, expression: str) -> float:
        return float(self.page.evaluate(expression))

    def keys_open(self) -> float:
        """Return when the worker had the AMK open, in ms since 1970."""
        return self.marked("coffret.keys_open")

    def marked(self, name: str) -> float:
        expression = f"performance.timeOrigin + performance.getEntriesByName('{name}')[0].startTime"
        return float(self.page.workers[0].evaluate(expression))

    def opened(self) -> dict[str, float]:
        """Return the seconds from the open AMK to the whole list, and to every link checked."""
        self.until("bench.verified > 0")
        bench = self.page.evaluate("bench")
        verified = max(bench["verified"], self.marked("coffret.verified"))
        start = self.keys_open()
        return {
            "whole": (bench["whole"] - start) / 1000,
            "verified": (verified - start) / 1000,
        }

    def longest_task(self) -> float:
        """Return the longest that the page was busy since the keys were open, in ms."""
        start = self.keys_open()
        tasks = self.page.evaluate("bench.tasks")
        return max((float(length) for begun, length in tasks if begun >= start), default=0)

    def memory_mb(self) -> float:
        """Return what page and worker hold after a collection of garbage, in MB.

        Scripts' heaps with the buffers behind typed arrays and WebAssembly, as Chromium measures
        it for a page that is isolated from other origins.
        """
        memory = self.page.evaluate("performance.measureUserAgentSpecificMemory()")
        return float(memory["bytes"]) / 1_000_000

    def lock_and_unlock(self) -> float:
        """Return the seconds from the open AMK to the whole list, in the same page."""
        self.page.get_by_role("button", name="Lock", exact=True).click()
        expect(self.page.get_by_role("heading", name="Locked")).to_be_visible(timeout=SLOW)
        return self.unlock()

    def reload_and_unlock(self) -> float:
        """The same after a reload: the worker is another one, and has nothing in memory."""
        self.page.reload()
        return self.unlock()

    def unlock(self) -> float:
        field = self.page.get_by_label("Password", exact=True)
        expect(field).to_be_editable(timeout=SLOW)
        field.fill(self.password)
        self.page.evaluate("bench.whole = bench.verified = 0")
        self.page.get_by_role("button", name="Unlock", exact=True).click()
        whole = self.whole()
        return (whole - self.keys_open()) / 1000

    def search(self) -> float:
        """Return the longest from a key press to the frame with the list that it leaves, in ms."""
        box = self.page.get_by_label("Search all items you can open")
        box.focus()
        spans = []
        for text in SEARCHED:
            for key in text:
                self.page.keyboard.press(key)
                self.until("bench.updated > bench.begun")
                spans.append(self.number("bench.updated - bench.begun"))
            box.press("Escape")
        return max(spans)

    def open_items(self) -> float:
        """Return the median from a click to the frame with the item's fields, in ms.

        Each is one request, `GET .../items/ITEM`, for both sealed parts.
        """
        spans = []
        for number in range(OPENED):
            row = self.page.locator("ul[aria-label^='Items: '] > li").nth(number % ROWS)
            row.locator("a").click()
            self.until("bench.opened > bench.begun")
            spans.append(self.number("bench.opened - bench.begun"))
        return median(spans)
