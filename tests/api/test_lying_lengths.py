"""Bodies without a length, and with a false one, on the product's own web server."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.api.test_bad_input import counts
from tests.bench.client import Client

PATH = "/api/v1/signup/start"
BODY = b'{"email": "ana@example.org", "request": "' + b"A" * 43 + b'"}'
MIB = 1024 * 1024


@pytest.fixture
def browser(server: str) -> Iterator[Client]:
    """Somebody who has asked for the session, so that the server has nothing left to open."""
    client = Client(server, 1)
    with closing(client):
        yield client


def exchange(browser: Client, lines: dict[str, str], body: bytes, *, end: bool = False) -> bytes:
    """Send one request as told, and the end of the stream if `end`; return all that comes back."""
    headers = {
        **browser.headers(),
        "Content-Type": "application/json",
        "Accept": "*/*",
        "Connection": "close",
        **lines,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with closing(socket.create_connection(browser.server, timeout=10)) as peer:
        peer.sendall(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + body)
        if end:
            peer.shutdown(socket.SHUT_WR)
        answer = b""
        while part := peer.recv(65_536):
            answer += part
    return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def chunked(body: bytes) -> bytes:
    return f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"


def test_the_same_request_with_its_length_is_taken(browser: Client) -> None:
    answer = exchange(browser, {"Content-Length": str(len(BODY))}, BODY)
    # The element is none of the group, which only a body that was read can show.
    assert status(answer) in {200, 400}
    assert b'"fields"' not in answer


@pytest.mark.parametrize("size", [len(BODY), MIB])
def test_a_body_in_chunks_is_not_read(browser: Client, size: int) -> None:
    before = counts()
    body = BODY + b" " * (size - len(BODY))
    answer = exchange(browser, {"Transfer-Encoding": "chunked"}, chunked(body))
    assert status(answer) in {400, 411, 413}, answer
    assert counts() == before


@pytest.mark.parametrize("length", [str(len(BODY) - 1), "0", "1", "-1", "1e3", "x", str(10**30)])
def test_a_false_length_is_refused_or_cuts_the_body(browser: Client, length: str) -> None:
    before = counts()
    answer = exchange(browser, {"Content-Length": length}, BODY)
    # The web server itself may hang up on what is no HTTP.
    assert not answer or 400 <= status(answer) < 500, answer
    assert counts() == before


def test_a_body_that_ends_early_is_not_half_read(browser: Client) -> None:
    before = counts()
    answer = exchange(browser, {"Content-Length": str(len(BODY))}, BODY[:-1], end=True)
    assert not answer or 400 <= status(answer) < 500, answer
    assert counts() == before


def test_a_length_above_the_limit_is_refused_before_the_body_comes(browser: Client) -> None:
    answer = exchange(browser, {"Content-Length": str(MIB)}, b"")
    assert not answer or status(answer) == 413, answer
