"""What is pictured: each screen's address, the state it begins in, and what is pressed there."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

# Ids of the sample data.
FLEET = f"{11:032x}"
TEAM = f"{1:032x}"
FRAGMENT = "A" * 86  # of an invitation: as long as a real one
COMPARE = "Compare words with “pewter lilac sprint domino radish fable”"
BOTH = "Show this one: “There are two histories”, T4.fork"
HEARD = "This is what I hear"
OWN_WORDS = "Words of “pewter lilac sprint domino radish fable”"
SSH, ENV, DATABASE, GRAFANA, TRASHED, UNREADABLE = (
    f"{1000 + number:032x}" for number in (0, 1, 2, 3, 8, 9)
)


@dataclass(frozen=True)
class Shot:
    """One screen: where it is, the state it begins in, and what is pressed there."""

    name: str
    path: str
    scene: str = "full"
    act: Callable[[Page], None] | None = None
    query: str = ""


def press(*names: str) -> Callable[[Page], None]:
    """Return what presses buttons, by their names, one after the other."""

    def run(page: Page) -> None:
        for name in names:
            page.get_by_role("button", name=name, exact=True).first.click()

    return run


def type_search(text: str) -> Callable[[Page], None]:
    """Return what searches."""
    return lambda page: page.get_by_label("Search all items you can open").fill(text)


def few_rows(page: Page) -> None:
    """Of 10,000 rows at most 26 are drawn, at the end of the list too."""
    expect(page.locator("li.row").first).to_be_visible()
    expect(page.locator("li.row:nth-child(27)")).to_have_count(0)
    page.locator("li.row a").first.press("End")
    expect(page.get_by_role("link", name="Runbook: restore order")).to_be_focused()
    expect(page.locator("li.row:nth-child(27)")).to_have_count(0)


def keyboard_help(page: Page) -> None:
    """Leave the search box, then ask for the keys."""
    page.get_by_label("Search all items you can open").press("Escape")
    page.locator("body").press("Shift+?")
    expect(page.get_by_role("dialog")).to_be_visible()


private_key = press("Reveal private key", "Copy user")


def create_vault(page: Page) -> None:
    """Open the dialog of a new vault."""
    page.get_by_role("button", name="Create a vault").click()


def bad_port(page: Page) -> None:
    """Type a port that is none."""
    page.get_by_label("Port", exact=True).fill("54320x")


def sign_up(page: Page) -> None:
    """Fill the form of a new account with a password that holds the name."""
    page.get_by_label("E-mail").fill("maya@example.net")
    page.get_by_label("Name").fill("Maya Lindqvist")
    page.get_by_label("Password", exact=True).fill("Lindqvist2026!")
    page.get_by_text("Holds off a casual guess").wait_for()
    page.get_by_role("button", name="Make my keys").click()


def enter_code(code: str) -> Callable[[Page], None]:
    """Return what enters a code."""
    return lambda page: page.get_by_label("Code").fill(code)


wrong_code = enter_code("000000")


def sign_in(password: str) -> Callable[[Page], None]:
    """Return what signs in."""

    def run(page: Page) -> None:
        page.get_by_label("E-mail").fill("maya@example.net")
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Sign in").click()

    return run


def mail_link(page: Page) -> None:
    """Ask for a link where others have tried too often."""
    sign_in("tried too often")(page)
    press("Mail me a link")(page)


def new_key(page: Page) -> None:
    """Begin an SSH key, with the generator open."""
    page.get_by_role("button", name="SSH key").click()
    page.get_by_label("Title").fill("Deploy key")
    page.get_by_role("button", name="Open the generator for passphrase").click()
    page.get_by_role("group", name="Password generator").scroll_into_view_if_needed()


def conflict(page: Page) -> None:
    """Save what somebody else saved first."""
    page.get_by_role("textbox", name="Note").fill("Changed by me.")
    page.get_by_role("button", name="Save").click()


def invite(page: Page) -> None:
    """Fill the invitation."""
    press("Invite")(page)
    page.get_by_label("E-mail").fill("ines@example.net")
    page.get_by_label("Web fleet").check()


def invited(page: Page) -> None:
    """Make the invitation's link."""
    invite(page)
    press("Make the link")(page)


def copied(page: Page) -> None:
    """Copy the link: what is said of it lies above the dialog."""
    invited(page)
    press("Copy link")(page)
    page.get_by_text("Link copied.").wait_for()


def invite_by_mail(page: Page) -> None:
    """Choose the weaker way."""
    invite(page)
    page.get_by_role("radio", name="By mail").check()


def invited_by_mail(page: Page) -> None:
    """Make the link that goes out by the person's own mail program."""
    invite_by_mail(page)
    press("Make the link")(page)


