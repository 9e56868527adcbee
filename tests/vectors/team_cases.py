"""Team chains: good stories, and a hostile chain for every refusal of SPEC 4.

A case says how many links are good (`valid`), what the next one is refused for (`refusal`, or null when all are good), and
the digest of the state after the good ones (null when there is none).
"""

from collections.abc import Iterator
from typing import Any

from accounts.team_chain import fold_team, state_digest
from tests.chains import DAY, START, Invitation, Person, TeamBuilder, signature
from tests.vectors.primitives import Case
from vaults.crypto import cbor
from vaults.crypto.keys import SUITE


def team_chain_cases() -> list[Case]:
    return [
        *_good_stories(),
        *_first_link(),
        *_place(),
        *_roles(),
        *_rights(),
        *_invites(),
        *_acceptances(),
        *_members(),
        *_vaults(),
        *_cuts(),
    ]


def _case(name: str, links: list[bytes], refusal: str | None) -> Case:
    """The verdict is stated by whoever wrote the case; that the fold agrees is for the tests."""
    valid = len(links) - (refusal is not None)
    state, _ = fold_team(links[:valid])
    return {
        "name": name,
        "links": [link.hex() for link in links],
        "valid": valid,
        "refusal": refusal,
        "digest": state_digest(state).hex() if state else None,
    }


def _bad(name: str, team: TeamBuilder, signed: bytes, refusal: str) -> Case:
    return _case(name, [*team.links, signed], refusal)


def _judged(name: str, team: TeamBuilder, signed: bytes, refusal: str | None) -> Case:
    return _case(name, [*team.links, signed], refusal)


# Good stories.


def _good_stories() -> Iterator[Case]:
    yield _case("a team of one", TeamBuilder("one").links, None)
    yield _case("a personal team with a vault", _personal().links, None)
    yield _case("a year in a team", _year().links, None)
    yield _case("a removed member joins again with the same keys", _rejoin()[0].links, None)
    for name, team in _dying_invites():
        yield _case(f"an open invite dies: {name}", team.links, None)
    yield _case(
        "a mailed member's rights lapse where the verifier does not manage", _lapsing().links, None
    )
    yield _case("an owner repairs a vault without manager", _orphan().links, None)
    yield _case("the only owner leaves after making another", _two_owners().links, None)
    yield _case("who is not verified leaves", _unverified_leaves().links, None)
    yield _case("a cut at the same place and hash again", _same_cut().links, None)


def _personal() -> TeamBuilder:
    team = TeamBuilder("personal", kind="personal")
    vault = team.vault_create(team.founder)
    team.vault_rotate(team.founder, vault)
    team.set_profile(team.founder)
    return team


def _year() -> TeamBuilder:
    team = TeamBuilder("year")
    owner = team.founder
    first, second = team.vault_create(owner), team.vault_create(owner)
    admin = team.recruit("admin", role="admin", vaults={first: "manage", second: "read"})
    member = team.recruit("member", vaults={first: "write"}, via="mail", actor=admin)
    auditor = team.recruit("auditor", role="auditor")
    team.verify(admin, member)
    team.verify(owner, auditor)
    team.change(member, first, {team.draw.uuid7(START): (1, team.draw.bytes(32))})
    team.invite_revoke(owner, team.invite(admin, vaults={first: "read"}))
    team.vault_grant(owner, second, member, "manage")
    team.vault_grant(owner, second, member, "read")
    team.set_profile(member)
    team.vault_revoke(owner, first, member)
    team.vault_rotate(admin, first)
    team.vault_grant(admin, first, member, "read")
    team.set_role(owner, auditor, "member")
    team.set_role(owner, admin, "auditor")
    team.remove_member(owner, member)
    team.vault_rotate(owner, first)
    return team


