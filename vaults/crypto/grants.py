"""Grants: a DEK sealed to one member's box key, signed by who gives it. SPEC 7.

Whether a grant counts is decided against the fold, in `vaults.vault_chain`.
"""

import hashlib
from typing import Any, Final, NamedTuple

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey

from vaults.crypto import cbor
from vaults.crypto.errors import Refused
from vaults.crypto.keys import KEY_SIZE, SUITE, Dek
from vaults.crypto.links import Head, verify_signature

MAX_STORED: Final = 1_024  # bytes of CBOR{grant, sig}
SEALED_DEK_SIZE: Final = KEY_SIZE + 48  # bytes: ephemeral public key and MAC come on top
SIGNATURE_SIZE: Final = 64  # bytes

_FIELDS: Final = {
    "ct": bytes,
    "epoch": int,
    "from": bytes,
    "head": dict,
    "suite": int,
    "team": bytes,
    "to": bytes,
    "vault": bytes,
}
_SIZES: Final = {"ct": SEALED_DEK_SIZE, "from": 32, "team": 16, "to": 32, "vault": 16}  # bytes


class ParsedGrant(NamedTuple):
    """A grant whose form is right. `sender` and `to` are fingerprints, `head` the sender's."""

    grant: bytes
    sig: bytes
    ct: bytes
    epoch: int
    sender: bytes
    head: Head
    team: bytes
    to: bytes
    vault: bytes

    def row_hash(self) -> bytes:
        """The row that the outer seal names."""
        return grant_row_hash(self.grant)

    def is_signed_by(self, identity: bytes) -> bool:
        """Whether this Ed25519 key, 32 bytes, signed the grant's bytes (SPEC 7)."""
        return verify_signature(identity, _message(self.grant), self.sig)


def grant_row_hash(grant: bytes) -> bytes:
    """`H(grant)`, 32 bytes."""
    return hashlib.sha256(grant).digest()


def make_grant(
    *,
    dek: Dek,
    epoch: int,
    head: Head,
    team: bytes,
    vault: bytes,
    to: bytes,
    to_box: bytes,
    sender: bytes,
    identity: SigningKey,
) -> tuple[bytes, bytes]:
    """Seal a DEK to a member and sign it. For clients; the server holds no DEK.

    Args:
        dek: of `epoch`.
        epoch: the epoch's number.
        head: the sender's verified team head.
        team: 16 bytes.
        vault: 16 bytes.
        to: the recipient's fingerprint, 32 bytes.
        to_box: the recipient's box key from the fold, 32 bytes.
        sender: the sender's fingerprint, 32 bytes.
        identity: the sender's identity key.

    Returns:
        The grant's bytes and the signature.
    """
    ct = SealedBox(PublicKey(to_box)).encrypt(bytes(dek.raw))
    grant = cbor.dumps(
        {
            "ct": ct,
            "epoch": epoch,
            "from": sender,
            "head": head._asdict(),
            "suite": SUITE,
            "team": team,
            "to": to,
            "vault": vault,
        }
    )
    return grant, sign_grant(grant, identity)


def sign_grant(grant: bytes, identity: SigningKey) -> bytes:
    """The sender's signature over the grant's bytes (SPEC 7): Ed25519, 64 bytes. For clients."""
    return identity.sign(_message(grant)).signature


def stored_grant(grant: bytes, sig: bytes) -> bytes:
    """What the outer seal covers."""
    return cbor.dumps({"grant": grant, "sig": sig})


def parse_grant(stored: bytes) -> ParsedGrant:
    """Parse CBOR{grant, sig}.

    Raises:
        Refused: `T7.parse`, then `R15.suite`.
    """
    pair = _decoded(stored)
    if pair.keys() != {"grant", "sig"} or any(type(value) is not bytes for value in pair.values()):
        raise Refused("T7.parse")
    fields = _decoded(pair["grant"])
    if not _fits(fields) or len(pair["sig"]) != SIGNATURE_SIZE:
        raise Refused("T7.parse")
    if fields["suite"] != SUITE:
        raise Refused("R15.suite")
    return ParsedGrant(
        grant=pair["grant"],
        sig=pair["sig"],
        ct=fields["ct"],
        epoch=fields["epoch"],
        sender=fields["from"],
        head=Head(**fields["head"]),
        team=fields["team"],
        to=fields["to"],
        vault=fields["vault"],
    )


def open_grant(grant: ParsedGrant, box_secret: bytes) -> Dek:
    """The DEK inside, not yet compared with its commitment. For clients.

    Raises:
        Refused: `T7.open`.
    """
    try:
        dek = SealedBox(PrivateKey(box_secret)).decrypt(grant.ct)
    except CryptoError:
        raise Refused("T7.open") from None
    return Dek(dek)


def _decoded(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_STORED:
        raise Refused("T7.parse")
    try:
        value = cbor.loads(data)
    except cbor.CborError:
        raise Refused("T7.parse") from None
    if type(value) is not dict:
        raise Refused("T7.parse")
    return value


def _fits(fields: dict[str, Any]) -> bool:
    if fields.keys() != _FIELDS.keys() or any(
        type(fields[name]) is not kind for name, kind in _FIELDS.items()
    ):
        return False
    head = fields["head"]
    return (
        all(len(fields[name]) == size for name, size in _SIZES.items())
        and head.keys() == {"hash", "seq"}
        and type(head["hash"]) is bytes
        and len(head["hash"]) == 32  # noqa: PLR2004  b32
        and type(head["seq"]) is int
    )


def _message(grant: bytes) -> bytes:
    return b"coffret/grant/v1\0" + grant
