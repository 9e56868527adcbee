"""POST teams/{team}/restore: what a restored backup has lost comes back from members' browsers.

A link that the builder has and the server was never sent is, to the server, one that it lost.
"""

import os
import time
from dataclasses import dataclass, field
from io import StringIO
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.core import mail
from django.core.management import call_command

from accounts.models import Opening, Team
from audit.models import AuditEvent
from sharing.models import Invite
from sharing.services.restoring import KINDS
from sharing.tasks import mail_restored_task
from tests.chains import Invitation, Person, TeamBuilder
from tests.world import World, blob, revision_hash, user_of
from vaults.crypto import cbor
from vaults.crypto.profile import commitment
from vaults.models import Grant, Item, OldDek, Vault

pytestmark = pytest.mark.django_db


def team_body(link: bytes, **more: Any) -> dict[str, Any]:
    nothing: dict[str, list[Any]] = {"openings": [], "grants": [], "olds": [], "blobs": []}
    return {"vault": None, "link": link, **nothing, **more}


def vault_body(vault: bytes, link: bytes, blobs: int) -> dict[str, Any]:
    return team_body(link, vault=UUID(bytes=vault).bytes, blobs=[blob() for _ in range(blobs)])


def check() -> str:
    out = StringIO()
    call_command("chain_check", stdout=out)
    return out.getvalue()


@dataclass
class Lost:
    """A team of which the backup has the beginning, and what was signed after it, in order."""

    world: World
    vault: bytes
    ana: Person
    bob: Person
    invitation: Invitation
    opening: dict[str, Any]
    offers: list[tuple[Person, dict[str, Any]]] = field(default_factory=list)

    def team(self, by: Person, **more: Any) -> None:
        """The builder's last team link was lost; `by` will offer it."""
        self.offers.append((by, team_body(self.world.team.links[-1], **more)))

    def change(self, by: Person, entries: dict[bytes, tuple[int, bytes | None]]) -> None:
        self.world.team.change(by, self.vault, entries)
        kept = sum(content is not None for _revision, content in entries.values())
        link = self.world.team.vaults[self.vault].links[-1]
        self.offers.append((by, vault_body(self.vault, link, kept)))

    def offer(self) -> list[int]:
        return [self.world.post(by, "restore", body).status_code for by, body in self.offers]


def invited(team: TeamBuilder, email: bytes, expiry: int = 4_000_000_000_000) -> Invitation:
    """An invitation by the founder, which the server was not sent."""
    body, invitation = team.invite_body(email=email)
    team.append(team.sign(team.founder, "invite", {**body, "expiry": expiry}))
    invitation.hash = team.state.head
    return invitation


@pytest.fixture
def lost(world: World) -> Lost:
    """Every type of link was signed after the backup; most are offered by somebody else."""
    team, founder = world.team, world.founder
    vault = world.vault_create(founder)
    ana, bob = world.recruit("ana", {vault: "write"}), world.recruit("bob", {vault: "read"})
    mallory = world.recruit("mallory", {vault: "read"}, via="mail")
    carl, salt = team.person("carl"), os.urandom(32)
    world.settle(carl)
    opening: dict[str, Any] = {"kind": "email", "salt": salt, "text": user_of(carl).email}
    invitation = invited(team, commitment(salt, "email", opening["text"]))
    story = Lost(world, vault, ana, bob, invitation, opening)
    story.team(bob, openings=[opening])
    team.add_member(founder, invitation, carl)
    story.team(bob)
    item, other = world.item(), world.item()
    story.change(ana, {item: (1, revision_hash(item, 1)), other: (1, revision_hash(other, 1))})
    team.verify(founder, mallory)
    story.team(bob)
    team.vault_grant(founder, vault, mallory, "write")
    story.team(bob)
    team.vault_revoke(founder, vault, mallory)
    story.team(bob)
    team.remove_member(founder, ana)
    story.team(bob)
    team.vault_rotate(founder, vault)
    grants = [cbor.loads(team.grant(founder, vault, to)) for to in (founder, bob)]
    olds = [{"from": 1, "to": 2, "blob": bytes(113)}]
    story.team(founder, grants=grants, olds=olds)
    story.change(founder, {item: (2, revision_hash(item, 2)), other: (2, None)})
    team.invite_revoke(founder, team.invite(founder))
    story.offers.append((bob, team_body(team.links[-2])))
    story.team(bob)
    team.set_role(founder, carl, "auditor")
    story.team(bob)
    team.set_profile(founder)
    story.team(carl)
    team.vault_create(founder)
    story.team(bob)
    return story


