"""The team fold: members, roles, rights and keys as a pure function of the links. SPEC 4.

No clock, no database, no batch boundary. `state` holds what is asked afterwards, `fold` takes a
link, and its neighbours are the rules of each type.
"""

from accounts.team_chain.fold import fold_team, team_step
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
