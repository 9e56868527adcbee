"""The team fold: vectors, atomicity, questions about the past."""

from typing import Any

import pytest

from accounts.team_chain import fold_team, state_digest, team_step
from tests.chains import TeamBuilder
from tests.vectors.reading import by_name, read
from vaults.crypto.errors import Refused

CASES = read("team_chains")


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_vectors(case: dict[str, Any]):
    links = [bytes.fromhex(link) for link in case["links"]]
    state, refusal = fold_team(links)

    assert refusal == case["refusal"]
    assert (state.seq + 1 if state else 0) == case["valid"]
    # The refused link has left no trace: the digest is that of the good links alone.
    assert (state_digest(state).hex() if state else None) == case["digest"]


@pytest.mark.parametrize("case", [case for case in CASES if case["refusal"] is None], ids=by_name)
def test_without_signatures_the_state_is_the_same(case: dict[str, Any]):
    state, refusal = fold_team([bytes.fromhex(link) for link in case["links"]], verify=False)

    assert refusal is None
    assert state
    assert state_digest(state).hex() == case["digest"]


SIGNATURES = {"T1.sig", "T10.sig_invite", "T10.sig_identity", "F10.key"}


@pytest.mark.parametrize("case", [case for case in CASES if case["refusal"]], ids=by_name)
def test_verify_leaves_out_signatures_and_keys_alone(case: dict[str, Any]):
    _, refusal = fold_team([bytes.fromhex(link) for link in case["links"]], verify=False)

    if case["refusal"] in SIGNATURES:
        assert refusal != case["refusal"]
    else:
        assert refusal == case["refusal"]


def story() -> tuple[TeamBuilder, bytes, Any]:
    team = TeamBuilder("questions")
    vault = team.vault_create(team.founder)  # 1
    ana = team.recruit("ana", vaults={vault: "write"})  # 2, 3
    team.vault_grant(team.founder, vault, ana, "read")  # 4
    team.vault_revoke(team.founder, vault, ana)  # 5
    team.vault_rotate(team.founder, vault)  # 6
    team.remove_member(team.founder, ana)  # 7
    return team, vault, ana


def test_the_past_can_be_asked():
    team, vault, ana = story()
    state = team.state

    assert [state.right_at(vault, ana.member, seq) for seq in range(8)] == [0, 0, 0, 2, 1, 0, 0, 0]
    assert [state.right_at(vault, team.founder.member, seq) for seq in range(3)] == [0, 3, 3]
    assert [state.epoch_at(vault, seq) for seq in range(8)] == [0, 1, 1, 1, 1, 1, 2, 2]
    assert [state.due_at(vault, seq) for seq in range(8)] == [False] * 5 + [True, False, False]
    present = [state.member_at(ana.member, seq) is not None for seq in range(8)]
    assert present == [False] * 3 + [True] * 4 + [False]
    assert [state.member_by_fp(ana.fp, seq) is not None for seq in range(8)] == present
    assert state.member(ana.member) is None
    assert state.member_by_account(ana.account) is None
    assert state.head_at(7) == state.head
    assert state.right_at(b"\1" * 16, ana.member, 7) == state.right(b"\1" * 16, ana.member) == 0


def test_holders_and_held():
    team, vault, _ = story()
    other = team.vault_create(team.founder)
    bob = team.recruit("bob", vaults={vault: "read", other: "write"})

    assert team.state.holders(vault) == sorted([team.founder.member, bob.member])
    assert team.state.held(bob.member) == sorted([vault, other])
    assert team.state.held(b"\1" * 16) == []


def test_a_refused_link_can_be_followed_by_a_good_one():
    team, vault, ana = story()
    before = state_digest(team.state)
    with pytest.raises(Refused, match=r"^T2\.actor$"):
        team_step(team.state, team.sign(ana, "vault_create", team.epoch_body(b"\1" * 16, 1)[1]))

    assert state_digest(team.state) == before
    team.vault_rotate(team.founder, vault)
    assert team.state.vaults[vault].epoch == 3


@pytest.mark.parametrize("size", [2001])
def test_a_cut_of_more_than_2000_vaults_is_refused(size: int):
    team = TeamBuilder("wide")
    cut = [
        {"hash": bytes(32), "seq": 0, "vault": number.to_bytes(16, "big")} for number in range(size)
    ]
    body = {"cut": cut, "member": team.founder.member}
    with pytest.raises(Refused, match=r"^T16\.body$"):
        team_step(team.state, team.sign(team.founder, "remove_member", body))
    with pytest.raises(Refused, match=r"^T12\.owner$"):
        team_step(team.state, team.sign(team.founder, "remove_member", {**body, "cut": cut[1:]}))
