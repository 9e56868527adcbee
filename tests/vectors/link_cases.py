"""Cases for parsing one link or one acceptance: `valid`, or the refusal of SPEC 3, steps 1 to 9."""

from collections.abc import Callable, Iterator
from typing import Any

from nacl.bindings import crypto_core_ed25519_add

from tests.chains import Person, TeamBuilder, signature
from tests.vectors.curve_cases import LOW_ORDER_EDWARDS, LOW_ORDER_MONTGOMERY
from tests.vectors.primitives import Case
from vaults.crypto import cbor
from vaults.crypto.errors import Refused
from vaults.crypto.links import ChainKind, parse_accept, parse_signed

# One value of each kind, so that every field meets every wrong type once.
STRANGERS: dict[str, Any] = {
    "null": None,
    "true": True,
    "number": 7,
    "text": "x",
    "bytes": b"x",
    "array": [],
    "map": {},
}
B16, B32, B64 = b"\x11" * 16, b"\x22" * 32, b"\x33" * 64
CUT = {"hash": B32, "seq": 1, "vault": B16}


def link_cases() -> list[Case]:
    team = TeamBuilder("links")
    cases = [*_good(team), *_envelope(team), *_link_fields(team), *_bodies(team), *_bad_keys(team)]
    return [*cases, *_too_long()]


def _case(name: str, signed: bytes, verdict: str, chain: str = "team") -> Case:
    return {"name": name, "chain": chain, "signed": signed.hex(), "verdict": verdict}


def good_bodies(team: TeamBuilder) -> dict[str, dict[str, Any]]:
    """A body of each type whose form is right."""
    person, (invite, invitation) = (
        team.person("guest"),
        team.invite_body(vaults={B16: "read", B16[:-1] + b"\xff": "manage"}),
    )
    invitation.hash = B32
    return {
        "genesis": {"founder": person.as_founder(), "kind": "team", "name": B32, "nonce": B32},
        "invite": invite,
        "invite_revoke": {"invite": B32},
        "add_member": team.accept_body(invitation, person),
        "verify": {"fp": B32, "how": "words", "member": B16},
        "set_role": {"cut": [CUT], "member": B16, "role": "admin"},
        "remove_member": {"cut": [CUT], "member": B16},
        "set_profile": {"profile": {"email": B32, "name": B32}},
        "vault_create": {"dek_commit": B32, "epoch": 1, "vault": B16},
        "vault_grant": {"cut": [], "member": B16, "right": "write", "vault": B16},
        "vault_revoke": {"cut": [], "member": B16, "vault": B16},
        "vault_rotate": {"cut": [CUT], "dek_commit": B32, "epoch": 2, "vault": B16},
        "change": {"entries": [[B16, 1, B32], [B32[:16], 2, None]], "epoch": 1},
    }


def _good(team: TeamBuilder) -> Iterator[Case]:
    for link_type, body in good_bodies(team).items():
        chain: ChainKind = "vault" if link_type == "change" else "team"
        signed = team.sign(team.founder, link_type, body)
        yield {
            **_case(f"{link_type}, form is right", signed, "valid", chain),
            "hash": parse_signed(signed, chain).hash.hex(),
        }
    signed = team.sign(
        team.founder, "invite_revoke", {"invite": B32}, seen={"hash": B32, "seq": 3}, seq=2**53 - 1
    )
    yield {
        **_case("seen and the largest seq", signed, "valid"),
        "hash": parse_signed(signed, "team").hash.hex(),
    }


def _envelope(team: TeamBuilder) -> Iterator[Case]:
    signed = team.sign(team.founder, "invite_revoke", {"invite": B32})
    outer = cbor.loads(signed)
    link, entry = outer["link"], outer["sigs"][0]
    for name, data in {
        "no bytes": b"",
        "not CBOR": b"\xff",
        "a byte after the Signed": signed + b"\0",
        "cut short": signed[:-1],
        "keys unsorted": b"\xa2" + cbor.dumps({"sigs": []})[1:] + cbor.dumps({"link": link})[1:],
        "length of the link not shortest": signed.replace(b"dlink\x58", b"dlink\x59\0", 1),
    }.items():
        yield _case(f"Signed: {name}", data, "T1.cbor")
    for name, value in {
        "is an array": [link, [entry]],
        "no sigs": {"link": link},
        "no link": {"sigs": [entry]},
        "a field more": {"link": link, "sigs": [entry], "x": 1},
        "link is a map": {"link": {}, "sigs": [entry]},
        "sigs is a map": {"link": link, "sigs": {}},
        "entry is an array": {"link": link, "sigs": [[B32, B64]]},
        "entry without fp": {"link": link, "sigs": [{"sig": B64}]},
        "entry with a field more": {"link": link, "sigs": [{**entry, "x": 1}]},
        "fp of 31 bytes": {"link": link, "sigs": [{**entry, "fp": B32[1:]}]},
        "fp is text": {"link": link, "sigs": [{**entry, "fp": "x" * 32}]},
        "sig of 65 bytes": {"link": link, "sigs": [{**entry, "sig": B64 + b"\0"}]},
        "second entry is bad": {"link": link, "sigs": [entry, {}]},
    }.items():
        yield _case(f"Signed: {name}", cbor.dumps(value), "T16.fields")
    for name, count in {"no signature": 0, "two signatures": 2}.items():
        yield _case(
            f"{name}: the fold's matter",
            cbor.dumps({"link": link, "sigs": [entry] * count}),
            "valid",
        )


