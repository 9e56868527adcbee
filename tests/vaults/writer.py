"""One writer of a crowd, in a process of its own: a client with its own fold of one vault.

It does what a browser's outbox does. It signs on the head that it has verified. A link stays in
the outbox until its place in the chain is filled: after a lost answer the same bytes go out again,
after `409 head_moved` the chain says whose link filled the place, and only then is anything signed
anew.
"""

import hashlib
import os
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from typing import Any
from uuid import UUID

from nacl.signing import SigningKey

from accounts.ids import uuid7
from accounts.team_chain import TeamState, fold_team
from tests.bench.client import Client, Raw
from tests.chains import START
from tests.world import blob, records
from vaults.crypto import cbor
from vaults.crypto.links import link_message
from vaults.vault_chain import VaultState, fold_vault, vault_start

LARGEST_LINK = 15  # entries
NEW_SHARE = (
    2  # one entry in so many is a new item, the others are revisions of items of all writers
)
AGAIN_EVERY = 10  # of so many links one is sent once more after its answer
DROPPED_EVERY = 12  # of so many links one loses its first answer
TRIES = 20  # of the same bytes, while connections break
START_SECONDS = 60  # until the last of the processes is there
LONGEST_WAIT = 0.04  # seconds until a dropped connection is dropped
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.32  # seconds, the upper ends of a random pause

Entry = tuple[bytes, int, bytes]  # item, revision, hash


@dataclass(frozen=True)
class Seat:
    """All that a writer is told: who it is, where the product is, and the team's chain."""

    url: str
    number: int  # of the client, for an address of its own
    cookies: dict[str, str]
    csrf: str
    seed: bytes  # of the identity key
    member: bytes
    fp: bytes
    team_links: list[bytes]
    vault: bytes


@dataclass
class Report:
    """What one writer was told by the server."""

    acknowledged: list[Entry] = field(default_factory=list)
    links: list[tuple[int, bytes]] = field(default_factory=list)  # seq, hash
    statuses: Counter[int] = field(default_factory=Counter)
    found_by_hash: int = 0  # links that got through though no answer said so
    dropped: int = 0


@dataclass
class Together:
    """What the writers of one run share."""

    written: "Synchronized[int]"
    start: Barrier


_together: list[Together] = []


def meet(written: "Synchronized[int]", start: Barrier) -> None:
    """Take what the writers share, once in each process."""
    _together.append(Together(written, start))


def write(seat: Seat, enough: int) -> Report:
    """Write until `enough` writes of all writers together are acknowledged."""
    together = _together[-1]
    writer = Writer(seat)
    together.start.wait(START_SECONDS)
    while together.written.value < enough:
        entries = writer.write_link()
        with together.written.get_lock():
            together.written.value += entries
    writer.client.close()
    return writer.report


