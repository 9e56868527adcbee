"""The deployment and the KEKs. They lie in this app because account rows are sealed as well."""

from typing import ClassVar
from uuid import uuid4

from django.db import models


class Deployment(models.Model):
    """This installation: one row, made once by `manage.py setup`."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    # The three keys of accounts/opaque.py, for life. Outer seal, kind `server`, row = id.
    opaque_keys = models.BinaryField()
    # A sealed record of nobody, opened where there is no account: kind `opaque`, row = id.
    decoy = models.BinaryField()
    kek_version = models.PositiveIntegerField()
    only = models.BooleanField(default=True, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(only=True), name="one_deployment")
        ]


class Kek(models.Model):
    """One version of the key over a team's rows, or over the deployment's own. Sealed by KMS."""

    class State(models.TextChoices):
        CURRENT = "current"  # seals and opens
        RETIRING = "retiring"  # opens only, until no row names it

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    # No foreign key: the deployment is named before its row can be sealed.
    deployment_id = models.UUIDField()
    # Null stands for the deployment itself.
    team_id = models.UUIDField(null=True)
    version = models.PositiveIntegerField()  # from 1
    blob = models.BinaryField()
    master_key_id = models.CharField(max_length=256)
    # Of the KMS call that made the blob.
    call_id = models.UUIDField()
    # Compared at each use: raising it shuts the cached copies of every process at once.
    flushed = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State.choices, default=State.CURRENT)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["team_id", "version"], nulls_distinct=False, name="kek_version_once"
            ),
            models.UniqueConstraint(
                fields=["team_id"],
                condition=models.Q(state="current"),
                nulls_distinct=False,
                name="one_current_kek",
            ),
        ]
