"""What the client refuses in chains and grants: T1-T17 and faults of form, one lie each.

Each is told to a real browser. The liar has a colleague's or an owner's help wherever it needs a
signature: the links it tells are signed by real keys of the team, and the real server would take
none of them.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.chains import Person
from tests.e2e.person import SLOW
from tests.evil.grants import gives_a_key, refuses_grant
from tests.evil.proxy import ITEM, Answer, Ask, Late, Sent, replayed
from tests.evil.scene import Scene
from tests.evil.sync import Record, Tale, other_team
from tests.evil.team import Content, Team
from vaults.crypto import cbor
from vaults.crypto.keys import Dek

# The order of the group of Ed25519.
ORDER = 2**252 + 27742317777372353535851937790883648493
PAST = ("Date", "Sat, 01 Jan 2000 00:00:00 GMT")


def test_T1_a_link_is_left_out(scene: Scene) -> None:
    """Two links are made, and only the second is told."""
    team = scene.team()
    scene.honest(team)
    for _ in range(2):
        invitation = team.invite(team.founder)
        team.team.invite_revoke(team.founder, invitation)
        team.push(team.founder)

    def left_out(record: Record) -> None:
        del record["links"][0]

    with scene.told(other_team(team.team.state.id, left_out)):
        scene.refuses(team, "T1.seq")
    scene.recovers(team)


def test_T2_actor_without_the_right(scene: Scene) -> None:
    """A plain member changes roles."""
    team = scene.team(mallory="write")
    scene.honest(team)
    body = {"cut": [], "member": team.victim.member, "role": "auditor"}
    with scene.forged(team, team.team.sign(team.people["mallory"], "set_role", body)):
        scene.refuses(team, "T2.role")
    scene.recovers(team)


@pytest.mark.parametrize(
    ("refusal", "fields"), [("T3.type", {"type": "recovery_policy"}), ("T3.version", {"v": 2})]
)
def test_T3_unknown_type_or_version(scene: Scene, refusal: str, fields: dict[str, Any]) -> None:
    team = scene.team()
    scene.honest(team)
    profile = {"profile": {"email": os.urandom(32), "name": os.urandom(32)}}
    with scene.forged(team, team.team.sign(team.founder, "set_profile", profile, **fields)):
        scene.refuses(team, refusal)
    scene.recovers(team)


@pytest.mark.parametrize(
    ("refusal", "head"), [("T4.older", {"seq": 1}), ("T4.fork", {"hash": bytes(32)})]
)
def test_T4_older_head_or_another_history(scene: Scene, refusal: str, head: dict[str, Any]) -> None:
    """The head that the server names is behind what this browser has verified, or beside it."""
    team = scene.team()
    scene.honest(team)

    def change(tale: Tale) -> None:
        told = tale.team_head(team.team.state.id)
        if told is not None:
            told.update(head)

    with scene.told(change):
        scene.refuses(team, refusal)
    scene.recovers(team)


def test_T4_another_history_while_a_colleague_waits_for_a_key(scene: Scene) -> None:
    """A manager's browser gives keys unasked, so silence of any other proves little."""
    team = scene.team(right="manage")
    gives_a_key(scene, team)
    erin = team.newcomer("erin")

    def change(tale: Tale) -> None:
        head = tale.vault_head(team.vault)
        if head is not None:
            head["hash"] = bytes(32)

    with scene.told(change):
        scene.refuses(team, "T4.fork")
        since = len(scene.liar.sent)
        team.join(erin, {team.vault: "read"}, with_keys=False)
        scene.silent(team, since)
    scene.recovers(team)
    scene.waits_for(lambda: erin.fp in scene.sealed_to(team))


def test_T4_true_answers_out_of_order(scene: Scene) -> None:
    """What was asked first is answered last: it takes nothing's place on the page."""
    team = scene.team()
    slow, quick = (f"{name} {team.number}" for name in ("Slow boat", "Quick boat"))
    for title in (slow, quick):
        team.write_items(team.vault, title, note=f"about the {title}")
    scene.victim.sees(team.vault, slow, quick)
    page, late = scene.victim.page, Late()
    with scene.liar.lying("GET", ITEM, late.bend, times=1):
        scene.victim.open_item(slow)
        scene.victim.open_item(quick)
        expect(page.get_by_text(f"about the {quick}")).to_be_visible(timeout=SLOW)
        assert late.answers == [], "the first answer is still to come"
        late.tell()
        scene.waits_for(lambda: len(late.answers) == 1)
        scene.rounds(1)
        expect(page.get_by_text(f"about the {quick}")).to_be_visible()
        expect(page.get_by_text(f"about the {slow}")).to_have_count(0)
    scene.recovers(team)


