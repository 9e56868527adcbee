"""A journal that keeps what it is told, in the order in which it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from vaults.kms.base import Outcome


@dataclass
class KeptEntry:
    operation: str
    key_id: str
    context: Mapping[str, str]
    id: UUID = field(default_factory=uuid4)
    attempts: list[tuple[str | None, str]] = field(default_factory=list)
    closed: list[Outcome] = field(default_factory=list)

    def attempt(self, request_id: str | None, outcome: str) -> None:
        assert not self.closed
        self.attempts.append((request_id, outcome))

    def close(self, outcome: Outcome) -> None:
        self.closed.append(outcome)


class KeptJournal:
    def __init__(self) -> None:
        self.entries: list[KeptEntry] = []

    def intent(self, operation: str, key_id: str, context: Mapping[str, str]) -> KeptEntry:
        entry = KeptEntry(operation, key_id, dict(context))
        self.entries.append(entry)
        return entry

    @property
    def last(self) -> KeptEntry:
        return self.entries[-1]
