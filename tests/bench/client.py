"""A client that speaks the real protocol over one persistent connection."""

from http.client import HTTPConnection
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from vaults.crypto import cbor

TIMEOUT_SECONDS = 60


class FailedError(Exception):
    """An answer that no benchmark may count."""


class Client:
    """One person's browser, as the server sees it."""

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc
        self.connection = HTTPConnection(self.host, timeout=TIMEOUT_SECONDS)
        self.cookies: dict[str, str] = {}
        self.csrf = ""

    def get(self, path: str) -> Any:
        """Return the decoded body of an answer that went well."""
        return self._decoded("GET", path, None)

    def send(self, path: str, body: object, *, method: str = "POST") -> Any:
        """Send a body as CBOR; return the decoded answer, None if it is empty."""
        return self._decoded(method, path, cbor.dumps(body))

    def send_raw(self, path: str, body: object) -> bytes:
        """Send a body as CBOR; return the answer's bytes."""
        return self._bytes("POST", path, cbor.dumps(body))

    def begin(self) -> None:
        """Fetch a CSRF token; the answers of sign-up and sign-in bring the next one."""
        self.csrf = self.get("session")["csrf"]

    def _decoded(self, method: str, path: str, body: bytes | None) -> Any:
        data = self._bytes(method, path, body)
        answer = cbor.loads(data) if data else None
        if isinstance(answer, dict) and isinstance(answer.get("csrf"), str):
            self.csrf = answer["csrf"]
        return answer

    def _bytes(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {
            "Accept": "application/cbor, application/cbor-seq",
            "Content-Type": "application/cbor",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "X-CSRFToken": self.csrf,
        }
        self.connection.request(method, f"/api/v1/{path}", body, headers)
        response = self.connection.getresponse()
        data = response.read()
        for line in response.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        if response.status >= 300:
            raise FailedError(f"{method} {path}: {response.status} {data[:300]!r}")
        return data
