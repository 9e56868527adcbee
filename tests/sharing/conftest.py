"""Who is invited."""

import pytest

from tests.chains import Person
from tests.world import World


@pytest.fixture
def ana(world: World) -> Person:
    """Somebody with an account, who is in no team of others."""
    ana = world.team.person("ana")
    world.settle(ana)
    return ana
