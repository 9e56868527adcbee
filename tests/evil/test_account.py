"""The account: what comes with an unlock and stays in a browser; and what leaves it."""

import os
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from nacl.public import PrivateKey, PublicKey, SealedBox
from playwright.sync_api import Browser, expect

from tests.e2e.person import SLOW
from tests.evil.leaks import written
from tests.evil.proxy import (
    CHANGES,
    Answer,
    Ask,
    Bend,
    Sent,
    dropped,
    never_arrived,
    problem,
    replayed,
    rewritten,
)
from tests.evil.scene import Scene, changes_sent
from tests.evil.sync import Tale, link_hash, other_team
from tests.evil.team import Team
from tests.evil.victim import Victim, settle
from vaults.crypto import cbor
from vaults.crypto.keys import team_id

Bundle = dict[str, Any]
UNLOCK = ("POST", "unlock/finish")


def with_bundle(change: Callable[[Bundle], None]) -> Bend:
    """The keys that an unlock brings, changed."""

    def bend(values: list[Any]) -> list[Any]:
        change(values[0]["bundle"])
        return values

    return rewritten(bend)


def refuses_unlock(scene: Scene, refusal: str, change: Callable[[Bundle], None]) -> None:
    """The victim unlocks honestly, then is given other keys: nothing opens and nothing leaves."""
    team = scene.team()
    scene.honest(team)
    scene.victim.relock()
    scene.victim.lock()
    with scene.liar.lying(*UNLOCK, with_bundle(change)) as lie:
        scene.victim.unlock()
        scene.victim.expect_refusal(refusal, asked=True)
        assert lie.told == 1
        assert scene.liar.sent[-1].path == UNLOCK[1], "nothing may follow"
        expect(scene.victim.page.get_by_role("button", name="Unlock")).to_be_visible()
        scene.no_leak(team)
    scene.victim.enter()
    scene.recovers(team)


def _sealed_to(scene: Scene) -> bytes:
    """The server knows the public key, and makes a keyring that opens with it."""
    ring = {"box": os.urandom(32), "identity": os.urandom(32), "suite": 1, "v": 1}
    box = PrivateKey(scene.keys.box).public_key
    return SealedBox(PublicKey(bytes(box))).encrypt(cbor.dumps(ring))


def test_R3_a_keyring_sealed_with_the_public_key(scene: Scene) -> None:
    sealed = _sealed_to(scene)
    refuses_unlock(scene, "R17.keyring", lambda bundle: bundle["keyring"].update(blob=sealed))


def test_R3_pins_sealed_with_the_public_key(scene: Scene) -> None:
    """They are told of and bind to nothing; this browser's own are written over them."""
    team = scene.team()
    scene.honest(team)
    sealed = _sealed_to(scene)
    scene.victim.relock()
    scene.victim.lock()
    change = with_bundle(lambda bundle: bundle["pins"].update(blob=sealed))
    with scene.liar.lying(*UNLOCK, change) as lie:
        scene.victim.enter()
        scene.victim.expect_refusal("R17.pins")
        assert lie.told == 1
        scene.no_leak(team)
    scene.recovers(team)


def test_R4_a_flag_that_asks_for_escrow(scene: Scene) -> None:
    """At an unlock it is refused; in a team's record and at a vault's making it decides nothing."""
    refuses_unlock(scene, "R17.bundle", lambda bundle: bundle.update(auto_recover=True))
    team = scene.team()
    flag = {"auto_recover": True, "recovery_key": os.urandom(32)}
    flagged = rewritten(lambda values: [{**values[0], **flag}])
    with (
        scene.told(other_team(team.team.state.id, lambda record: record.update(flag))),
        scene.liar.lying("POST", f"{team.path}links", flagged) as lie,
    ):
        scene.victim.create_vault(f"Escrow {team.number}")
        scene.rounds(2)
        assert lie.told == 1
    sent = [each for each in scene.liar.sent[scene.begun :] if written([each], team.path)]
    assert sent[0].path == f"{team.path}links"
    # Until their own key is reported open, they may be given it again.
    assert {each.path for each in sent[1:]} <= {f"{team.path}grants"}
    grants = [cbor.loads(row["grant"]) for each in sent for row in each.value()["grants"]]
    assert {grant["to"] for grant in grants} == {team.victim.fp}
    scene.no_leak(team)
    scene.recovers(team, catch_up=True)


