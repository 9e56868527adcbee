"""Ways to make a link wrong: other bytes, other encodings, other fields, other signatures."""

from collections.abc import Callable
from typing import Any

from nacl.signing import SigningKey

from tests.chains import Person
from tests.fuzz.moves import Dice
from vaults.crypto import cbor
from vaults.crypto.links import MAX_LINK, ZERO16, ZERO32, link_message

ORDER = 2**252 + 27742317777372353535851937790883648493  # of Ed25519's base point
SMALL_ORDER = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")

# What may stand in the place of any value; `dumps` refuses none of them.
VALUES: tuple[Any, ...] = (
    *(0, 1, 2, 255, 2**16, 2**53 - 1, None, True, False, "", "link", "mail", "words", "team"),
    *("owner", "admin", "member", "auditor", "read", "write", "manage", "personal"),
    *(b"", bytes(15), ZERO16, b"\1" * 16, ZERO32, b"\2" * 32, bytes(64), SMALL_ORDER, [], {}),
    *([[]], {"v": 1}, [ZERO16, 1, None]),
)
FIELDS = ("actor", "at", "body", "chain", "prev", "seen", "seq", "type", "v")
TYPES = ("genesis", "invite", "change", "add_custodian", "vault_mend", "rotate_key", "")


def sign(actor: Person, link_type: str, data: bytes) -> bytes:
    """The Signed of link bytes that may be anything."""
    return _signed(data, actor.fp, actor.identity, link_type)


def _signed(data: bytes, fp: bytes, identity: SigningKey, link_type: str) -> bytes:
    sig = identity.sign(link_message(link_type, data)).signature
    return cbor.dumps({"link": data, "sigs": [{"fp": fp, "sig": sig}]})


def spoil(dice: Dice, signed: bytes, actor: Person, people: list[Person]) -> bytes:
    """A link that is wrong in one way, or now and then still right."""
    return dice.pick(WAYS)(dice, signed, actor, people)


Way = Callable[[Dice, bytes, Person, list[Person]], bytes]


def _bytes(dice: Dice, signed: bytes, _actor: Person, _people: list[Person]) -> bytes:
    """Flip, cut off, or add: what a server can do without any key."""
    at = dice.below(len(signed))
    how = dice.below(8)
    if how == 0:
        return signed[:at]
    if how == 1:
        return signed + bytes([dice.byte()])
    if how == 2 and dice.chance(10):
        return cbor.dumps({**cbor.loads(signed), "link": bytes(MAX_LINK + dice.pick((0, 1, 2048)))})
    return signed[:at] + bytes([signed[at] ^ (1 << dice.below(8))]) + signed[at + 1 :]


def _outer(dice: Dice, signed: bytes, _actor: Person, _people: list[Person]) -> bytes:
    """The Signed in another encoding."""
    return loose(cbor.loads(signed), dice)


def _inner(dice: Dice, signed: bytes, actor: Person, _people: list[Person]) -> bytes:
    """The link in another encoding, honestly signed."""
    fields = cbor.loads(cbor.loads(signed)["link"])
    return sign(actor, fields["type"], loose(fields, dice))


def _accept(dice: Dice, signed: bytes, actor: Person, people: list[Person]) -> bytes:
    """The acceptance in another encoding or with another field; other links get another field."""
    fields = cbor.loads(cbor.loads(signed)["link"])
    if fields["type"] != "add_member":
        return _field(dice, signed, actor, people)
    accept = cbor.loads(fields["body"]["accept"])
    data = cbor.dumps(replaced(accept, dice)) if dice.chance(50) else loose(accept, dice)
    if dice.chance(50):
        said = b"coffret/accept/v1\0" + data
        fields["body"]["by_identity"] = actor.identity.sign(said).signature
    fields["body"]["accept"] = data
    return sign(actor, "add_member", cbor.dumps(fields))


def _field(dice: Dice, signed: bytes, actor: Person, _people: list[Person]) -> bytes:
    """Another value, one more or one fewer, anywhere in the link; honestly signed."""
    fields = cbor.loads(cbor.loads(signed)["link"])
    changed = replaced(fields, dice)
    kept = changed.get("type") if isinstance(changed, dict) else None
    return sign(actor, kept if isinstance(kept, str) else "invite", cbor.dumps(changed))


def _top(dice: Dice, signed: bytes, actor: Person, _people: list[Person]) -> bytes:
    """Another value of the link's own fields, of the right kind."""
    fields = cbor.loads(cbor.loads(signed)["link"])
    name = dice.pick(FIELDS)
    before = fields[name]
    near = {
        "actor": b"\3" * 16,
        "body": {},
        "chain": dice.pick((ZERO16, b"\4" * 16)),
        "prev": dice.pick((ZERO32, b"\5" * 32)),
        "seen": dice.pick((None, {"hash": b"\6" * 32, "seq": 1})),
        "seq": before + dice.pick((1, 2)) if isinstance(before, int) else 0,
        "at": 2**53 - 1,
        "type": dice.pick(TYPES),
        "v": 2,
    }
    fields[name] = near[name]
    return sign(actor, fields["type"], cbor.dumps(fields))


