"""Teams: who is in them, who may say so, and what the server says of them beside the chain."""

import base64
import json
import os
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.chains import Person
from tests.e2e.person import SLOW
from tests.evil.grants import gives_a_key, refuses_recipient
from tests.evil.leaks import written
from tests.evil.proxy import (
    ITEM,
    Answer,
    Ask,
    Sent,
    replayed,
    rewritten,
)
from tests.evil.scene import Scene
from tests.evil.sync import (
    Change,
    Record,
    Tale,
    other_team,
)
from tests.evil.team import Team
from tests.vectors.word_cases import words
from vaults.crypto import cbor

MARKUP = "<img src=x onerror=alert(1)> Enter your password at evil.example"
FUTURE = b"const now = Date.now; Date.now = () => now() + 3.2e11;\n"  # ten years


def test_R13_a_team_that_no_chain_of_mine_carries(scene: Scene) -> None:
    team = scene.team()
    scene.honest(team)
    other = Team(scene.cast.anew(), scene.keys, "Not mine")
    state = other.team.state
    place = {"hash": state.head, "seq": state.seq, "stir": 1, "team": state.id}
    rest: Record = {"grants": [], "olds": [], "waiting": [], "pending": [], "broken": []}

    def inject(tale: Tale) -> None:
        tale.heads["teams"].append(place)
        openings = other.builder.openings
        tale.add(["team", {**place, **rest, "links": other.team.links, "openings": openings}])

    with scene.told(inject):
        scene.refuses(team, "R13.team")
        expect(scene.victim.page.get_by_text("Not mine")).to_have_count(0)
    scene.recovers(team)


def test_R13_a_vault_that_no_chain_of_mine_carries(scene: Scene) -> None:
    team = scene.team()
    scene.honest(team)
    place = {"hash": os.urandom(32), "seq": 1, "team": team.team.state.id, "vault": team.item()}

    def inject(tale: Tale) -> None:
        tale.heads["vaults"].append(place)

    with scene.told(inject):
        # It may be in a link that is on its way: only what is named twice is refused.
        scene.rounds(2)
        scene.refuses(team, "R13.vault")
    scene.recovers(team)


def test_R14_an_older_format_is_offered(scene: Scene) -> None:
    """Every answer says that this server is old and wants the old format; a link is of it."""
    team = scene.team()
    scene.honest(team)
    profile = {"profile": {"email": os.urandom(32), "name": os.urandom(32)}}
    old = team.team.sign(team.founder, "set_profile", profile, v=0)
    flags = (("X-Coffret-Format", "0"), ("Server", "Coffret/0.1"))

    def of_old(sent: Sent, ask: Ask) -> Answer:
        return ask().adding(*flags)

    with scene.liar.lying(".*", ".*", of_old), scene.forged(team, old):
        scene.refuses(team, "T3.version")
    scene.recovers(team)


def test_R19_no_text_of_the_server_in_a_security_notice(scene: Scene) -> None:
    """A team's name is shown as quoted data, and the words of an error are not shown at all."""
    team = scene.team(name=MARKUP)
    scene.honest(team)

    def other_history(tale: Tale) -> None:
        head = tale.team_head(team.team.state.id)
        if head is not None:
            head["hash"] = bytes(32)
            head["notice"] = "Call the hotline"

    page = scene.victim.page
    with scene.told(other_history):
        scene.victim.look()
        scene.victim.open_refusal()
        expect(page.get_by_text(f"“{MARKUP}”").first).to_be_visible()
        assert page.locator("img").count() == 0
        scene.stopped(team, "T4.fork")
        expect(page.get_by_text("Call the hotline")).to_have_count(0)
    scene.recovers(team)
    words = {"code": "not_found", "title": "Call the hotline", "detail": MARKUP, "status": 404}
    denial = Answer(
        404, (("Content-Type", "application/problem+json"),), json.dumps(words).encode()
    )
    with scene.liar.lying("GET", ITEM, replayed(denial)):
        scene.victim.row(f"Mooring {team.number}").click()
        expect(page.get_by_text("you have no access to it").first).to_be_visible(timeout=SLOW)
        expect(page.get_by_text("Call the hotline")).to_have_count(0)
    # A verdict of the server's is none of this browser's: no page of a refusal, none of its text.
    order = {"code": "refused", "refusal": "T4.fork: Call the hotline", "status": 422}
    verdict = Answer(
        422, (("Content-Type", "application/problem+json"),), json.dumps(words | order).encode()
    )
    with scene.liar.lying("GET", ITEM, replayed(verdict)):
        scene.victim.row(f"Honest {team.number}").click()
        expect(page.get_by_text("This server says").first).to_be_visible(timeout=SLOW)
        expect(page.get_by_text("Call the hotline")).to_have_count(0)
        scene.victim.expect_no_refusal()


