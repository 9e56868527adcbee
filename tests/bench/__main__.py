"""`./dev bench [--only NAME] [--seconds N] [--json FILE]`: measure, and print the table."""

import argparse
import sys
from pathlib import Path

from tests.bench import browser, chains, server, storage
from tests.bench.meter import largest_rss_mb
from tests.bench.report import Figure, figure, machine, table, write_json
from tests.product import data_folder, product

CASES = {
    "page": browser.first_page,
    "login": server.logins,
    "item": server.items,
    "sync": server.syncs,
    "grant": server.grants,
    "member": server.members,
    "storage": storage.storage,
    "vault10k": browser.vault10k,
    "chain": chains.chains,
    "links": chains.one_by_one,
}


def main() -> int:
    """Run the cases asked for; return 0 if every figure holds its target."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--only", choices=CASES, action="append", help="one case; repeatable")
    parser.add_argument("--seconds", type=float, default=30, help="of each load, after warm-up")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()

    measured_on = machine(seconds=options.seconds)  # first: what is missing ends it here
    figures: list[Figure] = []
    with data_folder() as folder, product(folder) as running:
        for name in options.only or CASES:
            for measured, value in CASES[name](running, options.seconds):
                figures.append(figure(measured, value))
                print(f"{measured:34} {value:12.3f}", file=sys.stderr, flush=True)
        figures.append(figure("web.rss_mb", largest_rss_mb(running)))

    print(f"{measured_on}\n")
    print(table(figures))
    if options.json:
        write_json(options.json, figures)
    return 0 if all(line.holds for line in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