def _link_fields(team: TeamBuilder) -> Iterator[Case]:
    """Every field missing and of every wrong type."""
    fields = cbor.loads(
        cbor.loads(team.sign(team.founder, "invite_revoke", {"invite": B32}))["link"]
    )
    right: dict[str, tuple[str, ...]] = {
        "actor": (),
        "at": ("number",),
        "body": ("map",),
        "chain": (),
        "prev": (),
        "seen": ("null",),
        "seq": ("number",),
        "type": ("text",),
        "v": ("number",),
    }
    for name, fitting in right.items():
        without = {key: value for key, value in fields.items() if key != name}
        yield _wrapped(team, f"link without {name}", without, "T16.fields")
        for kind, stranger in STRANGERS.items():
            if kind not in fitting:
                yield _wrapped(team, f"{name} is {kind}", {**fields, name: stranger}, "T16.fields")
    for name, value in {"actor": B16 + b"\0", "chain": B16[1:], "prev": B32[1:]}.items():
        yield _wrapped(team, f"{name} has a wrong length", {**fields, name: value}, "T16.fields")
    for name, seen in {
        "no seq": {"hash": B32},
        "hash of 31 bytes": {"hash": B32[1:], "seq": 1},
        "a field more": {"hash": B32, "seq": 1, "x": 1},
        "seq is null": {"hash": B32, "seq": None},
    }.items():
        yield _wrapped(team, f"seen with {name}", {**fields, "seen": seen}, "T16.fields")
    yield _wrapped(team, "a field more", {**fields, "x": 1}, "T16.fields")
    yield _wrapped(team, "link is an array", [fields], "T16.fields")
    yield from _versions_and_types(team, fields)
    yield from _link_bytes(team, cbor.dumps(fields))


def _versions_and_types(team: TeamBuilder, fields: dict[str, Any]) -> Iterator[Case]:
    for version in (0, 2):
        yield _wrapped(team, f"version {version}", {**fields, "v": version}, "T3.version")
    yield _wrapped(
        team, "version 2 of an unknown type", {**fields, "v": 2, "type": "x"}, "T3.version"
    )
    for link_type in (
        *("", "Genesis", "change", "add_custodian", "rotate_key", "reset_open", "reset_key"),
        *("veto", "recovery_policy", "vault_mend"),
    ):
        yield _wrapped(
            team, f"type {link_type!r} in a team chain", {**fields, "type": link_type}, "T3.type"
        )
    for link_type in ("genesis", "vault_rotate", "vault_mend"):
        yield _wrapped(
            team,
            f"type {link_type!r} in a vault chain",
            {**fields, "type": link_type},
            "T3.type",
            "vault",
        )


def _link_bytes(team: TeamBuilder, link: bytes) -> Iterator[Case]:
    yield _raw(team, "link is empty", b"", "T1.cbor")
    yield _raw(team, "link has a byte more", link + b"\0", "T1.cbor")
    for name, number in {"negative seq": b"\x20", "float at seq": b"\xf9\x3c\x00"}.items():
        bent = link.replace(b"cseq\x01", b"cseq" + number)
        yield _raw(team, f"link with a {name}", bent, "T1.cbor")


def _wrapped(team: TeamBuilder, name: str, link: Any, verdict: str, chain: str = "team") -> Case:
    return _raw(team, name, cbor.dumps(link), verdict, chain)


def _raw(team: TeamBuilder, name: str, link: bytes, verdict: str, chain: str = "team") -> Case:
    """The bytes as a link, truly signed: what is wrong is wrong before the signature matters."""
    signed = cbor.dumps({"link": link, "sigs": [signature(team.founder, "invite_revoke", link)]})
    return _case(name, signed, verdict, chain)


