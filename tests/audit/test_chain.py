"""The hash chain: every change of every field shows, and erasing the personal part does not."""

import hashlib
from dataclasses import fields, replace
from uuid import UUID

import pytest

from audit.chain import (
    ZERO,
    Break,
    Facts,
    Head,
    StoredEvent,
    details_of,
    hash_personal,
    leaf_of,
    verify_chain,
)

TEAM = UUID(int=7)


def chain_of(length, scope_id=TEAM):
    events, leaf = [], ZERO
    for seq in range(1, length + 1):
        facts = Facts(
            id=UUID(int=seq),
            scope_kind="team",
            scope_id=scope_id,
            seq=seq,
            action="item.changed",
            actor_id=UUID(int=100),
            member_id=b"m" * 16,
            subject=b"s" * 16,
            at_ms=1_000 + seq,
            details={"count": seq, "vault": UUID(int=9)},
        )
        salt, personal = bytes([seq]) * 32, b"address"
        personal_hash = hash_personal(salt, personal)
        core = facts.encode()
        prev, leaf = leaf, leaf_of(prev=leaf, core=core, personal_hash=personal_hash)
        columns = {f.name: getattr(facts, f.name) for f in fields(Facts) if f.name != "details"}
        events.append(
            StoredEvent(
                **columns,
                core=core,
                prev=prev,
                leaf=leaf,
                personal_hash=personal_hash,
                salt=salt,
                personal=personal,
            )
        )
    return events


EVENTS = chain_of(5)
HEAD = Head(5, EVENTS[-1].leaf)


def verify(events, head=HEAD):
    return verify_chain(events, head=head)


def with_third(**changes):
    return [*EVENTS[:2], replace(EVENTS[2], **changes), *EVENTS[3:]]


def test_a_whole_chain_holds():
    assert verify(EVENTS) is None
    assert verify([], Head(0, ZERO)) is None


def test_the_leaf_is_made_of_the_bytes_in_the_readme():
    event = EVENTS[1]
    by_hand = hashlib.sha256(
        b"coffret/audit/v1"
        + EVENTS[0].leaf
        + len(event.core).to_bytes(4, "big")
        + event.core
        + hashlib.sha256(bytes([2]) * 32 + b"address").digest()
    )
    assert event.leaf == by_hand.digest()


def test_the_core_is_made_of_the_bytes_in_the_readme():
    facts = Facts(
        id=UUID(int=1),
        scope_kind="account",
        scope_id=UUID(int=2),
        seq=1,
        action="account.created",
        actor_id=None,
        member_id=None,
        subject=None,
        at_ms=1,
        details={},
    )
    zeros = "00" * 15
    assert facts.encode().hex() == (
        "ab"  # 11 fields, the shortest names first
        "6176" "01"
        "626174" "01"
        "626964" "50" + zeros + "01"
        "63736571" "01"
        "656163746f72" "f6"
        "6573636f7065" "67" + b"account".hex() +
        "66616374696f6e" "6f" + b"account.created".hex() +
        "666d656d626572" "f6"
        "6764657461696c73" "a0"
        "677375626a656374" "f6"
        "6873636f70655f6964" "50" + zeros + "02"
    )  # fmt: skip


CHANGES = {
    "id": UUID(int=99),
    "scope_kind": "account",
    "scope_id": UUID(int=99),
    "seq": 9,
    "action": "item.details_served",
    "actor_id": None,
    "member_id": b"n" * 16,
    "subject": None,
    "at_ms": 1,
    "core": EVENTS[3].core,
    "prev": ZERO,
    "leaf": ZERO,
    "personal_hash": ZERO,
    "salt": b"x" * 32,
    "personal": b"another address",
}


