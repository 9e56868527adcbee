"""Items: a blob in its place, a vault that is whole and in order, links that do not fit."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.person import SLOW
from tests.evil.leaks import written
from tests.evil.proxy import (
    CHANGES,
    ITEM,
    Answer,
    Ask,
    Bend,
    LyingServer,
    Sent,
    rewritten,
)
from tests.evil.scene import Scene, changes_sent
from tests.evil.sync import (
    Record,
    Tale,
    held_back,
    other_links,
    other_rows,
    telling,
)
from tests.evil.team import Content, Team
from tests.evil.victim import Victim
from tests.product import Product
from vaults.crypto import cbor

LINKS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "duplicated": lambda links: [links[0], *links],
    "reordered": lambda links: links[::-1],
}
WAITING = "Waiting for the rest of the log"
CUT_AHEAD = "Waiting for entries that"


def _items_with(swap: Record) -> Bend:
    return rewritten(lambda values: [{**values[0], **swap}])


def blobs_of(team: Team, vault: bytes, item: bytes, query: str = "") -> Record:
    """An item's blobs, as the server has them."""
    place = f"vaults/{UUID(bytes=vault)}/items/{UUID(bytes=item)}{query}"
    found: Record = cbor.loads(team.get(team.founder, place).content)
    return {name: found[name] for name in ("overview", "details", "c_details")}


def test_R7_a_blob_in_another_s_place(scene: Scene) -> None:
    """Five swaps: the two parts of an item, another item, vault and team, an older revision."""
    elsewhere = scene.team()
    (far,) = elsewhere.write_items(elsewhere.vault, "Far away")
    team = scene.team()
    second = team.new_vault(f"Second {team.number}")
    (near,) = team.write_items(second, "Near by")
    titles = ["Parts", "Item", "Vault", "Team", "Revision"]
    items = dict(zip(titles, team.write_items(team.vault, *titles), strict=True))
    (other,) = team.write_items(team.vault, "Other", note="another note")
    for title, item in items.items():
        team.rewrite(team.vault, item, f"{title} {team.number}")
    mine = blobs_of(team, team.vault, items["Parts"])
    swaps = {
        "Parts": {"overview": mine["details"], "details": mine["overview"]},
        "Item": blobs_of(team, team.vault, other),
        "Vault": blobs_of(team, second, near),
        "Team": blobs_of(elsewhere, elsewhere.vault, far),
        "Revision": blobs_of(team, team.vault, items["Revision"], "?revision=1"),
    }
    scene.victim.sees(team.vault, "Other")
    scene.victim.open_item("Other")
    expect(scene.victim.page.get_by_text("another note")).to_be_visible(timeout=SLOW)
    for title, swap in swaps.items():
        scene.victim.sees(team.vault, f"{title} {team.number}")
        with scene.liar.lying("GET", ITEM, _items_with(swap)):
            scene.victim.row(f"{title} {team.number}").click()
            scene.victim.expect_refusal("R7.open", asked=True)
    scene.silent(team, len(scene.liar.sent))
    scene.recovers(team)
    for title in titles:
        scene.victim.sees(team.vault, f"{title} {team.number}")
        scene.victim.open_item(f"{title} {team.number}")


# Fields of a row: item, revision, epoch, author, c(details), overview.
@pytest.mark.parametrize(
    ("refusal", "field", "value"),
    [
        ("R7.open", 1, 2),
        ("R7.open", 2, 99),
        ("R7.open", 3, bytes(16)),
        ("R7.hash", 4, bytes(32)),
    ],
    ids=["revision", "epoch", "author", "commitment"],
)
def test_R11_what_the_server_says_of_an_item(
    scene: Scene, refusal: str, field: int, value: int | bytes
) -> None:
    """Dates, titles and types are inside the blob; what lies beside it decides nothing."""
    team = scene.team()
    scene.honest(team)

    def flip(rows: list[list[Any]]) -> list[list[Any]]:
        for row in rows:
            row[field] = value
        return rows

    title = f"Flipped {team.number}"
    with scene.told(other_rows(team.vault, flip)):
        team.write_items(team.vault, title)
        scene.refuses(team, refusal)
        expect(scene.victim.row(title)).to_have_count(0)
    scene.recovers(team)
    scene.victim.sees(team.vault, title)


