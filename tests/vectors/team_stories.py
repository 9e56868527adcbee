"""Team chains of which every link is good."""

from collections.abc import Iterator

from tests.chains import START, Person, TeamBuilder
from tests.vectors.primitives import Case
from tests.vectors.team_case import case_of


def good_stories() -> Iterator[Case]:
    yield case_of("a team of one", TeamBuilder("one").links, None)
    yield case_of("a personal team with a vault", _personal().links, None)
    yield case_of("a year in a team", _year().links, None)
    yield case_of("a removed member joins again with the same keys", _rejoin()[0].links, None)
    for name, team in _dying_invites():
        yield case_of(f"an open invite dies: {name}", team.links, None)
    yield case_of(
        "a mailed member's rights lapse where the verifier does not manage", _lapsing().links, None
    )
    yield case_of("an owner repairs a vault without manager", _orphan().links, None)
    yield case_of("the only owner leaves after making another", _two_owners().links, None)
    yield case_of("who is not verified leaves", _unverified_leaves().links, None)
    yield case_of("a cut at the same place and hash again", _same_cut().links, None)


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
    team.change(member, first, {team.draw.uuid7(START): (1, team.draw.take(32))})
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
    ana.member = team.draw.take(16)
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
