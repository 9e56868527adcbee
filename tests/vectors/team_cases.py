"""Team chains: good stories, and a hostile chain for every refusal of SPEC 4.

A case says how many links are good (`valid`), what the next one is refused for (`refusal`, or null
when all are good), and the digest of the state after the good ones (null when there is none).
"""

from collections.abc import Iterator
from typing import Any

from tests.chains import START, Person, TeamBuilder, signature
from tests.vectors.primitives import Case
from tests.vectors.team_authority import right_cases, role_cases
from tests.vectors.team_case import bad, case_of, judged, profile_link
from tests.vectors.team_invites import acceptance_cases, invite_cases
from tests.vectors.team_stories import good_stories
from vaults.crypto import cbor

Body = dict[str, Any]
Row = tuple[str, str, Body, str]  # name, type of the link, its body, refusal


def team_chain_cases() -> list[Case]:
    return [
        *good_stories(),
        *_first_link(),
        *_place(),
        *role_cases(),
        *right_cases(),
        *invite_cases(),
        *acceptance_cases(),
        *_members(),
        *_vaults(),
        *_cuts(),
    ]


def _first_link() -> Iterator[Case]:
    team = TeamBuilder("first")
    founder, other = team.founder, team.person("other")
    genesis = cbor.loads(team.links[0])
    link, entry = genesis["link"], genesis["sigs"][0]
    profile = {"profile": founder.profile}
    for name, signed, refusal in (
        ("another type comes first", team.sign(founder, "set_profile", profile), "T1.genesis"),
        (
            "genesis with seen",
            team.sign_genesis(founder, seen={"hash": bytes(32), "seq": 0}),
            "T1.seen",
        ),
        ("genesis with seq 1", team.sign_genesis(founder, seq=1), "T1.place"),
        ("genesis with prev", team.sign_genesis(founder, prev=b"\1" * 32), "T1.place"),
        ("genesis with chain", team.sign_genesis(founder, chain=b"\1" * 16), "T1.place"),
        ("genesis by another actor", team.sign_genesis(founder, actor=other.member), "T2.actor"),
        ("genesis without signature", _resigned(link, []), "T1.signers"),
        ("genesis signed twice", _resigned(link, [entry, entry]), "T1.signers"),
        ("genesis with another fp", _resigned(link, [{**entry, "fp": other.fp}]), "T1.signers"),
        (
            "genesis with a damaged signature",
            _resigned(link, [{**entry, "sig": bytes(64)}]),
            "T1.sig",
        ),
    ):
        yield case_of(name, [signed], refusal)


def _resigned(link: bytes, sigs: list[dict[str, bytes]]) -> bytes:
    return cbor.dumps({"link": link, "sigs": sigs})


def _place() -> Iterator[Case]:
    team = TeamBuilder("place")
    founder, left = team.founder, team.recruit("left")
    team.remove_member(left, left)
    body = {"profile": left.profile}
    signed = team.sign(founder, "set_profile", body)
    for name, wrong, refusal in (
        *_places(team, left, body),
        *_signatures(founder, left, signed),
        ("cut short", signed[:-1], "T1.cbor"),
        (
            "a field more in the body",
            team.sign(founder, "set_profile", {**body, "x": 1}),
            "T16.body",
        ),
        ("a type of later versions", team.sign(founder, "rotate_key", body), "T3.type"),
    ):
        yield bad(name, team, wrong, refusal)
    yield from _unverified()


