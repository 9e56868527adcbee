"""Django's sessions in database and cache, with fewer writes on the way to a sign-in.

A key has 165 random bits, so nobody looks first whether it is free: the insert would fail. And a
new session is written once, with what it holds at the end of the request, not empty and then again.
"""

from typing import Any

from django.contrib.sessions.backends.cached_db import SessionStore as CachedDbStore
from django.utils.crypto import get_random_string


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
        super().save(must_create=must_create or self._unwritten)
        self._unwritten = False

    def delete(self, session_key: str | None = None) -> None:
        """Delete a row without reading it, and its copy in the cache."""
        key = session_key or self.session_key
        if key is not None:
            self.model.objects.filter(session_key=key).delete()
            self._cache.delete(self.cache_key_prefix + key)  # type: ignore[attr-defined]

    def _get_new_session_key(self) -> str:
        return get_random_string(32, "abcdefghijklmnopqrstuvwxyz0123456789")
