"""The cases of the design's review: F1-F36 as far as their numbers exist, in a real browser.

Where a colleague helps the server, the colleague's keys are real. What only a later feature can do
(recovery by peers, a custodian) is shown here by links that this version refuses; what is the
server's own affair (F14) is told by the answers that it would give.
"""

import base64
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from tests.chains import Person
from tests.e2e.person import SLOW
from tests.evil.grants import share
from tests.evil.leaks import written
from tests.evil.proxy import (
    Answer,
    Ask,
    Bend,
    LyingServer,
    Sent,
    dropped,
    never_arrived,
    problem,
    rewritten,
)
from tests.evil.scene import Scene
from tests.evil.sync import (
    Change,
    Record,
    Tale,
    link_hash,
    other_rows,
    other_team,
    telling,
)
from tests.evil.team import Content, Team
from tests.evil.victim import Victim
from tests.product import Product
from vaults.crypto import cbor
from vaults.crypto.keys import Dek
from vaults.crypto.seal import OLD_DEK, seal

CHANGES = "teams/.*/vaults/.*/changes"
ITEM = "teams/.*/vaults/.*/items/.*"
# The order of the group of Ed25519.
ORDER = 2**252 + 27742317777372353535851937790883648493
WAITING = "Waiting for the rest of the log"


def held_back(team: Team) -> Change:
    """From now on the server shows this team, and none of its vaults, as they are now."""
    now = team.own_heads()

    def is_of_vault(record: list[Any]) -> bool:
        if record[0] == "vault":
            return record[1]["vault"] in now
        return record[0] in {"items", "links"} and record[1] in now

    def change(tale: Tale) -> None:
        record = tale.team(team.team.state.id)
        if record is not None:
            record.update({"links": [], "pending": []})
        for chain, (seq, head) in now.items():
            for row in (tale.team_head(chain), tale.team(chain), tale.vault_head(chain)):
                if row is not None:
                    row.update({"seq": seq, "hash": head})
        tale.records[:] = [each for each in tale.records if not is_of_vault(each)]

    return change


def garbage_rotation(team: Team, actor: Person, *good: Person) -> None:
    """A writer changes the vault's key: the real one for `good`, another for everybody else."""
    team.team.vault_rotate(actor, team.vault)
    deks, state = team.team.vaults[team.vault].deks, team.team.state
    epoch = state.vaults[team.vault].epoch
    right, wrong = deks[epoch], Dek.generate()
    people = {each.fp: each for each in (team.founder, *team.people.values())}
    grants = []
    for member in state.holders(team.vault):
        person = people[state.members[member].fp]
        deks[epoch] = right if person in good else wrong
        grants.append(cbor.loads(team.team.grant(actor, team.vault, person)))
    deks[epoch] = right
    rotation = {"link": team.team.links[-1], "grants": grants, "olds": []}
    body: Record = {"link": None, "blobs": [], "rotation": rotation}
    answer = team.send_change(actor, team.vault, body)
    assert answer.status_code == 201, answer.content


def changes_sent(scene: Scene) -> list[Any]:
    """The bodies of all changes of this case, in their order."""
    sent = scene.liar.sent[scene.begun :]
    return [each.value() for each in sent if each.path.endswith("/changes")]


def _without_manage(team: Team) -> bytes:
    ada = team.people["ada"]
    body, _ = team.team.invite_body(vaults={team.vault: "read"})
    return team.team.sign(ada, "invite", body)


def _author_removed(team: Team) -> bytes:
    ada, eve = team.people["ada"], team.newcomer("eve")
    invitation = team.asked(eve, actor=ada)
    team.remove(team.founder, ada)
    return team.team.sign(team.founder, "add_member", team.team.accept_body(invitation, eve))


@pytest.mark.parametrize(
    ("refusal", "forge"),
    [("F1.manage", _without_manage), ("T10.invite", _author_removed)],
    ids=["without manage", "author removed"],
)
def test_F1_an_invitation_that_nobody_could_give(
    scene: Scene, refusal: str, forge: Callable[[Team], bytes]
) -> None:
    team = scene.team()
    team.join(team.newcomer("ada"), role="admin")
    scene.honest(team)
    signed = forge(team)
    with scene.forged(team, signed):
        scene.refuses(team, refusal)
    scene.recovers(team)


