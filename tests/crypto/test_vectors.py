"""The shared vectors: they are what the generator writes, and this side agrees with them."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from tests.vectors import word_cases
from tests.vectors.generate import all_vectors
from tests.vectors.link_cases import parse_verdict, signed_of
from tests.vectors.reading import FOLDER, by_name, read
from vaults.crypto import cbor, keys, parts, profile, seal
from vaults.crypto.errors import DecryptionError, Refused
from vaults.crypto.links import Accept, build_accept, parse_accept, parse_signed, verify_signature

SPEC = Path(keys.__file__).parent / "SPEC.md"
# Judged by clients alone, with pins (8) or with an invitation's link (5): no chain of links shows
# them.
CLIENTS_ONLY = {"T4.older", "T4.fork", "T10.link", "F8.short", "R23.genesis"}

LABELS = [label for label in vars(seal).values() if isinstance(label, seal.Label)]


def test_the_generator_writes_the_same_bytes_again():
    written = {path.name: path.read_text(encoding="ascii") for path in FOLDER.glob("*.json")}

    assert all_vectors() == written


def test_every_refusal_of_the_specification_is_reached():
    """Sections 3 to 5 and 7."""
    text = SPEC.read_text(encoding="utf-8")
    sections = dict(re.findall(r"(?ms)^## (\d) [^\n]*\n(.*?)(?=^## |\Z)", text))
    asked = set(re.findall(r"`([A-Z]\d+\.\w+)`", "".join(sections[number] for number in "3457")))
    reached = {case["verdict"] for name in ("links", "accept") for case in read(name)}
    for name in ("team_chains", "vault_chains", "grants"):
        reached |= {case["refusal"] for case in read(name)}

    assert len(asked) > 60
    assert asked - CLIENTS_ONLY - {"R13.vault"} <= reached
    assert reached - asked <= {"valid", None}


@pytest.mark.parametrize("case", read("cbor"), ids=by_name)
def test_cbor(case: dict[str, Any]):
    data = bytes.fromhex(case["bytes"])
    if case["verdict"] == "valid":
        assert cbor.dumps(cbor.loads(data)) == data
    else:
        with pytest.raises(cbor.CborError):
            cbor.loads(data)


@pytest.mark.parametrize("case", read("ed25519"), ids=by_name)
def test_ed25519(case: dict[str, Any]):
    public, message, signature = (
        bytes.fromhex(case[name]) for name in ("public", "message", "signature")
    )

    assert verify_signature(public, message, signature) is (case["verdict"] == "valid")


@pytest.mark.parametrize("case", read("keys"), ids=by_name)
def test_public_keys(case: dict[str, Any]):
    check = {"identity": keys.check_identity_key, "box": keys.check_box_key}[case["kind"]]
    if case["verdict"] == "valid":
        check(bytes.fromhex(case["public"]))
    else:
        with pytest.raises(Refused, match=r"^F10\.key$"):
            check(bytes.fromhex(case["public"]))


@pytest.mark.parametrize("case", read("seal"), ids=by_name)
def test_seal(case: dict[str, Any]):
    context = cbor.loads(bytes.fromhex(case["context"]))
    label: seal.Label[Any] = seal.Label(case["label"].encode(), frozenset(context))
    key, sealed = keys.Dek(bytes.fromhex(case["key"])), bytes.fromhex(case["sealed"])
    if case["verdict"] == "valid":
        assert label in LABELS
        plaintext, salt = bytes.fromhex(case["plaintext"]), bytes.fromhex(case["salt"])
        assert seal.open_sealed(key, label, context, sealed) == plaintext
        assert seal._seal_with_salt(key, label, context, plaintext, salt) == sealed
    else:
        with pytest.raises(DecryptionError):
            seal.open_sealed(key, label, context, sealed)


DERIVE: dict[str, Callable[..., bytes]] = {
    "fingerprint": keys.fingerprint,
    "dek_commit": lambda dek, **place: keys.dek_commit(**place, dek=keys.Dek(dek)),
    "team_id": lambda genesis: keys.team_id(genesis).bytes,
    "oprf_seed_message": keys.oprf_seed_message,
    "invite_key": lambda **given: bytes(keys.invite_key_from(**given).verify_key),
    "kit": lambda **given: bytes(keys.derive_kit_key(**given).raw),
    "auk": lambda **given: bytes(keys.derive_auk(**given).raw),
    "commitment": profile.commitment,
    "revision_hash": parts.revision_hash,
}
TEXTS = {"kind", "text"}


@pytest.mark.parametrize("case", read("derive"), ids=by_name)
def test_derivations(case: dict[str, Any]):
    given = {
        name: value if name in TEXTS or isinstance(value, int) else bytes.fromhex(value)
        for name, value in case["input"].items()
    }

    assert DERIVE[case["function"]](**given).hex() == case["output"]


def test_team_ids_are_uuids_of_version_8():
    team = keys.team_id(b"a genesis")

    assert (team.version, team.variant) == (8, "specified in RFC 4122")


def test_the_words_are_those_of_the_list_that_the_specification_names():
    digest = hashlib.sha256(word_cases.LIST.read_bytes()).hexdigest()

    assert digest in SPEC.read_text(encoding="utf-8")
    assert len(set(word_cases.LIST.read_text(encoding="ascii").split())) == 6**5


@pytest.mark.parametrize("case", read("parts")["padme"], ids=by_name)
def test_padme(case: dict[str, Any]):
    assert parts.padme(case["length"]) == case["padded"]


@pytest.mark.parametrize("case", read("parts")["parts"], ids=by_name)
def test_parts(case: dict[str, Any]):
    padded = bytes.fromhex(case["padded"])
    if case["verdict"] != "valid":
        with pytest.raises(DecryptionError):
            parts.unpad(padded)
        return
    assert parts.unpad(padded).hex() == case["text"]
    assert parts.pad(bytes.fromhex(case["text"]), padded[:32]) == padded
    assert parts.part_commitment("overview", padded).hex() == case["overview"]
    assert parts.part_commitment("details", padded).hex() == case["details"]


@pytest.mark.parametrize("case", read("links"), ids=by_name)
def test_links(case: dict[str, Any]):
    assert parse_verdict(case) == case["verdict"]
    if "hash" in case:
        assert parse_signed(signed_of(case), case["chain"]).hash.hex() == case["hash"]


def test_only_the_check_of_keys_is_left_out_where_a_link_was_let_in_before():
    cases = [case for case in read("links") if case["verdict"] == "F10.key"]
    types = {parse_signed(signed_of(case), case["chain"], check_keys=False).type for case in cases}
    assert types == {"genesis", "invite", "add_member"}


@pytest.mark.parametrize("case", read("accept"), ids=by_name)
def test_acceptances(case: dict[str, Any]):
    assert parse_verdict(case) == case["verdict"]


def test_an_acceptance_is_signed_by_both_keys():
    case = read("accept")[0]
    accept = parse_accept(bytes.fromhex(case["accept"]))
    invite = cbor.loads(bytes.fromhex(case["accept"]))["invite"]
    identity = SigningKey(bytes.fromhex(case["identity_seed"]))
    # The invite's id is not in the acceptance, so its key comes from the generator's own draw.
    key = case["invite_key"]

    assert isinstance(accept, Accept)
    assert accept.invite == invite
    said = b"coffret/accept/v1\0" + bytes.fromhex(case["accept"])
    assert verify_signature(bytes.fromhex(key), said, bytes.fromhex(case["by_invite"]))
    assert (
        build_accept(accept, identity=identity, invite=identity)["by_identity"].hex()
        == case["by_identity"]
    )
