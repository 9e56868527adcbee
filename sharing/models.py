"""How people join: the invitations of a team chain, and the acceptances that wait for an admin.

And what `manage.py chain_cut` took out of any app's tables, since this app stands above them all.
"""

from django.db import models
from django.db.models.functions import Now

from accounts.models import Team


class Invite(models.Model):
    """The link that is an invitation: `hash` is the name by which an invitee knows it.

    What it offers, and whether it is open, is read from the folded team: an invitation dies by
    links about other things, and a copy of its state here would have to follow them all.
    """

    hash = models.BinaryField(primary_key=True)  # 32 bytes
    team = models.ForeignKey(Team, models.PROTECT, related_name="invites")
    # The address in the opening, for mails and for finding the invitee; deletable like it.
    email = models.TextField(null=True)  # noqa: DJ001 - erased is not empty

    def __str__(self) -> str:
        return f"{self.team_id} {bytes(self.hash).hex()}"


class Acceptance(models.Model):
    """What an invitee signed. The latest one replaces earlier ones until `add_member`."""

    invite = models.OneToOneField(Invite, models.PROTECT, related_name="acceptance")
    team_id = models.UUIDField(db_index=True)
    account_id = models.UUIDField()
    accept = models.BinaryField()
    by_invite = models.BinaryField()  # 64 bytes
    by_identity = models.BinaryField()  # 64 bytes
    name_commitment = models.BinaryField()  # 32 bytes, as `accept` has it
    # The opening of the name's commitment; it becomes the member's with `add_member`.
    salt = models.BinaryField()
    text = models.TextField()

    def __str__(self) -> str:
        return f"{self.team_id} {self.account_id}"


class QuarantinedRow(models.Model):
    """A row that `chain_cut` moved here: it stands after a link that does not hold.

    Triggers refuse to change or to delete it (migration 0002). `row` has every column, bytes as
    PostgreSQL's hexadecimal: `jsonb_populate_record(NULL::vaults_item, row)` makes it a row again.
    """

    team_id = models.UUIDField(db_index=True)
    chain_id = models.UUIDField()  # the team or vault whose link was refused
    refusal = models.CharField(max_length=32)
    moved_at = models.DateTimeField(db_default=Now())
    table = models.CharField(max_length=63)
    row = models.JSONField()

    def __str__(self) -> str:
        return f"{self.chain_id} {self.table}"
