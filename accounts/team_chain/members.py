"""Links about a member: `verify`, `set_role`, `remove_member`, `set_profile`. SPEC 4."""

from accounts.team_chain.state import MANAGE
from accounts.team_chain.step import (
    ADMIN,
    RANK,
    Step,
    apply_cut,
    check_cut,
    check_gives,
    is_over,
    kill_invites,
    need,
    subject_of,
)
from vaults.crypto.links import RIGHTS


def check_verify(step: Step) -> None:
    need(RANK[step.actor.role] >= ADMIN, "T2.role")
    subject = subject_of(step)
    need(subject.id != step.actor.id, "T2.self")
    need(step.link.body["fp"] == subject.fp, "T6.fp")
    need(subject.verified != "words", "T2.nothing")


def apply_verify(step: Step) -> None:
    subject = step.state.members[step.link.body["member"]]
    for entry in subject.pending:
        if step.state.right(entry["vault"], step.actor.id) == MANAGE:
            step.state.give(
                step.state.vaults[entry["vault"]], subject.id, RIGHTS[entry["right"]], step.link.seq
            )
    subject.verified, subject.pending = "words", []


def check_set_role(step: Step) -> None:
    role = step.link.body["role"]
    subject = subject_of(step)
    need(is_over(step.actor, subject), "T2.role")
    check_gives(step.actor, role)
    need(subject.verified != "none", "T13.subject")
    need(role != subject.role, "T2.nothing")
    need(subject.role != "owner" or step.state.owners > 1, "T12.owner")
    check_cut(step, step.state.held(subject.id) if role == "auditor" else [])


def apply_set_role(step: Step) -> None:
    subject, role = step.state.members[step.link.body["member"]], step.link.body["role"]
    apply_cut(step)
    if role == "auditor":
        for vault in step.state.held(subject.id):
            step.state.take(step.state.vaults[vault], subject.id, step.link.seq)
    step.state.owners += (role == "owner") - (subject.role == "owner")
    demoted = RANK[role] < RANK[subject.role]
    subject.role = role
    if demoted:
        kill_invites(step.state, subject)


def check_remove_member(step: Step) -> None:
    subject = subject_of(step)
    need(subject.id == step.actor.id or is_over(step.actor, subject), "T2.role")
    need(subject.role != "owner" or step.state.owners > 1, "T12.owner")
    check_cut(step, step.state.held(subject.id))


def apply_remove_member(step: Step) -> None:
    subject = step.state.members[step.link.body["member"]]
    apply_cut(step)
    for vault in step.state.held(subject.id):
        step.state.take(step.state.vaults[vault], subject.id, step.link.seq)
    step.state.dismiss(subject, step.link.seq)
    kill_invites(step.state, subject)


def check_set_profile(step: Step) -> None:
    need(step.link.body["profile"] != step.actor.profile, "T2.nothing")


def apply_set_profile(step: Step) -> None:
    step.actor.profile = step.link.body["profile"]
