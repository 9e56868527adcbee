"""Teams: the signed chain, and what was folded from it.

`Member` is a projection: it makes queries short, and no client trusts it. `manage.py chain_check`
folds the chains again and compares.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models


class Team(models.Model):
    """A team chain: its head, and the lock under which it grows."""

    class Kind(models.TextChoices):
        TEAM = "team"
        PERSONAL = "personal"

    # Derived from the genesis link (SPEC 1.3), so that nobody chooses it.
    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    # The one account of a personal team, so that a second one is impossible.
    personal_of = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="personal_team"
    )
    seq = models.BigIntegerField()
    head = models.BinaryField()  # hash of the last link, 32 bytes
    genesis_hash = models.BinaryField()
    # Raised by what members should fetch although no chain moved: grants, openings, people waiting.
    stir = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind="team", personal_of__isnull=True)
                | models.Q(kind="personal", personal_of__isnull=False),
                name="personal_team_has_its_person",
            )
        ]

    def __str__(self) -> str:
        return f"{self.id} at {self.seq}"


class TeamLink(models.Model):
    """One link as it was received. Triggers refuse to change or to delete it (migration 0004)."""

    team = models.ForeignKey(Team, models.PROTECT, related_name="links", db_index=False)
    seq = models.BigIntegerField()
    hash = models.BinaryField(unique=True)
    type = models.CharField(max_length=20)
    signed = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "seq"], name="one_team_link_per_place")
        ]

    def __str__(self) -> str:
        return f"{self.team_id} {self.seq} {self.type}"


class Role(models.TextChoices):
    """What a member administers. No role holds a key."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    AUDITOR = "auditor"


class Member(models.Model):
    """One membership, folded; leaving keeps the row, rejoining makes another."""

    team = models.ForeignKey(Team, models.PROTECT, related_name="members", db_index=False)
    member_id = models.BinaryField()  # 16 bytes, drawn by the member
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="memberships", db_index=False
    )
    role = models.CharField(max_length=8, choices=Role.choices)
    verified = models.CharField(max_length=8)  # founder, token, words, none
    identity = models.BinaryField()  # Ed25519 public key, 32 bytes
    box = models.BinaryField()  # X25519 public key, 32 bytes
    fp = models.BinaryField()  # of both, 32 bytes
    joined_seq = models.BigIntegerField()
    left_seq = models.BigIntegerField(null=True)
    # The last link about this member: a grant to them must have seen it.
    touched_seq = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "member_id"], name="one_row_per_member"),
            models.UniqueConstraint(
                fields=["account", "team"],
                condition=models.Q(left_seq__isnull=True),
                name="one_present_member_per_account",
            ),
            models.UniqueConstraint(
                fields=["team", "fp"],
                condition=models.Q(left_seq__isnull=True),
                name="one_present_member_per_fp",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team_id} {bytes(self.member_id).hex()} {self.role}"


class Opening(models.Model):
    """The text and salt behind a commitment in a link. May be deleted; the chain still folds."""

    team = models.ForeignKey(Team, models.PROTECT, related_name="openings")
    kind = models.CharField(max_length=5)  # name, email, team
    member_id = models.BinaryField(null=True)
    invite = models.BinaryField(null=True)  # hash of the invite link, 32 bytes
    salt = models.BinaryField()  # 32 bytes
    text = models.TextField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "salt"], name="opening_salt_once")
        ]

    def __str__(self) -> str:
        return f"{self.team_id} {self.kind}"