def compare(phrase: str) -> Callable[[Page], None]:
    """Return what chooses a phrase in the dialog of an admin."""

    def run(page: Page) -> None:
        press(COMPARE)(page)
        page.get_by_role("radio", name=phrase).check()
        press(HEARD)(page)

    return run


def long_report(page: Page) -> None:
    """Open the report of a refusal with much to say."""
    press("Show what")(page)
    page.get_by_text("Technical details").click()
    page.get_by_role("group", name="Report").scroll_into_view_if_needed()


take_away = press("Take away access of “Ben Okafor”")


def to_the_key(page: Page) -> None:
    """Look at what is said of the vault's key."""
    page.get_by_role("heading", name="Key", exact=True).scroll_into_view_if_needed()
    page.mouse.wheel(0, 600)


def to_the_sessions(page: Page) -> None:
    """Look at where one is signed in."""
    page.get_by_text("As this server tells it").scroll_into_view_if_needed()


def to_the_kit(page: Page) -> None:
    """Look at what is said of a kit that was never confirmed."""
    page.get_by_text("You did not confirm").scroll_into_view_if_needed()


def drawer(page: Page) -> None:
    """Open the left pane, where it is a drawer."""
    menu = page.get_by_role("button", name="Open menu")
    if menu.is_visible():
        menu.click()


def make_auditor(page: Page) -> None:
    """Choose the role that takes all rights away."""
    page.get_by_label("Role of “Ben Okafor”").select_option("auditor")


