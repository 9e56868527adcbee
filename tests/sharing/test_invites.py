"""POST invites/open and invites/accept, and the mails of joining."""

import os
from typing import Any
from unittest.mock import patch

import pytest

from accounts.kek import kek_flush
from accounts.models import Opening
from audit.models import AuditEvent
from sharing.models import Acceptance, Invite
from tests.chains import Invitation, Person
from tests.world import World, client_of, decoded, user_of
from vaults.crypto import cbor
from vaults.crypto.keys import invite_key_from
from vaults.crypto.links import open_message
from vaults.crypto.profile import commitment
from vaults.kms import registry
from vaults.kms.base import KmsUnavailable

pytestmark = pytest.mark.django_db


@pytest.fixture
def invitation(world: World, ana: Person) -> Invitation:
    return world.invite(world.founder, email=user_of(ana).email)


def acceptance(
    world: World, invitation: Invitation, person: Person, **fields: Any
) -> dict[str, Any]:
    salt = os.urandom(32)
    name = commitment(salt, "name", "Ana")
    profile = {"email": invitation.email, "name": name}
    body = world.team.accept_body(invitation, person, **{"profile": profile, **fields})
    opening = {"kind": "name", "salt": salt, "text": "Ana"}
    return {"invite": invitation.hash, **body, "opening": opening}


def reopened(world: World, person: Person, invitation: Invitation) -> Any:
    return world.post(person, "invites/open", opened_by(invitation))


def opened_by(invitation: Invitation) -> dict[str, bytes]:
    """What the client of whoever has the link sends."""
    proof = invitation.key.sign(open_message(invitation.hash)).signature
    return {"invite": invitation.hash, "proof": proof}


def test_anybody_with_the_link_reads_the_chain_but_not_the_address(
    world: World, invitation: Invitation
) -> None:
    body = cbor.dumps(opened_by(invitation))
    answer = client_of(None).post("/api/v1/invites/open", body, content_type="application/cbor")

    found = decoded(answer)
    assert (found["team"], found["links"], found["state"]) == (
        world.id.bytes,
        world.team.links,
        "open",
    )
    assert "email" not in [opening["kind"] for opening in found["openings"]]
    assert AuditEvent.objects.filter(action="invite.opened").count() == 1


def test_what_the_key_is_made_for_is_said_and_no_more(world: World, invitation: Invitation) -> None:
    body = cbor.dumps({"invite": invitation.hash})
    answer = client_of(None).post("/api/v1/invites/find", body, content_type="application/cbor")
    found = decoded(answer)
    assert set(found) == {"team", "invite"}
    key = invite_key_from(invitation.t, found["team"], found["invite"])
    assert bytes(key.verify_key) == bytes(invitation.key.verify_key)
    unknown = world.post(world.founder, "invites/find", {"invite": bytes(32)})
    assert unknown.status_code == 404


