"""manage.py chain_check finds whatever is not what the chains fold to."""

from collections.abc import Callable
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Member, Team
from sharing.models import Invite
from tests.world import World
from vaults.models import Grant, Item, Revision, Vault, VaultMember

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """A team in which everything has happened once."""
    world = World.begin()
    vault = world.vault_create(world.founder)
    item = world.item()
    ana = world.recruit("ana", {vault: "write"})
    bob = world.recruit("bob", {vault: "read"}, via="mail")
    world.team.verify(world.founder, bob)
    world.push(world.founder)
    world.write(ana, vault, {item: 1})
    world.remove(world.founder, ana)
    world.rotate(world.founder, vault)
    twice = world.item()
    world.write(world.founder, vault, {item: None, twice: 1})
    world.write(world.founder, vault, {twice: 2})
    return world


def check() -> str:
    out = StringIO()
    call_command("chain_check", stdout=out)
    return out.getvalue()


def test_what_the_services_wrote_is_what_the_chains_fold_to(world: World) -> None:
    assert check().endswith(" teams: the rows are what the chains fold to\n")


PLANTED: dict[str, Callable[[], object]] = {
    "a role": lambda: Member.objects.filter(left_seq=None).update(role="owner"),
    "somebody who left": lambda: Member.objects.exclude(left_seq=None).update(left_seq=1),
    "a verification": lambda: Member.objects.filter(verified="words").update(verified="none"),
    "keys": lambda: Member.objects.filter(verified="words").update(box=bytes(32)),
    "a link about a member": lambda: Member.objects.update(touched_seq=0),
    "a member": lambda: Member.objects.exclude(left_seq=None).delete(),
    "a right": lambda: VaultMember.objects.filter(right=1).update(right=3),
    "since when a right is held": lambda: VaultMember.objects.filter(right=1).update(since_seq=1),
    "a lost right": lambda: VaultMember.objects.filter(right=1).delete(),
    "a head": lambda: Team.objects.update(head=bytes(32)),
    "a seq": lambda: Team.objects.update(seq=99),
    "another beginning": lambda: Team.objects.update(genesis_hash=bytes(32)),
    "a vault's head": lambda: Vault.objects.update(head=bytes(32)),
    "a vault's seq": lambda: Vault.objects.update(seq=99),
    "what a vault has seen": lambda: Vault.objects.update(seen_seq=1),
    "an epoch": lambda: Vault.objects.update(epoch=1),
    "a rotation that is due": lambda: Vault.objects.update(due=True),
    "a forgotten cut": lambda: Vault.objects.update(last_cut_seq=0),
    "a link about a vault": lambda: Vault.objects.update(touched_seq=0),
    "a rolled back item": lambda: Item.objects.filter(overview=None).update(overview=b"x"),
    "a revision": lambda: Item.objects.filter(revision=1).update(revision=9),
    "an author": lambda: Item.objects.update(author=bytes(16)),
    "the link of an item": lambda: Item.objects.update(link_seq=99),
    "a lost item": lambda: Item.objects.filter(revisions=None).delete(),
    "a lost revision": lambda: Revision.objects.all().delete(),
    "a key that no link made": lambda: Grant.objects.filter(epoch=2).update(epoch=7),
    "a lost invitation": lambda: Invite.objects.all().delete(),
    "an invitation that no link made": lambda: Invite.objects.create(
        hash=bytes(32), team=Team.objects.get(kind="team")
    ),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_planted_difference_is_found(world: World, plant: Callable[[], object]) -> None:
    assert plant()
    with pytest.raises(CommandError, match="differences"):
        check()


def test_a_link_with_other_bytes_is_found(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE accounts_teamlink DISABLE TRIGGER team_link_keep")
        cursor.execute(
            "UPDATE accounts_teamlink SET signed = overlay(signed placing '\\x00' from 300)"
            " WHERE seq = 2 AND team_id = %s",
            [UUID(bytes=world.team.state.id)],
        )
        cursor.execute("ALTER TABLE accounts_teamlink ENABLE TRIGGER team_link_keep")
    with pytest.raises(CommandError):
        check()
