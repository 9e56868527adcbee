"""Folding a chain from its table, with every signature, as the first client of all would.

What the rows beside the links should say follows from this alone: `chain_check` compares them with
it, `chain_cut` writes them from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from accounts.models import TeamLink
from accounts.team_chain import TeamState, team_step
from vaults.crypto.errors import Refused, Waiting
from vaults.crypto.links import ParsedLink, parse_signed
from vaults.models import Vault, VaultLink
from vaults.vault_chain import VaultState, cut_verdict, vault_start, vault_step

WAITING = "waiting"  # a link refers to more of the team than there is


@dataclass(slots=True)
class StoredTeam:
    """A team's chain up to the first link that does not hold."""

    state: TeamState | None = None
    refusal: str | None = None
    links: list[tuple[bytes, str]] = field(default_factory=list)  # hash and type, by seq
    members: dict[bytes, int] = field(default_factory=dict)  # member: last link about them
    vaults: dict[bytes, int] = field(default_factory=dict)  # vault: last link about it


class Written(NamedTuple):
    """By which link and whom the present revision of an item was written."""

    link_seq: int
    author: bytes


@dataclass(slots=True)
class StoredVault:
    """A vault's chain up to the first link that does not hold."""

    state: VaultState
    refusal: str | None = None  # of the next link, or `waiting`
    verdict: str = "valid"  # of the whole: valid, refused, waiting, fork
    items: dict[bytes, Written] = field(default_factory=dict)
    places: dict[tuple[bytes, int], int] = field(default_factory=dict)  # item, revision: link


def team_fold(team_id: UUID) -> StoredTeam:
    """Fold a team's links with their signatures."""
    stored = StoredTeam()
    rows = TeamLink.objects.filter(team_id=team_id).order_by("seq")
    for signed in rows.values_list("signed", flat=True).iterator():
        try:
            link = parse_signed(bytes(signed), "team")
            stored.state = team_step(stored.state, link)
        except Refused as verdict:
            stored.refusal = verdict.refusal
            break
        stored.links.append((link.hash, link.type))
        _touch(stored, stored.state, link)
    return stored


def _touch(stored: StoredTeam, state: TeamState, link: ParsedLink) -> None:
    if link.type == "genesis":
        stored.members[link.actor] = link.seq
    subject = link.accept.member if link.accept else link.body.get("member")
    if subject is not None:
        stored.members[subject] = link.seq
    for vault in _vaults_of(link, state, subject):
        stored.vaults[vault] = link.seq


def _vaults_of(link: ParsedLink, state: TeamState, subject: bytes | None) -> Iterator[bytes]:
    if "vault" in link.body:
        yield link.body["vault"]
    elif "cut" in link.body:
        yield from (cut["vault"] for cut in link.body["cut"])
    elif subject is not None:
        yield from state.held(subject)


def vault_fold(team: TeamState, vault: Vault) -> StoredVault:
    """Fold a vault's links with their signatures, on a team that holds it."""
    stored = StoredVault(vault_start(team, vault.pk.bytes))
    rows = VaultLink.objects.filter(vault=vault).order_by("seq")
    for signed in rows.values_list("signed", flat=True).iterator():
        try:
            link = parse_signed(bytes(signed), "vault")
            vault_step(team, stored.state, link)
        except Refused as verdict:
            stored.refusal, stored.verdict = verdict.refusal, "refused"
            return stored
        except Waiting:
            stored.refusal = stored.verdict = WAITING
            return stored
        for item, revision, _hash in link.body["entries"]:
            stored.items[item] = Written(link.seq, link.actor)
            stored.places[item, revision] = link.seq
    stored.verdict = cut_verdict(team, stored.state)
    return stored
