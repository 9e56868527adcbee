"""The product's own web server for a test: granian on a free port, on the test database."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from config.embedded import spawn

START_SECONDS = 120


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(folder: Path, database: str) -> Iterator[str]:
    """Serve `database` for the time of the block; yields the address, without a slash."""
    port = free_port()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "COFFRET_TEST_FOLDER": str(folder),
        "COFFRET_PUBLIC_URL": f"http://localhost:{port}",
        "DATABASE_URL": urlunsplit(
            urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}")
        ),
    }
    command = [sys.executable, "-m", "granian", "config.wsgi:application", "--interface", "wsgi"]
    options = ["--no-ws", "--port", str(port), "--workers", "1", "--blocking-threads", "4"]
    log = folder / f"web-{port}.log"
    child = spawn("web", [*command, *options], log=log, environment=environment)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(port):
            if child.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{child.last_lines()}")
            time.sleep(0.05)
        yield f"http://localhost:{port}"
    finally:
        child.stop()


def answers(port: int) -> bool:
    """Return whether a healthy server answers on a port."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/health", headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
