"""Signed links and acceptances: parsing in the order of SPEC 3, signing, verifying.

`parse_signed` looks at one link alone. What a link may do is decided by the folds
(`accounts.team_chain`, `vaults.vault_chain`).
"""

import hashlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from vaults.crypto import cbor
from vaults.crypto.errors import Refused
from vaults.crypto.keys import SUITE, check_box_key, check_identity_key

ChainKind = Literal["team", "vault"]

VERSION: Final = 1
MAX_LINK: Final = 262_144  # bytes
MAX_SIGNED: Final = 263_168  # bytes
MAX_ACCEPT: Final = 4_096  # bytes
MAX_INVITE_VAULTS: Final = 1_000
MAX_CUTS: Final = 2_000
MAX_ENTRIES: Final = 1_000
ZERO16: Final = bytes(16)
ZERO32: Final = bytes(32)

ROLES: Final = ("owner", "admin", "member", "auditor")
RIGHTS: Final = {"read": 1, "write": 2, "manage": 3}


class Head(NamedTuple):
    """A place in a chain: the hash of the link that has this seq."""

    hash: bytes
    seq: int


class Signature(NamedTuple):
    fp: bytes
    sig: bytes


class Accept(NamedTuple):
    """What an invitee signs (SPEC 5)."""

    account: bytes
    box: bytes
    identity: bytes
    invite: bytes
    member: bytes
    profile: dict[str, bytes]
    team: bytes


class ParsedLink(NamedTuple):
    """A link whose form is right; its signature and its rights are not yet looked at."""

    signed: bytes
    hash: bytes
    link: bytes
    actor: bytes
    at: int
    body: dict[str, Any]
    chain: bytes
    prev: bytes
    seen: Head | None
    seq: int
    type: str
    sigs: tuple[Signature, ...]
    accept: Accept | None
    """The acceptance inside an `add_member`."""


Shape = Callable[[Any], bool]


def _bytes_of(size: int) -> Shape:
    return lambda value: type(value) is bytes and len(value) == size


def _one_of(*texts: str) -> Shape:
    return lambda value: type(value) is str and value in texts


def _map_of(**fields: Shape) -> Shape:
    """Exactly these fields, each of its shape."""
    # A decoded map has its keys in canonical order.
    names = sorted(fields, key=lambda name: (len(name), name))
    shapes = [fields[name] for name in names]

    def shape(value: Any) -> bool:
        if type(value) is not dict or list(value) != names:
            return False
        for fits, inner in zip(shapes, value.values(), strict=True):  # noqa: SIM110  `all` costs twice as much here
            if not fits(inner):
                return False
        return True

    return shape


def _ascending(shape: Shape, by: Callable[[Any], bytes], least: int, most: int) -> Shape:
    """A list of `least` to `most` entries, strictly ascending by `by`."""

    def fits(value: Any) -> bool:
        if type(value) is not list or not least <= len(value) <= most or not all(map(shape, value)):
            return False
        keys = [by(entry) for entry in value]
        return all(first < second for first, second in pairwise(keys))

    return fits


def _nullable(shape: Shape) -> Shape:
    return lambda value: value is None or shape(value)


def _is_uint(value: Any) -> bool:
    return type(value) is int


def _is_bytes(value: Any) -> bool:
    return type(value) is bytes


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_map(value: Any) -> bool:
    return type(value) is dict


def _is_entry(value: Any) -> bool:
    """`[item, revision, hash | null]` of a `change`."""
    return (
        type(value) is list
        and len(value) == len(_ENTRY)
        and all(fits(x) for fits, x in zip(_ENTRY, value, strict=True))
    )


def _list_of(shape: Shape) -> Shape:
    return lambda value: type(value) is list and all(map(shape, value))


_B16, _B32, _B64 = _bytes_of(16), _bytes_of(32), _bytes_of(64)
_ENTRY: Final = (_B16, _is_uint, _nullable(_B32))
_ROLE, _RIGHT = _one_of(*ROLES), _one_of(*RIGHTS)
_PROFILE = _map_of(email=_B32, name=_B32)
_CUT = _ascending(
    _map_of(hash=_B32, seq=_is_uint, vault=_B16), lambda cut: cut["vault"], 0, MAX_CUTS
)
_INVITE_VAULTS = _ascending(
    _map_of(right=_RIGHT, vault=_B16), lambda entry: entry["vault"], 0, MAX_INVITE_VAULTS
)
_ENTRIES = _ascending(_is_entry, lambda entry: entry[0], 1, MAX_ENTRIES)

_SIGNED = _map_of(link=_is_bytes, sigs=_list_of(_map_of(fp=_B32, sig=_B64)))
_LINK = _map_of(
    actor=_B16,
    at=_is_uint,
    body=_is_map,
    chain=_B16,
    prev=_B32,
    seen=_nullable(_map_of(hash=_B32, seq=_is_uint)),
    seq=_is_uint,
    type=_is_text,
    v=_is_uint,
)
_ACCEPT = _map_of(
    account=_B16,
    box=_B32,
    identity=_B32,
    invite=_B32,
    member=_B16,
    profile=_PROFILE,
    suite=_is_uint,
    team=_B16,
)
_FOUNDER = _map_of(
    account=_B16, box=_B32, identity=_B32, member=_B16, profile=_PROFILE, suite=_is_uint
)