def test_F2_an_admin_against_an_owner(scene: Scene) -> None:
    """Resets by peers are a later feature; an admin does not get at an owner by a role either."""
    team = scene.team()
    ada = team.join(team.newcomer("ada"), role="admin")
    scene.honest(team)
    body = {"cut": [], "member": team.founder.member, "role": "member"}
    with scene.forged(team, team.team.sign(ada, "set_role", body)):
        scene.refuses(team, "T2.role")
    scene.recovers(team)


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


def test_F6_guessing_by_the_first_two_messages(scene: Scene) -> None:
    """A server without the password's record answers something: the third message never leaves.

    That each first message counts as a guess is the server's side, in tests/accounts.
    """
    team = scene.team()
    scene.honest(team)
    scene.victim.relock()
    scene.victim.lock()
    begun = len(scene.liar.sent)

    def guess(values: list[Any]) -> list[Any]:
        ke2 = bytearray(values[0]["ke2"])
        ke2[-1] ^= 1
        return [{**values[0], "ke2": bytes(ke2)}]

    with scene.liar.lying("POST", "unlock/start", rewritten(guess)):
        scene.victim.unlock()
        unopened = scene.victim.page.get_by_text("This password does not open your keys.")
        expect(unopened).to_be_visible(timeout=SLOW)
    assert [each.path for each in scene.liar.sent[begun:]] == ["unlock/start"]
    scene.no_leak(team)
    scene.victim.enter()
    scene.recovers(team)


def _asks_for_a_key(team: Team, person: Person) -> Change:
    """The server lists somebody among those who wait for a key."""
    row = {"vault": team.vault, "epoch": 1, "to": person.fp}

    def change(record: Record) -> None:
        record["pending"] = [*record["pending"], row]

    return other_team(team.team.state.id, change)


def test_F7_the_server_holds_the_mailed_token(scene: Scene) -> None:
    """It joined by it under a key of its own, and asks for the vault's key; nobody verified it."""
    team = scene.team(right="manage")
    scene.honest(team)
    eve = team.join(team.newcomer("eve"), {team.vault: "read"}, via="mail")
    with scene.told(_asks_for_a_key(team, eve)):
        scene.rounds(2)
        scene.refuses(team, "R1.recipient")
    scene.recovers(team)


def _asked_alone(scene: Scene) -> tuple[Team, str]:
    """A team that asks the victim to join; the link's fragment."""
    scene.begun = len(scene.liar.sent)
    team = Team(scene.cast.anew(), scene.keys)
    team.vault = team.new_vault(f"Harbour {team.number}")
    team.write_items(team.vault, f"Mooring {team.number}")
    invitation = team.asked(team.victim_person(), {team.vault: "read"})
    return team, base64.urlsafe_b64encode(invitation.t + invitation.hash).decode().rstrip("=")


def test_F8_a_chain_that_ends_before_the_invitation(scene: Scene) -> None:
    team, fragment = _asked_alone(scene)
    page = scene.victim.page
    scene.victim.open_invitation(fragment)
    expect(scene.victim.field("Your name in this team")).to_be_visible(timeout=SLOW)
    scene.victim.button("Not now")

    cut_short = rewritten(lambda values: [{**values[0], "links": values[0]["links"][:-1]}])
    with scene.liar.lying("POST", "invites/open", cut_short):
        scene.victim.open_invitation(fragment)
        scene.victim.expect_refusal("F8.short", asked=True)
        scene.silent(team, scene.begun)
        assert "invites/accept" not in [each.path for each in scene.liar.sent[scene.begun :]]

    # Back from the refusal, the page asked again, and was told the same.
    expect(scene.victim.badge).to_be_visible(timeout=SLOW)
    scene.victim.button("Back")
    scene.victim.fill_acceptance()
    expect(page.get_by_role("heading", name="Waiting to be let in")).to_be_visible(timeout=SLOW)
    _let_in(team)
    scene.victim.sees(team.vault, f"Mooring {team.number}")
    scene.victim.expect_no_refusal()


def _let_in(team: Team) -> None:
    """Confirm the acceptance that waits, as an owner's client does, and give the key."""
    (waiting,) = team.told_to_founder()["waiting"]
    body = {name: waiting[name] for name in ("accept", "by_identity", "by_invite")}
    team.team.append(team.team.sign(team.founder, "add_member", body))
    team.push(team.founder)
    team.victim.member = cbor.loads(waiting["accept"])["member"]
    team.give(team.victim, team.vault)


