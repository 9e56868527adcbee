"""Rotating a vault's key, and the races around it: F19, F29, F30, F33, both or neither."""

from typing import Any
from uuid import UUID

import pytest

from accounts.models import Team, TeamLink
from audit.models import AuditEvent
from tests.world import World, decoded
from vaults.models import Grant, Vault, VaultLink

pytestmark = pytest.mark.django_db


def stands(world: World, vault: bytes) -> tuple[int, int, int, int]:
    """Team links, vault links, epoch, grants: what both-or-neither is about."""
    row = Vault.objects.get(pk=UUID(bytes=vault))
    return (
        TeamLink.objects.filter(team_id=world.id).count(),
        VaultLink.objects.filter(vault=row).count(),
        row.epoch,
        Grant.objects.filter(vault=row).count(),
    )


def test_f29_a_reader_is_removed_and_the_writer_rotates_with_the_next_write(
    world: World, vault: bytes
) -> None:
    writer = world.recruit("writer", {vault: "write"})
    reader = world.recruit("reader", {vault: "read"})
    stale = world.change_body(writer, vault, {world.item(): 1})
    world.remove(world.founder, reader)

    assert world.send_change(writer, vault, stale).json()["code"] == "stale_seen"
    unrotated = world.change_body(writer, vault, {world.item(): 1})
    assert world.send_change(writer, vault, unrotated).json()["code"] == "rotation_due"

    rotation = world.rotation(writer, vault)
    body = {**world.change_body(writer, vault, {world.item(): 1}), "rotation": rotation}
    answer = world.send_change(writer, vault, body)

    assert answer.status_code == 201
    assert decoded(answer)["team_hash"] == world.team.state.head
    row = Vault.objects.get(pk=UUID(bytes=vault))
    assert (row.seq, row.epoch, row.due) == (2, 2, False)
    assert set(Grant.objects.filter(epoch=2).values_list("to_fp", flat=True)) == {
        world.founder.fp,
        writer.fp,
    }
    assert AuditEvent.objects.filter(action="vault.rotated").count() == 1