def _rejoin() -> tuple[TeamBuilder, Person]:
    team = TeamBuilder("rejoin")
    vault = team.vault_create(team.founder)
    ana = team.recruit("ana", vaults={vault: "read"})
    team.remove_member(team.founder, ana)
    ana.member = team.draw.bytes(16)
    team.add_member(team.founder, team.invite(team.founder, vaults={vault: "write"}), ana)
    return team, ana


def _dying_invites() -> Iterator[tuple[str, TeamBuilder]]:
    for name in (
        "its actor leaves",
        "its actor is demoted",
        "its actor loses manage",
        "its actor's manage is lowered",
    ):
        team = TeamBuilder(name)
        vault = team.vault_create(team.founder)
        admin = team.recruit("admin", role="admin", vaults={vault: "manage"})
        team.invite(admin, vaults={vault: "read"})
        if name == "its actor leaves":
            team.remove_member(admin, admin)
        elif name == "its actor is demoted":
            team.set_role(team.founder, admin, "member")
        elif name == "its actor loses manage":
            team.vault_revoke(team.founder, vault, admin)
        else:
            team.vault_grant(team.founder, vault, admin, "write")
        yield name, team
    team = TeamBuilder("promoted")
    admin = team.recruit("admin", role="admin")
    invitation = team.invite(admin)
    team.set_role(team.founder, admin, "owner")
    team.add_member(team.founder, invitation, team.person("guest"))
    yield "not when its actor is promoted", team


def _lapsing() -> TeamBuilder:
    team = TeamBuilder("lapsing")
    first, second = team.vault_create(team.founder), team.vault_create(team.founder)
    admin = team.recruit("admin", role="admin", vaults={first: "manage", second: "write"})
    mailed = team.recruit("mailed", vaults={first: "write", second: "write"}, via="mail")
    team.verify(admin, mailed)
    return team


def _orphan() -> TeamBuilder:
    team = TeamBuilder("orphan")
    ana, bob = team.recruit("ana"), team.recruit("bob")
    vault = team.vault_create(ana)
    team.vault_grant(ana, vault, bob, "read")
    team.vault_revoke(ana, vault, ana)
    team.vault_grant(team.founder, vault, bob, "manage")
    return team


def _two_owners() -> TeamBuilder:
    team = TeamBuilder("owners")
    other = team.recruit("other", role="owner")
    team.remove_member(team.founder, team.founder)
    team.set_profile(other)
    return team


def _unverified_leaves() -> TeamBuilder:
    team = TeamBuilder("unverified")
    mailed = team.recruit("mailed", via="mail")
    team.remove_member(mailed, mailed)
    return team


def _same_cut() -> TeamBuilder:
    team = TeamBuilder("same cut")
    vault = team.vault_create(team.founder)
    team.vault_rotate(team.founder, vault)
    team.vault_rotate(team.founder, vault)
    return team


# The first link, and what every later link is asked.


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
        yield _case(name, [signed], refusal)


def _resigned(link: bytes, sigs: list[dict[str, bytes]]) -> bytes:
    return cbor.dumps({"link": link, "sigs": sigs})


def _place() -> Iterator[Case]:
    team = TeamBuilder("place")
    founder, left = team.founder, team.recruit("left")
    team.remove_member(left, left)
    body = {"profile": left.profile}
    signed = team.sign(founder, "set_profile", body)
    parsed = cbor.loads(signed)
    link, entry = parsed["link"], parsed["sigs"][0]
    stranger = team.person("stranger")
    other_type = signature(founder, "vault_create", link)
    flipped = {**entry, "sig": entry["sig"][:63] + bytes([entry["sig"][63] ^ 1])}
    for name, bad, refusal in (
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
        ("cut short", signed[:-1], "T1.cbor"),
        (
            "a field more in the body",
            team.sign(founder, "set_profile", {**body, "x": 1}),
            "T16.body",
        ),
        ("a type of later versions", team.sign(founder, "rotate_key", body), "T3.type"),
    ):
        yield _bad(name, team, bad, refusal)
    yield from _unverified()


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
    yield _bad("not verified, sets a profile", team, _profile_link(team, mailed), "T13.actor")
    yield _bad(
        "not verified, removes another", team, team.sign(mailed, "remove_member", body), "T13.actor"
    )