def test_T4_a_true_answer_late_and_again(scene: Scene) -> None:
    """Late, it is no lie, though a note is written meanwhile. Told again after that, it is one."""
    team = scene.team()
    scene.honest(team)
    late = Late()
    with scene.liar.lying("POST", "sync", late.bend, times=1):
        scene.victim.look()
        scene.waits_for(late.asked.is_set)
        scene.victim.writes(team.vault, f"Meanwhile {team.number}")
        late.tell()
        scene.waits_for(lambda: len(late.answers) == 1)
        scene.rounds(2)
        scene.victim.expect_no_refusal()
        scene.victim.sees(team.vault, f"Meanwhile {team.number}")
    team.catch_up()
    scene.honest(team, "After it")
    with scene.liar.lying("POST", "sync", replayed(late.answers[0])):
        scene.refuses(team, "T4.older")
    scene.recovers(team)


def test_T5_a_link_of_another_team(scene: Scene) -> None:
    """The founder of two teams signs for one, and the server puts the link into the other."""
    other, team = scene.team(), scene.team()
    scene.honest(team)
    body = {"invite": os.urandom(32)}
    signed = team.team.sign(team.founder, "invite_revoke", body, chain=other.team.state.id)
    with scene.forged(team, signed):
        scene.refuses(team, "T5.chain")
    scene.recovers(team)


def test_T6_a_key_that_is_not_in_the_roster(scene: Scene) -> None:
    """An owner vouches for the victim under somebody else's key."""
    team = scene.team(mallory="read")
    scene.honest(team)
    body = {"fp": team.people["mallory"].fp, "how": "words", "member": team.victim.member}
    with scene.forged(team, team.team.sign(team.founder, "verify", body)):
        scene.refuses(team, "T6.fp")
    scene.recovers(team)


def test_T7_grant_by_a_member_who_does_not_manage(scene: Scene) -> None:
    """A writer seals the right key to the victim, without the right to."""

    def forge(team: Team, vault: bytes) -> bytes:
        return team.team.grant(team.people["mallory"], vault, team.victim)

    refuses_grant(scene, "T7.authority", forge)


def test_T8_a_key_that_the_chain_does_not_name(scene: Scene) -> None:
    """The manager themself seals another key than the one that the vault was made with."""

    def forge(team: Team, vault: bytes) -> bytes:
        builder = team.team.vaults[vault]
        right, builder.deks[1] = builder.deks[1], Dek.generate()
        try:
            return team.team.grant(team.founder, vault, team.victim)
        finally:
            builder.deks[1] = right

    refuses_grant(scene, "T8.commit", forge)


def test_T9_a_write_under_the_key_of_a_removed_member(scene: Scene) -> None:
    """A reader is removed, and a writer goes on under the key that the reader still has."""
    team = scene.team(mallory="write", bob="read")
    scene.honest(team)
    team.remove(team.founder, team.people["bob"])
    late = team.sealed(
        team.people["mallory"], team.vault, [Content(team.item(), 1, "Under the old key")]
    )
    with scene.forged_change(team, late):
        scene.refuses(team, "T9.due")
        expect(scene.victim.row("Under the old key")).to_have_count(0)
    assert team.rotate(team.founder, team.vault).status_code == 201
    scene.recovers(team)


def _no_identity(team: Team, person: Person) -> bytes:
    """An acceptance that the person never signed."""
    invitation = team.asked(person)
    body = {**team.team.accept_body(invitation, person), "by_identity": bytes(64)}
    return team.team.sign(team.founder, "add_member", body)


def _revoked(team: Team, person: Person) -> bytes:
    """An invitation that was taken back."""
    invitation = team.asked(person)
    team.team.invite_revoke(team.founder, invitation)
    team.push(team.founder)
    body = team.team.accept_body(invitation, person)
    return team.team.sign(team.founder, "add_member", body)


def _used(team: Team, person: Person) -> bytes:
    """An invitation that somebody used already."""
    invitation = team.asked(person)
    team.team.add_member(team.founder, invitation, person)
    team.push(team.founder)
    again = team.team.person("twin")
    body = team.team.accept_body(invitation, again)
    return team.team.sign(team.founder, "add_member", body)


@pytest.mark.parametrize(
    ("refusal", "forge"),
    [("T10.sig_identity", _no_identity), ("T10.invite", _revoked), ("T10.invite", _used)],
    ids=["not accepted", "revoked", "used"],
)
def test_T10_a_member_without_a_valid_acceptance(
    scene: Scene, refusal: str, forge: Callable[[Team, Person], bytes]
) -> None:
    team = scene.team()
    team.join(team.newcomer("bob"))
    scene.honest(team)
    signed = forge(team, team.newcomer("eve"))
    with scene.forged(team, signed):
        scene.refuses(team, refusal)
    scene.recovers(team)


