"""The cookie of a browser that signed in before. It opens nothing: it only names a bucket.

Signed, and of this browser only: a list of the accounts it may count for by itself. It comes after
a whole sign-in, or through a link mailed to the account's address (accounts/links.py).
"""

import secrets
from typing import Final
from uuid import UUID

from django.core import signing
from django.http import HttpRequest, HttpResponseBase

COOKIE: Final = "__Host-coffret_device"
LIFETIME_SECONDS: Final = 400 * 86_400  # what browsers allow at most
MAX_ACCOUNTS: Final = 5

_SALT: Final = "coffret.device"


def known_device(request: HttpRequest, account: UUID) -> str | None:
    """Return the device's id if it is known for `account`."""
    device, accounts = _read(request)
    return device if account.hex in accounts else None


def remember_device(request: HttpRequest, response: HttpResponseBase, account: UUID) -> None:
    """Make the browser known for `account`; the oldest account gives way."""
    device, accounts = _read(request)
    others = [other for other in accounts if other != account.hex]
    kept = [*others, account.hex][-MAX_ACCOUNTS:]
    response.set_cookie(
        COOKIE,
        signing.dumps([device, kept], salt=_SALT),
        max_age=LIFETIME_SECONDS,
        secure=True,
        httponly=True,
        samesite="Strict",
    )


def _read(request: HttpRequest) -> tuple[str, list[str]]:
    try:
        device, accounts = signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=LIFETIME_SECONDS
        )
    except signing.BadSignature:
        return secrets.token_hex(16), []
    return device, accounts
