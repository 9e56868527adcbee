"""The connection to PostgreSQL: an idle one that has ended is noticed without asking."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import close_old_connections, connection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stranger() -> Iterator[psycopg.Connection]:
    """Another connection to the same database."""
    info = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(
        **{name: info[name] for name in names if name in info}, autocommit=True
    ) as other:
        yield other


def process_of_connection() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_connection_that_the_server_ended_is_replaced(
    stranger: psycopg.Connection,
) -> None:
    before = process_of_connection()
    stranger.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
    close_old_connections()  # as at the beginning of each request
    assert process_of_connection() != before


def test_a_statement_that_comes_often_is_prepared() -> None:
    for _ in range(8):
        process_of_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        assert ("SELECT pg_backend_pid()",) in cursor.fetchall()
