"""Invites and acceptances that the team fold refuses."""

from collections.abc import Iterator
from typing import Any

from tests.chains import DAY, START, Invitation, Person, TeamBuilder
from tests.vectors.primitives import Case
from tests.vectors.team_case import bad, judged
from vaults.crypto import cbor
from vaults.crypto.keys import SUITE


def invite_cases() -> Iterator[Case]:
    personal = TeamBuilder("personal invite", kind="personal")
    yield bad(
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
        yield bad(
            f"invite: {name}",
            team,
            team.sign(actor, "invite", team.invite_body(**body)[0]),
            refusal,
        )
    again = {**team.invite_body()[0], "invite": used_id}
    yield bad("invite: id used before", team, team.sign(owner, "invite", again), "T10.invite_id")
    for name, invite in {
        "revoked before": used.hash,
        "unknown": b"\1" * 32,
        "of another link": team.state.hashes[1],
    }.items():
        yield bad(
            f"invite_revoke: {name}",
            team,
            team.sign(owner, "invite_revoke", {"invite": invite}),
            "T10.invite",
        )


def acceptance_cases() -> Iterator[Case]:
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
        return bad(
            f"add_member: {name}", team, team.sign(owner, "add_member", body, **when), refusal
        )

    same_fp: dict[str, Any] = {"identity": old.identity_public, "box": old.box_public}
    yield accepted("acceptance for another team", "T10.team", team=other.state.id)
    yield accepted("acceptance of an unknown invite", "T10.invite", invite=b"\1" * 32)
    yield accepted("one millisecond late", "T10.expired", at=START + DAY + 1)
    yield accepted("not signed by the invite's key", "T10.sig_invite", by=wrong_key)
    yield accepted("not signed by the identity key", "T10.sig_identity", **same_fp)
    yield accepted("another e-mail", "T10.email", profile={"email": b"\1" * 32, "name": b"\2" * 32})
    yield accepted("member id of a present member", "T10.member", member=old.member)
    yield accepted("member id of one who left", "T10.member", member=gone.member)
    yield accepted("account of a present member", "T10.account", account=old.account)
    yield from _bent_acceptances(team, invitation, old, guest)
    yield from _closed_invites()


def _bent_acceptances(
    team: TeamBuilder, invitation: Invitation, old: Person, guest: Person
) -> Iterator[Case]:
    owner = team.founder
    old_again = team.accept_body(invitation, old, member=guest.member, account=guest.account)
    yield bad(
        "add_member: keys of a present member",
        team,
        team.sign(owner, "add_member", old_again),
        "T10.fp",
    )
    swapped = team.accept_body(invitation, guest)
    swapped = {**swapped, "by_identity": swapped["by_invite"], "by_invite": swapped["by_identity"]}
    yield bad(
        "add_member: signatures swapped",
        team,
        team.sign(owner, "add_member", swapped),
        "T10.sig_invite",
    )
    on_time = team.accept_body(invitation, guest)
    yield judged(
        "add_member: at the last millisecond",
        team,
        team.sign(owner, "add_member", on_time, at=START + DAY),
        None,
    )
    bad_suite = {
        **on_time,
        "accept": cbor.dumps({**cbor.loads(on_time["accept"]), "suite": SUITE + 1}),
    }
    yield bad("add_member: suite 2", team, team.sign(owner, "add_member", bad_suite), "R15.suite")
    bad_box = {**on_time, "accept": cbor.dumps({**cbor.loads(on_time["accept"]), "box": bytes(32)})}
    yield bad("add_member: box key zero", team, team.sign(owner, "add_member", bad_box), "F10.key")


def _closed_invites() -> Iterator[Case]:
    team = TeamBuilder("used")
    used = team.invite(team.founder)
    team.add_member(team.founder, used, team.person("first"))
    yield bad("add_member: used invite", team, _add(team, used), "T10.invite")
    yield bad(
        "invite_revoke: used",
        team,
        team.sign(team.founder, "invite_revoke", {"invite": used.hash}),
        "T10.invite",
    )
    team = TeamBuilder("revoked")
    revoked = team.invite(team.founder)
    team.invite_revoke(team.founder, revoked)
    yield bad("add_member: revoked invite", team, _add(team, revoked), "T10.invite")
    team = TeamBuilder("dead")
    admin = team.recruit("admin", role="admin")
    dead = team.invite(admin)
    team.set_role(team.founder, admin, "member")
    yield bad("add_member: dead invite", team, _add(team, dead), "T10.invite")
    team.set_role(team.founder, admin, "admin")
    yield bad("add_member: dead stays dead", team, _add(team, dead), "T10.invite")


def _add(team: TeamBuilder, invitation: Invitation) -> bytes:
    return team.sign(team.founder, "add_member", team.accept_body(invitation, team.person("late")))
