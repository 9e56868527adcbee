"""Rows in PostgreSQL's binary form: bytes come as they are, not as hex.

Django's own cursors do not ask for it.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Final, TypeVar

import psycopg
from django.db import connection

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
E = TypeVar("E")

BATCH: Final = 500  # rows


def fetch(sql: str, values: list[Any]) -> list[Any]:
    """Return all rows."""
    with _cursor() as cursor:
        cursor.execute(sql, values, binary=True)
        return list(cursor.fetchall())


def stream(sql: str, values: list[Any]) -> Iterator[Any]:
    """Yield the rows as they come, `BATCH` at a time."""
    with _cursor() as cursor:
        yield from cursor.stream(sql, values, binary=True, size=BATCH)


def _cursor() -> psycopg.Cursor[Any]:
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)


def encoded(
    rows: Iterator[tuple[K, R]], encode: Callable[[Sequence[R]], E]
) -> defaultdict[K, list[E]]:
    """Return what `encode` makes of the rows of each key, `BATCH` at a time; of the last, fewer.

    It is called as soon as a batch is there: 10,000 rows in Python's small blocks would leave them
    scattered over 10 MB that the process keeps.
    """
    found: defaultdict[K, list[E]] = defaultdict(list)
    waiting: defaultdict[K, list[R]] = defaultdict(list)
    for key, row in rows:
        waiting[key].append(row)
        if len(waiting[key]) == BATCH:
            found[key].append(encode(waiting.pop(key)))
    for key, rest in waiting.items():
        found[key].append(encode(rest))
    return found