class Writer:
    """A client, its fold, and the link that it wants to bring in."""

    def __init__(self, seat: Seat) -> None:
        self.seat, self.report = seat, Report()
        self.identity = SigningKey(seat.seed)
        self.client = Client(seat.url, seat.number)
        self.client.cookies, self.client.csrf = dict(seat.cookies), seat.csrf
        team, refusal = fold_team(seat.team_links)
        assert team is not None, refusal
        self.team: TeamState = team
        self.vault: VaultState = vault_start(team, seat.vault)
        self.hashes: dict[int, bytes] = {}  # of the links that are folded, by seq
        self.path = f"teams/{UUID(bytes=team.id)}/vaults/{UUID(bytes=seat.vault)}/changes"
        self.count = 0
        self.sync()

    def write_link(self) -> int:
        """Bring one link in, signing anew as often as others are faster; return its entries."""
        self.count += 1
        pause = FIRST_PAUSE
        while True:
            entries = self.choose()
            signed = self.sign(entries)
            body = _body(signed, len(entries))
            if self.send(signed, body, drop=self.count % DROPPED_EVERY == 0):
                break
            time.sleep(pause * secrets.randbelow(1_000) / 1_000)
            pause = min(2 * pause, LONGEST_PAUSE)
            self.sync()
        self.report.acknowledged += entries
        return len(entries)

    def choose(self) -> list[Entry]:
        """Some new items, and new revisions of items that anybody wrote, by the present fold."""
        known = [item for item in self.vault.items if item != self.seat.vault]
        wanted: dict[bytes, int] = {}
        for _ in range(1 + secrets.randbelow(LARGEST_LINK)):
            if not known or secrets.randbelow(NEW_SHARE) == 0:
                wanted[uuid7().bytes] = 1
            else:
                item = known[secrets.randbelow(len(known))]
                wanted[item] = self.vault.items[item].revision + 1
        return [(item, revision, os.urandom(32)) for item, revision in sorted(wanted.items())]

    def sign(self, entries: list[Entry]) -> bytes:
        """Sign a link on the head that is folded here."""
        vault = self.team.vaults[self.seat.vault]
        link = {
            "actor": self.seat.member,
            "at": START,
            "body": {"entries": [list(entry) for entry in entries], "epoch": vault.epoch},
            "chain": self.seat.vault,
            "prev": self.vault.head,
            "seen": {"hash": self.team.head, "seq": self.team.seq},
            "seq": self.vault.seq + 1,
            "type": "change",
            "v": 1,
        }
        data = cbor.dumps(link)
        sig = self.identity.sign(link_message("change", data)).signature
        return cbor.dumps({"link": data, "sigs": [{"fp": self.seat.fp, "sig": sig}]})

    def send(self, signed: bytes, body: bytes, *, drop: bool) -> bool:
        """Send a link until its place is filled; return whether it is what fills it."""
        if drop:
            self.drop(body)
        answer = self.post(body)
        if answer.status_code == 409:
            return self.was_first(signed, answer)
        assert answer.status_code in {200, 201}, answer.content
        self.fold([signed])
        place = cbor.loads(answer.content)
        assert (place["seq"], place["hash"]) == (self.vault.seq, self.vault.head)
        self.report.links.append((self.vault.seq, self.vault.head))
        if self.count % AGAIN_EVERY == 0:
            again = self.post(body)
            assert (again.status_code, again.content) == (200, answer.content), again.content
        return True

    def was_first(self, signed: bytes, answer: Raw) -> bool:
        """After a 409: whether the chain holds this link all the same, its answer being lost."""
        assert b'"head_moved"' in answer.content, answer.content
        seq = self.vault.seq + 1
        self.sync()
        # The place is filled by now, or the server would have no reason to say 409.
        assert self.vault.seq >= seq, answer.content
        if self.hashes[seq] != hashlib.sha256(signed).digest():
            return False
        self.report.found_by_hash += 1
        self.report.links.append((seq, self.hashes[seq]))
        return True

    def post(self, body: bytes) -> Raw:
        """Send to the vault, and count what is said."""
        answer = self.answer(self.path, body)
        self.report.statuses[answer.status_code] += 1
        return answer

    def answer(self, path: str, body: bytes) -> Raw:
        """Send the same bytes until an answer comes."""
        for _ in range(TRIES):
            try:
                return self.client.raw("POST", path, body)
            except ConnectionError:
                self.client.close()
        raise ConnectionError(path)

    def drop(self, body: bytes) -> None:
        """Send a request and hang up, before or after it was done: nobody reads the answer."""
        self.client.close()
        self.client.send("POST", self.path, body)
        time.sleep(LONGEST_WAIT * secrets.randbelow(1_000) / 1_000)
        self.client.close()
        self.report.dropped += 1

    def sync(self) -> None:
        """Fetch the links behind the verified head, and verify and fold them."""
        cursor = {
            "teams": [{"seq": self.team.seq, "team": self.team.id}],
            "vaults": [{"seq": self.vault.seq, "vault": self.seat.vault}],
        }
        body = cbor.dumps({"cursor": cursor, "parts": ["links"]})
        answer: Any = self.answer("sync", body)
        assert answer.status_code == 200, answer.content
        for record in records(answer):
            if record[0] == "links":
                assert record[1:3] == [self.seat.vault, self.vault.seq + 1], record[:3]
                self.fold(record[3])

    def fold(self, links: list[bytes]) -> None:
        """Verify links as any client does, and go on from them."""
        for signed in links:
            folded = fold_vault(self.team, self.vault, [signed])
            assert folded.verdict == "valid", folded
            self.hashes[self.vault.seq] = self.vault.head


def _body(signed: bytes, entries: int) -> bytes:
    """The request that brings a link; its blobs are random, as sealed ones look."""
    blobs = [blob() for _ in range(entries)]
    return cbor.dumps({"link": signed, "blobs": blobs, "rotation": None})
