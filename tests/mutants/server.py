"""The server's half: a pytest plugin that runs the suites once, then each check's cases without it.

`python -m pytest -p tests.mutants.server PATHS`. `COFFRET_MUTANTS` is a regular expression over
what is printed of a check; `COFFRET_MUTANTS_TO` is the descriptor that `__main__` reads.
"""

import importlib
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
from tests.mutants.checks import all_checks, install, named
from tests.mutants.equivalent import EQUIVALENT

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


def _catcher(off: frozenset[int], cases: list[Case], anchor: pytest.Item) -> Case | None:
    """The quickest case that fails without these checks, or None."""
    reaching = [case for case in cases if off & case.fired]
    for case in sorted(reaching, key=lambda case: case.seconds):
        switch.off = off
        try:
            failed = _failure(case.item, anchor, MORE + 10 * case.seconds)
        finally:
            switch.off = frozenset()
        if failed:
            _recorded(case.item, anchor)  # and passes with it, as before
            return case
    return None


def _load_all() -> None:
    """Load what is loaded at the first request or by nobody: its checks are checks as well."""
    for module in sorted({check.module for check in all_checks()}):
        importlib.import_module(module)


def _open_checks() -> dict[int, str]:
    """The names of the checks to be tried, by their number."""
    pattern = re.compile(os.environ.get("COFFRET_MUTANTS", ""))
    lines = {check.number: check.line for check in CHECKS}
    names = named([each for each in CHECKS if each.counts()])
    chosen = {number: name for number, name in names.items() if pattern.search(name)}
    tell(checks=[[number, name, lines[number]] for number, name in chosen.items()])
    return chosen


def _shadow(number: int, cases: list[Case], anchor: pytest.Item) -> str | None:
    """The case that fails without a check and the one that refuses as well, if such is named."""
    names = named([each for each in CHECKS if each.counts()])
    behind = EQUIVALENT.get(names[number])
    if behind is None:
        return None
    (other,) = (each for each, name in names.items() if name == behind.other)
    mine = [case for case in cases if number in case.fired]
    found = _catcher(frozenset({number, other}), mine, anchor)
    return found.item.nodeid if found else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """In place of running each test once."""
    _load_all()
    anchor = next(item for item in session.items if item.path == ANCHOR)
    items = [item for item in session.items if item is not anchor]
    left = _open_checks()
    all_cases: list[Case] = []
    for cheap in (True, False):
        chosen = [item for item in items if item.nodeid.startswith(CHEAP) is cheap]
        if not left:
            break
        cases = [_recorded(item, anchor) for item in chosen]
        tell(cases=len(chosen))
        all_cases += cases
        for number in list(left):
            found = _catcher(frozenset({number}), cases, anchor)
            if found:
                tell(caught=number, by=found.item.nodeid)
                del left[number]
    for number in left:
        tell(survived=number, without_both=_shadow(number, all_cases, anchor))
    # Session fixtures end with the last test.
    runtestprotocol(anchor, log=False, nextitem=None)
    return True
