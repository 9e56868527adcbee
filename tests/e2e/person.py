"""A person at a browser: the steps of the story, by the words that stand on the page."""

import re
from pathlib import Path
from urllib.parse import unquote

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser import watch
from tests.product import Product

SLOW = 30_000  # ms: Argon2id at 64 MiB on a busy machine, or a mail through the worker
SOON = 10_000  # ms: what the product promises for a colleague's change


class Person:
    """One profile of Chromium. What went wrong on its page is in `problems`."""

    def __init__(self, product: Product, browser: Browser, name: str) -> None:
        self.product, self.name = product, name
        self.email = f"{name.split(maxsplit=1)[0].lower()}@example.org"
        self.password = f"{name} walks along nine quiet harbours"
        self.context: BrowserContext = browser.new_context(base_url=product.url)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page: Page = self.context.new_page()
        self.problems = watch(self.page)
        self.kit = ""

    def button(self, name: str | re.Pattern[str]) -> None:
        """Press the button of this name; a text has to be the whole name."""
        self.page.get_by_role("button", name=name, exact=isinstance(name, str)).first.click()

    def field(self, label: str) -> Locator:
        """The input with exactly this label."""
        return self.page.get_by_label(label, exact=True)

    # The account.

    def sign_up(self) -> None:
        """Make the account, type the code from the mail, and show that the kit was saved."""
        self.page.goto("/signup")
        self.fill_sign_up()

    def fill_sign_up(self) -> None:
        self.fill_account()
        self.save_kit()

    def fill_account(self) -> None:
        """Make the keys and type the code: the next page is the kit."""
        self.make_keys()
        self.field("Code").fill(self.product.mail_to(self.email, r"Your code is (\d{6})"))

    def make_keys(self) -> None:
        """Fill the form of a new account: the next page asks for the code."""
        self.field("E-mail").fill(self.email)
        self.field("Name").fill(self.name)
        self.field("Password").fill(self.password)
        self.button("Make my keys")
        expect(self.field("Code")).to_be_visible(timeout=SLOW)

    def save_kit(self) -> None:
        """Save the kit as a file, and type the group that the page asks for; another is refused."""
        listed = self.page.get_by_role("list", name="Recovery code, in groups")
        expect(listed).to_be_visible(timeout=SLOW)
        groups = listed.get_by_role("listitem").all_inner_texts()
        self.kit = "-".join(groups)
        with self.page.expect_download() as saved:
            self.button("Save as a file")
        file = saved.value.path().read_text(encoding="utf-8")
        assert re.findall(r"^ *\d+  (\w+)$", file, re.MULTILINE) == groups
        assert self.email in file
        label = self.page.get_by_text(re.compile(r"^Group \d+$"))
        asked = int(label.inner_text().removeprefix("Group "))
        typed = self.field(f"Group {asked}")
        typed.fill(next(group for group in groups if group != groups[asked - 1]))
        expect(self.page.get_by_text(f"This is not group {asked} of your kit.")).to_be_visible()
        expect(self.page.get_by_role("button", name="Go on", exact=True)).to_be_disabled()
        typed.fill(groups[asked - 1])
        self.button("Go on")

    def sign_in(self) -> None:
        self.page.goto("/signin")
        self.field("E-mail").fill(self.email)
        self.field("Password").fill(self.password)
        self.button("Sign in")

    def lock(self) -> None:
        self.button("Lock")
        expect(self.page.get_by_role("button", name="Unlock")).to_be_visible()

    def unlock(self) -> None:
        self.field("Password").fill(self.password)
        self.button("Unlock")

    # Teams, vaults and people.

    def create_team(self, name: str) -> None:
        expect(self.field("Name of the team")).to_be_visible(timeout=SLOW)
        self.field("Name of the team").fill(name)
        self.button("Create the team")

    def create_vault(self, name: str) -> None:
        self.button("New vault")
        self.field("Name of the vault").fill(name)
        self.button("Create the vault")
        self.open_vault(name)

    @property
    def case(self) -> Locator:
        """The left pane."""
        return self.page.get_by_role("navigation", name="Vaults and team")

    def open_vault(self, name: str) -> None:
        link = self.case.get_by_role("link", name=re.compile(re.escape(name)))
        expect(link).to_be_visible(timeout=SLOW)
        link.click()

    def open_members(self) -> None:
        self.case.get_by_role("link", name=re.compile("^Members")).click()

    def invite(
        self,
        email: str,
        vault: str,
        right: str,
        *,
        by_mail: bool = False,
        title: str = "The invitation is ready",
    ) -> str:
        """Return the link that goes to the invitee by another way than this server.

        Args:
            email: the invitee's.
            vault: its name.
            right: in that vault.
            by_mail: the link is to be mailed.
            title: what the dialog says of the link.
        """
        self.open_members()
        self.button("Invite")
        self.field("E-mail").fill(email)
        box = self.page.get_by_role("checkbox", name=vault)
        if not box.is_checked():
            box.check()
        self.field(f"Right in “{vault}”").select_option(right)
        if by_mail:
            self.page.get_by_role("radio", name="By mail").check()
        self.button("Make the link")
        link = self.field(f"Link for {email}")
        expect(link).to_be_visible(timeout=SLOW)
        expect(self.page.get_by_role("heading", name=title)).to_be_visible()
        url = link.input_value()
        letter = self.page.get_by_role("link", name="Write the mail")
        if by_mail:
            # The person's own mail program carries it: this server's mails never do.
            address = unquote(letter.get_attribute("href") or "")
            assert address.startswith(f"mailto:{email}?")
            assert url in address
        else:
            expect(letter).to_have_count(0)
        self.button("Done")
        return url

    def accept(self, url: str) -> None:
        """Open the link in a browser without an account, make one, and accept."""
        self.page.goto(url)
        self.page.get_by_role("link", name="Make an account").click()
        self.fill_sign_up()
        self.fill_acceptance()

    def fill_acceptance(self, *, by_mail: bool = False) -> None:
        """Accept the invitation that the page shows.

        Args:
            by_mail: what to say of the way of a link that was not made to be mailed.
        """
        expect(self.field("Your name in this team")).to_be_visible(timeout=SLOW)
        self.field("Your name in this team").fill(self.name)
        ways = self.page.get_by_role("group", name="How did this link reach you?")
        if ways.is_visible():
            ways.get_by_role("radio").nth(1 if by_mail else 0).check()
        self.button("Accept the invitation")

    def remove(self, name: str) -> None:
        self.open_members()
        self.button(f"Remove “{name}”")
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("button", name=f"Remove “{name}”").click()
        expect(dialog.get_by_text(f"“{name}” is removed")).to_be_visible(timeout=SLOW)
        dialog.get_by_role("button", name="Done").click()

    # Items.

    def add_item(
        self, vault: str, kind: str, title: str, values: dict[str, str], files: dict[str, Path]
    ) -> None:
        """Make an item; `files` are read into fields that are kept to the byte."""
        self.open_vault(vault)
        self.button("New item")
        self.button(re.compile(f"^{kind}"))
        self.field("Title").fill(title)
        for label, value in values.items():
            self.field(label).fill(value)
        for label, path in files.items():
            row = self.page.locator(".form-row").filter(has=self.field(label))
            row.locator("input[type=file]").set_input_files(path)
        self.button("Save the item")
        expect(self.page.get_by_role("heading", name=title, level=1)).to_be_visible(timeout=SLOW)

    def open_item(self, title: str) -> None:
        self.page.get_by_role("link", name=title, exact=True).click()
        expect(self.page.get_by_role("heading", name=title, level=1)).to_be_visible(timeout=SLOW)

    def reveal(self, label: str) -> str:
        """Return a secret value as the page shows it."""
        self.button(re.compile(f"^Reveal {label}$", re.IGNORECASE))
        return self.page.get_by_role("group", name=label, exact=True).inner_text()

    def copied(self, label: str) -> str:
        """Copy a value, and return what the clipboard then holds, to the byte."""
        self.page.evaluate("navigator.clipboard.writeText('')")
        self.button(re.compile(f"^Copy {label}$", re.IGNORECASE))
        copied = "navigator.clipboard.readText().then((text) => text !== '' && { text })"
        text = self.page.wait_for_function(f"() => {copied}").json_value()["text"]
        assert isinstance(text, str), text
        return text

    def change_note(self, note: str) -> None:
        """Write the note of the item that is open, and save."""
        self.page.get_by_role("link", name="Edit", exact=True).click()
        self.page.get_by_role("textbox", name="Note").fill(note)
        self.button("Save the item")
        expect(self.page.get_by_text(note)).to_be_visible(timeout=SLOW)
