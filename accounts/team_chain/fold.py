"""Team links in order: their place in the chain, then the rules of their type (SPEC 4).

Every type has a check, which raises `Refused` and changes nothing, and an effect, which cannot
fail.
"""

from collections.abc import Callable, Iterable
from typing import Final

from accounts.team_chain import invitations, members, vaults
from accounts.team_chain.state import Member, TeamState
from accounts.team_chain.step import Step, need
from vaults.crypto.errors import Refused
from vaults.crypto.keys import fingerprint, team_id
from vaults.crypto.links import (
    ZERO16,
    ZERO32,
    ParsedLink,
    link_message,
    parse_signed,
    verify_signature,
)

Rule = Callable[[Step], None]


def fold_team(
    links: Iterable[bytes | ParsedLink], *, verify: bool = True
) -> tuple[TeamState | None, str | None]:
    """Fold a whole chain.

    Returns:
        The state after the last good link (None if the first is bad), and the refusal of the next
        link or None.
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
        verify: False leaves out Ed25519 signatures and the validity of public keys, nothing else.
            Only for links that this server itself has verified before, such as those it reads back
            from its own table.

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
    step = Step(state, link, actor, verify)
    check(step)
    effect(step)
    state.seq, state.head = link.seq, link.hash
    state.hashes.append(link.hash)
    return state


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


_TYPES: Final[dict[str, tuple[Rule, Rule]]] = {
    "invite": (invitations.check_invite, invitations.apply_invite),
    "invite_revoke": (invitations.check_invite_revoke, invitations.apply_invite_revoke),
    "add_member": (invitations.check_add_member, invitations.apply_add_member),
    "verify": (members.check_verify, members.apply_verify),
    "set_role": (members.check_set_role, members.apply_set_role),
    "remove_member": (members.check_remove_member, members.apply_remove_member),
    "set_profile": (members.check_set_profile, members.apply_set_profile),
    "vault_create": (vaults.check_vault_create, vaults.apply_vault_create),
    "vault_grant": (vaults.check_vault_grant, vaults.apply_vault_grant),
    "vault_revoke": (vaults.check_vault_revoke, vaults.apply_vault_revoke),
    "vault_rotate": (vaults.check_vault_rotate, vaults.apply_vault_rotate),
}
