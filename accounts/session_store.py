"""Django's sessions in database and cache, with fewer writes on the way to a sign-in.

A key has 160 random bits, so nobody looks first whether it is free: the insert would fail. And a
new session is written once, with what it holds at the end of the request, not empty and then again,
by one statement instead of a transaction around a queryset's.
"""

import base64
import secrets
from typing import Any, Final

import redis
import structlog
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.backends.cached_db import SessionStore as CachedDbStore
from django.db import connection

logger = structlog.get_logger(__name__)

_KEY_SIZE: Final = 20  # bytes: 32 letters and digits

_CREATE: Final = """
    INSERT INTO django_session (session_data, expire_date, session_key) VALUES (%s, %s, %s)
    ON CONFLICT (session_key) DO NOTHING
"""
_UPDATE: Final = """
    UPDATE django_session SET session_data = %s, expire_date = %s WHERE session_key = %s
"""
_DELETE: Final = "DELETE FROM django_session WHERE session_key = %s"


class SessionStore(CachedDbStore):
    """`SESSION_ENGINE`; its name is the one that Django looks for."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._unwritten = False

    def create(self) -> None:
        """Name a new session; the first `save` writes it."""
        self._session_key = self._get_new_session_key()
        self._session_cache: dict[str, Any] = {}
        self._unwritten = True
        self.modified = True

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's interface
        if self.session_key is None:
            data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
            self.create()
            self._session_cache = data
        self._write(create=must_create or self._unwritten)
        self._unwritten = False

    def _write(self, *, create: bool) -> None:
        """Write the row, and then its copy in the cache.

        Raises:
            CreateError: the key is taken. UpdateError: the session has ended meanwhile.
        """
        data = self._get_session(no_load=create)  # type: ignore[attr-defined]
        values: list[Any] = [self.encode(data), self.get_expiry_date(), self.session_key]
        with connection.cursor() as cursor:
            cursor.execute(_CREATE if create else _UPDATE, values)
            if cursor.rowcount != 1:
                raise CreateError if create else UpdateError
        try:
            self._cache.set(self.cache_key, data, self.get_expiry_age())  # type: ignore[attr-defined]
        except redis.RedisError:
            logger.exception("session_not_cached")  # the row is what counts

    def delete(self, session_key: str | None = None) -> None:
        """Delete a row without reading it, and its copy in the cache."""
        key = session_key or self.session_key
        if key is not None:
            with connection.cursor() as cursor:
                cursor.execute(_DELETE, [key])
            self._cache.delete(self.cache_key_prefix + key)  # type: ignore[attr-defined]

    def _get_new_session_key(self) -> str:
        return base64.b32encode(secrets.token_bytes(_KEY_SIZE)).decode().lower()