def _rolled_back(team: Team, old: list[Any]) -> Any:
    return other_rows(team.vault, lambda rows: [old if row[0] == old[0] else row for row in rows])


@pytest.mark.parametrize(
    ("refusal", "lie"),
    [
        ("R12.items", "dropped"),
        ("R12.items", "rolled back"),
        ("T1.seq", "duplicated"),
        ("T1.seq", "reordered"),
    ],
)
def test_R12_a_vault_is_complete_and_in_order(scene: Scene, refusal: str, lie: str) -> None:
    team = scene.team()
    first = team.sealed(team.founder, team.vault, [Content(team.item(), 1, "First")])
    team.keep(team.founder, team.vault, first)
    item = first.rows[0][0]
    scene.victim.sees(team.vault, "First")
    change = {
        "dropped": other_rows(team.vault, lambda rows: [row for row in rows if row[0] != item]),
        "rolled back": _rolled_back(team, first.rows[0]),
    }.get(lie)
    with scene.told(change or other_links(team.vault, LINKS[lie])):
        team.rewrite(team.vault, item, "Second")
        team.write_items(team.vault, "Third")
        scene.refuses(team, refusal)
        # The last good state: a link that is told twice is good the first time.
        good = "Second" if lie == "duplicated" else "First"
        expect(scene.victim.row(good)).to_be_visible()
    scene.recovers(team)
    scene.victim.sees(team.vault, "Second", "Third")


def test_R12_items_whose_key_is_withheld_are_counted(scene: Scene, browser: Browser) -> None:
    """A new browser gets the newest key alone, and no way from it to the one before."""
    team = scene.team(bob="read")
    scene.honest(team)
    team.remove(team.founder, team.people["bob"])
    assert team.rotate(team.founder, team.vault).status_code == 201
    title = f"Of the second key {team.number}"
    team.write_items(team.vault, title)

    def withhold(tale: Tale) -> None:
        record = tale.team(team.team.state.id)
        if record is not None:
            record["olds"] = []
            record["grants"] = [
                row for row in record["grants"] if cbor.loads(row["grant"])["epoch"] > 1
            ]

    with scene.told(withhold), scene.new_browser(browser) as there:
        there.enter()
        there.sees(team.vault, title)
        expect(there.page.get_by_text("2 items of this vault wait for a key")).to_be_visible()
        expect(there.row(f"Honest {team.number}")).to_have_count(0)
        there.expect_no_refusal()
    with scene.new_browser(browser) as there:
        there.enter()
        there.sees(team.vault, title, f"Honest {team.number}")
        expect(there.page.get_by_text("wait for a key")).to_have_count(0)
    scene.recovers(team)


def test_R16_a_bit_is_flipped(scene: Scene) -> None:
    """What was refused is not asked for again."""
    team = scene.team()
    (good, bad) = (f"Good {team.number}", f"Bad {team.number}")
    team.write_items(team.vault, good, bad, note="to the bit")
    scene.victim.sees(team.vault, good, bad)
    scene.victim.open_item(good)
    expect(scene.victim.page.get_by_text("to the bit")).to_be_visible(timeout=SLOW)

    def flip(values: list[Any]) -> list[Any]:
        details = bytearray(values[0]["details"])
        details[-1] ^= 1
        return [{**values[0], "details": bytes(details)}]

    with scene.liar.lying("GET", ITEM, rewritten(flip)) as lie:
        scene.victim.row(bad).click()
        scene.stopped(team, "R7.open", asked=True)
        assert lie.told == 1
    scene.recovers(team)
    scene.victim.sees(team.vault, bad)
    scene.victim.open_item(bad)
    expect(scene.victim.page.get_by_text("to the bit")).to_be_visible(timeout=SLOW)


