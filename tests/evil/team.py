"""A team on the running product, whose vaults hold real items under real keys.

Its founder and colleagues are accounts that speak the real API from Python; the browser's person is
a member with the keys that their browser made. What is written here opens in that browser.
"""

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from tests.bench.client import Client
from tests.bench.people import Session, new_account
from tests.chains import Invitation, Person, TeamBuilder
from tests.evil.leaks import LEAST
from tests.product import Product
from tests.world import World
from vaults.crypto import cbor
from vaults.crypto.grants import open_grant, parse_grant, stored_grant
from vaults.crypto.links import parse_signed
from vaults.crypto.parts import pad, part_commitment, revision_hash, seal_part
from vaults.crypto.profile import commitment

NOTE = "nobody but us reads this"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Account:
    """Who a person is on the server, and their keys, which are the same in every team."""

    id: bytes
    email: str
    session: Session
    identity: SigningKey = field(default_factory=SigningKey.generate)
    box: PrivateKey = field(default_factory=PrivateKey.generate)


@dataclass(frozen=True)
class Keys:
    """The account of the browser's person, and the keys that their browser made."""

    account: bytes
    email: str
    identity: bytes  # seed
    box: bytes  # secret
    amk: bytes
    kit: bytes  # the code of the recovery kit


class Content(NamedTuple):
    """What an item becomes."""

    item: bytes
    revision: int
    title: str
    note: str = NOTE


class Sealed(NamedTuple):
    """A change as its author would send it, and as the server would tell it."""

    link: bytes
    blobs: list[dict[str, bytes]]
    rows: list[list[Any]]


class Builder(TeamBuilder):
    """A team whose name, and whose people's names and addresses, open their commitments."""

    def __init__(self, name: str, account: Account, *, kind: str = "team") -> None:
        self.name, self.account = name, account
        self.salt = os.urandom(32)
        self.openings = [{"kind": "team", "salt": self.salt, "text": name}]
        super().__init__(os.urandom(8).hex(), kind=kind, account=account.id)

    def sign_genesis(self, founder: Person, *, kind: str = "team", **fields: Any) -> bytes:
        founder.identity, founder.box = self.account.identity, self.account.box
        self.openings += called(founder, "founder@example.org")
        body = {
            "founder": founder.as_founder(),
            "kind": kind,
            "name": commitment(self.salt, "team", self.name),
            "nonce": os.urandom(32),
        }
        place = {"chain": bytes(16), "prev": bytes(32), "seq": 0, "type": "genesis"}
        return self._sign(founder, {**place, "body": body, **fields})


def called(person: Person, email: str) -> list[dict[str, Any]]:
    """Commit a person to their name and address; return what opens that."""
    openings = []
    for kind, text in (("name", person.name), ("email", email)):
        salt = os.urandom(32)
        person.profile[kind] = commitment(salt, kind, text)  # type: ignore[arg-type]
        openings.append({"kind": kind, "salt": salt, "text": text})
    return openings


class Cast:
    """Accounts of a product who play the founders and colleagues of every team."""

    def __init__(self, product: Product, size: int) -> None:
        made = [new_account(product) for _ in range(size)]
        self.accounts = [
            Account(account, email, Session(client)) for account, email, client in made
        ]
        for each in self.accounts:
            # As a client does at the first unlock: by it the server knows the account's keys.
            genesis = Builder("Personal", each, kind="personal").links[0]
            each.session.client("POST", "teams", {"link": genesis, "openings": []})

    def anew(self) -> list[Account]:
        """The accounts for another team. They take turns in founding: one may not found many."""
        self.accounts.append(self.accounts.pop(0))
        return list(self.accounts)

    def close(self) -> None:
        """Hang up."""
        for account in self.accounts:
            account.session.client.close()


