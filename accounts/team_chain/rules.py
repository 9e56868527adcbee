"""What each team link may do: the tables of SPEC 4, in their order.

Every type has a check, which raises `Refused` and changes nothing, and an effect, which cannot fail.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from accounts.team_chain.state import (
    MANAGE,
    WRITE,
    Cut,
    Epoch,
    History,
    Invite,
    Member,
    TeamState,
    Vault,
)
from vaults.crypto.errors import Refused
from vaults.crypto.keys import fingerprint, team_id
from vaults.crypto.links import (
    RIGHTS,
    ZERO16,
    ZERO32,
    Accept,
    ParsedLink,
    accept_message,
    link_message,
    parse_signed,
    verify_signature,
)

RANK: Final = {"auditor": 0, "member": 0, "admin": 1, "owner": 2}
ADMIN: Final = RANK["admin"]


class _Step(NamedTuple):
    """One link on its way into a state."""

    state: TeamState
    link: ParsedLink
    actor: Member
    verify: bool


def fold_team(
    links: Iterable[bytes | ParsedLink], *, verify: bool = True
) -> tuple[TeamState | None, str | None]:
    """Fold a whole chain.

    Returns:
        The state after the last good link (None if the first is bad), and the refusal of the next link or None.
    """
    state = None
    for signed in links:
        try:
            state = team_step(state, signed, verify=verify)
        except Refused as verdict:
            return state, verdict.refusal
    return state, None


def team_step(
    state: TeamState | None, signed: bytes | ParsedLink, *, verify: bool = True
) -> TeamState:
    """Apply one more link, in place.

    Args:
        state: None before the genesis.
        signed: the link.
        verify: False leaves out Ed25519 signatures and the validity of public keys, nothing else. Only for links
            that this server itself has verified before, such as those it reads back from its own table.

    Returns:
        The state, changed. A refused link leaves it untouched.

    Raises:
        Refused: with the first rule, in SPEC's order, that the link breaks.
    """
    link = (
        signed
        if isinstance(signed, ParsedLink)
        else parse_signed(signed, "team", check_keys=verify)
    )
    if state is None:
        return _first(link, verify=verify)
    actor = _check_place(state, link, verify=verify)
    check, effect = _TYPES[link.type]
    step = _Step(state, link, actor, verify)
    check(step)
    effect(step)
    state.seq, state.head = link.seq, link.hash
    state.hashes.append(link.hash)
    return state


def need(condition: object, refusal: str) -> None:
    if not condition:
        raise Refused(refusal)


def _first(link: ParsedLink, *, verify: bool) -> TeamState:
    need(link.type == "genesis", "T1.genesis")
    need(link.seen is None, "T1.seen")
    need((link.seq, link.prev, link.chain) == (0, ZERO32, ZERO16), "T1.place")
    founder = link.body["founder"]
    need(link.actor == founder["member"], "T2.actor")
    fp = fingerprint(founder["identity"], founder["box"])
    _check_signature(link, fp, founder["identity"], verify=verify)
    state = TeamState(
        id=team_id(link.link).bytes,
        kind=link.body["kind"],
        name=link.body["name"],
        seq=0,
        head=link.hash,
        hashes=[link.hash],
    )
    state.admit(
        Member(
            id=founder["member"],
            account=founder["account"],
            identity=founder["identity"],
            box=founder["box"],
            fp=fp,
            role="owner",
            verified="founder",
            profile=founder["profile"],
            joined=0,
        )
    )
    return state


def _check_place(state: TeamState, link: ParsedLink, *, verify: bool) -> Member:
    need(link.type != "genesis", "T1.genesis")
    need(link.chain == state.id, "T5.chain")
    need(link.seq == state.seq + 1, "T1.seq")
    need(link.prev == state.head, "T1.prev")
    need(link.seen is None, "T1.seen")
    actor = state.member(link.actor)
    if actor is None:
        raise Refused("T2.actor")
    _check_signature(link, actor.fp, actor.identity, verify=verify)
    leaves = link.type == "remove_member" and link.body["member"] == actor.id
    need(actor.verified != "none" or leaves, "T13.actor")
    return actor


def _check_signature(link: ParsedLink, fp: bytes, identity: bytes, *, verify: bool) -> None:
    need([signature.fp for signature in link.sigs] == [fp], "T1.signers")
    if verify:
        message = link_message(link.type, link.link)
        need(verify_signature(identity, message, link.sigs[0].sig), "T1.sig")


def _subject(step: _Step) -> Member:
    subject = step.state.member(step.link.body["member"])
    if subject is None:
        raise Refused("T2.subject")
    return subject


def _vault(step: _Step) -> Vault:
    vault = step.state.vaults.get(step.link.body["vault"])
    if vault is None:
        raise Refused("T2.vault")
    return vault


def _check_gives(actor: Member, role: str) -> None:
    need(RANK[role] < ADMIN or actor.role == "owner", "T2.give")


def _is_over(actor: Member, subject: Member) -> bool:
    """Owners over all, admins over members and auditors."""
    return actor.role == "owner" or (actor.role == "admin" and RANK[subject.role] < ADMIN)


def _open_invite(state: TeamState, link_hash: bytes) -> Invite:
    invite = state.invites.get(link_hash)
    if invite is None or invite.state != "open":
        raise Refused("T10.invite")
    return invite


def _check_cut(step: _Step, vaults: list[bytes]) -> None:
    cut = step.link.body["cut"]
    need([entry["vault"] for entry in cut] == vaults, "T2.cut")
    for entry in cut:
        last = step.state.vaults[entry["vault"]].cuts[-1]
        beside = entry["seq"] == last.n and entry["hash"] == last.hash
        need(entry["seq"] > last.n or beside, "T2.cut_back")


def _apply_cut(step: _Step) -> None:
    for entry in step.link.body["cut"]:
        step.state.vaults[entry["vault"]].cuts.append(
            Cut(step.link.seq, entry["seq"], entry["hash"])
        )


def _kill_invites(state: TeamState, member: Member, *, demoted: bool) -> None:
    """An invite dies with what carried it. Only a link about its actor can do that."""
    for invite in state.open_invites(member.id):
        if demoted or any(
            state.right(entry["vault"], member.id) < MANAGE for entry in invite.body["vaults"]
        ):
            state.close(invite, "dead")


# The types, each with its check and its effect.


def _check_invite(step: _Step) -> None:
    body = step.link.body
    need(step.state.kind == "team", "T2.personal")
    need(RANK[step.actor.role] >= ADMIN, "T2.role")
    _check_gives(step.actor, body["role"])
    need(body["via"] == "link" or RANK[body["role"]] < ADMIN, "T10.via")
    need(body["role"] != "auditor" or not body["vaults"], "T2.auditor")
    need(
        all(step.state.right(entry["vault"], step.actor.id) == MANAGE for entry in body["vaults"]),
        "F1.manage",
    )
    need(body["invite"] not in step.state.invite_ids, "T10.invite_id")


def _invite(step: _Step) -> None:
    step.state.offer(Invite(step.link.hash, step.actor.id, step.link.body))


def _check_invite_revoke(step: _Step) -> None:
    need(RANK[step.actor.role] >= ADMIN, "T2.role")
    _open_invite(step.state, step.link.body["invite"])


def _invite_revoke(step: _Step) -> None:
    step.state.close(step.state.invites[step.link.body["invite"]], "revoked")


def _accept_of(link: ParsedLink) -> Accept:
    if link.accept is None:
        raise TypeError("parse_signed gives every add_member its acceptance")
    return link.accept


def _check_add_member(step: _Step) -> None:
    accept, body = _accept_of(step.link), step.link.body
    need(RANK[step.actor.role] >= ADMIN, "T2.role")
    need(accept.team == step.state.id, "T10.team")
    invite = _open_invite(step.state, accept.invite).body
    need(step.link.at <= invite["expiry"], "T10.expired")
    _check_gives(step.actor, invite["role"])
    if step.verify:
        said = accept_message(body["accept"])
        need(verify_signature(invite["key"], said, body["by_invite"]), "T10.sig_invite")
        need(verify_signature(accept.identity, said, body["by_identity"]), "T10.sig_identity")
    need(accept.profile["email"] == invite["email"], "T10.email")
    need(accept.member not in step.state.members, "T10.member")
    need(step.state.member_by_account(accept.account) is None, "T10.account")
    need(step.state.member_by_fp(fingerprint(accept.identity, accept.box)) is None, "T10.fp")


def _add_member(step: _Step) -> None:
    accept = _accept_of(step.link)
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


def _check_verify(step: _Step) -> None:
    need(RANK[step.actor.role] >= ADMIN, "T2.role")
    subject = _subject(step)
    need(subject.id != step.actor.id, "T2.self")
    need(step.link.body["fp"] == subject.fp, "T6.fp")
    need(subject.verified != "words", "T2.nothing")


def _verify(step: _Step) -> None:
    subject = step.state.members[step.link.body["member"]]
    for entry in subject.pending:
        if step.state.right(entry["vault"], step.actor.id) == MANAGE:
            step.state.give(
                step.state.vaults[entry["vault"]], subject.id, RIGHTS[entry["right"]], step.link.seq
            )
    subject.verified, subject.pending = "words", []


def _check_set_role(step: _Step) -> None:
    role = step.link.body["role"]
    subject = _subject(step)
    need(_is_over(step.actor, subject), "T2.role")
    _check_gives(step.actor, role)
    need(subject.verified != "none", "T13.subject")
    need(role != subject.role, "T2.nothing")
    need(subject.role != "owner" or step.state.owners > 1, "T12.owner")
    _check_cut(step, step.state.held(subject.id) if role == "auditor" else [])


def _set_role(step: _Step) -> None:
    subject, role = step.state.members[step.link.body["member"]], step.link.body["role"]
    _apply_cut(step)
    if role == "auditor":
        for vault in step.state.held(subject.id):
            step.state.take(step.state.vaults[vault], subject.id, step.link.seq)
    step.state.owners += (role == "owner") - (subject.role == "owner")
    demoted = RANK[role] < RANK[subject.role]
    subject.role = role
    _kill_invites(step.state, subject, demoted=demoted)


def _check_remove_member(step: _Step) -> None:
    subject = _subject(step)
    need(subject.id == step.actor.id or _is_over(step.actor, subject), "T2.role")
    need(subject.role != "owner" or step.state.owners > 1, "T12.owner")
    _check_cut(step, step.state.held(subject.id))


def _remove_member(step: _Step) -> None:
    subject = step.state.members[step.link.body["member"]]
    _apply_cut(step)
    for vault in step.state.held(subject.id):
        step.state.take(step.state.vaults[vault], subject.id, step.link.seq)
    step.state.dismiss(subject, step.link.seq)
    _kill_invites(step.state, subject, demoted=True)


def _check_set_profile(step: _Step) -> None:
    need(step.link.body["profile"] != step.actor.profile, "T2.nothing")


def _set_profile(step: _Step) -> None:
    step.actor.profile = step.link.body["profile"]


def _check_vault_create(step: _Step) -> None:
    need(step.actor.role != "auditor", "T2.role")
    need(step.link.body["vault"] not in step.state.vaults, "T2.vault_id")
    need(step.link.body["epoch"] == 1, "T2.epoch")


def _vault_create(step: _Step) -> None:
    vault = Vault(
        id=step.link.body["vault"],
        epochs=[Epoch(step.link.seq, 1, step.link.body["dek_commit"], step.actor.id)],
        cuts=[Cut(step.link.seq, 0, step.link.hash)],
        due=History(step.link.seq, False),
    )
    step.state.vaults[vault.id] = vault
    step.state.give(vault, step.actor.id, MANAGE, step.link.seq)


def _check_vault_grant(step: _Step) -> None:
    vault, subject = _vault(step), _subject(step)
    need(subject.verified != "none", "T13.subject")
    need(subject.role != "auditor", "T2.auditor")
    had, right = vault.right(subject.id), RIGHTS[step.link.body["right"]]
    orphan = not vault.managers and step.actor.role == "owner" and had and right == MANAGE
    need(vault.right(step.actor.id) == MANAGE or orphan, "T2.manage")
    need(right != had, "T2.nothing")
    _check_cut(step, [vault.id] if right < had else [])


def _vault_grant(step: _Step) -> None:
    vault, subject = (
        step.state.vaults[step.link.body["vault"]],
        step.state.members[step.link.body["member"]],
    )
    _apply_cut(step)
    step.state.give(vault, subject.id, RIGHTS[step.link.body["right"]], step.link.seq)
    _kill_invites(step.state, subject, demoted=False)


def _check_vault_revoke(step: _Step) -> None:
    vault, subject = _vault(step), _subject(step)
    need(vault.right(step.actor.id) == MANAGE, "T2.manage")
    need(vault.right(subject.id), "T2.nothing")
    _check_cut(step, [vault.id])


def _vault_revoke(step: _Step) -> None:
    vault, subject = (
        step.state.vaults[step.link.body["vault"]],
        step.state.members[step.link.body["member"]],
    )
    _apply_cut(step)
    step.state.take(vault, subject.id, step.link.seq)
    _kill_invites(step.state, subject, demoted=False)


def _check_vault_rotate(step: _Step) -> None:
    vault = _vault(step)
    need(vault.right(step.actor.id) >= WRITE, "T2.write")
    need(step.link.body["epoch"] == vault.epoch + 1, "T2.epoch")
    _check_cut(step, [vault.id])


def _vault_rotate(step: _Step) -> None:
    vault = step.state.vaults[step.link.body["vault"]]
    _apply_cut(step)
    vault.epochs.append(
        Epoch(step.link.seq, step.link.body["epoch"], step.link.body["dek_commit"], step.actor.id)
    )
    vault.due.set(step.link.seq, False)


Rule = Callable[[_Step], None]

_TYPES: Final[dict[str, tuple[Rule, Rule]]] = {
    "invite": (_check_invite, _invite),
    "invite_revoke": (_check_invite_revoke, _invite_revoke),
    "add_member": (_check_add_member, _add_member),
    "verify": (_check_verify, _verify),
    "set_role": (_check_set_role, _set_role),
    "remove_member": (_check_remove_member, _remove_member),
    "set_profile": (_check_set_profile, _set_profile),
    "vault_create": (_check_vault_create, _vault_create),
    "vault_grant": (_check_vault_grant, _vault_grant),
    "vault_revoke": (_check_vault_revoke, _vault_revoke),
    "vault_rotate": (_check_vault_rotate, _vault_rotate),
}
