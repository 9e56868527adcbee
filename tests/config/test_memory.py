"""What a web process keeps after its largest requests."""

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from config.embedded import BASE_DIR
from config.errors import problem
from config.limits import LARGE_BODY, BodyLimitMiddleware
from config.memory import SERVER_HEAP, give_back

# 20 MB in blocks of 100 kB, of which the last one, at the heap's end, stays. Prints the bytes that
# the process has kept of the others: all of them unless something gives them back.
BLOCKS = """
import os
import sys
from config.memory import bound_heap, trim_heap

def resident():
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

if "bound" in sys.argv:
    bound_heap()
before = resident()
blocks = [b"x" * (100_000 + size) for size in range(200)]
del blocks[:-1]
if "trim" in sys.argv:
    trim_heap()
print(resident() - before)
"""

SHOW_LIMITS = "print(open('/proc/self/limits').read())"
DOORS = {
    "web": ["-c", f"import config.wsgi; {SHOW_LIMITS}"],
    "worker and beat": [
        "-c",
        f"import config.celery; config.celery.app.loader.init_worker(); {SHOW_LIMITS}",
    ],
    "manage.py": ["manage.py", "shell", "-c", SHOW_LIMITS],
}


class Ring:
    """What only the collector frees."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Whatever goes now goes because somebody asked for it."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def kept_bytes(*how: str) -> int:
    told = subprocess.run(
        [sys.executable, "-c", BLOCKS, *how], capture_output=True, check=True, text=True
    )
    return int(told.stdout)


@pytest.mark.parametrize("how", ["bound", "trim"])
def test_freed_blocks_leave_the_process(how: str) -> None:
    assert kept_bytes() > 15_000_000
    assert kept_bytes(how) < 5_000_000


def test_the_web_servers_own_allocator_does_as_it_is_told() -> None:
    ((name, options),) = SERVER_HEAP.items()
    told = subprocess.run(
        [sys.executable, "-c", "import granian._granian"],
        env={**os.environ, name: f"{options},stats_print:true"},
        capture_output=True,
        check=True,
        text=True,
    )
    for option, value in (pair.split(":") for pair in options.split(",")):
        assert f"opt.{option}: {value}" in told.stderr


def forbids_cores(limits: str) -> bool:
    """Return whether a text of /proc/<pid>/limits allows no core file, and never will."""
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    return line.split()[-3:] == ["0", "0", "bytes"]


def dumps_no_core(pid: int) -> bool:
    return forbids_cores(Path(f"/proc/{pid}/limits").read_text())


@pytest.mark.usefixtures("cores_allowed")
@pytest.mark.parametrize("door", DOORS)
def test_no_process_of_ours_dumps_its_keys(door: str) -> None:
    told = subprocess.run(
        [sys.executable, *DOORS[door]],
        cwd=BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        check=True,
        text=True,
    )
    assert forbids_cores(told.stdout)


@pytest.mark.usefixtures("no_collector")
def test_giving_back_collects_rings() -> None:
    ring = weakref.ref(Ring())
    assert ring() is not None
    give_back()
    assert ring() is None


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    ("size", "status", "is_gone"),
    [(LARGE_BODY, 200, True), (LARGE_BODY - 1, 200, False), (LARGE_BODY, 413, False)],
    ids=["large", "small", "large, not read"],
)
def test_only_a_large_body_that_was_read_is_worth_a_collection(
    *, size: int, status: int, is_gone: bool
) -> None:
    rings = []

    def view(_request: HttpRequest) -> HttpResponse:
        rings.append(weakref.ref(Ring()))
        return HttpResponse() if status == 200 else problem(413)

    body = bytes(size)
    BodyLimitMiddleware(view)(RequestFactory().post("/", body, "application/cbor"))
    assert (rings[0]() is None) == is_gone