def _trailing(signed: bytes) -> bytes:
    return signed + b"\0"


def _longer_scalar(signed: bytes) -> bytes:
    """The signature's scalar plus the order of the group: it would verify, were it let in."""
    link = cbor.loads(signed)
    sig = link["sigs"][0]["sig"]
    scalar = (int.from_bytes(sig[32:], "little") + ORDER).to_bytes(32, "little")
    link["sigs"][0]["sig"] = sig[:32] + scalar
    return cbor.dumps(link)


@pytest.mark.parametrize(
    ("refusal", "fault"),
    [("T1.cbor", _trailing), ("T1.sig", _longer_scalar)],
    ids=["trailing byte", "S + L"],
)
def test_F9_faults_of_encoding_and_signature(
    scene: Scene, refusal: str, fault: Callable[[bytes], bytes]
) -> None:
    team = scene.team()
    scene.honest(team)
    profile = {"profile": {"email": os.urandom(32), "name": os.urandom(32)}}
    with scene.forged(team, fault(team.team.sign(team.founder, "set_profile", profile))):
        scene.refuses(team, refusal)
    scene.recovers(team)


def test_F10_a_box_key_of_low_order(scene: Scene) -> None:
    """It would make every later change of a vault's key fail."""
    team = scene.team()
    scene.honest(team)
    eve = team.newcomer("eve")
    body = team.team.accept_body(team.asked(eve), eve, box=bytes(32))
    with scene.forged(team, team.team.sign(team.founder, "add_member", body)):
        scene.refuses(team, "F10.key")
    scene.recovers(team)


def test_F11_a_rotation_that_gives_nobody_the_key(scene: Scene) -> None:
    """A writer does it, and the server takes it: nothing is lost, and the next write goes on."""
    team = scene.team(mallory="write")
    scene.honest(team)
    scene.victim.open_item(f"Mooring {team.number}")
    garbage_rotation(team, team.people["mallory"])
    scene.refuses(team, "T8.commit")
    scene.victim.at(team.vault)
    scene.victim.open_item(f"Mooring {team.number}")
    expect(scene.victim.page.get_by_text("nobody but us reads this")).to_be_visible(timeout=SLOW)
    scene.victim.writes(team.vault, f"After garbage {team.number}")
    scene.leaves(team)
    assert team.team.state.vaults[team.vault].epoch == 3


def test_F12_a_cleared_browser_says_what_it_cannot_know(scene: Scene) -> None:
    """The server clears the browser, then shows an older state: the mirrored pins know better."""
    team = scene.team()
    scene.honest(team)
    scene.victim.relock()
    team.invite(team.founder)
    scene.rounds(1)
    scene.victim.relock()  # and the pins are on the server
    told = team.team.links[:-1]
    head = {"seq": len(told) - 1, "hash": link_hash(told[-1])}

    def older(tale: Tale) -> None:
        record = tale.team(team.team.state.id)
        if record is not None:
            record["links"] = told
        for row in (tale.team_head(team.team.state.id), record):
            if row is not None:
                row.update(head)

    def cleared(sent: Sent, ask: Ask) -> Answer:
        return ask().adding(("Clear-Site-Data", '"storage"'))

    with scene.liar.lying("GET", "/", cleared), scene.told(older):
        scene.victim.reload()
        notice = scene.victim.page.get_by_text("This browser is new to your account")
        expect(notice).to_be_visible()
        scene.stopped(team, "T4.older")
    scene.recovers(team)


@pytest.mark.parametrize("lost", [dropped, never_arrived], ids=["the answer", "the request"])
def test_F13_a_write_whose_answer_never_came(scene: Scene, lost: Bend) -> None:
    """The same bytes are sent again, and count once; until then the page says that it waits."""
    team = scene.team()
    scene.victim.writes(team.vault, f"Answered {team.number}")
    title = f"Unanswered {team.number}"
    notices = scene.victim.page.get_by_role("region", name="Notices")
    waits = notices.get_by_text(re.compile("^(1 change pending|No connection[.] 1 change kept)"))
    with (
        scene.liar.lying("POST", CHANGES, lost),
        scene.liar.lying("POST", "sync", never_arrived),
    ):
        scene.victim.begin_note(team.vault, title)
        scene.victim.button("Save the item")
        expect(waits).to_be_visible(timeout=SLOW)
    scene.victim.sees(team.vault, title)
    expect(waits).to_have_count(0)
    tries = [body["link"] for body in changes_sent(scene)][1:]
    assert len(set(tries)) == 1
    team.catch_up()
    assert len(team.team.vaults[team.vault].links) == 4, "the name, two items, and this one once"
    scene.no_leak(team)
    scene.recovers(team)


