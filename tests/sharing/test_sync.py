"""The sync: what is new, and how much is asked of the database."""

from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.kek import kek_flush
from tests.world import World, blob, records
from vaults.kms import registry
from vaults.kms.base import KmsUnavailable

pytestmark = pytest.mark.django_db

ALL = ["teams", "items", "links"]


def cursor_of(world: World, *vaults: bytes, stir: int | None = None) -> dict[str, Any]:
    """The cursor of a client that has verified everything in the builder."""
    team = {"team": world.id.bytes, "seq": world.team.state.seq}
    if stir is not None:
        team["stir"] = stir
    heads = [{"vault": v, "seq": world.team.vaults[v].state.seq} for v in vaults]
    return {"teams": [team], "vaults": heads}


def test_a_new_browser_gets_teams_items_and_links(world: World, vault: bytes) -> None:
    item, parts = world.item(), blob()
    world.write(world.founder, vault, {item: 1}, blobs=[parts])

    team, head, items, links, end = world.sync(world.founder, ALL)

    assert team[1]["links"] == world.team.links
    assert [grant["vault"] for grant in team[1]["grants"]] == [vault]
    assert [entry["to"] for entry in team[1]["pending"]] == [world.founder.fp]
    assert head[1] == {
        "vault": vault,
        "team": world.id.bytes,
        "seq": 2,
        "hash": world.team.vaults[vault].state.head,
    }
    row = [item, 1, 1, world.founder.member, parts["c_details"], parts["overview"]]
    assert (items[:2], row in items[2], len(items[2])) == (["items", vault], True, 2)
    assert links == ["links", vault, 1, world.team.vaults[vault].links]
    assert end == ["end"]


def test_a_poll_sends_the_changed_item_and_nothing_else(world: World, vault: bytes) -> None:
    other, item = world.vault_create(world.founder), world.item()
    world.write(world.founder, vault, {world.item(): 1})
    team = world.heads(world.founder)["teams"][0]
    cursor = cursor_of(world, vault, other, stir=team["stir"])
    world.write(world.founder, vault, {item: 1})

    head, items, links, end = world.sync(world.founder, ALL, cursor)

    assert (head[0], head[1]["vault"], end) == ("vault", vault, ["end"])
    assert [row[0] for row in items[2]] == [item]
    assert links == ["links", vault, 3, world.team.vaults[vault].links[2:]]


def test_a_purged_item_comes_without_blobs(world: World, vault: bytes) -> None:
    item = world.item()
    world.write(world.founder, vault, {item: 1})
    cursor = cursor_of(world, vault)
    world.write(world.founder, vault, {item: None})
    items = world.sync(world.founder, ["items"], cursor)[1]
    assert items[2] == [[item, 2, 1, world.founder.member, None, None]]


def test_the_heads_stand_first_and_name_the_chains_that_one_may_read(
    world: World, vault: bytes
) -> None:
    heads = world.heads(world.recruit("ana"))
    assert heads["vaults"] == []
    assert [(head["team"], head["hash"]) for head in heads["teams"]] == [
        (world.id.bytes, world.team.state.head)
    ]
    chain = world.team.vaults[vault].state
    assert world.heads(world.founder)["vaults"] == [
        {"vault": vault, "team": world.id.bytes, "seq": chain.seq, "hash": chain.head}
    ]


def test_a_poll_is_304_until_something_moves(world: World, vault: bytes) -> None:
    cursor = cursor_of(world, vault)
    first = world.poll(world.founder, cursor)
    again = world.poll(world.founder, cursor, etag=first["ETag"])
    world.write(world.founder, vault, {world.item(): 1})
    moved = world.poll(world.founder, cursor, etag=first["ETag"])

    assert (first.status_code, again.status_code, moved.status_code) == (200, 304, 200)
    assert again.content == b""
    assert (first["ETag"], moved["ETag"] != first["ETag"]) == (again["ETag"], True)
    kinds = [record[0] for record in records(moved)]
    assert kinds == ["heads", "team", "vault", "items", "links", "end"]


def test_a_poll_touches_no_item_and_its_queries_do_not_grow(world: World, vault: bytes) -> None:
    def poll() -> CaptureQueriesContext:
        etag = world.poll(world.founder)["ETag"]
        with CaptureQueriesContext(connection) as asked:
            assert world.poll(world.founder, etag=etag).status_code == 304
        return asked

    before = poll()
    world.write(world.founder, vault, {world.item(): 1 for _ in range(50)})
    for name in "abc":
        world.recruit(name, {vault: "read"})
    world.vault_create(world.founder)
    after = poll()

    assert len(after) == len(before)
    for table in ("vaults_item", "vaults_vaultlink", "accounts_teamlink", "vaults_grant"):
        assert not any(table in query["sql"] for query in after), table


