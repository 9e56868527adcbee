"""What a member's right to act in a team is; `vaults.access` alone makes one, KEK and all."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from accounts.models import Role

ADMINS: Final = frozenset({Role.OWNER, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class TeamAccess:
    """That an account is a present member of a team; made by `vaults.access` only."""

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
