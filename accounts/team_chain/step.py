"""One link on its way into a state, and what several types of link ask."""

from typing import Final, NamedTuple

from accounts.team_chain.state import Cut, Member, TeamState, Vault
from vaults.crypto.errors import Refused
from vaults.crypto.links import ParsedLink

RANK: Final = {"auditor": 0, "member": 0, "admin": 1, "owner": 2}
ADMIN: Final = RANK["admin"]


class Step(NamedTuple):
    """One link on its way into a state."""

    state: TeamState
    link: ParsedLink
    actor: Member
    verify: bool


def need(condition: object, refusal: str) -> None:
    if not condition:
        raise Refused(refusal)


def subject_of(step: Step) -> Member:
    subject = step.state.member(step.link.body["member"])
    if subject is None:
        raise Refused("T2.subject")
    return subject


def vault_of(step: Step) -> Vault:
    vault = step.state.vaults.get(step.link.body["vault"])
    if vault is None:
        raise Refused("T2.vault")
    return vault


def check_gives(actor: Member, role: str) -> None:
    need(RANK[role] < ADMIN or actor.role == "owner", "T2.give")


def is_over(actor: Member, subject: Member) -> bool:
    """Owners over all, admins over members and auditors."""
    return actor.role == "owner" or (actor.role == "admin" and RANK[subject.role] < ADMIN)


def check_cut(step: Step, vaults: list[bytes]) -> None:
    cut = step.link.body["cut"]
    need([entry["vault"] for entry in cut] == vaults, "T2.cut")
    for entry in cut:
        last = step.state.vaults[entry["vault"]].cuts[-1]
        beside = entry["seq"] == last.n and entry["hash"] == last.hash
        need(entry["seq"] > last.n or beside, "T2.cut_back")


def apply_cut(step: Step) -> None:
    for entry in step.link.body["cut"]:
        step.state.vaults[entry["vault"]].cuts.append(
            Cut(step.link.seq, entry["seq"], entry["hash"])
        )


def kill_invites(state: TeamState, member: Member, vault: bytes | None = None) -> None:
    """End the open invites of a member who lost role or place, or manage in `vault`: those into it.

    What carries an open invite holds until a link about its actor takes it away. So only such
    links call this, and no link pays for looking at rights that it does not touch.
    """
    for invite in state.open_invites(member.id):
        if vault is None or invite.leads_into(vault):
            state.close(invite, "dead")
