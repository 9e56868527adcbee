"""The store of what lives for minutes: counters of tries, and handles between two requests."""

import functools
from typing import Final

import redis
from django.conf import settings

PREFIX: Final = "coffret:"


@functools.cache
def valkey() -> redis.Redis:
    """Return this process's client, on the database of the cache; safe across forks."""
    return redis.Redis.from_url(settings.CACHE_URL)
