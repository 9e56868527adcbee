"""What the page says where an answer, or what this browser kept, tells less than the chain.

A change counts as written when it stands in the log that the browser has checked. Until then, and
if another has its place, what was typed is kept. What the browser pinned counts, however old the
state is that it kept beside the pins.
"""

import re
import time

from playwright.sync_api import expect

from tests.e2e.person import SLOW
from tests.evil.proxy import Answer, Ask, Sent, never_arrived, replayed
from tests.evil.scene import Scene, changes_sent
from tests.evil.sync import held_back
from tests.evil.team import NOTE
from vaults.crypto import cbor

CHANGES = "teams/.*/vaults/.*/changes"
BEHIND = "Waiting for what this browser has already seen"
NOTHING_NEW = Answer(304, (), b"")
# The verified chains that the browser keeps, taken aside in its locked page, and put back there.
CACHE = """(isBack) => new Promise((resolve, reject) => {
    const asked = indexedDB.open("coffret")
    asked.onsuccess = () => {
        const transaction = asked.result.transaction("values", "readwrite")
        const table = transaction.objectStore("values")
        const range = IDBKeyRange.bound("cache/", "cache0")
        if (isBack) for (const [key, value] of window.kept) table.put(value, key)
        else {
            window.kept = []
            table.openCursor(range).onsuccess = ({ target: { result } }) => {
                if (result === null) return
                window.kept.push([result.key, result.value])
                result.continue()
            }
        }
        transaction.oncomplete = () => { asked.result.close(); resolve(window.kept.length) }
        transaction.onabort = reject
    }
    asked.onerror = reject
})"""


def test_F13_what_waited_too_long_is_a_draft_again(scene: Scene) -> None:
    """The connection breaks, a colleague writes first, and nothing that was typed is gone."""
    team = scene.team()
    page, title = scene.victim.page, f"Typed offline {team.number}"
    with (
        scene.liar.lying("POST", CHANGES, never_arrived),
        scene.liar.lying("POST", "sync", never_arrived),
    ):
        scene.victim.begin_note(team.vault, title, "the only copy")
        scene.victim.button("Save the item")
        expect(page.get_by_text("Kept, sealed, on this device.")).to_be_visible(timeout=SLOW)
        team.write_items(team.vault, f"Faster {team.number}")
    scene.victim.look()
    expect(page.get_by_text("It is a draft again")).to_be_visible(timeout=SLOW)
    scene.victim.sees(team.vault, f"Faster {team.number}")
    expect(scene.victim.row(title)).to_have_count(0)
    scene.victim.button("New item")
    scene.victim.button(re.compile(f"^Continue .*{title}"))
    expect(page.get_by_role("textbox", name="Note")).to_have_value("the only copy")
    scene.victim.button("Save the item")
    expect(page.get_by_role("heading", name=title, level=1)).to_be_visible(timeout=SLOW)
    scene.recovers(team, catch_up=True)


def test_F13_a_change_that_is_only_said_to_be_written(scene: Scene) -> None:
    """The server holds the change, lets a colleague's have its place, and says that it is done."""
    team = scene.team()
    page, title = scene.victim.page, f"Claimed {team.number}"

    def claim(_sent: Sent, _ask: Ask) -> Answer:
        team.write_items(team.vault, f"In its place {team.number}")
        seen = sum(each.path == "sync" for each in scene.liar.sent)
        deadline = time.monotonic() + SLOW / 1000
        # Two looks of the browser's own: the second begins when the first has been taken in.
        while sum(each.path == "sync" for each in scene.liar.sent) < seen + 2:
            assert time.monotonic() < deadline, "the browser does not look"
            time.sleep(0.05)
        return Answer(201, (("Content-Type", "application/cbor"),), cbor.dumps({"seq": 3}))

    with scene.liar.lying("POST", CHANGES, claim, times=1):
        scene.victim.begin_note(team.vault, title, "the only copy")
        scene.victim.button("Save the item")
        expect(scene.victim.badge).to_be_visible(timeout=3 * SLOW)
        expect(page.get_by_text("code T4.fork")).to_be_visible()
        expect(page.get_by_text("What you did is not in the log", exact=True)).to_be_visible()
    assert len(changes_sent(scene)) == 1
    scene.victim.button("Back")
    scene.victim.at(team.vault)
    expect(scene.victim.row(f"In its place {team.number}")).to_be_visible()
    expect(scene.victim.row(title)).to_have_count(0)
    scene.silent(team, len(scene.liar.sent))
    scene.victim.relock()
    scene.victim.at(team.vault)
    scene.victim.button("New item")
    scene.victim.button(re.compile(f"^Continue .*{title}"))
    expect(page.get_by_role("textbox", name="Note")).to_have_value("the only copy")
    scene.victim.button("Cancel")
    scene.victim.button("Discard")
    scene.recovers(team)


def test_T4_what_this_browser_kept_is_older_than_what_it_has_seen(scene: Scene) -> None:
    """It was left before it had kept what it saw: it reads, and writes when it has the rest.

    First nothing comes, which is no lie that could be named; then the state of that time.
    """
    team = scene.team()
    scene.honest(team)
    page, title = scene.victim.page, f"Seen and not kept {team.number}"
    scene.victim.relock()
    scene.victim.lock()
    assert page.evaluate(CACHE, False) > 0
    older = held_back(team)
    scene.victim.enter()
    team.write_items(team.vault, title)
    scene.victim.sees(team.vault, title)
    scene.victim.lock()
    page.evaluate(CACHE, True)
    begun = len(scene.liar.sent)
    with scene.liar.lying("POST", "sync", replayed(NOTHING_NEW)):
        scene.victim.enter()
        scene.victim.at(team.vault)
        expect(page.get_by_role("main").get_by_text(BEHIND)).to_be_visible(timeout=SLOW)
        expect(scene.victim.row(f"Honest {team.number}")).to_be_visible()
        expect(scene.victim.row(title)).to_have_count(0)
        scene.victim.open_item(f"Mooring {team.number}")
        expect(page.get_by_text(NOTE)).to_be_visible(timeout=SLOW)
        expect(page.get_by_role("link", name="Edit", exact=True)).to_have_count(0)
        scene.silent(team, begun)
        scene.victim.expect_no_refusal()
    with scene.told(older):
        scene.refuses(team, "T4.older")
        scene.victim.at(team.vault)
        expect(scene.victim.row(f"Honest {team.number}")).to_be_visible()
    scene.recovers(team)
    scene.victim.sees(team.vault, title)
    expect(page.get_by_text(BEHIND)).to_have_count(0)
