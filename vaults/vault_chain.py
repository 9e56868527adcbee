"""The vault fold on a folded team, and a recipient's judgement of a grant. SPEC 4.1, 4.2, 7.3.

Pure: no database, no clock. A vault link is judged at its signer's team head `seen`, so the team is
folded first and wholly.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from accounts.team_chain import TeamState, Vault
from accounts.team_chain.state import MANAGE, WRITE
from accounts.team_chain.step import need
from vaults.crypto import cbor
from vaults.crypto.errors import Refused, Waiting
from vaults.crypto.grants import ParsedGrant, open_grant
from vaults.crypto.keys import Dek, dek_commit
from vaults.crypto.links import ParsedLink, link_message, parse_signed, verify_signature

Verdict = Literal["valid", "refused", "waiting", "fork"]


class Revision(NamedTuple):
    """The last revision of an item. `hash` is None once it is purged."""

    revision: int
    hash: bytes | None


@dataclass(slots=True)
class VaultState:
    """A folded vault chain.

    `judged` is the team seq up to which every cut has been compared with this head. The server may
    build a state from its rows instead of folding: its heads change under compare-and-swap with the
    cuts, so `judged` is its team head, and `items` needs to hold only those items that the next
    links name.
    """

    id: bytes
    seq: int
    head: bytes
    seen: int  # seq in the team chain
    judged: int  # seq in the team chain
    items: dict[bytes, Revision] = field(default_factory=dict)


_NO_REVISION = Revision(0, b"")


class Folded(NamedTuple):
    """Where a fold stopped. `refusal` is there for `refused` and `fork`."""

    state: VaultState
    verdict: Verdict
    refusal: str | None


def vault_start(team: TeamState, vault: bytes) -> VaultState:
    """The state before the first vault link.

    Raises:
        Refused: `R13.vault`, the team has no such vault.
    """
    found = team.vaults.get(vault)
    if found is None:
        raise Refused("R13.vault")
    created = found.cuts[0]
    return VaultState(vault, 0, created.hash, created.seq, created.seq)


def vault_step(
    team: TeamState, state: VaultState, signed: bytes | ParsedLink, *, verify: bool = True
) -> None:
    """Apply one more link, in place.

    Args:
        team: the folded team.
        state: its head and items change only if the link is valid.
        signed: the link.
        verify: False leaves out the Ed25519 signature, for links that were verified here before.

    Raises:
        Refused: `T4.cut` if the team forks from the verified head, else the first rule, in SPEC's
            order, that the link breaks.
        Waiting: the signer had seen more of the team than is folded here. On the server's own
            heads: a refusal.
    """
    judge_cuts(team, state)
    link = signed if isinstance(signed, ParsedLink) else parse_signed(signed, "vault")
    vault = team.vaults[state.id]
    seen = _check_place(team, state, link)
    _check_cuts(vault, link, seen)
    _check_actor(team, vault, link, seen, verify=verify)
    changes = _checked_entries(team, state, link, seen)
    state.seq, state.head, state.seen = link.seq, link.hash, seen
    state.items.update(changes)


def fold_vault(
    team: TeamState, state: VaultState, links: Iterable[bytes | ParsedLink], *, verify: bool = True
) -> Folded:
    """Fold more links onto a verified head, in place, and judge the cuts before and after."""
    try:
        judge_cuts(team, state)
    except Refused as verdict:
        return Folded(state, "fork", verdict.refusal)
    for signed in links:
        try:
            vault_step(team, state, signed, verify=verify)
        except Refused as verdict:
            return Folded(state, "refused", verdict.refusal)
        except Waiting:
            return Folded(state, "waiting", None)
    return Folded(state, cut_verdict(team, state), None)


def judge_cuts(team: TeamState, state: VaultState) -> None:
    """Compare the cuts that are new since `state.judged` with the verified head, and remember that.

    A cut beyond the head is compared later, with the link that comes to its place.

    Raises:
        Refused: `T4.cut`, a fork: a new cut lies behind the head (the link after it cannot have
            seen the cut), or names another link for its place.
    """
    for cut in reversed(team.vaults[state.id].cuts):
        if cut.seq <= state.judged:
            break
        if cut.n < state.seq or (cut.n == state.seq and cut.hash != state.head):
            raise Refused("T4.cut")
    state.judged = team.seq


def cut_verdict(team: TeamState, state: VaultState) -> Verdict:
    """`fork`, `waiting` (a cut lies beyond the head: read, do not write), or `valid`."""
    try:
        judge_cuts(team, state)
    except Refused:
        return "fork"
    return "waiting" if team.vaults[state.id].cuts[-1].n > state.seq else "valid"


def state_digest(state: VaultState) -> bytes:
    """32 bytes over everything that two implementations must agree on. SPEC 4.2."""
    items = [[item, *revision] for item, revision in sorted(state.items.items())]
    summary = {"head": state.head, "items": items, "seen": state.seen, "seq": state.seq}
    return hashlib.sha256(cbor.dumps(summary)).digest()


def grant_verdict(team: TeamState, member: bytes, grant: ParsedGrant, *, box_secret: bytes) -> Dek:
    """The DEK that a grant gives its recipient, after every check of SPEC 7.3 but the parse.

    Args:
        team: the recipient's folded team.
        member: the recipient's member id.
        grant: parsed.
        box_secret: the recipient's X25519 secret, 32 bytes.

    Raises:
        Refused: the first check that fails.
        Waiting: the sender had seen more of the team.
    """
    check_grant(team, member, grant)
    dek = open_grant(grant, box_secret)
    epoch = team.vaults[grant.vault].epochs[grant.epoch - 1]
    if dek_commit(grant.team, grant.vault, grant.epoch, dek) != epoch.dek_commit:
        dek.zero()
        raise Refused("T8.commit")
    return dek


def check_grant(team: TeamState, member: bytes, grant: ParsedGrant) -> None:
    """Judge a grant to `member` without opening it: all that a server can know.

    Raises:
        Refused: the first check of SPEC 7.3 that fails, from `T5.chain` to `T7.since`.
        Waiting: the sender had seen more of the team.
    """
    need(grant.team == team.id, "T5.chain")
    head = grant.head.seq
    # Before all that the team is asked: the vault or the epoch may be among the links not yet here.
    if head > team.seq:
        raise Waiting
    vault = team.vaults.get(grant.vault)
    if vault is None or not 1 <= grant.epoch <= vault.epoch:
        raise Refused("T7.place")
    need(team.head_at(head) == grant.head.hash, "T7.head")
    sender = team.member_by_fp(grant.sender, head)
    if sender is None:
        raise Refused("T7.sender")
    need(grant.is_signed_by(sender.identity), "T7.sig")
    epoch = vault.epochs[grant.epoch - 1]
    made_epoch = (epoch.signer, epoch.seq) == (sender.id, head)
    need(made_epoch or team.right_at(vault.id, sender.id, head) == MANAGE, "T7.authority")
    recipient = team.members.get(member)
    need(recipient and grant.to == recipient.fp, "T7.to")
    need(vault.right(member) and team.right_at(vault.id, member, head), "T7.right")
    need(head >= vault.since[member], "T7.since")


def _check_place(team: TeamState, state: VaultState, link: ParsedLink) -> int:
    """The seq of the signer's team head."""
    need(link.chain == state.id, "T5.chain")
    need(link.seq == state.seq + 1, "T1.seq")
    need(link.prev == state.head, "T1.prev")
    if link.seen is None:
        raise Refused("T1.seen")
    if link.seen.seq > team.seq:
        raise Waiting
    need(team.head_at(link.seen.seq) == link.seen.hash, "T1.seen_hash")
    need(link.seen.seq >= state.seen, "T15.seen")
    return link.seen.seq