SHOTS = (
    Shot("booting", "/", "booting"),
    Shot("sign-in", "/signin", "anonymous"),
    Shot("sign-in-wrong", "/signin", "anonymous", sign_in("wrong")),
    Shot("refusal", "/signin", "anonymous", sign_in("lying server")),
    Shot("sign-in-tried", "/signin", "anonymous", sign_in("tried too often")),
    Shot("sign-in-mailed", "/signin", "anonymous", mail_link),
    Shot("device", "/device", "anonymous", query="#whole"),
    Shot("device-used", "/device", "anonymous", query="#used"),
    Shot("device-offline", "/device", "anonymous", query="#offline"),
    Shot("sign-in-left", "/signin", "left"),
    Shot("sign-up", "/signup", "anonymous"),
    Shot("sign-up-weak", "/signup", "anonymous", sign_up),
    Shot("sign-up-left", "/signup", "left"),
    Shot("code", "/", "code", wrong_code),
    Shot("code-resent", "/", "code", press("Send a new code")),
    Shot("code-over", "/", "code", enter_code("999999")),
    Shot("code-second-factor", "/", "stage"),
    Shot("kit-unheard", "/", "unheard_kit"),
    Shot("kit", "/", "kit", press("Go on without a kit")),
    Shot("locked", "/", "locked"),
    Shot("unsupported", "/", "wasm"),
    Shot("join-anonymous", "/join", "anonymous", query="#" + FRAGMENT),
    Shot("join-open", "/join", query="#" + FRAGMENT),
    Shot("join-unsaid", "/join", "full", press("Accept the invitation"), query="#" + FRAGMENT),
    Shot("join-waiting", "/join", query="&invite=waiting#" + FRAGMENT),
    Shot("join-joined", "/join", query="&invite=joined#" + FRAGMENT),
    Shot("join-expired", "/join", query="&expired#" + FRAGMENT),
    Shot("join-used", "/join", "anonymous", query="&closed=invite_used#" + FRAGMENT),
    Shot("join-dead", "/join", query="&closed=invite_dead#" + FRAGMENT),
    Shot("join-revoked", "/join", "anonymous", query="&closed=invite_revoked#" + FRAGMENT),
    Shot("join-unknown", "/join", "anonymous", query="&closed=not_found#" + FRAGMENT),
    Shot("join-open-mail", "/join", query="&mail#" + FRAGMENT),
    Shot("join-offline", "/join", query="&closed=offline#" + FRAGMENT),
    Shot("join-member", "/join", query="&invite=member#" + FRAGMENT),
    Shot("join-mail", "/join", query="&invite=waiting&mail#" + FRAGMENT),
    Shot("join-unheard", "/join", "unheard", query="&invite=joined&mail&mine#" + FRAGMENT),
    Shot("join-other", "/join", query="&other#" + FRAGMENT),
    Shot("join-broken", "/join"),
    Shot("first-team", "/", "fresh"),
    Shot("no-vault", "/", "novault"),
    Shot("empty", "/", "empty"),
    Shot(
        "new-vault",
        "/",
        "novault",
        create_vault,
    ),
    Shot("list", "/"),
    Shot("drawer", "/", "full", drawer),
    Shot("row-menu", "/", "full", press("More for “Grafana, admin”")),
    Shot("many", "/", "many", few_rows),
    Shot("search", "/", "many", type_search("99 root")),
    Shot("search-none", "/", "full", type_search("db-o1")),
    Shot("item-ssh", f"/vaults/{FLEET}/{SSH}", "full", press("Reveal passphrase")),
    Shot("item-ssh-key", f"/vaults/{FLEET}/{SSH}", "full", private_key),
    Shot("item-env", f"/items/{ENV}", "full", press("Reveal SIGNING_KEY")),
    Shot("item-unreadable", f"/items/{UNREADABLE}", "unreadable"),
    Shot("item-refused", f"/vaults/{FLEET}/{GRAFANA}", "refused", press("Back")),
    Shot("item-older", f"/vaults/{FLEET}/{GRAFANA}", "refused", press("Back", "Show revision 3")),
    Shot("item-database", f"/items/{DATABASE}/history"),
    Shot("new-item", "/new"),
    Shot("new-ssh", f"/new?vault={FLEET}", "full", new_key),
    Shot("edit-ssh", f"/items/{SSH}/edit", "full", press("Show and edit private key")),
    Shot("edit-env", f"/items/{ENV}/edit", "full", press("Show and edit variables")),
    Shot(
        "edit-database",
        f"/items/{DATABASE}/edit",
        "full",
        bad_port,
    ),
    Shot("conflict", f"/items/{SSH}/edit", "conflict", conflict),
    Shot("undone", f"/vaults/{FLEET}/{SSH}", "full", press("Move to trash", "Undo")),
    Shot("trash", f"/trash/{TRASHED}"),
    Shot("purge", f"/trash/{TRASHED}", "full", press("Purge")),
    Shot("members", f"/teams/{TEAM}/members", "full", press("Words of “Maya Lindqvist”")),
    Shot("members-unheard", f"/teams/{TEAM}/members", "unheard", press(HEARD)),
    Shot("members-by-mail", f"/teams/{TEAM}/members", "by-mail"),
    Shot("members-differed", f"/teams/{TEAM}/members", "differed", press("Words of “Ben Okafor”")),
    Shot("members-heard", f"/teams/{TEAM}/members", "heard", press(OWN_WORDS)),
    Shot("no-words", "/", "unheard"),
    Shot("compare", f"/teams/{TEAM}/members", "full", press(COMPARE)),
    Shot("compare-unchosen", f"/teams/{TEAM}/members", "full", press(COMPARE, HEARD)),
    Shot(
        "compare-agree",
        f"/teams/{TEAM}/members",
        "full",
        compare("gravel nimble anvil sunlit keel wicker"),
    ),
    Shot("compare-differ", f"/teams/{TEAM}/members", "full", compare("None of these")),
    Shot(
        "compare-kept",
        f"/teams/{TEAM}/members",
        "unanswered",
        compare("gravel nimble anvil sunlit keel wicker"),
    ),
    Shot("members-ended", f"/teams/{TEAM}/members", "ended"),
    Shot("invite-mail", f"/teams/{TEAM}/members", "full", invite_by_mail),
    Shot("invited-mail", f"/teams/{TEAM}/members", "full", invited_by_mail),
    Shot("invite", f"/teams/{TEAM}/members", "full", invite),
    Shot("invited", f"/teams/{TEAM}/members", "full", invited),
    Shot("invited-copied", f"/teams/{TEAM}/members", "full", copied),
    Shot("remove", f"/teams/{TEAM}/members", "full", press("Remove “Ben Okafor”")),
    Shot("access", f"/vaults/{FLEET}/access"),
    Shot("access-last", f"/vaults/{FLEET}/access", "last", take_away),
    Shot("access-key", f"/vaults/{FLEET}/access", "last", press("Renew the key")),
    Shot("access-keys", f"/vaults/{FLEET}/access", "last", to_the_key),
    Shot("auditor", f"/teams/{TEAM}/members", "last", make_auditor),
    Shot("settings", "/settings"),
    Shot("settings-kitless", "/settings", "kitless", to_the_kit),
    Shot("settings-sessions", "/settings", "full", to_the_sessions),
    Shot("keyboard", "/", "full", keyboard_help),
    Shot("notices", "/", "notices"),
    Shot("refused", "/", "refused", press("Show what")),
    Shot("refused-fork", "/", "fork", press("Show what")),
    Shot("refused-fork-links", "/", "fork", press("Show what", BOTH)),
    Shot("refused-older", "/", "older", press("Show what")),
    Shot("refused-team", "/", "stranger", press("Show what")),
    Shot("refused-person", "/", "person", press("Show what")),
    Shot("refused-key", "/", "key", press("Show what")),
    Shot("refused-recipient", "/", "recipient", press("Show what")),
    Shot("refused-long", "/", "long", long_report),
    Shot("standing", "/", "standing"),
    Shot("waiting-for-key", f"/vaults/{13:032x}"),
    Shot("nowhere", "/nothing/here"),
)
