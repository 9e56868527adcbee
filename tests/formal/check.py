"""Every state up to a bound, breadth first, and what must hold in each."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from tests.formal.moves import ADMINS, CLIENTS, NOTHING, State, first, holders, steps
from tests.formal.things import Things

# The exception of C4 that this check found: two admins, and a server that shows each a history of
# its own. The one gives Ben a right and a key; the other, who does not see it, removes a Ben who
# has nothing to lose, so that nothing has to be rotated.
HIDDEN = "a hidden right"

INVITED = {"ana", "cleo", "ben"}
_IN = [
    "ana: invites Ben",
    "server: ben opens his link, invite is the last entry",
    "ben: accepts",
    "ana: confirms ben's acceptance",
    "server: ben gets ana's add_member",
]
_VERIFIED = ["ana: verifies Ben", "server: ben gets ana's verify"]
_KEY = ["ana: grants to ben", "server: ben gets ana's grant"]
JOINING = {"link": [*_IN, *_KEY], "mail": [*_IN, *_VERIFIED, *_KEY]}


class Report(NamedTuple):
    """What was explored. `broken` tells how to get to the first state that must not be."""

    states: int
    moves: int  # of the longest runs explored, after the start
    complete: bool  # every interleaving of so many moves
    broken: list[str] | None


def explore(
    via: str, begin: str, *, moves: int, most: int = 10**9, except_for: str = HIDDEN
) -> Report:
    """Look at every state that at most `moves` moves lead to, as long as they are not too many.

    Args:
        via: how Ben is invited, `link` or `mail`.
        begin: `before`: nobody has invited Ben. `joined`: he is there, and has his key; Cleo has
            not heard of it yet.
        moves: length of the longest runs.
        most: states; beyond, the search ends where it is.
        except_for: how a sentence about a broken claim begins that is passed over.
    """
    things = Things(via)
    start = first(things)
    for words in JOINING[via] if begin == "joined" else []:
        start = next(then for what, then in steps(things, start) if what == words)
    came_from: dict[State, tuple[State, str] | None] = {start: None}
    level = [start]
    for length in range(1, moves + 1):
        following = []
        for state in level:
            for words, then in steps(things, state):
                if then in came_from:
                    continue
                came_from[then] = (state, words)
                said = broken(things, then)
                wrong = next((one for one in said if not one.startswith(except_for)), None)
                if wrong is not None:
                    trace = [*_trace(came_from, then), wrong]
                    return Report(len(came_from), length, complete=False, broken=trace)
                if len(came_from) >= most:
                    return Report(len(came_from), length, complete=False, broken=None)
                following.append(then)
        level = following
    return Report(len(came_from), moves, complete=True, broken=None)


def _trace(came_from: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    words: list[str] = []
    step = came_from[state]
    while step is not None:
        words.append(step[1])
        step = came_from[step[0]]
    return words[::-1]


def broken(things: Things, state: State) -> Iterator[str]:
    """What of the claims does not hold in this state, in words."""
    yield from _secrecy(things, state)
    yield from _roster(things, state)
    yield from _agreement(things, state)
    yield from _cuts(things, state)


def _secrecy(things: Things, state: State) -> Iterator[str]:
    """No one reads what honest members write but those whom their own view holds for holders."""
    exist = [things.all[number] for number in state.things()]
    granted = [thing for thing in exist if thing.kind == "grant"]
    outside = {things.lie} | {grant.dek for grant in granted if grant.about == "mal"}
    removed = {grant.dek for grant in granted if grant.about == "ben"}
    removed |= {dek for _, dek in state.deks[CLIENTS.index("ben")]}
    for thing in exist:
        if thing.kind != "vault" or not thing.dek:
            continue
        if thing.dek in outside:
            yield f"secrecy: the server reads what {thing.by} wrote"
        if state.colludes and thing.knew == "lost" and thing.dek in removed:
            yield f"secrecy: Ben reads what {thing.by} wrote after seeing him lose his right"
        if state.colludes and thing.knew == "removed" and thing.dek in removed:
            yield f"{HIDDEN}: Ben reads what {thing.by} wrote after removing him"


def _roster(things: Things, state: State) -> Iterator[str]:
    """A vault's holders are people whom Ana invited, with their own keys."""
    for client, head in zip(CLIENTS, state.heads, strict=True):
        if head != NOTHING and not set(holders(things, head)) <= INVITED:
            yield f"roster: {client} sees a stranger in the vault"


def _agreement(things: Things, state: State) -> Iterator[str]:
    """Two views are one history, unless two members signed at one place at the same time.

    So nobody who signs nothing can make two honest members see different rosters for good.
    """
    links = [number for number in state.things() if things.all[number].kind == "team"]
    for client, head in zip(CLIENTS, state.heads, strict=True):
        elsewhere = (n for n in links if head != NOTHING and things.all[n].parent != head)
        if any(things.follows(head, number) for number in elsewhere):
            yield f"agreement: {client} lets in an entry that does not follow"
    views = [
        things.chain(head)
        for client, head in zip(CLIENTS, state.heads, strict=True)
        if head != NOTHING and not (client == "ben" and state.colludes)
    ]
    for one, other in combinations(views, 2):
        common = next(
            (i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None
        )
        if common == 0:
            yield "agreement: two views have another beginning"
        elif common is not None and things.all[one[common]].by == things.all[other[common]].by:
            yield f"agreement: {things.all[one[common]].by} seems to have signed two histories"


def _cuts(things: Things, state: State) -> Iterator[str]:
    """Who has seen Ben's removal lets in nothing of his behind the place where it cut him off."""
    for client, head, vault_head in zip(CLIENTS, state.heads, state.vault_heads, strict=True):
        if client not in ADMINS or things.vault_verdict(head, vault_head) != "valid":
            continue
        chain = things.chain(head)
        seqs = [i for i, n in enumerate(chain) if things.all[n].about == "remove_member"]
        cuts = [cut.n for cut in things.known(head).vaults[things.vault].cuts if cut.seq in seqs]
        for seq, number in enumerate(things.chain(vault_head), 1):
            if cuts and seq > cuts[0] and things.all[number].by == "ben":
                yield f"cut: {client} lets in a change of Ben's from after his removal"
