"""POST teams/{team}/vaults/{vault}/changes: writing items."""

import pytest

from audit.models import AuditEvent
from tests.world import World, blob, decoded
from vaults.models import Item, Revision, Vault, VaultLink

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World.begin()


@pytest.fixture
def vault(world: World) -> bytes:
    return world.vault_create(world.founder)


def test_a_new_item_is_stored_and_noted(world: World, vault: bytes) -> None:
    item = world.item()

    answer = world.write(world.founder, vault, {item: 1})

    state = world.team.vaults[vault].state
    assert decoded(answer) == {
        "seq": 2,
        "hash": state.head,
        "team_seq": world.team.state.seq,
        "team_hash": world.team.state.head,
    }
    assert (Vault.objects.get().seq, bytes(Vault.objects.get().head)) == (2, state.head)
    assert Item.objects.count() == 2
    assert AuditEvent.objects.filter(action="item.changed").count() == 2
