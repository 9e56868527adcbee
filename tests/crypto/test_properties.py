"""Round trips, bit flips and misuse: what no list of cases can say."""

import copy
import pickle  # noqa: TID251  to see that keys refuse it
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from tests.chains import Person, TeamBuilder
from tests.draw import Draw
from vaults.crypto import cbor, grants, keys, parts, seal
from vaults.crypto.errors import DecryptionError, Refused
from vaults.crypto.links import parse_signed, sign_link

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(0, cbor.MAX_INT)
    | st.binary(max_size=300)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=30), inner, max_size=4
        )
    ),
    max_leaves=20,
)
PLACE: dict[str, Any] = {
    "deployment": bytes(16),
    "kek_version": 1,
    "kind": "grant",
    "row": bytes(32),
    "team": bytes(16),
}


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(VALUES)
def test_cbor_round_trip(value: object):
    if depth(value) > cbor.MAX_LEVEL:
        with pytest.raises(cbor.CborError):
            cbor.dumps(value)
    else:
        assert cbor.loads(cbor.dumps(value)) == value


@given(st.binary(max_size=60))
def test_whatever_decodes_is_encoded_to_the_same_bytes(data: bytes):
    try:
        value = cbor.loads(data)
    except cbor.CborError:
        return
    assert cbor.dumps(value) == data


