"""Taking back the links that a restored backup has lost (design 5).

Members' browsers keep what was signed in the last thirty days. What they offer is judged as when
it was new: by the fold, in order, under compare-and-swap. Whoever offers it need not have signed
it; the audit names both. But nobody can tell a link that was lost from one that is signed now, so
this door is no wider than the others: what they count is counted here as well, of whoever offers
it, a vault that is held is not rotated, an invitation that is long over lets nobody in, and in
place of the mails about single links one tells owners and admins what was given back by whom.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from celery import signature
from django.core.cache import cache
from django.db import IntegrityError

from accounts.access import TeamAccess
from accounts.conflicts import LinkRefused, Taken
from accounts.errors import Invalid
from accounts.limits import Bucket, count_try
from accounts.models import Opening
from accounts.services.team import (
    MAX_PROFILES,
    Appended,
    OpeningText,
    link_record_restored,
    openings_store,
    profile_check,
    team_commit,
)
from accounts.signup import valid_email
from accounts.team_chain import TeamState
from accounts.team_state import Changing, team_states
from audit.events import Action
from audit.services import unit_of_work
from sharing.models import Acceptance, Invite
from sharing.services.joining import MAX_INVITES, openings_move
from vaults.crypto.grants import ParsedGrant
from vaults.crypto.links import Accept, ParsedLink
from vaults.services.changes import Written, change_restore
from vaults.services.grants import SealedGrants, grant_check, grants_insert, grants_seal
from vaults.services.heads import cut_heads_check, rights_project, vaults_project
from vaults.services.judging import Change
from vaults.services.members import rights_apply
from vaults.services.olds import OldIn, olds_insert
from vaults.services.rotations import is_spare_rotation
from vaults.services.vaults import MAX_VAULTS, vault_insert

# Clients give back what was signed in the last thirty days; a day more for their clocks.
LOST_SECONDS: Final = 31 * 86_400
MAIL_SECONDS: Final = 600  # from the first link that somebody gives back to the mail about all
# Shorter, so that no link falls between two mails.
QUIET_SECONDS: Final = 540

KINDS: Final = {
    "invite": Action.TEAM_INVITED,
    "invite_revoke": Action.TEAM_INVITE_REVOKED,
    "add_member": Action.TEAM_MEMBER_ADDED,
    "verify": Action.TEAM_MEMBER_VERIFIED,
    "set_role": Action.TEAM_ROLE_SET,
    "remove_member": Action.TEAM_MEMBER_REMOVED,
    "set_profile": Action.TEAM_PROFILE_SET,
    "vault_create": Action.VAULT_CREATED,
    "vault_grant": Action.VAULT_GRANTED,
    "vault_revoke": Action.VAULT_REVOKED,
    "vault_rotate": Action.VAULT_ROTATED,
}
GIVES_OR_TAKES: Final = frozenset({"verify", "vault_grant", "vault_revoke", "remove_member"})
# Of what the other doors count, one account gives back so many before each has to wait. Counted
# apart, so that giving back takes nothing from what the account may do itself.
MOST: Final = {
    "invite": MAX_INVITES,
    "set_profile": MAX_PROFILES,
    "vault_create": MAX_VAULTS,
    "vault_rotate": 20,  # that were not due, by who does not manage
}


MOST_LINKS: Final = 10_000  # of all types, to one team


@dataclass(frozen=True, slots=True)
class Companions:
    """What lay beside a link and is offered with it, as far as the offering client has it."""

    openings: Sequence[OpeningText]
    grants: Sequence[ParsedGrant]
    olds: Sequence[OldIn]


def team_link_restore(*, access: TeamAccess, link: ParsedLink, companions: Companions) -> Appended:
    """Append a team link that somebody signed before the server lost it.

    Args:
        access: of who offers it.
        link: the next one of the team's chain.
        companions: openings that open its commitments, grants that the fold allows after it, and
            with a rotation the former DEK. Those whose grant is missing count as pending.

    Raises:
        as `team_commit`; HeadMoved also for a vault whose cut head is not reached.
        Invalid: a companion does not fit.
        Taken: a row that it makes is there already. KmsUnavailable: nothing was written.
        TooManyHeld: as `rights_project`.
        LinkRefused: `T10.expired` also by this server's clock, a month late; `T6.key` also if the
            account that it adds is not in the backup, or has not given its personal team back.
        TooMany: this account has given back much of this kind. Held: a rotation has to wait.
    """
    sealed = grants_seal(access.team_id, companions.grants)
    begun = _now_ms()
    # The fold asks for the signer's rights; the caller's own are not used.
    signer = replace(access, member_id=link.actor)

    try:
        with team_states.change(access.team_id) as changing, unit_of_work():
            state = team_commit(
                access=signer,
                link=link,
                changing=changing,
                guard=lambda: _guard(access, link, changing, companions.openings),
                counted=Bucket("restore", f"{access.team_id} {access.account_id}", MOST_LINKS),
            )
            if state is not None:
                _store_openings(access.team_id, link, companions.openings)
                _apply(access.team_id, link, state)
                _hand(access, link, state, sealed, companions.olds)
                link_record_restored(access, link, KINDS[link.type], _subject(link))
    except IntegrityError:
        raise Taken from None
    if state is not None:
        _tell(access, begun)
    return Appended(link.seq, link.hash, again=state is None)


def vault_link_restore(*, access: TeamAccess, vault_id: UUID, change: Change) -> Written:
    """Append a vault link that the server lost. Raises: as `change_restore`."""
    begun = _now_ms()
    done = change_restore(access=access, vault_id=vault_id, change=change)
    if not done.again:
        _tell(access, begun)
    return done


def _tell(access: TeamAccess, begun: int) -> None:
    """Have owners and admins told, once for all that an account gives back in one go.

    Called after the commit: what fails must not keep the mail about what succeeds later from
    going out.

    Args:
        access: of who gave back.
        begun: Unix ms, before the event was written.
    """
    if cache.add(f"restored:{access.team_id}:{access.account_id}", 1, QUIET_SECONDS):
        mail = signature(
            "sharing.mail_restored", args=(str(access.team_id), str(access.account_id), begun)
        )
        mail.set(countdown=MAIL_SECONDS).apply_async()


def _now_ms() -> int:
    return int(time.time() * 1000)


def _guard(
    access: TeamAccess, link: ParsedLink, changing: Changing, openings: Sequence[OpeningText]
) -> None:
    """What the link's own door asks under the lock of the team's row.

    Raises:
        HeadMoved, Held, Invalid, LinkRefused, TooMany.
    """
    if link.type == "set_profile":
        profile_check(changing.at_head(link.seq - 1, link.prev), link, openings)
    if link.accept is not None:
        _check_clock(changing.at_head(link.seq - 1, link.prev), link.accept)
    if "cut" in link.body:
        before = changing.at_head(link.seq - 1, link.prev)
        heads = cut_heads_check(access.team_id, link, before)
        if link.type == "vault_rotate":
            for head in heads.values():
                head.check_not_held(access.member_id)
            if not is_spare_rotation(before, link):
                return
    most = MOST.get(link.type)
    if most is not None:
        count_try([Bucket("restore", f"{access.account_id} {link.type}", most)])


def _check_clock(state: TeamState, accept: Accept) -> None:
    """Refuse an invite that was over before the time from which clients give back.

    Whoever may add by an invitation could write any `at` into the link; so what is expired is
    brought back only as long as it may truly have been lost.

    Raises:
        LinkRefused: `T10.expired`. An unknown invite is left to the fold.
    """
    invite = state.invites.get(accept.invite)
    if invite is not None and invite.body["expiry"] + LOST_SECONDS * 1000 < _now_ms():
        raise LinkRefused("T10.expired")


def _subject(link: ParsedLink) -> UUID | bytes:
    """What the event of the link's own door is about."""
    if link.accept is not None:
        return link.accept.member
    if link.type == "invite":
        return link.hash
    if link.type == "set_profile":
        return link.actor
    if "vault" in link.body:
        return UUID(bytes=link.body["vault"])
    subject: bytes = link.body["invite" if link.type == "invite_revoke" else "member"]
    return subject


