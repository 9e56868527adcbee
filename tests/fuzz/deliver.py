"""A story as its readers get it: link by link as it happened, whole, and in batches.

`judge.ts` does the same with the client's folds; what both write is compared line by line.
"""

from typing import NamedTuple

from accounts.team_chain import TeamState, team_step
from tests.fuzz.dump import dump_team, dump_vault
from tests.fuzz.moves import Dice
from tests.fuzz.story import Story
from vaults.crypto import cbor
from vaults.crypto.errors import Refused
from vaults.vault_chain import VaultState, cut_verdict, fold_vault, vault_start

Line = tuple[str, bytes]  # what it is, and the verdict or the dump
Round = list[int]  # how many links are there: of the team, then of each vault

MOST_ROUNDS = 4
STATE = "state"  # how the name of a line ends that is a dump


class Served(NamedTuple):
    """The chains as a server shows them: what is valid, mostly with one link that is not.

    A link stands here as the number of the attempt to append it.
    """

    team: list[int]
    vaults: dict[bytes, list[int]]  # in the order of the ids
    deliveries: dict[str, list[Round]]


def serve(story: Story) -> Served:
    """The chains of a story, and how they are handed out."""
    dice = Dice(story.delivery)
    team = _with_one_bad(dice, story, b"")
    vaults = {vault: _with_one_bad(dice, story, vault) for vault in sorted(story.team.vaults)}
    sizes = [len(team), *map(len, vaults.values())]
    count = 2 + dice.below(MOST_ROUNDS - 1)
    cuts = [[dice.below(size + 1) for size in sizes] for _ in range(count - 1)]
    batches = [list(column) for column in zip(*map(sorted, zip(*cuts, strict=True)), strict=True)]
    return Served(team, vaults, {"whole": [sizes], "batches": [*batches, sizes]})


def _with_one_bad(dice: Dice, story: Story, target: bytes) -> list[int]:
    """The valid links, and one refused attempt at the place where it was tried."""
    tried = [
        (number, attempt.verdict == "valid")
        for number, attempt in enumerate(story.attempts)
        if attempt.kind != "grant" and attempt.target == target
    ]
    bad = [number for number, valid in tried if not valid]
    kept = dice.pick(bad) if bad and dice.chance(60) else None
    return [number for number, valid in tried if valid or number == kept]


def request(story: Story, served: Served) -> bytes:
    """What `judge.ts` is told."""
    attempts = [[a.kind, a.target, a.data, a.keys] for a in story.attempts]
    return cbor.dumps(
        {
            "attempts": attempts,
            "deliveries": [[name, rounds] for name, rounds in served.deliveries.items()],
            "team": served.team,
            "vaults": [[vault, links] for vault, links in served.vaults.items()],
        }
    )


def live(story: Story) -> list[Line]:
    """The verdict on every attempt as it was made, and where that led."""
    team = story.team.state
    lines = [
        (f"attempt {number} ({attempt.what})", attempt.verdict.encode())
        for number, attempt in enumerate(story.attempts)
    ]
    lines.append((f"team after all attempts, {STATE}", dump_team(team)))
    for vault, builder in sorted(story.team.vaults.items()):
        name = vault.hex()
        lines.append((f"vault {name} after all attempts, {STATE}", dump_vault(builder.state)))
        lines.append((f"cuts of {name}", cut_verdict(team, builder.state).encode()))
    return lines


class Reader:
    """Someone who gets the chains in rounds."""

    def __init__(self, story: Story, served: Served, name: str) -> None:
        self.served, self.name = served, name
        self.links = [attempt.data for attempt in story.attempts]
        self.team: TeamState | None = None
        self.refusal: str | None = None
        self.vaults: dict[bytes, VaultState] = {}
        self.verdicts: dict[bytes, str] = {}
        self.lines: list[Line] = []

    def read(self, number: int, counts: Round) -> None:
        self._read_team(counts[0])
        place = f"{self.name} {number}: team"
        self.lines.append((place, (self.refusal or "valid").encode()))
        if self.team is None:
            return
        self.lines.append((f"{place} {STATE}", dump_team(self.team)))
        for (vault, links), count in zip(self.served.vaults.items(), counts[1:], strict=True):
            if vault in self.team.vaults:
                self._read_vault(self.team, number, vault, links[:count])

    def _read_team(self, count: int) -> None:
        done = 0 if self.team is None else self.team.seq + 1
        for number in [] if self.refusal else self.served.team[done:count]:
            try:
                self.team = team_step(self.team, self.links[number])
            except Refused as refused:
                self.refusal = refused.refusal
                return

    def _read_vault(self, team: TeamState, number: int, vault: bytes, links: list[int]) -> None:
        if vault not in self.vaults:
            self.vaults[vault] = vault_start(team, vault)
        state = self.vaults[vault]
        if self.verdicts.get(vault, "valid").split(" ")[0] in {"valid", "waiting"}:
            fold = fold_vault(team, state, [self.links[place] for place in links[state.seq :]])
            self.verdicts[vault] = f"{fold.verdict} {fold.refusal or ''}".strip()
        place = f"{self.name} {number}: vault {vault.hex()}"
        self.lines.append((place, self.verdicts[vault].encode()))
        self.lines.append((f"{place} {STATE}", dump_vault(state)))


def readers(story: Story, served: Served) -> list[Reader]:
    """One who gets all at once, one who gets batches."""
    found = []
    for name, rounds in served.deliveries.items():
        reader = Reader(story, served, name)
        for number, counts in enumerate(rounds):
            reader.read(number, counts)
        found.append(reader)
    return found
