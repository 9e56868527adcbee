"""Cases for Ed25519, and for public keys of both kinds. Bytes are hex."""

import hashlib
from collections.abc import Iterator

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_scalarmult_base,
    crypto_scalarmult_ed25519_base_noclamp,
)
from nacl.signing import SigningKey

from tests.draw import Draw
from tests.vectors.primitives import Case, hexed
from tests.vectors.signature_edges import edge_cases

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD_PRIME = 2**255 - 19

# Every point of low order, in every encoding that fits 255 bits (RFC 7748, and "Taming the many
# EdDSAs", table 6c).
LOW_ORDER_EDWARDS = {
    "neutral element": "0100000000000000000000000000000000000000000000000000000000000000",
    "neutral, sign bit set": "0100000000000000000000000000000000000000000000000000000000000080",
    "order 2": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "order 4": "0000000000000000000000000000000000000000000000000000000000000000",
    "order 4, sign bit set": "0000000000000000000000000000000000000000000000000000000000000080",
    "order 8": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "order 8, other": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "neutral, not canonical": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "order 4, not canonical": "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}
LOW_ORDER_MONTGOMERY = {
    "zero": "0000000000000000000000000000000000000000000000000000000000000000",
    "one": "0100000000000000000000000000000000000000000000000000000000000000",
    "order 8": "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "order 8, other": "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "p - 1": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "p": "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "p + 1": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "zero, top bit set": "0000000000000000000000000000000000000000000000000000000000000080",
}


def _rfc8032() -> Iterator[Case]:
    """RFC 8032, section 7.1, tests 1 to 3."""
    for number, public, message, r, s in (
        (
            1,
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            2,
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            3,
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac",
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ):
        yield {
            "name": f"RFC 8032 test {number}",
            "public": public,
            "message": message,
            "signature": r + s,
            "verdict": "valid",
        }


def ed25519_cases() -> list[Case]:
    draw = Draw("ed25519")
    cases = [*_rfc8032(), *_ours(draw), *_mixed_order(draw), *edge_cases()]
    return [hexed(case) for case in cases]


def _ours(draw: Draw) -> Iterator[Case]:
    """A signature of ours, and what is near to it."""
    signer = SigningKey(draw.take(32))
    good = signer.sign(b"a message").signature
    r, s = good[:32], good[32:]
    honest: Case = {
        "name": "our own",
        "public": bytes(signer.verify_key),
        "message": b"a message",
        "signature": good,
        "verdict": "valid",
    }
    yield honest

    def bad(name: str, **other: bytes) -> Case:
        return {**honest, "name": name, **other, "verdict": "refused"}

    s_plus_order = (int.from_bytes(s, "little") + GROUP_ORDER).to_bytes(32, "little")
    yield bad("other message", message=b"a massage")
    yield bad("bit of R flipped", signature=bytes([r[0] ^ 1]) + good[1:])
    yield bad("bit of S flipped", signature=r + bytes([s[0] ^ 1]) + s[1:])
    yield bad("S + L", signature=r + s_plus_order)
    yield bad("S = L", signature=r + GROUP_ORDER.to_bytes(32, "little"))
    yield bad("all zero", signature=bytes(64))
    yield bad("other key", public=bytes(SigningKey(draw.take(32)).verify_key))
    for name, encoded in LOW_ORDER_EDWARDS.items():
        point = bytes.fromhex(encoded)
        forged = _neutral() + bytes(32)
        yield bad(f"A is {name}, S = 0, R = neutral", public=point, signature=forged)
        yield bad(f"R is {name}", signature=point + s)
    yield bad("A = R = order 4, S = 0", public=bytes(32), signature=bytes(64))


def _neutral() -> bytes:
    return bytes.fromhex(LOW_ORDER_EDWARDS["neutral element"])


def _mixed_order(draw: Draw) -> Iterator[Case]:
    """Keys and R with a part of order 8: cofactored verification would accept them."""
    signer = SigningKey(draw.take(32))
    torsion = bytes.fromhex(LOW_ORDER_EDWARDS["order 8"])
    nonce = int.from_bytes(draw.take(64), "little") % GROUP_ORDER
    clean_key, clean_r = (
        bytes(signer.verify_key),
        crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little")),
    )
    mixed_key, mixed_r = (
        crypto_core_ed25519_add(clean_key, torsion),
        crypto_core_ed25519_add(clean_r, torsion),
    )
    for name, r, public, remainders, verdict in (
        ("A has a part of order 8", clean_r, mixed_key, range(1, 8), "refused"),
        (
            "A has a part of order 8 that the challenge cancels",
            clean_r,
            mixed_key,
            range(1),
            "valid",
        ),
        ("R has a part of order 8", mixed_r, clean_key, range(8), "refused"),
        ("A and R have parts of order 8", mixed_r, mixed_key, range(1, 7), "refused"),
    ):
        message, challenge = _challenge(r, public, remainders)
        s = (nonce + challenge * _scalar(signer)) % GROUP_ORDER
        signature = r + s.to_bytes(32, "little")
        yield {
            "name": name,
            "public": public,
            "message": message,
            "signature": signature,
            "verdict": verdict,
        }


def _challenge(r: bytes, public: bytes, remainders: range) -> tuple[bytes, int]:
    """A message whose challenge has such a remainder modulo 8."""
    for counter in range(1000):
        message = f"message {counter}".encode()
        challenge = (
            int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % GROUP_ORDER
        )
        if challenge % 8 in remainders:
            return message, challenge
    raise AssertionError


def _scalar(signer: SigningKey) -> int:
    scalar = bytearray(hashlib.sha512(bytes(signer)).digest()[:32])
    scalar[0] &= 248
    scalar[31] = (scalar[31] & 127) | 64
    return int.from_bytes(scalar, "little")


def key_cases() -> list[Case]:
    """Public keys: `kind` is `identity` or `box`."""
    draw = Draw("keys")
    identity = bytes(SigningKey(draw.take(32)).verify_key)
    torsion = bytes.fromhex(LOW_ORDER_EDWARDS["order 8"])
    bad_identities = {
        **{name: bytes.fromhex(point) for name, point in LOW_ORDER_EDWARDS.items()},
        "mixed order": crypto_core_ed25519_add(identity, torsion),
        "not on the curve": (2).to_bytes(32, "little"),
        "y = p + 3, not canonical": (FIELD_PRIME + 3).to_bytes(32, "little"),
        "y = 2^255 - 1": bytes.fromhex("ff" * 31 + "7f"),
    }
    box = crypto_scalarmult_base(draw.take(32))
    good_boxes = {
        "drawn": box,
        "top bit set": box[:31] + bytes([box[31] | 0x80]),
        "base point": b"\x09" + bytes(31),
    }
    cases = [{"kind": "identity", "name": "drawn", "public": identity, "verdict": "valid"}]
    cases += [
        {"kind": "identity", "name": n, "public": p, "verdict": "F10.key"}
        for n, p in bad_identities.items()
    ]
    cases += [
        {"kind": "box", "name": name, "public": public, "verdict": "valid"}
        for name, public in good_boxes.items()
    ]
    cases += [
        {"kind": "box", "name": name, "public": bytes.fromhex(point), "verdict": "F10.key"}
        for name, point in LOW_ORDER_MONTGOMERY.items()
    ]
    return [hexed(case) for case in cases]
