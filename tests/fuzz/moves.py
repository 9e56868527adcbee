"""What decides a story: a list of moves, each a few bytes.

Hypothesis draws and shrinks the bytes; a story reads its choices from them. Zeros choose the plain
thing, and a move of zeros does nothing, so a shrunk story says only what matters.
"""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

MOVE_SIZE = 24  # bytes
LEAST_MOVES = 10
MOST_MOVES = 40

MOVES = st.lists(
    st.binary(min_size=MOVE_SIZE, max_size=MOVE_SIZE), min_size=LEAST_MOVES, max_size=MOST_MOVES
)


class Dice:
    """Choices read from bytes; when they run out, every choice is the plain one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        return (self.byte() if count <= 256 else self.byte() << 8 | self.byte()) % count

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def chance(self, percent: int) -> bool:
        return self.byte() * 100 >= (100 - percent) * 256

    def some(self, choices: Sequence[T]) -> list[T]:
        """About half of them, in their order."""
        return [choice for choice in choices if self.byte() & 1]