BODIES: Final[dict[ChainKind, dict[str, Shape]]] = {
    "team": {
        "genesis": _map_of(
            founder=_FOUNDER, kind=_one_of("team", "personal"), name=_B32, nonce=_B32
        ),
        "invite": _map_of(
            email=_B32,
            expiry=_is_uint,
            invite=_B16,
            key=_B32,
            role=_ROLE,
            vaults=_INVITE_VAULTS,
            via=_one_of("link", "mail"),
        ),
        "invite_revoke": _map_of(invite=_B32),
        "add_member": _map_of(accept=_is_bytes, by_identity=_B64, by_invite=_B64),
        "verify": _map_of(fp=_B32, how=_one_of("words"), member=_B16),
        "set_role": _map_of(cut=_CUT, member=_B16, role=_ROLE),
        "remove_member": _map_of(cut=_CUT, member=_B16),
        "set_profile": _map_of(profile=_PROFILE),
        "vault_create": _map_of(dek_commit=_B32, epoch=_is_uint, vault=_B16),
        "vault_grant": _map_of(cut=_CUT, member=_B16, right=_RIGHT, vault=_B16),
        "vault_revoke": _map_of(cut=_CUT, member=_B16, vault=_B16),
        "vault_rotate": _map_of(cut=_CUT, dek_commit=_B32, epoch=_is_uint, vault=_B16),
    },
    "vault": {"change": _map_of(entries=_ENTRIES, epoch=_is_uint)},
}


def parse_signed(data: bytes, chain_kind: ChainKind, *, check_keys: bool = True) -> ParsedLink:
    """Parse one Signed.

    Args:
        data: CBOR of the Signed, from anyone.
        chain_kind: which chain it claims a place in.
        check_keys: False leaves out `F10.key` (0.1 ms a member), for links that were let in here
            before.

    Raises:
        Refused: `T1.size`, `T1.cbor`, `T16.fields`, `T3.version`, `T3.type`, `T16.body`,
            `T10.accept`, `R15.suite` or `F10.key`, in this order.
    """
    outer = _decoded(data, MAX_SIGNED, _SIGNED)
    fields = _decoded(outer["link"], MAX_LINK, _LINK)
    if fields["v"] != VERSION:
        raise Refused("T3.version")
    shape = BODIES[chain_kind].get(fields["type"])
    if shape is None:
        raise Refused("T3.type")
    body = fields["body"]
    if not shape(body):
        raise Refused("T16.body")
    accept = (
        parse_accept(body["accept"], check_keys=check_keys)
        if fields["type"] == "add_member"
        else None
    )
    if fields["type"] == "genesis":
        _check_suite_and_keys(body["founder"], check_keys)
    if fields["type"] == "invite" and check_keys:
        check_identity_key(body["key"])
    seen = fields["seen"]
    return ParsedLink(
        signed=data,
        hash=hashlib.sha256(data).digest(),
        link=outer["link"],
        actor=fields["actor"],
        at=fields["at"],
        body=body,
        chain=fields["chain"],
        prev=fields["prev"],
        seen=None if seen is None else Head(seen["hash"], seen["seq"]),
        seq=fields["seq"],
        type=fields["type"],
        sigs=tuple(Signature(entry["fp"], entry["sig"]) for entry in outer["sigs"]),
        accept=accept,
    )


def _decoded(data: bytes, most: int, shape: Shape) -> dict[str, Any]:
    if len(data) > most:
        raise Refused("T1.size")
    try:
        value = cbor.loads(data)
    except cbor.CborError:
        raise Refused("T1.cbor") from None
    if not shape(value):
        raise Refused("T16.fields")
    fields: dict[str, Any] = value
    return fields


def _check_suite_and_keys(fields: dict[str, Any], check_keys: bool) -> None:  # noqa: FBT001  the caller's own flag
    if fields["suite"] != SUITE:
        raise Refused("R15.suite")
    if check_keys:
        check_identity_key(fields["identity"])
        check_box_key(fields["box"])


def parse_accept(data: bytes, *, check_keys: bool = True) -> Accept:
    """Parse an acceptance; its two signatures are judged by the fold.

    Raises:
        Refused: `T10.accept`, `R15.suite` or `F10.key`.
    """
    try:
        fields = _decoded(data, MAX_ACCEPT, _ACCEPT)
    except Refused:
        raise Refused("T10.accept") from None
    _check_suite_and_keys(fields, check_keys)
    del fields["suite"]
    return Accept(**fields)


def build_accept(accept: Accept, *, identity: SigningKey, invite: SigningKey) -> dict[str, bytes]:
    """The body of an `add_member`: the acceptance, signed by identity key and invitation key."""
    data = cbor.dumps({**accept._asdict(), "suite": SUITE})
    said = accept_message(data)
    return {
        "accept": data,
        "by_identity": identity.sign(said).signature,
        "by_invite": invite.sign(said).signature,
    }


def accept_message(accept: bytes) -> bytes:
    """What both signatures of an acceptance are over."""
    return b"coffret/accept/v1\0" + accept


def open_message(invite: bytes) -> bytes:
    """What an invitation's key signs, so that the server serves the chain to its holder alone."""
    return b"coffret/open/v1\0" + invite


def link_message(link_type: str, link: bytes) -> bytes:
    """What a link's signature is over. With the type, so that no signature has two readings."""
    return b"coffret/link/" + link_type.encode() + b"/v1\0" + link


def sign_link(link: dict[str, Any], *, fp: bytes, identity: SigningKey) -> bytes:
    """The Signed of a link given as its CBOR fields. For clients; the server signs nothing."""
    data = cbor.dumps(link)
    signature = identity.sign(link_message(link["type"], data)).signature
    return cbor.dumps({"link": data, "sigs": [{"fp": fp, "sig": signature}]})


def verify_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is `public`'s over `message`, by libsodium's strict rules."""
    try:
        VerifyKey(public).verify(message, signature)
    except BadSignatureError:
        return False
    return True
