"""Django's backend for PostgreSQL, with a check of idle connections that costs no round trip.

Its name and place are those that Django's `ENGINE` asks for.
"""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """What Django names for each entry of `DATABASES`."""

    def is_usable(self) -> bool:
        """Whether an idle connection still stands.

        A server that ended it has sent something: its last words, or the end of the stream. Django
        asks `SELECT 1` before the first statement of each request instead.
        """
        if self.connection is None or self.connection.closed:
            return False
        idle = select.poll()
        idle.register(self.connection.fileno(), select.POLLIN)
        return not idle.poll(0)
