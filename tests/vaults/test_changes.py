"""POST teams/{team}/vaults/{vault}/changes: writing items."""

from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import TeamLink
from audit.models import AuditEvent
from tests.world import World, blob, decoded
from vaults.crypto import cbor
from vaults.models import Item, Revision, Vault, VaultLink

pytestmark = pytest.mark.django_db


def test_a_new_item_is_stored_and_noted(world: World, vault: bytes) -> None:
    item = world.item()

    answer = world.write(world.founder, vault, {item: 1})

    state = world.team.vaults[vault].state
    assert decoded(answer) == {
        "seq": 2,
        "hash": state.head,
        "team_seq": world.team.state.seq,
        "team_hash": world.team.state.head,
    }
    assert (Vault.objects.get().seq, bytes(Vault.objects.get().head)) == (2, state.head)
    assert Item.objects.count() == 2
    assert AuditEvent.objects.filter(action="item.changed").count() == 2


def test_the_same_bytes_again_are_one_link_and_one_event(world: World, vault: bytes) -> None:
    body = world.change_body(world.founder, vault, {world.item(): 1})

    answers = [world.send_change(world.founder, vault, body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].content == answers[1].content
    assert (VaultLink.objects.count(), Item.objects.count()) == (2, 2)
    assert AuditEvent.objects.filter(action="item.changed").count() == 2


def test_a_second_link_at_the_same_place_hears_where_the_head_is(
    world: World, vault: bytes
) -> None:
    first = world.change_body(world.founder, vault, {world.item(): 1})
    second = world.change_body(world.founder, vault, {world.item(): 1})
    world.send_change(world.founder, vault, first)

    answer = world.send_change(world.founder, vault, second)

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["seq"]) == (409, "head_moved", 2)
    assert Item.objects.count() == 2


def test_a_replaced_revision_moves_out_of_the_items_row(world: World, vault: bytes) -> None:
    item, first, second = world.item(), blob(), blob()
    world.write(world.founder, vault, {item: 1}, blobs=[first])
    world.write(world.founder, vault, {item: 2}, blobs=[second])

    row = Item.objects.get(pk=UUID(bytes=item))
    replaced = Revision.objects.get(item=row)
    assert (row.revision, row.overview, row.details) == (2, second["overview"], second["details"])
    assert replaced.revision == 1
    assert {part: getattr(replaced, part) for part in first} == first


def test_every_revision_is_served_as_it_was_written(world: World, vault: bytes) -> None:
    item, blobs = world.item(), [blob(), blob(300, 5000)]
    for revision, parts in enumerate(blobs, 1):
        world.write(world.founder, vault, {item: revision}, blobs=[parts])
    url = f"vaults/{UUID(bytes=vault)}/items/{UUID(bytes=item)}"

    newest = decoded(world.get(world.founder, url))
    oldest = decoded(world.get(world.founder, f"{url}?revision=1"))
    listed = decoded(world.get(world.founder, f"{url}/revisions"))["revisions"]

    names = ("overview", "details", "c_details")
    assert [{p: served[p] for p in names} for served in (oldest, newest)] == blobs
    assert (newest["revision"], newest["epoch"], newest["author"]) == (2, 1, world.founder.member)
    assert [(entry["revision"], entry["overview"]) for entry in listed] == [
        (1, blobs[0]["overview"]),
        (2, blobs[1]["overview"]),
    ]
    served = AuditEvent.objects.filter(action="item.details_served")
    assert [event.subject for event in served] == [item, item]


@pytest.mark.parametrize("revision", ["0", "x", "-1", "9" * 16, "9" * 20, "1" * 5000])
def test_a_revision_that_is_no_number_is_invalid(world: World, vault: bytes, revision: str) -> None:
    url = f"vaults/{UUID(bytes=vault)}/items/{UUID(bytes=vault)}?revision={revision}"
    assert world.get(world.founder, url).json()["code"] in {"invalid", "not_found"}


def test_a_purge_deletes_every_blob_and_no_revision_follows(world: World, vault: bytes) -> None:
    item = world.item()
    world.write(world.founder, vault, {item: 1})
    world.write(world.founder, vault, {item: 2})
    world.write(world.founder, vault, {item: None})

    row = Item.objects.get(pk=UUID(bytes=item))
    assert (row.overview, row.details, row.c_details) == (None, None, None)
    assert not Revision.objects.filter(item_id=UUID(bytes=item)).exists()
    url = f"vaults/{UUID(bytes=vault)}/items/{UUID(bytes=item)}"
    assert world.get(world.founder, url).status_code == 404
    after = world.change_body(world.founder, vault, {item: 4})
    assert world.send_change(world.founder, vault, after).json()["refusal"] == "T14.revision"


def test_a_writer_may_not_purge(world: World, vault: bytes) -> None:
    ana, item = world.recruit("ana", {vault: "write"}), world.item()
    world.write(ana, vault, {item: 1})

    answer = world.send_change(ana, vault, world.change_body(ana, vault, {item: None}))

    assert (answer.status_code, answer.json()["refusal"]) == (422, "T14.purge")
    assert Item.objects.get(pk=UUID(bytes=item)).details is not None


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"body": {"entries": [], "epoch": 1}}, "T16.body"),
        ({"type": "rename"}, "T3.type"),
        ({"v": 2}, "T3.version"),
        ({"seen": None}, "T1.seen"),
    ],
)
def test_what_a_client_would_refuse_the_server_refuses(
    world: World, vault: bytes, fields: dict[str, Any], refusal: str
) -> None:
    body = world.change_body(world.founder, vault, {world.item(): 1}, **fields)
    answer = world.send_change(world.founder, vault, body)
    assert (answer.status_code, answer.json()["refusal"]) == (422, refusal)


