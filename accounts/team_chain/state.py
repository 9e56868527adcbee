"""What a team chain folds to. Asked by services and by the vault fold; changed by `fold` alone."""

import hashlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from vaults.crypto import cbor
from vaults.crypto.links import RIGHTS

T = TypeVar("T")

READ, WRITE, MANAGE = RIGHTS["read"], RIGHTS["write"], RIGHTS["manage"]
NO_RIGHT = 0


class History(Generic[T]):
    """A value that changes with seq."""

    __slots__ = ("_seqs", "_values")

    def __init__(self, seq: int, value: T) -> None:
        self._seqs = [seq]
        self._values = [value]

    def set(self, seq: int, value: T) -> None:
        """From `seq` on; `seq` is not below the last one."""
        self._seqs.append(seq)
        self._values.append(value)

    @property
    def now(self) -> T:
        return self._values[-1]

    def at(self, seq: int) -> T | None:
        """The value after the link `seq`; None before the first."""
        place = bisect_right(self._seqs, seq)
        return self._values[place - 1] if place else None


@dataclass(slots=True)
class Member:
    id: bytes
    account: bytes
    identity: bytes
    box: bytes
    fp: bytes
    role: str  # owner, admin, member, auditor: the present one, or that at leaving
    verified: str  # founder, token, words, none
    profile: dict[str, bytes]
    joined: int  # seq
    left: int | None = None  # seq
    pending: list[dict[str, Any]] = field(
        default_factory=list
    )  # rights of a mailed invite, until `verify`

    def is_present_at(self, seq: int) -> bool:
        return self.joined <= seq and (self.left is None or self.left > seq)


@dataclass(slots=True)
class Invite:
    hash: bytes  # of the invite link
    actor: bytes
    body: dict[str, Any]  # of the invite link
    state: str = "open"  # open, used, revoked, dead

    def leads_into(self, vault: bytes) -> bool:
        """Whether it gives a right in this vault."""
        given = self.body["vaults"]  # ascending
        place = bisect_left(given, vault, key=lambda entry: entry["vault"])
        return place < len(given) and given[place]["vault"] == vault


class Epoch(NamedTuple):
    """A DEK of a vault, and the link that made it."""

    seq: int
    epoch: int
    dek_commit: bytes
    signer: bytes  # member id


class Cut(NamedTuple):
    """Team link `seq` says: vault link `n` has `hash`, and every later one has seen `seq`."""

    seq: int
    n: int
    hash: bytes


@dataclass(slots=True)
class Vault:
    id: bytes
    epochs: list[Epoch]  # epoch e at index e - 1
    cuts: list[Cut]  # s ascending, n never descending; first (create seq, 0, hash of vault_create)
    due: History[bool]
    rights: dict[bytes, History[int]] = field(default_factory=dict)
    since: dict[bytes, int] = field(
        default_factory=dict
    )  # holder: seq since which some right is held
    managers: int = 0

    @property
    def epoch(self) -> int:
        return len(self.epochs)

    def right(self, member: bytes) -> int:
        """0 none, 1 read, 2 write, 3 manage."""
        history = self.rights.get(member)
        return history.now if history else NO_RIGHT


