"""A client that speaks the real protocol over one persistent connection."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from tests.opaque_client import Answer
from vaults.crypto import cbor

TIMEOUT_SECONDS = 60


class FailedError(Exception):
    """An answer that no benchmark may count."""


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer as it came."""

    status_code: int
    content: bytes
    etag: str


class Client:
    """One person's browser, as the server sees it. Callable as `tests.opaque_client.Api`."""

    def __init__(self, url: str, number: int) -> None:
        self.number = number
        self.host = urlsplit(url).netloc
        self.server = ("127.0.0.1", urlsplit(url).port or 80)
        # Each on a loopback network of its own: the limits by address are those of one person.
        self._own = (f"127.{1 + number // 256}.{number % 256}.1", 0)
        self._socket: socket.socket | None = None
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        self("GET", "session")

    def __call__(self, method: str, path: str, body: Any = None) -> Answer:
        raw = self.raw(method, path, None if body is None else cbor.dumps(body))
        if raw.status_code >= 300:
            raise FailedError(f"{method} {path}: {raw.status_code} {raw.content[:300]!r}")
        answer = cbor.loads(raw.content) if raw.content else None
        if isinstance(answer, dict) and isinstance(answer.get("csrf"), str):
            self.csrf = answer["csrf"]
        return Answer(raw.status_code, answer)

    def raw(self, method: str, path: str, body: bytes | None = None, etag: str = "") -> Raw:
        """Send bytes and return bytes: nothing is decoded here.

        HTTP/1.1 by hand: the client shares its cores with what it measures, and Python's own takes
        as long to send a write and read its answer as it takes to sign it.
        """
        try:
            self.send(method, path, body, etag)
            return self._receive()
        except (BrokenPipeError, ConnectionResetError):
            # It was idle for too long; the same bytes again change nothing twice.
            self.close()
            self.send(method, path, body, etag)
            return self._receive()

    def send(self, method: str, path: str, body: bytes | None = None, etag: str = "") -> None:
        """Send a request, over a new connection if there is none."""
        if self._socket is None:
            self._socket = socket.create_connection(self.server, TIMEOUT_SECONDS, self._own)
            self._answers = self._socket.makefile("rb")
        lines = [f"{method} /api/v1/{path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers(etag).items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode()
        self._socket.sendall(head + (body or b""))

    def close(self) -> None:
        """Hang up; the next request opens a new connection."""
        if self._socket is not None:
            self._answers.close()
            self._socket.close()
            self._socket = None

    def _receive(self) -> Raw:
        status = self._answers.readline()
        if not status:
            raise ConnectionResetError("no answer")
        code, length, etag = int(status.split(b" ", 2)[1]), None, ""
        while line := self._answers.readline().decode("latin-1").rstrip("\r\n"):
            name, value = line.split(": ", 1)
            match name.lower():
                case "content-length":
                    length = int(value)
                case "etag":
                    etag = value
                case "set-cookie":
                    for cookie, morsel in SimpleCookie(value).items():
                        self.cookies[cookie] = morsel.value
        if length is None and code not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            raise FailedError("an answer of the API tells its length")
        return Raw(code, self._answers.read(length or 0), etag)

    def headers(self, etag: str = "") -> Mapping[str, str] | Message:
        """Return what every request of this person carries."""
        return {
            "Accept": "application/cbor, application/cbor-seq",
            "Content-Type": "application/cbor",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Host": self.host,
            "Origin": f"http://{self.host}",
            "X-CSRFToken": self.csrf,
            **({"If-None-Match": etag} if etag else {}),
        }