def _places(team: TeamBuilder, left: Person, body: Body) -> list[tuple[str, bytes, str]]:
    founder, stranger = team.founder, team.person("stranger")
    return [
        ("a second genesis", team.sign_genesis(founder), "T1.genesis"),
        ("of another team", team.sign(founder, "set_profile", body, chain=b"\1" * 16), "T5.chain"),
        ("the chain is zero", team.sign(founder, "set_profile", body, chain=bytes(16)), "T5.chain"),
        ("a gap", team.sign(founder, "set_profile", body, seq=team.state.seq + 2), "T1.seq"),
        (
            "the same seq again",
            team.sign(founder, "set_profile", body, seq=team.state.seq),
            "T1.seq",
        ),
        ("the last link again", team.links[-1], "T1.seq"),
        (
            "another prev",
            team.sign(founder, "set_profile", body, prev=team.state.head_at(1)),
            "T1.prev",
        ),
        ("seen in a team link", _with_seen(team, body), "T1.seen"),
        ("by a stranger", team.sign(stranger, "set_profile", body), "T2.actor"),
        (
            "by one who left",
            team.sign(left, "set_profile", {"profile": founder.profile}),
            "T2.actor",
        ),
    ]


def _signatures(founder: Person, left: Person, signed: bytes) -> list[tuple[str, bytes, str]]:
    parsed = cbor.loads(signed)
    link, entry = parsed["link"], parsed["sigs"][0]
    other_type = signature(founder, "vault_create", link)
    flipped = {**entry, "sig": entry["sig"][:63] + bytes([entry["sig"][63] ^ 1])}
    return [
        ("no signature", _resigned(link, []), "T1.signers"),
        ("two signatures", _resigned(link, [entry, entry]), "T1.signers"),
        (
            "another's signature beside the actor's",
            _resigned(link, [entry, _entry(left, link)]),
            "T1.signers",
        ),
        ("another's signature", _resigned(link, [_entry(left, link)]), "T1.signers"),
        ("a bit of the signature flipped", _resigned(link, [flipped]), "T1.sig"),
        (
            "the actor's fp over another's signature",
            _resigned(link, [{**_entry(left, link), "fp": founder.fp}]),
            "T1.sig",
        ),
        ("signed as another type", _resigned(link, [other_type]), "T1.sig"),
    ]


def _entry(person: Person, link: bytes) -> dict[str, bytes]:
    return signature(person, "set_profile", link)


def _with_seen(team: TeamBuilder, body: dict[str, Any]) -> bytes:
    return team.sign(
        team.founder, "set_profile", body, seen={"hash": team.state.head, "seq": team.state.seq}
    )


def _unverified() -> Iterator[Case]:
    team = TeamBuilder("not verified")
    mailed = team.recruit("mailed", via="mail")
    body = {"cut": [], "member": team.founder.member}
    yield bad("not verified, sets a profile", team, profile_link(team, mailed), "T13.actor")
    yield bad(
        "not verified, removes another", team, team.sign(mailed, "remove_member", body), "T13.actor"
    )


def _members() -> Iterator[Case]:
    team = TeamBuilder("members")
    owner, ana = team.founder, team.recruit("ana")
    mailed = team.recruit("mailed", via="mail")
    gone = team.person("gone")
    for name, link_type, body, refusal in (
        *_verifications(owner, ana, gone),
        *_roles(owner, ana, mailed, gone),
        *_removals(owner, gone),
        ("set_profile: nothing", "set_profile", {"profile": owner.profile}, "T2.nothing"),
    ):
        yield bad(name, team, team.sign(owner, link_type, body), refusal)
    team.verify(owner, ana)
    again = {"fp": ana.fp, "how": "words", "member": ana.member}
    yield bad("verify: nothing", team, team.sign(owner, "verify", again), "T2.nothing")
    team.remove_member(owner, ana)
    yield bad("verify: one who left", team, team.sign(owner, "verify", again), "T2.subject")


def _verifications(owner: Person, ana: Person, gone: Person) -> list[Row]:
    return [
        (
            "verify: a stranger",
            "verify",
            {"fp": gone.fp, "how": "words", "member": gone.member},
            "T2.subject",
        ),
        (
            "verify: oneself",
            "verify",
            {"fp": owner.fp, "how": "words", "member": owner.member},
            "T2.self",
        ),
        (
            "verify: another fp",
            "verify",
            {"fp": owner.fp, "how": "words", "member": ana.member},
            "T6.fp",
        ),
    ]


