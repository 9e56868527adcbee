"""Links that bring people in: `invite`, `invite_revoke`, `add_member`. SPEC 4."""

from accounts.team_chain.state import MANAGE, Invite, Member, TeamState
from accounts.team_chain.step import ADMIN, RANK, Step, check_gives, need
from vaults.crypto.errors import Refused
from vaults.crypto.keys import fingerprint
from vaults.crypto.links import RIGHTS, Accept, ParsedLink, accept_message, verify_signature


def _open_invite(state: TeamState, link_hash: bytes) -> Invite:
    invite = state.invites.get(link_hash)
    if invite is None or invite.state != "open":
        raise Refused("T10.invite")
    return invite


def check_invite(step: Step) -> None:
    body = step.link.body
    need(step.state.kind == "team", "T2.personal")
    need(RANK[step.actor.role] >= ADMIN, "T2.role")
    check_gives(step.actor, body["role"])
    need(body["via"] == "link" or RANK[body["role"]] < ADMIN, "T10.via")
    need(body["role"] != "auditor" or not body["vaults"], "T2.auditor")
    need(
        all(step.state.right(entry["vault"], step.actor.id) == MANAGE for entry in body["vaults"]),
        "F1.manage",
    )
    need(body["invite"] not in step.state.invite_ids, "T10.invite_id")


def apply_invite(step: Step) -> None:
    step.state.offer(Invite(step.link.hash, step.actor.id, step.link.body))


def check_invite_revoke(step: Step) -> None:
    need(RANK[step.actor.role] >= ADMIN, "T2.role")
    _open_invite(step.state, step.link.body["invite"])


def apply_invite_revoke(step: Step) -> None:
    step.state.close(step.state.invites[step.link.body["invite"]], "revoked")


def accept_of(link: ParsedLink) -> Accept:
    """The acceptance in an `add_member`."""
    if link.accept is None:
        raise TypeError("parse_signed gives every add_member its acceptance")
    return link.accept


def check_add_member(step: Step) -> None:
    accept, body = accept_of(step.link), step.link.body
    need(RANK[step.actor.role] >= ADMIN, "T2.role")
    need(accept.team == step.state.id, "T10.team")
    invite = _open_invite(step.state, accept.invite).body
    need(step.link.at <= invite["expiry"], "T10.expired")
    check_gives(step.actor, invite["role"])
    if step.verify:
        said = accept_message(body["accept"])
        need(verify_signature(invite["key"], said, body["by_invite"]), "T10.sig_invite")
        need(verify_signature(accept.identity, said, body["by_identity"]), "T10.sig_identity")
    need(accept.profile["email"] == invite["email"], "T10.email")
    need(accept.member not in step.state.members, "T10.member")
    need(step.state.member_by_account(accept.account) is None, "T10.account")
    need(step.state.member_by_fp(fingerprint(accept.identity, accept.box)) is None, "T10.fp")


def apply_add_member(step: Step) -> None:
    accept = accept_of(step.link)
    invite = step.state.invites[accept.invite]
    step.state.close(invite, "used")
    mailed = invite.body["via"] == "mail"
    vaults = invite.body["vaults"]
    step.state.admit(
        Member(
            id=accept.member,
            account=accept.account,
            identity=accept.identity,
            box=accept.box,
            fp=fingerprint(accept.identity, accept.box),
            role=invite.body["role"],
            verified="none" if mailed else "token",
            profile=accept.profile,
            joined=step.link.seq,
            pending=vaults if mailed else [],
        )
    )
    for entry in () if mailed else vaults:
        step.state.give(
            step.state.vaults[entry["vault"]], accept.member, RIGHTS[entry["right"]], step.link.seq
        )