def test_F14_the_outer_key_is_replaced_meanwhile(scene: Scene) -> None:
    """The server's own race, by the answer that it gives: what was sealed is sealed anew."""
    team = scene.team()
    scene.victim.writes(team.vault, f"Before it {team.number}")
    moved = problem(409, "kek_moved")
    with scene.liar.lying("POST", CHANGES, lambda _sent, _ask: moved, times=1) as lie:
        scene.victim.writes(team.vault, f"During it {team.number}")
        assert lie.told == 1
    first, second = [body["blobs"][0] for body in changes_sent(scene)[1:]]
    for part in ("overview", "details"):
        assert first[part][1:33] != second[part][1:33], "under a key of its own each time"
    scene.no_leak(team)
    scene.recovers(team, catch_up=True)


def test_F15_a_custodian_is_not_known_yet(scene: Scene) -> None:
    """Custody is a later feature: until then nobody can be made one."""
    team = scene.team(mallory="read")
    scene.honest(team)
    body = {"fp": team.people["mallory"].fp, "member": team.people["mallory"].member}
    with scene.forged(team, team.team.sign(team.founder, "add_custodian", body)):
        scene.refuses(team, "T3.type")
    scene.recovers(team)


FUTURE = b"const now = Date.now; Date.now = () => now() + 3.2e11;\n"  # ten years


def test_F16_the_same_chain_under_two_clocks(scene: Scene, browser: Browser) -> None:
    """A browser whose clock is ten years ahead sees the same, and refuses the same."""
    team = scene.team(mallory="write")
    scene.honest(team)
    body = {"cut": [], "member": team.victim.member, "role": "auditor"}
    forged = team.team.sign(team.people["mallory"], "set_role", body)

    def ahead(sent: Sent, ask: Ask) -> Answer:
        answer = ask()
        return Answer(answer.status, answer.headers, FUTURE + answer.body)

    with scene.liar.lying("GET", "/.*/worker-.*[.]js", ahead) as lie:
        with scene.new_browser(browser) as there:
            there.enter()
            there.sees(team.vault, f"Honest {team.number}")
            there.expect_no_refusal()
            with scene.forged(team, forged):
                there.look()
                there.expect_refusal("T2.role")
                scene.refuses(team, "T2.role")
        assert lie.told > 0
    scene.recovers(team)


def test_F19_a_key_from_before_the_present_right(scene: Scene) -> None:
    """A right ended and came back: the grant from before it opens nothing, and is no lie."""
    team = scene.team(right="read")
    scene.honest(team)
    old = team.team.grant(team.founder, team.vault, team.victim)
    with scene.told(held_back(team)):
        # Sealed under the epoch of the old key, and seen by nobody who had it.
        team.write_items(team.vault, f"Unseen {team.number}")
        team.team.vault_revoke(team.founder, team.vault, team.victim)
        team.push(team.founder)
        assert team.rotate(team.founder, team.vault).status_code == 201
        team.team.vault_grant(team.founder, team.vault, team.victim, "read")
        team.push(team.founder)

    def only_old(told: Record) -> None:
        told["grants"] = [{**cbor.loads(old), "opened": False, "vault": team.vault}]

    begun = len(scene.liar.sent)
    with scene.told(other_team(team.team.state.id, only_old)):
        team.give(team.victim, team.vault)
        team.write_items(team.vault, f"Anew {team.number}")
        scene.rounds(2)
        scene.victim.at(team.vault)
        waits = scene.victim.page.get_by_text("The key of this vault has not reached you yet")
        expect(waits).to_be_visible(timeout=SLOW)
        expect(scene.victim.row(f"Unseen {team.number}")).to_have_count(0)
        scene.silent(team, begun)
    scene.recovers(team)
    scene.victim.sees(team.vault, f"Anew {team.number}")


