"""The server's half: a pytest plugin that runs the suites once, then each check's cases without it.

`python -m pytest -p tests.mutants.server PATHS`. `COFFRET_MUTANTS` is a regular expression over
what is printed of a check; `COFFRET_MUTANTS_TO` is the descriptor that `__main__` reads.
"""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, settings

from tests.mutants import switch
from tests.mutants.checks import Check, install, named

CHECKS = install()

CHEAP = ("tests/crypto/", "tests/accounts/test_team_chain.py", "tests/vaults/test_vault_chain.py")
# Seconds for a case: to pass with every check in place, and what it may take longer without one.
PATIENCE, MORE = 600, 60
ANCHOR = Path(__file__).with_name("test_anchor.py")

# No shrinking and no memory: that a case fails is all that is asked.
settings.register_profile(
    "mutants", database=None, deadline=None, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("mutants")


class CaseTimeoutError(BaseException):
    """Not an `Exception`, so that nothing under test takes it for its own."""


@dataclass(frozen=True, slots=True)
class Case:
    item: pytest.Item
    seconds: float
    fired: frozenset[int]


def tell(**message: Any) -> None:
    """Send one line to the report."""
    os.write(int(os.environ["COFFRET_MUTANTS_TO"]), json.dumps(message).encode() + b"\n")


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise CaseTimeoutError

    former = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def _failure(item: pytest.Item, anchor: pytest.Item, seconds: float) -> str:
    """Run a case; return what failed, or nothing."""
    try:
        with _patience(seconds):
            reports = runtestprotocol(item, log=False, nextitem=anchor)
    except CaseTimeoutError:
        return "took too long"
    return next((f"{each.when}: {each.longreprtext}" for each in reports if each.failed), "")


def _recorded(item: pytest.Item, anchor: pytest.Item) -> Case:
    """Run a case as it is, and note which checks refused something in it."""
    switch.fired.clear()
    start = time.monotonic()
    failure = _failure(item, anchor, PATIENCE)
    if failure:
        raise RuntimeError(f"fails with every check in place: {item.nodeid}\n{failure}")
    return Case(item, time.monotonic() - start, frozenset(switch.fired))


def _catcher(check: Check, cases: list[Case], anchor: pytest.Item) -> Case | None:
    """The quickest case that fails without the check, or None."""
    reaching = [case for case in cases if check.number in case.fired]
    for case in sorted(reaching, key=lambda case: case.seconds):
        switch.off = check.number
        try:
            failed = _failure(case.item, anchor, MORE + 10 * case.seconds)
        finally:
            switch.off = None
        if failed:
            _recorded(case.item, anchor)  # and passes with it, as before
            return case
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """In place of running each test once."""
    anchor = next(item for item in session.items if item.path == ANCHOR)
    items = [item for item in session.items if item is not anchor]
    pattern = re.compile(os.environ.get("COFFRET_MUTANTS", ""))
    names = named([each for each in CHECKS if each.counts()])
    counting = [each for each in CHECKS if each.number in names]
    open_checks = [each for each in counting if pattern.search(names[each.number])]
    tell(checks=[[each.number, names[each.number], each.line] for each in open_checks])
    for cheap in (True, False):
        chosen = [item for item in items if item.nodeid.startswith(CHEAP) is cheap]
        if not open_checks:
            break
        tell(cases=len(chosen))
        cases = [_recorded(item, anchor) for item in chosen]
        for check in list(open_checks):
            found = _catcher(check, cases, anchor)
            if found:
                tell(caught=check.number, by=found.item.nodeid)
                open_checks.remove(check)
    for check in open_checks:
        tell(survived=check.number)
    # Session fixtures end with the last test.
    runtestprotocol(anchor, log=False, nextitem=None)
    return True