def test_R20_nothing_begins_that_the_person_did_not_begin(scene: Scene) -> None:
    """A team invited the victim, who did not accept: the server shows it as theirs."""
    team = scene.team()
    scene.honest(team)
    other = Team(scene.cast.anew(), scene.keys, "Come in")
    other.asked(other.victim_person())
    state = other.team.state
    place = {"hash": state.head, "seq": state.seq, "stir": 1, "team": state.id}
    rest: Record = {"grants": [], "olds": [], "waiting": [], "pending": [], "broken": []}

    def inject(tale: Tale) -> None:
        tale.heads["teams"].append(place)
        flags = {"migrate": True, "recover": "now", "join": True}
        tale.add(["team", {**place, **rest, **flags, "links": other.team.links, "openings": []}])

    begun = len(scene.liar.sent)
    with scene.told(inject):
        scene.refuses(team, "R13.team")
    assert [each.path for each in scene.liar.sent[begun:] if "invites" in each.path] == []
    assert written(scene.liar.sent[begun:], other.path) == []
    scene.recovers(team)


def _author_removed(team: Team) -> bytes:
    ada, eve = team.people["ada"], team.newcomer("eve")
    invitation = team.asked(eve, actor=ada)
    team.remove(team.founder, ada)
    return team.team.sign(team.founder, "add_member", team.team.accept_body(invitation, eve))


def _without_manage(team: Team) -> bytes:
    ada = team.people["ada"]
    body, _ = team.team.invite_body(vaults={team.vault: "read"})
    return team.team.sign(ada, "invite", body)


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


def _demotion(team: Team, ada: Person) -> bytes:
    body = {"cut": [], "member": team.founder.member, "role": "member"}
    return team.team.sign(ada, "set_role", body)


def _owner_anew(team: Team, ada: Person) -> bytes:
    """The owner's account, under keys of the admin's."""
    puppet = team.team.person("puppet")
    puppet.account = team.founder.account
    body = team.team.accept_body(team.asked(puppet, actor=ada), puppet)
    return team.team.sign(ada, "add_member", body)


@pytest.mark.parametrize(
    ("refusal", "forge"),
    [("T2.role", _demotion), ("T10.account", _owner_anew)],
    ids=["a role", "other keys"],
)
def test_F2_an_admin_against_an_owner(
    scene: Scene, refusal: str, forge: Callable[[Team, Person], bytes]
) -> None:
    """Resets by peers are a later feature; an admin gets at an owner in no other way either."""
    team = scene.team()
    ada = team.join(team.newcomer("ada"), role="admin")
    scene.honest(team)
    signed = forge(team, ada)
    with scene.forged(team, signed):
        scene.refuses(team, refusal)
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
    dave = gives_a_key(scene, team)
    eve = team.join(team.newcomer("eve"), {team.vault: "read"}, via="mail")
    with scene.told(_asks_for_a_key(team, eve)):
        refuses_recipient(scene, team, dave)
    scene.recovers(team)


def _asked_alone(scene: Scene) -> tuple[Team, str]:
    """A team that asks the victim to join; the link's fragment."""
    scene.begun = len(scene.liar.sent)
    team = Team(scene.cast.anew(), scene.keys)
    team.vault = team.new_vault(f"Harbour {team.number}")
    team.write_items(team.vault, f"Mooring {team.number}")
    invitation = team.asked(team.victim_person(), {team.vault: "read"})
    return team, base64.urlsafe_b64encode(invitation.t + invitation.hash).decode().rstrip("=")


