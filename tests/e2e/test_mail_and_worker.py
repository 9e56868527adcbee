"""The code of a sign-up: from the web process by id, through Valkey and the worker, to SMTP.

The mail server is a real one on a loopback port. Valkey writes down every command that changes
anything (its append-only file), so what was ever in the queue can be read afterwards. About 10 s.
"""

import base64
import email
import email.policy
import json
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession

from tests.bench.people import PASSWORD, new_client
from tests.opaque_client import sign_up
from tests.product import Product, data_folder, product
from tests.server import free_port

WAIT_SECONDS = 60
SIGNUP = "accounts.mail_signup"
# The id of the waiting sign-up, and nothing else.
ONE_ID = re.compile(r'\[\["[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"\], \{\}\]')


@dataclass
class Postbox:
    """What aiosmtpd hands every mail to."""

    envelopes: list[Envelope] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: SmtpSession, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        return "250 OK"

    def code_to(self, address: str) -> str:
        """Wait for a mail with a code."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            for envelope in self.envelopes:
                found = re.search(r"Your code is (\d{6})", text_of(envelope))
                if envelope.rcpt_tos == [address] and found:
                    return found.group(1)
            time.sleep(0.05)
        raise TimeoutError(f"no mail to {address}")


def text_of(envelope: Envelope) -> str:
    """The body of a mail."""
    assert isinstance(envelope.content, bytes)
    return str(email.message_from_bytes(envelope.content, policy=email.policy.default))


@contextmanager
def smtp(port: int) -> Iterator[Postbox]:
    """Take mails for the time of the block."""
    postbox = Postbox()
    controller = Controller(postbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield postbox
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def smtp_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def running(smtp_port: int) -> Iterator[Product]:
    """The product as production has it: no page of mails, a mail server elsewhere."""
    settings = {
        "COFFRET_MAIL_PAGE": "0",
        "COFFRET_SMTP_HOST": "127.0.0.1",
        "COFFRET_SMTP_PORT": str(smtp_port),
        "COFFRET_SMTP_STARTTLS": "0",
    }
    with data_folder() as folder, product(folder, **settings) as made:
        yield made


def messages(folder: Path, task: str) -> set[str]:
    """What the queue ever held for a task: the arguments of each message, as JSON."""
    written = b"".join(path.read_bytes() for path in (folder / "valkey").rglob("*.aof"))
    text, decoder = written.decode("latin-1"), json.JSONDecoder()
    found = set()
    for start in re.finditer(re.escape('{"body": '), text):
        message, _end = decoder.raw_decode(text, start.start())
        if message["headers"].get("task") == task:
            arguments, named, _links = json.loads(base64.b64decode(message["body"]))
            found.add(json.dumps([arguments, named]))
    return found


def places_of(code: str, folder: Path) -> list[str]:
    """The files of Valkey and of the logs in which the code stands as a word of its own."""
    word = re.compile(rb"(?<![\w.:-])" + code.encode() + rb"(?![\w.:-])")
    files = [*(folder / "valkey").rglob("*"), *(folder / "log").rglob("*")]
    return [str(path) for path in files if path.is_file() and word.search(path.read_bytes())]


def test_the_code_reaches_the_mail_server_and_stands_nowhere_on_its_way(
    running: Product, smtp_port: int
) -> None:
    with smtp(smtp_port) as postbox, closing(api := new_client(running)):
        before = messages(running.folder, SIGNUP)
        sign_up(api, "ana@example.org", PASSWORD)
        code = postbox.code_to("ana@example.org")
        done = api("POST", "signup/verify", {"code": code})

    assert done.body["state"] == "signed_in"
    [message] = messages(running.folder, SIGNUP) - before
    assert ONE_ID.fullmatch(message)
    assert places_of(code, running.folder) == []
    assert not (running.folder / "mail").exists()


def test_a_mail_is_sent_again_when_the_mail_server_was_away(
    running: Product, smtp_port: int
) -> None:
    with closing(api := new_client(running)):
        before = messages(running.folder, SIGNUP)
        sign_up(api, "ben@example.org", PASSWORD)
        log = running.folder / "log" / "worker.log"
        deadline = time.monotonic() + WAIT_SECONDS
        while "retry: Retry in" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        with smtp(smtp_port) as postbox:
            code = postbox.code_to("ben@example.org")
        done = api("POST", "signup/verify", {"code": code})

    assert done.body["state"] == "signed_in"
    [message] = messages(running.folder, SIGNUP) - before
    assert ONE_ID.fullmatch(message)
    assert places_of(code, running.folder) == []


def test_the_search_would_find_a_code(tmp_path: Path) -> None:
    (tmp_path / "valkey").mkdir()
    (tmp_path / "valkey" / "a.aof").write_bytes(b'$9\r\n["123456"]\r\n')
    assert places_of("123456", tmp_path) == [str(tmp_path / "valkey" / "a.aof")]