def test_R6_a_host_for_keys(scene: Scene) -> None:
    """The server names a host that keeps keys, wherever an answer has room for it."""
    team = scene.team()
    host = {"key_host": "http://localhost:9/keys", "key_connector_url": "http://localhost:9/"}
    with scene.told(other_team(team.team.state.id, lambda record: record.update(host))):
        scene.honest(team)
    refuses_unlock(scene, "R17.bundle", lambda bundle: bundle.update(host))
    assert {each for each in scene.victim.asked if not each.startswith(scene.liar.url)} == set()


def test_R8_no_key_seals_twice(scene: Scene) -> None:
    """A server that answers by conflicts gets the same text sealed anew each time, and no more.

    Nothing is refused here: it may ask for it, and learns nothing.
    """
    team = scene.team()
    scene.victim.writes(team.vault, "Sealed once")
    begun = len(scene.liar.sent)
    conflict = replayed(problem(409, "head_moved"))
    with scene.liar.lying("POST", f"{team.path}vaults/.*/changes", conflict, times=2):
        scene.victim.writes(team.vault, "Sealed thrice")
    tries = [each for each in scene.liar.sent[begun:] if each.path.endswith("/changes")]
    seals = [each.value()["blobs"][0][part] for each in tries for part in ("overview", "details")]
    assert len(tries) == 3
    assert len({seal[65:] for seal in seals}) == 6
    # Of the account's own things the pins are sealed anew with every write, under one key.
    pins = [each.value()["blob"] for each in scene.liar.sent if each.path == "account/pins"]
    assert len(pins) > 1
    salts = [seal[1:33] for seal in {*seals, *pins}]
    assert len(set(salts)) == len(salts), "each has a salt, so a key, of its own"
    scene.no_leak(team)
    scene.recovers(team, catch_up=True)


def _traffic(scene: Scene, team: Team, title: str) -> list[tuple[str, str, int]]:
    """What leaves the browser while a vault and an item are opened and an item is written."""
    begun = len(scene.liar.sent)
    scene.victim.sees(team.vault, title)
    scene.victim.open_item(title)
    scene.victim.at(team.vault)
    scene.victim.writes(team.vault, title[::-1], title)
    settle(scene.liar, scene.victim.page)
    # Polls go by the clock, and pins hold how far every chain is.
    by_the_clock = {"sync", "account/pins"}
    opened = [each for each in scene.liar.sent[begun:] if each.path not in by_the_clock]
    identifier = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
    return [(each.method, identifier.sub("id", each.path), len(each.body)) for each in opened]


def test_R9_requests_do_not_depend_on_what_is_opened(scene: Scene) -> None:
    """Two vaults, of texts that are equal in length and in nothing else: the traffic is the same.

    Nothing is refused here: there is nothing to see.
    """
    titles = ("https://icons.example/a.png?q=1", "correct horse, battery & staple")
    teams = {title: scene.team() for title in titles}
    for title, team in teams.items():
        team.write_items(team.vault, title, note=f"see {title}")
        scene.victim.sees(team.vault, title)
    settle(scene.liar, scene.victim.page)
    seen = [_traffic(scene, team, title) for title, team in teams.items()]
    for team in teams.values():
        scene.no_leak(team)
    assert seen[0] == seen[1]
    assert len(seen[0]) >= 2
    assert {each for each in scene.victim.asked if not each.startswith(scene.liar.url)} == set()


@pytest.mark.parametrize("suite", [0, 2])
def test_R10_another_way_to_derive_keys(scene: Scene, suite: int) -> None:
    refuses_unlock(scene, "R10.kdf", lambda bundle: bundle.update(suite=suite))