def test_all_of_it_comes_back_in_order_and_the_rows_are_what_the_chains_fold_to(lost: Lost) -> None:
    assert lost.offer() == [201] * len(lost.offers)

    assert check().endswith(" teams: the rows are what the chains fold to\n")
    assert Team.objects.get(kind="team").seq == lost.world.team.state.seq
    assert Vault.objects.get(pk=UUID(bytes=lost.vault)).seq == 3
    assert Item.objects.filter(overview=None).count() == 1
    assert Grant.objects.filter(epoch=2).count() == 2
    assert OldDek.objects.get().uploader == lost.world.founder.member
    email = Opening.objects.get(kind="email", text=lost.opening["text"])
    assert email.invite == lost.invitation.hash
    assert Invite.objects.get(hash=lost.invitation.hash).email == lost.opening["text"]
    events = AuditEvent.objects.filter(action="chain.restored")
    assert events.count() == len(lost.offers)
    offered_by = events.order_by("seq").values_list("actor_id", flat=True)
    assert list(offered_by) == [UUID(bytes=by.account) for by, _body in lost.offers]


def test_each_link_leaves_the_event_of_its_own_door_too_with_who_signed_it(lost: Lost) -> None:
    """Whoever looks for all who were ever added finds these as well."""
    lost.offer()
    founder, ana = lost.world.founder.member, lost.ana.member
    events = AuditEvent.objects.order_by("seq").filter(action__in=[*KINDS.values(), "item.changed"])
    given_back = [event for event in events if "signed_by" in details(event)]
    assert [(event.action, details(event)["signed_by"]) for event in given_back] == [
        ("team.invited", founder),
        ("team.member_added", founder),
        ("item.changed", ana),
        ("team.member_verified", founder),
        ("vault.granted", founder),
        ("vault.revoked", founder),
        ("team.member_removed", founder),
        ("vault.rotated", founder),
        ("item.changed", founder),
        ("team.invited", founder),
        ("team.invite_revoked", founder),
        ("team.role_set", founder),
        ("team.profile_set", founder),
        ("vault.created", founder),
    ]
    assert [event.actor_id for event in given_back] == [
        UUID(bytes=by.account) for by, _body in lost.offers
    ]
    assert given_back[6].subject == ana
    assert given_back[0].subject == lost.invitation.hash
    assert given_back[7].subject == lost.vault


def details(event: AuditEvent) -> Any:
    return cbor.loads(bytes(event.core))["details"]


def test_owners_and_admins_get_one_mail_that_says_who_gave_back_how_much(lost: Lost) -> None:
    mail.outbox.clear()
    begun = int(time.time() * 1000)
    lost.offer()
    founder, bob = user_of(lost.world.founder), user_of(lost.bob)
    told = {(each.subject, *each.recipients()) for each in mail.outbox}
    subject = "What a server had lost was given back to your team on Coffret"
    assert told == {(subject, founder.email)}
    assert len(mail.outbox) == len({by.name for by, _body in lost.offers})

    mail.outbox.clear()
    mail_restored_task(str(lost.world.id), str(bob.pk), begun)
    (letter,) = mail.outbox
    count = sum(by is lost.bob for by, _body in lost.offers)
    assert f"{bob.email} gave {count} signed links back" in letter.body


def test_a_refused_link_takes_no_mail_from_the_next_one(world: World) -> None:
    bob = world.recruit("bob")
    mail.outbox.clear()
    assert world.post(bob, "restore", team_body(forged(world))).status_code == 422
    assert mail.outbox == []
    world.team.set_profile(world.founder)
    assert restored(world, bob).status_code == 201
    assert len(mail.outbox) == 1


