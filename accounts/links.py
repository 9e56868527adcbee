"""A link, mailed on request, that gives a new browser a bucket of tries of its own.

For a person whose account others keep trying: the link proves the mailbox, opens nothing, and only
makes this browser a known device (accounts/limits.py). The token stands in the link's fragment, so
that it is in no request but the one that the page makes on purpose, and in no log.
"""

import secrets
from typing import Final
from uuid import UUID

from celery import signature
from django.conf import settings
from django.core import signing
from django.http import HttpRequest

from accounts.errors import Gone
from accounts.ids import uuid7
from accounts.limits import Bucket, TooMany, count_try, origin_buckets
from accounts.models import User, normalise_email
from accounts.valkey import PREFIX, valkey

LINK_SECONDS: Final = 1800
_SALT: Final = "coffret.device-link"


class LinkGone(Gone):
    """Used, or older than half an hour, or not ours."""

    title = "This link is used or has expired. Ask for another."


def link_request(request: HttpRequest, *, email: str) -> None:
    """Mail a link if there is such an account; the same is done if there is none.

    Raises:
        TooMany: this machine or its network asked too often. How often an address was asked for
            is not told: then no mail goes out.
    """
    count_try(origin_buckets(request, "link"))
    email = normalise_email(email)
    found = User.objects.filter(email=email, is_active=True).values_list("id", flat=True).first()
    try:
        count_try([Bucket("link", email, 3)])
    except TooMany:
        return
    signature("accounts.mail_device_link", args=(str(found or uuid7()),)).delay()


def link_address(user: User) -> str:
    """Return the page's address with a new token in its fragment."""
    token = signing.dumps([user.id.hex, secrets.token_hex(16)], salt=_SALT)
    return f"{settings.PUBLIC_URL}/device#{token}"


def link_use(token: str) -> UUID:
    """Return the account whose device the browser becomes; each link works once.

    Raises:
        LinkGone: it does not any more.
    """
    try:
        account, nonce = signing.loads(token, salt=_SALT, max_age=LINK_SECONDS)
    except signing.BadSignature:
        raise LinkGone from None
    if not valkey().set(f"{PREFIX}used-link:{nonce}", 1, nx=True, ex=LINK_SECONDS):
        raise LinkGone
    return UUID(account)
