"""Mails of one machine: written as files, read on a page that only this machine can open.

Used where COFFRET_MAIL_PAGE is on, which production refuses (config/checks.py).
"""

import email
import email.policy
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage as ParsedMail
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

SHOWN = 50  # mails on the page


class FolderBackend(BaseEmailBackend):
    """Write each mail to a file of its own; the name sorts by time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.folder = Path(settings.MAIL_FOLDER)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
            # Under another name first: the page must not read half a mail.
            half = self.folder / f"{name}.half"
            half.write_bytes(message.message().as_bytes())
            half.rename(self.folder / f"{name}.eml")
        return len(email_messages)


@dataclass(frozen=True, slots=True)
class Mail:
    """What the page shows of one mail."""

    sent: str
    to: str
    subject: str
    body: str


def mails(folder: Path) -> list[Mail]:
    """Return the newest mails of a folder, newest first."""
    paths = sorted(folder.glob("*.eml"), reverse=True)[:SHOWN]
    return [_read(path) for path in paths]


def _read(path: Path) -> Mail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    if not isinstance(message, ParsedMail):
        raise TypeError(message)
    part = message.get_body(("plain",))
    body = "" if part is None else str(part.get_content())
    return Mail(str(message["Date"]), str(message["To"]), str(message["Subject"]), body)


@require_safe
@never_cache
def mailbox(request: HttpRequest) -> HttpResponse:
    """Show the mails that this server sent, to whoever sits at this machine."""
    if not ip_address(request.META["REMOTE_ADDR"]).is_loopback:
        raise Http404
    return render(request, "mail.html", {"mails": mails(settings.MAIL_FOLDER)})
