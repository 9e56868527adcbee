"""Cuts that no head meets: what a member invented once must not keep anybody in for good."""

from typing import Any

import pytest

from accounts.services.team import team_commit
from accounts.team_state import team_states
from audit.services import unit_of_work
from tests.chains import Person
from tests.world import World, user_of
from vaults.access import require_member_and_kek
from vaults.crypto.links import parse_signed

pytestmark = pytest.mark.django_db
BEYOND = {"hash": b"\x01" * 32, "seq": 2**53 - 1}


@pytest.fixture
def vault(world: World) -> bytes:
    vault = world.vault_create(world.founder)
    for _ in range(2):
        world.write(world.founder, vault, {world.item(): 1})
    return vault


def cut_as(world: World, actor: Person, vault: bytes, cut: dict[str, Any]) -> None:
    """A rotation whose cut no head meets, as it came into the chain on a server that lied."""
    body = {"cut": [{**cut, "vault": vault}], "dek_commit": bytes(32), "epoch": 2, "vault": vault}
    signed = world.team.sign(actor, "vault_rotate", body)
    world.team.append(signed)
    access, _kek = require_member_and_kek(user=user_of(actor), team_id=world.id)
    with team_states.change(world.id) as changing, unit_of_work():
        team_commit(access=access, link=parse_signed(signed, "team"), changing=changing)


def removed(world: World, subject: Person, vault: bytes, cut: dict[str, Any]) -> Any:
    body = {"cut": [{**cut, "vault": vault}], "member": subject.member}
    return world.send(world.founder, world.team.sign(world.founder, "remove_member", body))


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, "" if answer.status_code == 201 else answer.json()["code"]


def head_of(world: World, vault: bytes) -> dict[str, Any]:
    (cut,) = world.team.cut(vault)
    return {"hash": cut["hash"], "seq": cut["seq"]}


@pytest.mark.parametrize("cut", [BEYOND, {**BEYOND, "seq": 1}, {**BEYOND, "seq": 2}])
def test_a_cut_that_was_invented_is_said_again(
    world: World, vault: bytes, cut: dict[str, Any]
) -> None:
    bob = world.recruit("bob", {vault: "write"})
    cut_as(world, bob, vault, cut)
    other = {**cut, "hash": b"\x02" * 32, "seq": min(cut["seq"] + 1, 2**53 - 1)}
    assert told(removed(world, bob, vault, other))[0] in {409, 422}
    assert told(removed(world, bob, vault, cut)) == (201, "")


def test_a_cut_that_the_chain_meets_is_not(world: World, vault: bytes) -> None:
    """Said again it would throw away what was written after it."""
    ana, bob = (world.recruit(name, {vault: "write"}) for name in ("ana", "bob"))
    before = head_of(world, vault)
    world.remove(world.founder, ana)
    world.rotate(world.founder, vault)
    world.write(world.founder, vault, {world.item(): 1})
    assert told(removed(world, bob, vault, before)) == (409, "head_moved")
    assert told(removed(world, bob, vault, head_of(world, vault))) == (201, "")


def test_nor_is_a_vault_cut_at_its_creation_again(world: World, vault: bytes) -> None:
    bob = world.recruit("bob", {vault: "write"})
    created = world.team.state.vaults[vault].cuts[0]
    cut = {"hash": created.hash, "seq": 0}
    assert told(removed(world, bob, vault, cut)) == (409, "head_moved")
