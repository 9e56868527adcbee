"""Mending a chain whose table holds a link that the server's own fold refuses.

Clients stop at such a link: they read at the last good head and write nothing. Whatever put it
there, the way back is to take it out, with all that stands on it. Nothing is deleted: rows move to
`QuarantinedRow`. The triggers that keep links are switched off inside this one transaction by
`ALTER TABLE`, which only the owner of the tables may do and which locks them until the commit; so
the application's own statements cannot go this way where its role does not own the tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from accounts.models import Member, Team
from accounts.team_chain import TeamState
from accounts.team_state import team_states
from audit.events import Action, Scope
from audit.services import record, unit_of_work
from sharing.chains import differences
from vaults.models import Item, Vault, VaultMember
from vaults.stored_chains import StoredTeam, StoredVault, team_fold, vault_fold

LINKS: Final = {"accounts_teamlink": "team_link_keep", "vaults_vaultlink": "vault_link_keep"}


class CutRefused(Exception):  # noqa: N818 - a verdict
    """There is nothing to cut there, or a cut does not mend it. It says what to do."""


class Cut(NamedTuple):
    """What was moved to quarantine."""

    chain_id: UUID
    seq: int  # of the first link that does not hold
    refusal: str
    links: int  # of this chain
    rows: int  # of all tables, links of every chain included


class _Quarantine:
    def __init__(self, team_id: UUID, chain_id: UUID, refusal: str) -> None:
        self.place = (team_id, chain_id, refusal)
        self.rows = 0

    def move(self, table: str, where: str, values: list[Any]) -> int:
        """Move the rows of a table; return how many there were."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH gone AS (DELETE FROM {table} WHERE {where} RETURNING *)"  # noqa: S608 - both are written below
                ' INSERT INTO sharing_quarantinedrow (team_id, chain_id, refusal, "table", "row")'
                f" SELECT %s, %s, %s, '{table}', to_jsonb(gone) FROM gone",
                [*values, *self.place],
            )
            count: int = cursor.rowcount
        self.rows += count
        return count


def chain_cut(chain_id: UUID) -> Cut:
    """Cut a team's or a vault's chain at the first link that does not hold.

    Vaults follow their team: a link that names a team link which went has to go as well. At the end
    all rows are what is left folds to; otherwise nothing is changed.

    Raises:
        CutRefused: in words.
    """
    with unit_of_work(), _links_unlocked():
        team = _locked(chain_id)
        stored = team_fold(team.pk)
        state = _kept(stored, team.pk, chain_id)
        if chain_id == team.pk:
            cut = _team_cut(team, stored, state)
        else:
            cut = _vault_cut(state, Vault.objects.get(pk=chain_id))
        _rebuild_rights(team.pk, state, stored)
        left = list(differences(Team.objects.get(pk=team.pk)))
        if left:
            raise CutRefused(f"A cut does not mend this; restore a backup. {left[0]}")
        Team.objects.filter(pk=team.pk).update(stir=team.stir + 1)
        record(
            action=Action.CHAIN_CUT,
            scope=Scope.team(team.pk),
            subject=chain_id,
            details={"seq": cut.seq, "refusal": cut.refusal, "links": cut.links, "rows": cut.rows},
        )
    team_states.forget(team.pk)
    return cut


@contextmanager
def _links_unlocked() -> Iterator[None]:
    """Let links be deleted until the block ends, by nobody else: the tables are locked."""
    _alter("DISABLE")
    yield
    _alter("ENABLE")


def _alter(how: str) -> None:
    with connection.cursor() as cursor:
        # Checks that wait for the commit would not let the tables be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, trigger in LINKS.items():
            cursor.execute(f"ALTER TABLE {table} {how} TRIGGER {trigger}")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _locked(chain_id: UUID) -> Team:
    team_id = Vault.objects.filter(pk=chain_id).values_list("team_id", flat=True).first()
    team = Team.objects.select_for_update().filter(pk=team_id or chain_id).first()
    if team is None:
        raise CutRefused("There is no team and no vault of this id.")
    list(Vault.objects.select_for_update().filter(team=team).order_by("pk"))
    return team


def _kept(stored: StoredTeam, team_id: UUID, chain_id: UUID) -> TeamState:
    """The team up to its last good link; it is the team that has to be cut first."""
    if stored.state is None:
        raise CutRefused("The founding link itself does not hold: nothing of this team would stay.")
    place = f"link {len(stored.links)} of team {team_id} ({stored.refusal})"
    if chain_id == team_id and stored.refusal is None:
        raise CutRefused("Every link of this team holds: there is nothing to cut.")
    if chain_id != team_id and stored.refusal is not None:
        raise CutRefused(f"First cut the team: {place} is refused.")
    return stored.state


def _team_cut(team: Team, stored: StoredTeam, state: TeamState) -> Cut:
    quarantine = _Quarantine(team.pk, team.pk, str(stored.refusal))
    links = quarantine.move("accounts_teamlink", "team_id = %s AND seq > %s", [team.pk, state.seq])
    Team.objects.filter(pk=team.pk).update(seq=state.seq, head=state.head)
    for vault in Vault.objects.filter(team=team):
        if vault.pk.bytes in state.vaults:
            _shorten(quarantine, state, vault, vault_fold(state, vault))
        else:
            _move_vault(quarantine, vault)
    _move_people(quarantine, team.pk, state)
    _rebuild_members(team.pk, stored, state)
    return Cut(team.pk, state.seq + 1, str(stored.refusal), links, quarantine.rows)