def _apply(team_id: UUID, link: ParsedLink, state: TeamState) -> None:
    """Write the rows that the link is about, as its own service does."""
    if link.accept is not None:
        rights_project(team_id, link.accept.member, state)
        vaults_project(state.held(link.accept.member), state)
        openings_move(team_id, link.accept)
    elif link.type == "invite_revoke":
        Acceptance.objects.filter(invite_id=link.body["invite"]).delete()
    elif link.type == "vault_create":
        vault_insert(team_id, link, state)
    elif link.type == "vault_rotate":
        vaults_project([link.body["vault"]], state)
    elif link.type in GIVES_OR_TAKES or (
        link.type == "set_role" and link.body["role"] == "auditor"
    ):
        rights_apply(team_id, link, state)


def _store_openings(team_id: UUID, link: ParsedLink, openings: Sequence[OpeningText]) -> None:
    """Store those texts that the backup does not have."""
    salts = [opening.salt for opening in openings]
    stored = Opening.objects.filter(team_id=team_id, salt__in=salts).values_list("salt", flat=True)
    known = {bytes(salt) for salt in stored}
    fresh = [opening for opening in openings if opening.salt not in known]
    commitments, member, invite = _committed(link)
    openings_store(
        team_id=team_id, openings=fresh, commitments=commitments, member_id=member, invite=invite
    )
    if invite is not None:
        email = next((valid_email(opening.text) for opening in fresh), None)
        Invite.objects.create(hash=invite, team_id=team_id, email=email)


def _committed(link: ParsedLink) -> tuple[dict[str, bytes], bytes | None, bytes | None]:
    """The commitments of a link, and whose they are: a member's, or an invite's."""
    if link.type == "invite":
        return {"email": link.body["email"]}, None, link.hash
    if link.type == "set_profile":
        return link.body["profile"], link.actor, None
    if link.accept is not None:
        return {"name": link.accept.profile["name"]}, link.accept.member, None
    return {}, None, None


def _hand(
    access: TeamAccess,
    link: ParsedLink,
    state: TeamState,
    sealed: SealedGrants,
    olds: Sequence[OldIn],
) -> None:
    """Store grants and former DEKs that were offered."""
    for grant in sealed.grants:
        grant_check(state, grant)
    if sealed.grants:
        grants_insert(access, sealed)
    if not olds:
        return
    if link.type != "vault_rotate":
        raise Invalid("Former keys come with a rotation.")
    vault_id = UUID(bytes=link.body["vault"])
    olds_insert(access, vault_id, olds, newest=link.body["epoch"])
