"""Cases for CBOR, Ed25519, keys, seals, derivations and parts. Bytes are hex."""

import hashlib
from collections.abc import Iterator
from typing import Any, Literal

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_scalarmult_base,
    crypto_scalarmult_ed25519_base_noclamp,
)
from nacl.signing import SigningKey

from tests.draw import Draw
from tests.vectors.signature_edges import edge_cases
from vaults.crypto import cbor, keys, parts, profile

Case = dict[str, Any]

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


def cbor_cases() -> list[Case]:
    good = {
        "empty map": {},
        "empty array": [],
        "empty bytes": b"",
        "empty text": "",
        "0": 0,
        "23": 23,
        "24": 24,
        "255": 255,
        "256": 256,
        "65535": 65535,
        "65536": 65536,
        "2^32 - 1": 2**32 - 1,
        "2^32": 2**32,
        "2^53 - 1": 2**53 - 1,
        "false": False,
        "true": True,
        "null": None,
        "23 bytes": bytes(23),
        "24 bytes": bytes(24),
        "256 bytes": bytes(256),
        "text beyond the basic plane": "K\u00e4se \U0001f511",
        "text with a zero character": "a\0b",
        "keys of other lengths": {"b": 1, "aa": 2, "": 3},
        "key of 24 bytes after a short one": {"k" * 24: 1, "z": 2},
        "keys that differ beyond ASCII": {"\u00e9": 1, "zz": 2},
        "array of 24": list(range(24)),
        "six levels, then a scalar": [[[[[[1]]]]]],
        "six levels of maps": {"a": {"a": {"a": {"a": {"a": {"a": None}}}}}},
    }
    bad = {
        "no bytes": "",
        "bytes after the item": "0000",
        "duplicate key": "a2616101616102",
        "unsorted keys": "a2616201616101",
        "long key before short one": "a262616101616201",
        "key is an integer": "a10101",
        "key is bytes": "a1416101",
        "key is an array": "a18001",
        "key is null": "a1f601",
        "0 in two bytes": "1800",
        "23 in two bytes": "1817",
        "255 in three bytes": "1900ff",
        "65535 in five bytes": "1a0000ffff",
        "2^32 - 1 in nine bytes": "1b00000000ffffffff",
        "length of bytes not shortest": "580161",
        "length of text not shortest": "780161",
        "length of array not shortest": "980100",
        "length of map not shortest": "b801616100",
        "length of a key not shortest": "a178016100",
        "2^53": "1b0020000000000000",
        "2^64 - 1": "1bffffffffffffffff",
        "minus one": "20",
        "indefinite bytes": "5f4161ff",
        "indefinite text": "7f6161ff",
        "indefinite array": "9f00ff",
        "indefinite map": "bf616100ff",
        "break alone": "ff",
        "reserved additional information 28": "1c",
        "tag 0": "c06161",
        "tag 2, a big number": "c24101",
        "tag 5, a huge big float": "c5821b00000000ffffffff01",
        "tag 55799": "d9d9f700",
        "half float": "f93c00",
        "single float": "fa3f800000",
        "double float": "fb3ff0000000000000",
        "NaN": "f97e00",
        "undefined": "f7",
        "simple value 16": "f0",
        "simple value 255": "f8ff",
        "false in two bytes": "f814",
        "text is not UTF-8": "61ff",
        "text is a surrogate": "63eda080",
        "text is overlong": "62c080",
        "text is cut inside a character": "61c3",
        "bytes are cut": "4261",
        "text is cut": "6261",
        "array is cut": "8200",
        "map is cut": "a26161006162",
        "key is cut": "a16261",
        "argument is cut": "19ff",
        "length of 2^53 bytes": "5b0020000000000000",
        "array of 2^52 items": "9b0010000000000000",
        "seven empty levels": "81818181818180",
        "seven levels with maps": "a16161" * 6 + "a0",
        "deep nesting": "81" * 5000 + "00",
    }
    return [
        *(
            {"name": name, "bytes": cbor.dumps(value).hex(), "verdict": "valid"}
            for name, value in good.items()
        ),
        *({"name": name, "bytes": text, "verdict": "refused"} for name, text in bad.items()),
    ]


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
    signer = SigningKey(draw.take(32))
    public, message = bytes(signer.verify_key), b"a message"
    good = signer.sign(message).signature
    r, s = good[:32], good[32:]
    s_plus_order = (int.from_bytes(s, "little") + GROUP_ORDER).to_bytes(32, "little")
    cases = [
        *_rfc8032(),
        {
            "name": "our own",
            "public": public,
            "message": message,
            "signature": good,
            "verdict": "valid",
        },
    ]

    def bad(
        name: str, *, public: bytes = public, message: bytes = message, signature: bytes = good
    ) -> None:
        cases.append(
            {
                "name": name,
                "public": public,
                "message": message,
                "signature": signature,
                "verdict": "refused",
            }
        )

    bad("other message", message=b"a massage")
    bad("bit of R flipped", signature=bytes([r[0] ^ 1]) + good[1:])
    bad("bit of S flipped", signature=r + bytes([s[0] ^ 1]) + s[1:])
    bad("S + L", signature=r + s_plus_order)
    bad("S = L", signature=r + GROUP_ORDER.to_bytes(32, "little"))
    bad("all zero", signature=bytes(64))
    bad("other key", public=bytes(SigningKey(draw.take(32)).verify_key))
    for name, point in LOW_ORDER_EDWARDS.items():
        bad(
            f"A is {name}, S = 0, R = neutral",
            public=bytes.fromhex(point),
            signature=_neutral() + bytes(32),
        )
        bad(f"R is {name}", signature=bytes.fromhex(point) + s)
    bad("A = R = order 4, S = 0", public=bytes(32), signature=bytes(64))
    cases.extend(_mixed_order(draw))
    cases.extend(edge_cases())
    return [hexed(case) for case in cases]


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