def test_F3_a_removed_writer_dates_back(scene: Scene) -> None:
    team = scene.team(mallory="write")
    scene.honest(team)
    mallory, state = team.people["mallory"], team.team.state
    before = {"hash": state.head, "seq": state.seq}
    team.remove(team.founder, mallory)
    contents = [Content(team.item(), 1, "Written after the removal")]
    late = team.sealed(mallory, team.vault, contents, seen=before)
    with scene.forged_change(team, late):
        scene.refuses(team, "T15.backdated")
        expect(scene.victim.row("Written after the removal")).to_have_count(0)
    assert team.rotate(team.founder, team.vault).status_code == 201
    scene.recovers(team)


def test_F4_a_purge_that_no_link_says(scene: Scene) -> None:
    """The head is good, and the item's row says that it was purged."""
    team = scene.team()
    title = f"Not purged {team.number}"
    (item,) = team.write_items(team.vault, title)
    scene.victim.sees(team.vault, title)

    def purge(rows: list[list[Any]]) -> list[list[Any]]:
        return [[*row[:5], None] if row[0] == item else row for row in rows]

    with scene.told(other_rows(team.vault, purge)):
        team.rewrite(team.vault, item, f"{title} again")
        scene.refuses(team, "R12.items")
        expect(scene.victim.row(title)).to_be_visible()
    scene.recovers(team)
    scene.victim.sees(team.vault, f"{title} again")


def test_F26_other_contents_under_the_author_s_name(scene: Scene) -> None:
    """A writer, who has the key, seals another text into the place of an item of the founder's."""
    team = scene.team(mallory="write")
    title = f"By the founder {team.number}"
    (item,) = team.write_items(team.vault, title)
    scene.victim.sees(team.vault, title)
    scene.victim.open_item(f"Mooring {team.number}")
    other, _ = team.blob(team.founder, team.vault, Content(item, 1, title, "wire it to Mallory"), 1)
    with scene.liar.lying("GET", ITEM, rewritten(lambda values: [{**values[0], **other}])):
        scene.victim.at(team.vault)
        scene.victim.row(title).click()
        scene.stopped(team, "R7.hash", asked=True)
        expect(scene.victim.page.get_by_text("wire it to Mallory")).to_have_count(0)
    scene.recovers(team)
    scene.victim.sees(team.vault, title)
    scene.victim.open_item(title)
    expect(scene.victim.page.get_by_text("nobody but us reads this")).to_be_visible(timeout=SLOW)


def test_F28_a_vault_link_before_its_team_link(scene: Scene) -> None:
    """It waits, and says so; with the rest the verdict is that of one batch."""
    team = scene.team()
    scene.honest(team)
    state = team.team.state
    chain, head = state.id, (state.seq, state.head)
    mallory = team.join(team.newcomer("mallory"), {team.vault: "write"})
    title = f"Ahead of it {team.number}"
    team.write_items(team.vault, title, actor=mallory)

    def hide_team(tale: Tale) -> None:
        record = tale.team(chain)
        if record is not None:
            record["links"] = []
        for row in (tale.team_head(chain), record):
            if row is not None:
                row["seq"], row["hash"] = head

    begun = len(scene.liar.sent)
    with scene.told(hide_team):
        scene.rounds(1)
        scene.victim.at(team.vault)
        waits = scene.victim.page.get_by_text(WAITING)
        expect(waits).to_be_visible(timeout=SLOW)
        expect(scene.victim.row(f"Honest {team.number}")).to_be_visible()
        scene.silent(team, begun)
        scene.victim.expect_no_refusal()
    scene.victim.sees(team.vault, title)
    expect(waits).to_have_count(0)
    scene.recovers(team)


