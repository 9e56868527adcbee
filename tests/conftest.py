"""What every test may ask for: real services, a server, a browser."""

import itertools
import shutil
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as examples
from playwright.sync_api import Browser, Page

from accounts import limits
from accounts.kek import deployment_id
from accounts.setup import deployment_setup
from config.celery import app
from config.embedded import Services
from tests import settings as test_settings
from tests.browser import launch, watch
from tests.server import serve

pytest_plugins = ["tests.people", "tests.world"]

# The same examples in every run, however slow the machine is. `tests/mutants` has its own profile.
examples.register_profile(
    "suite",
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
if examples.get_current_profile_name() == "default":
    examples.load_profile("suite")

LONG = 1  # seconds: a run of less needs no account of them
BEGIN = 1_800_000_000_000_000  # µs since 1970: when the clock that stands still does so


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long the tests of each folder took, with what was set up for them."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            folder, _file = report.nodeid.split("::")[0].rsplit("/", 1)
            seconds[folder] += report.duration
    if sum(seconds.values()) > LONG:
        terminalreporter.section("seconds by folder")
        for folder, taken in sorted(seconds.items(), key=itemgetter(1), reverse=True):
            terminalreporter.write_line(f"{folder:24}{taken:6.0f} s")


@pytest.fixture(scope="session", autouse=True)
def services() -> Iterator[Services | None]:
    """PostgreSQL and Valkey of this run; None if DATABASE_URL and REDIS_URL were given."""
    folder = test_settings.FOLDER
    running = Services(folder, fast_and_unsafe=True)
    try:
        if test_settings.EMBEDDED:
            running.start()
        else:
            folder.mkdir(mode=0o700)
        yield running if test_settings.EMBEDDED else None
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _tasks() -> None:
    """Services queue tasks by name; an eager one has to be imported to be found."""
    app.loader.import_default_modules()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(services: Services | None) -> None:
    """Keep pytest-django from connecting before the services run."""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """End the sessions that servers and threads of tests still hold, before the database goes."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(autouse=True)
def _empty_cache(services: Services | None) -> Iterator[None]:
    """Counters, sessions and login state of one test are not those of the next."""
    yield
    cache.clear()


@pytest.fixture
def limits_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The clock by which tries are counted stands still, until the test sets it.

    The waits begin with one second, which a slow machine lets pass by itself. Times are in
    microseconds since the test began.
    """
    clock = "redis.call('TIME')"
    script = limits._TAKE
    assert clock in script

    def set_clock(microseconds: int) -> None:
        seconds, rest = divmod(BEGIN + microseconds, 1_000_000)
        monkeypatch.setattr(limits, "_TAKE", script.replace(clock, f"{{'{seconds}', '{rest}'}}"))

    set_clock(0)
    return set_clock


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """No test talks to another machine; a name that needs a resolver is refused as well."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            host = "127.0.0.1" if address[0] == "localhost" else address[0]
            if not ip_address(host).is_loopback:
                raise OSError(f"a test tried to reach {address[0]}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture
def deployment(db: None) -> UUID:
    """An installation that is set up: its KEK, its OPAQUE keys. Returns its id."""
    deployment_setup()
    return deployment_id()


@pytest.fixture
def mail_folder() -> Path:
    """The folder of mails; empty at first."""
    shutil.rmtree(settings.MAIL_FOLDER, ignore_errors=True)
    return Path(settings.MAIL_FOLDER)


@pytest.fixture(scope="session")
def _web(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    with django_db_blocker.unblock():
        name = connection.settings_dict["NAME"]
    with serve(test_settings.FOLDER, name) as url:
        yield url


@pytest.fixture
def server(transactional_db: None, _web: str) -> str:
    """The address of the product's own web server, on this test's database, `http://localhost:…`."""
    deployment_setup()
    return _web


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; each opens contexts of its own."""
    with launch() as chromium:
        yield chromium


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """A page of a fresh profile. The test fails if anything went wrong on it."""
    with browser.new_context(base_url=server) as context:
        page = context.new_page()
        problems = watch(page)
        yield page
        assert problems == []