def test_the_hash_alone_opens_nothing_and_keeps_nobody_out(
    world: World, ana: Person, invitation: Invitation
) -> None:
    """It stands in the chain, which whoever was once in the team has read."""
    other = world.invite(world.founder, email="other@example.org")
    wrong = [bytes(64), opened_by(other)["proof"]]
    with patch("sharing.services.invites.MAX_OF_ONE", NONE_FREE):
        answers = [
            world.post(who, "invites/open", {"invite": invitation.hash, "proof": proof})
            for proof in wrong
            for who in (ana, world.founder)
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
        assert not AuditEvent.objects.filter(action="invite.opened").exists()
        assert reopened(world, ana, invitation).status_code == 200


def test_the_invited_address_gets_its_own_salt(
    world: World, ana: Person, invitation: Invitation
) -> None:
    eve = world.team.person("eve")
    kinds = [
        [opening["kind"] for opening in decoded(reopened(world, person, invitation))["openings"]]
        for person in (ana, eve)
    ]
    assert kinds == [["email"], []]


def opened_from(address: str, invitation: Invitation | None) -> Any:
    """Somebody without an account follows a link; None: one that is not there."""
    unknown = {"invite": os.urandom(32), "proof": bytes(64)}
    body = cbor.dumps(unknown if invitation is None else opened_by(invitation))
    browser = client_of(None)
    browser.defaults["REMOTE_ADDR"] = address
    return browser.post("/api/v1/invites/open", body, content_type="application/cbor")


# So far over the free ones that the second has to wait for the longest time.
NONE_FREE = -20


def test_opening_is_counted_for_each_invitation(world: World, invitation: Invitation) -> None:
    """A stranger's tries are not those of whoever has an account."""
    other = world.invite(world.founder, email="other@example.org")
    with patch("sharing.services.invites.MAX_OF_ONE", NONE_FREE):
        machines = [f"198.51.{n}.1" for n in range(3)]
        answers = [opened_from(address, invitation) for address in machines]
        assert [answer.status_code for answer in answers] == [200, 429, 429]
        assert decoded_problem(answers[1])["code"] == "too_many"
        assert 890 <= int(answers[1].headers["Retry-After"]) <= 900
        assert opened_from(machines[0], other).status_code == 200
        assert reopened(world, world.founder, invitation).status_code == 200
    assert AuditEvent.objects.filter(action="invite.opened").count() == 3


def decoded_problem(answer: Any) -> Any:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.json()


def test_opening_is_counted_for_each_machine_and_account(
    world: World, ana: Person, invitation: Invitation
) -> None:
    """What is not there counts as well."""
    machine = "203.0.114.9"
    answers = [opened_from(machine, None).status_code for _ in range(304)]
    # The first that waits does so for a second, which may be over.
    assert answers[:300] == [404] * 300
    assert 429 in answers[300:]
    assert opened_from("203.0.115.9", invitation).status_code == 200
    with patch("sharing.services.invites.MAX_OPENED", NONE_FREE):
        unknown = {"invite": os.urandom(32), "proof": bytes(64)}
        answers = [world.post(ana, "invites/open", unknown).status_code for _ in range(2)]
    assert answers == [404, 429]


@pytest.mark.parametrize("most", ["MAX_OF_ONE", "MAX_ACCEPTED"])
def test_accepting_is_counted(world: World, ana: Person, invitation: Invitation, most: str) -> None:
    body = acceptance(world, invitation, ana)
    with patch(f"sharing.services.invites.{most}", NONE_FREE):
        answers = [world.post(ana, "invites/accept", body).status_code for _ in range(2)]
    assert answers == [200, 429]


def test_c5_without_the_teams_kek_nothing_of_it_is_served_to_an_invitee(
    world: World, ana: Person, invitation: Invitation
) -> None:
    body = acceptance(world, invitation, ana)
    kek_flush(world.id)
    with patch.object(type(registry.current()), "decrypt", side_effect=KmsUnavailable("disabled")):
        answers = [
            reopened(world, ana, invitation),
            world.post(ana, "invites/accept", body),
        ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (503, "kms_unavailable")
    ] * 2
    assert not Acceptance.objects.exists()
    assert not AuditEvent.objects.filter(action="invite.opened").exists()


def test_an_unknown_invitation_is_not_found(world: World, ana: Person) -> None:
    assert (
        world.post(ana, "invites/open", {"invite": bytes(32), "proof": bytes(64)}).status_code
        == 404
    )


def test_an_acceptance_waits_for_an_admin_and_becomes_a_member(
    world: World, ana: Person, invitation: Invitation
) -> None:
    body = acceptance(world, invitation, ana)
    answers = [world.post(ana, "invites/accept", body) for _ in range(2)]

    assert [decoded(answer) for answer in answers] == [{"state": "waiting"}] * 2
    assert AuditEvent.objects.filter(action="invite.accepted").count() == 1
    assert decoded(reopened(world, ana, invitation))["state"] == "waiting"
    (waiting,) = world.sync(world.founder, ["teams"])[0][1]["waiting"]
    assert {key: waiting[key] for key in body if key != "opening"} == {
        key: value for key, value in body.items() if key != "opening"
    }

    joining = {key: waiting[key] for key in ("accept", "by_invite", "by_identity")}
    world.team.append(world.team.sign(world.founder, "add_member", joining))
    world.push(world.founder)

    assert not Acceptance.objects.exists()
    assert decoded(reopened(world, ana, invitation))["state"] == "joined"
    name = Opening.objects.get(kind="name", member_id=ana.member)
    assert name.text == "Ana"
    assert Opening.objects.get(kind="email").member_id == ana.member


def test_an_acceptance_is_under_the_accounts_own_keys(
    world: World, ana: Person, invitation: Invitation
) -> None:
    other = world.team.person("another keyring")
    other.account = ana.account
    answer = world.post(ana, "invites/accept", acceptance(world, invitation, other))
    assert (answer.status_code, answer.json()["refusal"]) == (422, "T6.key")
    assert not Acceptance.objects.exists()


def test_the_latest_acceptance_counts(world: World, ana: Person, invitation: Invitation) -> None:
    first = acceptance(world, invitation, ana)
    ana.member = os.urandom(16)
    second = acceptance(world, invitation, ana)
    for body in (first, second):
        assert world.post(ana, "invites/accept", body).status_code == 200
    assert bytes(Acceptance.objects.get().accept) == second["accept"]


def test_another_address_is_told_so(world: World, invitation: Invitation) -> None:
    eve = world.team.person("eve")
    answer = world.post(eve, "invites/accept", acceptance(world, invitation, eve))
    assert (answer.status_code, answer.json()["code"]) == (403, "invite_other_email")


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"team": bytes(16)}, "T10.team"),
        ({"invite": bytes(32)}, "T10.invite"),
        ({"account": bytes(16)}, "T10.account"),
        ({"profile": {"email": bytes(32), "name": bytes(32)}}, "T10.email"),
        ({"box": bytes(32)}, "F10.key"),
    ],
)
def test_what_add_member_would_refuse_is_refused_now(
    world: World, ana: Person, invitation: Invitation, fields: dict[str, Any], refusal: str
) -> None:
    answer = world.post(ana, "invites/accept", acceptance(world, invitation, ana, **fields))
    assert (answer.status_code, answer.json()["refusal"]) == (422, refusal)
    assert not Acceptance.objects.exists()


