"""What the server keeps between the first and the second request of an OPAQUE run.

Sealed under the deployment KEK (`coffret/login/v1`), bound to the session it was made in, kept in
Valkey under that session and a random handle, and taken once.
"""

import hashlib
import secrets
from typing import Any, Final

from django.http import HttpRequest

from accounts.errors import Gone
from accounts.kek import OpenedKek, open_kek_version
from accounts.valkey import PREFIX, valkey
from vaults.crypto import cbor
from vaults.crypto.errors import DecryptionError
from vaults.crypto.seal import LOGIN, open_sealed, seal

HANDLE_SIZE: Final = 16  # bytes
LOGIN_SECONDS: Final = 60
REGISTRATION_SECONDS: Final = 600  # a person may still be choosing words for the kit

_VERSION_SIZE: Final = 4


class TicketGone(Gone):
    """The handle is used, expired, of another session, or was never given out."""

    title = "This took too long. Start again."


def session_hash(request: HttpRequest) -> bytes:
    """Return what names the request's session in seals and rows, 32 bytes; makes one if needed."""
    if request.session.session_key is None:
        request.session.create()
    return hashlib.sha256(str(request.session.session_key).encode()).digest()


def ticket_issue(
    request: HttpRequest, kek: OpenedKek, *, purpose: str, content: dict[str, Any], seconds: int
) -> bytes:
    """Keep `content` for so many seconds, and return its handle.

    `purpose` says which second request may take it. The content is what CBOR takes, secrets too.
    """
    handle = secrets.token_bytes(HANDLE_SIZE)
    context = {"handle": handle, "session": session_hash(request)}
    sealed = seal(kek.key, LOGIN, context, cbor.dumps({"purpose": purpose, "content": content}))
    valkey().set(_key(**context), kek.version.to_bytes(_VERSION_SIZE, "big") + sealed, ex=seconds)
    return handle


def ticket_take(request: HttpRequest, *, purpose: str, handle: bytes) -> dict[str, Any]:
    """Return what was kept under `handle`; nobody gets it a second time.

    Raises:
        TicketGone: there is nothing that this session may take for this purpose.
        KmsUnavailable: it cannot be opened now, and is lost.
    """
    context = {"handle": handle, "session": session_hash(request)}
    stored = valkey().getdel(_key(**context))
    if not isinstance(stored, bytes):
        raise TicketGone
    version = int.from_bytes(stored[:_VERSION_SIZE], "big")
    with open_kek_version(None, version) as kek:
        try:
            opened = open_sealed(kek.key, LOGIN, context, stored[_VERSION_SIZE:])
        except DecryptionError:
            raise TicketGone from None
    kept = cbor.loads(bytes(opened))
    opened[:] = bytes(len(opened))
    if kept["purpose"] != purpose:
        raise TicketGone
    content: dict[str, Any] = kept["content"]
    return content


def _key(handle: bytes, session: bytes) -> str:
    """Of the session too: whoever learns a handle takes nothing away from its owner."""
    return f"{PREFIX}ticket:{hashlib.sha256(session + handle).hexdigest()}"
