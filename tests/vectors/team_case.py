"""One team chain and its verdict."""

from accounts.team_chain import fold_team, state_digest
from tests.chains import Person, TeamBuilder
from tests.vectors.primitives import Case


def case_of(name: str, links: list[bytes], refusal: str | None) -> Case:
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


def bad(name: str, team: TeamBuilder, signed: bytes, refusal: str) -> Case:
    return case_of(name, [*team.links, signed], refusal)


def judged(name: str, team: TeamBuilder, signed: bytes, refusal: str | None) -> Case:
    return case_of(name, [*team.links, signed], refusal)


def profile_link(team: TeamBuilder, actor: Person) -> bytes:
    return team.sign(actor, "set_profile", {"profile": {"email": b"\1" * 32, "name": b"\2" * 32}})
