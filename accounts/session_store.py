"""Sessions, in the database and copied to Valkey, under a hash of their key.

The key is in the browser's cookie only: whoever reads the table or Valkey signs in as nobody. What
is stored is JSON behind a MAC over it and its place, so that whoever can write there makes up no
session, and moves none to a key of their own.

Ending wins over every copy that a request in flight still makes: it leaves a mark in the copy's
place before the row goes, nothing is copied over the mark, and where it stands no row is read.

A key has 160 random bits, so nobody looks first whether it is free: the insert would fail. A new
session is written once, with what it holds at the end of the request.
"""

import base64
import hashlib
import json
import secrets
from datetime import timedelta
from typing import Any, Final

import redis
import structlog
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.valkey import PREFIX, valkey

logger = structlog.get_logger(__name__)

_KEY_SIZE: Final = 20  # bytes: 32 letters and digits
_NAME_SIZE: Final = 30  # bytes: 40 letters, which is what the columns take
_MAC_SIZE: Final = 64  # letters
_LABEL: Final = b"coffret/session/v1\0"
_ENDED: Final = b"ended"  # no session: those begin with a MAC
_ENDED_SECONDS: Final = 86_400  # no request takes as long

_COPY: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
end
"""

_CREATE: Final = """
    INSERT INTO django_session (session_data, expire_date, session_key) VALUES (%s, %s, %s)
    ON CONFLICT (session_key) DO NOTHING
"""
_UPDATE: Final = """
    UPDATE django_session SET session_data = %s, expire_date = %s WHERE session_key = %s
"""
_READ: Final = """
    SELECT session_data, expire_date FROM django_session
    WHERE session_key = %s AND expire_date > %s
"""
_DELETE: Final = "DELETE FROM django_session WHERE session_key = %s"


def stored_name(session_key: str) -> str:
    """Return the name under which rows and Valkey know a session, 40 letters."""
    digest = hashlib.sha256(_LABEL + session_key.encode()).digest()
    return base64.urlsafe_b64encode(digest[:_NAME_SIZE]).decode()


def session_delete(name: str) -> None:
    """End a session by its stored name, without reading it.

    Raises:
        RedisError: it has not ended.
    """
    valkey().set(_place(name), _ENDED, ex=_ENDED_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, [name])


class SessionStore(SessionBase):
    """`SESSION_ENGINE`; its name is the one that Django looks for."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._unwritten = False

    def create(self) -> None:
        """Name a new session; the first `save` writes it."""
        self._session_key = base64.b32encode(secrets.token_bytes(_KEY_SIZE)).decode().lower()
        self._session_cache: dict[str, Any] = {}
        self._unwritten = True
        self.modified = True

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(session_key=stored_name(session_key)).exists()

    def load(self) -> dict[str, Any]:
        """Return what the session holds; if it is over, forget its key."""
        name = stored_name(str(self.session_key))
        kept = valkey().get(_place(name))
        if kept == _ENDED:
            self._session_key = None
            return {}
        data = _opened(name, kept) if isinstance(kept, bytes) else None
        if data is None:
            data = self._load_row(name)
        if data is None:
            self._session_key = None
        return data or {}

    def _load_row(self, name: str) -> dict[str, Any] | None:
        now = timezone.now()
        with connection.cursor() as cursor:
            cursor.execute(_READ, [name, now])
            row = cursor.fetchone()
        data = None if row is None else _opened(name, row[0].encode())
        if data is not None:
            seconds = max(1, (row[1] - now) // timedelta(seconds=1))
            _copy(name, row[0], seconds)
        return data

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's interface
        if self.session_key is None:
            data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
            self.create()
            self._session_cache = data
        self._write(create=must_create or self._unwritten)
        self._unwritten = False

    def _write(self, *, create: bool) -> None:
        """Write the row, and then its copy in Valkey.

        Raises:
            CreateError: the key is taken. UpdateError: the session has ended meanwhile.
        """
        name = stored_name(str(self.session_key))
        data = self._get_session(no_load=create)  # type: ignore[attr-defined]
        stored = _closed(name, data)
        with connection.cursor() as cursor:
            values: list[Any] = [stored, self.get_expiry_date(), name]
            cursor.execute(_CREATE if create else _UPDATE, values)
            if cursor.rowcount != 1:
                if create:
                    raise CreateError
                raise UpdateError
        try:
            _copy(name, stored, self.get_expiry_age())
        except redis.RedisError:
            logger.exception("session_not_cached")  # the row is what counts

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            session_delete(stored_name(key))

    @classmethod
    def clear_expired(cls) -> None:
        Session.objects.filter(expire_date__lt=timezone.now()).delete()


def _place(name: str) -> str:
    return f"{PREFIX}session:{name}"


def _copy(name: str, stored: str, seconds: int) -> None:
    """Keep a copy in Valkey for so long, unless the session has ended.

    Raises:
        RedisError.
    """
    valkey().eval(_COPY, 1, _place(name), _ENDED, stored, seconds)


def _mac(name: str, data: str) -> str:
    return salted_hmac("coffret.session", name + data, algorithm="sha256").hexdigest()


def _closed(name: str, data: dict[str, Any]) -> str:
    text = json.dumps(data, separators=(",", ":"))
    return _mac(name, text) + text


def _opened(name: str, stored: bytes) -> dict[str, Any] | None:
    """Return what was stored under this name; None, and a line in the log, if it was not by us."""
    text = stored.decode(errors="replace")
    mac, data = text[:_MAC_SIZE], text[_MAC_SIZE:]
    if not constant_time_compare(mac, _mac(name, data)):
        logger.warning("session_forged", name=name)
        return None
    found: dict[str, Any] = json.loads(data)
    return found
