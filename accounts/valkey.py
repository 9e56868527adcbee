"""The store of what lives for minutes: counters of tries, and handles between two requests."""

import os
import threading
from typing import Final

import redis
from django.conf import settings

PREFIX: Final = "coffret:"


class _Held(threading.local):
    """One thread's client, and the process that made it."""

    client: redis.Redis | None = None
    process = 0


_held: Final = _Held()


def valkey() -> redis.Redis:
    """Return this thread's client, on the database of the cache. Ask for it at each command.

    It keeps one connection: taking one from a pool for each command costs a third of the command.
    A process that was forked makes its own.

    Raises:
        RedisError: there is no connection yet, and none can be made.
    """
    client = _held.client
    if client is None or _held.process != os.getpid():
        client = redis.Redis.from_url(settings.CACHE_URL, single_connection_client=True)
        _held.client, _held.process = client, os.getpid()
    else:
        _check(client)
    return client


def _check(client: redis.Redis) -> None:
    """Let go of a connection that has ended, or that holds what nobody has read.

    redis-py would notice the first only at the command, and wait up to two seconds to repeat it.
    """
    kept = client.connection
    if kept is None:
        return
    try:
        spent = kept.can_read(timeout=0)
    except (redis.ConnectionError, OSError):
        spent = True
    if spent:
        kept.disconnect()  # type: ignore[no-untyped-call]  # the command connects again