def test_a_forged_signature_is_refused(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    item = world.item()
    honest = world.change_body(ana, vault, {item: 1})["link"]
    pair = cbor.loads(honest)
    pair["sigs"][0]["sig"] = bytes(64)
    body = {"link": cbor.dumps(pair), "blobs": [blob()], "rotation": None}
    assert world.send_change(ana, vault, body).json()["refusal"] == "T1.sig"


def test_nobody_sends_the_link_of_another(world: World, vault: bytes) -> None:
    ana = world.recruit("ana", {vault: "write"})
    body = world.change_body(world.founder, vault, {world.item(): 1})
    assert world.send_change(ana, vault, body).json()["refusal"] == "T2.actor"


def test_blobs_and_entries_match(world: World, vault: bytes) -> None:
    body = world.change_body(world.founder, vault, {world.item(): 1}, blobs=[blob(), blob()])
    answer = world.send_change(world.founder, vault, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.django_db(transaction=True)
def test_an_item_of_another_vault_is_taken_and_leaves_no_trace(world: World, vault: bytes) -> None:
    item, other = world.item(), world.vault_create(world.founder)
    world.write(world.founder, vault, {item: 1})
    before = Item.objects.get(pk=UUID(bytes=item)).overview

    answer = world.send_change(
        world.founder, other, world.change_body(world.founder, other, {item: 1})
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "taken")
    assert Item.objects.get(pk=UUID(bytes=item)).overview == before
    assert VaultLink.objects.filter(vault__id=UUID(bytes=other)).count() == 1
    assert Vault.objects.get(pk=UUID(bytes=other)).seq == 1
    assert AuditEvent.objects.filter(action="item.changed").count() == 3


def test_a_write_is_one_statement_with_its_event(world: World, vault: bytes) -> None:
    body = world.change_body(world.founder, vault, {world.item(): 1})
    with CaptureQueriesContext(connection) as captured:
        assert world.send_change(world.founder, vault, body).status_code == 201
    statements = [query["sql"].split() for query in captured.captured_queries]
    writes = [" ".join(words) for words in statements if words[0] != "SELECT"]
    assert [words.split(" ")[:3] for words in writes] == [["WITH", "swapped", "AS"]]
    assert "audit_append(" in writes[0]


_TOLD = """
    CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE NOTICE '% %', TG_OP, TG_TABLE_NAME;
        RETURN coalesce(NEW, OLD);
    END $$;
    CREATE TRIGGER told BEFORE INSERT ON vaults_vaultlink FOR EACH ROW EXECUTE FUNCTION told();
    CREATE TRIGGER told BEFORE INSERT OR DELETE ON vaults_revision
        FOR EACH ROW EXECUTE FUNCTION told();
    CREATE TRIGGER told BEFORE INSERT ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION told();
"""


def test_all_is_written_before_the_head_of_the_log_is_locked(world: World, vault: bytes) -> None:
    gone, kept = world.item(), world.item()
    for revision in (1, 2):
        world.write(world.founder, vault, {gone: revision, kept: revision})
    body = world.change_body(world.founder, vault, {gone: None, kept: 3})
    told: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(_TOLD)
    connection.connection.add_notice_handler(lambda notice: told.append(notice.message_primary))

    assert world.send_change(world.founder, vault, body).status_code == 201

    changed = ["DELETE vaults_revision", "INSERT vaults_revision", "INSERT vaults_vaultlink"]
    assert sorted(told[:-1]) == changed
    assert told[-1] == "INSERT audit_auditevent"


def test_a_thousand_entries_are_as_many_statements_as_one(world: World, vault: bytes) -> None:
    with CaptureQueriesContext(connection) as one:
        world.write(world.founder, vault, {world.item(): 1})
    many = world.change_body(world.founder, vault, {world.item(): 1 for _ in range(1000)})
    with CaptureQueriesContext(connection) as thousand:
        assert world.send_change(world.founder, vault, many).status_code == 201

    assert len(thousand) == len(one)
    assert Item.objects.count() == 1002


def test_a_body_over_four_megabytes_is_too_large(world: World, vault: bytes) -> None:
    blobs = [blob(details=2_000_000), blob(details=2_000_000), blob(details=300_000)]
    items = {world.item(): 1 for _ in blobs}
    body = world.change_body(world.founder, vault, items, blobs=blobs)
    assert world.send_change(world.founder, vault, body).status_code == 413


def test_links_are_neither_changed_nor_deleted(world: World, vault: bytes) -> None:
    for change in (
        lambda: VaultLink.objects.filter(seq=1).update(signed=b""),
        lambda: VaultLink.objects.filter(seq=1).delete(),
        lambda: TeamLink.objects.filter(seq=0).update(signed=b""),
        lambda: TeamLink.objects.filter(seq=0).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert (VaultLink.objects.count(), TeamLink.objects.count()) == (1, 2)