def test_a_full_sync_asks_no_more_for_more_items_members_and_vaults(
    world: World, vault: bytes
) -> None:
    world.sync(world.founder, ALL)
    with CaptureQueriesContext(connection) as before:
        world.sync(world.founder, ALL)
    world.write(world.founder, vault, {world.item(): 1 for _ in range(50)})
    for name in "abc":
        world.recruit(name, {vault: "read"})
    world.vault_create(world.founder)
    with CaptureQueriesContext(connection) as after:
        world.sync(world.founder, ALL)
    assert len(after) == len(before)


def test_items_come_in_records_of_500(world: World, vault: bytes) -> None:
    world.write(world.founder, vault, {world.item(): 1 for _ in range(1000)})
    records = world.sync(world.founder, ["items"])
    assert [len(record[2]) for record in records if record[0] == "items"] == [500, 500, 1]


def test_links_come_in_records_that_say_where_they_begin(world: World, vault: bytes) -> None:
    for _ in range(4):
        world.write(world.founder, vault, {world.item(): 1})
    world.vault_create(world.founder)
    with patch("vaults.binary_rows.BATCH", 2):
        records = world.sync(world.founder, ["teams", "links"])
    signed = world.team.vaults[vault].links
    ours = [record for record in records if record[:2] == ["links", vault]]
    assert ours == [["links", vault, first, signed[first - 1 : first + 1]] for first in (1, 3, 5)]
    assert records[0][1]["links"] == world.team.links


def test_a_reader_gets_blobs_an_admin_the_chain_a_member_nothing(
    world: World, vault: bytes
) -> None:
    reader = world.recruit("reader", {vault: "read"})
    admin = world.recruit("admin", role="admin")
    member = world.recruit("member")

    kinds = {
        person.name: [record[0] for record in world.sync(person, ["items", "links"])]
        for person in (reader, admin, member)
    }

    assert kinds == {
        "reader": ["vault", "items", "links", "end"],
        "admin": ["links", "end"],
        "member": ["end"],
    }


def test_an_outsider_syncs_nothing(world: World, vault: bytes) -> None:
    assert world.sync(world.team.person("eve"), ALL) == [["end"]]


def test_c5_a_team_without_its_kek_is_an_error_and_the_rest_is_served(
    world: World, vault: bytes
) -> None:
    other = World.begin()
    other_vault = other.vault_create(other.founder)
    ana = world.team.person("ana")
    world.settle(ana)
    for place, target in ((world, vault), (other, other_vault)):
        place.client(ana)
        invitation = place.invite(place.founder, {target: "read"}, email="ana@example.org")
        place.team.add_member(place.founder, invitation, ana)
        place.push(place.founder)
    etag = world.poll(ana)["ETag"]
    kek_flush(world.id)
    decrypt = type(registry.current()).decrypt

    def refuse(kms: Any, *, key_id: str, blob: bytes, context: Any) -> Any:
        if context["team"] == world.id.hex:
            raise KmsUnavailable("disabled")
        return decrypt(kms, key_id=key_id, blob=blob, context=context)

    with patch.object(type(registry.current()), "decrypt", refuse):
        polled = world.poll(ana, etag=etag)
        shut = world.get(ana, f"vaults/{UUID(bytes=vault)}/items/{UUID(bytes=vault)}")

    assert polled.status_code == 200, "304 would say that nothing has changed"
    (_, heads), *found = records(polled)
    assert {"team": world.id.bytes, "error": "kms_unavailable"} in heads["teams"]
    assert [entry["vault"] for entry in heads["vaults"]] == [other_vault]
    teams = [record[1]["team"] for record in found if record[0] == "team"]
    assert other.id.bytes in teams
    assert world.id.bytes not in teams
    assert [record[1]["vault"] for record in found if record[0] == "vault"] == [other_vault]
    assert vault not in [record[1] for record in found if record[0] in {"items", "links"}]
    assert (shut.status_code, shut.json()["code"]) == (503, "kms_unavailable")


def test_an_account_that_syncs_all_the_time_has_to_wait_and_others_have_not(
    world: World, vault: bytes
) -> None:
    with patch("sharing.api.SYNC_UNITS", 2):
        served = world.poll(world.founder)
        unchanged = world.poll(world.founder, etag=served.headers["ETag"])
        refused = world.poll(world.founder)
        assert [served.status_code, unchanged.status_code] == [200, 304]
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        ana = world.recruit("ana")
        assert world.poll(ana).status_code == 200


def test_what_is_large_counts_for_more(world: World, vault: bytes) -> None:
    with patch.multiple("sharing.api", SYNC_UNIT=100, SYNC_UNITS=5):
        answers = [world.poll(world.founder) for _ in range(2)]
    assert len(answers[0].content) > 600
    assert [answer.status_code for answer in answers] == [200, 429]