def _roles(owner: Person, ana: Person, mailed: Person, gone: Person) -> list[Row]:
    return [
        (
            "set_role: a stranger",
            "set_role",
            {"cut": [], "member": gone.member, "role": "admin"},
            "T2.subject",
        ),
        (
            "set_role: not verified",
            "set_role",
            {"cut": [], "member": mailed.member, "role": "admin"},
            "T13.subject",
        ),
        (
            "set_role: nothing",
            "set_role",
            {"cut": [], "member": ana.member, "role": "member"},
            "T2.nothing",
        ),
        (
            "set_role: the last owner",
            "set_role",
            {"cut": [], "member": owner.member, "role": "admin"},
            "T12.owner",
        ),
    ]


def _removals(owner: Person, gone: Person) -> list[Row]:
    return [
        (
            "remove_member: a stranger",
            "remove_member",
            {"cut": [], "member": gone.member},
            "T2.subject",
        ),
        (
            "remove_member: the last owner",
            "remove_member",
            {"cut": [], "member": owner.member},
            "T12.owner",
        ),
    ]


def _vaults() -> Iterator[Case]:
    team = TeamBuilder("vaults")
    owner, ana = team.founder, team.recruit("ana")
    vault = team.vault_create(owner)
    mailed, auditor = team.recruit("mailed", via="mail"), team.recruit("auditor", role="auditor")
    missing, stranger = b"\1" * 16, b"\2" * 16
    grant = {"cut": [], "member": ana.member, "right": "read", "vault": vault}
    revoke = {"cut": team.cut(vault), "member": ana.member, "vault": vault}
    rotate = {**team.epoch_body(vault, 2)[1], "cut": team.cut(vault)}
    for name, link_type, body, refusal in (
        ("vault_create: id again", "vault_create", team.epoch_body(vault, 1)[1], "T2.vault_id"),
        ("vault_create: epoch 2", "vault_create", team.epoch_body(missing, 2)[1], "T2.epoch"),
        ("vault_create: epoch 0", "vault_create", team.epoch_body(missing, 0)[1], "T2.epoch"),
        ("vault_grant: no such vault", "vault_grant", {**grant, "vault": missing}, "T2.vault"),
        ("vault_grant: a stranger", "vault_grant", {**grant, "member": stranger}, "T2.subject"),
        (
            "vault_grant: not verified",
            "vault_grant",
            {**grant, "member": mailed.member},
            "T13.subject",
        ),
        (
            "vault_grant: an auditor",
            "vault_grant",
            {**grant, "member": auditor.member},
            "T2.auditor",
        ),
        (
            "vault_grant: nothing",
            "vault_grant",
            {**grant, "member": owner.member, "right": "manage"},
            "T2.nothing",
        ),
        ("vault_revoke: no such vault", "vault_revoke", {**revoke, "vault": missing}, "T2.vault"),
        ("vault_revoke: a stranger", "vault_revoke", {**revoke, "member": stranger}, "T2.subject"),
        ("vault_revoke: nothing", "vault_revoke", revoke, "T2.nothing"),
        ("vault_rotate: no such vault", "vault_rotate", {**rotate, "vault": missing}, "T2.vault"),
        ("vault_rotate: the same epoch", "vault_rotate", {**rotate, "epoch": 1}, "T2.epoch"),
        ("vault_rotate: an epoch left out", "vault_rotate", {**rotate, "epoch": 3}, "T2.epoch"),
    ):
        yield bad(name, team, team.sign(owner, link_type, body), refusal)
    yield from _without_manager()


def _without_manager() -> Iterator[Case]:
    team = TeamBuilder("without manager")
    ana, bob = team.recruit("ana"), team.recruit("bob")
    vault = team.vault_create(ana)
    team.vault_grant(ana, vault, bob, "read")
    managed = {"cut": [], "member": bob.member, "right": "manage", "vault": vault}
    yield bad(
        "vault_grant: an owner where somebody manages",
        team,
        team.sign(team.founder, "vault_grant", managed),
        "T2.manage",
    )
    team.vault_revoke(ana, vault, ana)
    for name, actor, body in (
        ("to one who holds nothing", team.founder, {**managed, "member": ana.member}),
        ("to oneself", team.founder, {**managed, "member": team.founder.member}),
        ("another right", team.founder, {**managed, "right": "write"}),
        ("by the holder", bob, managed),
    ):
        yield bad(
            f"vault_grant without manager: {name}",
            team,
            team.sign(actor, "vault_grant", body),
            "T2.manage",
        )


