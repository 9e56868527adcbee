"""Vault keys: whom they are sealed to and by whom, and what a rotation does to them."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from nacl.public import PrivateKey, PublicKey, SealedBox
from playwright.sync_api import Browser, expect

from tests.chains import Person
from tests.e2e.person import SLOW
from tests.evil.grants import Forge, gives_a_key, refuses_grant, refuses_recipient, share
from tests.evil.leaks import written
from tests.evil.proxy import CHANGES, Answer, Ask, Sent, problem, replayed
from tests.evil.scene import Scene, changes_sent
from tests.evil.sync import (
    Record,
    held_back,
    other_team,
)
from tests.evil.team import Team
from vaults.crypto import cbor
from vaults.crypto.keys import Dek, fingerprint
from vaults.crypto.seal import OLD_DEK, seal


def test_R1_another_key_where_one_is_sealed_to(scene: Scene) -> None:
    """The server lists who waits for a key. A key that the chain does not carry gets nothing."""
    team = scene.team(right="manage")
    dave = gives_a_key(scene, team)
    eve = team.newcomer("eve")
    other = fingerprint(os.urandom(32), bytes(PrivateKey.generate().public_key))

    def to_another(record: Record) -> None:
        for row in record["pending"]:
            if row["to"] == eve.fp:
                row["to"] = other

    with scene.told(other_team(team.team.state.id, to_another)):
        team.join(eve, {team.vault: "read"}, with_keys=False)
        refuses_recipient(scene, team, dave)
    scene.recovers(team)
    scene.waits_for(lambda: eve.fp in scene.sealed_to(team))


def _of_another_vault(team: Team, vault: bytes) -> bytes:
    """A good grant, which the victim has for another vault."""
    return team.team.grant(team.founder, team.vault, team.victim)


def _own_key(team: Team, vault: bytes) -> bytes:
    """A key of the server's own, sealed to the victim and signed with a key of its own."""
    stranger = team.team.person("stranger")
    builder = team.team.vaults[vault]
    right, builder.deks[1] = builder.deks[1], Dek.generate()
    try:
        return team.team.grant(stranger, vault, team.victim)
    finally:
        builder.deks[1] = right


@pytest.mark.parametrize(
    ("refusal", "forge"),
    [("T7.sender", _own_key), ("T7.place", _of_another_vault)],
    ids=["the server's own key", "another vault's grant"],
)
def test_R2_a_key_from_nobody_who_may_give_it(scene: Scene, refusal: str, forge: Forge) -> None:
    refuses_grant(scene, refusal, forge)


def test_R5_a_rotation_for_one_more(scene: Scene) -> None:
    """Holders leave, so the next write changes the key: for the holders of the fold and no other.

    The server answers the first attempt by a conflict, and shows a link by which a writer, who does
    not manage the vault, lets somebody in.
    """
    team = scene.team(mallory="write", bob="read")
    mallory, bob = team.people["mallory"], team.people["bob"]
    stranger = team.join(team.newcomer("eve"))
    team.remove(team.founder, bob)
    scene.rounds(1)
    scene.victim.writes(team.vault, f"After Bob {team.number}")
    body = next(each.value() for each in reversed(scene.liar.sent) if "/changes" in each.path)
    team.catch_up()
    recipients = {cbor.loads(row["grant"])["to"] for row in body["rotation"]["grants"]}
    assert recipients == {team.founder.fp, team.victim.fp, mallory.fp}

    team.team.vault_revoke(team.founder, team.vault, mallory)
    team.push(team.founder)
    let_in = {"cut": [], "member": stranger.member, "right": "read", "vault": team.vault}
    forged = team.team.sign(mallory, "vault_grant", let_in)
    scene.victim.begin_note(team.vault, f"Never sent {team.number}")
    conflict = replayed(problem(409, "head_moved"))
    with (
        scene.liar.lying("POST", f"{team.path}vaults/.*/changes", conflict) as refused,
        scene.forged(team, forged),
    ):
        scene.victim.button("Save the item")
        scene.stopped(team, "T2.manage", asked=True)
        assert refused.told == 1, "the second attempt ends before it is sent"
    assert team.rotate(team.founder, team.vault).status_code == 201
    scene.recovers(team)


def test_R15_another_suite(scene: Scene) -> None:
    """A grant of a suite that nobody knows, by somebody who may give it."""

    def forge(team: Team, vault: bytes) -> bytes:
        return team.team.grant(team.founder, vault, team.victim, suite=2)

    refuses_grant(scene, "R15.suite", forge)


def test_R18_a_key_of_another_length(scene: Scene) -> None:
    """The manager themself seals 31 bytes as a vault's key."""

    def forge(team: Team, vault: bytes) -> bytes:
        short = SealedBox(PublicKey(team.victim.box_public)).encrypt(os.urandom(31))
        return team.team.grant(team.founder, vault, team.victim, ct=short)

    refuses_grant(scene, "T7.parse", forge)


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


def _custodian(team: Team) -> bytes:
    person = team.people["mallory"]
    return team.team.sign(team.founder, "add_custodian", {"fp": person.fp, "member": person.member})


def _key_of_nobody(team: Team) -> bytes:
    """It would have the vault's key sealed to a reader's page."""
    reader = team.people["mallory"].member
    body = {"cut": [], "member": reader, "right": "manage", "vault": team.vault}
    return team.team.sign(team.team.person("custodian"), "vault_grant", body)


@pytest.mark.parametrize(
    ("refusal", "forge"),
    [("T3.type", _custodian), ("T2.actor", _key_of_nobody)],
    ids=["add_custodian", "a key of nobody's"],
)
def test_F15_a_custodian_is_not_known_yet(
    scene: Scene, refusal: str, forge: Callable[[Team], bytes]
) -> None:
    """Custody is a later feature: nobody can be made one, and its key would do nothing."""
    team = scene.team(mallory="read")
    scene.honest(team)
    with scene.forged(team, forge(team)):
        scene.refuses(team, refusal)
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


def _items(body: Any) -> Iterator[bytes]:
    """The items that a change is about."""
    if body["link"] is not None:
        link = cbor.loads(cbor.loads(body["link"])["link"])
        yield from (entry[0] for entry in link["body"]["entries"])


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