class Team(World):
    """A new team of the cast; its founder is the first of them."""

    vault: bytes  # the first

    def __init__(self, cast: list[Account], keys: Keys, name: str = "") -> None:
        self.number = next(_numbers)
        founder, *self.free = cast
        self.builder = Builder(name or f"Team {self.number}", founder)
        super().__init__(self.builder)
        self.keys = keys
        self.emails = {founder.id: founder.email}
        self.people: dict[str, Person] = {}
        self.clients: dict[bytes, Any] = {each.id: each.session for each in cast}
        self.texts: list[str] = []
        body = {"link": self.team.links[0], "openings": self.builder.openings}
        answer = self.post(self.founder, "teams", body)
        assert answer.status_code == 201, answer.content

    # People.

    def newcomer(self, name: str) -> Person:
        """A person with an account of the cast that is not in this team yet."""
        person, account = self.team.person(name), self.free.pop(0)
        person.account, self.emails[account.id] = account.id, account.email
        person.identity, person.box = account.identity, account.box
        self.people[name] = person
        return person

    def victim_person(self) -> Person:
        """The browser's person, with the keys that their browser made."""
        person = self.team.person("victim")
        person.account, self.emails[self.keys.account] = self.keys.account, self.keys.email
        person.identity = SigningKey(self.keys.identity)
        person.box = PrivateKey(self.keys.box)
        self.people["victim"] = person
        return person

    @property
    def victim(self) -> Person:
        """The browser's person in this team."""
        return self.people["victim"]

    def join(
        self,
        person: Person,
        vaults: Mapping[bytes, str] | None = None,
        *,
        role: str = "member",
        via: str = "link",
        with_keys: bool = True,
    ) -> Person:
        """Invite and add somebody, and give them the keys of the vaults."""
        invitation = self.asked(person, vaults, role=role, via=via)
        self.team.add_member(self.founder, invitation, person)
        self.push(self.founder)
        if via == "link" and vaults and with_keys:
            self.give(person, *vaults)
            if person.account != self.keys.account:
                self.report(person, self.founder, *vaults)
        return person

    def asked(
        self,
        person: Person,
        vaults: Mapping[bytes, str] | None = None,
        *,
        role: str = "member",
        via: str = "link",
        actor: Person | None = None,
    ) -> Invitation:
        """Invite somebody to their address."""
        email = self.emails[person.account]
        return self.invite(actor or self.founder, vaults, email=email, role=role, via=via)

    def give(self, person: Person, *vaults: bytes, actor: Person | None = None) -> None:
        """Give somebody the keys of vaults, as a manager's client does."""
        actor = actor or self.founder
        grants = [cbor.loads(self.team.grant(actor, vault, person)) for vault in vaults]
        answer = self.post(actor, "grants", {"grants": grants})
        assert answer.status_code == 200, answer.content

    def report(self, person: Person, sender: Person, *vaults: bytes) -> None:
        """Say that somebody's keys of vaults open, as their client does."""
        epochs = {vault: self.team.state.vaults[vault].epoch for vault in vaults}
        opened = [{"vault": vault, "epoch": epochs[vault], "from": sender.fp} for vault in vaults]
        answer = self.post(person, "grants/reports", {"opened": opened, "broken": []})
        assert answer.status_code < 300, answer.content

    # Vaults and items.

    def new_vault(self, title: str, actor: Person | None = None) -> bytes:
        """Make a vault with its name."""
        actor = actor or self.founder
        vault = self.team.vault_create(actor)
        grant = cbor.loads(self.team.grant(actor, vault, actor))
        made = self.sealed(actor, vault, [Content(vault, 1, title)], kind="vault")
        change = {"link": made.link, "blobs": made.blobs}
        body = self.link_body(self.team.links[-1], grants=[grant], change=change)
        answer = self.post(actor, "links", body)
        assert answer.status_code == 201, answer.content
        self.team.append_change(vault, made.link)
        self.report(actor, actor, vault)
        return vault

    def sealed(
        self,
        actor: Person,
        vault: bytes,
        contents: Sequence[Content],
        *,
        kind: str = "note",
        **fields: Any,
    ) -> Sealed:
        """Seal and sign a change. `fields` override those of the link; nothing is kept or sent."""
        epoch = self.team.state.vaults[vault].epoch
        entries: dict[bytes, tuple[int, bytes | None]] = {}
        blobs: list[dict[str, bytes]] = []
        rows: list[list[Any]] = []
        for content in sorted(contents):
            blob, hashed = self.blob(actor, vault, content, epoch, kind)
            blobs.append(blob)
            entries[content.item] = (content.revision, hashed)
            rows.append([content.item, content.revision, epoch, actor.member])
            rows[-1] += [blob["c_details"], blob["overview"]]
            self.texts += [text for text in content[2:] if len(text) >= LEAST]
        link = self.team.sign_change(actor, vault, entries, **fields)
        return Sealed(link, blobs, rows)

    def blob(
        self, actor: Person, vault: bytes, content: Content, epoch: int, kind: str = "note"
    ) -> tuple[dict[str, bytes], bytes]:
        """Seal an item's two parts; return them and the hash for the link."""
        overview: dict[str, Any] = {
            "tags": [],
            "title": content.title,
            "trash": None,
            "type": kind,
            "v": 1,
        }
        details: dict[str, Any] = {"fields": [], "note": content.note, "v": 1}
        padded = {"overview": pad(cbor.dumps(overview)), "details": pad(cbor.dumps(details))}
        place = {
            "team": self.team.state.id,
            "vault": vault,
            "item": content.item,
            "revision": content.revision,
            "author": actor.member,
            "epoch": epoch,
        }
        dek = self.team.vaults[vault].deks[epoch]
        seals: dict[str, bytes] = {
            part: seal_part(dek, **place, part=part, padded=text)  # type: ignore[arg-type]
            for part, text in padded.items()
        }
        commits = [part_commitment(part, text) for part, text in padded.items()]  # type: ignore[arg-type]
        return {**seals, "c_details": commits[1]}, revision_hash(*commits)

    def write_items(
        self, vault: bytes, *titles: str, actor: Person | None = None, note: str = NOTE
    ) -> list[bytes]:
        """Write new items in one change; return their ids, in the order of the titles."""
        items = [self.item() for _ in titles]
        contents = [
            Content(item, 1, title, note) for item, title in zip(items, titles, strict=True)
        ]
        self.keep(actor or self.founder, vault, self.sealed(actor or self.founder, vault, contents))
        return items

    def rewrite(self, vault: bytes, item: bytes, title: str, actor: Person | None = None) -> None:
        """Write the next revision of an item."""
        actor = actor or self.founder
        revision = self.team.vaults[vault].state.items[item].revision + 1
        self.keep(actor, vault, self.sealed(actor, vault, [Content(item, revision, title)]))

    def keep(self, actor: Person, vault: bytes, change: Sealed) -> None:
        """Send a change, expect 201, and keep the link."""
        body = {"link": change.link, "blobs": change.blobs, "rotation": None}
        answer = self.send_change(actor, vault, body)
        assert answer.status_code == 201, answer.content
        self.team.append_change(vault, change.link)

    # What the server has.

    def told_to_founder(self) -> dict[str, Any]:
        """The record of this team, as the server tells it to the founder."""
        rows = self.sync(self.founder, ["teams"])
        mine = (row[1] for row in rows if row[0] == "team" and row[1]["team"] == self.id.bytes)
        found: dict[str, Any] = next(mine)
        return found

    def server_heads(self) -> dict[bytes, tuple[int, bytes]]:
        """The heads of this team and its vaults, as the server tells the founder."""
        said = self.heads(self.founder)
        found = {row["team"]: (row["seq"], row["hash"]) for row in said["teams"]}
        found |= {row["vault"]: (row["seq"], row["hash"]) for row in said["vaults"]}
        mine = {self.team.state.id, *self.team.vaults}
        return {chain: head for chain, head in found.items() if chain in mine}

    def own_heads(self) -> dict[bytes, tuple[int, bytes]]:
        """The same as this team was built."""
        state = self.team.state
        vaults = {
            vault: (each.state.seq, each.state.head) for vault, each in self.team.vaults.items()
        }
        return {state.id: (state.seq, state.head), **vaults}

    def own_links(self) -> set[bytes]:
        """Every link of this team and its vaults, as it was built."""
        vaults = (each.links for each in self.team.vaults.values())
        return {*self.team.links, *itertools.chain(*vaults)}

    def catch_up(self) -> None:
        """Fold what others wrote on the server, and take the founder's new keys."""
        team = {"team": self.team.state.id, "seq": self.team.state.seq}
        vaults = [
            {"vault": vault, "seq": each.state.seq} for vault, each in self.team.vaults.items()
        ]
        said = self.sync(
            self.founder, ["teams", "items", "links"], {"teams": [team], "vaults": vaults}
        )
        mine = [each[1] for each in said if each[0] == "team" and each[1]["team"] == team["team"]]
        for signed in mine[0]["links"]:
            self.team.append(signed)
            self._watch(signed)
        for record in said:
            if record[0] == "links" and record[1] in self.team.vaults:
                for signed in record[3]:
                    self.team.append_change(record[1], signed)
        for row in mine[0]["grants"]:
            grant = parse_grant(stored_grant(row["grant"], row["sig"]))
            if grant.vault in self.team.vaults:
                dek = open_grant(grant, bytes(self.founder.box))
                self.team.vaults[grant.vault].deks.setdefault(grant.epoch, dek)

    def _watch(self, signed: bytes) -> None:
        link = parse_signed(signed, "team")
        if link.type == "vault_create":
            self.team.keep_vault(link.body["vault"])

    # Addresses and secrets.

    @property
    def path(self) -> str:
        """How requests about this team begin."""
        return f"teams/{self.id}/"

    def secrets(self) -> dict[str, bytes]:
        """What must never leave a browser, by what it is: texts and keys."""
        found = {f"text “{text}”": text.encode() for text in self.texts}
        for vault, builder in self.team.vaults.items():
            for epoch, dek in builder.deks.items():
                found[f"DEK {epoch} of {UUID(bytes=vault)}"] = bytes(dek.raw)
        for person in (self.founder, *self.people.values()):
            found[f"identity of {person.name}"] = bytes(person.identity)
            found[f"box key of {person.name}"] = bytes(person.box)
        for number, invitation in enumerate(self.team.invitations):
            found[f"secret of invitation {number}"] = invitation.t
            found[f"key of invitation {number}"] = bytes(invitation.key)
        return found


def second_device(product: Product, cookies: Mapping[str, str], number: int) -> Session:
    """The API with the browser's own session, as another device of the same person has it."""
    client = Client(product.url, number)
    client.cookies = dict(cookies)
    client("GET", "session")
    return Session(client)
