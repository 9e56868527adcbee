"""Lies in what a browser is given as a vault's key."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.chains import Person
from tests.evil.leaks import written
from tests.evil.scene import Scene
from tests.evil.sync import Record, other_team
from tests.evil.team import Team
from tests.evil.victim import settle
from vaults.crypto import cbor

# What the server puts in the place of the grant of a vault to the victim: CBOR{grant, sig}.
Forge = Callable[[Team, bytes], bytes]


def share(team: Team, vault: bytes) -> None:
    """Give the victim the right to read a vault; the key comes after it."""
    team.team.vault_grant(team.founder, vault, team.victim, "read")
    team.push(team.founder)


def grant_told(vault: bytes, other: bytes) -> Callable[[Record], None]:
    """The victim is told another grant of a vault than the one that was made for them."""
    replaced: dict[str, Any] = cbor.loads(other)

    def change(record: Record) -> None:
        for row in record["grants"]:
            if row["vault"] == vault:
                row.update(replaced)

    return change


def gives_a_key(scene: Scene, team: Team) -> Person:
    """Somebody waits for the vault's key, and the victim's browser gives it: the flow works."""
    dave = team.join(team.newcomer("dave"), {team.vault: "read"}, with_keys=False)
    scene.victim.look()
    scene.waits_for(lambda: dave.fp in scene.sealed_to(team))
    team.report(dave, team.victim, team.vault)
    settle(scene.liar, scene.victim.page)  # until then it may give that key again
    return dave


def refuses_recipient(scene: Scene, team: Team, *holders: Person) -> None:
    """The server goes on naming somebody who may not have the key: nobody new is given it."""
    since = len(scene.liar.sent)
    # It may be in a link that is on its way: only what is named twice is refused.
    scene.rounds(2)
    scene.victim.expect_refusal("R1.recipient")
    scene.rounds(2)
    # Holders of the fold may be given the key, again too; nobody else, and no link is made.
    assert scene.sealed_to(team) <= {person.fp for person in (team.founder, team.victim, *holders)}
    assert set(written(scene.liar.sent[since:], team.path)) <= {f"{team.path}grants"}
    scene.no_leak(team)


def refuses_grant(scene: Scene, refusal: str, forge: Forge) -> None:
    """One vault's key reaches the victim; that of the next vault is replaced by `forge`."""
    team = scene.team(right="read", mallory="write")
    first = team.new_vault(f"Pier {team.number}")
    share(team, first)
    team.give(team.victim, first)
    scene.victim.look()
    scene.victim.open_vault(f"Pier {team.number}")

    second = team.new_vault(f"Dock {team.number}")
    share(team, second)
    with scene.told(other_team(team.team.state.id, grant_told(second, forge(team, second)))):
        team.give(team.victim, second)
        scene.refuses(team, refusal)
        expect(scene.victim.vault("Closed vault")).to_be_visible()
    team.write_items(second, f"On the dock {team.number}")
    scene.recovers(team)
    scene.victim.sees(second, f"On the dock {team.number}")
