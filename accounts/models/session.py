"""Rows of sessions; what is in them and how they are named is session_store.py's."""

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models


class Session(AbstractBaseSession):
    """A session under the hash of its key, and whose it is."""

    # Repeats what the data say, which count; by it the account is read together with the session.
    account_id = models.UUIDField(null=True)

    def __str__(self) -> str:
        return str(self.session_key)