def _profile_link(team: TeamBuilder, actor: Person) -> bytes:
    return team.sign(actor, "set_profile", {"profile": {"email": b"\1" * 32, "name": b"\2" * 32}})


# Who may sign what.


def _roles() -> Iterator[Case]:
    """Each role and each type. The actor manages the vault unless an auditor; bob, a member, reads it."""
    verdicts = {
        # type, owner, admin, member, auditor
        "invite": (None, None, "T2.role", "T2.role"),
        "invite admin": (None, "T2.give", "T2.role", "T2.role"),
        "invite owner": (None, "T2.give", "T2.role", "T2.role"),
        "invite_revoke": (None, None, "T2.role", "T2.role"),
        "add_member": (None, None, "T2.role", "T2.role"),
        "add_member admin": (None, "T2.give", "T2.role", "T2.role"),
        "verify": (None, None, "T2.role", "T2.role"),
        "set_role admin": (None, "T2.give", "T2.role", "T2.role"),
        "set_role auditor": (None, None, "T2.role", "T2.role"),
        "set_role of owner": (None, "T2.role", "T2.role", "T2.role"),
        "remove_member": (None, None, "T2.role", "T2.role"),
        "remove_member owner": (None, "T2.role", "T2.role", "T2.role"),
        "leave": (None, None, None, None),
        "set_profile": (None, None, None, None),
        "vault_create": (None, None, None, "T2.role"),
        "vault_grant": (None, None, None, "T2.manage"),
        "vault_revoke": (None, None, None, "T2.manage"),
        "vault_rotate": (None, None, None, "T2.write"),
    }
    for place, role in enumerate(("owner", "admin", "member", "auditor")):
        for what, row in verdicts.items():
            yield _role_case(role, what, row[place])


def _role_case(role: str, what: str, refusal: str | None) -> Case:
    team = TeamBuilder(f"{role} {what}")
    link_type = what.split(" ", maxsplit=1)[0]
    vault = b""
    if what in {"leave", "set_role auditor", "remove_member"} or link_type.startswith("vault"):
        vault = team.vault_create(team.founder)
    held = {vault: "manage"} if vault and role != "auditor" else {}
    if role == "owner" and what not in {"leave", "set_role of owner", "remove_member owner"}:
        actor = team.founder
    else:
        actor = team.recruit("actor", role=role, vaults=held)
    return _judged(f"{role}: {what}", team, _authority_link(team, actor, what, vault), refusal)


def _authority_link(team: TeamBuilder, actor: Person, what: str, vault: bytes) -> bytes:
    """The link that `what` names, right in everything but perhaps the actor's authority."""
    link_type, _, detail = what.partition(" ")
    if link_type == "invite":
        return team.sign(actor, "invite", team.invite_body(role=detail or "member")[0])
    if link_type == "invite_revoke":
        invitation = team.invite(team.founder)
        return team.sign(actor, "invite_revoke", {"invite": invitation.hash})
    if link_type == "add_member":
        invitation = team.invite(team.founder, role=detail or "member")
        return team.sign(actor, "add_member", team.accept_body(invitation, team.person("guest")))
    if link_type == "set_profile":
        return _profile_link(team, actor)
    if link_type == "vault_create":
        return team.sign(actor, "vault_create", team.epoch_body(b"\1" * 16, 1)[1])
    if link_type == "leave":
        return team.sign(
            actor, "remove_member", {"cut": team.cut_of(actor), "member": actor.member}
        )
    if link_type == "vault_rotate":
        return team.sign(
            actor, "vault_rotate", {**team.epoch_body(vault, 2)[1], "cut": team.cut(vault)}
        )
    if detail in {"of owner", "owner"}:
        subject, role = team.founder, "member"
    else:
        subject, role = team.recruit("bob", vaults={vault: "read"} if vault else {}), detail
    return team.sign(actor, link_type, _body_about(team, link_type, subject, vault, role))