def test_the_same_rotation_again_is_done_once(world: World, vault: bytes) -> None:
    rotation = world.rotation(world.founder, vault)
    body = {
        **world.change_body(world.founder, vault, {world.item(): 1}),
        "rotation": rotation,
    }
    answers = [world.send_change(world.founder, vault, body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].content == answers[1].content
    assert stands(world, vault)[1:] == (2, 2, 2)


def test_a_refused_vault_link_takes_its_rotation_with_it(world: World, vault: bytes) -> None:
    before = stands(world, vault)
    rotation = world.rotation(world.founder, vault)
    body = world.change_body(world.founder, vault, {world.item(): 7})

    answer = world.send_change(world.founder, vault, {**body, "rotation": rotation})

    assert (answer.status_code, answer.json()["refusal"]) == (422, "T14.revision")
    assert stands(world, vault) == before
    assert Team.objects.get(kind="team").seq == 1


def test_a_refused_rotation_takes_its_vault_link_with_it(world: World, vault: bytes) -> None:
    before = stands(world, vault)
    rotation = world.rotation(world.founder, vault)
    body = world.change_body(world.founder, vault, {world.item(): 1})

    answer = world.send_change(
        world.founder, vault, {**body, "rotation": {**rotation, "grants": []}}
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert stands(world, vault) == before


def test_f30_after_losing_the_vault_race_the_next_attempt_succeeds(
    world: World, vault: bytes
) -> None:
    ana = world.recruit("ana", {vault: "write"})
    mine = world.change_body(ana, vault, {world.item(): 1})
    team_before = world.team.state.seq
    theirs = world.change_body(world.founder, vault, {world.item(): 1})
    # Ana signs a rotation at the head she knows; the founder's write is faster.
    epoch_body = world.team.epoch_body(vault, 2)[1]
    rotation = world.team.sign(ana, "vault_rotate", {**epoch_body, "cut": world.team.cut(vault)})
    assert world.send_change(world.founder, vault, theirs).status_code == 201
    world.team.append_change(vault, theirs["link"])
    lost = {**mine, "rotation": {"link": rotation, "grants": [], "olds": []}}

    answer = world.send_change(ana, vault, lost)

    assert (answer.status_code, answer.json()["code"]) == (409, "head_moved")
    assert answer.json()["chain"] == str(UUID(bytes=vault))
    assert Team.objects.get(kind="team").seq == team_before
    again = world.rotation(ana, vault)
    body = {**world.change_body(ana, vault, {world.item(): 1}), "rotation": again}
    assert world.send_change(ana, vault, body).status_code == 201


# Quotas are counted after the commit, so this one needs commits.
@pytest.mark.django_db(transaction=True)
def test_f33_garbage_rotations_do_not_stop_an_honest_write(world: World, vault: bytes) -> None:
    mallory, ana = (world.recruit(name, {vault: "write"}) for name in ("mallory", "ana"))
    world.remove(world.founder, world.recruit("bob", {vault: "read"}))
    # Ana signs what is due; Mallory's rotation, whose DEK nobody may be able to open, is faster.
    epoch = world.team.epoch_body(vault, 2)[1]
    slow = world.team.sign(ana, "vault_rotate", {**epoch, "cut": world.team.cut(vault)})
    assert world.rotate(mallory, vault).status_code == 201
    lost: dict[str, Any] = {
        "link": None,
        "blobs": [],
        "rotation": {"link": slow, "grants": [], "olds": []},
    }
    assert world.send_change(ana, vault, lost).json()["code"] == "head_moved"

    # Not due any more, so it counts; but each member has their own, and it rides with the write.
    rotation = world.rotation(ana, vault)
    body = {**world.change_body(ana, vault, {world.item(): 1}), "rotation": rotation}
    assert world.send_change(ana, vault, body).status_code == 201

    # What was due had not counted for Mallory; now one counts, and the next is too many.
    world.team.append_change(vault, body["link"])
    assert world.rotate(mallory, vault).status_code == 201
    again = world.team.epoch_body(vault, world.team.state.vaults[vault].epoch + 1)[1]
    more = world.team.sign(mallory, "vault_rotate", {**again, "cut": world.team.cut(vault)})
    body = {"link": None, "blobs": [], "rotation": {"link": more, "grants": [], "olds": []}}
    answer = world.send_change(mallory, vault, body)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many")


def test_a_manager_rotates_as_often_as_needed(world: World, vault: bytes) -> None:
    assert [world.rotate(world.founder, vault).status_code for _ in range(3)] == [201] * 3


def test_a_rotation_that_is_due_is_not_counted(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    assert world.rotate(ana, vault).status_code == 201
    world.remove(world.founder, world.recruit("bob", {vault: "read"}))
    assert world.rotate(ana, vault).status_code == 201


def test_f19_a_grant_sealed_before_its_recipient_was_removed_is_refused(
    world: World, vault: bytes
) -> None:
    bob = world.recruit("bob", {vault: "read"})
    head = {"hash": world.team.state.head, "seq": world.team.state.seq}
    world.remove(world.founder, bob)

    answer = world.grant(world.founder, vault, bob, head=head)

    assert (answer.status_code, answer.json()["refusal"]) == (422, "T7.to")
    assert not Grant.objects.filter(to_fp=bob.fp).exists()


def test_a_removed_member_may_not_bring_their_rotation(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    epoch = world.team.epoch_body(vault, 2)[1]
    rotation = world.team.sign(ana, "vault_rotate", {**epoch, "cut": world.team.cut(vault)})
    world.remove(world.founder, ana)
    body: dict[str, Any] = {
        "link": None,
        "blobs": [],
        "rotation": {"link": rotation, "grants": [], "olds": []},
    }

    assert world.send_change(ana, vault, body).status_code == 404
