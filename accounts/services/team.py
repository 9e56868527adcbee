"""Appending to a team chain, and the projections that this app owns.

`team_commit` is the only writer of team links. The service that calls it is the lowest one that
owns every table touched; it applies its own rows in the same transaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounts.access import TeamAccess
from accounts.conflicts import HeadMoved, LinkRefused
from accounts.errors import AccessDenied, Invalid
from accounts.limits import Bucket, count_try
from accounts.models import Member, Opening, TeamLink, User
from accounts.services.log import member_event
from accounts.team_chain import TeamState
from accounts.team_state import Changing, team_states
from audit.events import Action
from audit.services import Event, record, unit_of_work
from vaults.crypto.errors import Refused
from vaults.crypto.links import ChainKind, ParsedLink, parse_signed
from vaults.crypto.profile import commitment

MAX_TEXT: Final = 1_000  # characters of a name or an address
MAX_PROFILES: Final = 20  # changes of one's own profile before each has to wait
# Links of one account in one team before each has to wait: every one stays in the chain for good,
# and every client verifies it. Who administers signs for many, and can be kept from nothing by it.
MAX_LINKS: Final = 1_000
MAX_LINKS_ADMINS: Final = 10_000
# What only takes, and so can be no more than what was given, is not kept waiting.
UNCOUNTED: Final = frozenset({"invite_revoke", "remove_member", "vault_revoke"})

Guard = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a link stands. `again`: these very bytes stood there already, and nothing was done."""

    seq: int
    hash: bytes
    again: bool


@dataclass(frozen=True, slots=True)
class OpeningText:
    """A text and the salt that open a commitment."""

    kind: str  # name, email, team
    salt: bytes  # 32 bytes
    text: str


def link_parse(signed: bytes, chain: ChainKind) -> ParsedLink:
    """Parse what a client signed.

    Raises:
        LinkRefused: with the id of the first rule of form that the bytes break.
    """
    try:
        return parse_signed(signed, chain)
    except Refused as verdict:
        raise LinkRefused(verdict.refusal) from None


def team_commit(
    *,
    access: TeamAccess,
    link: ParsedLink,
    changing: Changing,
    guard: Guard | None = None,
    counted: Bucket | None = None,
) -> TeamState | None:
    """Append one link to a team chain, inside the caller's unit of work.

    Args:
        access: the caller's, who must be the link's actor.
        link: parsed; its signature and what it may do are judged here.
        changing: the team's state, locked by the caller around the unit of work.
        guard: called under the lock of the team's row and before the fold: there the caller locks
            and checks its own rows, so that what often fails fails before the state moves.
        counted: where the link counts, if not among those that the caller signed.

    Returns:
        The state after the link, or None if these very bytes stand in the chain already.

    Raises:
        AccessDenied: no such team.
        HeadMoved: the link's place is filled, or not reached.
        LinkRefused: the fold refuses it; `T6.key`: it adds an account under keys of somebody else.
        TooMany: this account has appended more links to this team than anybody needs.
    """
    seq, head = team_lock(access.team_id)
    if link_stands(access.team_id, link, seq):
        return None
    if (link.seq, link.prev) != (seq + 1, head):
        raise HeadMoved(access.team_id, seq, head)
    if link.actor != access.member_id:
        raise LinkRefused("T2.actor")
    changing.at_head(seq, head)
    if guard is not None:
        guard()
    if link.type not in UNCOUNTED:
        count_try([counted or _links_of(access)])
    try:
        state = changing.step(link)
    except Refused as verdict:
        raise LinkRefused(verdict.refusal) from None
    _append(access.team_id, link)
    _project(access.team_id, link, state)
    return state


def _links_of(access: TeamAccess) -> Bucket:
    free = MAX_LINKS_ADMINS if access.administers else MAX_LINKS
    return Bucket("links", f"{access.team_id} {access.account_id}", free)