def _bodies(team: TeamBuilder) -> Iterator[Case]:
    for link_type, body in good_bodies(team).items():
        chain = "vault" if link_type == "change" else "team"

        def bad(name: str, wrong: Any, *, link_type: str = link_type, chain: str = chain) -> Case:
            return _case(
                f"{link_type}: {name}", team.sign(team.founder, link_type, wrong), "T16.body", chain
            )

        yield bad("a field more", {**body, "x": 1})
        for field in body:
            yield bad(
                f"without {field}", {key: value for key, value in body.items() if key != field}
            )
        for field, value in body.items():
            for kind in ("null", "map" if isinstance(value, list) else "array"):
                stranger = STRANGERS[kind]
                if type(stranger) is not type(value):
                    yield bad(f"{field} is {kind}", {**body, field: stranger})
            if isinstance(value, bytes) and field != "accept":
                yield bad(f"{field} is a byte short", {**body, field: value[1:]})
            if isinstance(value, str):
                yield bad(f"{field} is an unknown word", {**body, field: "x"})
        for field, name, value in _nested(link_type, body):
            yield bad(name, {**body, field: value})


def _nested(link_type: str, body: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Field, name and wrong value of what lies inside a body."""
    if link_type == "set_role":  # one of those with a cut
        later = {**CUT, "vault": b"\x12" * 16}
        for name, cut in {
            "cut twice of one vault": [CUT, CUT],
            "cut descending": [later, CUT],
            "cut entry without hash": [{"seq": 1, "vault": B16}],
            "cut entry with a field more": [{**CUT, "x": 1}],
            "cut with a short hash": [{**CUT, "hash": B32[1:]}],
            "cut with a short vault": [{**CUT, "vault": B16[1:]}],
            "cut with seq null": [{**CUT, "seq": None}],
            "cut entry is an array": [[B32, 1, B16]],
        }.items():
            yield "cut", name, cut
        yield "role", "role custodian", "custodian"
    if link_type == "invite":
        entry = {"right": "read", "vault": B16}
        for name, vaults in {
            "a vault twice": [entry, {**entry, "right": "write"}],
            "vaults descending": [{**entry, "vault": B32[:16]}, entry],
            "right none": [{**entry, "right": "none"}],
            "right is a number": [{**entry, "right": 1}],
            "vault entry without right": [{"vault": B16}],
            "vault entry with a field more": [{**entry, "x": 1}],
        }.items():
            yield "vaults", name, vaults
    if link_type in {"genesis", "set_profile"}:
        yield from _nested_profile(link_type, body)
    if link_type == "change":
        item = [B16, 1, B32]
        for name, entries in {
            "no entries": [],
            "an item twice": [item, [B16, 2, B32]],
            "entries descending": [[B32[:16], 1, B32], item],
            "entry of two": [[B16, 1]],
            "entry of four": [[*item, 1]],
            "entry is a map": [{}],
            "item short": [[B16[1:], 1, B32]],
            "revision null": [[B16, None, B32]],
            "hash short": [[B16, 1, B32[1:]]],
            "hash is text": [[B16, 1, "x" * 32]],
            "1,001 entries": [[number.to_bytes(16, "big"), 1, None] for number in range(1001)],
        }.items():
            yield "entries", name, entries


def _nested_profile(link_type: str, body: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    field = "founder" if link_type == "genesis" else "profile"
    inner: dict[str, Any] = body[field]
    for name in inner:
        yield (
            field,
            f"{field} without {name}",
            {key: value for key, value in inner.items() if key != name},
        )
        yield field, f"{field} with {name} of a wrong type", {**inner, name: "x"}
    yield field, f"{field} with a field more", {**inner, "x": 1}


def _bad_keys(team: TeamBuilder) -> Iterator[Case]:
    """Suites and keys in a genesis, an invite and an acceptance, and the acceptance's own form."""
    bodies, founder = good_bodies(team), team.founder
    genesis, invite, add_member = bodies["genesis"], bodies["invite"], bodies["add_member"]
    bad_identity = crypto_core_ed25519_add(
        founder.identity_public, bytes.fromhex(LOW_ORDER_EDWARDS["order 8"])
    )
    bad_box = bytes.fromhex(LOW_ORDER_MONTGOMERY["order 8"])
    accept = cbor.loads(add_member["accept"])

    def accepted(
        name: str, fields: Any, verdict: str, data: Callable[[Any], bytes] = cbor.dumps
    ) -> Case:
        body = {**add_member, "accept": data(fields)}
        return _case(f"add_member: {name}", team.sign(founder, "add_member", body), verdict)

    for name, changed, verdict in (
        ("suite 2", {"suite": 2}, "R15.suite"),
        ("suite 2 and a bad key", {"suite": 2, "box": bytes(32)}, "R15.suite"),
        ("identity key of mixed order", {"identity": bad_identity}, "F10.key"),
        ("identity key zero", {"identity": bytes(32)}, "F10.key"),
        ("box key of low order", {"box": bad_box}, "F10.key"),
        ("box key zero", {"box": bytes(32)}, "F10.key"),
    ):
        body = {**genesis, "founder": {**genesis["founder"], **changed}}
        yield _case(f"genesis: {name}", team.sign(founder, "genesis", body), verdict)
        yield accepted(f"accept with {name}", {**accept, **changed}, verdict)
    for name, key in (("mixed order", bad_identity), ("zero", bytes(32))):
        yield _case(
            f"invite: key of {name}",
            team.sign(founder, "invite", {**invite, "key": key}),
            "F10.key",
        )
    yield accepted("accept empty", None, "T10.accept", lambda _: b"")
    yield accepted("accept of 4,097 bytes", None, "T10.accept", lambda _: bytes(4097))
    yield accepted(
        "accept with a byte more", accept, "T10.accept", lambda fields: cbor.dumps(fields) + b"\0"
    )
    yield accepted("accept is an array", [accept], "T10.accept")
    yield accepted("accept with a field more", {**accept, "x": 1}, "T10.accept")
    for field in accept:
        without = {key: value for key, value in accept.items() if key != field}
        yield accepted(f"accept without {field}", without, "T10.accept")
        yield accepted(f"accept with {field} null", {**accept, field: None}, "T10.accept")


def _too_long() -> Iterator[Case]:
    """Two cases that are written as `prefix || fill byte * count || suffix`."""
    most = 262_144
    head = cbor.dumps({"link": bytes(most + 1), "sigs": []}).split(bytes(64), 1)[0]
    full = cbor.dumps({"link": bytes(most + 1), "sigs": []})
    for name, prefix, count, suffix, verdict in (
        ("Signed of 263,169 bytes", b"", 263_169, b"", "T1.size"),
        ("Signed of 263,168 bytes, not CBOR", b"", 263_168, b"", "T1.cbor"),
        ("link of 262,145 bytes", head, most + 1, full[len(head) + most + 1 :], "T1.size"),
    ):
        fill = {"prefix": prefix.hex(), "fill": "00", "count": count, "suffix": suffix.hex()}
        yield {"name": name, "chain": "team", **fill, "verdict": verdict}


def accept_cases() -> list[Case]:
    """Acceptances alone: their bytes, and what `by_invite` and `by_identity` are over them."""
    team = TeamBuilder("accept")
    _, invitation = team.invite_body()
    invitation.hash = B32
    person = Person(team.draw, "guest")
    body = team.accept_body(invitation, person)
    fields = cbor.loads(body["accept"])
    good = {
        "name": "good",
        "t": invitation.t.hex(),
        "team": team.state.id.hex(),
        "invite_key": bytes(invitation.key.verify_key).hex(),
        "identity_seed": bytes(person.identity).hex(),
        **{name: value.hex() for name, value in body.items()},
        "verdict": "valid",
    }
    cases: list[Case] = [good]
    for name, wrong, verdict in (
        ("suite 2", {**fields, "suite": 2}, "R15.suite"),
        ("box key zero", {**fields, "box": bytes(32)}, "F10.key"),
        ("identity key zero", {**fields, "identity": bytes(32)}, "F10.key"),
        ("field more", {**fields, "x": 1}, "T10.accept"),
        ("team of 15 bytes", {**fields, "team": bytes(15)}, "T10.accept"),
        ("profile without name", {**fields, "profile": {"email": B32}}, "T10.accept"),
    ):
        cases.append({"name": name, "accept": cbor.dumps(wrong).hex(), "verdict": verdict})
    return cases


def parse_verdict(case: Case) -> str:
    """What Python says to a case of `link_cases` or `accept_cases`."""
    try:
        if "accept" in case:
            parse_accept(bytes.fromhex(case["accept"]))
        else:
            parse_signed(signed_of(case), case["chain"])
    except Refused as verdict:
        return verdict.refusal
    return "valid"


def signed_of(case: Case) -> bytes:
    if "signed" in case:
        return bytes.fromhex(case["signed"])
    prefix, fill, suffix = (bytes.fromhex(case[name]) for name in ("prefix", "fill", "suffix"))
    return b"".join((prefix, fill * int(case["count"]), suffix))
