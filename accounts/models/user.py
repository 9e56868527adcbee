"""Who you are."""

import unicodedata
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from accounts.ids import uuid7


def normalise_email(email: str) -> str:
    """Return the one form in which an address is stored, compared and hashed: NFKC, lower case.

    Some hosts tell `Ana@` from `ana@`; nobody hands out both, and two accounts that look
    alike would be worse.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email.strip()).lower())


class UserManager(BaseUserManager["User"]):
    """Makes people; none of them has a password that this server could check."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return normalise_email(email or "")

    def create_user(self, email: str, **fields: Any) -> "User":
        """Store a new person with an unusable password."""
        user = self.model(email=normalise_email(email), **fields)
        user.set_unusable_password()
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email=normalise_email(email or ""))


class User(AbstractBaseUser):
    """A person with an account. What they may do is decided by teams, never here."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # When the person showed that the recovery kit is kept somewhere.
    kit_saved_at = models.DateTimeField(null=True)

    # What the stages of a sign-in ask, where it has been read; None stands for not read.
    verified: bool | None = None  # the address
    factors: list[str] | None = None  # the types of second factors

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [
            # The last guard against a second form of one address; NFKC is the code's part.
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")),
                name="email_is_lower_case",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)

    def clean(self) -> None:
        super().clean()
        self.email = normalise_email(self.email)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = normalise_email(self.email)
        super().save(*args, **kwargs)