def test_an_invitation_adds_for_as_long_as_that_may_have_been_lost(world: World) -> None:
    """Its `at` is the signer's word, and here nobody asked the clock when it was new."""
    now = int(time.time() * 1000)
    for days, status in ((30, 201), (32, 422)):
        ana, salt = world.team.person(f"ana{days}"), os.urandom(32)
        world.settle(ana)
        email = user_of(ana).email
        opening = {"kind": "email", "salt": salt, "text": email}
        committed = commitment(salt, "email", email)
        invitation = invited(world.team, committed, now - days * 86_400_000)
        body = team_body(world.team.links[-1], openings=[opening])
        assert world.post(world.founder, "restore", body).status_code == 201
        world.team.add_member(world.founder, invitation, ana)
        answer = restored(world, world.founder)
        assert answer.status_code == status, days
    assert answer.json()["refusal"] == "T10.expired"


def test_again_it_is_there_already_and_nothing_is_written_twice(lost: Lost) -> None:
    lost.offer()
    before = AuditEvent.objects.count()
    (last, body) = lost.offers[-1]
    assert lost.world.post(last, "restore", body).status_code == 200
    assert AuditEvent.objects.count() == before


def test_what_is_not_the_next_link_has_to_wait(lost: Lost) -> None:
    """The change was signed on a team head that the server has not reached, and so was the cut."""
    answers = [lost.world.post(by, "restore", body) for by, body in lost.offers[1:]]
    assert {answer.status_code for answer in answers} <= {404, 409, 422}
    assert not AuditEvent.objects.filter(action="chain.restored").exists()


def test_blobs_are_taken_from_their_author_alone(lost: Lost) -> None:
    world = lost.world
    for by, body in lost.offers[:2]:
        assert world.post(by, "restore", body).status_code == 201
    _ana, body = lost.offers[2]

    answer = world.post(world.founder, "restore", body)
    assert (answer.status_code, answer.json()["refusal"]) == (422, "T2.actor")
    assert Vault.objects.get(pk=UUID(bytes=lost.vault)).seq == 1
    assert world.post(lost.ana, "restore", body).status_code == 201


def test_a_purge_has_no_blob_and_comes_from_anybody(world: World) -> None:
    vault = world.vault_create(world.founder)
    bob, item = world.recruit("bob"), world.item()
    world.write(world.founder, vault, {item: 1})
    world.team.change(world.founder, vault, {item: (2, None)})
    link = world.team.vaults[vault].links[-1]
    assert world.post(bob, "restore", vault_body(vault, link, 0)).status_code == 201
    assert Item.objects.get(pk=UUID(bytes=item)).overview is None


def forged(world: World) -> bytes:
    """A link whose signature is another one's."""
    good = cbor.loads(world.team.sign(world.founder, "set_profile", profile(world)))
    good["sigs"][0]["sig"] = bytes(64)
    return cbor.dumps(good)


def profile(world: World) -> dict[str, Any]:
    return {"profile": {"email": world.founder.profile["email"], "name": os.urandom(32)}}


def test_a_link_is_judged_as_when_it_was_new(world: World) -> None:
    bob = world.recruit("bob")
    cases = {
        "T1.sig": forged(world),
        "T2.subject": world.team.sign(
            bob, "remove_member", {"cut": [], "member": bob.member[::-1]}
        ),
        "T3.type": world.team.sign(world.founder, "reset_key", {}),
    }
    for refusal, link in cases.items():
        answer = world.post(bob, "restore", team_body(link))
        assert (answer.status_code, answer.json()["refusal"]) == (422, refusal)
    assert not AuditEvent.objects.filter(action="chain.restored").exists()


@pytest.mark.parametrize(
    "more",
    [
        {"blobs": [blob()]},
        {"olds": [{"from": 1, "to": 2, "blob": bytes(113)}]},
        {"openings": [{"kind": "name", "salt": bytes(32), "text": "Mallory"}]},
    ],
    ids=["a blob", "a former key", "a name that opens nothing"],
)
def test_what_does_not_belong_to_the_link_writes_nothing(
    world: World, more: dict[str, Any]
) -> None:
    link = world.team.sign(world.founder, "set_profile", profile(world))
    answer = world.post(world.founder, "restore", team_body(link, **more))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert Team.objects.get(kind="team").seq == 0


def test_a_vaults_link_comes_to_its_vault_with_blobs_and_nothing_else(world: World) -> None:
    vault, other = (world.vault_create(world.founder) for _ in range(2))
    link = world.change_body(world.founder, vault, {world.item(): 1})["link"]
    opening = {"kind": "name", "salt": bytes(32), "text": "Mallory"}
    more = {**vault_body(vault, link, 1), "openings": [opening]}
    for body, told in (
        (vault_body(other, link, 1), (422, "T5.chain")),
        (more, (400, "invalid")),
    ):
        answer = world.post(world.founder, "restore", body)
        assert (answer.status_code, answer.json().get("refusal", answer.json()["code"])) == told
    assert world.post(world.founder, "restore", vault_body(vault, link, 1)).status_code == 201


