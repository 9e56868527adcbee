"""Links about a vault: `vault_create`, `vault_grant`, `vault_revoke`, `vault_rotate`. SPEC 4."""

from accounts.team_chain.state import MANAGE, WRITE, Cut, Epoch, History, Vault
from accounts.team_chain.step import (
    Step,
    apply_cut,
    check_cut,
    kill_invites,
    need,
    subject_of,
    vault_of,
)
from vaults.crypto.links import RIGHTS


def check_vault_create(step: Step) -> None:
    need(step.actor.role != "auditor", "T2.role")
    need(step.link.body["vault"] not in step.state.vaults, "T2.vault_id")
    need(step.link.body["epoch"] == 1, "T2.epoch")


def apply_vault_create(step: Step) -> None:
    vault = Vault(
        id=step.link.body["vault"],
        epochs=[Epoch(step.link.seq, 1, step.link.body["dek_commit"], step.actor.id)],
        cuts=[Cut(step.link.seq, 0, step.link.hash)],
        due=History(step.link.seq, False),
    )
    step.state.vaults[vault.id] = vault
    step.state.give(vault, step.actor.id, MANAGE, step.link.seq)


def check_vault_grant(step: Step) -> None:
    vault, subject = vault_of(step), subject_of(step)
    need(subject.verified != "none", "T13.subject")
    need(subject.role != "auditor", "T2.auditor")
    had, right = vault.right(subject.id), RIGHTS[step.link.body["right"]]
    orphan = not vault.managers and step.actor.role == "owner" and had and right == MANAGE
    need(vault.right(step.actor.id) == MANAGE or orphan, "T2.manage")
    need(right != had, "T2.nothing")
    check_cut(step, [vault.id] if right < had else [])


def apply_vault_grant(step: Step) -> None:
    vault, subject = (
        step.state.vaults[step.link.body["vault"]],
        step.state.members[step.link.body["member"]],
    )
    managed = vault.right(subject.id) == MANAGE
    apply_cut(step)
    step.state.give(vault, subject.id, RIGHTS[step.link.body["right"]], step.link.seq)
    if managed:
        kill_invites(step.state, subject, vault.id)


def check_vault_revoke(step: Step) -> None:
    vault, subject = vault_of(step), subject_of(step)
    need(vault.right(step.actor.id) == MANAGE, "T2.manage")
    need(vault.right(subject.id), "T2.nothing")
    check_cut(step, [vault.id])


def apply_vault_revoke(step: Step) -> None:
    vault, subject = (
        step.state.vaults[step.link.body["vault"]],
        step.state.members[step.link.body["member"]],
    )
    managed = vault.right(subject.id) == MANAGE
    apply_cut(step)
    step.state.take(vault, subject.id, step.link.seq)
    if managed:
        kill_invites(step.state, subject, vault.id)


def check_vault_rotate(step: Step) -> None:
    vault = vault_of(step)
    need(vault.right(step.actor.id) >= WRITE, "T2.write")
    need(step.link.body["epoch"] == vault.epoch + 1, "T2.epoch")
    check_cut(step, [vault.id])


def apply_vault_rotate(step: Step) -> None:
    vault = step.state.vaults[step.link.body["vault"]]
    apply_cut(step)
    vault.epochs.append(
        Epoch(step.link.seq, step.link.body["epoch"], step.link.body["dek_commit"], step.actor.id)
    )
    vault.due.set(step.link.seq, False)