def derive_cases() -> list[Case]:
    """Deterministic derivations: `function` names it, `input` its arguments, `output` the bytes."""
    draw = Draw("derive")
    a, b, c, d = (draw.take(16) for _ in range(4))
    k, m, n = (draw.take(32) for _ in range(3))
    export_key, genesis = draw.take(64), draw.take(200)
    cases: list[Case] = [
        _derived("fingerprint", keys.fingerprint(k, m), identity=k, box=m),
        _derived(
            "dek_commit", keys.dek_commit(a, b, 1, keys.Dek(k)), team=a, vault=b, epoch=1, dek=k
        ),
        _derived(
            "dek_commit",
            keys.dek_commit(a, b, 70_000, keys.Dek(k)),
            team=a,
            vault=b,
            epoch=70_000,
            dek=k,
        ),
        _derived("team_id", keys.team_id(genesis).bytes, genesis=genesis),
        _derived(
            "oprf_seed_message", keys.oprf_seed_message(a, b, c), deployment=a, account=b, cred=c
        ),
        _derived(
            "invite_key", bytes(keys.invite_key_from(k, a, d).verify_key), t=k, team=a, invite=d
        ),
        _derived("kit", bytes(keys.derive_kit_key(code=k, account=a).raw), code=k, account=a),
        _derived("revision_hash", parts.revision_hash(k, m), overview=k, details=m),
    ]
    for secret in (b"", m):
        auk = keys.derive_auk(
            export_key=export_key, account_secret=secret, account=a, cred=b, server_key=n
        )
        cases.append(
            _derived(
                "auk",
                bytes(auk.raw),
                export_key=export_key,
                account_secret=secret,
                account=a,
                cred=b,
                server_key=n,
            )
        )
    texts: list[tuple[Literal["name", "email", "team"], str]] = [
        ("name", "Zo\u00eb"),
        ("email", "zoe@example.org"),
        ("name", ""),
        ("team", "Orchard"),
    ]
    for kind, text in texts:
        cases.append(
            _derived("commitment", profile.commitment(k, kind, text), salt=k, kind=kind, text=text)
        )
    return cases


def _derived(function: str, output: bytes, **arguments: Any) -> Case:
    return {"function": function, "input": hexed(arguments), "output": output.hex()}


def part_cases() -> dict[str, list[Case]]:
    """`padme`: pairs; `parts`: padded plaintexts with their text and commitments, or refused."""
    draw = Draw("parts")
    lengths = [
        2,
        3,
        9,
        63,
        64,
        65,
        255,
        256,
        257,
        272,
        273,
        1000,
        4096,
        4097,
        65_535,
        65_536,
        2**21 - 1,
        2**31 + 1,
    ]
    cases = []
    for size in (0, 1, 219, 220, 221, 236, 237, 700):
        text = draw.take(size)
        padded = parts.pad(text, draw.take(32))
        commitments = {
            part: parts.part_commitment(part, padded) for part in ("overview", "details")
        }
        cases.append(
            {
                "name": f"{size} bytes",
                "padded": padded,
                "text": text,
                **commitments,
                "verdict": "valid",
            }
        )
    padded = parts.pad(b"text", draw.take(32))
    for name, wrong in {
        "last zero is one": padded[:-1] + b"\1",
        "first zero is one": padded[:40] + b"\1" + padded[41:],
        "length smaller than the text": padded[:35] + b"\3" + padded[36:],
        "length beyond the end": padded[:32] + b"\0\0\1\0" + padded[36:],
        "length 2^32 - 1": padded[:32] + b"\xff" * 4 + padded[36:],
        "padded to the next size": padded + bytes(16),
        "one byte short": padded[:-1],
        "one byte long": padded + b"\0",
        "no bytes": b"",
        "35 bytes": padded[:35],
        "36 bytes and no text": bytes(36),
    }.items():
        cases.append({"name": name, "padded": wrong, "verdict": "R16.open"})
    return {
        "padme": [{"length": length, "padded": parts.padme(length)} for length in lengths],
        "parts": [hexed(case) for case in cases],
    }


def hexed(case: dict[str, Any]) -> Case:
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in case.items()}