def test_a_vault_with_an_id_that_another_team_has_is_not_restored(world: World) -> None:
    vault = world.vault_create(world.founder)
    other = World.begin()
    with patch.object(other.team.draw, "uuid7", return_value=vault):
        other.team.vault_create(other.founder)
    answer = restored(other, other.founder)
    assert (answer.status_code, answer.json()["code"]) == (409, "taken")
    assert Vault.objects.get().team_id == world.id


def test_an_account_that_the_backup_does_not_have_is_not_added(world: World) -> None:
    invitation = world.invite(world.founder)
    world.team.add_member(world.founder, invitation, world.team.person("nobody"))
    answer = world.post(world.founder, "restore", team_body(world.team.links[-1]))
    assert (answer.status_code, answer.json()["code"]) == (422, "refused")
    assert Team.objects.get(kind="team").seq == 1


def restored(world: World, by: Person) -> Any:
    """Offer the builder's last team link."""
    return world.post(by, "restore", team_body(world.team.links[-1]))


# So far over the free ones that the second has to wait for the longest time.
NONE_FREE = -20


def test_links_that_are_new_are_counted_here_as_at_their_own_door(world: World) -> None:
    """Nobody can tell them from lost ones; a chain of names would stay with every member."""
    ana, vault = world.recruit("ana"), world.vault_create(world.founder)
    world.team.vault_grant(world.founder, vault, ana, "write")
    world.push(world.founder)
    make = {
        "set_profile": lambda: world.team.set_profile(ana),
        "invite": lambda: world.team.invite(world.founder),
        "vault_create": lambda: world.team.vault_create(ana),
        "vault_rotate": lambda: world.team.vault_rotate(ana, vault),
    }
    for kind, sign in make.items():
        with patch.dict("sharing.services.restoring.MOST", {kind: NONE_FREE}):
            sign()
            assert restored(world, ana).status_code == 201, kind
            sign()
            refused = restored(world, ana)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many"), kind
        other = world.founder
        assert restored(world, other).status_code == 201, kind


def test_rotations_that_are_due_or_a_managers_are_not_counted(world: World) -> None:
    ana, vault = world.recruit("ana"), world.vault_create(world.founder)
    with patch.dict("sharing.services.restoring.MOST", {"vault_rotate": NONE_FREE}):
        for _ in range(3):
            world.team.vault_rotate(world.founder, vault)
            assert restored(world, ana).status_code == 201


def test_a_held_vault_is_not_rotated_by_this_door_either(world: World) -> None:
    vault = world.vault_create(world.founder)
    ana = world.recruit("ana", {vault: "write"})
    assert world.post(world.founder, "hold", {"vaults": [vault]}).status_code == 200
    world.team.vault_rotate(ana, vault)
    refused = restored(world, ana)
    assert (refused.status_code, refused.json()["code"]) == (409, "held")


def test_where_a_vault_stands_is_told_to_those_who_may_read_its_chain(world: World) -> None:
    vault = world.vault_create(world.founder)
    ana, bob = world.recruit("ana", {vault: "read"}), world.recruit("bob")
    item = world.item()
    world.write(world.founder, vault, {item: 1})
    stale = world.change_body(world.founder, vault, {item: None})["link"]
    world.write(world.founder, vault, {world.item(): 1})

    body = vault_body(vault, stale, 0)
    codes = [world.post(by, "restore", body).json()["code"] for by in (bob, ana, world.founder)]

    assert codes == ["stale_seen", "head_moved", "head_moved"]


def test_an_invitation_is_for_an_address(world: World) -> None:
    """Mails go to what stands there."""
    salt, text = os.urandom(32), "ana@example.org\nBcc: eve@example.org"
    world.team.invite(world.founder, email=commitment(salt, "email", text))
    opening = {"kind": "email", "salt": salt, "text": text}
    body = team_body(world.team.links[-1], openings=[opening])
    answer = world.post(world.founder, "restore", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not Invite.objects.exists()