def _vault_cut(state: TeamState, vault: Vault) -> Cut:
    stored = vault_fold(state, vault)
    if stored.refusal is None:
        words = "Every link of this vault holds: there is nothing to cut."
        if stored.verdict != "valid":
            words = "No link of this vault is wrong, links are missing: restore a backup."
        raise CutRefused(words)
    quarantine = _Quarantine(vault.team_id, vault.pk, stored.refusal)
    links = _shorten(quarantine, state, vault, stored)
    return Cut(vault.pk, stored.state.seq + 1, stored.refusal, links, quarantine.rows)


def _shorten(quarantine: _Quarantine, state: TeamState, vault: Vault, stored: StoredVault) -> int:
    """Take a vault back to its last good link; return how many links went."""
    number, last = vault.number, stored.state.seq
    links = quarantine.move("vaults_vaultlink", "vault_number = %s AND seq > %s", [number, last])
    _move_items(quarantine, vault, stored)
    epoch = state.vaults[vault.pk.bytes].epoch
    quarantine.move("vaults_grant", "vault_id = %s AND epoch > %s", [vault.pk, epoch])
    quarantine.move("vaults_olddek", "vault_id = %s AND to_epoch > %s", [vault.pk, epoch])
    Vault.objects.filter(pk=vault.pk).update(
        seq=last, head=stored.state.head, seen_seq=stored.state.seen
    )
    return links


_BELONGS: Final = "item_id IN (SELECT id FROM vaults_item WHERE vault_number = %s)"
_RETURNED: Final = """
    INSERT INTO vaults_item
        (id, vault_number, revision, epoch, link_seq, author, c_details, overview, details)
    SELECT item_id, %s, revision, epoch, %s, author, c_details, overview, details
    FROM vaults_revision WHERE item_id = %s AND revision = %s
"""


def _move_items(quarantine: _Quarantine, vault: Vault, stored: StoredVault) -> None:
    """Move what later links wrote; the revision that is the last again returns to its row."""
    last = {UUID(bytes=item): folded.revision for item, folded in stored.state.items.items()}
    for item in Item.objects.filter(vault=vault).only("pk", "revision"):
        kept = last.get(item.pk, 0)
        if item.revision == kept:
            continue
        quarantine.move("vaults_item", "id = %s", [item.pk])
        quarantine.move("vaults_revision", "item_id = %s AND revision > %s", [item.pk, kept])
        if kept:
            link = stored.places[item.pk.bytes, kept]
            with connection.cursor() as cursor:
                cursor.execute(_RETURNED, [vault.number, link, item.pk, kept])
                cursor.execute(
                    "DELETE FROM vaults_revision WHERE item_id = %s AND revision = %s",
                    [item.pk, kept],
                )


def _move_vault(quarantine: _Quarantine, vault: Vault) -> None:
    """A vault whose founding link went: all that is in it."""
    quarantine.move("vaults_revision", _BELONGS, [vault.number])
    for table in ("vaults_item", "vaults_vaultlink"):
        quarantine.move(table, "vault_number = %s", [vault.number])
    for table in ("vaults_grant", "vaults_olddek", "vaults_vaultmember"):
        quarantine.move(table, "vault_id = %s", [vault.pk])
    quarantine.move("vaults_vault", "id = %s", [vault.pk])


def _move_people(quarantine: _Quarantine, team_id: UUID, state: TeamState) -> None:
    """Members and invitations that the chain no longer names, with their texts."""
    members, invites = list(state.members), list(state.invites)
    unknown = "team_id = %s AND member_id <> ALL(%s)"
    quarantine.move("accounts_member", unknown, [team_id, members])
    quarantine.move("accounts_opening", unknown, [team_id, members])
    quarantine.move("accounts_opening", "team_id = %s AND invite <> ALL(%s)", [team_id, invites])
    quarantine.move(
        "sharing_acceptance", "team_id = %s AND invite_id <> ALL(%s)", [team_id, invites]
    )
    quarantine.move("sharing_invite", "team_id = %s AND hash <> ALL(%s)", [team_id, invites])


def _rebuild_members(team_id: UUID, stored: StoredTeam, state: TeamState) -> None:
    for member in state.members.values():
        Member.objects.filter(team_id=team_id, member_id=member.id).update(
            role=member.role,
            verified=member.verified,
            left_seq=member.left,
            touched_seq=stored.members[member.id],
        )


def _rebuild_rights(team_id: UUID, state: TeamState, stored: StoredTeam) -> None:
    """Rights, epochs and cuts, as rows."""
    VaultMember.objects.filter(team_id=team_id).delete()
    rights = []
    for vault in state.vaults.values():
        Vault.objects.filter(pk=UUID(bytes=vault.id)).update(
            epoch=vault.epoch,
            due=vault.due.now,
            last_cut_seq=vault.cuts[-1].seq,
            touched_seq=stored.vaults[vault.id],
            held_until=None,
        )
        rights += [
            VaultMember(
                vault_id=UUID(bytes=vault.id),
                member_id=member,
                team_id=team_id,
                right=vault.right(member),
                since_seq=since,
            )
            for member, since in vault.since.items()
        ]
    VaultMember.objects.bulk_create(rights)
