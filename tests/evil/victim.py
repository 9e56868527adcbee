"""The person whose browser is lied to, and the words by which a page shows what it refused."""

import re
from dataclasses import replace
from uuid import UUID

from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.person import SLOW, Person
from tests.evil.proxy import LyingServer
from tests.product import Product

REFUSED = re.compile("^This browser refused")
CODE = re.compile("code [A-Z][0-9]+[.]")
# As when the person comes back to the tab: the client looks at once.
COME_BACK = """() => {
    for (const hidden of [true, false]) {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true})
        document.dispatchEvent(new Event("visibilitychange"))
    }
}"""
# As a click on a link of the page: the route changes without a load.
GO = """(path) => {
    history.pushState(null, "", path)
    dispatchEvent(new PopStateEvent("popstate"))
}"""

CALM = 3  # looks in a row after which a client that asked nothing more has said all it had to
WORKING = 300  # ms in which an answer is worked in, and what follows from it is sent


def settle(liar: LyingServer, page: Page) -> None:
    """Have a client look until nothing follows from it: no key to report, nothing to fetch.

    What a client does by itself after an unlock or a write comes when it comes. A test that
    compares traffic lets it come before it begins, and before it ends.
    """
    calm = 0
    while calm < CALM:
        begun = len(liar.sent)
        with page.expect_response("**/sync", timeout=SLOW):
            page.evaluate(COME_BACK)
        page.wait_for_timeout(WORKING)
        calm = calm + 1 if {each.path for each in liar.sent[begun:]} <= {"sync"} else 0


class Victim(Person):
    """A person whose every request goes through the lying server."""

    def __init__(self, product: Product, liar: LyingServer, browser: Browser, name: str) -> None:
        super().__init__(replace(product, url=liar.url), browser, name)
        self.liar = liar
        self.asked: list[str] = []  # every address, also those that the proxy does not see
        self.typed: list[str] = []  # what must leave sealed only
        self.context.on("request", lambda request: self.asked.append(request.url))

    # Going about.

    def go(self, path: str) -> None:
        """Go to an address of the client without a load, which would lock."""
        self.page.evaluate(GO, path)

    def at(self, vault: bytes) -> None:
        """Show a vault."""
        self.go(f"/vaults/{vault.hex()}")

    def look(self) -> None:
        """Have the client look at the server now."""
        self.page.evaluate(COME_BACK)

    def open_invitation(self, fragment: str) -> None:
        """Follow an invitation's link without a load."""
        self.go("/join")
        self.page.evaluate("(fragment) => { location.hash = fragment }", fragment)

    def relock(self) -> None:
        """Lock and unlock: all that is only remembered in memory is gone."""
        self.lock()
        self.enter()

    def reload(self) -> None:
        """Load the client anew, and unlock."""
        self.page.goto("/")
        self.enter()

    def enter(self) -> None:
        """Unlock, and wait for the frame of the open client."""
        self.unlock()
        expect(self.case).to_be_visible(timeout=SLOW)

    def came_by_hand(self, team: UUID) -> None:
        """Say of a team that was joined without this page that its link did not come by mail."""
        self.go(f"/teams/{team.hex}/members")
        self.button("It did not come by mail")
        self.button("It came from them, not by mail")
        expect(self.page.get_by_text("It did not come by mail")).to_have_count(0)

    # What the page shows.

    def row(self, title: str) -> Locator:
        """An item in the list."""
        return self.page.get_by_role("link", name=title, exact=True)

    def sees(self, vault: bytes, *titles: str) -> None:
        """Expect items in the list of a vault, after a look."""
        self.at(vault)
        self.look()
        for title in titles:
            expect(self.row(title)).to_be_visible(timeout=SLOW)

    def vault(self, name: str) -> Locator:
        """A vault in the left pane."""
        return self.case.get_by_role("link", name=re.compile(re.escape(name)))

    @property
    def banner(self) -> Locator:
        """The line that says that something was refused."""
        notices = self.page.get_by_role("region", name="Notices")
        return notices.get_by_text(REFUSED)

    @property
    def badge(self) -> Locator:
        """What marks the page of a refusal; an item's row has a badge of the same words."""
        return self.page.locator("main .line-wrap > .badge-danger", has_text="Refused")

    def expect_refusal(self, refusal: str, *, asked: bool = False) -> None:
        """Expect the page of this refusal, and on it that nothing (new) was sent; leave it again.

        Args:
            refusal: its id.
            asked: the person asked for what is refused, so its page comes by itself.
        """
        if asked:
            expect(self.badge).to_be_visible(timeout=SLOW)
        else:
            self.open_refusal()
        expect(self.page.get_by_text(f"code {refusal}")).to_be_visible()
        # A server that is behind is given back what it had.
        sent = "Nothing new was sent" if refusal == "T4.older" else "Nothing was sent"
        expect(self.page.get_by_text(sent, exact=True)).to_be_visible()
        self.button("Back")

    def open_refusal(self) -> None:
        """Expect that something was refused, and open its page."""
        expect(self.badge.or_(self.banner).first).to_be_visible(timeout=SLOW)
        if not self.badge.is_visible():
            self.button("Show what")
        expect(self.badge).to_be_visible()

    def expect_no_refusal(self) -> None:
        """Expect a page that has refused nothing."""
        if self.badge.or_(self.banner).count() > 0:
            raise AssertionError(f"refused: {self.shown_refusal()}")

    def shown_refusal(self) -> str:
        """Return the code of the refusal that the page shows."""
        if not self.badge.is_visible():
            self.button("Show what")
        return self.page.get_by_text(CODE).inner_text()

    # Writing.

    def create_vault(self, name: str) -> None:
        self.typed.append(name)
        super().create_vault(name)

    def begin_note(self, vault: bytes, title: str, note: str = "") -> None:
        """Fill a new note."""
        self.typed += [title, note]
        self.at(vault)
        self.button("New item")
        self.button(re.compile("^Note"))
        self.field("Title").fill(title)
        if note:
            self.page.get_by_role("textbox", name="Note").fill(note)

    def writes(self, vault: bytes, title: str, note: str = "") -> None:
        """Write a note, and expect that it was saved."""
        self.begin_note(vault, title, note)
        self.button("Save the item")
        expect(self.page.get_by_role("heading", name=title, level=1)).to_be_visible(timeout=SLOW)


def path_of(team: UUID, vault: bytes, rest: str) -> str:
    """A path of a vault, as a regular expression."""
    return f"teams/{team}/vaults/{UUID(bytes=vault)}/{rest}"
