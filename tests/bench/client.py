"""A client that speaks the real protocol over one persistent connection."""

from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, RemoteDisconnected
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


class _Response(HTTPResponse):
    """Reads the head of an answer itself.

    The client shares its cores with what it measures, and `http.client` spends a sixth of a write
    on this side to read a head as if it were a mail's.
    """

    def begin(self) -> None:
        line = self.fp.readline()
        if not line:
            raise RemoteDisconnected("no answer")
        self.status = self.code = int(line.split(b" ", 2)[1])
        self.headers = self.msg = HTTPMessage()
        while (line := self.fp.readline()) not in (b"\r\n", b""):
            name, value = line.decode("latin-1").rstrip("\r\n").split(": ", 1)
            self.headers[name] = value
        if "Transfer-Encoding" in self.headers:
            raise FailedError("an answer of the API tells its length")
        self.chunked = False
        self.length = int(self.headers.get("Content-Length", 0))
        self.will_close = self.headers.get("Connection") == "close"


class Client:
    """One person's browser, as the server sees it. Callable as `tests.opaque_client.Api`."""

    def __init__(self, url: str, number: int) -> None:
        self.number = number
        self.host = urlsplit(url).netloc
        # Each on a loopback network of its own: the limits by address are those of one person.
        self.connection = HTTPConnection(
            "127.0.0.1",
            urlsplit(url).port,
            timeout=TIMEOUT_SECONDS,
            source_address=(f"127.{1 + number // 256}.{number % 256}.1", 0),
        )
        self.connection.response_class = _Response
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
        """Send bytes and return bytes: nothing is decoded here."""
        headers = self.headers(etag)
        try:
            self.connection.request(method, f"/api/v1/{path}", body, headers)
            response = self.connection.getresponse()
        except (BrokenPipeError, RemoteDisconnected):
            # It was idle for too long; the same bytes again change nothing twice.
            self.connection.close()
            self.connection.request(method, f"/api/v1/{path}", body, headers)
            response = self.connection.getresponse()
        data = response.read()
        for line in response.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return Raw(response.status, data, response.headers.get("ETag", ""))

    def headers(self, etag: str = "") -> dict[str, str]:
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