def test_F20_a_member_under_another_name(scene: Scene, browser: Browser) -> None:
    """A text that does not open its commitment names nobody; the keys stay who they are."""
    team = scene.team()
    members = f"/teams/{team.team.state.id.hex()}/members"
    with scene.new_browser(browser) as there:
        there.enter()
        there.go(members)
        expect(there.page.get_by_text("founder").first).to_be_visible(timeout=SLOW)

    def relabel(record: Record) -> None:
        for row in record["openings"]:
            row["text"] = "Mallory the Owner"

    with scene.told(other_team(team.team.state.id, relabel)), scene.new_browser(browser) as there:
        there.enter()
        there.go(members)
        expect(there.page.get_by_text("Name not shown").first).to_be_visible(timeout=SLOW)
        expect(there.page.get_by_text("Mallory the Owner")).to_have_count(0)
    scene.no_leak(team)
    scene.recovers(team)


def test_F24_the_creator_s_own_grant_is_swapped(scene: Scene) -> None:
    team = scene.team()
    scene.honest(team)
    scene.victim.create_vault(f"Own vault {team.number}")
    team.catch_up()
    good = cbor.loads(team.team.grant(team.founder, team.vault, team.victim))

    def swap(record: Record) -> None:
        for row in record["grants"]:
            if row["vault"] not in team.team.vaults:
                row.update(good)

    with scene.told(other_team(team.team.state.id, swap)):
        scene.victim.create_vault(f"Swapped {team.number}")
        begun = len(scene.liar.sent)
        scene.victim.look()
        scene.victim.expect_refusal("T7.place")
        scene.rounds(2)
        # It may seal its own key anew, to itself.
        assert scene.sealed_to(team) <= {team.victim.fp}
        assert set(written(scene.liar.sent[begun:], team.path)) <= {f"{team.path}grants"}
        scene.no_leak(team)
    scene.recovers(team, catch_up=True)
    scene.victim.open_vault(f"Swapped {team.number}")


def test_F25_after_a_garbage_rotation_a_new_browser_opens_all(
    scene: Scene, browser: Browser
) -> None:
    team = scene.team(mallory="write")
    scene.honest(team)
    garbage_rotation(team, team.people["mallory"])
    scene.victim.look()
    scene.victim.expect_refusal("T8.commit")
    scene.victim.writes(team.vault, f"After it {team.number}")
    with scene.new_browser(browser) as there:
        there.enter()
        there.sees(team.vault, f"After it {team.number}", f"Mooring {team.number}")
        there.open_item(f"Mooring {team.number}")
        expect(there.page.get_by_text("nobody but us reads this")).to_be_visible(timeout=SLOW)
    scene.leaves(team)


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


def test_F27_an_admin_by_mail(scene: Scene) -> None:
    """Whoever holds the mailbox could be the server: no admin comes that way, to sign anything."""
    team = scene.team()
    scene.honest(team)
    body, _ = team.team.invite_body(role="admin", via="mail")
    with scene.forged(team, team.team.sign(team.founder, "invite", body)):
        scene.refuses(team, "T10.via")
    scene.recovers(team)


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


def test_F30_a_rotation_that_loses_one_race(scene: Scene) -> None:
    """The next attempt has the same place in the team's chain, and a fresh key."""
    team = scene.team(bob="read", carol="read")
    team.remove(team.founder, team.people["bob"])
    scene.rounds(1)
    scene.victim.writes(team.vault, f"Without Bob {team.number}")
    team.catch_up()
    team.remove(team.founder, team.people["carol"])
    scene.rounds(1)
    moved = problem(409, "head_moved")
    with scene.liar.lying("POST", CHANGES, lambda _sent, _ask: moved, times=1):
        scene.victim.writes(team.vault, f"Without Carol {team.number}")
    rotations = [body["rotation"]["link"] for body in changes_sent(scene)[1:]]
    first, last = (cbor.loads(cbor.loads(signed)["link"]) for signed in rotations)
    assert first["prev"] == last["prev"]
    assert first["body"]["dek_commit"] != last["body"]["dek_commit"]
    given = {row["grant"] for body in changes_sent(scene)[2:] for row in body["rotation"]["grants"]}
    assert {cbor.loads(grant)["to"] for grant in given} == {team.founder.fp, team.victim.fp}
    scene.no_leak(team)
    scene.recovers(team, catch_up=True)


