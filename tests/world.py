"""A team whose members use the real API: links by `TeamBuilder`, answers by the server.

    world = World.begin("a seed")
    vault = world.vault_create(world.founder)
    ana = world.recruit("ana", {vault: "write"})
    answer = world.write(ana, vault, {item: 1})

What is named after a link signs it, sends it and expects 201. `post` and `get` only send.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpResponse
from rest_framework.test import APIClient

from accounts.login import BACKEND
from accounts.models import User
from accounts.setup import deployment_setup
from tests.chains import Invitation, Person, TeamBuilder
from vaults.crypto import cbor
from vaults.crypto.links import Head
from vaults.crypto.profile import commitment
from vaults.crypto.seal import OVERHEAD

CBOR = "application/cbor"


def client_of(user: User | None) -> APIClient:
    """A browser of this account, signed in; None: of nobody."""
    client = APIClient(HTTP_ACCEPT=f"{CBOR}, application/cbor-seq")
    if user is not None:
        client.force_login(user, backend=BACKEND)
    return client


def user_of(person: Person) -> User:
    """The account of a person of `tests.chains`, made at first use."""
    account = UUID(bytes=person.account)
    found = User.objects.filter(pk=account).first()
    email = f"{person.name}-{account.hex[:8]}@example.org"
    return found or User.objects.create_user(email, id=account)


def blob(overview: int = 256, details: int = 256) -> dict[str, bytes]:
    """Sealed parts as the server sees them: random bytes. Sizes are those of the plaintexts."""
    return {
        "overview": b"\1" + os.urandom(overview + OVERHEAD - 1),
        "details": b"\1" + os.urandom(details + OVERHEAD - 1),
        "c_details": os.urandom(32),
    }


def revision_hash(item: bytes, revision: int) -> bytes:
    """Some 32 bytes for an entry: the server cannot check them."""
    return hashlib.sha256(item + revision.to_bytes(4, "big")).digest()


def decoded(response: HttpResponse) -> Any:
    """The body of an answer in CBOR."""
    assert response["Content-Type"] == CBOR, response.content
    return cbor.loads(response.content)


def records(response: HttpResponse) -> list[Any]:
    """The items of a CBOR sequence, each by the strict decoder."""
    found, at = [], 0
    while at < len(response.content):
        value, at = cbor._item(response.content, at, 0)
        found.append(value)
    return found


class World:
    """One team, its builder, and a browser for each of its people."""

    def __init__(self, team: TeamBuilder) -> None:
        self.team = team
        self.clients: dict[bytes, APIClient] = {}

    @classmethod
    def begin(cls, seed: str | None = None, *, kind: str = "team") -> "World":
        """Set the deployment up, and create the team."""
        deployment_setup()
        world = cls(TeamBuilder(seed or os.urandom(8).hex(), kind=kind))
        body = {"link": world.team.links[0], "openings": []}
        answer = world.post(world.founder, "teams", body)
        assert answer.status_code == 201, answer.content
        return world

    @property
    def founder(self) -> Person:
        return self.team.founder

    @property
    def id(self) -> UUID:
        return UUID(bytes=self.team.state.id)

    def client(self, person: Person) -> APIClient:
        if person.account not in self.clients:
            self.clients[person.account] = client_of(user_of(person))
        return self.clients[person.account]

    def url(self, path: str) -> str:
        """`path` begins behind the team, unless it is `teams`, `sync` or `invites/…`."""
        if path == "teams" or path.startswith(("sync", "invites")):
            return f"/api/v1/{path}"
        return f"/api/v1/teams/{self.id}/{path}"

    def post(self, person: Person, path: str, body: Any, **headers: str) -> Any:
        data = cbor.dumps(body)
        return self.client(person).post(self.url(path), data, content_type=CBOR, headers=headers)

    def get(self, person: Person, path: str) -> Any:
        return self.client(person).get(self.url(path))

    # Team links.

    def link_body(self, signed: bytes, **more: Any) -> dict[str, Any]:
        return {"link": signed, "openings": [], "grants": [], "change": None, **more}

    def send(self, person: Person, signed: bytes, **more: Any) -> Any:
        return self.post(person, "links", self.link_body(signed, **more))

    def push(self, person: Person, **more: Any) -> None:
        """Send the builder's last link, and expect the server to agree."""
        answer = self.send(person, self.team.links[-1], **more)
        assert answer.status_code == 201, answer.content

    def invite(
        self,
        actor: Person,
        vaults: Mapping[bytes, str] | None = None,
        *,
        email: str = "invited@example.org",
        role: str = "member",
        via: str = "link",
        expiry: int = 4_000_000_000_000,
    ) -> Invitation:
        """Invite somebody; real expiry, Unix ms, and an opening of the e-mail."""
        salt = os.urandom(32)
        opening = {"kind": "email", "salt": salt, "text": email}
        committed = commitment(salt, "email", email)
        body, invitation = self.team.invite_body(role=role, vaults=vaults, via=via, email=committed)
        self.team.append(self.team.sign(actor, "invite", {**body, "expiry": expiry}))
        invitation.hash = self.team.state.head
        self.push(actor, openings=[opening])
        return invitation

    def recruit(
        self,
        name: str,
        vaults: Mapping[bytes, str] | None = None,
        *,
        role: str = "member",
        via: str = "link",
        actor: Person | None = None,
    ) -> Person:
        """Invite and add a person, without their browser."""
        actor, person = actor or self.founder, self.team.person(name)
        self.settle(person)
        invitation = self.invite(actor, vaults, email=user_of(person).email, role=role, via=via)
        self.team.add_member(actor, invitation, person)
        self.push(actor)
        person.profile = {**person.profile, "email": invitation.email}
        return person

    def settle(self, person: Person) -> None:
        """Give an account its personal team, as the client does at the first unlock."""
        own = copy(person)
        own.member = os.urandom(16)
        genesis = self.team.sign_genesis(own, kind="personal")
        answer = self.post(person, "teams", {"link": genesis, "openings": []})
        assert answer.status_code == 201, answer.content

    def remove(self, actor: Person, subject: Person) -> None:
        self.team.remove_member(actor, subject)
        self.push(actor)

    # Vaults.

    def vault_create(self, actor: Person) -> bytes:
        vault, body = self.vault_parts(actor)
        answer = self.post(actor, "links", body)
        assert answer.status_code == 201, answer.content
        return vault

    def vault_parts(self, actor: Person) -> tuple[bytes, dict[str, Any]]:
        """A new vault in the builder, and the body that makes it on the server."""
        vault = self.team.vault_create(actor)
        grant = cbor.loads(self.team.grant(actor, vault, actor))
        entries = {vault: (1, revision_hash(vault, 1))}
        self.team.change(actor, vault, entries)
        change = {"link": self.team.vaults[vault].links[-1], "blobs": [blob()]}
        return vault, self.link_body(self.team.links[-1], grants=[grant], change=change)

    def item(self) -> bytes:
        """A new item's id."""
        return self.team.draw.uuid7(1_790_000_000_000)

    def change_body(
        self,
        actor: Person,
        vault: bytes,
        revisions: Mapping[bytes, int | None],
        *,
        blobs: list[dict[str, bytes]] | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """A signed change: item to revision, or to None for a purge. The builder keeps nothing."""
        entries: dict[bytes, tuple[int, bytes | None]] = {}
        for item, revision in revisions.items():
            if revision is None:
                entries[item] = (self.team.vaults[vault].state.items[item].revision + 1, None)
            else:
                entries[item] = (revision, revision_hash(item, revision))
        signed = self.team.sign_change(actor, vault, entries, **fields)
        kept = sum(revision is not None for revision in revisions.values())
        return {"link": signed, "blobs": blobs or [blob() for _ in range(kept)], "rotation": None}

    def send_change(self, actor: Person, vault: bytes, body: dict[str, Any]) -> Any:
        return self.post(actor, f"vaults/{UUID(bytes=vault)}/changes", body)

    def write(
        self, actor: Person, vault: bytes, revisions: Mapping[bytes, int | None], **more: Any
    ) -> Any:
        """Write items, expect 201, and keep the link."""
        body = self.change_body(actor, vault, revisions, **more)
        answer = self.send_change(actor, vault, body)
        assert answer.status_code == 201, answer.content
        self.team.append_change(vault, body["link"])
        return answer

    def rotation(self, actor: Person, vault: bytes) -> dict[str, Any]:
        """A rotation in the builder, and the body's `rotation` that brings it to the server."""
        self.team.vault_rotate(actor, vault)
        state = self.team.state
        holders = [state.members[member] for member in state.holders(vault)]
        grants = [
            cbor.loads(self.team.grant(actor, vault, _as_person(member))) for member in holders
        ]
        return {"link": self.team.links[-1], "grants": grants, "olds": []}

    def rotate(self, actor: Person, vault: bytes) -> Any:
        rotation = self.rotation(actor, vault)
        body: dict[str, Any] = {"link": None, "blobs": [], "rotation": rotation}
        return self.send_change(actor, vault, body)

    def grant(self, actor: Person, vault: bytes, to: Person, **fields: Any) -> Any:
        grant = cbor.loads(self.team.grant(actor, vault, to, **fields))
        return self.post(actor, "grants", {"grants": [grant]})

    def head(self) -> Head:
        return Head(self.team.state.head, self.team.state.seq)

    def sync(
        self, person: Person, parts: list[str], cursor: dict[str, Any] | None = None
    ) -> list[Any]:
        """What a sync brings of this team behind the heads."""
        answer = self.poll(person, cursor, parts)
        assert answer.status_code == 200, answer.content
        heads, *found = records(answer)
        assert heads[0] == "heads", heads
        return [record for record in found if self._is_ours(record)]

    def _is_ours(self, record: Any) -> bool:
        """Not about somebody's personal team."""
        return record[0] != "team" or bool(record[1]["team"] == self.team.state.id)

    def poll(
        self,
        person: Person,
        cursor: dict[str, Any] | None = None,
        parts: Sequence[str] = ("teams", "items", "links"),
        etag: str = "",
    ) -> Any:
        """Ask whether anything moved since the answer that bore this tag."""
        body = {"cursor": cursor or {"teams": [], "vaults": []}, "parts": list(parts)}
        return self.post(person, "sync", body, **({"If-None-Match": etag} if etag else {}))

    def heads(self, person: Person) -> dict[str, Any]:
        """How far this team and its vaults are, as a sync says it."""
        found: dict[str, Any] = records(self.poll(person))[0][1]
        ours = [team for team in found["teams"] if team["team"] == self.team.state.id]
        return {**found, "teams": ours}


def _as_person(member: Any) -> Any:
    """The two things that a grant asks of its recipient."""

    class _Recipient:
        box_public = member.box
        fp = member.fp

    return _Recipient()


@pytest.fixture
def world() -> World:
    """A team with its founder, and the server that has it."""
    return World.begin()


@pytest.fixture
def vault(world: World) -> bytes:
    """The id of a vault of the founder's, who alone holds it."""
    return world.vault_create(world.founder)
