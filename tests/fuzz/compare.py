"""One story, judged by both folds in every delivery, and by the symbolic model."""

from collections import Counter
from typing import Any, NamedTuple

from tests.fuzz import model
from tests.fuzz.deliver import STATE, Line, Reader, live, readers, request, serve
from tests.fuzz.node import Judge
from tests.fuzz.story import Story
from vaults.crypto import cbor

DEK_DIGITS = 64  # of a DEK in hexadecimal: the verdict on a good grant


class Compared(NamedTuple):
    """What came of a story. `difference` is in words, None if all agree."""

    chains: int  # the team's and its vaults'
    verdicts: Counter[str]  # how often each was given on an attempt
    asked_model: bool
    difference: str | None


def compare(moves: list[bytes], judge: Judge, *, ask_model: bool) -> Compared:
    """Play the moves and look for any difference."""
    story = Story(moves)
    served = serve(story)
    read = readers(story, served)
    ours = [*live(story), *(line for reader in read for line in reader.lines)]
    difference = (
        _between(ours, judge.ask(request(story, served)))
        or _between_deliveries(read)
        or (next(iter(model.differences(story)), None) if ask_model else None)
    )
    verdicts = Counter(
        "DEK" if len(attempt.verdict) == DEK_DIGITS else attempt.verdict
        for attempt in story.attempts
    )
    return Compared(1 + len(served.vaults), verdicts, ask_model, difference)


def _between(ours: list[Line], theirs: list[bytes]) -> str | None:
    """The first line on which Python and TypeScript differ."""
    for (what, mine), other in zip(ours, theirs, strict=False):
        if mine != other:
            return _told(what, mine, other)
    if len(ours) != len(theirs):
        return f"Python has {len(ours)} lines to say, TypeScript {len(theirs)}"
    return None


def _told(what: str, mine: bytes, other: bytes) -> str:
    if what.endswith(STATE):
        where, mine_there, other_there = _first_difference(cbor.loads(mine), cbor.loads(other))
        return f"{what}, {where}: Python {_shown(mine_there)}, TypeScript {_shown(other_there)}"
    return f"{what}: Python {mine.decode()}, TypeScript {other.decode()}"


def _first_difference(mine: Any, other: Any, where: str = "it") -> tuple[str, Any, Any]:
    """The innermost place at which two decoded states differ, and what is there."""
    if isinstance(mine, dict) and isinstance(other, dict) and mine.keys() == other.keys():
        places = list(mine)
    elif isinstance(mine, list) and isinstance(other, list) and len(mine) == len(other):
        places = list(range(len(mine)))
    else:
        return where, mine, other
    place = next(place for place in places if mine[place] != other[place])
    return _first_difference(mine[place], other[place], f"{where}[{place}]")


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)


def _between_deliveries(read: list[Reader]) -> str | None:
    """The same bytes, whole and in batches, must come to the same."""
    first, *others = (_outcome(reader) for reader in read)
    for other in others:
        if other != first:
            return f"whole: {first}, in batches: {other}"
    return None


def _outcome(reader: Reader) -> tuple[bytes, str | None, list[tuple[str, str]]]:
    """The team, its refusal, and of every vault whether it may be written, must wait, or is bad.

    A bad vault is `refused` for who gets all at once, and a `fork` for who had verified more of it
    when the link came that cuts it.
    """
    bad = {"refused": "bad", "fork": "bad"}
    verdicts = {vault.hex(): said.split(" ")[0] for vault, said in reader.verdicts.items()}
    vaults = sorted((vault, bad.get(said, said)) for vault, said in verdicts.items())
    return reader.team.head if reader.team else b"", reader.refusal, vaults
