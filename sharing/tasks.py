"""Mails of joining. No mail carries a secret: the link goes from person to person."""

from celery import shared_task

from sharing.services.mails import mail_invite, mail_waiting


@shared_task(
    name="sharing.mail_invite", autoretry_for=(OSError,), retry_backoff=True, max_retries=10
)
def mail_invite_task(invite: str) -> None:
    """Tell an invitee that a link will come. `invite`: hash of the link, hex."""
    mail_invite(invite=bytes.fromhex(invite))


@shared_task(
    name="sharing.mail_waiting", autoretry_for=(OSError,), retry_backoff=True, max_retries=10
)
def mail_waiting_task(invite: str) -> None:
    """Tell an invitee whose device is awaited. `invite`: hash of the link, hex."""
    mail_waiting(invite=bytes.fromhex(invite))
