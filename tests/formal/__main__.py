"""`python -m tests.formal [MOVES]`: the bounded check with a bound of one's own."""

import argparse
import sys
import time

from tests.formal.check import JOINING, explore

MOVES = 8
FEWER = {"before": 0, "joined": 2}  # once Ben is there, more can happen at every move
MOST = 3_000_000  # states: about 6 GB


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.formal", description=__doc__)
    parser.add_argument("moves", nargs="?", type=int, default=MOVES)
    bound = parser.parse_args().moves
    for via in JOINING:
        for begin, fewer in FEWER.items():
            start = time.monotonic()
            report = explore(via, begin, moves=bound - fewer, most=MOST)
            seconds = time.monotonic() - start
            told = "every interleaving" if report.complete else "not all interleavings"
            print(
                f"invited via {via}, {begin}: {told} of {report.moves} moves, "
                f"{report.states:,} states, {seconds:.0f} s",
                flush=True,
            )
            if report.broken:
                print("\n".join(report.broken))
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
