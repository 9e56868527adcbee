"""Lies in what `/sync` says: heads, and the records behind them, one team or vault at a time."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tests.evil.proxy import Answer, Ask, Bend, Sent
from tests.evil.team import Team
from vaults.crypto import cbor

Record = dict[str, Any]


class Tale:
    """One answer of `/sync`, opened to be changed. What it does not speak of is None or empty."""

    def __init__(self, values: list[Any], parts: Sequence[str]) -> None:
        self.records = values
        self.parts = parts
        self.heads: Record = values[0][1]

    def team_head(self, team: bytes) -> Record | None:
        """What it says of a team's head."""
        return next((row for row in self.heads["teams"] if row["team"] == team), None)

    def vault_head(self, vault: bytes) -> Record | None:
        """What it says of a vault's head."""
        return next((row for row in self.heads["vaults"] if row["vault"] == vault), None)

    def team(self, team: bytes) -> Record | None:
        """The record of a team."""
        found = (each[1] for each in self.records if each[0] == "team" and each[1]["team"] == team)
        return next(found, None)

    def vault(self, vault: bytes) -> Record | None:
        """How far a vault's rows go."""
        found = (
            each[1] for each in self.records if each[0] == "vault" and each[1]["vault"] == vault
        )
        return next(found, None)

    def rows(self, vault: bytes) -> list[list[Any]]:
        """The rows of a vault; those of the list that is returned are the ones told."""
        found = [each for each in self.records if each[0] == "items" and each[1] == vault]
        return found[0][2] if found else []

    def links(self, vault: bytes) -> list[bytes]:
        """The links of a vault; those of the list that is returned are the ones told."""
        found = [each for each in self.records if each[0] == "links" and each[1] == vault]
        return found[0][3] if found else []

    def add(self, *records: list[Any]) -> None:
        """Say more."""
        self.records[-1:-1] = records


Change = Callable[[Tale], None]


def telling(*changes: Change) -> Bend:
    """Tell every sync with these changes. Each team is asked for anew: its record is there."""

    def bend(sent: Sent, ask: Ask) -> Answer:
        body = sent.value()
        for row in body["cursor"]["teams"]:
            row.pop("stir", None)
        answer = ask(cbor.dumps(body))
        if answer.status != 200:
            return answer
        tale = Tale(answer.values(), body["parts"])
        for change in changes:
            change(tale)
        # Under the tag of the truth, the browser would be told later that nothing has changed.
        headers = tuple(each for each in answer.headers if each[0].lower() != "etag")
        return replace(answer.saying(*tale.records), headers=headers)

    return bend


def link_hash(signed: bytes) -> bytes:
    """What the next link names as `prev`."""
    return hashlib.sha256(signed).digest()


def _move(head: Record | None, seq: int, signed: bytes) -> None:
    if head is not None:
        head["seq"], head["hash"] = seq, link_hash(signed)


def more_team_links(team: bytes, after: int, *signed: bytes) -> Change:
    """Append links to a team's chain, whose head is at `after`."""
    seq = after + len(signed)

    def change(tale: Tale) -> None:
        _move(tale.team_head(team), seq, signed[-1])
        record = tale.team(team)
        if record is not None:
            record["links"] = [*record["links"], *signed]
            _move(record, seq, signed[-1])

    return change


def more_vault_links(
    team: bytes, vault: bytes, after: int, signed: Sequence[bytes], rows: Sequence[list[Any]] = ()
) -> Change:
    """Append links to a vault's chain, whose head is at `after`, and the rows that they make."""
    place = {"hash": link_hash(signed[-1]), "seq": after + len(signed)}

    def change(tale: Tale) -> None:
        _move(tale.vault_head(vault), after + len(signed), signed[-1])
        if tale.vault(vault) is not None:
            _move(tale.vault(vault), after + len(signed), signed[-1])
        elif "items" in tale.parts:
            tale.add(["vault", {**place, "team": team, "vault": vault}])
        if "items" in tale.parts:
            tale.add(["items", vault, [list(row) for row in rows]])
        if "links" in tale.parts:
            tale.add(["links", vault, after + 1, list(signed)])

    return change


def other_rows(vault: bytes, change_rows: Callable[[list[list[Any]]], list[list[Any]]]) -> Change:
    """Tell other rows of a vault."""

    def change(tale: Tale) -> None:
        rows = tale.rows(vault)
        rows[:] = change_rows(list(rows))

    return change


def other_links(vault: bytes, change_links: Callable[[list[bytes]], list[bytes]]) -> Change:
    """Tell other links of a vault."""

    def change(tale: Tale) -> None:
        links = tale.links(vault)
        links[:] = change_links(list(links))

    return change


def other_team(team: bytes, change_record: Callable[[Record], None]) -> Change:
    """Tell another record of a team."""

    def change(tale: Tale) -> None:
        record = tale.team(team)
        if record is not None:
            change_record(record)

    return change


def stirred(team: bytes) -> Change:
    """Say that something of a team changed beside its chain, so that the browser asks for it."""

    def change(tale: Tale) -> None:
        for record in (tale.team_head(team), tale.team(team)):
            if record is not None:
                record["stir"] += 1_000_000

    return change


def held_back(team: Team) -> Change:
    """From now on the server shows this team, and none of its vaults, as they are now."""
    now = team.own_heads()

    def is_of_vault(record: list[Any]) -> bool:
        if record[0] == "vault":
            return record[1]["vault"] in now
        return record[0] in {"items", "links"} and record[1] in now

    def change(tale: Tale) -> None:
        record = tale.team(team.team.state.id)
        if record is not None:
            record.update({"links": [], "pending": []})
        for chain, (seq, head) in now.items():
            for row in (tale.team_head(chain), tale.team(chain), tale.vault_head(chain)):
                if row is not None:
                    row.update({"seq": seq, "hash": head})
        tale.records[:] = [each for each in tale.records if not is_of_vault(each)]

    return change
