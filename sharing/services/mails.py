"""What invitees are told by mail. The mailbox opens nothing: no link, no token, no key in it."""

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string

from accounts.models import Member, Opening
from accounts.team_state import team_states
from sharing.models import Invite


def mail_invite(*, invite: bytes) -> None:
    """Tell an invitee that the inviter will hand over a link. Nothing if the address was erased."""
    row = Invite.objects.filter(hash=invite).first()
    if row is None or row.email is None:
        return
    with team_states.lend(row.team_id) as state:
        inviter = state.invites[invite].actor
    _send(row, "invited", [_name(row, inviter)])


def mail_waiting(*, invite: bytes) -> None:
    """Tell an invitee which people's clients can let them in."""
    row = Invite.objects.filter(hash=invite).first()
    if row is None or row.email is None:
        return
    members = Member.objects.filter(
        team_id=row.team_id, role__in=("owner", "admin"), left_seq__isnull=True
    ).exclude(verified="none")
    names = [_name(row, bytes(member)) for member in members.values_list("member_id", flat=True)]
    _send(row, "waiting", names)


def _send(row: Invite, which: str, names: list[str]) -> None:
    team = Opening.objects.filter(team_id=row.team_id, kind="team").values_list("text", flat=True)
    context = {"team": team.first() or "", "names": names, "url": settings.PUBLIC_URL}
    subject = render_to_string(f"sharing/{which}_subject.txt", context).strip()
    body = render_to_string(f"sharing/{which}.txt", context)
    send_mail(" ".join(subject.split()), body, None, [str(row.email)])


def _name(row: Invite, member_id: bytes) -> str:
    """The name a member goes by now; empty if it was erased."""
    texts = Opening.objects.filter(team_id=row.team_id, kind="name", member_id=member_id)
    return texts.order_by("-pk").values_list("text", flat=True).first() or ""