def _body_about(
    team: TeamBuilder, link_type: str, subject: Person, vault: bytes, role: str
) -> dict[str, Any]:
    member = {"member": subject.member}
    if link_type == "verify":
        return {**member, "fp": subject.fp, "how": "words"}
    if link_type == "set_role":
        return {**member, "role": role, "cut": team.cut_of(subject) if role == "auditor" else []}
    if link_type == "remove_member":
        return {**member, "cut": team.cut_of(subject)}
    if link_type == "vault_grant":
        return {**member, "cut": [], "right": "write", "vault": vault}
    return {**member, "cut": team.cut(vault), "vault": vault}


def _rights() -> Iterator[Case]:
    """Each right and each type about a vault, for a plain member and for an owner who does not manage."""
    rows = {
        "none": ("T2.manage", "T2.manage", "T2.write"),
        "read": ("T2.manage", "T2.manage", "T2.write"),
        "write": ("T2.manage", "T2.manage", None),
        "manage": (None, None, None),
    }
    for role, right in (*(("member", right) for right in rows), ("owner", "write")):
        for link_type, refusal in zip(
            ("vault_grant", "vault_revoke", "vault_rotate"), rows[right], strict=True
        ):
            team = TeamBuilder(f"{role} {right} {link_type}")
            vault = team.vault_create(team.founder)
            actor = team.recruit(
                "actor", role=role, vaults={} if right == "none" else {vault: right}
            )
            signed = _authority_link(team, actor, link_type, vault)
            yield _judged(f"{role} who may {right}: {link_type}", team, signed, refusal)


# Invites and acceptances.


def _invites() -> Iterator[Case]:
    personal = TeamBuilder("personal invite", kind="personal")
    yield _bad(
        "invite to a personal team",
        personal,
        personal.sign(personal.founder, "invite", personal.invite_body()[0]),
        "T2.personal",
    )
    team = TeamBuilder("invites")
    owner = team.founder
    mine = team.vault_create(owner)
    ana = team.recruit("ana", role="admin", vaults={mine: "write"})
    theirs = team.vault_create(ana)
    used = team.invite(owner)
    used_id = cbor.loads(cbor.loads(team.links[-1])["link"])["body"]["invite"]
    team.invite_revoke(owner, used)
    for name, actor, body, refusal in (
        ("admin by mail", owner, {"role": "admin", "via": "mail"}, "T10.via"),
        ("owner by mail", owner, {"role": "owner", "via": "mail"}, "T10.via"),
        (
            "auditor with a vault",
            owner,
            {"role": "auditor", "vaults": {mine: "read"}},
            "T2.auditor",
        ),
        ("to a vault that does not exist", owner, {"vaults": {b"\1" * 16: "read"}}, "F1.manage"),
        ("to a vault the actor only writes", ana, {"vaults": {mine: "read"}}, "F1.manage"),
        ("to a vault another manages, as owner", owner, {"vaults": {theirs: "read"}}, "F1.manage"),
        (
            "to two vaults, one not managed",
            owner,
            {"vaults": {mine: "read", theirs: "read"}},
            "F1.manage",
        ),
    ):
        yield _bad(
            f"invite: {name}",
            team,
            team.sign(actor, "invite", team.invite_body(**body)[0]),
            refusal,
        )
    again = {**team.invite_body()[0], "invite": used_id}
    yield _bad("invite: id used before", team, team.sign(owner, "invite", again), "T10.invite_id")
    for name, invite in {
        "revoked before": used.hash,
        "unknown": b"\1" * 32,
        "of another link": team.state.hashes[1],
    }.items():
        yield _bad(
            f"invite_revoke: {name}",
            team,
            team.sign(owner, "invite_revoke", {"invite": invite}),
            "T10.invite",
        )


