"""The folded state of teams, kept in this process.

The links in the database decide; what is kept here only saves folding them again. Every use first
compares its head with the team's row and folds what is new. Those links were verified when they
were stored, so their signatures are left out (0.06 ms a link instead of 0.2).

One reentrant lock per team guards its state, which a fold changes in place. It is taken before any
row lock, never inside a transaction: so a thread that holds rows never waits for it.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from django.db import connection

from accounts.errors import AccessDenied
from accounts.models import TeamLink
from accounts.team_chain import TeamState, team_step
from vaults.crypto.links import ParsedLink

MAX_LINKS_KEPT: Final = 60_000  # about 400 bytes each: 24 MB
MAX_TEAMS_KEPT: Final = 512


class _Entry:
    """One team's state, or None before its first use."""

    __slots__ = ("lock", "state")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.state: TeamState | None = None


class Changing:
    """A team's state in the hands of the one thread that may append a link to it."""

    def __init__(self, entry: _Entry, team_id: UUID) -> None:
        self._entry = entry
        self._team_id = team_id
        self.stepped = False

    def at_head(self, seq: int, head: bytes) -> TeamState:
        """Return the state at the head that the caller has locked."""
        self._entry.state = _advance(self._entry.state, self._team_id, seq, head)
        return self._entry.state

    def step(self, link: ParsedLink) -> TeamState:
        """Fold a new link, with its signatures.

        Raises:
            Refused: the state is untouched.
        """
        state = team_step(self._entry.state, link)
        self.stepped = True
        return state


class TeamStates:
    """States by team, the least used dropped first; bounded by teams and by links."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[UUID, _Entry] = OrderedDict()

    @contextmanager
    def lend(self, team_id: UUID, head: tuple[int, bytes] | None = None) -> Iterator[TeamState]:
        """Lend the state at the team's present head, for reading.

        Args:
            team_id: of the team.
            head: its seq and hash, if the caller has just read them.

        Raises:
            AccessDenied: there is no such team.
        """
        entry = self._entry(team_id)
        with entry.lock:
            row = head or _head(team_id)
            if row is None:
                self.forget(team_id)
                raise AccessDenied
            before = entry.state
            entry.state = _advance(before, team_id, row[0], bytes(row[1]))
            yield entry.state
        if before is None:
            self._shrink()

    @contextmanager
    def change(self, team_id: UUID) -> Iterator[Changing]:
        """Lend the state to whoever is about to append. Wrap the whole transaction in it.

        If the block raises after a step, the transaction was rolled back: the state is dropped.
        """
        entry = self._entry(team_id)
        with entry.lock:
            changing = Changing(entry, team_id)
            try:
                yield changing
            except BaseException:
                if changing.stepped:
                    entry.state = None
                raise
        self._shrink()

    def forget(self, team_id: UUID) -> None:
        with self._lock:
            self._entries.pop(team_id, None)

    def _entry(self, team_id: UUID) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault(team_id, _Entry())
            self._entries.move_to_end(team_id)
            return entry

    def _shrink(self) -> None:
        """Drop the least used until what is left fits; the last one stays whatever its size."""
        with self._lock:
            links = sum(_links(entry) for entry in self._entries.values())
            while len(self._entries) > 1 and (
                links > MAX_LINKS_KEPT or len(self._entries) > MAX_TEAMS_KEPT
            ):
                _, dropped = self._entries.popitem(last=False)
                links -= _links(dropped)


def _head(team_id: UUID) -> tuple[int, bytes] | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, head FROM accounts_team WHERE id = %s", [team_id])
        row: tuple[int, bytes] | None = cursor.fetchone()
    return row


def _links(entry: _Entry) -> int:
    state = entry.state
    return 0 if state is None else len(state.hashes)


def _advance(state: TeamState | None, team_id: UUID, seq: int, head: bytes) -> TeamState:
    """Fold what the table holds beyond `state`, up to the given head.

    Raises:
        RuntimeError: the table's links do not lead to the head: `manage.py chain_check` says where.
    """
    if state is not None and (state.seq > seq or (state.seq == seq and state.head != head)):
        state = None  # a backup was restored under this process, or a step was rolled back
    if state is None or state.seq < seq:
        after = -1 if state is None else state.seq
        rows = TeamLink.objects.filter(team_id=team_id, seq__gt=after, seq__lte=seq)
        for signed in rows.order_by("seq").values_list("signed", flat=True):
            state = team_step(state, bytes(signed), verify=False)
    if state is None or state.head != head:
        raise RuntimeError(f"the links of team {team_id} do not fold to its head")
    return state


team_states: Final = TeamStates()
