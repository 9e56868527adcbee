"""Rotating a vault's key, alone or with the vault link that needed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.core.cache import cache
from django.db import transaction

from accounts.conflicts import (
    LinkRefused,
    StaleSeen,
    TooManyLinks,
)
from accounts.errors import Invalid
from accounts.services.team import link_record, team_commit
from accounts.team_chain import TeamState
from accounts.team_state import Changing, team_states
from audit.events import Action
from audit.services import unit_of_work
from vaults.access import VaultAccess
from vaults.crypto.grants import ParsedGrant
from vaults.crypto.links import ParsedLink
from vaults.models import Right
from vaults.services.changes import Written, change_write
from vaults.services.grants import SealedGrants, grant_check, grants_insert, grants_seal
from vaults.services.heads import (
    VaultHead,
    cut_heads_check,
    vault_head_read,
    vaults_project,
)
from vaults.services.judging import Change, check_shape, ground, judge, stands
from vaults.services.olds import OldIn, olds_insert

ROTATION_QUOTA_SECONDS: Final = 3_600  # one rotation that is not due, per member and vault


@dataclass(frozen=True, slots=True)
class RotationIn:
    """A `vault_rotate`, the new DEK for every holder, and the former one under it."""

    link: ParsedLink
    grants: Sequence[ParsedGrant]
    olds: Sequence[OldIn]


def rotation_apply(*, access: VaultAccess, rotation: RotationIn, change: Change | None) -> Written:
    """Append a `vault_rotate`, and the vault link that needed it: both or neither.

    Raises:
        as `change_apply`; TooManyLinks: not due, not by a manager, and one was made this hour.
        KmsUnavailable: nothing was written.
    """
    if change is not None:
        check_shape(access, change)
    _check_rotation_shape(access, rotation)
    sealed = grants_seal(access.team_id, rotation.grants)
    with team_states.change(access.team_id) as changing, unit_of_work():
        again = _rotate(access, changing, rotation, sealed, change)
        if change is not None and not again:
            change_write(access.team, access.vault_id, change)
    return _rotated(rotation, change, again=again)


def _check_rotation_shape(access: VaultAccess, rotation: RotationIn) -> None:
    if rotation.link.type != "vault_rotate" or rotation.link.body["vault"] != access.vault_id.bytes:
        raise Invalid("A rotation brings the vault_rotate of this vault.")
    head = (rotation.link.hash, rotation.link.seq)
    for grant in rotation.grants:
        if grant.sender != access.team.fp or grant.head != head:
            raise LinkRefused("T7.authority")


def _rotate(
    access: VaultAccess,
    changing: Changing,
    rotation: RotationIn,
    sealed: SealedGrants,
    change: Change | None,
) -> bool:
    """Append the team link with its grants, and judge the vault link on it.

    Returns:
        Whether both stood there already.
    """
    heads: dict[UUID, VaultHead] = {}

    def lock_vault() -> None:
        before = changing.at_head(rotation.link.seq - 1, rotation.link.prev)
        heads.update(cut_heads_check(access.team_id, rotation.link, before))
        head = heads.get(access.vault_id)
        if head is not None:
            head.check_not_held(access.team.member_id)
        _check_quota(access, before, rotation)

    state = team_commit(access=access.team, link=rotation.link, changing=changing, guard=lock_vault)
    if state is None:
        if change is not None and not stands(
            change.link, vault_head_read(access.team_id, access.vault_id)
        ):
            raise StaleSeen
        return True
    _store_rotation(access, state, rotation, sealed)
    if change is not None:
        head, items, _team_head = ground(access.team_id, access.vault_id, change.link)
        judge(state, head, items, change.link)
    return False


def is_spare_rotation(state: TeamState, link: ParsedLink) -> bool:
    """Whether a rotation is not due, and by somebody who does not manage the vault."""
    vault = state.vaults.get(link.body["vault"])
    return vault is not None and not vault.due.now and vault.right(link.actor) != Right.MANAGE


def _check_quota(access: VaultAccess, state: TeamState, rotation: RotationIn) -> None:
    """Of rotations that nobody needs, one an hour.

    Raises:
        TooManyLinks.
    """
    if not is_spare_rotation(state, rotation.link):
        return
    key = f"rotated:{access.vault_id}:{access.team.member_id.hex()}"
    if cache.get(key) is not None:
        raise TooManyLinks(retry_after=ROTATION_QUOTA_SECONDS)
    transaction.on_commit(lambda: cache.set(key, 1, ROTATION_QUOTA_SECONDS))


def _store_rotation(
    access: VaultAccess, state: TeamState, rotation: RotationIn, sealed: SealedGrants
) -> None:
    holders = {state.members[member].fp for member in state.holders(access.vault_id.bytes)}
    recipients = [grant.to for grant in rotation.grants]
    if len(recipients) != len(holders) or set(recipients) != holders:
        raise Invalid("A rotation brings one grant for each holder.")
    for grant in rotation.grants:
        if (grant.vault, grant.epoch) != (access.vault_id.bytes, rotation.link.body["epoch"]):
            raise LinkRefused("T7.place")
        grant_check(state, grant)
    vaults_project([access.vault_id.bytes], state)
    grants_insert(access.team, sealed)
    olds_insert(access.team, access.vault_id, rotation.olds, newest=rotation.link.body["epoch"])
    link_record(access.team, rotation.link, Action.VAULT_ROTATED, access.vault_id)


def _rotated(rotation: RotationIn, change: Change | None, *, again: bool) -> Written:
    """Return what the bytes themselves say, so that a retry is told the same."""
    cut = rotation.link.body["cut"][0]
    seq, head = cut["seq"], cut["hash"]
    if change is not None:
        seq, head = change.link.seq, change.link.hash
    return Written(seq, head, rotation.link.seq, rotation.link.hash, again)
