"""A server that lies: it stands between a browser and Coffret, and bends answers by rule.

    with LyingServer() as liar:
        liar.upstream = port
        with liar.lying("POST", "sync", rewritten(lambda values: values[:-1])):
            ...

Every request of the browser is kept to the byte, in the order of arrival. Without a rule the proxy
is honest. A rule is called instead of the server; it may ask the server, once, often or never, and
returns what the browser is told: that is how answers are rewritten, dropped, replayed, delayed,
reordered and injected. What goes wrong inside a rule is kept in `failures`, so that a case cannot
pass because its lie was never told.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from vaults.crypto import cbor

API = "/api/v1/"
TIMEOUT_SECONDS = 60
# Of one connection, not of the message.
HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
# Paths that rules are made for.
CHANGES = "teams/.*/vaults/.*/changes"
ITEM = "teams/.*/vaults/.*/items/.*"


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it left the browser. `path` is behind `/api/v1/`, else begins with a slash."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def everything(self) -> bytes:
        """Every byte of it: the line, the headers, the body."""
        lines = [
            f"{self.method} {self.path}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body

    def value(self) -> Any:
        """Its body, which is CBOR."""
        return cbor.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser is told."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self) -> list[Any]:
        """The values of a CBOR sequence, or the one value of a CBOR body."""
        found, at = [], 0
        while at < len(self.body):
            value, at = cbor._item(self.body, at, 0)
            found.append(value)
        return found

    def saying(self, *values: Any) -> "Answer":
        """The same answer with other values."""
        return replace(self, body=b"".join(cbor.dumps(value) for value in values))

    def adding(self, *headers: tuple[str, str]) -> "Answer":
        """The same answer with these headers instead of those of their names."""
        names = {name.lower() for name, _value in headers}
        kept = tuple(each for each in self.headers if each[0].lower() not in names)
        return replace(self, headers=kept + headers)


# Asks the honest server; with a body, it is sent instead of the browser's.
Ask = Callable[..., Answer]
# Returns what the browser is told; None closes the connection without a word.
Bend = Callable[[Sent, Ask], Answer | None]


def problem(status: int, code: str) -> Answer:
    """An error in the server's own form."""
    body = f'{{"code": "{code}", "title": "no", "status": {status}}}'.encode()
    return Answer(status, (("Content-Type", "application/problem+json"),), body)


def rewritten(change: Callable[[list[Any]], list[Any]]) -> Bend:
    """Tell what the server says, after `change` of its values."""

    def bend(_sent: Sent, ask: Ask) -> Answer:
        answer = ask()
        return answer.saying(*change(answer.values())) if answer.status == 200 else answer

    return bend


def dropped(sent: Sent, ask: Ask) -> None:
    """Hand the request on, and lose the answer."""
    ask()


def never_arrived(sent: Sent, ask: Ask) -> None:
    """Lose the request."""


def replayed(answer: Answer) -> Bend:
    """Tell an answer that was given before."""
    return lambda _sent, _ask: answer


@dataclass(slots=True)
class Late:
    """Tells what is true when it is asked, as late as the test wants."""

    asked: threading.Event = field(default_factory=threading.Event)
    _told: threading.Event = field(default_factory=threading.Event)
    answers: list[Answer] = field(default_factory=list)

    def bend(self, _sent: Sent, ask: Ask) -> Answer:
        """Ask at once, and keep the answer back."""
        answer = ask()
        self.asked.set()
        if not self._told.wait(TIMEOUT_SECONDS):
            raise TimeoutError("nobody had it told")
        self.answers.append(answer)
        return answer

    def tell(self) -> None:
        """Now."""
        self._told.set()


@dataclass(slots=True)
class Lie:
    """A rule that holds for now. `told` counts the requests that it was asked about."""

    method: re.Pattern[str]
    path: re.Pattern[str]
    bend: Bend
    times: int | None
    told: int = 0

    def concerns(self, sent: Sent) -> bool:
        """Is this one of its requests, and not one too many?"""
        if self.times is not None and self.told >= self.times:
            return False
        return bool(self.method.fullmatch(sent.method) and self.path.fullmatch(sent.path))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    liar: "LyingServer"  # of the class that each server makes for itself

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        path = self.path.removeprefix(API)
        sent = Sent(self.command, path, tuple(self.headers.items()), self.rfile.read(length))
        answer = self.liar.answer(sent, self.path)
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.status != 304:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815  as the base calls them

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base's name
        """Keep the tests' output to the tests."""


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a browser that hangs up; what a rule did wrong is in `failures`."""


class LyingServer:
    """The proxy. Use it as a context manager; set `upstream` before the first request."""

    def __init__(self) -> None:
        handler = type("Handler", (_Handler,), {"liar": self})
        self._server = _Threads(("127.0.0.1", 0), handler)
        self._lock = threading.Lock()
        self._lies: list[Lie] = []
        self.upstream = 0  # TCP port of the honest server
        self.sent: list[Sent] = []
        self.failures: list[Exception] = []

    @property
    def url(self) -> str:
        """Where the browser goes."""
        return f"http://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def lying(
        self, method: str, path: str, bend: Bend, *, times: int | None = None
    ) -> Iterator[Lie]:
        """Lie for the time of the block.

        Args:
            method: regular expression of the whole method.
            path: regular expression of the whole path behind `/api/v1/`, query included.
            bend: the lie.
            times: it is told to the first so many requests; None: to all.
        """
        lie = Lie(re.compile(method), re.compile(path), bend, times)
        with self._lock:
            self._lies.insert(0, lie)
        try:
            yield lie
        finally:
            with self._lock:
                self._lies.remove(lie)

    def answer(self, sent: Sent, path: str) -> Answer | None:
        """Keep the request and answer it, by the newest rule that concerns it."""
        with self._lock:
            self.sent.append(sent)
            lie = next((each for each in self._lies if each.concerns(sent)), None)
            if lie is not None:
                lie.told += 1
        try:
            if lie is None:
                return self._ask(sent, path)

            def ask(body: bytes = sent.body) -> Answer:
                return self._ask(replace(sent, body=body), path, whole=True)

            return lie.bend(sent, ask)
        except Exception as error:
            self.failures.append(error)
            raise

    def _ask(self, sent: Sent, path: str, *, whole: bool = False) -> Answer:
        """Ask the honest server; `whole`: for the body, even if nothing has changed."""
        left_out = {"accept-encoding", "connection", "content-length"}
        if whole:
            left_out.add("if-none-match")
        headers = {name: value for name, value in sent.headers if name.lower() not in left_out}
        connection = HTTPConnection("127.0.0.1", self.upstream, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(sent.method, path, sent.body or None, headers)
            answer = connection.getresponse()
            kept = tuple(each for each in answer.getheaders() if each[0].lower() not in HOP)
            return Answer(answer.status, kept, answer.read())
        finally:
            connection.close()
