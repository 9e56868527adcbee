"""`./dev mutants [PATTERN]`: switch off each check of client and server, one at a time.

Prints for each what caught it, and at the end `N of N caught`; 1 is the exit status otherwise.
PATTERN is a regular expression over `file function id`. Both halves run at the same time, the
cheap suites first; a check is tried only on the cases in which it refuses something.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock, Thread
from typing import IO, Any

from tests.mutants.equivalent import EQUIVALENT

ROOT = Path(__file__).parents[2]

# Everything that runs the server's code in pytest's own process.
SERVER_SUITES = (
    *("tests/crypto", "tests/accounts", "tests/vaults", "tests/sharing", "tests/kms"),
    *("tests/audit", "tests/config/test_errors.py"),
    *("tests/api/test_bad_input.py", "tests/api/test_lying_lengths.py"),
    *("tests/architecture/test_sweep.py", "tests/architecture/test_tenancy.py"),
    # Its writers are other processes.
    "--deselect=tests/vaults/test_many_writers.py",
)
ANCHOR = "tests/mutants/test_anchor.py"
PYTEST = ("-q", "-p", "tests.mutants.server", "-p", "no:cacheprovider")


class Half:
    """One language's mutants, as they are found and caught in a process of its own."""

    def __init__(self, name: str, command: list[str], folder: Path, report: "Report") -> None:
        self.name = name
        self.checks: dict[int, tuple[str, int]] = {}
        self.caught: dict[int, str] = {}
        # The case, if any, that fails without it and without the one that it stands behind.
        self.survived: dict[int, str | None] = {}
        self.failed = True
        self._command = command
        self._folder = folder
        self._report = report
        self._thread = Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        reading, writing = os.pipe()
        behind = {place: other for place, (other, _reason) in EQUIVALENT.items()}
        environment = os.environ | {
            "COFFRET_MUTANTS_TO": str(writing),
            "COFFRET_MUTANTS_BEHIND": json.dumps(behind),
        }
        with (
            os.fdopen(reading, encoding="utf-8") as lines,
            subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=environment,
                pass_fds=[writing],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as child,
        ):
            os.close(writing)
            said: list[str] = []
            listener = Thread(target=_collect, args=(child.stdout, said))
            listener.start()
            for line in lines:
                self._take(json.loads(line))
            listener.join()
        self.failed = child.returncode != 0
        if self.failed:
            self._report.say(f"{self.name}: ended with {child.returncode}\n{''.join(said)[-4000:]}")

    def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"checks": checks}:
                self.checks = {number: (place, line) for number, place, line in checks}
                self._report.say(f"{self.name}: {len(checks)} checks")
            case {"cases": count}:
                self._report.say(f"{self.name}: {count} cases pass with every check in place")
            case {"caught": number, "by": case}:
                self.caught[number] = case
                self._report.say(f"{self._progress()} {self._named(number)} → caught by {case}")
            case {"survived": number, "without_both": case}:
                self.survived[number] = case

    def _progress(self) -> str:
        return f"{self.name} {len(self.caught)}/{len(self.checks)}:"

    def _named(self, number: int) -> str:
        place, line = self.checks[number]
        return f"{place} (line {line})"

    def survivors(self) -> Iterator[tuple[str, str, str | None]]:
        """The place of each, its printed name, and what shows that another check stands behind."""
        for number, case in self.survived.items():
            yield self.checks[number][0], self._named(number), case


class Report:
    def __init__(self) -> None:
        self._lock = Lock()
        self._start = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line. The name of a case may hold half a surrogate pair, which is no UTF-8."""
        shown = text.encode("utf-8", "backslashreplace").decode()
        with self._lock:
            sys.stdout.write(f"{time.monotonic() - self._start:6.0f} s  {shown}\n")
            sys.stdout.flush()


def _collect(stream: IO[str] | None, into: list[str]) -> None:
    into.extend(stream or ())


def main(pattern: str, suites: Sequence[str] = SERVER_SUITES) -> int:
    """Run both halves; return the exit status."""
    os.environ["COFFRET_MUTANTS"] = pattern
    report = Report()
    halves = [
        Half("server", [sys.executable, "-m", "pytest", *PYTEST, ANCHOR, *suites], ROOT, report),
        Half("client", ["node", "tests/mutants/run.mjs", pattern], ROOT / "static", report),
    ]
    for half in halves:
        half.join()
    return _conclude(halves, pattern, report)


def _conclude(halves: list[Half], pattern: str, report: Report) -> int:
    alive = [survivor for half in halves for survivor in half.survivors()]
    excused = {place: case for place, _, case in alive if case is not None}
    for place, case in excused.items():
        other, reason = EQUIVALENT[place]
        report.say(f"{place} → stands before {other}: {reason}; without both, caught by {case}")
    open_ones = [named for place, named, _ in alive if place not in excused]
    for named in open_ones:
        report.say(f"{named} → SURVIVED")
    failed = any(half.failed for half in halves)
    stale = [] if pattern or failed else sorted(EQUIVALENT.keys() - excused.keys())
    for place in stale:
        report.say(f"{place} → stands among the equivalent, and is not")
    caught = sum(len(half.caught) for half in halves)
    # What a half that broke off never tried is not caught.
    checks = sum(len(half.checks) for half in halves) - len(excused)
    report.say(f"{len(excused)} more were caught only together with the check behind them")
    report.say(f"{caught} of {checks} caught")
    return 1 if open_ones or stale or failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
