"""The whole product as `./dev run` starts it, for the story in the browser and for the bench."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from config.embedded import BASE_DIR
from config.mailbox import mails
from tests.server import free_port

START_SECONDS = 300
STOP_SECONDS = 60
MAIL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Product:
    """A running Coffret: its address, its data folder, its supervisor's process, its settings."""

    url: str
    folder: Path
    process: psutil.Process
    settings: Mapping[str, str] = field(default_factory=dict)

    def web(self) -> list[psutil.Process]:
        """Return the web server's processes, workers included."""
        found = []
        for child in self.process.children(recursive=True):
            # Some other child may end just now.
            with suppress(psutil.NoSuchProcess):
                if any("granian" in word for word in child.cmdline()):
                    found.append(child)
        return found

    def mail_to(self, address: str, pattern: str) -> str:
        """Wait for a mail to `address` whose body matches; return the first group.

        Raises:
            TimeoutError: no such mail came within 30 s.
        """
        deadline = time.monotonic() + MAIL_SECONDS
        while time.monotonic() < deadline:
            for mail in mails(self.folder / "mail"):
                found = re.search(pattern, mail.body)
                if mail.to == address and found:
                    return found.group(1)
            time.sleep(0.1)
        raise TimeoutError(f"no mail to {address} that matches {pattern}")

    def manage(self, *arguments: str) -> str:
        """Run a management command on this product's services; return what it printed."""
        command = [sys.executable, "-m", "config.supervisor", "manage", *arguments]
        done = subprocess.run(
            command,
            cwd=BASE_DIR,
            env=environment(self.folder, **self.settings),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a product whose data lies in `folder`; nothing of a test's own."""
    ours = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "DJANGO_ALLOW_ASYNC_UNSAFE")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith("COFFRET_")
    }
    return {**kept, "COFFRET_DATA": str(folder), **more}


@contextmanager
def data_folder() -> Iterator[Path]:
    """Name a folder for one product and remove it afterwards.

    Not `tempfile.TemporaryDirectory`: PostgreSQL runs as `nobody` there if we are root, and has to
    pass through every folder above its own.
    """
    folder = Path(tempfile.gettempdir()) / f"coffret-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def product(folder: Path, **more: str) -> Iterator[Product]:
    """Run Coffret for the time of the block, with its data in `folder`.

    Args:
        folder: made if absent; left as it is afterwards.
        more: settings for its environment, e.g. `COFFRET_KEK_CACHE_SECONDS="2"`.

    Raises:
        RuntimeError: it did not start, or it left processes behind.
    """
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "supervisor.log"
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "config.supervisor", "run"],
            cwd=BASE_DIR,
            env=environment(folder, COFFRET_PORT=str(port), **more),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(running, log)
        yield Product(f"http://localhost:{port}", folder, psutil.Process(running.pid), more)
    finally:
        _stop(running)


def _wait_until_ready(running: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while b"Ctrl-C stops everything" not in log.read_bytes():
        if running.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Coffret did not start:\n{log.read_text()}")
        time.sleep(0.1)


def _stop(running: subprocess.Popen[bytes]) -> None:
    """Stop as Ctrl-C does, and see that nothing is left."""
    if running.poll() is not None:
        return
    family = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGINT)
    running.wait(STOP_SECONDS)
    _gone, left = psutil.wait_procs(family, timeout=STOP_SECONDS)
    if left:
        raise RuntimeError(f"left behind: {[process.name() for process in left]}")
