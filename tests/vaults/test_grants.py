"""POST teams/{team}/grants, their reports, olds and hold."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.kek import open_kek
from accounts.models import Team
from audit.models import AuditEvent
from tests.world import World, decoded
from vaults.crypto import cbor
from vaults.models import Grant, OldDek, Vault
from vaults.services.grants import grant_open

pytestmark = pytest.mark.django_db


def test_a_grant_comes_back_to_its_recipient_byte_for_byte(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    pair = cbor.loads(world.team.grant(world.founder, vault, ana))

    answer = world.post(world.founder, "grants", {"grants": [pair]})

    assert decoded(answer) == {"stored": 1}
    team = world.sync(ana, ["teams"])[0][1]
    assert team["grants"] == [{**pair, "vault": vault, "opened": False}]


def test_the_stored_row_opens_only_under_its_own_hash(world: World, vault: bytes) -> None:
    row = Grant.objects.get()
    with open_kek(world.id) as kek:
        grant, _sig = grant_open(kek, bytes(row.row_hash), bytes(row.blob))
        assert cbor.loads(grant)["to"] == world.founder.fp
        with pytest.raises(Exception, match="does not open"):
            grant_open(kek, bytes(32), bytes(row.blob))


def test_a_grant_that_has_not_seen_the_last_link_is_stale(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "read"})
    head = {"hash": world.team.state.head, "seq": world.team.state.seq}
    world.team.vault_grant(world.founder, vault, ana, "write")
    world.push(world.founder)
    answer = world.grant(world.founder, vault, ana, head=head)
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_seen")


def test_a_writer_hands_out_no_key(world: World, vault: bytes) -> None:
    writer, reader = (world.recruit(n, {vault: r}) for n, r in (("w", "write"), ("r", "read")))
    assert world.grant(writer, vault, reader).status_code == 404
    assert not Grant.objects.filter(to_fp=reader.fp).exists()


def test_f35_a_second_grant_replaces_one_that_did_not_open(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "read"})
    world.grant(world.founder, vault, ana, ct=bytes(80))
    report = {"vault": vault, "epoch": 1, "from": world.founder.fp}
    broken = {"opened": [], "broken": [report]}
    assert world.post(ana, "grants/reports", broken).status_code == 204
    seen = world.sync(world.founder, ["teams"])[0][1]["broken"]
    assert seen == [{"vault": vault, "epoch": 1, "to": ana.fp, "from": world.founder.fp}]

    world.grant(world.founder, vault, ana)
    opened = {"opened": [report], "broken": []}
    for _ in range(2):
        assert world.post(ana, "grants/reports", opened).status_code == 204

    team = world.sync(world.founder, ["teams"])[0][1]
    assert team["broken"] == []
    assert ana.fp not in [entry["to"] for entry in team["pending"]]
    assert AuditEvent.objects.filter(action="grant.opened").count() == 1


def test_a_grant_that_opened_is_not_replaced(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "read"})
    good = cbor.loads(world.team.grant(world.founder, vault, ana))
    world.post(world.founder, "grants", {"grants": [good]})
    report = {"vault": vault, "epoch": 1, "from": world.founder.fp}
    world.post(ana, "grants/reports", {"opened": [report], "broken": []})

    stir = Team.objects.get(pk=world.id).stir

    assert decoded(world.grant(world.founder, vault, ana, ct=bytes(80))) == {"stored": 0}

    # Nobody's client fetches the team's record for what was passed over.
    assert Team.objects.get(pk=world.id).stir == stir
    served = world.sync(ana, ["teams"])[0][1]["grants"]
    assert served == [{**good, "vault": vault, "opened": True}]
    assert AuditEvent.objects.filter(action="grant.stored").count() == 2  # the creator's, and Ana's


def test_who_comes_back_to_a_vault_gets_a_new_grant(world: World, vault: bytes) -> None:
    """The old one is from before the right began again: T7.since."""
    ana = world.recruit("ana", {vault: "read"})
    world.grant(world.founder, vault, ana)
    report = {"vault": vault, "epoch": 1, "from": world.founder.fp}
    world.post(ana, "grants/reports", {"opened": [report], "broken": []})
    world.team.vault_revoke(world.founder, vault, ana)
    world.push(world.founder)
    world.team.vault_grant(world.founder, vault, ana, "read")
    world.push(world.founder)

    assert decoded(world.grant(world.founder, vault, ana)) == {"stored": 1}
    assert [grant["opened"] for grant in world.sync(ana, ["teams"])[0][1]["grants"]] == [False]


def test_nobody_reports_on_anothers_grant(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "read"})
    report = {"vault": vault, "epoch": 1, "from": world.founder.fp}
    world.post(ana, "grants/reports", {"opened": [report], "broken": []})
    assert Grant.objects.get().opened_at is None


def test_an_old_dek_is_kept_for_each_uploader(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "read"})
    world.rotate(world.founder, vault)
    old = {"from": 1, "to": 2, "blob": bytes(113)}
    path = f"vaults/{UUID(bytes=vault)}/olds"
    for person in (world.founder, ana, ana):
        assert decoded(world.post(person, path, {"olds": [old]})) == {"stored": 1}
    assert OldDek.objects.count() == 2
    assert len(world.sync(ana, ["teams"])[0][1]["olds"]) == 2


@pytest.mark.parametrize(("start", "end"), [(1, 1), (2, 1), (1, 3)])
def test_an_old_dek_goes_from_an_earlier_to_a_later_epoch(
    world: World, vault: bytes, start: int, end: int
) -> None:
    world.rotate(world.founder, vault)
    body = {"olds": [{"from": start, "to": end, "blob": bytes(113)}]}
    answer = world.post(world.founder, f"vaults/{UUID(bytes=vault)}/olds", body)
    assert answer.status_code == 400


def test_the_same_twice_in_one_request_is_no_request(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "read"})
    world.rotate(world.founder, vault)
    grant = cbor.loads(world.team.grant(world.founder, vault, ana))
    old = {"from": 1, "to": 2, "blob": bytes(113)}
    path = f"vaults/{UUID(bytes=vault)}/olds"
    stir = Team.objects.get(pk=world.id).stir
    for times in (2, 0):
        answers = [
            world.post(world.founder, "grants", {"grants": [grant] * times}),
            world.post(ana, path, {"olds": [old] * times}),
        ]
        told = [(answer.status_code, answer.json()["code"]) for answer in answers]
        assert told == [(400, "invalid")] * 2
    assert not OldDek.objects.exists()
    # What stores nothing makes nobody's client fetch the team anew.
    assert Team.objects.get(pk=world.id).stir == stir


def test_a_hold_locks_the_team_before_its_vaults_as_grants_do(world: World, vault: bytes) -> None:
    with CaptureQueriesContext(connection) as captured:
        world.post(world.founder, "hold", {"vaults": [vault]})
    statements = [query["sql"] for query in captured.captured_queries]
    locks = [sql.split(" FROM ")[1].split()[0] for sql in statements if "FOR UPDATE" in sql]
    assert locks == ["accounts_team", "vaults_vault"]


def test_a_held_vault_takes_no_write_but_the_holders(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    until = decoded(world.post(world.founder, "hold", {"vaults": [vault]}))["until"]

    refused = world.send_change(ana, vault, world.change_body(ana, vault, {world.item(): 1}))
    assert (refused.status_code, refused.json()["code"]) == (409, "held")
    assert refused.json()["until"] == until
    world.write(world.founder, vault, {world.item(): 1})

    # The test is one transaction, and the database's clock stands still in it.
    Vault.objects.update(held_until=timezone.now() - timedelta(hours=1))
    world.write(ana, vault, {world.item(): 1})


def test_a_hold_is_for_once_a_minute(world: World, vault: bytes) -> None:
    world.post(world.founder, "hold", {"vaults": [vault]})
    answer = world.post(world.founder, "hold", {"vaults": [vault]})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many")


def test_an_owners_hold_goes_over_that_of_whom_they_remove(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    assert world.post(ana, "hold", {"vaults": [vault]}).status_code == 200
    assert world.post(world.founder, "hold", {"vaults": [vault]}).status_code == 200
    late = world.send_change(ana, vault, world.change_body(ana, vault, {world.item(): 1}))
    assert (late.status_code, late.json()["code"]) == (409, "held")
    world.remove(world.founder, ana)


def test_a_minute_is_for_all_vaults_of_the_team(world: World, vault: bytes) -> None:
    other = world.vault_create(world.founder)
    world.post(world.founder, "hold", {"vaults": [vault]})
    answer = world.post(world.founder, "hold", {"vaults": [other]})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many")
    assert Vault.objects.get(pk=UUID(bytes=other)).held_until is None


def test_several_readers_cannot_keep_a_vault_shut_by_turns(world: World, vault: bytes) -> None:
    ana, ben = (world.recruit(name, {vault: "read"}) for name in ("ana", "ben"))
    hold = {"vaults": [vault]}
    world.post(ana, "hold", hold)
    ended = timezone.now() - timedelta(seconds=1)
    Vault.objects.update(held_until=ended)

    refused = world.post(ben, "hold", hold)

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
    assert 1 <= int(refused.headers["Retry-After"]) <= 9
    assert Vault.objects.get().held_until == ended
    Vault.objects.update(held_until=timezone.now() - timedelta(seconds=11))
    assert world.post(ben, "hold", hold).status_code == 200


def test_nobody_holds_a_vault_in_which_they_hold_nothing(world: World, vault: bytes) -> None:
    ana = world.recruit("ana")
    assert world.post(ana, "hold", {"vaults": [vault]}).status_code == 404
    assert Vault.objects.get().held_until is None
