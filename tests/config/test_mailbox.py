"""Mails of one machine: files, and a page for this machine only."""

from pathlib import Path

from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client

from config.mailbox import FolderBackend


def send(backend: BaseEmailBackend, subject: str, body: str) -> None:
    message = mail.EmailMessage(subject, body, "from@localhost", ["ana@localhost"])
    assert backend.send_messages([message]) == 1


def test_the_page_lists_mails_newest_first_with_links(client: Client, mail_folder: Path) -> None:
    send(FolderBackend(), "First", "Code 123 456")
    send(FolderBackend(), "Sécond", "Open http://localhost:8000/join#t=1 now <b>")

    page = client.get("/mail/")

    text = page.content.decode()
    assert text.index("Sécond") < text.index("First")
    assert '<a href="http://localhost:8000/join#t=1"' in text
    assert "<b>" not in text
    assert "no-store" in page.headers["Cache-Control"]
    assert len(list(mail_folder.glob("*.eml"))) == 2


def test_another_machine_sees_nothing(client: Client, mail_folder: Path) -> None:
    send(FolderBackend(), "First", "Code 123 456")
    assert client.get("/mail/", REMOTE_ADDR="192.0.2.7").status_code == 404
