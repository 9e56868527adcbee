"""The vault fold and the judgement of grants: vectors, and one pass against one by one."""

from typing import Any

import pytest

from accounts.team_chain import fold_team
from tests.vectors.reading import by_name, read
from tests.vectors.vault_cases import Story, run_vault_case, vault_verdict
from vaults.crypto.errors import Refused, Waiting
from vaults.crypto.grants import make_grant, parse_grant, stored_grant
from vaults.crypto.links import Head, parse_signed
from vaults.vault_chain import (
    check_grant,
    cut_verdict,
    fold_vault,
    grant_verdict,
    state_digest,
    vault_start,
    vault_step,
)

CASES = read("vault_chains")


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_vectors(case: dict[str, Any]):
    assert vault_verdict(case) == (case["verdict"], case["refusal"], case["valid"], case["digest"])


@pytest.mark.parametrize("case", [case for case in CASES if len(case["rounds"]) == 1], ids=by_name)
def test_one_by_one_ends_as_one_pass_does(case: dict[str, Any]):
    count = case["rounds"][0][0]
    steps = [[count, links] for links in range(len(case["links"]) + 1)]

    assert vault_verdict({**case, "rounds": steps}) == vault_verdict(case)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["verdict"] == "valid"], ids=by_name
)
def test_links_that_were_verified_before_fold_to_the_same(case: dict[str, Any]):
    team, _ = fold_team(bytes.fromhex(link) for link in case["team"])
    assert team
    links = [parse_signed(bytes.fromhex(link), "vault") for link in case["links"]]
    folded = fold_vault(team, vault_start(team, bytes.fromhex(case["vault"])), links, verify=False)

    assert state_digest(folded.state).hex() == case["digest"]


def test_a_vault_that_the_team_does_not_have():
    with pytest.raises(Refused, match=r"^R13\.vault$"):
        vault_start(Story("unknown").team.state, b"\1" * 16)


def test_a_fork_is_a_refusal_for_who_steps_alone():
    case = next(case for case in CASES if case["verdict"] == "fork")
    team, _ = fold_team(bytes.fromhex(link) for link in case["team"])
    assert team
    verified = run_vault_case({**case, "rounds": case["rounds"][:1]}).state

    assert cut_verdict(team, verified) == "fork"
    with pytest.raises(Refused, match=r"^T4\.cut$"):
        vault_step(team, verified, b"")


@pytest.mark.parametrize("case", read("grants"), ids=by_name)
def test_grants(case: dict[str, Any]):
    team, refusal = fold_team(bytes.fromhex(link) for link in case["team"])
    assert team
    assert refusal is None
    member, secret = (bytes.fromhex(case["me"][name]) for name in ("member", "box_secret"))

    def judged() -> str:
        grant = parse_grant(bytes.fromhex(case["grant"]))
        return grant_verdict(team, member, grant, box_secret=secret).raw.hex()

    if case["verdict"] == "valid":
        assert judged() == case["dek"]
    elif case["verdict"] == "waiting":
        with pytest.raises(Waiting):
            judged()
    else:
        with pytest.raises(Refused) as refused:
            judged()
        assert refused.value.refusal == case["refusal"]


def test_a_grant_as_clients_make_it():
    story = Story("made")
    team, vault, bob = story.team, story.vault, story.bob
    dek = team.vaults[vault].deks[1]
    pair = make_grant(
        dek=dek,
        epoch=1,
        head=Head(team.state.head, team.state.seq),
        team=team.state.id,
        vault=vault,
        to=bob.fp,
        to_box=bob.box_public,
        sender=story.owner.fp,
        identity=story.owner.identity,
    )
    grant = parse_grant(stored_grant(*pair))

    check_grant(team.state, bob.member, grant)
    assert grant_verdict(team.state, bob.member, grant, box_secret=bytes(bob.box)).raw == dek.raw
    assert len(grant.row_hash()) == 32