def team_lock(team_id: UUID) -> tuple[int, bytes]:
    """Lock a team's row; return its seq and head. Comes before every lock of a vault."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, head FROM accounts_team WHERE id = %s FOR UPDATE", [team_id])
        row = cursor.fetchone()
    if row is None:
        raise AccessDenied
    return row[0], bytes(row[1])


def link_stands(team_id: UUID, link: ParsedLink, seq: int) -> bool:
    """Whether these very bytes are in the chain up to `seq`."""
    if link.seq > seq:
        return False
    stored = TeamLink.objects.filter(team_id=team_id, seq=link.seq).values_list("hash", flat=True)
    return bytes(stored.get()) == link.hash


def team_stir(team_id: UUID) -> None:
    """Tell the team's clients that something outside the chains awaits them."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_team SET stir = stir + 1 WHERE id = %s", [team_id])


def openings_store(
    *,
    team_id: UUID,
    openings: Sequence[OpeningText],
    commitments: dict[str, bytes],
    member_id: bytes | None = None,
    invite: bytes | None = None,
) -> None:
    """Store texts beside the commitments of a link, if they open them.

    Args:
        team_id: whose rows they become.
        openings: one for each kind at most.
        commitments: by kind, from the link.
        member_id: whose name or address it is, 16 bytes.
        invite: hash of the invite whose address it is.

    Raises:
        Invalid: a text opens nothing, is longer than 1,000 characters, its kind comes twice, or its
            salt stands in the team already.
    """
    if len({opening.kind for opening in openings}) != len(openings):
        raise Invalid("One opening for each kind.")
    salts = {opening.salt for opening in openings}
    used = Opening.objects.filter(team_id=team_id, salt__in=salts).exists()
    if used or len(salts) != len(openings):
        raise Invalid("A salt is used once.")
    for opening in openings:
        opening_check(opening, commitments.get(opening.kind))
    Opening.objects.bulk_create(
        Opening(
            team_id=team_id,
            kind=opening.kind,
            member_id=member_id,
            invite=invite,
            salt=opening.salt,
            text=opening.text,
        )
        for opening in openings
    )


def opening_check(opening: OpeningText, committed: bytes | None) -> None:
    """Refuse a text that does not open its commitment.

    Raises:
        Invalid: it does not, or is longer than 1,000 characters.
    """
    if len(opening.text) > MAX_TEXT:
        raise Invalid("The text is too long.")
    if commitment(opening.salt, opening.kind, opening.text) != committed:  # type: ignore[arg-type]
        raise Invalid("The text does not open its commitment.")


def profile_set(
    *, access: TeamAccess, link: ParsedLink, openings: Sequence[OpeningText]
) -> Appended:
    """Append a `set_profile` and store the new texts. The former ones stay.

    Raises: as `team_commit`; Invalid: an opening does not open, or as `profile_check`. TooMany:
        each of these links stays in the chain that every member's client verifies.
    """
    quota = [Bucket("profile", f"{access.team_id} {access.account_id}", MAX_PROFILES)]

    def guard() -> None:
        profile_check(changing.at_head(link.seq - 1, link.prev), link, openings)
        count_try(quota)

    with team_states.change(access.team_id) as changing, unit_of_work():
        state = team_commit(access=access, link=link, changing=changing, guard=guard)
        if state is not None:
            openings_store(
                team_id=access.team_id,
                openings=openings,
                commitments=link.body["profile"],
                member_id=access.member_id,
            )
            link_record(access, link, Action.TEAM_PROFILE_SET, access.member_id)
    return Appended(link.seq, link.hash, again=state is None)


def profile_check(state: TeamState, link: ParsedLink, openings: Sequence[OpeningText]) -> None:
    """Refuse an address that is not the account's.

    It tells people apart, and by it open invitations are found when a member is removed; so nobody
    chooses it. The same commitment as before needs no opening.

    Args:
        state: the fold before the link.
        link: a `set_profile`.
        openings: that come with it.

    Raises:
        Invalid.
    """
    signer, committed = state.members.get(link.actor), link.body["profile"]["email"]
    if signer is None or signer.profile["email"] == committed:
        return  # who is no member, the fold refuses
    texts = [opening for opening in openings if opening.kind == "email"]
    own = User.objects.filter(pk=UUID(bytes=signer.account)).values_list("email", flat=True)
    if not texts or texts[0].text != own.first():
        raise Invalid("The e-mail address in a profile is the account's own.")
    opening_check(texts[0], committed)


