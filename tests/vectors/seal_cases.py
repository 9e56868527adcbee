"""Cases for the seal: what opens, and everything that must not."""

from collections.abc import Iterator
from typing import Any

from tests.draw import Draw
from tests.vectors.primitives import Case, hexed
from vaults.crypto import cbor, keys, seal


def seal_cases() -> list[Case]:
    """`context` is CBOR with the suite in it; a case without `plaintext` must not open."""
    draw = Draw("seal")
    b16, b32 = draw.take(16), draw.take(32)
    contexts: list[tuple[seal.Label[Any], dict[str, Any]]] = [
        (
            seal.OUTER,
            {"deployment": b16, "kek": 3, "kind": "grant", "row": b32, "team": draw.take(16)},
        ),
        (
            seal.OUTER,
            {
                "deployment": b16,
                "kek": 1,
                "kind": "opaque",
                "row": draw.take(16),
                "team": seal.NO_TEAM,
            },
        ),
        (seal.ITEM, _item_context(draw)),
        (seal.OLD_DEK, {"from": 1, "team": b16, "to": 2, "vault": draw.take(16)}),
        (
            seal.AMK_WRAP,
            {"account": b16, "cred": draw.take(16), "id": draw.take(16), "wrap": "auk"},
        ),
        (seal.AMK_WRAP, {"account": b16, "cred": bytes(16), "id": draw.take(16), "wrap": "kit"}),
        (seal.KEYRING, {"account": b16, "counter": 1}),
        (seal.PINS, {"account": b16, "counter": 7}),
        (seal.SETTINGS, {"account": b16, "counter": 2**53 - 1}),
        (seal.DRAFT, {"account": b16, "draft": draw.take(16)}),
        (seal.CACHE, {"account": b16, "chain": draw.take(16)}),
        (seal.LOGIN, {"handle": b16, "session": b32}),
    ]
    cases: list[Case] = []
    for label, context in contexts:
        cases += _one_seal(draw, label, context)
    cases += _damaged(draw)
    return [hexed(case) for case in cases]


def _item_context(draw: Draw) -> dict[str, Any]:
    return {
        "author": draw.take(16),
        "epoch": 1,
        "item": draw.take(16),
        "part": "overview",
        "revision": 2,
        "team": draw.take(16),
        "vault": draw.take(16),
    }


def _one_seal(draw: Draw, label: seal.Label[Any], context: dict[str, Any]) -> Iterator[Case]:
    """The good case, and one case for each field of the context changed."""
    key, salt, plaintext = keys.Dek(draw.take(32)), draw.take(32), draw.take(32)
    sealed = seal._seal_with_salt(key, label, context, plaintext, salt)
    name = label.name.decode()
    good = {"label": name, "key": bytes(key.raw), "sealed": sealed}
    yield {
        "name": f"{name} opens",
        **good,
        "context": _context(context),
        "salt": salt,
        "plaintext": plaintext,
        "verdict": "valid",
    }
    for field, value in context.items():
        other = {**context, field: _other(value)}
        yield {
            "name": f"{name}, other {field}",
            **good,
            "context": _context(other),
            "verdict": "R16.open",
        }
    other_label = "coffret/keyring/v1" if name != "coffret/keyring/v1" else "coffret/pins/v1"
    other_name = f"{name} under another label"
    yield {
        "name": other_name,
        **good,
        "label": other_label,
        "context": _context(context),
        "verdict": "R16.open",
    }


def _other(value: Any) -> Any:
    if isinstance(value, int):
        return value - 1
    return value[:-1] + ("x" if isinstance(value, str) else bytes([value[-1] ^ 1]))


def _context(context: dict[str, Any]) -> bytes:
    return cbor.dumps({**context, "suite": keys.SUITE})


def _damaged(draw: Draw) -> Iterator[Case]:
    key, context = keys.Dek(draw.take(32)), _item_context(draw)

    def make(plaintext: bytes) -> bytes:
        return seal._seal_with_salt(key, seal.ITEM, context, plaintext, draw.take(32))

    sealed = make(b"forty bytes of plaintext, more or less..")
    common = {"label": "coffret/item/v1", "key": bytes(key.raw), "context": _context(context)}
    end = len(sealed)
    for name, at in {
        "suite": 0,
        "first byte of salt": 1,
        "last byte of salt": 32,
        "first byte of commit": 33,
        "last byte of commit": 64,
        "first byte of ciphertext": 65,
        "last byte of ciphertext": end - 17,
        "first byte of tag": end - 16,
        "last byte of tag": end - 1,
    }.items():
        damaged = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        yield {"name": f"{name} flipped", **common, "sealed": damaged, "verdict": "R16.open"}
    empty = make(b"")
    yield {
        "name": "no plaintext",
        **common,
        "sealed": empty,
        "salt": empty[1:33],
        "plaintext": b"",
        "verdict": "valid",
    }
    for name, wrong in {
        "suite 2": b"\x02" + sealed[1:],
        "80 bytes": empty[:80],
        "no bytes": b"",
        "one byte less": sealed[:-1],
        "one byte more": sealed + b"\0",
    }.items():
        yield {"name": name, **common, "sealed": wrong, "verdict": "R16.open"}
    other_key = {**common, "key": draw.take(32)}
    yield {"name": "other key", **other_key, "sealed": sealed, "verdict": "R16.open"}
