"""manage.py chain_cut takes out what does not hold, and leaves rows that fit what is left."""

from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from accounts.models import Member, Team, TeamLink
from accounts.team_chain import fold_team
from audit.chain import details_of
from audit.models import AuditEvent
from sharing.models import Invite, QuarantinedRow
from tests.chains import Person
from tests.world import World
from vaults.models import Grant, Item, Revision, Vault, VaultLink, VaultMember
from vaults.vault_chain import fold_vault, vault_start

pytestmark = pytest.mark.django_db


class Story:
    """A team whose builder is remembered before something goes wrong."""

    def __init__(self) -> None:
        self.world = world = World.begin()
        self.vault = world.vault_create(world.founder)
        self.item = world.item()
        self.ana: Person = world.recruit("ana", {self.vault: "write"})
        world.write(self.ana, self.vault, {self.item: 1})
        self.team_links = list(world.team.links)
        self.vault_links = list(world.team.vaults[self.vault].links)

    @property
    def vault_id(self) -> UUID:
        return UUID(bytes=self.vault)

    def goes_on(self) -> None:
        """Somebody joins, a vault is made, a member leaves, the key changes, items are written."""
        world = self.world
        world.recruit("bob", {self.vault: "read"})
        other = world.vault_create(world.founder)
        world.write(world.founder, other, {world.item(): 1})
        world.remove(world.founder, self.ana)
        world.rotate(world.founder, self.vault)
        world.write(world.founder, self.vault, {self.item: 2, world.item(): 1})

    def is_whole_again(self) -> None:
        """The rows fit, and the people of before go on where they were."""
        assert check().endswith(" teams: the rows are what the chains fold to\n")
        team = self.world.team
        team.links, team._state = self.team_links, fold_team(self.team_links)[0]
        vault = team.vaults[self.vault]
        vault.links, vault.state = self.vault_links, vault_start(team.state, self.vault)
        assert fold_vault(team.state, vault.state, vault.links).verdict == "valid"
        self.world.write(self.ana, self.vault, {self.item: 2})
        assert check().endswith(" teams: the rows are what the chains fold to\n")


def check() -> str:
    out = StringIO()
    call_command("chain_check", stdout=out)
    return out.getvalue()


def cut(chain: UUID) -> str:
    out = StringIO()
    call_command("chain_cut", str(chain), stdout=out)
    return out.getvalue()


