"""POST teams/{team}/links: the one door, by type."""

import os
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest

from accounts.models import Member, Opening, Team, TeamLink
from audit.models import AuditEvent
from tests.world import World, blob, decoded, user_of
from vaults.crypto import cbor
from vaults.crypto.profile import commitment
from vaults.models import Grant, Vault, VaultLink, VaultMember

pytestmark = pytest.mark.django_db


def rights(world: World, vault: bytes) -> dict[bytes, int]:
    rows = VaultMember.objects.filter(vault_id=UUID(bytes=vault), team_id=world.id)
    return {bytes(member): right for member, right in rows.values_list("member_id", "right")}


def row_of(world: World, vault: bytes) -> Vault:
    return Vault.objects.get(pk=UUID(bytes=vault), team_id=world.id)


def test_a_new_vault_has_its_creator_its_grant_and_its_own_item(world: World, vault: bytes) -> None:
    assert rights(world, vault) == {world.founder.member: 3}
    row = row_of(world, vault)
    assert (row.seq, row.epoch, row.due) == (1, 1, False)
    grant = Grant.objects.get()
    assert (grant.to_fp, grant.from_fp, grant.epoch) == (world.founder.fp, world.founder.fp, 1)
    # Outer seal: what is stored is not what was sent.
    assert b"coffret" not in bytes(grant.blob)
    assert AuditEvent.objects.filter(action="vault.created").count() == 1


def test_the_same_new_vault_again_is_the_same_vault(world: World) -> None:
    _vault, body = world.vault_parts(world.founder)

    answers = [world.post(world.founder, "links", body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].content == answers[1].content
    assert (Vault.objects.count(), VaultLink.objects.count(), Grant.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"grants": []}, "invalid"),
        ({"change": None}, "invalid"),
        ({"openings": [{"kind": "name", "salt": bytes(32), "text": "x"}]}, "invalid"),
    ],
)
def test_a_new_vault_comes_whole_or_not_at_all(
    world: World, change: dict[str, Any], code: str
) -> None:
    _vault, body = world.vault_parts(world.founder)
    answer = world.post(world.founder, "links", {**body, **change})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not Vault.objects.exists()
    assert Team.objects.get(kind="team").seq == 0


def test_a_first_change_without_the_vaults_own_item_makes_no_vault(world: World) -> None:
    vault = world.team.vault_create(world.founder)
    grant = cbor.loads(world.team.grant(world.founder, vault, world.founder))
    item = world.item()
    signed = world.team.sign_change(world.founder, vault, {item: (1, bytes(32))})
    body = world.link_body(
        world.team.links[-1], grants=[grant], change={"link": signed, "blobs": [blob()]}
    )
    assert world.post(world.founder, "links", body).status_code == 400
    assert not Vault.objects.exists()


def test_granting_raising_lowering_and_revoking_move_the_right(world: World, vault: bytes) -> None:
    ana = world.recruit("ana")
    for right, number in (("write", 2), ("manage", 3), ("read", 1)):
        world.team.vault_grant(world.founder, vault, ana, right)
        world.push(world.founder)
        assert rights(world, vault)[ana.member] == number
    assert row_of(world, vault).last_cut_seq == world.team.state.seq
    assert not row_of(world, vault).due

    world.team.vault_revoke(world.founder, vault, ana)
    world.push(world.founder)
    assert ana.member not in rights(world, vault)
    assert row_of(world, vault).due


def test_a_removed_member_loses_every_right_and_the_team(world: World, vault: bytes) -> None:
    other = world.vault_create(world.founder)
    ana = world.recruit("ana", {vault: "write", other: "read"})

    world.remove(world.founder, ana)

    assert ana.member not in rights(world, vault) | rights(world, other)
    assert {row_of(world, v).due for v in (vault, other)} == {True}
    assert Member.objects.get(member_id=ana.member).left_seq == world.team.state.seq
    assert world.sync(ana, ["teams"]) == [["end"]]