def test_F31_a_mailed_member_verified_by_who_does_not_manage(scene: Scene) -> None:
    """The rights of the invitation lapse; the server asks for the vault's key all the same."""
    team = scene.team(right="manage")
    ada = team.join(team.newcomer("ada"), role="admin")
    scene.honest(team)
    eve = team.join(team.newcomer("eve"), {team.vault: "read"}, via="mail")
    team.team.verify(ada, eve)
    team.push(ada)
    with scene.told(_asks_for_a_key(team, eve)):
        scene.rounds(2)
        scene.refuses(team, "R1.recipient")
    scene.recovers(team)


def test_F32_a_raised_right_keeps_its_key(scene: Scene, browser: Browser) -> None:
    """Somebody's right was raised after their key was sealed: a new browser opens with it."""
    team = scene.team(right="read")
    team.team.vault_grant(team.founder, team.vault, team.victim, "write")
    team.push(team.founder)
    with scene.new_browser(browser) as there:
        there.enter()
        there.sees(team.vault, f"Mooring {team.number}")
        there.writes(team.vault, f"With the raised right {team.number}")
    scene.no_leak(team)
    scene.recovers(team, catch_up=True)


def test_F33_garbage_between_a_rotation_and_its_write(scene: Scene) -> None:
    """While the victim's write is on its way, a writer rotates; the write goes through, once."""
    team = scene.team(mallory="write", bob="read")
    scene.honest(team)
    team.remove(team.founder, team.people["bob"])
    scene.rounds(1)

    def race(sent: Sent, ask: Ask) -> Answer:
        garbage_rotation(team, team.people["mallory"])
        return ask()

    title = f"Through garbage {team.number}"
    with scene.liar.lying("POST", CHANGES, race, times=1):
        scene.victim.begin_note(team.vault, title)
        scene.victim.button("Save the item")
        scene.victim.expect_refusal("T8.commit")
    scene.victim.sees(team.vault, title)
    assert len({item for body in changes_sent(scene) for item in _items(body)}) == 1
    scene.leaves(team)
    assert team.team.state.vaults[team.vault].epoch == 3


def _items(body: Any) -> Iterator[bytes]:
    """The items that a change is about."""
    if body["link"] is not None:
        link = cbor.loads(cbor.loads(body["link"])["link"])
        yield from (entry[0] for entry in link["body"]["entries"])


def test_F34_an_epoch_that_only_some_can_open(scene: Scene) -> None:
    """A writer gives the founder the new key and the victim garbage: it becomes reachable."""
    team = scene.team(mallory="write")
    scene.honest(team)
    garbage_rotation(team, team.people["mallory"], team.founder)
    title = f"In between {team.number}"
    team.write_items(team.vault, title)
    scene.victim.look()
    scene.victim.expect_refusal("T8.commit")
    scene.victim.writes(team.vault, f"Over it {team.number}")
    team.catch_up()
    deks = team.team.vaults[team.vault].deks
    place = {"from": 2, "team": team.team.state.id, "to": 3, "vault": team.vault}
    old = {"from": 2, "to": 3, "blob": seal(deks[3], OLD_DEK, place, bytes(deks[2].raw))}
    answer = team.post(team.founder, f"vaults/{UUID(bytes=team.vault)}/olds", {"olds": [old]})
    assert answer.status_code < 300, answer.content
    scene.victim.sees(team.vault, title)
    scene.victim.open_item(title)
    expect(scene.victim.page.get_by_text("nobody but us reads this")).to_be_visible(timeout=SLOW)
    scene.leaves(team)


def test_F35_a_good_grant_after_garbage(scene: Scene) -> None:
    """The founder's client gave garbage first; what it gives later is stored, and used."""
    team = scene.team(right="read")
    scene.honest(team)
    second = team.new_vault(f"Dock {team.number}")
    share(team, second)
    deks = team.team.vaults[second].deks
    right, deks[1] = deks[1], Dek.generate()
    team.give(team.victim, second)
    scene.refuses(team, "T8.commit")
    deks[1] = right
    team.give(team.victim, second)
    title = f"On the dock {team.number}"
    team.write_items(second, title)
    scene.victim.sees(second, title)
    scene.recovers(team)


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
        expect(scene.victim.page.get_by_text(WAITING)).to_be_visible(timeout=SLOW)
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