@dataclass(slots=True)
class TeamState:
    id: bytes
    kind: str  # team, personal
    name: bytes  # commitment
    seq: int
    head: bytes
    hashes: list[bytes]  # of each link, by seq
    members: dict[bytes, Member] = field(default_factory=dict)  # present and gone
    invites: dict[bytes, Invite] = field(default_factory=dict)  # by hash of the invite link
    vaults: dict[bytes, Vault] = field(default_factory=dict)
    invite_ids: set[bytes] = field(default_factory=set)
    owners: int = 0
    # Indexes, so that a link costs the same in a small team and in a large one.
    _open: dict[bytes, dict[bytes, Invite]] = field(default_factory=dict)  # actor: hash: invite
    _held: dict[bytes, set[bytes]] = field(default_factory=dict)
    _by_fp: dict[bytes, list[bytes]] = field(default_factory=dict)  # present and gone
    _by_account: dict[bytes, bytes] = field(default_factory=dict)  # present

    def member(self, member: bytes) -> Member | None:
        """The member if present now."""
        found = self.members.get(member)
        return found if found and found.left is None else None

    def member_at(self, member: bytes, seq: int) -> Member | None:
        """The member if present after link `seq`; role and profile are today's."""
        found = self.members.get(member)
        return found if found and found.is_present_at(seq) else None

    def member_by_fp(self, fp: bytes, seq: int | None = None) -> Member | None:
        """The member present with this fingerprint after link `seq`, or now."""
        at = self.seq if seq is None else seq
        found = (self.members[member] for member in self._by_fp.get(fp, ()))
        return next((member for member in found if member.is_present_at(at)), None)

    def member_by_account(self, account: bytes) -> Member | None:
        """The member of this account if present now."""
        member = self._by_account.get(account)
        return self.members[member] if member else None

    def right(self, vault: bytes, member: bytes) -> int:
        """0 none, 1 read, 2 write, 3 manage. None in a vault that does not exist."""
        found = self.vaults.get(vault)
        return found.right(member) if found else NO_RIGHT

    def right_at(self, vault: bytes, member: bytes, seq: int) -> int:
        """The right after link `seq`."""
        found = self.vaults.get(vault)
        history = found.rights.get(member) if found else None
        return (history.at(seq) if history else None) or NO_RIGHT

    def epoch_at(self, vault: bytes, seq: int) -> int:
        """The epoch's number after link `seq`; 0 before the vault."""
        return bisect_right(self.vaults[vault].epochs, seq, key=lambda epoch: epoch.seq)

    def due_at(self, vault: bytes, seq: int) -> bool:
        """Whether the vault needed rotation after link `seq`."""
        return bool(self.vaults[vault].due.at(seq))

    def head_at(self, seq: int) -> bytes:
        """The hash of link `seq`."""
        return self.hashes[seq]

    def open_invites(self, actor: bytes) -> list[Invite]:
        """The invites of this member that can still be used."""
        return list(self._open.get(actor, {}).values())

    def holders(self, vault: bytes) -> list[bytes]:
        """Member ids with a right, ascending."""
        return sorted(self.vaults[vault].since)

    def held(self, member: bytes) -> list[bytes]:
        """Vault ids in which the member holds a right, ascending."""
        return sorted(self._held.get(member, ()))

    # What a link applies after every check has passed.

    def admit(self, member: Member) -> None:
        self.members[member.id] = member
        self._by_fp.setdefault(member.fp, []).append(member.id)
        self._by_account[member.account] = member.id
        self.owners += member.role == "owner"

    def dismiss(self, member: Member, seq: int) -> None:
        member.left = seq
        member.pending = []
        del self._by_account[member.account]
        self.owners -= member.role == "owner"

    def offer(self, invite: Invite) -> None:
        self.invites[invite.hash] = invite
        self.invite_ids.add(invite.body["invite"])
        self._open.setdefault(invite.actor, {})[invite.hash] = invite

    def close(self, invite: Invite, how: str) -> None:
        """`how` is used, revoked or dead; none of them is ever left."""
        invite.state = how
        del self._open[invite.actor][invite.hash]

    def give(self, vault: Vault, member: bytes, right: int, seq: int) -> None:
        """Set a right; raising and lowering keep `since`."""
        history = vault.rights.get(member)
        before = history.now if history else NO_RIGHT
        if history:
            history.set(seq, right)
        else:
            vault.rights[member] = History(seq, right)
        vault.managers += (right == MANAGE) - (before == MANAGE)
        vault.since.setdefault(member, seq)
        self._held.setdefault(member, set()).add(vault.id)

    def take(self, vault: Vault, member: bytes, seq: int) -> None:
        """End all right of a holder: the vault is due until its next rotation."""
        history = vault.rights[member]
        vault.managers -= history.now == MANAGE
        history.set(seq, NO_RIGHT)
        del vault.since[member]
        self._held[member].discard(vault.id)
        vault.due.set(seq, True)


def state_digest(state: TeamState) -> bytes:
    """32 bytes over everything that two implementations must agree on. SPEC 4.2."""
    members = [
        [m.id, m.fp, m.role, m.verified, m.joined, m.left] for _, m in sorted(state.members.items())
    ]
    vaults = [_vault_summary(vault) for _, vault in sorted(state.vaults.items())]
    summary = {
        "head": state.head,
        "id": state.id,
        "invites": [[invite.hash, invite.state] for _, invite in sorted(state.invites.items())],
        "kind": state.kind,
        "members": members,
        "seq": state.seq,
        "vaults": vaults,
    }
    return hashlib.sha256(cbor.dumps(summary)).digest()


def _vault_summary(vault: Vault) -> list[Any]:
    rights = [[member, vault.right(member), since] for member, since in sorted(vault.since.items())]
    return [vault.id, vault.epoch, vault.due.now, rights, [list(cut) for cut in vault.cuts]]