def _acceptances() -> Iterator[Case]:
    team = TeamBuilder("acceptances")
    owner, old, gone = team.founder, team.recruit("old"), team.recruit("gone")
    team.remove_member(owner, gone)
    invitation, other = team.invite(owner), TeamBuilder("other acceptances")
    wrong_key = Invitation(
        invitation.t, invitation.hash, other.invite_body()[1].key, invitation.email
    )
    guest = team.person("guest")

    def accepted(
        name: str,
        refusal: str,
        *,
        by: Invitation = invitation,
        at: int | None = None,
        **fields: Any,
    ) -> Case:
        body = team.accept_body(by, guest, **fields)
        when = {} if at is None else {"at": at}
        return _bad(
            f"add_member: {name}", team, team.sign(owner, "add_member", body, **when), refusal
        )

    same_fp = {"identity": old.identity_public, "box": old.box_public}
    yield accepted("acceptance for another team", "T10.team", team=other.state.id)
    yield accepted("acceptance of an unknown invite", "T10.invite", invite=b"\1" * 32)
    yield accepted("one millisecond late", "T10.expired", at=START + DAY + 1)
    yield accepted("not signed by the invite's key", "T10.sig_invite", by=wrong_key)
    yield accepted("not signed by the identity key", "T10.sig_identity", **same_fp)
    yield accepted("another e-mail", "T10.email", profile={"email": b"\1" * 32, "name": b"\2" * 32})
    yield accepted("member id of a present member", "T10.member", member=old.member)
    yield accepted("member id of one who left", "T10.member", member=gone.member)
    yield accepted("account of a present member", "T10.account", account=old.account)
    old_again = team.accept_body(invitation, old, member=guest.member, account=guest.account)
    yield _bad(
        "add_member: keys of a present member",
        team,
        team.sign(owner, "add_member", old_again),
        "T10.fp",
    )
    swapped = team.accept_body(invitation, guest)
    swapped = {**swapped, "by_identity": swapped["by_invite"], "by_invite": swapped["by_identity"]}
    yield _bad(
        "add_member: signatures swapped",
        team,
        team.sign(owner, "add_member", swapped),
        "T10.sig_invite",
    )
    on_time = team.accept_body(invitation, guest)
    yield _judged(
        "add_member: at the last millisecond",
        team,
        team.sign(owner, "add_member", on_time, at=START + DAY),
        None,
    )
    bad_suite = {
        **on_time,
        "accept": cbor.dumps({**cbor.loads(on_time["accept"]), "suite": SUITE + 1}),
    }
    yield _bad("add_member: suite 2", team, team.sign(owner, "add_member", bad_suite), "R15.suite")
    bad_box = {**on_time, "accept": cbor.dumps({**cbor.loads(on_time["accept"]), "box": bytes(32)})}
    yield _bad("add_member: box key zero", team, team.sign(owner, "add_member", bad_box), "F10.key")
    yield from _closed_invites()


def _closed_invites() -> Iterator[Case]:
    team = TeamBuilder("used")
    used = team.invite(team.founder)
    team.add_member(team.founder, used, team.person("first"))
    yield _bad("add_member: used invite", team, _add(team, used), "T10.invite")
    yield _bad(
        "invite_revoke: used",
        team,
        team.sign(team.founder, "invite_revoke", {"invite": used.hash}),
        "T10.invite",
    )
    team = TeamBuilder("revoked")
    revoked = team.invite(team.founder)
    team.invite_revoke(team.founder, revoked)
    yield _bad("add_member: revoked invite", team, _add(team, revoked), "T10.invite")
    team = TeamBuilder("dead")
    admin = team.recruit("admin", role="admin")
    dead = team.invite(admin)
    team.set_role(team.founder, admin, "member")
    yield _bad("add_member: dead invite", team, _add(team, dead), "T10.invite")
    team.set_role(team.founder, admin, "admin")
    yield _bad("add_member: dead stays dead", team, _add(team, dead), "T10.invite")


