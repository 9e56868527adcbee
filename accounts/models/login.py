"""What an account signs in and unlocks with, and sign-ups that wait for their code."""

from datetime import timedelta
from typing import ClassVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import models


class OpaqueRecord(models.Model):
    """The OPAQUE record of an account, sealed; kind `opaque`, row = the account."""

    account = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True)
    # New at every registration, so that an old record's answers are of no use.
    cred = models.BinaryField()  # 16 bytes
    # The key under which KMS derives this record's OPRF seed.
    login_key_id = models.CharField(max_length=256)
    suite = models.PositiveSmallIntegerField()
    kek_version = models.PositiveIntegerField(db_index=True)
    blob = models.BinaryField()
    changed_at = models.DateTimeField(auto_now=True)

    account_id: UUID


class AmkWrap(models.Model):
    """The account master key, wrapped by the browser, sealed again; kind `amk`, row = id."""

    class Wrap(models.TextChoices):
        AUK = "auk"  # opened by the password, through OPAQUE
        KIT = "kit"  # opened by the printed recovery kit

    id = models.UUIDField(primary_key=True, editable=False)  # 16 random bytes of the browser
    account = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="wraps")
    wrap = models.CharField(max_length=3, choices=Wrap.choices)
    cred = models.BinaryField()  # 16 bytes; zeros for the kit
    kek_version = models.PositiveIntegerField(db_index=True)
    blob = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "wrap"], name="one_wrap_of_a_kind")
        ]


class AccountBlob(models.Model):
    """A blob under the AMK: the server stores it and cannot tell what it says."""

    class Kind(models.TextChoices):
        KEYRING = "keyring"
        PINS = "pins"
        SETTINGS = "settings"

    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="blobs", db_index=False
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    counter = models.PositiveBigIntegerField()  # from 1; part of the seal's context
    blob = models.BinaryField()
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "kind"], name="one_blob_of_a_kind")
        ]


class PendingSignup(models.Model):
    """A sign-up whose e-mail address is not verified yet. Nobody can sign in to it.

    The seals are those of the account it may become: they are moved, not made again.
    """

    LIFETIME: ClassVar = timedelta(hours=24)
    MAX_TRIES: ClassVar = 5
    MAX_MAILS: ClassVar = 4

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email = models.EmailField(max_length=254, db_index=True)
    account_id = models.UUIDField(unique=True)
    session = models.BinaryField()  # hash of the session it belongs to, 32 bytes
    tries = models.PositiveSmallIntegerField(default=0)
    mails = models.PositiveSmallIntegerField(default=1)  # the code changes with each
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    # Whether the address had an account. Then the upload was dropped: random bytes of the same
    # sizes stand below, so that neither the answer nor its time tells, and no code fits.
    known = models.BooleanField()
    cred = models.BinaryField()
    login_key_id = models.CharField(max_length=256)
    suite = models.PositiveSmallIntegerField()
    kek_version = models.PositiveIntegerField(db_index=True)
    record = models.BinaryField()  # sealed, as in OpaqueRecord
    keyring = models.BinaryField()  # as in AccountBlob, counter 1
    auk_id = models.UUIDField()
    auk = models.BinaryField()  # sealed, as in AmkWrap
    kit_id = models.UUIDField()
    kit = models.BinaryField()
