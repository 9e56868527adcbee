"""The team fold: who is in the team, with which role, right and keys, as a pure function of the links. SPEC 4.

No clock, no database, no batch boundary. `state` holds what is asked afterwards, `rules` what a link may do.
"""

from accounts.team_chain.rules import fold_team, team_step
from accounts.team_chain.state import Cut, Epoch, Invite, Member, TeamState, Vault, state_digest

__all__ = [
    "Cut",
    "Epoch",
    "Invite",
    "Member",
    "TeamState",
    "Vault",
    "fold_team",
    "state_digest",
    "team_step",
]
