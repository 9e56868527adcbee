"""Vaults: the signed chain of each, what was folded from it, blobs and grants.

What is folded here is a projection: clients never take recipients, rights or epochs from it.
Items and links, of which there is one for each secret, name their vault by its `number` and their
team through it: 4 bytes for 32 (README.md says what that buys). The order of their columns is that
of the table: fixed sizes first, then the blobs, which begin at multiples of four. All blobs are
`STORAGE EXTERNAL` (migration 0002): compressing ciphertext costs time and gains nothing.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Func, Value

from accounts.models import Team


class Right(models.IntegerChoices):
    """What a member may do in a vault. Each includes the ones before it."""

    READ = 1
    WRITE = 2
    MANAGE = 3


class Vault(models.Model):
    """A vault chain: its head, the lock under which it grows, and what the next link must meet."""

    id = models.UUIDField(primary_key=True, editable=False)  # UUIDv7, chosen by the client
    # Of this database alone: no client ever sees it.
    number = models.IntegerField(
        unique=True,
        editable=False,
        db_default=Func(Value("vaults_vault_number"), function="nextval"),
    )
    team = models.ForeignKey(Team, models.PROTECT, related_name="vaults")
    seq = models.IntegerField()
    head = models.BinaryField()  # hash of the last link, at first that of its vault_create
    seen_seq = models.BigIntegerField()  # the last link's `seen`, at first its vault_create's seq
    epoch = models.IntegerField()
    due = models.BooleanField(default=False)  # a holder lost all right since the last rotation
    # The team link that cut this chain last: later links must have seen it.
    last_cut_seq = models.BigIntegerField()
    # The last team link about this vault: a grant of its DEK must have seen it.
    touched_seq = models.BigIntegerField()
    held_until = models.DateTimeField(null=True)
    held_by = models.BinaryField(null=True)  # member id

    def __str__(self) -> str:
        return f"{self.id} at {self.seq}"


class VaultLink(models.Model):
    """One link as it was received. Triggers refuse to change or to delete it.

    Its hash is not stored: nothing looks for it, and it would be a twelfth of the row.
    """

    pk = models.CompositePrimaryKey("vault_id", "seq")
    vault = models.ForeignKey(
        Vault,
        models.PROTECT,
        to_field="number",
        db_column="vault_number",
        related_name="links",
        db_index=False,
    )
    seq = models.IntegerField()
    signed = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.vault_id} {self.seq}"


class VaultMember(models.Model):
    """A right that a member has now."""

    pk = models.CompositePrimaryKey("vault_id", "member_id")
    vault = models.ForeignKey(Vault, models.PROTECT, related_name="members", db_index=False)
    member_id = models.BinaryField()  # 16 bytes
    team_id = models.UUIDField()
    right = models.SmallIntegerField(choices=Right.choices)
    # The team link since which some right is held without a break.
    since_seq = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["team_id", "member_id"], name="vaults_of_a_member")
        ]

    def __str__(self) -> str:
        return f"{self.vault_id} {bytes(self.member_id).hex()} {self.right}"


class Item(models.Model):
    """An item as it is now, both parts of it. Replaced revisions lie in `Revision`."""

    id = models.UUIDField(primary_key=True, editable=False)  # UUIDv7, chosen by the client
    # The only index that a sync needs: what changed since a link is named by the links after it,
    # and an index on `link_seq` would be written at every change.
    vault = models.ForeignKey(
        Vault, models.PROTECT, to_field="number", db_column="vault_number", related_name="items"
    )
    revision = models.IntegerField()
    epoch = models.IntegerField()  # of the DEK over both blobs
    link_seq = models.IntegerField()  # the vault link that wrote this revision
    # Null after a purge, which keeps the row: no revision may follow.
    details = models.BinaryField(null=True)  # sealed
    overview = models.BinaryField(null=True)  # sealed
    author = models.BinaryField()  # member id, 16 bytes: the actor of that link
    c_details = models.BinaryField(null=True)  # commitment, 32 bytes

    def __str__(self) -> str:
        return f"{self.id} revision {self.revision}"


class Revision(models.Model):
    """A revision that another one replaced, moved here from its item's row."""

    pk = models.CompositePrimaryKey("item_id", "revision")
    item = models.ForeignKey(Item, models.PROTECT, related_name="revisions", db_index=False)
    revision = models.IntegerField()
    epoch = models.IntegerField()
    details = models.BinaryField()
    overview = models.BinaryField()
    author = models.BinaryField()
    c_details = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.item_id} revision {self.revision}"


class Grant(models.Model):
    """A DEK sealed to one member's box key, sealed again under the team's KEK."""

    vault = models.ForeignKey(Vault, models.PROTECT, related_name="grants", db_index=False)
    team_id = models.UUIDField(db_index=True)
    epoch = models.IntegerField()
    to_fp = models.BinaryField()  # 32 bytes
    from_fp = models.BinaryField()  # 32 bytes
    kek_version = models.PositiveIntegerField()
    row_hash = models.BinaryField()  # SHA-256 of the grant's bytes, checked again after opening
    blob = models.BinaryField()  # outer seal of CBOR{grant, sig}
    head_seq = models.BigIntegerField()
    # What the recipient's client reported; null: pending.
    opened_at = models.DateTimeField(null=True)
    broken_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["vault", "epoch", "to_fp", "from_fp"], name="one_grant_per_sender"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["team_id", "kek_version"], name="grant_by_kek")]

    def __str__(self) -> str:
        return f"{self.vault_id} epoch {self.epoch}"


class OldDek(models.Model):
    """The DEK of an epoch sealed under that of a later one, so that old items stay readable.

    Keyed by its uploader too: a bad one blocks nobody's good one.
    """

    vault = models.ForeignKey(Vault, models.PROTECT, related_name="olds", db_index=False)
    team_id = models.UUIDField(db_index=True)
    from_epoch = models.IntegerField()
    to_epoch = models.IntegerField()
    uploader = models.BinaryField()  # member id, 16 bytes
    blob = models.BinaryField()  # 113 bytes

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["vault", "from_epoch", "to_epoch", "uploader"], name="one_old_per_uploader"
            ),
            models.CheckConstraint(
                condition=models.Q(from_epoch__lt=models.F("to_epoch")), name="old_goes_forward"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vault_id} {self.from_epoch} under {self.to_epoch}"
