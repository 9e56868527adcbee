"""What the page says where an answer tells one thing and the chain another.

A change counts as written when it stands in the log that the browser has checked. Until then, and
if another has its place, what was typed is kept.
"""

import re
import time

from playwright.sync_api import expect

from tests.e2e.person import SLOW
from tests.evil.proxy import Answer, Ask, Sent, never_arrived
from tests.evil.scene import Scene, changes_sent
from vaults.crypto import cbor

CHANGES = "teams/.*/vaults/.*/changes"


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
        seen = sum(each.path == "sync" for each in scene.liar.sent)
        team.write_items(team.vault, f"In its place {team.number}")
        deadline = time.monotonic() + SLOW / 1000
        # Two looks of the browser's own: the second begins when the first has been taken in.
        while sum(each.path == "sync" for each in scene.liar.sent) < seen + 2:
            assert time.monotonic() < deadline, "the browser does not look"
            time.sleep(0.05)
        time.sleep(0.5)
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
