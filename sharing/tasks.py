"""Mails of joining. No mail carries a secret: the link goes from person to person."""

from uuid import UUID

from accounts.tasks import mail_task
from sharing.services.mails import (
    mail_ended,
    mail_invite,
    mail_joined,
    mail_restored,
    mail_waiting,
)


@mail_task(name="sharing.mail_invite")
def mail_invite_task(invite: str) -> None:
    """Tell an invitee that a link will come. `invite`: hash of the link, hex."""
    mail_invite(invite=bytes.fromhex(invite))


@mail_task(name="sharing.mail_waiting")
def mail_waiting_task(invite: str) -> None:
    """Tell an invitee whose device is awaited, and its owners. `invite`: hash of the link, hex."""
    mail_waiting(invite=bytes.fromhex(invite))


@mail_task(name="sharing.mail_joined")
def mail_joined_task(invite: str) -> None:
    """Tell somebody that they were let in. `invite`: hash of the link, hex."""
    mail_joined(invite=bytes.fromhex(invite))


@mail_task(name="sharing.mail_ended")
def mail_ended_task(team_id: str, member: str, actor: str) -> None:
    """Tell admins that somebody unverified was taken out. Member ids are hex."""
    ids = {"member": bytes.fromhex(member), "actor": bytes.fromhex(actor)}
    mail_ended(team_id=UUID(team_id), **ids)


@mail_task(name="sharing.mail_restored")
def mail_restored_task(team_id: str, account_id: str, begun: int) -> None:
    """Tell owners and admins who gave back what the server had lost, since `begun`, Unix ms."""
    mail_restored(team_id=UUID(team_id), account_id=UUID(account_id), begun=begun)
