"""The links of joining: inviting, revoking, adding."""

import time
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from celery import signature
from django.db import transaction

from accounts.access import TeamAccess
from accounts.conflicts import LinkRefused
from accounts.errors import Invalid
from accounts.limits import Bucket, count_try
from accounts.models import Member, Opening
from accounts.services.team import (
    Appended,
    OpeningText,
    link_record,
    openings_store,
    team_commit,
)
from accounts.signup import valid_email
from accounts.team_chain import TeamState
from accounts.team_chain.invitations import accept_of
from accounts.team_state import team_states
from audit.events import Action
from audit.services import unit_of_work
from sharing.models import Acceptance, Invite
from vaults.crypto.links import Accept, ParsedLink
from vaults.services.heads import rights_project, vaults_project
from vaults.services.members import member_remove

MAX_INVITES: Final = 100  # by one account, before each has to wait


def invite_create(
    *, access: TeamAccess, link: ParsedLink, openings: Sequence[OpeningText]
) -> Appended:
    """Append an `invite`; once committed, a mail tells the invitee that a link will come.

    Args:
        access: the inviter's.
        link: the invite.
        openings: of the e-mail's commitment, exactly one.

    Raises:
        as `team_commit`; Invalid: the opening does not open, or is no address.
        TooMany: a mail goes out each time, with names that this account chose.
    """
    if [opening.kind for opening in openings] != ["email"]:
        raise Invalid("An invite comes with the opening of its e-mail.")
    email = valid_email(openings[0].text)
    quota = [Bucket("invite", str(access.account_id), MAX_INVITES)]
    with team_states.change(access.team_id) as changing, unit_of_work():
        state = team_commit(
            access=access, link=link, changing=changing, guard=lambda: count_try(quota)
        )
        if state is not None:
            openings_store(
                team_id=access.team_id,
                openings=openings,
                commitments={"email": link.body["email"]},
                invite=link.hash,
            )
            Invite.objects.create(
                hash=link.hash,
                team_id=access.team_id,
                email=email,
            )
            link_record(access, link, Action.TEAM_INVITED, link.hash)
            # By name: tasks import services, never the other way round.
            mail = signature("sharing.mail_invite", args=(link.hash.hex(),))
            transaction.on_commit(mail.delay)
    return Appended(link.seq, link.hash, again=state is None)


def invite_revoke(*, access: TeamAccess, link: ParsedLink) -> Appended:
    """Append an `invite_revoke`. Raises: as `team_commit`."""
    with team_states.change(access.team_id) as changing, unit_of_work():
        state = team_commit(access=access, link=link, changing=changing)
        if state is not None:
            Acceptance.objects.filter(invite_id=link.body["invite"]).delete()
            link_record(access, link, Action.TEAM_INVITE_REVOKED, link.body["invite"])
    return Appended(link.seq, link.hash, again=state is None)


def member_add(*, access: TeamAccess, link: ParsedLink) -> Appended:
    """Append an `add_member`, and give the rights that its invite promised.

    Raises:
        as `team_commit`; LinkRefused `T10.expired` also by this server's clock.
    """
    accept = accept_of(link)
    with team_states.change(access.team_id) as changing, unit_of_work():
        state = team_commit(
            access=access,
            link=link,
            changing=changing,
            guard=lambda: _check_clock(changing.at_head(link.seq - 1, link.prev), accept),
        )
        if state is not None:
            rights_project(access.team_id, accept.member, state)
            vaults_project(state.held(accept.member), state)
            openings_move(access.team_id, accept)
            link_record(access, link, Action.TEAM_MEMBER_ADDED, accept.member)
            mail = signature("sharing.mail_joined", args=(accept.invite.hex(),))
            transaction.on_commit(mail.delay)
    return Appended(link.seq, link.hash, again=state is None)


def member_take_out(*, access: TeamAccess, link: ParsedLink) -> Appended:
    """Append a `remove_member`; if its subject was never verified, the other admins are told.

    Raises: as `member_remove`.
    """
    done = member_remove(access=access, link=link)
    member: bytes = link.body["member"]
    row = Member.objects.get(team_id=access.team_id, member_id=member)
    if not done.again and row.verified == "none" and link.actor != member:
        ids = (str(access.team_id), member.hex(), link.actor.hex())
        signature("sharing.mail_ended", args=ids).delay()
    return done


def _check_clock(state: TeamState, accept: Accept) -> None:
    """Refuse an invite that expired by our clock, whatever `at` the signer wrote.

    Raises:
        LinkRefused: `T10.expired`. An unknown invite is left to the fold.
    """
    invite = state.invites.get(accept.invite)
    if invite is not None and invite.body["expiry"] < time.time() * 1000:
        raise LinkRefused("T10.expired")


def openings_move(team_id: UUID, accept: Accept) -> None:
    """What the invitee wrote becomes the member's: the name from the acceptance, the e-mail."""
    openings = Opening.objects.filter(team_id=team_id, invite=accept.invite, kind="email")
    openings.update(member_id=accept.member)
    waiting = Acceptance.objects.filter(invite_id=accept.invite).first()
    if waiting is None or bytes(waiting.name_commitment) != accept.profile["name"]:
        return  # an earlier acceptance was added; its name was replaced and is not known here
    name = Opening(
        team_id=team_id,
        kind="name",
        member_id=accept.member,
        salt=waiting.salt,
        text=waiting.text,
    )
    # An invitee who took a salt that stands in the team goes without a name, and stops no admin.
    Opening.objects.bulk_create([name], ignore_conflicts=True)
    waiting.delete()
