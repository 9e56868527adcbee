"""`./dev fuzz [N]`: N chains in Python and TypeScript, 100,000 if none is said."""

import argparse
import sys
import time

from tests.fuzz.compare import compare
from tests.fuzz.explore import Result, as_line, describe, explore_all, read_back, work
from tests.fuzz.model import FOLD
from tests.fuzz.node import Judge

CHAINS = 100_000


def main() -> int:
    arguments = _arguments()
    if arguments.worker is not None:
        for result in work(arguments.worker, arguments.count):
            print(as_line(result), flush=True)
        return 0
    if arguments.story is not None:
        return _again(arguments.story)
    return _explore(arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=CHAINS, help="how many chains")
    parser.add_argument("--seed", type=int, help="the same stories as a run with this seed")
    parser.add_argument("--processes", type=int, help="how many share the work")
    parser.add_argument("--story", help="one story again, as a failure prints it")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _again(word: str) -> int:
    moves = read_back(word)
    with Judge() as judge:
        found = compare(moves, judge, ask_model=FOLD.exists())
    print(describe(moves, found.difference or "no difference"))
    return 1 if found.difference else 0


def _explore(arguments: argparse.Namespace) -> int:
    count, start = arguments.count, time.monotonic()

    def report(result: Result) -> None:
        rate = result.chains / (time.monotonic() - start)
        print(f"{result.chains:,} of {count:,} chains, {rate:.0f} a second", flush=True)

    result = explore_all(count, seed=arguments.seed, processes=arguments.processes, report=report)
    if result.failure:
        print(f"a difference after {result.chains:,} chains:\n{result.failure}")
        return 1
    print(_told(result, time.monotonic() - start))
    return 0


def _told(result: Result, seconds: float) -> str:
    refusals = len(result.verdicts.keys() - {"valid", "waiting", "DEK"})
    model = f"{result.asked_model:,} of the teams" if FOLD.exists() else "none: it is not there"
    return (
        f"{result.chains:,} chains of {result.stories:,} teams in {seconds:.0f} s: "
        f"{result.attempts:,} links and grants tried, "
        f"{result.verdicts['valid']:,} links valid, {refusals} refusal ids seen.\n"
        "Python and TypeScript agree on every verdict and every state. "
        f"The symbolic model was asked about {model}, and agrees."
    )


if __name__ == "__main__":
    sys.exit(main())
