"""Team links that give or take vault rights: granting, revoking, verifying, removing, demoting."""

from uuid import UUID

from accounts.access import TeamAccess
from accounts.services.team import Appended, link_record, team_commit
from accounts.services.team import role_set as plain_role_set
from accounts.team_chain import TeamState
from accounts.team_state import team_states
from audit.events import Action
from audit.services import unit_of_work
from vaults.crypto.links import ParsedLink
from vaults.services.heads import cut_heads_check, rights_project, vaults_project


def vault_grant(*, access: TeamAccess, link: ParsedLink) -> Appended:
    """Append a `vault_grant`, which sets a right; a lowering one cuts the vault's chain.

    Raises: as `team_commit`; HeadMoved also for a vault that grew.
    """
    return _rights_change(access, link, Action.VAULT_GRANTED)


def vault_revoke(*, access: TeamAccess, link: ParsedLink) -> Appended:
    """Append a `vault_revoke`. Raises: as `vault_grant`."""
    return _rights_change(access, link, Action.VAULT_REVOKED)


def member_remove(*, access: TeamAccess, link: ParsedLink) -> Appended:
    """Append a `remove_member`, with a cut for every vault the member held.

    Raises: as `vault_grant`.
    """
    return _rights_change(access, link, Action.TEAM_MEMBER_REMOVED)


def member_verify(*, access: TeamAccess, link: ParsedLink) -> Appended:
    """Append a `verify`; pending rights in vaults that the verifier manages begin to count.

    Raises: as `team_commit`.
    """
    return _rights_change(access, link, Action.TEAM_MEMBER_VERIFIED)


def role_set(*, access: TeamAccess, link: ParsedLink) -> Appended:
    """Append a `set_role`; into auditor it takes every vault right. Raises: as `vault_grant`."""
    if link.body["role"] != "auditor":
        return plain_role_set(access=access, link=link)
    return _rights_change(access, link, Action.TEAM_ROLE_SET)


def rights_apply(team_id: UUID, link: ParsedLink, state: TeamState) -> None:
    """Write what a link that gives or takes rights changed, inside the caller's unit of work."""
    rights_project(team_id, link.body["member"], state)
    vaults_project(_vaults_of(link, state), state)


def _rights_change(access: TeamAccess, link: ParsedLink, action: Action) -> Appended:
    def lock_cuts() -> None:
        if "cut" in link.body:
            before = changing.at_head(link.seq - 1, link.prev)
            cut_heads_check(access.team_id, link, before)

    with team_states.change(access.team_id) as changing, unit_of_work():
        state = team_commit(access=access, link=link, changing=changing, guard=lock_cuts)
        if state is not None:
            rights_apply(access.team_id, link, state)
            link_record(access, link, action, _subject(link))
    return Appended(link.seq, link.hash, again=state is None)


def _vaults_of(link: ParsedLink, state: TeamState) -> list[bytes]:
    """The vaults whose row this link changes."""
    if "vault" in link.body:
        return [link.body["vault"]]
    if "cut" in link.body:
        return [cut["vault"] for cut in link.body["cut"]]
    return state.held(link.body["member"])


def _subject(link: ParsedLink) -> UUID | bytes:
    vault = link.body.get("vault")
    subject: bytes = link.body["member"]
    return subject if vault is None else UUID(bytes=vault)
