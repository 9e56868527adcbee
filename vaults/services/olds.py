"""Former DEKs sealed under later ones (SPEC 2, `coffret/olddek/v1`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.access import TeamAccess
from accounts.errors import Invalid
from accounts.services.log import member_record
from accounts.services.team import team_stir
from audit.events import Action
from audit.services import unit_of_work
from vaults.access import VaultAccess
from vaults.models import OldDek, Vault


@dataclass(frozen=True, slots=True)
class OldIn:
    """The DEK of one epoch under that of a later one, sealed by a client; 113 bytes."""

    from_epoch: int
    to_epoch: int
    blob: bytes


def olds_store(*, access: VaultAccess, olds: Sequence[OldIn]) -> int:
    """Store former DEKs that nobody had stored, or whose seals did not open.

    Any holder may: whether one is good, each reader's client sees by the DEK's commitment.

    Raises:
        Invalid: none; an epoch that the vault has not reached, or not from an earlier to a later
            one; the same two epochs twice.
    """
    if not olds:
        raise Invalid("Bring at least one old DEK.")
    with unit_of_work():
        team_stir(access.team_id)
        newest = Vault.objects.values_list("epoch", flat=True).get(pk=access.vault_id)
        olds_insert(access.team, access.vault_id, olds, newest=newest)
    return len(olds)


def olds_insert(access: TeamAccess, vault_id: UUID, olds: Sequence[OldIn], *, newest: int) -> None:
    """Store former DEKs, inside the caller's unit of work; a later one of mine replaces mine.

    Raises:
        Invalid: as `olds_store`, but for an empty list.
    """
    if len({(old.from_epoch, old.to_epoch) for old in olds}) != len(olds):
        raise Invalid("One old DEK for each two epochs.")
    for old in olds:
        if not 1 <= old.from_epoch < old.to_epoch <= newest:
            raise Invalid("An old DEK goes from an earlier epoch to a later one of the vault.")
    OldDek.objects.bulk_create(
        [
            OldDek(
                vault_id=vault_id,
                team_id=access.team_id,
                from_epoch=old.from_epoch,
                to_epoch=old.to_epoch,
                uploader=access.member_id,
                blob=old.blob,
            )
            for old in olds
        ],
        update_conflicts=True,
        unique_fields=["vault", "from_epoch", "to_epoch", "uploader"],
        update_fields=["blob"],
    )
    for old in olds:
        details = {"from": old.from_epoch, "to": old.to_epoch}
        member_record(access, Action.OLD_DEK_STORED, vault_id, details)
