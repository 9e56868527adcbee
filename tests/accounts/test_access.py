"""Who administers a team: by role, and only once it is known whose key it is."""

from uuid import uuid4

import pytest

from accounts.access import TeamAccess
from accounts.models import Role


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("verified", ["founder", "token", "words", "none"])
def test_only_verified_admins_and_owners_administer(role: Role, verified: str) -> None:
    access = TeamAccess(uuid4(), uuid4(), bytes(16), bytes(32), role, verified)
    assert access.administers == (role in {Role.OWNER, Role.ADMIN} and verified != "none")
