"""The one road into a team. Absent, another tenant's and forbidden are told apart nowhere."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import connection

from accounts.errors import AccessDenied
from accounts.models import Role, User

ANY_ROLE: Final = frozenset(Role)
ADMINS: Final = frozenset({Role.OWNER, Role.ADMIN})

# Written out, as it is asked at every request to a team.
_MEMBER: Final = """
    SELECT member_id, fp, role, verified FROM accounts_member
    WHERE team_id = %s AND account_id = %s AND left_seq IS NULL
"""


@dataclass(frozen=True, slots=True)
class TeamAccess:
    """That an account is a present member of a team; made by `require_member` only."""

    team_id: UUID
    account_id: UUID
    member_id: bytes  # 16 bytes
    fp: bytes  # 32 bytes
    role: Role
    verified: str  # founder, token, words, none

    @property
    def administers(self) -> bool:
        """Whether the role counts, and is admin or owner."""
        return self.role in ADMINS and self.verified != "none"


def require_member(
    *, user: User | AnonymousUser, team_id: UUID, roles: Collection[Role] = ANY_ROLE
) -> TeamAccess:
    """Return the caller's access to a team.

    Raises:
        AccessDenied: the team is absent, the caller is not a present member, or the role is
            none of `roles`.
    """
    if not user.is_authenticated:
        raise AccessDenied
    with connection.cursor() as cursor:
        cursor.execute(_MEMBER, [team_id, user.pk])
        row = cursor.fetchone()
    if row is None:
        raise AccessDenied
    if row[2] not in roles:
        raise AccessDenied
    return TeamAccess(team_id, user.pk, bytes(row[0]), bytes(row[1]), Role(row[2]), row[3])
