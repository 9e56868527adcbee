"""Vectors that others published, over the libraries as the product uses them.

Where they come from: tests/vectors/published/README.md.
"""

import hmac
import json
from hashlib import sha512
from pathlib import Path
from typing import Any
from uuid import UUID

import opaque_ke_py as library
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.signing import SigningKey

from accounts import opaque
from tests.vectors.reading import FOLDER, by_name
from vaults.crypto import keys
from vaults.crypto.links import verify_signature

TAG_SIZE = 16  # bytes


def published(name: str) -> list[dict[str, Any]]:
    path: Path = FOLDER / "published" / f"{name}.json"
    cases: list[dict[str, Any]] = json.loads(path.read_text(encoding="ascii"))
    assert cases
    return cases


@pytest.mark.parametrize("case", published("ed25519"), ids=by_name)
def test_ed25519(case: dict[str, str]):
    seed, public, message, signature = (
        bytes.fromhex(case[name]) for name in ("seed", "public", "message", "signature")
    )
    signer = SigningKey(seed)
    assert bytes(signer.verify_key) == public
    assert signer.sign(message).signature == signature
    assert verify_signature(public, message, signature)
    assert not verify_signature(public, message + b"\0", signature)
    keys.check_identity_key(public)


@pytest.mark.parametrize("case", published("hkdf"), ids=by_name)
def test_hkdf(case: dict[str, str]):
    ikm, salt, info, okm = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info", "okm"))
    derived = bytearray(len(okm))
    kdf = HKDF(algorithm=hashes.SHA256(), length=len(okm), salt=salt, info=info)
    kdf.derive_into(ikm, derived)
    assert derived == okm
    assert keys._hkdf(hashes.SHA256(), ikm, salt, info) == okm[: keys.KEY_SIZE]


@pytest.mark.parametrize("case", published("hkdf"), ids=by_name)
def test_hkdf_with_sha512_as_rfc_5869_writes_it(case: dict[str, str]):
    """RFC 5869 has no vectors for SHA-512: its two steps are done by hand."""
    ikm, salt, info = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info"))
    prk = hmac.digest(salt or bytes(64), ikm, sha512)
    first = hmac.digest(prk, info + b"\1", sha512)
    assert keys._hkdf(hashes.SHA512(), ikm, salt, info) == first[: keys.KEY_SIZE]


def gcm_opens(case: dict[str, str], tag: bytes) -> bytes | None:
    """As `vaults.crypto.seal` does it: into a buffer, without associated data."""
    ciphertext = bytes.fromhex(case["ciphertext"])
    plaintext = bytearray(len(ciphertext) + len(tag) - TAG_SIZE)
    key, iv = bytes.fromhex(case["key"]), bytes.fromhex(case["iv"])
    try:
        AESGCM(key).decrypt_into(iv, ciphertext + tag, None, plaintext)
    except InvalidTag:
        return None
    return bytes(plaintext)


@pytest.mark.parametrize("case", published("aes_gcm"), ids=by_name)
def test_aes_gcm(case: dict[str, str]):
    opened = gcm_opens(case, bytes.fromhex(case["tag"]))
    assert (None if opened is None else opened.hex()) == case["plaintext"]


def test_aes_gcm_with_any_other_tag():
    case = next(case for case in published("aes_gcm") if case["plaintext"])
    tag = bytes.fromhex(case["tag"])
    bits = [int.from_bytes(tag, "big") ^ (1 << bit) for bit in range(8 * TAG_SIZE)]
    wrong = [value.to_bytes(TAG_SIZE, "big") for value in bits]
    wrong += [bytes(TAG_SIZE), b"\xff" * TAG_SIZE, tag[::-1], tag + b"\0", tag[1:]]
    assert gcm_opens(case, tag) is not None
    assert [other.hex() for other in wrong if gcm_opens(case, other) is not None] == []


class TestOpaque:
    """RFC 9807 C.1.1, as far as the library lets its randomness be compared."""

    case = published("opaque")[0]

    def field(self, name: str) -> bytes:
        return bytes.fromhex(self.case[name])

    @pytest.fixture
    def setup(self) -> library.ServerSetupData:
        fake = opaque.ServerKeys.generate().fake_key()
        keys_of_rfc = self.field("server_private_key") + fake + bytes(32)
        return opaque.ServerKeys(keys_of_rfc).setup(self.field("oprf_seed"))

    def test_the_registration_response(self, setup: library.ServerSetupData):
        request = self.field("registration_request")
        answer = library.server_registration_start(
            setup, request, self.field("credential_identifier")
        )
        assert bytes(answer.get_message()) == self.field("registration_response")
        assert bytes(answer.get_message())[32:] == self.field("server_public_key")
        # The product's own call differs in the identifier alone: an account's id.
        other = opaque.answer_registration(setup, UUID(int=1), request)
        assert other[32:] == self.field("server_public_key")
        assert other[:32] != self.field("registration_response")[:32]

    def test_the_evaluated_element_of_ke2(self, setup: library.ServerSetupData):
        started = library.server_login_start(
            setup,
            self.field("registration_upload"),
            self.field("ke1"),
            self.field("credential_identifier"),
        )
        ke2 = bytes(started.get_message())
        assert ke2[:32] == self.field("evaluated")
        assert len(ke2) == opaque.KE2_SIZE

    def test_sizes_are_those_of_ristretto255_and_sha512(self):
        # Nh = Nm = Nx = 64, Npk = Nn = 32, Noe = 32; an envelope is nonce and tag.
        element = nonce = public = 32
        mac = mask = 64
        envelope = nonce + mac
        assert element == opaque.REQUEST_SIZE == len(self.field("registration_request"))
        assert element + public == opaque.RESPONSE_SIZE == len(self.field("registration_response"))
        assert public + mask + envelope == opaque.RECORD_SIZE
        assert len(self.field("registration_upload")) == opaque.RECORD_SIZE
        assert element + nonce + public == opaque.KE1_SIZE == len(self.field("ke1"))
        masked = nonce + public + envelope
        assert element + masked + nonce + public + mac == opaque.KE2_SIZE
        assert mac == opaque.KE3_SIZE
        assert opaque.check_record(self.field("registration_upload")) == self.field(
            "registration_upload"
        )
