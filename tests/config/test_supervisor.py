"""`./dev run` as a person sees it: it starts, it tells where, and Ctrl-C leaves nothing behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from config.embedded import BASE_DIR
from tests.server import free_port

START_SECONDS = 90
STOP_SECONDS = 30


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that `nobody` can reach, as pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="coffret-run-"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder)


def start(data: Path, port: int) -> subprocess.Popen[str]:
    own = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in own and not name.startswith("COFFRET_")
    }
    return subprocess.Popen(
        [sys.executable, "-m", "config.supervisor", "run"],
        cwd=BASE_DIR,
        env={**kept, "COFFRET_DATA": str(data), "COFFRET_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_until_ready(run: subprocess.Popen[str]) -> str:
    """Return what was printed up to the line that says how to stop."""
    assert run.stdout is not None
    printed = ""
    for line in run.stdout:
        printed += line
        if line.startswith("Ctrl-C"):
            return printed
    raise AssertionError(f"ended with {run.wait()}:\n{printed}")


def processes(data: Path) -> list[str]:
    """Every process that works in a data folder, or was told of it by its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
            if str(data) in " ".join(words) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def get(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": f"localhost:{port}"})
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def test_it_runs_and_ctrl_c_leaves_no_process(data: Path) -> None:
    port = free_port()
    run = start(data, port)
    try:
        printed = wait_until_ready(run)
        assert f"http://localhost:{port}/" in printed
        assert f"http://localhost:{port}/mail/" in printed
        assert get(port, "/")[0] == 200
        assert "No mail yet" in get(port, "/mail/")[1]
        names = " ".join(processes(data))
        for name in ("granian", "celery -A config worker", "celery -A config beat", "postgres"):
            assert name in names, name
        assert "valkey" in names

        refused = start(data, free_port())
        said, _ = refused.communicate(timeout=START_SECONDS)
        assert refused.returncode == 1
        assert "already running" in said
        assert "Traceback" not in said

        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=STOP_SECONDS)
        assert run.returncode == 0, said
        assert processes(data) == []

        started = time.monotonic()
        run = start(data, port)
        wait_until_ready(run)
        assert time.monotonic() - started < 20
    finally:
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=STOP_SECONDS)
    assert processes(data) == []


def test_the_end_of_one_stops_all(data: Path) -> None:
    run = start(data, free_port())
    try:
        wait_until_ready(run)
        beat = next(line for line in processes(data) if " beat " in line)
        os.kill(int(beat.split()[0]), signal.SIGKILL)
        said, _ = run.communicate(timeout=STOP_SECONDS)
    finally:
        run.kill()
    assert run.returncode == 1
    assert "beat ended" in said
    assert processes(data) == []


def test_a_taken_port_is_said_in_one_line(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said, _ = (run := start(data, port)).communicate(timeout=START_SECONDS)
    assert run.returncode == 1
    assert said.strip() == f"coffret: Port {port} is taken: set COFFRET_PORT to another."
