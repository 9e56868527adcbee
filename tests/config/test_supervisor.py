"""`./dev run` as a person sees it: it starts, it tells where, and Ctrl-C leaves nothing behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from config.embedded import BASE_DIR
from tests.config.test_memory import dumps_no_core
from tests.server import free_port

START_SECONDS = 300
STOP_SECONDS = 120

Start = Callable[[int | str], subprocess.Popen[str]]


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that `nobody` can reach, as pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="coffret-run-"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture
def start(data: Path) -> Iterator[Start]:
    """Start `./dev run` on `data` and a port; whatever still runs at the end is stopped."""
    started: list[subprocess.Popen[str]] = []

    def begin(port: int | str) -> subprocess.Popen[str]:
        started.append(popen(data, port))
        return started[-1]

    yield begin
    for run in started:
        with run:  # closes the pipe, so that a failure here does not fail the next test
            run.terminate()
    assert processes(data) == []


def popen(data: Path, port: int | str) -> subprocess.Popen[str]:
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
    printed: str = ""
    for line in iter(run.stdout.readline, ""):
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
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Host": f"localhost:{port}"})
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


@pytest.mark.usefixtures("cores_allowed")
def test_it_runs_and_ctrl_c_leaves_no_process(data: Path, start: Start) -> None:
    port = free_port()
    run = start(port)
    printed = wait_until_ready(run)
    assert f"http://localhost:{port}/" in printed
    assert f"http://localhost:{port}/mail/" in printed
    assert get(port, "/")[0] == 200
    assert "No mail yet" in get(port, "/mail/")[1]
    names = " ".join(processes(data))
    for name in (
        "granian",
        "celery -A config worker",
        "celery -A config beat",
        "postgres",
        "valkey",
    ):
        assert name in names, name
    family = psutil.Process(run.pid).children(recursive=True)
    assert len(family) > 9
    assert [process for process in family if not dumps_no_core(process.pid)] == []

    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=STOP_SECONDS)

    assert run.returncode == 0, said
    assert processes(data) == []


def test_the_second_start_takes_seconds_and_a_third_at_once_is_refused(start: Start) -> None:
    port = free_port()
    first = start(port)
    wait_until_ready(first)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=STOP_SECONDS)

    started = time.monotonic()
    second = start(port)
    wait_until_ready(second)
    # Five on a machine that does nothing else; these tests run beside the browser's.
    assert time.monotonic() - started < 40

    third = start(free_port())
    said, _ = third.communicate(timeout=START_SECONDS)
    assert third.returncode == 1
    assert "already running" in said
    assert "Traceback" not in said


def test_the_end_of_one_stops_all(data: Path, start: Start) -> None:
    run = start(free_port())
    wait_until_ready(run)
    beat = next(line for line in processes(data) if " beat " in line)
    os.kill(int(beat.split()[0]), signal.SIGKILL)

    said, _ = run.communicate(timeout=STOP_SECONDS)

    assert run.returncode == 1
    assert "beat ended" in said
    assert processes(data) == []


def test_a_killed_supervisor_takes_its_processes_along(data: Path, start: Start) -> None:
    run = start(free_port())
    wait_until_ready(run)
    run.kill()

    deadline = time.monotonic() + STOP_SECONDS
    while processes(data) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes(data) == []


def test_a_taken_port_is_said_in_one_line(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = start(port)
        said, _ = run.communicate(timeout=START_SECONDS)
    assert run.returncode == 1
    assert said.strip() == f"coffret: Port {port} is taken: set COFFRET_PORT to another."


@pytest.mark.parametrize(
    ("port", "why"), [("abc", "must be a whole number"), ("0", "must be from 1 to 65535")]
)
def test_an_odd_port_is_refused_by_name_in_one_line(start: Start, port: str, why: str) -> None:
    run = start(port)
    said, _ = run.communicate(timeout=START_SECONDS)
    assert run.returncode == 1
    assert said.strip() == f"coffret: COFFRET_PORT {why}"
