"""Members with real keys who sign real links: for tests, vectors and load clients.

    team = TeamBuilder("a seed")
    vault = team.vault_create(team.founder)
    ana = team.recruit("ana", vaults={vault: "write"})
    team.change(ana, vault, {item: (1, revision_hash)})
    stored = team.grant(team.founder, vault, ana)

A method named after a link type signs the link, folds it and keeps it. `team.sign` and
`team.sign_change` only sign, with any field overridden: that is how bad links are made. The same
seed gives the same bytes; take a random seed where that is not wanted.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nacl.bindings import crypto_box
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from accounts.team_chain import TeamState, team_step
from tests.draw import Draw
from vaults.crypto import cbor, grants, keys
from vaults.crypto.links import RIGHTS, ZERO16, ZERO32, Accept, build_accept, link_message
from vaults.crypto.profile import commitment
from vaults.vault_chain import VaultState, vault_start, vault_step

START = 1_760_000_000_000  # Unix ms of the first link
TICK = 1_000  # ms between links
DAY = 86_400_000  # ms


class Person:
    """An account with its keys, and the member id it has at present."""

    def __init__(self, draw: Draw, name: str) -> None:
        self.name = name
        self.account = draw.take(16)
        self.identity = SigningKey(draw.take(32))
        self.box = PrivateKey(draw.take(32))
        self.member = draw.take(16)
        self.profile = {
            kind: commitment(draw.take(32), kind, f"{name}@example.org")
            for kind in ("email", "name")
        }

    @property
    def identity_public(self) -> bytes:
        return bytes(self.identity.verify_key)

    @property
    def box_public(self) -> bytes:
        return bytes(self.box.public_key)

    @property
    def fp(self) -> bytes:
        return keys.fingerprint(self.identity_public, self.box_public)

    def as_founder(self) -> dict[str, Any]:
        """The `founder` of a genesis."""
        return {
            "account": self.account,
            "box": self.box_public,
            "identity": self.identity_public,
            "member": self.member,
            "profile": self.profile,
            "suite": keys.SUITE,
        }


@dataclass
class Invitation:
    """What the link `/join#` carries, and what the invitee reads in the chain."""

    t: bytes
    hash: bytes  # of the invite link
    key: SigningKey
    email: bytes  # commitment


@dataclass
class VaultBuilder:
    """One vault: its links, its fold, and its DEK by epoch."""

    state: VaultState
    links: list[bytes] = field(default_factory=list)
    deks: dict[int, keys.Dek] = field(default_factory=dict)


class TeamBuilder:
    """One team and its vaults, folded as they grow."""

    def __init__(self, seed: str, *, kind: str = "team", account: bytes | None = None) -> None:
        self.draw = Draw(seed)
        self.founder = Person(self.draw, "founder")
        self.founder.account = account or self.founder.account
        self.links: list[bytes] = []
        self.vaults: dict[bytes, VaultBuilder] = {}
        self.invitations: list[Invitation] = []
        self._state: TeamState | None = None
        self.append(self.sign_genesis(self.founder, kind=kind))

    @property
    def state(self) -> TeamState:
        assert self._state is not None
        return self._state

    def append(self, signed: bytes) -> None:
        """Fold a team link and keep it; raises Refused and keeps nothing."""
        self._state = team_step(self._state, signed)
        self.links.append(signed)

    # Signing.

    def sign_genesis(self, founder: Person, *, kind: str = "team", **fields: Any) -> bytes:
        body = {
            "founder": founder.as_founder(),
            "kind": kind,
            "name": self.draw.take(32),
            "nonce": self.draw.take(32),
        }
        link = {"chain": ZERO16, "prev": ZERO32, "seq": 0, "type": "genesis", "body": body}
        return self._sign(founder, {**link, **fields})

    def sign(self, actor: Person, link_type: str, body: Mapping[str, Any], **fields: Any) -> bytes:
        """The next team link. `fields` override those of the link, for links to be refused."""
        link = {
            "chain": self.state.id,
            "prev": self.state.head,
            "seq": self.state.seq + 1,
            "type": link_type,
        }
        return self._sign(actor, {**link, "body": dict(body), **fields})

    def sign_change(
        self,
        actor: Person,
        vault: bytes,
        entries: Mapping[bytes, tuple[int, bytes | None]],
        **fields: Any,
    ) -> bytes:
        """The next link of a vault: item to (revision, hash or None for a purge)."""
        state = self.vaults[vault].state
        body = {
            "entries": [[item, *revision] for item, revision in sorted(entries.items())],
            "epoch": self.state.vaults[vault].epoch,
        }
        seen = {"hash": self.state.head, "seq": self.state.seq}
        link = {
            "chain": vault,
            "prev": state.head,
            "seq": state.seq + 1,
            "type": "change",
            "seen": seen,
            "body": body,
        }
        return self._sign(actor, {**link, **fields})

    def _sign(self, actor: Person, link: dict[str, Any]) -> bytes:
        at = START + TICK * (
            len(self.links) + sum(len(vault.links) for vault in self.vaults.values())
        )
        data = cbor.dumps({"actor": actor.member, "at": at, "seen": None, "v": 1, **link})
        return cbor.dumps({"link": data, "sigs": [signature(actor, str(link["type"]), data)]})

    # Joining.

    def invite(
        self,
        actor: Person,
        *,
        role: str = "member",
        vaults: Mapping[bytes, str] | None = None,
        via: str = "link",
        email: bytes | None = None,
    ) -> Invitation:
        """Invite someone; the invitation expires after a day."""
        body, invitation = self.invite_body(role=role, vaults=vaults, via=via, email=email)
        self.append(self.sign(actor, "invite", body))
        invitation.hash = self.state.head
        return invitation

    def invite_body(
        self,
        *,
        role: str = "member",
        vaults: Mapping[bytes, str] | None = None,
        via: str = "link",
        email: bytes | None = None,
    ) -> tuple[dict[str, Any], Invitation]:
        """The body of an invite, and the invitation that still lacks its hash."""
        t, invite = self.draw.take(32), self.draw.take(16)
        key = keys.invite_key_from(t, self.state.id, invite)
        email = email or self.draw.take(32)
        body = {
            "email": email,
            "expiry": START + DAY,
            "invite": invite,
            "key": bytes(key.verify_key),
            "role": role,
            "vaults": [
                {"right": right, "vault": vault} for vault, right in sorted((vaults or {}).items())
            ],
            "via": via,
        }
        self.invitations.append(Invitation(t, b"", key, email))
        return body, self.invitations[-1]

    def accept_body(
        self, invitation: Invitation, person: Person, **fields: Any
    ) -> dict[str, bytes]:
        """The body of an `add_member`; `fields` override those of the acceptance."""
        accept = Accept(
            account=person.account,
            box=person.box_public,
            identity=person.identity_public,
            invite=invitation.hash,
            member=person.member,
            profile={**person.profile, "email": invitation.email},
            team=self.state.id,
        )
        return build_accept(
            accept._replace(**fields), identity=person.identity, invite=invitation.key
        )

    def add_member(self, actor: Person, invitation: Invitation, person: Person) -> None:
        self.append(self.sign(actor, "add_member", self.accept_body(invitation, person)))

    def person(self, name: str) -> Person:
        """Someone with keys who is not yet in the team."""
        return Person(self.draw, name)

    def recruit(
        self,
        name: str,
        *,
        role: str = "member",
        vaults: Mapping[bytes, str] | None = None,
        via: str = "link",
        actor: Person | None = None,
    ) -> Person:
        """Invite and add a new person."""
        actor, person = actor or self.founder, self.person(name)
        self.add_member(actor, self.invite(actor, role=role, vaults=vaults, via=via), person)
        return person

    # The other team links.

    def invite_revoke(self, actor: Person, invitation: Invitation) -> None:
        self.append(self.sign(actor, "invite_revoke", {"invite": invitation.hash}))

    def verify(self, actor: Person, subject: Person) -> None:
        self.append(
            self.sign(actor, "verify", {"fp": subject.fp, "how": "words", "member": subject.member})
        )

    def set_role(self, actor: Person, subject: Person, role: str) -> None:
        cut = self.cut_of(subject) if role == "auditor" else []
        self.append(
            self.sign(actor, "set_role", {"cut": cut, "member": subject.member, "role": role})
        )

    def remove_member(self, actor: Person, subject: Person) -> None:
        self.append(
            self.sign(
                actor, "remove_member", {"cut": self.cut_of(subject), "member": subject.member}
            )
        )

    def set_profile(self, actor: Person) -> None:
        actor.profile = {"email": actor.profile["email"], "name": self.draw.take(32)}
        self.append(self.sign(actor, "set_profile", {"profile": actor.profile}))

    def vault_create(self, actor: Person, vault: bytes | None = None) -> bytes:
        vault = vault or self.draw.uuid7(START + len(self.links))
        dek, body = self.epoch_body(vault, 1)
        self.append(self.sign(actor, "vault_create", body))
        self.keep_vault(vault).deks[1] = dek
        return vault

    def keep_vault(self, vault: bytes) -> VaultBuilder:
        """Begin the chain of a vault that the team has."""
        self.vaults[vault] = VaultBuilder(vault_start(self.state, vault))
        return self.vaults[vault]

    def vault_grant(self, actor: Person, vault: bytes, subject: Person, right: str) -> None:
        lowered = RIGHTS[right] < self.state.right(vault, subject.member)
        body = {
            "cut": self.cut(vault) if lowered else [],
            "member": subject.member,
            "right": right,
            "vault": vault,
        }
        self.append(self.sign(actor, "vault_grant", body))

    def vault_revoke(self, actor: Person, vault: bytes, subject: Person) -> None:
        body = {"cut": self.cut(vault), "member": subject.member, "vault": vault}
        self.append(self.sign(actor, "vault_revoke", body))

    def vault_rotate(self, actor: Person, vault: bytes) -> None:
        epoch = self.state.vaults[vault].epoch + 1
        dek, body = self.epoch_body(vault, epoch)
        self.append(self.sign(actor, "vault_rotate", {**body, "cut": self.cut(vault)}))
        self.vaults[vault].deks[epoch] = dek

    def epoch_body(self, vault: bytes, epoch: int) -> tuple[keys.Dek, dict[str, Any]]:
        """A new DEK, and what a link says about it."""
        dek = keys.Dek(self.draw.take(32))
        dek_commit = keys.dek_commit(self.state.id, vault, epoch, dek)
        return dek, {"dek_commit": dek_commit, "epoch": epoch, "vault": vault}

    def cut(self, *vaults: bytes) -> list[dict[str, Any]]:
        """A cut of these vaults at their heads."""
        heads = ((vault, self.vaults[vault].state) for vault in sorted(vaults))
        return [{"hash": state.head, "seq": state.seq, "vault": vault} for vault, state in heads]

    def cut_of(self, subject: Person) -> list[dict[str, Any]]:
        """A cut of all vaults that a member holds."""
        return self.cut(*self.state.held(subject.member))

    # Vault links and grants.

    def change(
        self, actor: Person, vault: bytes, entries: Mapping[bytes, tuple[int, bytes | None]]
    ) -> None:
        """Sign, fold and keep a vault link."""
        self.append_change(vault, self.sign_change(actor, vault, entries))

    def append_change(self, vault: bytes, signed: bytes, *, verify: bool = True) -> None:
        builder = self.vaults[vault]
        vault_step(self.state, builder.state, signed, verify=verify)
        builder.links.append(signed)

    def grant(
        self, actor: Person, vault: bytes, to: Person, /, *, epoch: int | None = None, **fields: Any
    ) -> bytes:
        """CBOR{grant, sig} for a member; `fields` override those of the grant."""
        epoch = epoch or self.state.vaults[vault].epoch
        grant = {
            "ct": seal_dek(self.draw, to.box_public, self.vaults[vault].deks[epoch]),
            "epoch": epoch,
            "from": actor.fp,
            "head": {"hash": self.state.head, "seq": self.state.seq},
            "suite": keys.SUITE,
            "team": self.state.id,
            "to": to.fp,
            "vault": vault,
        }
        data = cbor.dumps({**grant, **fields})
        return grants.stored_grant(data, grants.sign_grant(data, actor.identity))


def signature(actor: Person, link_type: str, link: bytes) -> dict[str, bytes]:
    """One entry of `sigs`."""
    return {"fp": actor.fp, "sig": actor.identity.sign(link_message(link_type, link)).signature}


def seal_dek(draw: Draw, box: bytes, dek: keys.Dek) -> bytes:
    """`crypto_box_seal` with an ephemeral key from `draw`, so that vectors come out the same."""
    ephemeral = PrivateKey(draw.take(32))
    public = bytes(ephemeral.public_key)
    nonce = hashlib.blake2b(public + box, digest_size=24).digest()
    return public + crypto_box(bytes(dek.raw), nonce, box, bytes(ephemeral))
