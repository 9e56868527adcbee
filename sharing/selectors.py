"""Who waits for an admin."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sharing.models import Acceptance


def waiting_by_team(team_ids: list[UUID]) -> Mapping[UUID, list[dict[str, Any]]]:
    """Acceptances of these teams as a sync sends them, in one query.

    Whether an invitation is still open, each client sees in the chain.
    """
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in Acceptance.objects.filter(team_id__in=team_ids).order_by("pk"):
        found[row.team_id].append(
            {
                "accept": bytes(row.accept),
                "by_identity": bytes(row.by_identity),
                "by_invite": bytes(row.by_invite),
                "invite": bytes(row.invite_id),
                "opening": {"kind": "name", "salt": bytes(row.salt), "text": row.text},
            }
        )
    return found
