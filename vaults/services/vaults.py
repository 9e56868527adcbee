"""A vault's beginning, and the ten seconds in which it stands still."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from math import ceil
from typing import Final
from uuid import UUID

from django.core.cache import cache
from django.db import IntegrityError
from django.utils import timezone

from accounts.access import TeamAccess
from accounts.conflicts import LinkRefused, Taken, TooManyLinks
from accounts.errors import AccessDenied, Invalid
from accounts.limits import Bucket, count_try
from accounts.services.log import member_record
from accounts.services.team import Appended, link_record, team_commit, team_lock
from accounts.team_chain import TeamState
from accounts.team_state import team_states
from audit.events import Action
from audit.services import unit_of_work
from vaults.crypto.grants import ParsedGrant
from vaults.crypto.links import ParsedLink
from vaults.models import Vault, VaultMember
from vaults.services.changes import change_write
from vaults.services.grants import SealedGrants, grant_check, grants_insert, grants_seal
from vaults.services.heads import VaultHead, rights_project, vault_heads_lock
from vaults.services.judging import Change, first_change_judge

HOLD_SECONDS: Final = 10
HOLD_QUOTA_SECONDS: Final = 60  # one hold per actor and team
# After a hold by anybody a vault is free for at least as long as it was held: several who may only
# read must not keep a vault shut by taking turns.
FREE_SECONDS: Final = HOLD_SECONDS
MAX_VAULTS: Final = 500  # made by one account, before each has to wait


def vault_create(
    *, access: TeamAccess, link: ParsedLink, grants: Sequence[ParsedGrant], change: Change
) -> Appended:
    """Append a `vault_create`, its creator's grant, and the first vault link, which names it.

    Args:
        access: the creator's.
        link: the `vault_create`.
        grants: exactly one, by the creator to the creator, whose head is `link`.
        change: signed on `link`; it holds the vault's own item.

    Raises:
        as `team_commit`; Invalid: not that; Taken: a vault or item has this id already.
        TooMany: this account has made more than anybody needs.
        KmsUnavailable: nothing was written.
    """
    if len(grants) != 1:
        raise Invalid("A new vault comes with its creator's grant.")
    if change.link.actor != access.member_id:
        raise LinkRefused("T2.actor")
    if grants[0].sender != access.fp or grants[0].head != (link.hash, link.seq):
        raise LinkRefused("T7.authority")
    sealed = grants_seal(access.team_id, grants)
    quota = [Bucket("vault", str(access.account_id), MAX_VAULTS)]
    try:
        with team_states.change(access.team_id) as changing, unit_of_work():
            state = team_commit(
                access=access, link=link, changing=changing, guard=lambda: count_try(quota)
            )
            if state is not None:
                _begin(access, state, link, sealed, change)
    except IntegrityError:
        raise Taken from None
    return Appended(link.seq, link.hash, again=state is None)


def vaults_hold(*, access: TeamAccess, vaults: Sequence[UUID]) -> int:
    """Let writes to these vaults wait for 10 s, so that a link that cuts them can be signed.

    Owners and admins may hold every vault of the team, for they may remove its members; others
    those in which they hold a right, for they may leave. A hold of the former takes the place of
    anybody's: those whom it is to remove must not keep it away by taking turns.

    Returns:
        The end of the hold, Unix milliseconds.

    Raises:
        AccessDenied: a vault of which that is not true.
        TooManyLinks: this actor held vaults of the team within the last minute; or somebody held
            one of these just now, and the actor is no owner or admin.
    """
    wanted = set(vaults)
    if not wanted <= _may_hold(access, wanted):
        raise AccessDenied
    key = f"held:{access.team_id}:{access.member_id.hex()}"
    if not cache.add(key, 1, HOLD_QUOTA_SECONDS):
        raise TooManyLinks(retry_after=HOLD_QUOTA_SECONDS)
    until = timezone.now() + timedelta(seconds=HOLD_SECONDS)
    with unit_of_work():
        # First, as everywhere: who stores grants holds the team, and wants the vaults at its end.
        team_lock(access.team_id)
        heads = vault_heads_lock(access.team_id, wanted)
        if not access.administers:
            _check_free(heads.values(), key)
        Vault.objects.filter(pk__in=wanted).update(held_until=until, held_by=access.member_id)
        for vault_id in sorted(wanted):
            member_record(access, Action.VAULT_HELD, vault_id)
    return int(until.timestamp() * 1000)


def vault_insert(team_id: UUID, link: ParsedLink, state: TeamState) -> None:
    """Write the row of a new vault, and its creator's right, inside the caller's unit of work."""
    Vault.objects.create(
        id=UUID(bytes=link.body["vault"]),
        team_id=team_id,
        seq=0,
        head=link.hash,
        seen_seq=link.seq,
        epoch=1,
        last_cut_seq=link.seq,
        touched_seq=link.seq,
    )
    rights_project(team_id, link.actor, state)


def _check_free(heads: Iterable[VaultHead], key: str) -> None:
    """Refuse to hold what was held just now; the actor's own hold of the minute is given back.

    Raises:
        TooManyLinks.
    """
    ends = [head.held_until for head in heads if head.held_until is not None]
    if not ends:
        return
    wait = (max(ends) + timedelta(seconds=FREE_SECONDS) - timezone.now()).total_seconds()
    if wait > 0:
        cache.delete(key)
        raise TooManyLinks(retry_after=ceil(wait))


def _begin(
    access: TeamAccess, state: TeamState, link: ParsedLink, sealed: SealedGrants, change: Change
) -> None:
    vault_id = UUID(bytes=link.body["vault"])
    grant = sealed.grants[0]
    if (grant.vault, grant.to) != (vault_id.bytes, access.fp):
        raise LinkRefused("T7.to")
    grant_check(state, grant)
    vault_insert(access.team_id, link, state)
    grants_insert(access, sealed)
    link_record(access, link, Action.VAULT_CREATED, vault_id)
    first_change_judge(state, vault_id, change)
    change_write(access, vault_id, change)


def _may_hold(access: TeamAccess, wanted: set[UUID]) -> set[UUID]:
    if access.administers:
        vaults = Vault.objects.filter(team_id=access.team_id, pk__in=wanted)
        return set(vaults.values_list("pk", flat=True))
    held = VaultMember.objects.filter(
        team_id=access.team_id, member_id=access.member_id, vault_id__in=wanted
    )
    return set(held.values_list("vault_id", flat=True))
