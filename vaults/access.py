"""The one road into a team or a vault. Absent, foreign and forbidden are told apart nowhere."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import connection

from accounts.access import TeamAccess
from accounts.errors import AccessDenied
from accounts.kek import lend, open_kek
from accounts.models import Kek, Role, User
from vaults.models import Right

KEK_COLUMNS: Final = "k.id, k.deployment_id, k.version, k.blob, k.master_key_id, k.flushed"

# One statement: these rows are asked for at every request to a vault.
_ACCESS: Final = f"""
    SELECT m.member_id, m.fp, m.role, m.verified, h."right", v.number, {KEK_COLUMNS}
    FROM accounts_member m
    JOIN vaults_vault v ON v.team_id = m.team_id AND v.id = %s
    JOIN vaults_vaultmember h ON h.vault_id = v.id AND h.member_id = m.member_id
    JOIN accounts_kek k ON k.team_id = m.team_id AND k.state = 'current'
    WHERE m.account_id = %s AND m.team_id = %s AND m.left_seq IS NULL
"""  # noqa: S608 - a constant

_MEMBER: Final = f"""
    SELECT m.member_id, m.fp, m.role, m.verified, {KEK_COLUMNS}
    FROM accounts_member m
    JOIN accounts_kek k ON k.team_id = m.team_id AND k.state = 'current'
    WHERE m.account_id = %s AND m.team_id = %s AND m.left_seq IS NULL
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class VaultAccess:
    """That a member of a team holds a right in a vault; made by `require_vault` only."""

    team: TeamAccess
    vault_id: UUID
    vault_number: int  # what items and links name the vault by
    right: Right

    @property
    def team_id(self) -> UUID:
        return self.team.team_id


def require_vault(
    *, user: User | AnonymousUser, team_id: UUID, vault_id: UUID, at_least: Right = Right.READ
) -> VaultAccess:
    """Return the caller's access to a vault of a team whose KEK can be had (design claim C5).

    Raises:
        AccessDenied: the team or vault is absent, the vault is another team's, the caller is no
            present member, or holds no right or a lower one.
        KmsUnavailable: the caller may, and the key that shuts all vaults of the team is shut.
    """
    if not user.is_authenticated:
        raise AccessDenied
    with connection.cursor() as cursor:
        cursor.execute(_ACCESS, [vault_id, user.pk, team_id])
        row = cursor.fetchone()
    if row is None:
        raise AccessDenied
    if row[4] < at_least:
        raise AccessDenied
    with lend(kek_of(team_id, row[6:])):
        pass
    team = TeamAccess(team_id, user.pk, bytes(row[0]), bytes(row[1]), Role(row[2]), row[3])
    return VaultAccess(team, vault_id, row[5], Right(row[4]))


def require_member_and_kek(*, user: User | AnonymousUser, team_id: UUID) -> tuple[TeamAccess, Kek]:
    """Return the caller's access to a team whose KEK can be had, and that KEK's row.

    Raises:
        AccessDenied: the team is absent, or the caller is not a present member.
        KmsUnavailable: the caller may, and the KEK cannot be had.
    """
    if not user.is_authenticated:
        raise AccessDenied
    with connection.cursor() as cursor:
        cursor.execute(_MEMBER, [user.pk, team_id])
        row = cursor.fetchone()
    if row is None:
        raise AccessDenied
    kek = kek_of(team_id, row[4:])
    with lend(kek):
        pass
    return TeamAccess(team_id, user.pk, bytes(row[0]), bytes(row[1]), Role(row[2]), row[3]), kek


def kek_of(team_id: UUID, columns: tuple[Any, ...]) -> Kek:
    """Return a KEK's row from its `KEK_COLUMNS`."""
    kek_id, deployment_id, version, blob, master_key_id, flushed = columns
    return Kek(
        id=kek_id,
        deployment_id=deployment_id,
        team_id=team_id,
        version=version,
        blob=blob,
        master_key_id=master_key_id,
        flushed=flushed,
    )


def require_kek(team_id: UUID) -> None:
    """Ask for the team's KEK, and use it for nothing.

    Raises:
        KmsUnavailable: it cannot be had: no byte of the team's vaults is served.
    """
    with open_kek(team_id):
        pass
