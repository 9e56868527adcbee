"""One process that owns all the others: `./dev run` and `./dev manage`.

It starts PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL are given), brings the
database up to date, and starts web, worker and beat. Ctrl-C, TERM or the end of any of
them stops all.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config.embedded import (
    BASE_DIR,
    START_SECONDS,
    Child,
    EmbeddedError,
    Services,
    default_data_folder,
    local_secret,
    only_one,
    spawn,
)
from config.env import TRUE, envint
from config.memory import SERVER_HEAP, no_core_dumps

HOST = "127.0.0.1"
POLL_SECONDS = 0.2


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked us to stop
    """A signal asked us to stop."""


def main(arguments: list[str]) -> int:
    """Run `run`, or `manage ARGS`; return the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    no_core_dumps()
    folder = default_data_folder()
    try:
        if arguments[:1] == ["manage"]:
            return manage(folder, arguments[1:])
        return run(folder)
    except (EmbeddedError, ImproperlyConfigured) as error:
        print(f"coffret: {error}", file=sys.stderr)
        return 1
    except Stopped:
        return 0


def _stop(_number: int, _frame: object) -> None:
    # Once is enough: a second Ctrl-C must not break the stopping of the others.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise Stopped


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of the children: what is given, else what is embedded."""
    return {
        "COFFRET_ENV": "embedded",
        "COFFRET_MAIL_PAGE": "1",
        "COFFRET_LOG": "console",
        "COFFRET_PUBLIC_URL": f"http://localhost:{_port()}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONUNBUFFERED": "1",
        **({} if _secret_given() else {"COFFRET_SECRET_KEY": local_secret(folder)}),
        **SERVER_HEAP,
        **Services(folder).environment(),
        **os.environ,
        "COFFRET_DATA": str(folder),
    }


def _port() -> int:
    """Return the port of the page, by COFFRET_PORT."""
    return envint("COFFRET_PORT", 8000, low=1, high=65_535)


def _secret_given() -> bool:
    return "COFFRET_SECRET_KEY" in os.environ or "COFFRET_SECRET_KEY_FILE" in os.environ


def _services_given() -> bool:
    """Return whether both addresses come from outside; one alone is a mistake."""
    given = [name for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)]
    if len(given) == 1:
        raise EmbeddedError(f"Only {given[0]} is set: set DATABASE_URL and REDIS_URL, or neither.")
    return bool(given)


@contextmanager
def services(folder: Path) -> Iterator[None]:
    """Run the embedded services for the time of the block, unless others are given."""
    if _services_given():
        yield
        return
    running = Services(folder)
    running.start()
    try:
        yield
    finally:
        running.stop()


def manage(folder: Path, arguments: list[str]) -> int:
    """Run one of Django's commands, on the services of `./dev run` if that is running."""
    with only_one(folder) as lock:
        if lock is None:
            return _django(folder, arguments)
        with services(folder):
            return _django(folder, arguments)


def _django(folder: Path, arguments: list[str]) -> int:
    command = [sys.executable, "manage.py", *arguments]
    process = subprocess.Popen(command, cwd=BASE_DIR, env=environment(folder))
    try:
        return process.wait()
    finally:
        process.terminate()
        process.wait()


def run(folder: Path) -> int:
    """Run everything until a signal comes or one of the processes ends."""
    port = _port()
    with only_one(folder) as lock:
        if lock is None:
            raise EmbeddedError(f"Coffret is already running on {folder}.")
        _require_free(port)
        with services(folder):
            if _django(folder, ["migrate", "--no-input", "--verbosity", "0"]) != 0:
                raise EmbeddedError("The database could not be brought up to date.")
            if _django(folder, ["setup"]) != 0:
                raise EmbeddedError("The deployment could not be set up.")
            children: list[Child] = []
            try:
                return _serve(folder, port, children)
            finally:
                for child in reversed(children):
                    child.stop()


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise EmbeddedError(f"Port {port} is taken: set COFFRET_PORT to another.") from None


def commands(port: int) -> dict[str, list[str]]:
    """Return the three processes of ours, by name."""
    module = [sys.executable, "-m"]
    celery = [*module, "celery", "-A", "config"]
    return {
        "web": [
            *[*module, "granian", "config.wsgi:application", "--interface", "wsgi", "--no-ws"],
            *["--host", HOST, "--port", str(port), "--workers", "2", "--blocking-threads", "2"],
            # A worker that is told to stop while it starts does not hear it.
            *["--workers-kill-timeout", "5"],
        ],
        "worker": [*celery, "worker", "--loglevel", "INFO", "--concurrency", "2"],
        "beat": [*celery, "beat", "--loglevel", "INFO", "--schedule", "beat/schedule"],
    }


def _serve(folder: Path, port: int, children: list[Child]) -> int:
    log = folder / "log"
    (folder / "beat").mkdir(parents=True, exist_ok=True)
    log.mkdir(exist_ok=True)
    for name, command in commands(port).items():
        words = [word.replace("beat/schedule", f"{folder}/beat/schedule") for word in command]
        path = log / f"{name}.log"
        children.append(spawn(name, words, log=path, environment=environment(folder)))
    _wait_for_page(port, children)
    print(f"Coffret   http://localhost:{port}/")
    if environment(folder)["COFFRET_MAIL_PAGE"].lower() in TRUE:
        print(f"Mails     http://localhost:{port}/mail/")
    print(f"Logs      {shlex.quote(str(log))}")
    print("Ctrl-C stops everything.", flush=True)
    while True:
        _require_alive(children)
        time.sleep(POLL_SECONDS)


def _wait_for_page(port: int, children: list[Child]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        _require_alive(children)
        connection = HTTPConnection(HOST, port, timeout=5)
        with suppress(OSError):
            connection.request("GET", "/api/health", headers={"Host": "localhost"})
            if connection.getresponse().status == HTTPStatus.OK:
                return
        connection.close()
        time.sleep(POLL_SECONDS)
    raise EmbeddedError(f"The page did not answer within {START_SECONDS} s.")


def _require_alive(children: list[Child]) -> None:
    for child in children:
        if child.process.poll() is not None:
            raise EmbeddedError(f"{child.name} ended:\n{child.last_lines()}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
