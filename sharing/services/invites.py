"""What an invitee does: open the invitation, accept it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from celery import signature
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from accounts.conflicts import LinkRefused
from accounts.errors import AccessDenied, Forbidden, Gone
from accounts.limits import Bucket, count_try
from accounts.models import Opening, TeamLink, User
from accounts.services.team import (
    OpeningText,
    account_keys_check,
    opening_check,
    team_lock,
    team_stir,
)
from accounts.team_chain import Invite as FoldedInvite
from accounts.team_chain import TeamState
from accounts.team_chain.step import need
from accounts.team_state import team_states
from audit.events import Action, Scope
from audit.services import record, unit_of_work
from sharing.models import Acceptance, Invite
from vaults.access import require_kek
from vaults.crypto.errors import Refused
from vaults.crypto.keys import fingerprint
from vaults.crypto.links import (
    Accept,
    accept_message,
    open_message,
    parse_accept,
    verify_signature,
)

OPEN: Final = "open"
WAITING: Final = "waiting"
JOINED: Final = "joined"

# By one account, or by one machine of people without one, before each has to wait; and of these
# for one invitation. Each writes an event, and opening serves the whole chain.
MAX_OPENED: Final = 300
MAX_ACCEPTED: Final = 100
MAX_OF_ONE: Final = 60


class InviteClosed(Gone):
    """The invitation cannot be used any more; `reason` is used, revoked, expired or dead."""

    code = "invite_closed"
    title = "This invitation is closed. Ask for a new one."


class InviteOtherEmail(Forbidden):
    """The invitation is for another address than the account's."""

    code: ClassVar[str] = "invite_other_email"
    title = "This invitation is for another e-mail address."


@dataclass(frozen=True, slots=True)
class OpenedInvite:
    """All that an invitee needs to verify the team and its own invitation."""

    team_id: UUID
    links: list[bytes]
    openings: list[Opening]
    state: str


def invite_find(
    *, user: User | AnonymousUser, invite: bytes, origin: Sequence[Bucket]
) -> tuple[UUID, bytes]:
    """Say what an invitee needs to make the invitation's key from the secret in the link.

    Args:
        user: may be anonymous: people follow the link before they have an account.
        invite: hash of the invite link, from the fragment.
        origin: where it counts if the user is anonymous.

    Returns:
        The team, and the invitation's id in its chain, 16 bytes.

    Raises:
        TooMany: counted before anything is looked up, so whether it is there is not told either.
        AccessDenied: there is no such invitation.
        KmsUnavailable: the team's KEK cannot be had.
    """
    count_try(_of_who_opens(user, origin))
    row = _row(invite)
    with team_states.lend(row.team_id) as state:
        return row.team_id, state.invites[invite].body["invite"]


def invite_open(
    *, user: User | AnonymousUser, invite: bytes, proof: bytes, origin: Sequence[Bucket]
) -> OpenedInvite:
    """Serve the team's chain to whoever holds an invitation.

    Its hash stands in the chain, which whoever was once in the team has read; the secret in the
    link does not, and the proof is made of it.

    Args:
        user: may be anonymous: people follow the link before they have an account.
        invite: hash of the invite link, from the fragment.
        proof: by the invitation's key over `open_message`, 64 bytes.
        origin: where it counts if the user is anonymous.

    Raises:
        TooMany: counted before anything is looked up, so whether it is there is not told either;
            for the invitation itself only what comes with its proof counts.
        AccessDenied: there is no such invitation, or the proof is none.
        KmsUnavailable: the team's KEK cannot be had.
        InviteClosed: it cannot be used, and this account did not use it.
    """
    count_try(_of_who_opens(user, origin))
    row = _row(invite)
    with team_states.lend(row.team_id) as state:
        folded = state.invites[invite]
        if not verify_signature(folded.body["key"], open_message(invite), proof):
            raise AccessDenied
        _count("open", user, invite, [])
        standing = _standing(user, row, state, folded)
        named = [folded.actor, *(_able(state) if standing == WAITING else [])]
    links = TeamLink.objects.filter(team_id=row.team_id).order_by("seq")
    _record(Action.INVITE_OPENED, user, row)
    return OpenedInvite(
        team_id=row.team_id,
        links=[bytes(signed) for signed in links.values_list("signed", flat=True)],
        openings=_openings(user, row, named),
        state=standing,
    )


def invite_accept(
    *,
    user: User,
    invite: bytes,
    accept: bytes,
    by_invite: bytes,
    by_identity: bytes,
    name: OpeningText,
) -> str:
    """Store what the invitee signed, in place of an earlier one; admins' clients will find it.

    Raises:
        TooMany, AccessDenied, KmsUnavailable, InviteClosed: as `invite_open`.
        InviteOtherEmail: the account's address is not the invited one.
        LinkRefused: an `add_member` with this acceptance would be refused; `T6.key`: its keys are
            not those of the account's personal team, or there is none yet.
        Invalid: the name does not open its commitment.
    """
    _count("accept", user, invite, [Bucket("accept", str(user.pk), MAX_ACCEPTED)])
    row = _row(invite)
    if user.email != row.email:
        raise InviteOtherEmail
    try:
        parsed = parse_accept(accept)
        with team_states.lend(row.team_id) as state:
            folded = state.invites[invite]
            standing = _standing(user, row, state, folded)
            if standing == JOINED:
                return standing
            _judge(state, folded, parsed, user)
        said = accept_message(accept)
        need(verify_signature(folded.body["key"], said, by_invite), "T10.sig_invite")
        need(verify_signature(parsed.identity, said, by_identity), "T10.sig_identity")
    except Refused as verdict:
        raise LinkRefused(verdict.refusal) from None
    account_keys_check(user.pk, fingerprint(parsed.identity, parsed.box))
    opening_check(name, parsed.profile["name"])
    row_values = {
        "team_id": row.team_id,
        "account_id": user.pk,
        "accept": accept,
        "by_invite": by_invite,
        "by_identity": by_identity,
        "name_commitment": parsed.profile["name"],
        "salt": name.salt,
        "text": name.text,
    }
    _store(user, row, row_values)
    return WAITING


