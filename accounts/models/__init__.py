"""Rows of people, their logins and sessions, the KEKs, and teams."""

from accounts.models.kek import Deployment, Kek
from accounts.models.login import AccountBlob, AmkWrap, OpaqueRecord, PendingSignup
from accounts.models.session import Session
from accounts.models.team import Member, Opening, Role, Team, TeamLink
from accounts.models.user import User, normalise_email

__all__ = [
    "AccountBlob",
    "AmkWrap",
    "Deployment",
    "Kek",
    "Member",
    "OpaqueRecord",
    "Opening",
    "PendingSignup",
    "Role",
    "Session",
    "Team",
    "TeamLink",
    "User",
    "normalise_email",
]