class Stale:
    """Shows a team as it was, until a change has been sent."""

    def __init__(self, team: Team) -> None:
        self.old = telling(held_back(team))
        self.new = telling()
        self.is_over = False

    def sync(self, sent: Sent, ask: Ask) -> Answer | None:
        """Tell the old state, or the truth."""
        return (self.new if self.is_over else self.old)(sent, ask)

    def changes(self, sent: Sent, ask: Ask) -> Answer:
        """Let the server judge what was built on the old state."""
        answer = ask()
        self.is_over = True
        return answer


def test_F29_a_stale_writer_after_a_reader_s_removal(scene: Scene) -> None:
    """The removal is held back: the write is refused by the server, and rotates when it is seen."""
    team = scene.team(bob="read")
    scene.victim.writes(team.vault, f"While Bob reads {team.number}")
    team.catch_up()
    bob, stale = team.people["bob"], Stale(team)
    with ExitStack() as lies:
        lies.enter_context(scene.liar.lying("POST", "sync", stale.sync))
        lies.enter_context(scene.liar.lying("POST", CHANGES, stale.changes))
        team.remove(team.founder, bob)
        scene.rounds(1)
        scene.victim.writes(team.vault, f"Not for Bob {team.number}")
    first, last = changes_sent(scene)[1:]
    assert first["rotation"] is None
    assert bob.fp not in {cbor.loads(row["grant"])["to"] for row in last["rotation"]["grants"]}
    scene.no_leak(team)
    team.catch_up()
    assert team.team.state.vaults[team.vault].epoch == 2
    scene.recovers(team)
    scene.victim.sees(team.vault, f"Not for Bob {team.number}")


def test_F36_a_cut_ahead_waits(scene: Scene) -> None:
    """A removal names a state of the vault that is held back: what was shown stays."""
    team = scene.team(bob="read")
    scene.honest(team)
    state = team.team.vaults[team.vault].state
    seq, head = state.seq, state.head
    title = f"Held back {team.number}"
    team.write_items(team.vault, title)
    team.remove(team.founder, team.people["bob"])

    def hide_vault(tale: Tale) -> None:
        for row in (tale.vault_head(team.vault), tale.vault(team.vault)):
            if row is not None:
                row["seq"], row["hash"] = seq, head
        tale.rows(team.vault)[:] = []
        tale.links(team.vault)[:] = []

    begun = len(scene.liar.sent)
    with scene.told(hide_vault):
        scene.rounds(1)
        scene.victim.at(team.vault)
        expect(scene.victim.page.get_by_text(CUT_AHEAD)).to_be_visible(timeout=SLOW)
        expect(scene.victim.row(f"Honest {team.number}")).to_be_visible()
        scene.silent(team, begun)
    scene.victim.sees(team.vault, title)
    assert team.rotate(team.founder, team.vault).status_code == 201
    scene.recovers(team)


def test_F36_a_cut_behind_what_was_shown(
    honest_product: Product, liar: LyingServer, scene: Scene, browser: Browser
) -> None:
    """A writer's change was shown to the victim alone, then somebody is removed without it.

    Two histories were signed, so this vault stays as it is for good: readable, and closed to
    writing. It is told to an account of its own.
    """
    victim = Victim(honest_product, liar, browser, "Lone Quill")
    victim.sign_up()
    expect(victim.field("Name of the team")).to_be_visible(timeout=SLOW)
    alone = Scene(honest_product, liar, scene.cast, victim)
    other = alone.team()
    team = alone.team(mallory="write", bob="read")
    alone.honest(team)
    title = f"Shown to one {team.number}"
    own = team.sealed(team.people["mallory"], team.vault, [Content(team.item(), 1, title)])
    with alone.forged_change(team, own):
        victim.sees(team.vault, title)
        victim.expect_no_refusal()
        team.remove(team.founder, team.people["bob"])
        alone.refuses(team, "T4.cut")
        expect(victim.row(title)).to_be_visible()
        expect(victim.row(f"Honest {team.number}")).to_be_visible()
    other.write_items(other.vault, f"Elsewhere {other.number}")
    victim.sees(other.vault, f"Elsewhere {other.number}")
    assert written(liar.sent, team.path) == []
    victim.context.close()