def test_nobody_is_added_twice_or_as_somebody_else(
    world: World, ana: Person, invitation: Invitation
) -> None:
    founder = world.founder
    again = world.invite(founder, email=user_of(founder).email)
    keys = {"identity": founder.identity_public, "box": founder.box_public}
    bodies = {
        "T10.member": (ana, acceptance(world, invitation, ana, member=founder.member)),
        "T10.account": (founder, acceptance(world, again, founder, member=os.urandom(16))),
        "T10.fp": (ana, acceptance(world, invitation, ana, **keys)),
    }
    for refusal, (person, body) in bodies.items():
        answer = world.post(person, "invites/accept", body)
        assert (answer.status_code, answer.json()["refusal"]) == (422, refusal)
    assert not Acceptance.objects.exists()


@pytest.mark.parametrize("signature", ["by_invite", "by_identity"])
def test_both_signatures_are_verified(
    world: World, ana: Person, invitation: Invitation, signature: str
) -> None:
    body = {**acceptance(world, invitation, ana), signature: bytes(64)}
    refusal = {"by_invite": "T10.sig_invite", "by_identity": "T10.sig_identity"}[signature]
    assert world.post(ana, "invites/accept", body).json()["refusal"] == refusal


def test_a_revoked_invitation_is_gone(world: World, ana: Person, invitation: Invitation) -> None:
    world.team.invite_revoke(world.founder, invitation)
    world.push(world.founder)
    answer = reopened(world, ana, invitation)
    assert (answer.status_code, answer.json()["code"]) == (410, "invite_closed")
    assert answer.json()["reason"] == "revoked"


def test_f1_an_invitation_dies_with_its_author(world: World, ana: Person) -> None:
    admin = world.recruit("admin", role="admin")
    invitation = world.invite(admin, email=user_of(ana).email)
    world.remove(world.founder, admin)
    answer = world.post(ana, "invites/accept", acceptance(world, invitation, ana))
    assert (answer.status_code, answer.json()["reason"]) == (410, "dead")


def test_an_expired_invitation_adds_nobody_by_this_servers_clock(world: World, ana: Person) -> None:
    salt, email = os.urandom(32), user_of(ana).email
    committed = commitment(salt, "email", email)
    # TeamBuilder's clock stands in 2025, and its invitations last a day from there.
    body, invitation = world.team.invite_body(email=committed)
    world.team.append(world.team.sign(world.founder, "invite", body))
    invitation.hash = world.team.state.head
    world.push(world.founder, openings=[{"kind": "email", "salt": salt, "text": email}])

    assert reopened(world, ana, invitation).json()["reason"] == "expired"
    link = world.team.sign(world.founder, "add_member", world.team.accept_body(invitation, ana))
    assert world.send(world.founder, link).json()["refusal"] == "T10.expired"


@pytest.mark.parametrize("text", ["nobody", "a@x.org, b@y.org", "a@x.org\nBcc: b@y.org"])
def test_what_is_no_address_is_not_invited(world: World, text: str) -> None:
    salt = os.urandom(32)
    body, _invitation = world.team.invite_body(email=commitment(salt, "email", text))
    signed = world.team.sign(world.founder, "invite", {**body, "expiry": 4_000_000_000_000})
    opening = {"kind": "email", "salt": salt, "text": text}

    answer = world.send(world.founder, signed, openings=[opening])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not Invite.objects.exists()


def test_an_account_sends_no_mails_without_end(world: World) -> None:
    def invited(email: str) -> int:
        salt = os.urandom(32)
        body, _invitation = world.team.invite_body(email=commitment(salt, "email", email))
        body["expiry"] = 4_000_000_000_000
        signed = world.team.sign(world.founder, "invite", body)
        opening = {"kind": "email", "salt": salt, "text": email}
        status = int(world.send(world.founder, signed, openings=[opening]).status_code)
        if status == 201:
            world.team.append(signed)
        return status

    with patch("sharing.services.joining.MAX_INVITES", 2):
        answers = [invited(f"{number}@example.org") for number in range(6)]
    assert answers[:2] == [201, 201]
    assert 429 in answers
    assert Invite.objects.count() == answers.count(201)


def test_an_invitee_with_a_taken_salt_joins_without_a_name(
    world: World, ana: Person, invitation: Invitation
) -> None:
    salt = bytes(Opening.objects.get(kind="email").salt)
    profile = {"email": invitation.email, "name": commitment(salt, "name", "Ana")}
    opening = {"kind": "name", "salt": salt, "text": "Ana"}
    body = {**acceptance(world, invitation, ana, profile=profile), "opening": opening}
    assert world.post(ana, "invites/accept", body).status_code == 200

    joining = {key: body[key] for key in ("accept", "by_invite", "by_identity")}
    world.team.append(world.team.sign(world.founder, "add_member", joining))
    world.push(world.founder)
    assert not Opening.objects.filter(kind="name").exists()
