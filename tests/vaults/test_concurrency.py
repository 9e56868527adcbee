"""Threads that race on heads, each with a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import connection

from accounts.kek import kek_flush
from accounts.models import Team, TeamLink
from audit.models import AuditEvent
from tests.world import World
from vaults.chain_check import team_differences
from vaults.kms import registry
from vaults.kms.base import KmsUnavailable
from vaults.models import Grant, Item, Vault, VaultLink
from vaults.sync import View, sync_heads

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 6


def race(*calls: Callable[[], Any]) -> list[Any]:
    """Run all calls at once, and close each thread's connection after it."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            barrier.wait(60)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(60) for future in [pool.submit(run, call) for call in calls]]


def holds(world: World) -> bool:
    """Whether the rows are what the chains fold to."""
    return not list(team_differences(Team.objects.get(pk=world.id)))


def test_of_many_writers_at_one_head_one_wins_and_nothing_of_the_others_stays(
    world: World, vault: bytes
) -> None:
    people = [world.recruit(f"w{n}", {vault: "write"}) for n in range(WRITERS)]
    bodies = [world.change_body(person, vault, {world.item(): 1}) for person in people]
    for person in people:
        world.client(person)

    answers = race(
        *(
            lambda p=person, b=body: world.send_change(p, vault, b)
            for person, body in zip(people, bodies, strict=True)
        )
    )

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201, *[409] * (WRITERS - 1)]
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"head_moved"}
    assert (VaultLink.objects.count(), Item.objects.count()) == (2, 2)
    assert AuditEvent.objects.filter(action="item.changed").count() == 2
    assert holds(world)


def test_the_same_bytes_at_the_same_time_are_one_link(world: World, vault: bytes) -> None:
    body = world.change_body(world.founder, vault, {world.item(): 1})
    answers = race(*[lambda: world.send_change(world.founder, vault, body)] * 4)

    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    assert [answer.status_code for answer in answers].count(201) == 1
    # A loser that met the winner half way hears 409, and 200 when it sends the bytes again.
    assert world.send_change(world.founder, vault, body).status_code == 200
    assert VaultLink.objects.count() == 2


def test_a_removal_and_a_write_never_both_pass_on_one_head(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    world.client(ana)
    write = world.change_body(ana, vault, {world.item(): 1})
    body = {"cut": world.team.cut(vault), "member": ana.member}
    removal = world.team.sign(world.founder, "remove_member", body)

    wrote, removed = race(
        lambda: world.send_change(ana, vault, write),
        lambda: world.send(world.founder, removal),
    )

    passed = [answer.status_code == 201 for answer in (wrote, removed)]
    assert passed.count(True) == 1
    assert holds(world)


def test_of_two_rotations_one_wins_with_all_its_grants(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "manage"})
    world.client(ana)
    state = world.team.state
    before = (state.seq, Grant.objects.count())
    links = []
    for person in (world.founder, ana):
        epoch = world.team.epoch_body(vault, 2)[1]
        cut = {**epoch, "cut": world.team.cut(vault)}
        links.append((person, world.team.sign(person, "vault_rotate", cut), epoch))
    bodies = [_rotation_of(world, vault, person, link) for person, link, _epoch in links]

    answers = race(
        *(
            lambda p=person, b=body: world.send_change(p, vault, b)
            for (person, _link, _epoch), body in zip(links, bodies, strict=True)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert Team.objects.get(kind="team").seq == before[0] + 1
    assert (Vault.objects.get().epoch, Grant.objects.count()) == (2, before[1] + 2)
    assert holds(world)


def _rotation_of(world: World, vault: bytes, person: Any, link: bytes) -> dict[str, Any]:
    """A rotation with its grants, whose head is the link itself; the builder keeps nothing."""
    import hashlib

    from tests.chains import seal_dek
    from vaults.crypto import cbor, grants, keys

    state = world.team.state
    head = {"hash": hashlib.sha256(link).digest(), "seq": state.seq + 1}
    made = []
    for member in state.holders(vault):
        to = state.members[member]
        grant = cbor.dumps(
            {
                "ct": seal_dek(world.team.draw, to.box, world.team.vaults[vault].deks[1]),
                "epoch": 2,
                "from": person.fp,
                "head": head,
                "suite": keys.SUITE,
                "team": state.id,
                "to": to.fp,
                "vault": vault,
            }
        )
        made.append({"grant": grant, "sig": grants.sign_grant(grant, person.identity)})
    return {"link": None, "blobs": [], "rotation": {"link": link, "grants": made, "olds": []}}


def test_of_many_team_links_at_one_head_one_wins(world: World) -> None:
    people = [world.recruit(f"m{n}") for n in range(WRITERS)]
    seq = world.team.state.seq
    folded = world.team.state.members
    links = [
        world.team.sign(
            p, "set_profile", {"profile": {**folded[p.member].profile, "name": bytes(32)}}
        )
        for p in people
    ]
    for person in people:
        world.client(person)

    answers = race(
        *(
            lambda p=person, s=signed: world.send(p, s)
            for person, signed in zip(people, links, strict=True)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201, *[409] * (WRITERS - 1)]
    assert Team.objects.get(kind="team").seq == seq + 1
    assert TeamLink.objects.filter(team_id=world.id).count() == seq + 2
    assert holds(world)


def test_without_the_kek_nothing_is_written_and_nothing_is_served(
    world: World, vault: bytes
) -> None:
    body = world.change_body(world.founder, vault, {world.item(): 1})
    kek_flush(world.id)
    url = f"vaults/{UUID(bytes=vault)}/items/{UUID(bytes=vault)}"
    with patch.object(type(registry.current()), "decrypt", side_effect=KmsUnavailable("down")):
        answers = race(
            lambda: world.send_change(world.founder, vault, body),
            lambda: world.get(world.founder, url),
            lambda: world.get(world.founder, f"{url}/revisions"),
        )
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(503, "kms_unavailable")] * 3
    assert VaultLink.objects.count() == 1
    assert world.send_change(world.founder, vault, body).status_code == 201


def test_what_a_sync_brings_is_one_state_although_somebody_writes(
    world: World, vault: bytes
) -> None:
    item = world.item()
    world.write(world.founder, vault, {item: 1})
    writes = iter([lambda: None, lambda: world.write(world.founder, vault, {item: 2})])

    def heads_then_a_write(view: View) -> tuple[bytes, str]:
        found = sync_heads(view)
        race(next(writes))
        return found

    with patch("sharing.api.sync_heads", heads_then_a_write):
        _team, head, items, links, _end = world.sync(world.founder, ["teams", "items", "links"])

    revision = next(row[1] for row in items[2] if row[0] == item)
    assert (head[1]["seq"], len(links[3]), revision) == (2, 2, 1)
    assert world.sync(world.founder, ["items"])[0][1]["seq"] == 3