def _add(team: TeamBuilder, invitation: Invitation) -> bytes:
    return team.sign(team.founder, "add_member", team.accept_body(invitation, team.person("late")))


# Members, vaults, cuts.


def _members() -> Iterator[Case]:
    team = TeamBuilder("members")
    owner, ana = team.founder, team.recruit("ana")
    mailed = team.recruit("mailed", via="mail")
    gone = team.person("gone")
    for name, link_type, body, refusal in (
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
        ("set_profile: nothing", "set_profile", {"profile": owner.profile}, "T2.nothing"),
    ):
        yield _bad(name, team, team.sign(owner, link_type, body), refusal)
    team.verify(owner, ana)
    again = {"fp": ana.fp, "how": "words", "member": ana.member}
    yield _bad("verify: nothing", team, team.sign(owner, "verify", again), "T2.nothing")
    team.remove_member(owner, ana)
    yield _bad("verify: one who left", team, team.sign(owner, "verify", again), "T2.subject")


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
        yield _bad(name, team, team.sign(owner, link_type, body), refusal)
    yield from _without_manager()


def _without_manager() -> Iterator[Case]:
    team = TeamBuilder("without manager")
    ana, bob = team.recruit("ana"), team.recruit("bob")
    vault = team.vault_create(ana)
    team.vault_grant(ana, vault, bob, "read")
    managed = {"cut": [], "member": bob.member, "right": "manage", "vault": vault}
    yield _bad(
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
        yield _bad(
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
    team.change(ana, first, {item: (1, team.draw.bytes(32))})
    team.vault_rotate(ana, first)
    here, other = team.cut(first)[0], team.cut(second)[0]
    removal = {"member": ana.member}
    rotate = team.epoch_body(first, 3)[1]
    for name, link_type, body, refusal in (
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
        (
            "raising with a cut",
            "vault_grant",
            {**removal, "cut": [here], "right": "manage", "vault": first},
            "T2.cut",
        ),
        (
            "lowering without cut",
            "vault_grant",
            {**removal, "cut": [], "right": "read", "vault": first},
            "T2.cut",
        ),
        (
            "lowering with another vault's cut",
            "vault_grant",
            {**removal, "cut": [other], "right": "read", "vault": first},
            "T2.cut",
        ),
        (
            "lowering behind the last cut",
            "vault_grant",
            {**removal, "cut": [start], "right": "read", "vault": first},
            "T2.cut_back",
        ),
        ("revoking without cut", "vault_revoke", {**removal, "cut": [], "vault": first}, "T2.cut"),
        (
            "revoking with two cuts",
            "vault_revoke",
            {**removal, "cut": [here, other], "vault": first},
            "T2.cut",
        ),
        ("rotation without cut", "vault_rotate", {**rotate, "cut": []}, "T2.cut"),
        ("rotation behind the last cut", "vault_rotate", {**rotate, "cut": [start]}, "T2.cut_back"),
        (
            "rotation beside the last cut",
            "vault_rotate",
            {**rotate, "cut": [{**here, "hash": b"\1" * 32}]},
            "T2.cut_back",
        ),
        (
            "rotation beside the beginning",
            "vault_rotate",
            {**team.epoch_body(second, 2)[1], "cut": [{**other, "hash": b"\1" * 32}]},
            "T2.cut_back",
        ),
    ):
        yield _bad(name, team, team.sign(owner, link_type, body), refusal)
    beyond = {**rotate, "cut": [{**here, "seq": here["seq"] + 5, "hash": b"\1" * 32}]}
    yield _judged(
        "rotation beyond what anyone has seen", team, team.sign(owner, "vault_rotate", beyond), None
    )
