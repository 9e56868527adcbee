"""POST teams: a genesis and its KEK."""

import os
from unittest.mock import patch
from uuid import UUID

import pytest

from accounts.models import Kek, Member, Opening, Team
from accounts.setup import deployment_setup
from audit.models import AuditEvent
from tests.chains import TeamBuilder
from tests.world import World, decoded
from vaults.crypto.profile import commitment
from vaults.kms import registry
from vaults.kms.base import KmsUnavailable

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    deployment_setup()
    return World(TeamBuilder(os.urandom(8).hex()))


def body(world: World) -> dict[str, object]:
    return {"link": world.team.links[0], "openings": []}


def test_a_team_begins_with_its_founder_and_a_kek_of_its_own(world: World) -> None:
    answer = world.post(world.founder, "teams", body(world))

    assert answer.status_code == 201
    assert decoded(answer) == {"team": world.id.bytes, "seq": 0, "hash": world.team.state.head}
    member = Member.objects.get()
    assert (member.role, member.verified, member.account_id) == (
        "owner",
        "founder",
        UUID(bytes=world.founder.account),
    )
    assert Kek.objects.filter(team_id=world.id, state="current").count() == 1
    assert AuditEvent.objects.filter(action="team.created").count() == 1


def test_the_same_genesis_again_is_the_same_team_and_one_kek(world: World) -> None:
    answers = [world.post(world.founder, "teams", body(world)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].content == answers[1].content
    assert Kek.objects.filter(team_id=world.id).count() == 1


def test_nobody_founds_a_team_for_another(world: World) -> None:
    answer = world.post(world.team.person("eve"), "teams", body(world))
    assert (answer.status_code, answer.json()["refusal"]) == (422, "T2.actor")
    assert not Team.objects.exists()


def test_an_account_has_one_personal_team() -> None:
    deployment_setup()
    first = World(TeamBuilder(os.urandom(8).hex(), kind="personal"))
    second = World(TeamBuilder(os.urandom(8).hex(), kind="personal"))
    genesis = second.team.sign_genesis(
        first.founder, kind="personal", body={**_genesis_body(first, second)}
    )
    assert first.post(first.founder, "teams", body(first)).status_code == 201

    answer = first.post(first.founder, "teams", {"link": genesis, "openings": []})

    assert (answer.status_code, answer.json()["code"]) == (409, "personal_exists")
    assert answer.json()["team"] == str(first.id)
    assert Team.objects.count() == 1


def _genesis_body(first: World, second: World) -> dict[str, object]:
    return {
        "founder": first.founder.as_founder(),
        "kind": "personal",
        "name": bytes(32),
        "nonce": second.team.draw.take(32),
    }


def test_the_teams_name_is_stored_if_it_opens(world: World) -> None:
    salt = os.urandom(32)
    genesis = world.team.sign_genesis(
        world.founder,
        body={
            "founder": world.founder.as_founder(),
            "kind": "team",
            "name": commitment(salt, "team", "Ops"),
            "nonce": bytes(32),
        },
    )
    for text, status in (("Ops!", 400), ("Ops", 201)):
        openings = [{"kind": "team", "salt": salt, "text": text}]
        answer = world.post(world.founder, "teams", {"link": genesis, "openings": openings})
        assert answer.status_code == status
    assert Opening.objects.get().text == "Ops"


def test_without_kms_there_is_no_team(world: World) -> None:
    kms = registry.current()
    with patch.object(type(kms), "generate_data_key", side_effect=KmsUnavailable("down")):
        answer = world.post(world.founder, "teams", body(world))
    assert (answer.status_code, answer.json()["code"]) == (503, "kms_unavailable")
    assert not Team.objects.exists()


def test_an_account_makes_no_keks_without_end(world: World) -> None:
    def begun(seed: str) -> int:
        link = TeamBuilder(seed, account=world.founder.account).links[0]
        return int(world.post(world.founder, "teams", {"link": link, "openings": []}).status_code)

    with patch("vaults.services.teams.MAX_TEAMS", 3):
        answers = [begun(f"team {number}") for number in range(6)]
    assert answers[:3] == [201, 201, 201]
    assert 429 in answers
    assert Kek.objects.filter(team_id__isnull=False).count() == answers.count(201)