def _store(user: User, row: Invite, values: dict[str, object]) -> None:
    """Store an acceptance, unless these very bytes are stored: then nothing happens again."""
    with unit_of_work():
        team_lock(row.team_id)
        former = Acceptance.objects.filter(invite=row).first()
        if former is not None and bytes(former.accept) == values["accept"]:
            return
        Acceptance.objects.update_or_create(invite=row, defaults=values)
        team_stir(row.team_id)
        _record_in(Action.INVITE_ACCEPTED, user.pk, row)
        if former is None:
            # Later, since an admin's client that is open lets the person in within seconds.
            mail = signature("sharing.mail_waiting", args=(bytes(row.hash).hex(),))
            mail.set(countdown=settings.WAITING_MAIL_SECONDS)
            transaction.on_commit(mail.apply_async)


def _of_who_opens(user: User | AnonymousUser, origin: Sequence[Bucket]) -> list[Bucket]:
    if user.is_authenticated:
        return [Bucket("open", str(user.pk), MAX_OPENED)]
    return list(origin)


def _count(name: str, user: User | AnonymousUser, invite: bytes, buckets: Sequence[Bucket]) -> None:
    """Count one request in these buckets and in the invitation's own.

    That one is each account's, and one for all who have none: a stranger who has seen a link must
    not be able to keep it shut for the person whom it invites.

    Raises:
        TooMany.
    """
    who = user.pk if user.is_authenticated else "anybody"
    count_try([*buckets, Bucket(f"{name}-one", f"{invite.hex()} {who}", MAX_OF_ONE)])


def _row(invite: bytes) -> Invite:
    """Find an invitation, and ask for the KEK of its team as every route of a team does.

    Raises:
        AccessDenied: there is none.
        KmsUnavailable: the KEK cannot be had.
    """
    row = Invite.objects.filter(hash=invite).first()
    if row is None:
        raise AccessDenied
    require_kek(row.team_id)
    return row


def _standing(
    user: User | AnonymousUser, row: Invite, state: TeamState, folded: FoldedInvite
) -> str:
    """Where this caller stands with an invitation.

    Raises:
        InviteClosed.
    """
    if folded.state == "used" and user.is_authenticated:
        member = state.member_by_account(user.pk.bytes)
        if member is not None and row.email == user.email:
            return JOINED
    if folded.state != OPEN:
        raise InviteClosed(reason=folded.state)
    if folded.body["expiry"] < time.time() * 1000:
        raise InviteClosed(reason="expired")
    if not user.is_authenticated:
        return OPEN
    accepted = Acceptance.objects.filter(invite=row, account_id=user.pk).exists()
    return WAITING if accepted else OPEN


def _judge(state: TeamState, folded: FoldedInvite, accept: Accept, user: User) -> None:
    """What the fold will ask of the `add_member`, in its order.

    Raises:
        Refused.
    """
    need(accept.team == state.id, "T10.team")
    need(accept.invite == folded.hash, "T10.invite")
    need(accept.profile["email"] == folded.body["email"], "T10.email")
    need(accept.member not in state.members, "T10.member")
    need(accept.account == user.pk.bytes, "T10.account")
    need(state.member_by_account(accept.account) is None, "T10.account")
    need(state.member_by_fp(fingerprint(accept.identity, accept.box)) is None, "T10.fp")


def _able(state: TeamState) -> list[bytes]:
    """The owners and admins, whom a person who waits is told by name."""
    administering = {"owner", "admin"}
    return [
        each.id
        for each in state.members.values()
        if each.left is None and each.role in administering
    ]


def _openings(user: User | AnonymousUser, row: Invite, named: list[bytes]) -> list[Opening]:
    """The team's name, the names of some members, and to the invited address its own salt."""
    rows = Opening.objects.filter(team_id=row.team_id)
    shown = list(rows.filter(kind="team")) + list(rows.filter(kind="name", member_id__in=named))
    if user.is_authenticated and user.email == row.email:
        shown += rows.filter(kind="email", invite=bytes(row.hash))
    return shown


def _record(action: Action, user: User | AnonymousUser, row: Invite) -> None:
    with unit_of_work():
        _record_in(action, user.pk if user.is_authenticated else None, row)


def _record_in(action: Action, actor_id: UUID | None, row: Invite) -> None:
    record(
        action=action,
        scope=Scope.team(row.team_id),
        actor_id=actor_id,
        subject=bytes(row.hash),
    )