def damage(table: str, trigger: str, where: str) -> None:
    """Change the last byte of a signature, as whoever owns the tables may."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        cursor.execute(
            f"UPDATE {table} SET signed = set_byte(signed, length(signed) - 1,"  # noqa: S608
            f" get_byte(signed, length(signed) - 1) # 1) WHERE {where}"
        )
        assert cursor.rowcount == 1
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def damage_team(seq: int) -> None:
    team = Team.objects.get(kind="team").pk
    damage("accounts_teamlink", "team_link_keep", f"seq = {seq} AND team_id = '{team}'")


def damage_vault(seq: int) -> None:
    damage("vaults_vaultlink", "vault_link_keep", f"seq = {seq}")


def test_a_team_goes_back_to_its_last_good_link_with_all_that_stood_on_it():
    story = Story()
    good = story.world.team.state.seq
    story.goes_on()
    last = story.world.team.state.seq
    damage_team(good + 1)

    said = cut(story.world.id)

    assert f"cut before link {good + 1}, which is refused (T1.sig)" in said
    assert f"{last - good} links" in said
    assert Team.objects.get(kind="team").seq == good
    assert TeamLink.objects.filter(team_id=story.world.id).count() == good + 1
    members = Member.objects.filter(team_id=story.world.id)
    assert members.filter(left_seq=None).count() == members.count() == 2
    assert set(VaultMember.objects.values_list("right", flat=True)) == {2, 3}
    assert Invite.objects.count() == 1
    assert list(Vault.objects.values_list("pk", "epoch", "due")) == [(story.vault_id, 1, False)]
    assert list(Grant.objects.values_list("epoch", flat=True)) == [1]
    story.is_whole_again()


def test_a_damaged_link_in_the_middle_takes_only_what_follows():
    story = Story()
    story.goes_on()
    rotation = TeamLink.objects.get(type="vault_rotate").seq
    damage_team(rotation)

    cut(story.world.id)

    assert Team.objects.get(kind="team").seq == rotation - 1
    assert Vault.objects.get(pk=story.vault_id).due
    assert Vault.objects.count() == 2
    assert check().endswith(" teams: the rows are what the chains fold to\n")


def test_a_vault_goes_back_and_its_items_with_it():
    story = Story()
    world, before = story.world, story.world.team.vaults[story.vault].state.seq
    overview = bytes(Item.objects.get(pk=UUID(bytes=story.item)).overview or b"")
    world.write(world.founder, story.vault, {story.item: 2})
    world.write(world.founder, story.vault, {story.item: 3, world.item(): 1})
    damage_vault(before + 1)

    said = cut(story.vault_id)

    assert f"cut before link {before + 1}, which is refused (T1.sig)" in said
    assert "2 links" in said
    assert VaultLink.objects.count() == before
    item = Item.objects.get(pk=UUID(bytes=story.item))
    assert (item.revision, bytes(item.overview or b"")) == (1, overview)
    assert not Revision.objects.exists()
    story.is_whole_again()


def test_what_went_stands_in_quarantine_and_can_be_read_again():
    story = Story()
    signed = bytes(TeamLink.objects.get(seq=story.world.team.state.seq).signed)
    damage_team(story.world.team.state.seq)
    cut(story.world.id)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (jsonb_populate_record(NULL::accounts_teamlink, row)).signed"
            " FROM sharing_quarantinedrow WHERE \"table\" = 'accounts_teamlink'"
        )
        rows = cursor.fetchall()
    assert [bytes(row[0])[:-1] for row in rows] == [signed[:-1]]
    with pytest.raises(ProgrammingError, match="neither"), transaction.atomic():
        QuarantinedRow.objects.all().delete()


def test_a_cut_is_in_the_log_and_the_links_are_kept_as_before():
    story = Story()
    seq = story.world.team.state.seq
    damage_team(seq)
    cut(story.world.id)

    event = AuditEvent.objects.get(action="chain.cut")
    details = details_of(bytes(event.core))
    assert (details["seq"], details["refusal"], details["links"]) == (seq, "T1.sig", 1)
    with pytest.raises(ProgrammingError, match="neither"), transaction.atomic():
        TeamLink.objects.filter(seq=seq - 1).delete()
    with pytest.raises(ProgrammingError, match="neither"), transaction.atomic():
        VaultLink.objects.filter(seq=1).delete()


def test_what_holds_is_not_cut():
    story = Story()

    with pytest.raises(CommandError, match="Every link of this team holds"):
        cut(story.world.id)
    with pytest.raises(CommandError, match="Every link of this vault holds"):
        cut(story.vault_id)
    with pytest.raises(CommandError, match="There is no team and no vault"):
        cut(uuid4())
    assert not QuarantinedRow.objects.exists()


def test_a_vault_waits_for_its_team():
    story = Story()
    damage_team(story.world.team.state.seq)
    damage_vault(1)

    with pytest.raises(CommandError, match=r"First cut the team: link \d of team .* \(T1.sig\)"):
        cut(story.vault_id)


def test_a_team_whose_beginning_does_not_hold_stays_as_it_is():
    story = Story()
    damage_team(0)

    with pytest.raises(CommandError, match="nothing of this team would stay"):
        cut(story.world.id)
    assert TeamLink.objects.filter(team_id=story.world.id).count() == story.world.team.state.seq + 1


def test_missing_links_are_no_wrong_ones():
    story = Story()
    world = story.world
    world.team.vault_grant(world.founder, story.vault, story.ana, "read")
    world.push(world.founder)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE vaults_vaultlink DISABLE TRIGGER vault_link_keep")
        cursor.execute("DELETE FROM vaults_vaultlink WHERE seq = 2")
        cursor.execute("ALTER TABLE vaults_vaultlink ENABLE TRIGGER vault_link_keep")

    with pytest.raises(CommandError, match="links are missing: restore a backup"):
        cut(story.vault_id)


def test_what_a_purge_destroyed_is_not_made_up():
    story = Story()
    world = story.world
    world.write(world.founder, story.vault, {story.item: None})
    damage_vault(world.team.vaults[story.vault].state.seq)

    with pytest.raises(CommandError, match=r"A cut does not mend this; restore a backup\. vault"):
        cut(story.vault_id)
    assert VaultLink.objects.count() == world.team.vaults[story.vault].state.seq
