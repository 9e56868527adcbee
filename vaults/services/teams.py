"""A team's beginning: its genesis and its KEK, in one transaction."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import IntegrityError

from accounts.access import TeamAccess
from accounts.conflicts import LinkRefused, PersonalExists, Taken
from accounts.kek import PreparedKek, kek_insert, kek_prepare
from accounts.limits import Bucket, count_try
from accounts.models import Role, Team, TeamLink, User
from accounts.services.team import (
    Appended,
    OpeningText,
    founder_insert,
    link_record,
    openings_store,
)
from accounts.team_chain import TeamState, team_step
from audit.events import Action, Scope
from audit.services import record, unit_of_work
from vaults.crypto.errors import Refused
from vaults.crypto.links import ParsedLink

MAX_TEAMS: Final = 20  # by one account, before each has to wait


def team_create(*, user: User, link: ParsedLink, openings: Sequence[OpeningText]) -> Appended:
    """Make a team from its genesis, with its first KEK.

    Args:
        user: whose account the genesis must name as the founder's.
        link: the genesis.
        openings: of the founder's name and e-mail, and of the team's name.

    Raises:
        LinkRefused: the fold refuses the genesis, or another account is the founder.
        PersonalExists: this account has its personal team.
        KmsUnavailable: nothing was written.
        TooMany: each team costs a call to KMS and a key for good.
    """
    try:
        state = team_step(None, link)
    except Refused as verdict:
        raise LinkRefused(verdict.refusal) from None
    if link.body["founder"]["account"] != user.pk.bytes:
        raise LinkRefused("T2.actor")
    team_id = UUID(bytes=state.id)
    if _stands(team_id, link):
        return Appended(0, link.hash, again=True)
    _check_personal(user, state)
    count_try([Bucket("teams", str(user.pk), MAX_TEAMS)])
    kek = kek_prepare(team_id)
    try:
        with unit_of_work():
            _insert(user, state, link, kek)
            _store_openings(team_id, link, openings)
            _record(user, team_id, link, kek)
    except IntegrityError:
        # The same request at the same time, or another genesis of the same account's personal team.
        if _stands(team_id, link):
            return Appended(0, link.hash, again=True)
        _check_personal(user, state)
        raise
    return Appended(0, link.hash, again=False)


def _stands(team_id: UUID, link: ParsedLink) -> bool:
    stored = TeamLink.objects.filter(team_id=team_id, seq=0).values_list("hash", flat=True).first()
    if stored is not None and bytes(stored) != link.hash:
        raise Taken  # the same link with other signature bytes
    return stored is not None


def _check_personal(user: User, state: TeamState) -> None:
    if state.kind != Team.Kind.PERSONAL:
        return
    found = Team.objects.filter(personal_of=user).values_list("pk", flat=True).first()
    if found is not None:
        raise PersonalExists(team=str(found))


def _insert(user: User, state: TeamState, link: ParsedLink, kek: PreparedKek) -> None:
    team = Team.objects.create(
        id=UUID(bytes=state.id),
        kind=state.kind,
        personal_of=user if state.kind == Team.Kind.PERSONAL else None,
        seq=0,
        head=link.hash,
        genesis_hash=link.hash,
    )
    TeamLink.objects.create(team=team, seq=0, hash=link.hash, type=link.type, signed=link.signed)
    founder_insert(team.pk, state)
    kek_insert(kek)


def _store_openings(team_id: UUID, link: ParsedLink, openings: Sequence[OpeningText]) -> None:
    founder = link.body["founder"]
    openings_store(
        team_id=team_id,
        openings=[opening for opening in openings if opening.kind != "team"],
        commitments=founder["profile"],
        member_id=founder["member"],
    )
    openings_store(
        team_id=team_id,
        openings=[opening for opening in openings if opening.kind == "team"],
        commitments={"team": link.body["name"]},
    )


def _record(user: User, team_id: UUID, link: ParsedLink, kek: PreparedKek) -> None:
    founder = link.body["founder"]
    access = TeamAccess(team_id, user.pk, founder["member"], b"", Role.OWNER, "founder")
    link_record(access, link, Action.TEAM_CREATED, team_id)
    record(
        action=Action.KEK_CREATED,
        scope=Scope.team(team_id),
        actor_id=user.pk,
        subject=kek.id,
        details={"version": kek.version, "kms_call": kek.call_id},
    )
