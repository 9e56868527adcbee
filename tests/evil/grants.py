"""Lies in what a browser is given as a vault's key."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.evil.scene import Scene
from tests.evil.sync import Record, other_team
from tests.evil.team import Team
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
