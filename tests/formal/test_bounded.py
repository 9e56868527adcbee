"""No interleaving up to a bound breaks secrecy or agreement, and the check can tell.

What it leaves out: README.md beside it. Longer runs: `python -m tests.formal`.
"""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.team_chain import TeamState, fold, invitations
from tests.formal.check import HIDDEN, explore
from vaults import vault_chain
from vaults.crypto.errors import Refused
from vaults.crypto.grants import open_grant


@pytest.mark.parametrize(
    ("via", "begin", "moves", "states"),
    [
        ("link", "before", 7, 9_000),
        ("mail", "before", 6, 4_000),
        ("link", "joined", 5, 2_000),
        ("mail", "joined", 4, 500),
    ],
)
def test_every_interleaving_keeps_the_claims(via: str, begin: str, moves: int, states: int):
    report = explore(via, begin, moves=moves)
    assert report.broken is None, "\n".join(report.broken)
    assert report.complete
    # A search that finds little has lost its moves.
    assert report.states > states


def test_a_fork_can_hide_a_right_from_who_removes():
    """An exception of C4 that README.md prints."""
    report = explore("mail", "joined", moves=5, except_for="nothing")
    assert report.broken is not None
    assert report.broken[-1].startswith(HIDDEN)


def tokens_are_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(invitations, "verify_signature", lambda *_: True)


def mailed_members_count_at_once(patch: pytest.MonkeyPatch) -> None:
    check, effect = fold._TYPES["add_member"]

    def as_by_link(step: Any) -> None:
        step.state.invites[step.link.accept.invite].body["via"] = "link"
        effect(step)

    patch.setitem(fold._TYPES, "add_member", (check, as_by_link))


def cuts_are_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(vault_chain, "_check_cuts", lambda *_: None)


def nobody_rotates(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TeamState, "due_at", lambda *_: False)


def any_grant_will_do(patch: pytest.MonkeyPatch) -> None:
    def opened(_team: Any, _member: bytes, grant: Any, *, box_secret: bytes) -> Any:
        return open_grant(grant, box_secret)

    patch.setattr(vault_chain, "grant_verdict", opened)


def links_need_not_follow(patch: pytest.MonkeyPatch) -> None:
    def need(condition: object, refusal: str) -> None:
        if not condition and refusal not in {"T1.prev", "T1.seq"}:
            raise Refused(refusal)

    patch.setattr(fold, "need", need)


@pytest.mark.parametrize(
    ("weaken", "via", "begin", "claim"),
    [
        (tokens_are_not_looked_at, "link", "before", "roster"),
        (mailed_members_count_at_once, "mail", "before", "roster"),
        (cuts_are_not_looked_at, "link", "joined", "cut"),
        (nobody_rotates, "link", "joined", "secrecy"),
        (any_grant_will_do, "link", "before", "secrecy"),
        (links_need_not_follow, "link", "before", "agreement"),
    ],
)
def test_a_weaker_rule_is_found(
    monkeypatch: pytest.MonkeyPatch,
    weaken: Callable[[pytest.MonkeyPatch], None],
    via: str,
    begin: str,
    claim: str,
):
    weaken(monkeypatch)
    report = explore(via, begin, moves=6)
    assert report.broken is not None
    assert report.broken[-1].startswith(claim), report.broken
