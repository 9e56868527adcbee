"""Eight clients in processes of their own write to one vault of the running product at once.

A *write* is one entry of a vault link: one revision of one item, with its two blobs. It is
acknowledged when the server has answered 200 or 201 to its link, or when the answer was lost and
the writer, in its own fold, finds its link in the place that it was signed for. Links carry 1 to 15
entries, half of them revisions of items that all writers touch.

It takes about a minute on two cores.
"""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing

from accounts.team_chain import fold_team
from tests.bench.people import BenchWorld
from tests.chains import Person
from tests.product import data_folder, product
from tests.vaults.writer import Report, Seat, meet, write
from vaults.crypto.links import parse_signed
from vaults.vault_chain import fold_vault, vault_start

WRITERS = 8
ENOUGH = 10_000  # acknowledged writes


def seat(world: BenchWorld, person: Person, vault: bytes) -> Seat:
    """What a process needs to write as this person."""
    client = world.load_client(person)
    return Seat(
        url=world.product.url,
        number=client.number,
        cookies=client.cookies,
        csrf=client.csrf,
        seed=bytes(person.identity),
        member=person.member,
        fp=person.fp,
        team_links=world.team.links,
        vault=vault,
    )


def crowd(seats: list[Seat]) -> list[Report]:
    """Let all write at once; return what each was told. What one of them raises is raised here."""
    spawn = multiprocessing.get_context("spawn")
    together = (spawn.Value("q", 0), spawn.Barrier(len(seats)))
    with ProcessPoolExecutor(len(seats), spawn, meet, together) as pool:
        running = [pool.submit(write, each, ENOUGH) for each in seats]
        return [future.result() for future in running]


def served(world: BenchWorld, vault: bytes) -> tuple[list[bytes], list[bytes]]:
    """The links of the team and of the vault as a new browser gets them."""
    team: list[bytes] = []
    links: list[bytes] = []
    for record in world.sync(world.founder, ["teams", "links"]):
        if record[0] == "team":
            team += record[1]["links"]
        elif record[0] == "links" and record[1] == vault:
            assert record[2] == len(links) + 1
            links += record[3]
    return team, links


def test_every_acknowledged_write_of_eight_processes_is_in_the_chain_exactly_once() -> None:
    with (
        data_folder() as folder,
        product(folder) as running,
        closing(BenchWorld(running)) as world,
    ):
        vault = world.vault_create(world.founder)
        people = [world.join({vault: "write"}) for _ in range(WRITERS)]

        reports = crowd([seat(world, person, vault) for person in people])

        statuses = sum((report.statuses for report in reports), Counter[int]())
        assert set(statuses) == {200, 201, 409}, statuses
        assert all(report.acknowledged for report in reports)
        assert any(report.dropped for report in reports)
        holds_exactly(*served(world, vault), vault, reports)
        assert "teams: the rows are what the chains fold to" in running.manage("chain_check")
        log = (folder / "log" / "web.log").read_text()
        assert "Traceback" not in log, log[-4000:]


def holds_exactly(
    team_links: list[bytes], links: list[bytes], vault: bytes, reports: list[Report]
) -> None:
    """Fold what is served; it must be what was acknowledged, once each, and nothing else."""
    team, refusal = fold_team(team_links)
    assert team is not None
    assert refusal is None
    folded = fold_vault(team, vault_start(team, vault), links)
    assert (folded.verdict, folded.state.seq) == ("valid", len(links))

    parsed = [parse_signed(signed, "vault") for signed in links]
    assert [link.seq for link in parsed] == list(range(1, len(links) + 1))
    # The first link is the founder's, with the vault's own item.
    of_writers = parsed[1:]
    written = Counter(tuple(entry) for link in of_writers for entry in link.body["entries"])
    acknowledged = Counter(entry for report in reports for entry in report.acknowledged)
    assert acknowledged.total() >= ENOUGH
    assert written == acknowledged
    assert set(written.values()) == {1}
    places = [place for report in reports for place in report.links]
    assert sorted(places) == [(link.seq, link.hash) for link in of_writers]