def _cuts() -> Iterator[Case]:
    team = TeamBuilder("cuts")
    owner = team.founder
    first, second = sorted((team.vault_create(owner), team.vault_create(owner)))
    ana = team.recruit("ana", vaults={first: "write", second: "manage"})
    item = team.draw.uuid7(START)
    start = team.cut(first)[0]
    team.change(ana, first, {item: (1, team.draw.take(32))})
    team.vault_rotate(ana, first)
    here, other = team.cut(first)[0], team.cut(second)[0]
    removal = {"member": ana.member}
    rotate = team.epoch_body(first, 3)[1]
    for name, link_type, body, refusal in (
        *_cuts_of_members(removal, start, here, other),
        *_cuts_of_rights({**removal, "vault": first}, start, here, other),
        *_cuts_of_rotations(rotate, start, here),
        (
            "rotation beside the beginning",
            "vault_rotate",
            {**team.epoch_body(second, 2)[1], "cut": [{**other, "hash": b"\1" * 32}]},
            "T2.cut_back",
        ),
    ):
        yield bad(name, team, team.sign(owner, link_type, body), refusal)
    beyond = {**rotate, "cut": [{**here, "seq": here["seq"] + 5, "hash": b"\1" * 32}]}
    yield judged(
        "rotation beyond what anyone has seen", team, team.sign(owner, "vault_rotate", beyond), None
    )


def _cuts_of_members(removal: Body, start: Body, here: Body, other: Body) -> list[Row]:
    return [
        ("removal without cut", "remove_member", {**removal, "cut": []}, "T2.cut"),
        ("removal with one of two vaults", "remove_member", {**removal, "cut": [here]}, "T2.cut"),
        (
            "removal behind the last cut",
            "remove_member",
            {**removal, "cut": [start, other]},
            "T2.cut_back",
        ),
        (
            "removal beside the last cut",
            "remove_member",
            {**removal, "cut": [{**here, "hash": b"\1" * 32}, other]},
            "T2.cut_back",
        ),
        ("auditor without cut", "set_role", {**removal, "cut": [], "role": "auditor"}, "T2.cut"),
        ("admin with a cut", "set_role", {**removal, "cut": [here], "role": "admin"}, "T2.cut"),
    ]


def _cuts_of_rights(granted: Body, start: Body, here: Body, other: Body) -> list[Row]:
    return [
        (
            "raising with a cut",
            "vault_grant",
            {**granted, "cut": [here], "right": "manage"},
            "T2.cut",
        ),
        (
            "lowering without cut",
            "vault_grant",
            {**granted, "cut": [], "right": "read"},
            "T2.cut",
        ),
        (
            "lowering with another vault's cut",
            "vault_grant",
            {**granted, "cut": [other], "right": "read"},
            "T2.cut",
        ),
        (
            "lowering behind the last cut",
            "vault_grant",
            {**granted, "cut": [start], "right": "read"},
            "T2.cut_back",
        ),
        ("revoking without cut", "vault_revoke", {**granted, "cut": []}, "T2.cut"),
        (
            "revoking with two cuts",
            "vault_revoke",
            {**granted, "cut": [here, other]},
            "T2.cut",
        ),
    ]


def _cuts_of_rotations(rotate: Body, start: Body, here: Body) -> list[Row]:
    return [
        ("rotation without cut", "vault_rotate", {**rotate, "cut": []}, "T2.cut"),
        ("rotation behind the last cut", "vault_rotate", {**rotate, "cut": [start]}, "T2.cut_back"),
        (
            "rotation beside the last cut",
            "vault_rotate",
            {**rotate, "cut": [{**here, "hash": b"\1" * 32}]},
            "T2.cut_back",
        ),
    ]