def _signature(dice: Dice, signed: bytes, actor: Person, people: list[Person]) -> bytes:
    """Another signer, none, two, another label, or a signature that only some verifiers take."""
    outer = cbor.loads(signed)
    kind, other = cbor.loads(outer["link"])["type"], dice.pick(people)
    honest = outer["sigs"][0]
    sig = honest["sig"]
    scalar = int.from_bytes(sig[32:], "little") + ORDER
    ways: list[Any] = [
        [],
        [honest, honest],
        [honest, {"fp": other.fp, "sig": sig}],
        [{"fp": other.fp, "sig": sig}],
        [{"fp": honest["fp"], "sig": bytes(64)}],
        [{"fp": honest["fp"], "sig": sig[:32] + (scalar % 2**256).to_bytes(32, "little")}],
        [{"fp": honest["fp"], "sig": SMALL_ORDER + sig[32:]}],
        cbor.loads(_signed(outer["link"], honest["fp"], other.identity, kind))["sigs"],
        cbor.loads(_signed(outer["link"], other.fp, other.identity, kind))["sigs"],
        cbor.loads(_signed(outer["link"], honest["fp"], actor.identity, "verify"))["sigs"],
    ]
    return cbor.dumps({"link": outer["link"], "sigs": dice.pick(ways)})


WAYS: tuple[Way, ...] = (_field, _top, _signature, _bytes, _outer, _inner, _accept, _field)


def replaced(value: Any, dice: Dice) -> Any:
    """The value with one of its inner values replaced, left out, doubled or added."""
    if isinstance(value, dict) and value:
        return _replaced_in_map(value, dice)
    if isinstance(value, list) and value:
        return _replaced_in_list(value, dice)
    if isinstance(value, bytes) and value and dice.chance(50):
        at = dice.below(len(value))
        return value[:at] + bytes([value[at] ^ (1 << dice.below(8))]) + value[at + 1 :]
    if type(value) is int and dice.chance(50):
        return min(max(0, value + dice.pick((1, -1, 2))), cbor.MAX_INT)
    return dice.pick(VALUES)


def _replaced_in_map(value: dict[str, Any], dice: Dice) -> dict[str, Any]:
    name, how = dice.pick(sorted(value)), dice.below(8)
    rest = {key: inner for key, inner in value.items() if key != name}
    if how == 0:
        return rest
    if how == 1:
        return {**value, dice.pick(("extra", "v", "")): dice.pick(VALUES)}
    return {**rest, name: replaced(value[name], dice)}


def _replaced_in_list(value: list[Any], dice: Dice) -> list[Any]:
    at, how = dice.below(len(value)), dice.below(6)
    if how == 0:
        return value[:at] + value[at + 1 :]
    if how == 1:
        return [*value, value[at]]
    return [*value[:at], replaced(value[at], dice), *value[at + 1 :]]


def loose(value: Any, dice: Dice) -> bytes:
    """CBOR that is canonical but for one place."""
    places = _count(value)
    return _Loose(dice.below(places), dice.below(len(TWISTS)), dice).encode(value)


def _count(value: Any) -> int:
    inner: list[Any] = (
        list(value.values())
        if isinstance(value, dict)
        else (value if isinstance(value, list) else [])
    )
    return 1 + sum(map(_count, inner))


TWISTS = ("longer", "indefinite", "unsorted", "doubled", "tag", "float", "undefined", "negative")


class _Loose:
    """Encodes, and does the twist at the place where the countdown ends."""

    def __init__(self, place: int, twist: int, dice: Dice) -> None:
        self.left, self.twist, self.dice = place, TWISTS[twist], dice

    def encode(self, value: Any) -> bytes:
        here = self.left == 0
        self.left -= 1
        if here and self.twist in {"tag", "float", "undefined", "negative"}:
            return self._foreign(value)
        if isinstance(value, dict):
            return self._map(value, here=here)
        if isinstance(value, list):
            return self._wrapped(4, len(value), b"".join(map(self.encode, value)), here=here)
        if isinstance(value, bytes | str):
            data, major = (value, 2) if isinstance(value, bytes) else (value.encode(), 3)
            chunk = _head(major, len(data)) + data if here and self._endless else data
            return self._wrapped(major, len(data), chunk, here=here)
        if isinstance(value, int) and not isinstance(value, bool):
            return _head(0, value, longer=here)
        return cbor.dumps(value)

    @property
    def _endless(self) -> bool:
        return self.twist == "indefinite"

    def _foreign(self, value: Any) -> bytes:
        if self.twist == "tag":
            return _head(6, self.dice.pick((0, 2, 24, 55799))) + self.encode(value)
        odd = {"float": b"\xf9\x3c\x00", "undefined": b"\xf7", "negative": b"\x20"}
        return odd[self.twist]

    def _map(self, value: dict[str, Any], *, here: bool) -> bytes:
        names = sorted(value, key=lambda name: (len(name), name))
        if here and self.twist == "unsorted":
            names.reverse()
        if here and self.twist == "doubled" and names:
            names = [names[0], *names]
        data = b"".join(cbor.dumps(name) + self.encode(value[name]) for name in names)
        return self._wrapped(5, len(names), data, here=here)

    def _wrapped(self, major: int, count: int, data: bytes, *, here: bool) -> bytes:
        if here and self._endless:
            return bytes([major << 5 | 31]) + data + b"\xff"
        return _head(major, count, longer=here and self.twist == "longer") + data


def _head(major: int, number: int, *, longer: bool = False) -> bytes:
    """The initial bytes of an item; `longer`: in one size more than needed."""
    sizes = [0, 1, 2, 4, 8]
    least = next(i for i, size in enumerate(sizes) if number < ((1 << 8 * size) if size else 24))
    size = sizes[min(least + longer, len(sizes) - 1)]
    if not size:
        return bytes([major << 5 | number])
    return bytes([major << 5 | (23 + sizes.index(size))]) + number.to_bytes(size, "big")
