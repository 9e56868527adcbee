"""What a chain answers when a link cannot be appended. Each says what the client does next."""

import base64
from uuid import UUID

from accounts.errors import Conflict, DomainError, RateLimited


class HeadMoved(Conflict):
    """A chain has another head than the link was signed on: fold it, and sign anew."""

    code = "head_moved"
    title = "The chain has grown meanwhile."

    def __init__(self, chain: UUID, seq: int, head: bytes) -> None:
        """`chain` is a team or a vault; `head` is the hash of its link `seq`."""
        text = base64.urlsafe_b64encode(head).rstrip(b"=").decode()
        super().__init__("", chain=str(chain), seq=seq, hash=text)


class Taken(Conflict):
    """Another link, or another row of this id, stands at that place for good."""

    code = "taken"
    title = "This place is taken by other bytes."


class StaleSeen(Conflict):
    """The signer has not seen a link that this one depends on: sync the team, and sign anew."""

    code = "stale_seen"
    title = "The team has changed since what you have seen."


class Held(Conflict):
    """Somebody is removing a member: writes to this vault wait until `until`, Unix milliseconds."""

    code = "held"
    title = "The vault is held for a moment."


class RotationDue(Conflict):
    """A holder lost all right: the write has to bring a `vault_rotate`."""

    code = "rotation_due"
    title = "The vault needs a new key before the next write."


class PersonalExists(Conflict):
    """The account has its personal team already; `team` says which."""

    code = "personal_exists"
    title = "There is a personal vault already."


class TooManyHeld(Conflict):
    """One member would hold more vaults, or one vault have more holders, than can be undone later.

    A removal cuts every vault that its subject holds, and a rotation brings every holder a key:
    each in one request.
    """

    code = "too_many_held"
    title = "A member holds at most 1,500 vaults, and a vault has at most 1,000 holders."


class TooManyLinks(RateLimited):
    """More rotations or holds than anybody needs; `retry_after` is in seconds."""

    code = "too_many"
    title = "Too often. Wait before the next."


class LinkRefused(DomainError):  # noqa: N818 - a verdict
    """The fold refuses what was signed. `refusal` is the rule's id in SPEC.md."""

    code = "refused"
    title = "The chain does not take this."

    def __init__(self, refusal: str) -> None:
        super().__init__("", refusal=refusal)
