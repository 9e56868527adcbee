"""Many stories: drawn by Hypothesis, compared, and shrunk if two judges differ."""

import json
import os
import secrets
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.compare import Compared, compare
from tests.fuzz.model import FOLD
from tests.fuzz.moves import LEAST_MOVES, MOVE_SIZE, MOVES
from tests.fuzz.node import Judge
from tests.fuzz.story import Story

CHUNK = 250  # stories between two reports: Hypothesis remembers those of one chunk
MODEL_EVERY = 4  # every so many stories the model is asked too: it is slow
ROOT = Path(__file__).parents[2]


@dataclass
class Result:
    """What was found so far."""

    stories: int = 0
    chains: int = 0  # each team's and its vaults'
    asked_model: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    failure: str | None = None

    @property
    def attempts(self) -> int:
        return sum(self.verdicts.values())

    def add(self, other: "Result") -> None:
        self.stories += other.stories
        self.chains += other.chains
        self.asked_model += other.asked_model
        self.verdicts += other.verdicts
        self.failure = self.failure or other.failure


class Differs(Exception):  # noqa: N818  what Hypothesis is to shrink
    """Two judges of one story differ."""


def explore(seed: int, count: int, judge: Judge) -> Result:
    """Compare `count` stories, or fewer if one differs: then the smallest such is described."""
    result, smallest = Result(), [b""]
    with_model = FOLD.exists()

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
    )
    @given(MOVES)
    def check(moves: list[bytes]) -> None:
        asked = with_model and moves[0][-1] % MODEL_EVERY == 0
        try:
            found = compared(moves, judge, ask_model=asked)
        except Exception:
            smallest[:] = moves
            raise
        result.stories += 1
        result.chains += found.chains
        result.asked_model += found.asked_model
        result.verdicts += found.verdicts

    try:
        check()
    except Differs as difference:
        result.failure = describe(smallest, str(difference))
    except Exception:  # noqa: BLE001  a fold that breaks is a difference too
        result.failure = f"{traceback.format_exc()}\n{again(smallest)}"
    return result


def compared(moves: list[bytes], judge: Judge, *, ask_model: bool) -> Compared:
    """`compare`, but a difference is an exception: that is what Hypothesis shrinks."""
    found = compare(moves, judge, ask_model=ask_model)
    if found.difference is not None:
        raise Differs(found.difference)
    return found


def describe(moves: list[bytes], difference: str) -> str:
    """A story in words, and how to see it again."""
    told = "\n".join(
        f"  {number:3} {attempt.what}: {attempt.verdict}"
        for number, attempt in enumerate(Story(moves).attempts)
    )
    return f"{difference}\nthe story, with Python's verdicts:\n{told}\n{again(moves)}"


def again(moves: list[bytes]) -> str:
    return f"again: ./dev fuzz --story {written(moves)}"


def written(moves: list[bytes]) -> str:
    """Moves as one word."""
    return ".".join(move.rstrip(b"\0").hex() for move in moves)


def read_back(word: str) -> list[bytes]:
    moves = [bytes.fromhex(move).ljust(MOVE_SIZE, b"\0") for move in word.split(".")]
    return [*moves, *[bytes(MOVE_SIZE)] * (LEAST_MOVES - len(moves))]


def work(seed: int, chains: int) -> Iterator[Result]:
    """The results of one process, chunk by chunk; the last if one has a failure."""
    done = 0
    with Judge() as judge:
        while done < chains:
            result = explore(seed + done, CHUNK, judge)
            yield result
            done += result.chains
            if result.failure:
                return


def explore_all(
    count: int,
    *,
    seed: int | None = None,
    processes: int | None = None,
    report: Callable[[Result], None] = lambda _: None,
) -> Result:
    """Compare stories until they have `count` chains.

    Args:
        count: chains, of teams and vaults; a few more, since stories are not cut.
        seed: the same seed, count and number of processes give the same stories; None draws one.
        processes: that share the work; None is one for each core.
        report: is told what is known after every chunk.
    """
    seed = secrets.randbelow(2**40) if seed is None else seed
    workers = min(processes or os.cpu_count() or 1, count)
    shares = [count // workers + (number < count % workers) for number in range(workers)]
    total = Result()
    with ExitStack() as stack, DefaultSelector() as selector:
        for number, share in enumerate(shares):
            process = stack.enter_context(_worker(seed + (number << 40), share))
            stack.callback(process.kill)
            assert process.stdout
            selector.register(process.stdout, EVENT_READ, process.stdout)
        while selector.get_map() and not total.failure:
            for key, _ in selector.select():
                line = key.data.readline()
                if not line:
                    selector.unregister(key.fileobj)
                    continue
                total.add(_parsed(line))
                report(total)
    if total.chains < count and not total.failure:
        total.failure = f"only {total.chains} of {count} chains were compared: see above"
    return total


def _worker(seed: int, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.fuzz", str(count), "--worker", str(seed)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1)


def as_line(result: Result) -> str:
    """What a worker says to the process that started it."""
    fields: dict[str, Any] = {**vars(result), "verdicts": dict(result.verdicts)}
    return json.dumps(fields)


def _parsed(line: str) -> Result:
    fields = json.loads(line)
    return Result(**{**fields, "verdicts": Counter(fields["verdicts"])})
