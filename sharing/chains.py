"""Whether all rows of a team, this app's too, are what its chains fold to."""

from collections.abc import Iterator

from accounts.models import Team
from sharing.models import Invite
from vaults.chain_check import team_differences
from vaults.stored_chains import team_fold


def differences(team: Team) -> Iterator[str]:
    """Yield one sentence for each difference, as `vaults.chain_check` does."""
    yield from team_differences(team)
    state = team_fold(team.pk).state
    folded = set(state.invites) if state else set()
    stored = {bytes(each) for each in Invite.objects.filter(team=team).values_list("pk", flat=True)}
    for missing in sorted(folded - stored):
        yield f"team {team.pk} invitations, {missing.hex()}: its row is missing"
    for foreign in sorted(stored - folded):
        yield f"team {team.pk} invitations, {foreign.hex()}: no link of the chain is one"
