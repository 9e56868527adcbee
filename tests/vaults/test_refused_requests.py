"""What no honest client sends, and each refusal that answers it."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts.conflicts import StaleSeen, Taken
from accounts.errors import AccessDenied
from accounts.kek import KekMoved, open_kek
from accounts.services.team import OpeningText, opening_check, openings_store, team_lock
from accounts.services.team import role_set as plain_role_set
from accounts.setup import deployment_setup
from accounts.team_state import team_states
from audit.services import unit_of_work
from tests.chains import Person, TeamBuilder
from tests.world import World, blob, revision_hash, user_of
from vaults.access import require_member_and_kek, require_vault
from vaults.api import account_of
from vaults.crypto import cbor
from vaults.crypto.errors import DecryptionError
from vaults.crypto.grants import parse_grant, stored_grant
from vaults.crypto.links import parse_signed
from vaults.crypto.profile import commitment
from vaults.models import Right, Vault
from vaults.services.changes import change_write
from vaults.services.grants import KIND, _check_heads, grant_open, grants_insert, grants_seal
from vaults.services.heads import vault_head_read
from vaults.services.judging import Blob, Change
from vaults.services.teams import _stands

pytestmark = pytest.mark.django_db


def told(answer: Any) -> tuple[int, str]:
    """The status, and the refusal or else the code."""
    body = answer.json()
    return answer.status_code, body.get("refusal", body["code"])


def damaged(signed: bytes) -> bytes:
    """With another last byte of its signature."""
    return signed[:-1] + bytes([signed[-1] ^ 1])


# Changes.


def test_a_link_of_another_vault(world: World, vault: bytes) -> None:
    other = world.vault_create(world.founder)
    body = world.change_body(world.founder, other, {world.item(): 1})
    assert told(world.send_change(world.founder, vault, body)) == (422, "T5.chain")


def test_a_link_that_has_seen_what_is_not_there(world: World, vault: bytes) -> None:
    seen = {"hash": bytes(32), "seq": 99}
    body = world.change_body(world.founder, vault, {world.item(): 1}, seen=seen)
    assert told(world.send_change(world.founder, vault, body)) == (422, "T1.seen_hash")


def test_nothing_at_all(world: World, vault: bytes) -> None:
    nothing: dict[str, Any] = {"link": None, "blobs": [], "rotation": None}
    assert told(world.send_change(world.founder, vault, nothing)) == (400, "invalid")
    blobs = {**nothing, "blobs": [blob()]}
    assert told(world.send_change(world.founder, vault, blobs)) == (400, "invalid")


def test_a_link_that_a_cut_overtook_between_judgement_and_swap(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    signed = world.change_body(ana, vault, {world.item(): 1})["link"]
    access = require_vault(user=user_of(ana), team_id=world.id, vault_id=UUID(bytes=vault))
    world.team.vault_grant(world.founder, vault, ana, "read")
    world.push(world.founder)
    change = Change(parse_signed(signed, "vault"), [Blob(**blob())])
    with pytest.raises(StaleSeen), unit_of_work():
        change_write(access.team, access.vault_id, change)


def test_revisions_of_no_item(world: World, vault: bytes) -> None:
    path = f"vaults/{UUID(bytes=vault)}/items/{uuid4()}/revisions"
    assert told(world.get(world.founder, path)) == (404, "not_found")


# Rotations.


def test_a_rotation_of_another_vault(world: World, vault: bytes) -> None:
    other = world.vault_create(world.founder)
    body: dict[str, Any] = {
        "link": None,
        "blobs": [],
        "rotation": world.rotation(world.founder, other),
    }
    assert told(world.send_change(world.founder, vault, body)) == (400, "invalid")


def test_a_rotation_with_blobs_that_no_link_names(world: World, vault: bytes) -> None:
    rotation = world.rotation(world.founder, vault)
    body: dict[str, Any] = {"link": None, "blobs": [blob()], "rotation": rotation}
    assert told(world.send_change(world.founder, vault, body)) == (400, "invalid")
    assert world.send_change(world.founder, vault, {**body, "blobs": []}).status_code == 201


def test_a_rotation_with_somebody_elses_grants(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "manage"})
    rotation = world.rotation(world.founder, vault)
    theirs = [cbor.loads(world.team.grant(ana, vault, to)) for to in (ana, world.founder)]
    body: dict[str, Any] = {"link": None, "blobs": [], "rotation": {**rotation, "grants": theirs}}
    assert told(world.send_change(world.founder, vault, body)) == (422, "T7.authority")


def test_a_rotation_with_grants_of_the_epoch_before(world: World, vault: bytes) -> None:
    rotation = world.rotation(world.founder, vault)
    old = cbor.loads(world.team.grant(world.founder, vault, world.founder, epoch=1))
    body: dict[str, Any] = {"link": None, "blobs": [], "rotation": {**rotation, "grants": [old]}}
    assert told(world.send_change(world.founder, vault, body)) == (422, "T7.place")


def test_a_rotation_that_stands_already_without_the_change(world: World, vault: bytes) -> None:
    body: dict[str, Any] = {
        "link": None,
        "blobs": [],
        "rotation": world.rotation(world.founder, vault),
    }
    assert world.send_change(world.founder, vault, body).status_code == 201
    change = world.change_body(world.founder, vault, {world.item(): 1})
    again = {**change, "rotation": body["rotation"]}
    assert told(world.send_change(world.founder, vault, again)) == (409, "stale_seen")


# New vaults and teams.


Bend = Callable[[World, Person, bytes, dict[str, Any]], None]


def _change_of_another(world: World, ana: Person, vault: bytes, body: dict[str, Any]) -> None:
    world.team.vaults[vault].state = _before_first(world, vault)
    entries = {vault: (1, revision_hash(vault, 1))}
    body["change"]["link"] = world.team.sign_change(ana, vault, entries)


def _before_first(world: World, vault: bytes) -> Any:
    world.team.keep_vault(vault)
    return world.team.vaults[vault].state


def _grant_of_another(world: World, ana: Person, vault: bytes, body: dict[str, Any]) -> None:
    body["grants"] = [cbor.loads(world.team.grant(ana, vault, ana))]


def _grant_to_another(world: World, ana: Person, vault: bytes, body: dict[str, Any]) -> None:
    body["grants"] = [cbor.loads(world.team.grant(world.founder, vault, ana))]


@pytest.mark.parametrize(
    ("bend", "refusal"),
    [
        (_change_of_another, "T2.actor"),
        (_grant_of_another, "T7.authority"),
        (_grant_to_another, "T7.to"),
    ],
)
def test_a_new_vault_with_parts_of_somebody_else(world: World, bend: Bend, refusal: str) -> None:
    ana = world.recruit("ana")
    vault, body = world.vault_parts(world.founder)
    bend(world, ana, vault, body)
    assert told(world.post(world.founder, "links", body)) == (422, refusal)
    assert not Vault.objects.exists()


def test_a_new_vault_with_an_id_that_another_team_has(world: World, vault: bytes) -> None:
    other = World.begin()
    with patch.object(other.team.draw, "uuid7", return_value=vault):
        _vault, body = other.vault_parts(other.founder)
    assert told(other.post(other.founder, "links", body)) == (409, "taken")


def test_a_genesis_that_does_not_hold() -> None:
    deployment_setup()
    world = World(TeamBuilder(os.urandom(8).hex()))
    body = {"link": damaged(world.team.links[0]), "openings": []}
    assert told(world.post(world.founder, "teams", body)) == (422, "T1.sig")


def test_a_genesis_that_is_signed_anew(world: World) -> None:
    link = parse_signed(world.team.links[0], "team")
    assert _stands(world.id, link)
    with pytest.raises(Taken):
        _stands(world.id, link._replace(hash=bytes(32)))


# Team links.


def test_a_link_of_another_member(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    world.team.vault_grant(world.founder, vault, ana, "read")
    assert told(world.send(ana, world.team.links[-1])) == (422, "T2.actor")


@pytest.mark.parametrize("more", ["openings", "grants"])
def test_a_link_that_brings_what_it_must_not(world: World, vault: bytes, more: str) -> None:
    ana = world.recruit("ana", {vault: "write"})
    brought = {
        "openings": [{"kind": "name", "salt": os.urandom(32), "text": "Ana"}],
        "grants": [cbor.loads(world.team.grant(world.founder, vault, world.founder))],
    }[more]
    world.team.vault_grant(world.founder, vault, ana, "read")
    answer = world.send(world.founder, world.team.links[-1], **{more: brought})
    assert told(answer) == (400, "invalid")


def test_a_profile_with_grants(world: World, vault: bytes) -> None:
    grants = [cbor.loads(world.team.grant(world.founder, vault, world.founder))]
    mine = world.team.state.members[world.founder.member].profile
    salt = os.urandom(32)
    profile = {**mine, "name": commitment(salt, "name", "Anna")}
    signed = world.team.sign(world.founder, "set_profile", {"profile": profile})
    openings = [{"kind": "name", "salt": salt, "text": "Anna"}]
    answer = world.send(world.founder, signed, openings=openings, grants=grants)
    assert told(answer) == (400, "invalid")
    assert world.send(world.founder, signed, openings=openings).status_code == 201


def test_an_invitation_without_its_address(world: World) -> None:
    body, _invitation = world.team.invite_body()
    signed = world.team.sign(world.founder, "invite", body)
    assert told(world.send(world.founder, signed)) == (400, "invalid")


def test_openings_are_one_of_a_kind_and_of_some_length(world: World) -> None:
    twice = [OpeningText("name", os.urandom(32), text) for text in ("Ana", "Anna")]
    with pytest.raises(Exception, match="One opening for each kind"):
        openings_store(team_id=world.id, openings=twice, commitments={})
    with pytest.raises(Exception, match="too long"):
        opening_check(OpeningText("name", bytes(32), "a" * 1_001), bytes(32))


# Grants.


def test_a_grant_of_another_manager(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "manage"})
    grant = cbor.loads(world.team.grant(ana, vault, world.founder))
    answer = world.post(world.founder, "grants", {"grants": [grant]})
    assert told(answer) == (422, "T7.sender")


def test_a_grant_that_a_recipient_would_refuse(world: World, vault: bytes) -> None:
    grant = cbor.loads(world.team.grant(world.founder, vault, world.founder))
    bad = {**grant, "sig": damaged(grant["sig"])}
    assert told(world.post(world.founder, "grants", {"grants": [bad]})) == (422, "T7.sig")


def test_a_grant_of_another_form(world: World, vault: bytes) -> None:
    answer = world.grant(world.founder, vault, world.founder, ct=bytes(79))
    assert told(answer) == (422, "T7.parse")


def test_grants_under_a_kek_that_was_replaced_meanwhile(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "read"})
    grant = parse_grant(world.team.grant(world.founder, vault, ana))
    place: Any = {"user": user_of(world.founder), "team_id": world.id}
    access, _kek = require_member_and_kek(**place)
    sealed = grants_seal(world.id, [grant])
    late = replace(sealed, kek_version=sealed.kek_version + 1)
    with pytest.raises(KekMoved), unit_of_work():
        grants_insert(access, late)


def test_a_grant_on_a_head_that_is_not_there(world: World, vault: bytes) -> None:
    head = {"hash": bytes(32), "seq": 99}
    answer = world.grant(world.founder, vault, world.founder, head=head)
    assert told(answer) == (422, "T7.head")


def test_a_grant_for_a_vault_that_has_no_row(world: World, vault: bytes) -> None:
    grant = parse_grant(world.team.grant(world.founder, vault, world.founder))
    with pytest.raises(AccessDenied):
        _check_heads(world.id, [grant._replace(vault=uuid4().bytes)])


def test_a_stored_grant_under_another_ones_hash(world: World, vault: bytes) -> None:
    grant = parse_grant(world.team.grant(world.founder, vault, world.founder))
    other = os.urandom(32)
    with open_kek(world.id) as kek:
        sealed = kek.seal(KIND, other, stored_grant(grant.grant, grant.sig))
        with pytest.raises(DecryptionError):
            grant_open(kek, other, sealed.blob)


# The roads in.


def test_nobody_is_no_account(world: World) -> None:
    request = Request(APIRequestFactory().get("/"))
    request.user = AnonymousUser()
    with pytest.raises(AccessDenied):
        account_of(request)


def test_nobody_is_no_member(world: World, vault: bytes) -> None:
    nobody = AnonymousUser()
    with pytest.raises(AccessDenied):
        require_vault(user=nobody, team_id=world.id, vault_id=UUID(bytes=vault))
    with pytest.raises(AccessDenied):
        require_member_and_kek(user=nobody, team_id=world.id)


def test_an_auditor_is_not_made_as_other_roles_are(world: World) -> None:
    """Their rights in vaults would stay."""
    ana = world.recruit("ana")
    world.team.set_role(world.founder, ana, "auditor")
    access, _kek = require_member_and_kek(user=user_of(world.founder), team_id=world.id)
    with pytest.raises(ValueError, match="auditor"):
        plain_role_set(access=access, link=parse_signed(world.team.links[-1], "team"))


def test_a_right_that_is_too_low(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "read"})
    place: Any = {"user": user_of(ana), "team_id": world.id, "vault_id": UUID(bytes=vault)}
    assert require_vault(**place).right == Right.READ
    with pytest.raises(AccessDenied):
        require_vault(**place, at_least=Right.WRITE)


def test_teams_and_vaults_that_are_not_there(world: World) -> None:
    with pytest.raises(AccessDenied):
        team_lock(uuid4())
    with pytest.raises(AccessDenied):
        vault_head_read(world.id, uuid4())
    with pytest.raises(AccessDenied), team_states.lend(uuid4()):
        pass
