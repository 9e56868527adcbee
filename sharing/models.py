"""How people join: the invitations of a team chain, and the acceptances that wait for an admin."""

from django.db import models

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
