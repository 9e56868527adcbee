"""Sessions, in the database, under a hash of their key.

The key is in the browser's cookie only: whoever reads the table signs in as nobody. What is stored
is JSON behind a MAC over it and its place, so that whoever can write there makes up no session, and
moves none to a key of their own.

Nearly every request asks for its session and then for the account, so both are read by one
statement. There is no copy in a cache: a session that was ended is over with the row.

A key has 160 random bits, so nobody looks first whether it is free: the insert would fail. A new
session is written once, with what it holds at the end of the request.
"""

import base64
import hashlib
import json
import secrets
from typing import Any, Final
from uuid import UUID

import structlog
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import connection
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import Session, User

logger = structlog.get_logger(__name__)

_KEY_SIZE: Final = 20  # bytes: 32 letters and digits
_NAME_SIZE: Final = 30  # bytes: 40 letters, which is what the columns take
_MAC_SIZE: Final = 64  # letters
_LABEL: Final = b"coffret/session/v1\0"

_CREATE: Final = """
    INSERT INTO accounts_session (session_data, account_id, expire_date, session_key)
    VALUES (%s, %s, %s, %s) ON CONFLICT (session_key) DO NOTHING
"""
_UPDATE: Final = """
    UPDATE accounts_session SET session_data = %s, account_id = %s, expire_date = %s
    WHERE session_key = %s
"""
# Of the account only what nearly every request asks for, in the order of the model's fields; the
# rest is read when it is asked for.
_ACCOUNT: Final = ("password", "id", "email", "is_active")
_READ: Final = f"""
    SELECT s.session_data, {", ".join(f"t.{name}" for name in _ACCOUNT)}
    FROM accounts_session s LEFT JOIN accounts_user t ON t.id = s.account_id AND t.is_active
    WHERE s.session_key = %s AND s.expire_date > %s
"""  # noqa: S608 - constants


def stored_name(session_key: str) -> str:
    """Return the name under which rows know a session, 40 letters."""
    digest = hashlib.sha256(_LABEL + session_key.encode()).digest()
    return base64.urlsafe_b64encode(digest[:_NAME_SIZE]).decode()


def session_delete(name: str) -> None:
    """End a session by its stored name, without reading it."""
    Session.objects.filter(session_key=name).delete()


class SessionStore(SessionBase):
    """`SESSION_ENGINE`; its name is the one that Django looks for."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._unwritten = False
        # Whose row it was when it was read: present and active, or None.
        self.account: User | None = None

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
        with connection.cursor() as cursor:
            cursor.execute(_READ, [name, timezone.now()])
            row = cursor.fetchone()
        data = None if row is None else _opened(name, row[0])
        if row is None or data is None:
            self._session_key = None
            return {}
        if row[1] is not None:
            self.account = User.from_db(connection.alias, _ACCOUNT, row[1:])
        return data

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's interface
        if self.session_key is None:
            data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
            self.create()
            self._session_cache = data
        self._write(create=must_create or self._unwritten)
        self._unwritten = False

    def _write(self, *, create: bool) -> None:
        """Write the row.

        Raises:
            CreateError: the key is taken. UpdateError: the session has ended meanwhile.
        """
        name = stored_name(str(self.session_key))
        data = self._get_session(no_load=create)  # type: ignore[attr-defined]
        account = UUID(data[SESSION_KEY]) if SESSION_KEY in data else None
        values: list[Any] = [_closed(name, data), account, self.get_expiry_date(), name]
        with connection.cursor() as cursor:
            cursor.execute(_CREATE if create else _UPDATE, values)
            written = cursor.rowcount == 1
        if not written:
            raise CreateError if create else UpdateError

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            session_delete(stored_name(key))

    @classmethod
    def clear_expired(cls) -> None:
        Session.objects.filter(expire_date__lt=timezone.now()).delete()


def _mac(name: str, data: str) -> str:
    return salted_hmac("coffret.session", name + data, algorithm="sha256").hexdigest()


def _closed(name: str, data: dict[str, Any]) -> str:
    text = json.dumps(data, separators=(",", ":"))
    return _mac(name, text) + text


def _opened(name: str, stored: str) -> dict[str, Any] | None:
    """Return what was stored under this name; None, and a line in the log, if it was not by us."""
    mac, data = stored[:_MAC_SIZE], stored[_MAC_SIZE:]
    if not constant_time_compare(mac, _mac(name, data)):
        logger.warning("session_forged", name=name)
        return None
    found: dict[str, Any] = json.loads(data)
    return found