def test_every_field_is_changed_below():
    assert set(CHANGES) == {f.name for f in fields(StoredEvent)}


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_a_change_of_one_field_shows_at_its_number(field):
    found = verify(with_third(**{field: CHANGES[field]}))
    assert found is not None
    assert found.seq == 3


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_a_change_of_the_last_event_shows(field):
    found = verify([*EVENTS[:4], replace(EVENTS[4], **{field: CHANGES[field]})])
    assert found is not None
    assert found.seq == 5


@pytest.mark.parametrize("bit", range(0, len(EVENTS[2].core) * 8, 11))
def test_every_part_of_the_core_counts(bit):
    core = bytearray(EVENTS[2].core)
    core[bit // 8] ^= 1 << (bit % 8)
    assert verify(with_third(core=bytes(core))) == Break(3, "the leaf does not match")


def test_a_rewritten_event_with_its_own_leaf_breaks_the_next():
    core = replace_details(EVENTS[2], {"count": 1})
    leaf = leaf_of(prev=EVENTS[2].prev, core=core, personal_hash=EVENTS[2].personal_hash)
    assert verify(with_third(core=core, leaf=leaf)) == Break(4, "prev is not the leaf before")


def replace_details(event, details):
    columns = {f.name: getattr(event, f.name) for f in fields(Facts) if f.name != "details"}
    return Facts(**columns, details=details).encode()


def test_columns_that_a_matching_core_does_not_say_are_found():
    """The leaf is right here, and only the columns by which people search were changed."""
    for field in ("id", "action", "actor_id", "member_id", "subject", "at_ms"):
        found = verify(with_third(**{field: CHANGES[field]}))
        assert found == Break(3, "the columns do not agree with the core")


@pytest.mark.parametrize("core", [b"", b"\xa0", b"\x80", b"\xff", EVENTS[2].core + b"\0"])
def test_a_core_that_is_no_core_is_found(core):
    leaf = leaf_of(prev=EVENTS[2].prev, core=core, personal_hash=EVENTS[2].personal_hash)
    found = verify(with_third(core=core, leaf=leaf))
    assert found == Break(3, "the columns do not agree with the core")


@pytest.mark.parametrize("position", range(5))
def test_a_missing_event_shows(position):
    found = verify(EVENTS[:position] + EVENTS[position + 1 :])
    assert found is not None
    assert found.seq == position + 1


@pytest.mark.parametrize("position", range(5))
def test_a_repeated_event_shows(position):
    found = verify(EVENTS[: position + 1] + EVENTS[position:])
    assert found is not None
    assert found.seq == position + 2


def test_two_events_in_another_order_show():
    assert verify([EVENTS[0], EVENTS[2], EVENTS[1], *EVENTS[3:]]).seq == 2


def test_a_chain_cut_short_does_not_end_in_its_head():
    assert verify(EVENTS[:3]) == Break(4, "the head is another")
    assert verify([]) == Break(1, "the head is another")


def test_a_head_behind_its_events_shows():
    assert verify(EVENTS, Head(3, EVENTS[2].leaf)) == Break(5, "the head is another")


def test_the_chain_of_another_scope_does_not_stand_in():
    other = chain_of(5, scope_id=UUID(int=8))
    assert verify([*EVENTS[:2], *other[2:]]).seq == 3


def test_erasing_the_personal_part_keeps_the_chain():
    erased = [replace(event, salt=None, personal=None) for event in EVENTS]
    assert verify(erased) is None
    assert verify(with_third(salt=None, personal=None)) is None


@pytest.mark.parametrize("field", ["salt", "personal"])
def test_erasing_half_of_it_shows(field):
    assert verify(with_third(**{field: None})).seq == 3


def test_details_come_back_with_ids_as_bytes():
    assert details_of(EVENTS[2].core) == {"count": 3, "vault": UUID(int=9).bytes}


@pytest.mark.parametrize("details", [{"at": 1.5}, {"n": -1}, {1: "x"}, {"o": object()}])
def test_details_that_are_no_cbor_are_refused(details):
    with pytest.raises(ValueError):  # noqa: PT011  CborError has no text
        replace_details(EVENTS[0], details)
