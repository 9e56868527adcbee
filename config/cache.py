"""Django's cache in Valkey, as JSON, with one client instead of a new one for each command.

Django's own pickles: whoever could write to Valkey would run code in every web process. A client is
thread-safe and holds nothing but its pool; making one costs four times the command.
"""

import json
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient


class JsonSerializer:
    """What JSON takes, and nothing else: numbers stay numbers, so that `incr` works on them."""

    def dumps(self, obj: Any) -> bytes:
        return json.dumps(obj, allow_nan=False).encode()

    def loads(self, data: Any) -> Any:
        return json.loads(data)


class ValkeyClient(RedisCacheClient):
    """Keeps the client of its only server."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept: Any = None

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        if self._kept is None:
            self._kept = super().get_client(key, write=write)
        return self._kept


class ValkeyCache(RedisCache):
    """The backend that the settings name."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = ValkeyClient