@given(VALUES, st.data())
def test_no_encoding_has_a_second_form(value: object, data: st.DataObject):
    if depth(value) > cbor.MAX_LEVEL:
        return
    encoded = bytearray(cbor.dumps(value))
    bit = data.draw(st.integers(0, len(encoded) * 8 - 1))
    encoded[bit // 8] ^= 1 << (bit % 8)
    try:
        other = cbor.loads(bytes(encoded))
    except cbor.CborError:
        return
    # `True == 1` in Python, so the comparison is of bytes.
    assert cbor.dumps(other) == encoded


@pytest.mark.parametrize(
    "value", [-1, 2**53, 1.0, "\ud800", (1,), {1: 2}, {b"a": 1}, {1}, bytearray(1), object()]
)
def test_cbor_takes_no_other_value(value: object):
    with pytest.raises(cbor.CborError):
        cbor.dumps({"a": [value]})


def test_cbor_takes_six_levels_and_no_seventh():
    six: object = {"a": [{"a": [{"a": [1]}]}]}
    assert cbor.loads(cbor.dumps(six)) == six
    with pytest.raises(cbor.CborError):
        cbor.dumps([six])


@given(st.binary(max_size=2000), st.data())
def test_no_bit_of_a_seal_can_be_changed(plaintext: bytes, data: st.DataObject):
    with keys.Kek.generate() as kek:
        sealed = bytearray(seal.seal_outer(kek, **PLACE, plaintext=plaintext))
        assert len(sealed) == len(plaintext) + seal.OVERHEAD
        assert seal.open_outer(kek, **PLACE, sealed=bytes(sealed)) == plaintext
        bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
        sealed[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(DecryptionError):
            seal.open_outer(kek, **PLACE, sealed=bytes(sealed))


def test_a_right_commitment_over_altered_bytes_fails_in_the_same_way():
    kek = keys.Kek.generate()
    sealed = seal.seal_outer(kek, **PLACE, plaintext=b"secret")
    errors = []
    for wrong in (
        sealed[:-1] + bytes([sealed[-1] ^ 1]),
        sealed[:40] + bytes(8) + sealed[48:],
        b"\2" + sealed[1:],
        b"",
    ):
        with pytest.raises(DecryptionError) as failed:
            seal.open_outer(kek, **PLACE, sealed=wrong)
        errors.append((str(failed.value), failed.value.__cause__))

    assert set(errors) == {("does not open", None)}


def test_the_deployment_and_no_team_are_the_same_place():
    kek = keys.Kek.generate()
    sealed = seal.seal_outer(kek, **{**PLACE, "team": None}, plaintext=b"x")

    assert seal.open_outer(kek, **{**PLACE, "team": seal.NO_TEAM}, sealed=sealed) == b"x"


def test_equal_plaintexts_never_look_equal():
    kek = keys.Kek.generate()

    assert len({seal.seal_outer(kek, **PLACE, plaintext=b"x")[1:33] for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"account": bytes(16)},
        {"account": bytes(16), "counter": 1, "x": 1},
        {"account": bytes(16), "counter": -1},
    ],
)
def test_a_context_of_other_fields_is_a_mistake_of_the_caller(context: dict[str, object]):
    with pytest.raises(ValueError, match=r"takes|outside"):
        seal.seal(keys.Amk.generate(), seal.PINS, context, b"")


@given(st.binary(max_size=3000))
def test_parts_round_trip(text: bytes):
    padded = parts.pad(text)

    assert parts.unpad(padded) == text
    assert len(padded) == parts.padme(len(padded)) >= parts.LEAST_PADDED


def test_a_sealed_part_opens_only_at_its_revision():
    place: dict[str, Any] = {
        "team": bytes(16),
        "vault": bytes(16),
        "item": bytes(16),
        "author": bytes(16),
        "epoch": 1,
        "part": "details",
    }
    dek, padded = keys.Dek.generate(), parts.pad(b"text")
    sealed = parts.seal_part(dek, **place, revision=1, padded=padded)

    assert parts.open_part(dek, **place, revision=1, sealed=sealed) == padded
    with pytest.raises(DecryptionError):
        parts.open_part(dek, **place, revision=2, sealed=sealed)


KEYS = (keys.Kek, keys.Dek, keys.Amk, keys.Auk, keys.KitKey)


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_is_not_printed_compared_hashed_or_pickled(kind: type[keys.Kek]):
    key = kind(b"k" * 32)

    assert repr(key) == str(key) == f"<{kind.__name__}>"
    for misuse in (
        lambda: key == kind.generate(),
        lambda: hash(key),
        lambda: pickle.dumps(key),
        lambda: copy.copy(key),
    ):
        with pytest.raises(TypeError):
            misuse()


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_is_zeroed_at_the_end_of_its_block(kind: type[keys.Kek]):
    with pytest.raises(RuntimeError), kind(b"k" * 32) as key:
        raise RuntimeError

    assert key.raw == bytes(32)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_length_are_refused(size: int):
    wrong = bytes(size)
    for make in (
        lambda: keys.Dek(wrong),
        lambda: keys.invite_key_from(wrong, bytes(16), bytes(16)),
        lambda: keys.derive_kit_key(code=wrong, account=bytes(16)),
        lambda: keys.derive_auk(
            export_key=wrong, account_secret=b"", account=b"", cred=b"", server_key=b""
        ),
        lambda: keys.derive_auk(
            export_key=bytes(64),
            account_secret=wrong or b"1",
            account=b"",
            cred=b"",
            server_key=b"",
        ),
    ):
        with pytest.raises(ValueError, match=r"bytes"):
            make()


@given(st.data())
def test_no_bit_of_a_link_can_be_changed(data: st.DataObject):
    team = TeamBuilder("flips")
    signed = bytearray(
        team.sign(team.founder, "set_profile", {"profile": {"email": bytes(32), "name": bytes(32)}})
    )
    bit = data.draw(st.integers(0, len(signed) * 8 - 1))
    signed[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(Refused):
        team.append(bytes(signed))


def test_a_link_as_clients_sign_it():
    person = Person(Draw("client"), "client")
    link = {
        "actor": person.member,
        "at": 1,
        "body": {"invite": bytes(32)},
        "chain": bytes(16),
        "prev": bytes(32),
    }
    signed = sign_link(
        {**link, "seen": None, "seq": 1, "type": "invite_revoke", "v": 1},
        fp=person.fp,
        identity=person.identity,
    )

    assert parse_signed(signed, "team").sigs[0].fp == person.fp


def test_a_grant_cannot_be_opened_with_another_key():
    draw = Draw("grant")
    person, other = Person(draw, "one"), Person(draw, "two")
    team = TeamBuilder("grant")
    vault = team.vault_create(team.founder)
    grant = grants.parse_grant(team.grant(team.founder, vault, person))

    assert grants.open_grant(grant, bytes(person.box)).raw == team.vaults[vault].deks[1].raw
    with pytest.raises(Refused, match=r"^T7\.open$"):
        grants.open_grant(grant, bytes(other.box))
    assert not grant.is_signed_by(bytes(SigningKey.generate().verify_key))