def test_a_cut_that_a_write_has_overtaken_is_refused_whole(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    cut = world.team.cut(vault)
    world.write(ana, vault, {world.item(): 1})
    body = {"cut": cut, "member": ana.member}
    signed = world.team.sign(world.founder, "remove_member", body)

    answer = world.send(world.founder, signed)

    assert (answer.status_code, answer.json()["code"]) == (409, "head_moved")
    assert answer.json()["chain"] == str(UUID(bytes=vault))
    assert Member.objects.get(member_id=ana.member).left_seq is None
    assert rights(world, vault)[ana.member] == 2


def test_an_auditor_loses_every_right(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    world.team.set_role(world.founder, ana, "auditor")
    world.push(world.founder)
    assert ana.member not in rights(world, vault)
    assert Member.objects.get(member_id=ana.member).role == "auditor"
    world.team.set_role(world.founder, ana, "admin")
    world.push(world.founder)
    assert Member.objects.get(member_id=ana.member).role == "admin"
    assert ana.member not in rights(world, vault)


def test_a_mailed_member_has_no_right_until_words_were_compared(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"}, via="mail")
    assert ana.member not in rights(world, vault)
    world.team.verify(world.founder, ana)
    world.push(world.founder)
    assert rights(world, vault)[ana.member] == 2
    assert Member.objects.get(member_id=ana.member).verified == "words"


def test_f31_a_verifier_who_manages_nothing_gives_nothing(world: World, vault: bytes) -> None:
    admin = world.recruit("admin", role="admin")
    ana = world.recruit("ana", {vault: "write"}, via="mail")
    world.team.verify(admin, ana)
    world.push(admin)
    assert ana.member not in rights(world, vault)


def test_f27_a_mailed_member_signs_nothing_but_their_leaving(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"}, via="mail")
    profile = {**ana.profile, "name": bytes(32)}
    answer = world.send(ana, world.team.sign(ana, "set_profile", {"profile": profile}))
    assert (answer.status_code, answer.json()["refusal"]) == (422, "T13.actor")
    world.remove(ana, ana)
    assert world.send(ana, world.team.links[-1]).status_code == 404


def test_a_new_name_is_stored_if_it_opens(world: World) -> None:
    salt = os.urandom(32)
    profile = {**world.founder.profile, "name": commitment(salt, "name", "Ana “the” Admin")}
    signed = world.team.sign(world.founder, "set_profile", {"profile": profile})
    wrong = [{"kind": "name", "salt": salt, "text": "Bob"}]
    right = [{"kind": "name", "salt": salt, "text": "Ana “the” Admin"}]

    assert world.send(world.founder, signed, openings=wrong).json()["code"] == "invalid"
    assert Team.objects.get(kind="team").seq == 0
    assert world.send(world.founder, signed, openings=right).status_code == 201
    assert Opening.objects.get().text == "Ana “the” Admin"


def renamed(world: World, salt: bytes, text: str) -> Any:
    profile = {**world.founder.profile, "name": commitment(salt, "name", text)}
    signed = world.team.sign(world.founder, "set_profile", {"profile": profile})
    answer = world.send(
        world.founder, signed, openings=[{"kind": "name", "salt": salt, "text": text}]
    )
    if answer.status_code == 201:
        world.team.append(signed)
    return answer


def test_an_address_in_a_profile_is_the_accounts_own(world: World) -> None:
    """By it a removal finds the invitations that are open for whom it takes out."""
    ana, bob = world.recruit("ana"), world.recruit("bob")
    texts = {"copied": None, "another's": user_of(bob).email, "own": user_of(ana).email}
    answers = {}
    for name, text in texts.items():
        salt = os.urandom(32)
        committed = bob.profile["email"] if text is None else commitment(salt, "email", text)
        openings = [] if text is None else [{"kind": "email", "salt": salt, "text": text}]
        body = {"profile": {**ana.profile, "email": committed}}
        answer = world.send(ana, world.team.sign(ana, "set_profile", body), openings=openings)
        answers[name] = (
            answer.status_code,
            answer.json().get("code") if answer.status_code != 201 else "",
        )
    assert answers == {"copied": (400, "invalid"), "another's": (400, "invalid"), "own": (201, "")}


def test_nobody_is_let_in_under_keys_that_are_not_the_accounts_own(world: World) -> None:
    """The ids of accounts stand in every chain: an acceptance in another's name is easily made."""
    bob, nobody = world.team.person("bob"), world.team.person("nobody")
    world.settle(bob)
    for account in (bob.account, nobody.account):
        invitation = world.invite(world.founder)
        mallory = world.team.person("mallory")
        mallory.account = account
        body = world.team.accept_body(invitation, mallory)
        answer = world.send(world.founder, world.team.sign(world.founder, "add_member", body))
        assert (answer.status_code, answer.json()["refusal"]) == (422, "T6.key")
    assert (
        not Member.objects.filter(team_id=world.id, left_seq=None)
        .exclude(member_id=world.founder.member)
        .exists()
    )
    own = world.team.accept_body(invitation, bob)
    assert (
        world.send(world.founder, world.team.sign(world.founder, "add_member", own)).status_code
        == 201
    )


def test_one_member_cannot_grow_the_chain_of_all_without_end(world: World) -> None:
    ana, bob = world.recruit("ana"), world.recruit("bob")
    vault = world.vault_create(ana)
    with patch("accounts.services.team.MAX_LINKS", -20):
        world.team.vault_grant(ana, vault, bob, "read")
        answer = world.send(ana, world.team.links[-1])
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many")
    assert world.send(ana, world.team.links[-1]).status_code == 201


def test_what_takes_is_not_kept_waiting_and_owners_are_not(world: World) -> None:
    ana, bob = world.recruit("ana"), world.recruit("bob")
    vault = world.vault_create(ana)
    world.team.vault_grant(ana, vault, bob, "read")
    world.push(ana)
    with patch("accounts.services.team.MAX_LINKS", -20):
        world.team.vault_revoke(ana, vault, bob)
        world.push(ana)
        world.team.set_role(world.founder, bob, "admin")
        world.push(world.founder)
        world.remove(ana, ana)


def test_nobody_holds_more_vaults_than_a_removal_can_take(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "read"})
    with patch("vaults.services.heads.MAX_HELD", 1):
        _more, body = world.vault_parts(ana)
        answer = world.post(ana, "links", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_held")
    assert Vault.objects.count() == 1
    assert rights(world, vault)[ana.member] == 1


def test_no_vault_has_more_holders_than_a_rotation_can_serve(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "read"})
    with patch("vaults.services.heads.MAX_HOLDERS", 2):
        world.team.vault_grant(world.founder, vault, ana, "write")
        world.push(world.founder)
        invitation = world.invite(world.founder, {vault: "read"})
        bob = world.team.person("bob")
        world.settle(bob)
        body = world.team.accept_body(invitation, bob)
        signed = world.team.sign(world.founder, "add_member", body)
        answer = world.send(world.founder, signed)
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_held")
        assert (
            world.post(
                world.founder,
                "restore",
                {
                    "vault": None,
                    "link": signed,
                    "openings": [],
                    "grants": [],
                    "olds": [],
                    "blobs": [],
                },
            ).json()["code"]
            == "too_many_held"
        )
        world.remove(world.founder, ana)


def test_a_salt_stands_in_a_team_once(world: World) -> None:
    salt = os.urandom(32)
    assert renamed(world, salt, "Ana").status_code == 201
    assert renamed(world, salt, "Eve").json()["code"] == "invalid"
    assert Team.objects.get(kind="team").seq == 1


def test_a_member_cannot_fill_the_chain_with_names(world: World) -> None:
    with patch("accounts.services.team.MAX_PROFILES", 2):
        answers = [renamed(world, os.urandom(32), f"Ana {n}").status_code for n in range(6)]
    assert answers[:2] == [201, 201]
    assert 429 in answers
    assert Team.objects.get(kind="team").seq == answers.count(201)


def test_an_account_cannot_make_vaults_without_end(world: World) -> None:
    # So far over the free ones that the next one has to wait for the longest time.
    with patch("vaults.services.vaults.MAX_VAULTS", -20):
        world.vault_create(world.founder)
        _vault, body = world.vault_parts(world.founder)
        refused = world.post(world.founder, "links", body)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
    assert Vault.objects.count() == 1


def test_f1_an_admin_without_manage_invites_nobody_into_a_vault(world: World, vault: bytes) -> None:
    admin = world.recruit("admin", role="admin")
    body, _invitation = world.team.invite_body(vaults={vault: "read"})
    opening = {"kind": "email", "salt": bytes(32), "text": "a@example.org"}
    answer = world.send(admin, world.team.sign(admin, "invite", body), openings=[opening])
    assert (answer.status_code, answer.json()["refusal"]) == (422, "F1.manage")


@pytest.mark.parametrize("link_type", ["genesis", "vault_rotate"])
def test_two_types_do_not_come_this_way(world: World, vault: bytes, link_type: str) -> None:
    epoch = world.team.epoch_body(vault, 2)[1]
    links = {
        "genesis": world.team.links[0],
        "vault_rotate": world.team.sign(
            world.founder, "vault_rotate", {**epoch, "cut": world.team.cut(vault)}
        ),
    }
    assert world.send(world.founder, links[link_type]).json()["code"] == "invalid"


def test_other_bytes_at_a_filled_place_hear_the_head(world: World) -> None:
    first, second = (
        world.team.sign(
            world.founder, "set_profile", {"profile": {**world.founder.profile, "name": name}}
        )
        for name in (bytes(32), b"\1" * 32)
    )
    assert world.send(world.founder, first).status_code == 201
    answer = world.send(world.founder, second)
    assert (answer.status_code, answer.json()["code"], answer.json()["seq"]) == (
        409,
        "head_moved",
        1,
    )


def test_the_same_link_again_is_one_row_one_event_and_the_first_answer(world: World) -> None:
    profile = {**world.founder.profile, "name": bytes(32)}
    signed = world.team.sign(world.founder, "set_profile", {"profile": profile})
    answers = [world.send(world.founder, signed) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert decoded(answers[0]) == decoded(answers[1])
    assert TeamLink.objects.count() == 2
    assert AuditEvent.objects.filter(action="team.profile_set").count() == 1


def test_a_refused_link_leaves_the_next_one_its_place(world: World) -> None:
    ana = world.recruit("ana")
    refused = world.team.sign(ana, "remove_member", {"cut": [], "member": world.founder.member})
    assert world.send(ana, refused).json()["refusal"] == "T2.role"
    world.team.set_profile(ana)
    world.push(ana)