def _reset(team: Team) -> bytes:
    """What will reset keys one day."""
    body = {"fp": team.founder.fp, "member": team.victim.member}
    return team.team.sign(team.founder, "reset_key", body)


def _second_member(team: Team) -> bytes:
    """The same account again, under keys that whoever has the invitation made."""
    other = team.team.person("twin")
    other.account = team.victim.account
    body = team.team.accept_body(team.asked(other), other)
    return team.team.sign(team.founder, "add_member", body)


@pytest.mark.parametrize(
    ("refusal", "forge"),
    [("T3.type", _reset), ("T10.account", _second_member)],
    ids=["reset_key", "a second member"],
)
def test_T11_nobody_resets_a_member_s_keys(
    scene: Scene, refusal: str, forge: Callable[[Team], bytes]
) -> None:
    """Resets are a later feature, of no known kind; nor is there a way by an invitation."""
    team = scene.team()
    scene.honest(team)
    signed = forge(team)
    with scene.forged(team, signed):
        scene.refuses(team, refusal)
    scene.recovers(team)


def test_T12_the_last_owner_leaves(scene: Scene) -> None:
    team = scene.team()
    scene.honest(team)
    body = {"cut": team.team.cut_of(team.founder), "member": team.founder.member}
    with scene.forged(team, team.team.sign(team.founder, "remove_member", body)):
        scene.refuses(team, "T12.owner")
    scene.recovers(team)


def test_T13_a_right_for_somebody_who_is_not_verified(scene: Scene) -> None:
    """Whoever was invited by mail, where the server could hold the token, gets nothing by it."""
    team = scene.team()
    mailed = team.join(team.newcomer("eve"), via="mail")
    scene.honest(team)
    body = {"cut": [], "member": mailed.member, "right": "read", "vault": team.vault}
    with scene.forged(team, team.team.sign(team.founder, "vault_grant", body)):
        scene.refuses(team, "T13.subject")
    scene.recovers(team)


def test_T14_a_revision_twice(scene: Scene) -> None:
    """A writer writes revision 1 of an item that has one."""
    team = scene.team(mallory="write")
    (item,) = team.write_items(team.vault, f"Twice {team.number}")
    scene.honest(team)
    again = team.sealed(team.people["mallory"], team.vault, [Content(item, 1, "Another first")])
    with scene.forged_change(team, again):
        scene.refuses(team, "T14.revision")
    scene.recovers(team)


def test_T15_an_item_by_a_reader(scene: Scene) -> None:
    team = scene.team(mallory="read")
    scene.honest(team)
    mine = team.sealed(team.people["mallory"], team.vault, [Content(team.item(), 1, "By a reader")])
    with scene.forged_change(team, mine):
        scene.refuses(team, "T15.right")
    scene.recovers(team)


def test_T16_a_field_too_many(scene: Scene) -> None:
    team = scene.team()
    scene.honest(team)
    profile = {"profile": {"email": os.urandom(32), "name": os.urandom(32)}}
    with scene.forged(team, team.team.sign(team.founder, "set_profile", profile, escrow=True)):
        scene.refuses(team, "T16.fields")
    scene.recovers(team)


def test_T17_no_clock_decides(scene: Scene) -> None:
    """Changes dated 1970 and 2106 count; an invitation is over by what links say of the time."""
    team = scene.team()
    for number, at in enumerate((1, 4_300_000_000_000)):
        change = team.sealed(
            team.founder, team.vault, [Content(team.item(), 1, f"Dated {number}")], at=at
        )
        team.keep(team.founder, team.vault, change)
    scene.victim.sees(team.vault, "Dated 0", "Dated 1")

    person = team.newcomer("eve")
    body = team.team.accept_body(team.asked(person), person)
    late = team.team.sign(team.founder, "add_member", body, at=4_000_000_000_001)

    def in_the_past(sent: Sent, ask: Ask) -> Answer:
        return ask().adding(PAST)

    with scene.liar.lying(".*", ".*", in_the_past), scene.forged(team, late):
        scene.refuses(team, "T10.expired")
    scene.recovers(team)


def _longer_scalar(signed: bytes) -> bytes:
    """The signature's scalar plus the order of the group: it would verify, were it let in."""
    link = cbor.loads(signed)
    sig = link["sigs"][0]["sig"]
    scalar = (int.from_bytes(sig[32:], "little") + ORDER).to_bytes(32, "little")
    link["sigs"][0]["sig"] = sig[:32] + scalar
    return cbor.dumps(link)


def _trailing(signed: bytes) -> bytes:
    return signed + b"\0"


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
