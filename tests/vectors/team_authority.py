"""Who may sign what: each role and each right against each type of link."""

from collections.abc import Iterator
from typing import Any

from tests.chains import Person, TeamBuilder
from tests.vectors.primitives import Case
from tests.vectors.team_case import case_of, judged, profile_link


def role_cases() -> Iterator[Case]:
    """Each role and each type. The actor manages the vault unless an auditor; bob reads it."""
    verdicts = {
        # type, owner, admin, member, auditor
        "invite": (None, None, "T2.role", "T2.role"),
        "invite admin": (None, "T2.give", "T2.role", "T2.role"),
        "invite owner": (None, "T2.give", "T2.role", "T2.role"),
        "invite_revoke": (None, None, "T2.role", "T2.role"),
        "add_member": (None, None, "T2.role", "T2.role"),
        "add_member admin": (None, "T2.give", "T2.role", "T2.role"),
        "verify": (None, None, "T2.role", "T2.role"),
        "set_role admin": (None, "T2.give", "T2.role", "T2.role"),
        "set_role auditor": (None, None, "T2.role", "T2.role"),
        "set_role of owner": (None, "T2.role", "T2.role", "T2.role"),
        "remove_member": (None, None, "T2.role", "T2.role"),
        "remove_member owner": (None, "T2.role", "T2.role", "T2.role"),
        "leave": (None, None, None, None),
        "set_profile": (None, None, None, None),
        "vault_create": (None, None, None, "T2.role"),
        "vault_grant": (None, None, None, "T2.manage"),
        "vault_revoke": (None, None, None, "T2.manage"),
        "vault_rotate": (None, None, None, "T2.write"),
    }
    for place, role in enumerate(("owner", "admin", "member", "auditor")):
        allowed = []
        for what, row in verdicts.items():
            if row[place] is None and what not in _LAST:
                allowed.append(what)
            else:
                yield _role_case(role, what, row[place])
        yield _all_allowed(role, allowed)


# After these nobody is left who could go on as before.
_LAST = {"leave", "set_role of owner", "remove_member owner"}


def _all_allowed(role: str, allowed: list[str]) -> Case:
    """One chain of everything that the role may do."""
    team = TeamBuilder(f"{role} may")
    vault = team.vault_create(team.founder)
    held = {vault: "manage"} if role != "auditor" else {}
    actor = team.recruit("actor", role=role, vaults=held)
    for what in allowed:
        team.append(_authority_link(team, actor, what, vault))
    return case_of(f"{role}: {', '.join(allowed)}", team.links, None)


def _role_case(role: str, what: str, refusal: str | None) -> Case:
    team = TeamBuilder(f"{role} {what}")
    link_type = what.split(" ", maxsplit=1)[0]
    vault = b""
    if what in {"leave", "set_role auditor", "remove_member"} or link_type.startswith("vault"):
        vault = team.vault_create(team.founder)
    held = {vault: "manage"} if vault and role != "auditor" else {}
    if role == "owner" and what not in _LAST:
        actor = team.founder
    else:
        actor = team.recruit("actor", role=role, vaults=held)
    return judged(f"{role}: {what}", team, _authority_link(team, actor, what, vault), refusal)


def _authority_link(  # noqa: PLR0911  a return for each type
    team: TeamBuilder, actor: Person, what: str, vault: bytes
) -> bytes:
    """The link that `what` names, right in everything but perhaps the actor's authority."""
    link_type, _, detail = what.partition(" ")
    if link_type == "invite":
        return team.sign(actor, "invite", team.invite_body(role=detail or "member")[0])
    if link_type == "invite_revoke":
        invitation = team.invite(team.founder)
        return team.sign(actor, "invite_revoke", {"invite": invitation.hash})
    if link_type == "add_member":
        invitation = team.invite(team.founder, role=detail or "member")
        return team.sign(actor, "add_member", team.accept_body(invitation, team.person("guest")))
    if link_type == "set_profile":
        return profile_link(team, actor)
    if link_type == "vault_create":
        return team.sign(actor, "vault_create", team.epoch_body(b"\1" * 16, 1)[1])
    if link_type == "leave":
        return team.sign(
            actor, "remove_member", {"cut": team.cut_of(actor), "member": actor.member}
        )
    if link_type == "vault_rotate":
        return team.sign(
            actor, "vault_rotate", {**team.epoch_body(vault, 2)[1], "cut": team.cut(vault)}
        )
    if detail in {"of owner", "owner"}:
        subject, role = team.founder, "member"
    else:
        subject, role = team.recruit("bob", vaults={vault: "read"} if vault else {}), detail
    return team.sign(actor, link_type, _body_about(team, link_type, subject, vault, role))


def _body_about(
    team: TeamBuilder, link_type: str, subject: Person, vault: bytes, role: str
) -> dict[str, Any]:
    member = {"member": subject.member}
    if link_type == "verify":
        return {**member, "fp": subject.fp, "how": "words"}
    if link_type == "set_role":
        return {**member, "role": role, "cut": team.cut_of(subject) if role == "auditor" else []}
    if link_type == "remove_member":
        return {**member, "cut": team.cut_of(subject)}
    if link_type == "vault_grant":
        return {**member, "cut": [], "right": "write", "vault": vault}
    return {**member, "cut": team.cut(vault), "vault": vault}


def right_cases() -> Iterator[Case]:
    """Each right and each type about a vault, for a member; and for an owner who only writes."""
    rows = {
        "none": ("T2.manage", "T2.manage", "T2.write"),
        "read": ("T2.manage", "T2.manage", "T2.write"),
        "write": ("T2.manage", "T2.manage", None),
        "manage": (None, None, None),
    }
    for role, right in (*(("member", right) for right in rows), ("owner", "write")):
        for link_type, refusal in zip(
            ("vault_grant", "vault_revoke", "vault_rotate"), rows[right], strict=True
        ):
            team = TeamBuilder(f"{role} {right} {link_type}")
            vault = team.vault_create(team.founder)
            actor = team.recruit(
                "actor", role=role, vaults={} if right == "none" else {vault: right}
            )
            signed = _authority_link(team, actor, link_type, vault)
            yield judged(f"{role} who may {right}: {link_type}", team, signed, refusal)