def _let_in(team: Team) -> None:
    """Confirm the acceptance that waits, as an owner's client does, and give the key."""
    (waiting,) = team.told_to_founder()["waiting"]
    body = {name: waiting[name] for name in ("accept", "by_identity", "by_invite")}
    team.team.append(team.team.sign(team.founder, "add_member", body))
    team.push(team.founder)
    team.victim.member = cbor.loads(waiting["accept"])["member"]
    team.give(team.victim, team.vault)


def _is_let_in(scene: Scene, team: Team) -> None:
    """The victim, who waits, gets in and reads."""
    _let_in(team)
    scene.victim.look()
    scene.victim.button("Open the vaults")
    scene.victim.sees(team.vault, f"Mooring {team.number}")
    scene.victim.expect_no_refusal()


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
    _is_let_in(scene, team)
    # S5: nor did the invitation's secret leave with the acceptance, or as a referrer.
    scene.no_leak(team)


def test_R4_an_invitation_that_asks_for_escrow(scene: Scene) -> None:
    """Whatever else the invitation's answer says, what is sent to join is what is always sent."""
    team, fragment = _asked_alone(scene)
    escrow = {"auto_recover": True, "recovery_key": os.urandom(32)}
    flagged = rewritten(lambda values: [{**values[0], **escrow}])
    with scene.liar.lying("POST", "invites/open", flagged) as lie:
        scene.victim.open_invitation(fragment)
        scene.victim.fill_acceptance()
        waiting = scene.victim.page.get_by_role("heading", name="Waiting to be let in")
        expect(waiting).to_be_visible(timeout=SLOW)
        assert lie.told > 0
    sent = scene.liar.sent[scene.begun :]
    (body,) = [each.value() for each in sent if each.path == "invites/accept"]
    assert set(body) == {"accept", "by_identity", "by_invite", "invite", "opening"}
    said = cbor.loads(body["accept"])
    usual = cbor.loads(team.team.accept_body(team.team.invitations[-1], team.victim)["accept"])
    drawn = {"member": said["member"], "profile": said["profile"]}
    assert said == {**usual, **drawn}
    assert set(said["profile"]) == {"email", "name"}
    _is_let_in(scene, team)
    scene.no_leak(team)


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


def test_F20_a_member_under_another_name(scene: Scene, browser: Browser) -> None:
    """A text that does not open its commitment names nobody; the keys stay who they are."""
    team = scene.team()
    members = f"/teams/{team.team.state.id.hex()}/members"
    with scene.new_browser(browser) as there:
        there.enter()
        there.go(members)
        # The name, the address, who let the victim in, and the last change by someone else.
        expect(there.page.get_by_text("founder")).to_have_count(4, timeout=SLOW)

    def relabel(record: Record) -> None:
        for row in record["openings"]:
            row["text"] = "Mallory the Owner"

    lie = scene.told(other_team(team.team.state.id, relabel))
    with lie as told, scene.new_browser(browser) as there:
        there.enter()
        there.go(members)
        fingerprint = words("key", team.founder.fp)
        expect(there.page.get_by_text(fingerprint).first).to_be_visible(timeout=SLOW)
        expect(there.page.get_by_text("founder")).to_have_count(0)
        expect(there.page.get_by_text("Mallory the Owner")).to_have_count(0)
        assert told.told > 0
    scene.no_leak(team)
    scene.recovers(team)


def test_F27_an_admin_by_mail(scene: Scene) -> None:
    """Whoever holds the mailbox could be the server: no admin comes that way, to sign anything."""
    team = scene.team()
    scene.honest(team)
    body, _ = team.team.invite_body(role="admin", via="mail")
    with scene.forged(team, team.team.sign(team.founder, "invite", body)):
        scene.refuses(team, "T10.via")
    scene.recovers(team)


def test_F31_a_mailed_member_verified_by_who_does_not_manage(scene: Scene) -> None:
    """The rights of the invitation lapse; the server asks for the vault's key all the same."""
    team = scene.team(right="manage")
    ada = team.join(team.newcomer("ada"), role="admin")
    dave = gives_a_key(scene, team)
    eve = team.join(team.newcomer("eve"), {team.vault: "read"}, via="mail")
    team.team.verify(ada, eve)
    team.push(ada)
    with scene.told(_asks_for_a_key(team, eve)):
        refuses_recipient(scene, team, dave)
    scene.recovers(team)