def _check_cuts(vault: Vault, link: ParsedLink, seen: int) -> None:
    """Neither `n` nor `s` ever goes back, so two cuts decide: that here and the last before."""
    place = bisect_left(vault.cuts, link.seq, key=lambda cut: cut.n)
    here = vault.cuts[place] if place < len(vault.cuts) else None
    need(here is None or here.n != link.seq or here.hash == link.hash, "T15.cut")
    need(seen >= vault.cuts[place - 1].seq, "T15.backdated")


def _check_actor(
    team: TeamState, vault: Vault, link: ParsedLink, seen: int, *, verify: bool
) -> None:
    actor = team.member_at(link.actor, seen)
    if actor is None:
        raise Refused("T2.actor")
    need([signature.fp for signature in link.sigs] == [actor.fp], "T1.signers")
    if verify:
        need(
            verify_signature(actor.identity, link_message(link.type, link.link), link.sigs[0].sig),
            "T1.sig",
        )
    need(team.right_at(vault.id, actor.id, seen) >= WRITE, "T15.right")
    need(link.body["epoch"] == team.epoch_at(vault.id, seen), "T15.epoch")
    need(not team.due_at(vault.id, seen), "T9.due")


def _checked_entries(
    team: TeamState, state: VaultState, link: ParsedLink, seen: int
) -> dict[bytes, Revision]:
    manages = team.right_at(state.id, link.actor, seen) == MANAGE
    changes = {}
    for item, revision, content in link.body["entries"]:
        before = state.items.get(item, _NO_REVISION)
        need(before.hash is not None and revision == before.revision + 1, "T14.revision")
        need(content is not None or (manages and before.revision and item != state.id), "T14.purge")
        changes[item] = Revision(revision, content)
    return changes
