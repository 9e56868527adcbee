"""Serving an item's details, which is an event: a client's silence cannot hide a reveal."""

from uuid import UUID

from accounts.services.log import member_record
from audit.events import Action
from audit.services import unit_of_work
from vaults.access import VaultAccess
from vaults.selectors import ItemRevision, item_revision


def details_serve(*, access: VaultAccess, item_id: UUID, revision: int | None) -> ItemRevision:
    """Return one revision with its details (None: the newest), once that is noted.

    Raises:
        AccessDenied: as `item_revision`; nothing is noted.
    """
    with unit_of_work():
        found = item_revision(access=access, item_id=item_id, revision=revision)
        member_record(
            access.team,
            Action.ITEM_DETAILS_SERVED,
            item_id,
            {"vault": access.vault_id, "revision": found.revision},
        )
    return found