def role_set(*, access: TeamAccess, link: ParsedLink) -> Appended:
    """Append a `set_role` that takes no vault right; one into auditor belongs to vaults.

    Raises: as `team_commit`.
    """
    if link.body["role"] == "auditor":
        raise ValueError("making an auditor takes rights, which lie in vaults")
    with team_states.change(access.team_id) as changing, unit_of_work():
        state = team_commit(access=access, link=link, changing=changing)
        if state is not None:
            link_record(access, link, Action.TEAM_ROLE_SET, link.body["member"])
    return Appended(link.seq, link.hash, again=state is None)


def link_record(
    access: TeamAccess,
    link: ParsedLink,
    action: Action,
    subject: UUID | bytes | None,
    **details: bytes | int,
) -> None:
    """Note that a link was appended, by whose request."""
    record(**link_event(access, link, action, subject, **details))


def link_event(
    access: TeamAccess,
    link: ParsedLink,
    action: Action,
    subject: UUID | bytes | None,
    **details: bytes | int,
) -> Event:
    """Return what the log is told of a link that was appended, and by whose request."""
    return member_event(access, action, subject, {"seq": link.seq, "link": link.hash, **details})


def link_record_restored(
    access: TeamAccess,
    link: ParsedLink,
    action: Action,
    subject: UUID | bytes | None,
    **details: bytes | int,
) -> None:
    """Note that a link was given back by whoever offers it, and what it did, with its signer."""
    chain = access.team_id if link.chain == access.team_id.bytes else UUID(bytes=link.chain)
    link_record(access, link, Action.CHAIN_RESTORED, chain)
    link_record(access, link, action, subject, signed_by=link.actor, **details)


_MOVE_HEAD: Final = """
    WITH moved AS (
        UPDATE accounts_team SET seq = %s, head = %s
        WHERE id = %s AND seq = %s AND head = %s RETURNING id
    )
    INSERT INTO accounts_teamlink (team_id, seq, hash, type, signed)
    SELECT id, %s, %s, %s, %s FROM moved
"""


def _append(team_id: UUID, link: ParsedLink) -> None:
    """Compare and swap the head, and store the link, in one statement."""
    values: list[Any] = [link.seq, link.hash, team_id, link.seq - 1, link.prev]
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_HEAD, [*values, link.seq, link.hash, link.type, link.signed])
        if cursor.rowcount != 1:
            raise RuntimeError("the head moved under its lock")


def _project(team_id: UUID, link: ParsedLink, state: TeamState) -> None:
    """Write the member that a link is about as the fold has it now."""
    if link.accept is not None:
        joined = state.members[link.accept.member]
        account_keys_check(UUID(bytes=joined.account), joined.fp)
        _insert_member(team_id, state, joined.id)
        return
    subject = link.body.get("member")
    if subject is None:
        return
    folded = state.members[subject]
    Member.objects.filter(team_id=team_id, member_id=subject).update(
        role=folded.role, verified=folded.verified, left_seq=folded.left, touched_seq=link.seq
    )


def account_keys_check(account_id: UUID, fp: bytes) -> None:
    """Refuse to take an account in under keys that are not its own.

    The id of an account stands in every chain that it is in, so whoever has read one could name it
    in an acceptance of their own making. What an account's keys are, it says itself: by the genesis
    of its personal team, which only it can post. They stay the same in version 1.

    Args:
        account_id: as an acceptance names it.
        fp: fingerprint of the keys of that acceptance.

    Raises:
        LinkRefused: `T6.key`, also if the account has no personal team or is not there.
    """
    own = Member.objects.filter(
        account_id=account_id, team__personal_of=account_id, fp=fp, left_seq__isnull=True
    )
    if not own.exists():
        raise LinkRefused("T6.key")


def _insert_member(team_id: UUID, state: TeamState, member_id: bytes) -> None:
    folded = state.members[member_id]
    Member.objects.create(
        team_id=team_id,
        member_id=folded.id,
        account_id=UUID(bytes=folded.account),
        role=folded.role,
        verified=folded.verified,
        identity=folded.identity,
        box=folded.box,
        fp=folded.fp,
        joined_seq=folded.joined,
        touched_seq=folded.joined,
    )


def founder_insert(team_id: UUID, state: TeamState) -> None:
    """Write the founder's row, inside the transaction that makes the team."""
    for member_id in state.members:
        _insert_member(team_id, state, member_id)
