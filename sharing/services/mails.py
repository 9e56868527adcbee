"""What people are told of joining by mail. The mailbox opens nothing: no link, token or key in it.

Each function is told by ids what happened, and asks the rows what is so now.
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import QuerySet
from django.template.loader import render_to_string

from accounts.models import Member, Opening, TeamLink, User
from accounts.team_chain import Invite as FoldedInvite
from accounts.team_state import team_states
from audit.events import Action, ScopeKind
from audit.models import AuditEvent
from sharing.models import Acceptance, Invite

MAX_NAME: Final = 80  # characters of a name in a mail


def mail_invite(*, invite: bytes) -> None:
    """Tell an invitee that the inviter will hand over a link. Nothing if the address was erased."""
    row = _addressed(invite)
    if row is not None:
        folded = _folded(row)
        by_mail = folded.body["via"] == "mail"
        names = [_name(row.team_id, folded.actor)]
        _send(row.team_id, "invited", [str(row.email)], names=names, by_mail=by_mail)


def mail_waiting(*, invite: bytes) -> None:
    """Tell an invitee whose clients can let them in, and those people that they are awaited.

    Nothing if nobody waits any more: a client that was open has let them in meanwhile.
    """
    row = _addressed(invite)
    waiting = Acceptance.objects.filter(invite=row).first() if row is not None else None
    if row is None or waiting is None:
        return
    folded = _folded(row)
    if folded.state != "open":
        return
    by_hand = folded.body["role"] in {"owner", "admin"}
    able = _admins(row.team_id).filter(role="owner") if by_hand else _admins(row.team_id)
    context = {"by_hand": by_hand, "by_mail": folded.body["via"] == "mail"}
    context["was_here"] = not by_hand and _went_since(waiting)
    _send(row.team_id, "waiting", [str(row.email)], names=_names(able), **context)
    _send(row.team_id, "awaited", _addresses(able), who=row.email, **context)


def mail_joined(*, invite: bytes) -> None:
    """Tell somebody that they are in; after an invitation by mail, all sides to compare words."""
    row = _addressed(invite)
    if row is None:
        return
    admins = _admins(row.team_id)
    by_mail = _folded(row).body["via"] == "mail"
    _send(row.team_id, "joined", [str(row.email)], names=_names(admins), by_mail=by_mail)
    if by_mail:
        _send(row.team_id, "unverified", _addresses(admins), who=row.email)


def mail_ended(*, team_id: UUID, member: bytes, actor: bytes) -> None:
    """Tell the other admins that somebody was taken out whom nobody had verified."""
    subject = Member.objects.get(team_id=team_id, member_id=member)
    others = _admins(team_id).exclude(member_id=actor)
    by = _name(team_id, actor)
    _send(team_id, "ended", _addresses(others), who=subject.account.email, names=[by])


def mail_restored(*, team_id: UUID, account_id: UUID, begun: int) -> None:
    """Tell owners and admins that an account has given back links, and how many since `begun`.

    Args:
        team_id: whose links.
        account_id: who offered them, whoever signed them.
        begun: Unix ms.
    """
    since = datetime.fromtimestamp(begun / 1000, UTC)
    given = AuditEvent.objects.filter(
        scope_kind=ScopeKind.TEAM, scope_id=team_id, action=Action.CHAIN_RESTORED
    ).filter(actor_id=account_id, at__gte=since)
    who = User.objects.get(pk=account_id).email
    _send(team_id, "restored", _addresses(_admins(team_id)), who=who, count=given.count())


def _went_since(waiting: Acceptance) -> bool:
    """Whether the account left, or was taken out, after the invitation was made."""
    made = TeamLink.objects.get(hash=waiting.invite_id).seq
    gone = Member.objects.filter(team_id=waiting.team_id, account_id=waiting.account_id)
    return gone.filter(left_seq__gt=made).exists()


def _addressed(invite: bytes) -> Invite | None:
    return Invite.objects.filter(hash=invite, email__isnull=False).first()


def _folded(row: Invite) -> FoldedInvite:
    with team_states.lend(row.team_id) as state:
        return state.invites[bytes(row.hash)]


def _admins(team_id: UUID) -> QuerySet[Member]:
    """Who may let people in now."""
    present = Member.objects.filter(team_id=team_id, left_seq__isnull=True)
    return present.filter(role__in=("owner", "admin")).exclude(verified="none").order_by("pk")


def _addresses(members: QuerySet[Member]) -> list[str]:
    return list(members.values_list("account__email", flat=True))


def _names(members: QuerySet[Member]) -> list[str]:
    return [_name(member.team_id, bytes(member.member_id)) for member in members]


def _name(team_id: UUID, member_id: bytes) -> str:
    """The name a member goes by now; empty if it was erased."""
    texts = Opening.objects.filter(team_id=team_id, kind="name", member_id=member_id)
    return _quotable(texts.order_by("-pk").values_list("text", flat=True).first() or "")


def _quotable(name: str) -> str:
    """A name as it stands in a mail, between quotation marks that it cannot end.

    It goes to addresses that its author chose: with lines of its own it would be the author's mail.
    """
    line = " ".join(name.split())
    shown = "".join(letter for letter in line if letter.isprintable() and letter not in "“”")
    return shown if len(shown) <= MAX_NAME else shown[: MAX_NAME - 1] + "…"


def _send(team_id: UUID, which: str, to: list[str], **context: Any) -> None:
    """Send one mail to each address, so that none of them sees the others."""
    team = Opening.objects.filter(team_id=team_id, kind="team").values_list("text", flat=True)
    context |= {"team": _quotable(team.first() or ""), "url": settings.PUBLIC_URL}
    subject = render_to_string(f"sharing/{which}_subject.txt", context).strip()
    body = render_to_string(f"sharing/{which}.txt", context)
    mails = [EmailMessage(" ".join(subject.split()), body, None, [each]) for each in to]
    get_connection().send_messages(mails)
