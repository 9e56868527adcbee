"""Mails of joining: who is told what, and that none carries a secret."""

import os
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from accounts.models import Opening
from sharing.models import Invite
from sharing.tasks import mail_waiting_task
from tests.chains import Invitation, Person
from tests.sharing.test_invites import acceptance
from tests.world import World, user_of

pytestmark = pytest.mark.django_db(transaction=True)

WAITING, AWAITED = (
    "You are waiting to be let in",
    "Somebody waits to be let into a team on Coffret",
)


class Letters:
    """The mails that went out; none of them may carry what opens an invitation."""

    def __init__(self, box: list[Any]) -> None:
        self.box = box
        self.bodies: list[str] = []

    def taken(self) -> dict[str, dict[str, str]]:
        """Take the mails out: subject, then address, to the body."""
        found: dict[str, dict[str, str]] = {}
        for mail in self.box:
            (address,) = mail.recipients()
            found.setdefault(mail.subject, {})[address] = mail.body
            self.bodies.append(mail.body)
        self.box.clear()
        return found

    def secrets(self) -> list[str]:
        hashes = [bytes(row.hash).hex() for row in Invite.objects.all()]
        return [word for word in ["/join", *hashes] if word in "".join(self.bodies)]


@pytest.fixture
def letters(mailoutbox: list[Any]) -> Iterator[Letters]:
    found = Letters(mailoutbox)
    yield found
    found.taken()
    assert found.bodies
    assert found.secrets() == []


def let_in(world: World, person: Person, invitation: Invitation) -> None:
    body = world.team.accept_body(invitation, person)
    world.team.append(world.team.sign(world.founder, "add_member", body))
    world.push(world.founder)


def test_who_waits_is_told_of_whom_and_they_of_the_person(
    world: World, ana: Person, letters: Letters
) -> None:
    admin, founder = user_of(world.recruit("bo", role="admin")).email, user_of(world.founder).email
    letters.taken()
    email = user_of(ana).email
    invitation = world.invite(world.founder, email=email)
    (invited,) = letters.taken().values()
    assert "by a way you already share" in invited[email]

    world.post(ana, "invites/accept", acceptance(world, invitation, ana))
    told = letters.taken()
    assert "their device lets you in by itself" in told.pop(WAITING)[email]
    assert invitation.t.hex() not in "".join(letters.bodies)
    assert set(told.pop(AWAITED)) == {founder, admin}
    assert told == {}

    let_in(world, ana, invitation)
    assert {subject: list(to) for subject, to in letters.taken().items()} == {
        "You are in a team on Coffret": [email]
    }


def test_a_name_stays_a_name_in_a_mail(world: World, letters: Letters) -> None:
    """It goes to addresses that its author chose, under the product's own sender."""
    text = "Acme”.\r\n\r\nYour account is locked: https://evil.example\u2028\u202e" + "!" * 500
    Opening.objects.create(team_id=world.id, kind="team", salt=bytes(32), text=text)
    named = {"kind": "name", "member_id": world.founder.member, "salt": b"\1" * 32}
    Opening.objects.create(team_id=world.id, text=text, **named)

    world.invite(world.founder, email="ana@example.org")

    (body,) = next(iter(letters.taken().values())).values()
    first = body.split("\n")[2]
    assert first.startswith("“Acme. Your account is locked: https://evil.example")
    assert first.endswith(
        "invites you to the team "
        + first.split(" invites")[0]
        + " on Coffret (http://localhost:8000)."
    )
    assert len(first.split("”")[0]) == 81
    assert (first.count("“"), first.count("”"), "\u202e" in body) == (2, 2, False)


def test_only_owners_are_awaited_by_an_admin_to_be(
    world: World, ana: Person, letters: Letters
) -> None:
    world.recruit("bo", role="admin")
    invitation = world.invite(world.founder, email=user_of(ana).email, role="admin")
    letters.taken()

    world.post(ana, "invites/accept", acceptance(world, invitation, ana))
    told = letters.taken()
    assert list(told[AWAITED]) == [user_of(world.founder).email]
    assert "an owner has to let you in by hand" in told[WAITING][user_of(ana).email]


def test_who_went_since_the_invitation_is_let_in_by_hand(
    world: World, ana: Person, letters: Letters
) -> None:
    email = user_of(ana).email
    first, second = (world.invite(world.founder, email=email) for _ in range(2))
    let_in(world, ana, first)
    world.remove(world.founder, ana)
    later = world.invite(world.founder, email=email)
    letters.taken()

    founder = user_of(world.founder).email
    itself = "by itself"
    for invitation, mine, theirs in ((second, "by hand", "for a\nperson"), (later, itself, itself)):
        body = acceptance(world, invitation, ana, member=os.urandom(16))
        assert world.post(ana, "invites/accept", body).status_code == 200
        told = letters.taken()
        assert mine in told[WAITING][email]
        assert theirs in told[AWAITED][founder]


def test_a_person_who_was_let_in_meanwhile_waits_for_nobody(
    world: World, ana: Person, letters: Letters
) -> None:
    invitation = world.invite(world.founder, email=user_of(ana).email)
    with patch("celery.canvas.Signature.apply_async") as later:
        world.post(ana, "invites/accept", acceptance(world, invitation, ana))
    assert later.call_count == 1
    let_in(world, ana, invitation)
    letters.taken()

    mail_waiting_task.delay(invitation.hash.hex())
    assert letters.taken() == {}


def test_nobody_is_awaited_at_an_invitation_that_died(
    world: World, ana: Person, letters: Letters
) -> None:
    admin = world.recruit("bo", role="admin")
    invitation = world.invite(admin, email=user_of(ana).email)
    with patch("celery.canvas.Signature.apply_async"):
        world.post(ana, "invites/accept", acceptance(world, invitation, ana))
    world.remove(world.founder, admin)
    letters.taken()

    mail_waiting_task.delay(invitation.hash.hex())
    assert letters.taken() == {}


def test_all_sides_are_told_to_compare_words_and_what_became_of_it(
    world: World, ana: Person, letters: Letters
) -> None:
    admin, founder = user_of(world.recruit("bo", role="admin")).email, user_of(world.founder).email
    letters.taken()
    email = user_of(ana).email
    invitation = world.invite(world.founder, email=email, via="mail")
    (invited,) = letters.taken().values()
    assert "compared six words by voice" in invited[email]
    let_in(world, ana, invitation)
    told = letters.taken()
    assert list(told.pop("Six words are left before you can use a team on Coffret")) == [email]
    assert set(told.pop("Compare six words with somebody new")) == {founder, admin}
    assert told == {}

    world.remove(world.founder, ana)
    (ended,) = letters.taken().values()
    assert list(ended) == [admin]
    assert email in ended[admin]


def test_no_admin_is_told_of_who_leaves_by_themself_or_was_verified(
    world: World, ana: Person, letters: Letters
) -> None:
    invitation = world.invite(world.founder, email=user_of(ana).email, via="mail")
    let_in(world, ana, invitation)
    checked = world.recruit("bo")
    letters.taken()

    world.remove(ana, ana)
    world.remove(world.founder, checked)
    assert letters.taken() == {}


def test_an_erased_address_gets_no_mail(world: World, ana: Person, letters: Letters) -> None:
    invitation = world.invite(world.founder, email=user_of(ana).email)
    Invite.objects.update(email=None)
    letters.taken()

    let_in(world, ana, invitation)
    assert letters.taken() == {}