def _short_wrap(bundle: Bundle) -> None:
    bundle["wrap"]["blob"] = bundle["wrap"]["blob"][:-1]


@pytest.mark.parametrize(
    ("refusal", "change"),
    [
        ("R17.keyring", lambda bundle: bundle.update(keyring=None)),
        ("R17.bundle", lambda bundle: bundle.pop("pins")),
        ("R17.bundle", _short_wrap),
    ],
    ids=["null", "absent", "short"],
)
def test_R17_key_material_is_missing(
    scene: Scene, refusal: str, change: Callable[[Bundle], None]
) -> None:
    refuses_unlock(scene, refusal, change)


def test_R21_another_person_s_keys(scene: Scene) -> None:
    """The server hands the victim all that lies there for somebody else."""
    theirs = scene.cast.accounts[1].session.client("GET", "account/bundle").body

    def change(bundle: Bundle) -> None:
        bundle.update({name: theirs[name] for name in bundle})

    refuses_unlock(scene, "A4.bundle", change)


def test_F20_my_own_account_under_another_address(scene: Scene) -> None:
    """The browser would sign it into the next team that the victim founds."""
    refuses_unlock(scene, "A4.email", lambda bundle: bundle.update(email="boss@example.org"))


@pytest.mark.parametrize("refusal", ["T4.older", "T4.fork"])
def test_R22_a_new_browser_knows_what_the_account_has_seen(
    scene: Scene, browser: Browser, refusal: str
) -> None:
    """The pins come back with the keys; the chain that is shown falls short of them, or forks."""
    team = scene.team()
    team.invite(team.founder)
    scene.honest(team)
    scene.victim.relock()  # and the pins are on the server
    with scene.new_browser(browser) as there:
        there.enter()
        there.sees(team.vault, f"Honest {team.number}")

    told = team.team.links[:-1]
    if refusal == "T4.fork":
        builder = team.team
        forged, _ = builder.invite_body()
        place = {"prev": link_hash(told[-1]), "seq": builder.state.seq}
        told = [*told, builder.sign(builder.founder, "invite", forged, **place)]
    head = {"seq": len(told) - 1, "hash": link_hash(told[-1])}

    def change(tale: Tale) -> None:
        for row in (tale.team_head(team.team.state.id), tale.team(team.team.state.id)):
            if row is not None:
                row.update(head)
        record = tale.team(team.team.state.id)
        if record is not None:
            record["links"] = told

    with scene.told(change), scene.new_browser(browser) as there:
        there.enter()
        there.expect_refusal(refusal)
        scene.no_leak(team)
    scene.recovers(team)


def test_R23_the_team_that_i_founded_is_replaced(scene: Scene) -> None:
    """Right after the founding, the server shows another founding entry for it."""
    victim: Victim = scene.victim
    team = scene.team()
    since = len(scene.liar.sent)
    victim.go("/teams/new")
    victim.create_team("First founded")

    def founded() -> list[Sent]:
        """What the page sent to found it, once something else has followed."""
        return [each for each in scene.liar.sent[since:-1] if each.path == "teams"]

    scene.waits_for(lambda: bool(founded()))
    begun = len(scene.liar.sent)
    other = Team(scene.cast.anew(), scene.keys, "Another")

    def replace_genesis(tale: Tale) -> None:
        mine = [row for row in tale.heads["teams"] if row["seq"] == 0 and row["team"] == founding]
        for row in mine:
            row["hash"] = link_hash(other.team.links[0])

    genesis = cbor.loads(founded()[-1].value()["link"])["link"]
    founding = team_id(genesis).bytes
    with scene.told(replace_genesis):
        victim.look()
        victim.expect_refusal("T4.fork")
        scene.rounds(2)
    assert written(scene.liar.sent[begun:], f"teams/{UUID(bytes=founding)}/") == []
    scene.recovers(team)


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
        # Else the page that is left notices, and keeps its pins again before the next one looks.
        scene.victim.page.goto("about:blank")
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
