"""The bodies of a story's links: whom and what they name, mostly rightly."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from accounts.team_chain.state import MANAGE, WRITE
from tests.chains import START, TICK, Invitation, Person, seal_dek
from tests.fuzz.moves import Dice
from tests.fuzz.spoil import loose, replaced
from vaults.crypto import cbor
from vaults.crypto.grants import sign_grant, stored_grant
from vaults.crypto.keys import Dek
from vaults.crypto.links import RIGHTS

if TYPE_CHECKING:
    from tests.fuzz.story import Story

OPENS_AFTER = 40  # links: then the story's invitations have expired
ITEMS = (b"\1" * 16, b"\2" * 16, b"\3" * 16)
NO_VAULT = b"\xfa" * 16
NO_HASH = b"\7" * 32
SHARES = ("vault_grant", "vault_revoke")


class Bodies:
    """What one move says, on the team as it stands."""

    def __init__(self, story: "Story", dice: Dice) -> None:
        self.story, self.dice = story, dice
        self.team, self.state = story.team, story.team.state

    def instead_of(self, kind: str) -> str:
        """What has to come first, if a move lacks it."""
        if kind in {"add_member", "invite_revoke"} and not self._is_one_open():
            return "invite"
        if kind in {*SHARES, "vault_rotate", "change", "grant", "late"} and not self.team.vaults:
            return "vault_create"
        alone = len(self.present()) == 1 and kind in {*SHARES, "verify", "set_role"}
        if alone and not self.dice.chance(10):
            return "add_member" if self._is_one_open() else "invite"
        return kind

    def _is_one_open(self) -> bool:
        """Whether an invitation can be used; now and then one that cannot will do."""
        offered, invites = self.story.invitations, self.state.invites
        usable = any(invites[one.hash].state == "open" for one in offered)
        return usable or (bool(offered) and self.dice.chance(15))

    # Who.

    def actor(self, kind: str, vault: bytes | None = None) -> Person:
        """Mostly somebody who may do this."""
        if self.dice.chance(6):
            return self.dice.pick(self.story.people)
        present = self.present()
        if vault is not None:
            least = MANAGE if kind == "grant" else WRITE
            able = [p for p in present if self.state.right(vault, p.member) >= least]
        elif kind in {"invite", "invite_revoke", "add_member", "verify", "set_role"}:
            able = [p for p in present if self._role(p) in {"owner", "admin"}]
        elif kind in {*SHARES, "vault_rotate"}:
            able = [p for p in present if self.state.held(p.member)]
        elif kind == "vault_create":
            able = [p for p in present if self._role(p) != "auditor"]
        else:
            able = present
        return self.dice.pick(able or present)

    def present(self) -> list[Person]:
        return [person for person in self.story.people if self.story.member(person)]

    def _role(self, person: Person) -> str:
        member = self.story.member(person)
        return member.role if member and member.verified != "none" else ""

    def subject(self) -> Person:
        """Mostly somebody who is there; the founder last, so that teams live."""
        if self.dice.chance(8):
            return self.dice.pick(self.story.people)
        return self.dice.pick(self.present()[::-1])

    def holder(self, vault: bytes) -> Person:
        able = [p for p in self.present() if self.state.right(vault, p.member)]
        return self.dice.pick(able) if able and not self.dice.chance(15) else self.subject()

    # Where.

    def place(self) -> dict[str, Any]:
        """Fields of a team link that say where it stands: mostly none differs."""
        if not self.dice.chance(3):
            return {}
        return self.dice.pick(
            (
                {"seq": self.state.seq},
                {"seq": self.state.seq + 2},
                {"prev": NO_HASH},
                {"chain": NO_VAULT},
                {"seen": {"hash": self.state.head, "seq": self.state.seq}},
            )
        )

    def place_in(self, vault: bytes) -> dict[str, Any]:
        """The same for a vault link."""
        state = self.team.vaults[vault].state
        if not self.dice.chance(4):
            return {}
        return self.dice.pick(
            (
                {"seq": state.seq + 2},
                {"seq": state.seq},
                {"prev": NO_HASH},
                {"chain": self.state.id},
            )
        )

    def any_vault(self, actor: Person) -> bytes:
        """Mostly one that the actor manages."""
        held = self.state.held(actor.member)
        mine = [vault for vault in held if self.state.right(vault, actor.member) == MANAGE]
        if held and self.dice.chance(85):
            return self.dice.pick(mine or held)
        return NO_VAULT if self.dice.chance(4) else self.dice.pick([*self.team.vaults])

    def cuts(self, vaults: list[bytes]) -> list[dict[str, Any]]:
        """Mostly these vaults at their heads; or one too few or many, behind, beside, beyond."""
        known = sorted(vault for vault in vaults if vault in self.team.vaults)
        if self.dice.chance(3):
            known = known[1:] if known and self.dice.chance(50) else sorted(self.team.vaults)
        cuts = self.team.cut(*known)
        for cut in cuts:
            if self.dice.chance(10):
                cut.update(self._twisted(cut))
        return cuts

    def _twisted(self, cut: dict[str, Any]) -> dict[str, Any]:
        how, links = self.dice.below(4), self.team.vaults[cut["vault"]].links
        held_back = [signed for _, vault, signed in self.story.drawer if vault == cut["vault"]]
        if how == 0 and held_back:
            ahead = hashlib.sha256(self.dice.pick(held_back)).digest()
            return {"seq": cut["seq"] + 1, "hash": ahead}
        if how == 1 and links:
            behind = cbor.loads(cbor.loads(links[-1])["link"])["prev"]
            return {"seq": cut["seq"] - 1, "hash": behind}
        if how == 2:
            return {"hash": NO_HASH}
        return {"seq": cut["seq"] + 1, "hash": NO_HASH}

    # What, by type of link.

    def body(self, kind: str, actor: Person) -> dict[str, Any]:
        write: Callable[[Person], dict[str, Any]] = getattr(self, f"_{kind}")
        return write(actor)

    def _invite(self, actor: Person) -> dict[str, Any]:
        managed = [
            vault
            for vault in self.state.held(actor.member)
            if self.state.right(vault, actor.member) == MANAGE or self.dice.chance(10)
        ]
        rights = {vault: self.dice.pick(tuple(RIGHTS)) for vault in self.dice.some(managed)}
        if self.dice.chance(2):
            rights[NO_VAULT] = "read"
        roles = ("member", "member", "member", "admin", "owner", "auditor")
        role = self.dice.pick(roles)
        rights = {} if role == "auditor" and not self.dice.chance(20) else rights
        via = "mail" if self.dice.chance(25) else "link"
        body, invitation = self.team.invite_body(role=role, vaults=rights, via=via)
        body["expiry"] = START + TICK * OPENS_AFTER
        if self.state.invite_ids and self.dice.chance(2):
            body["invite"] = min(self.state.invite_ids)
        self.story.offers[body["key"]] = invitation
        return body

    def _invite_revoke(self, _: Person) -> dict[str, Any]:
        return {"invite": self.dice.pick(self.story.invitations).hash}

    def _add_member(self, _: Person) -> dict[str, Any]:
        offered, invites = self.story.invitations, self.state.invites
        usable = [one for one in offered if invites[one.hash].state == "open"]
        invitation = self.dice.pick(usable if usable and not self.dice.chance(8) else offered)
        absent = [person for person in self.story.people if not self.story.member(person)]
        person = self.dice.pick(absent if absent and not self.dice.chance(5) else self.story.people)
        back = person.member in self.state.members and not self.dice.chance(5)
        fresh = {"member": self.team.draw.take(16)} if back else {}
        if not self.dice.chance(8):
            return self.team.accept_body(invitation, person, **fresh)
        wrong: dict[str, Any] = self.dice.pick(
            (
                {"team": NO_VAULT},
                {"invite": NO_HASH},
                {"account": self.team.founder.account},
                {"identity": self.team.founder.identity_public, "box": person.box_public},
                {"box": bytes(32)},
                {"profile": person.profile},
                {"member": self.team.founder.member},
                {},
            )
        )
        by = invitation
        if not wrong:
            by = Invitation(invitation.t, invitation.hash, person.identity, invitation.email)
        return self.team.accept_body(by, person, **{**fresh, **wrong})

    def _verify(self, _: Person) -> dict[str, Any]:
        unverified = [
            p for p in self.present() if (m := self.story.member(p)) and m.verified == "none"
        ]
        likely = unverified and self.dice.chance(60)
        subject = self.dice.pick(unverified) if likely else self.subject()
        whose = self.dice.pick(self.story.people) if self.dice.chance(6) else subject
        return {"fp": whose.fp, "how": "words", "member": subject.member}

    def _set_role(self, _: Person) -> dict[str, Any]:
        subject = self.subject()
        role = self.dice.pick(("member", "admin", "owner", "auditor"))
        cut = self.cuts(self.state.held(subject.member) if role == "auditor" else [])
        return {"cut": cut, "member": subject.member, "role": role}

    def _remove_member(self, actor: Person) -> dict[str, Any]:
        subject = actor if self.dice.chance(25) else self.subject()
        return {"cut": self.cuts(self.state.held(subject.member)), "member": subject.member}

    def _set_profile(self, actor: Person) -> dict[str, Any]:
        if self.dice.chance(20):
            return {"profile": actor.profile}
        return {"profile": {"email": actor.profile["email"], "name": self.team.draw.take(32)}}

    def _vault_create(self, _: Person) -> dict[str, Any]:
        twice = self.team.vaults and self.dice.chance(5)
        vault = min(self.team.vaults) if twice else self.team.draw.uuid7(self.story.at())
        epoch = 2 if self.dice.chance(3) else 1
        return {"dek_commit": self.story.new_dek(vault, epoch), "epoch": epoch, "vault": vault}

    def _vault_grant(self, actor: Person) -> dict[str, Any]:
        vault, subject = self.any_vault(actor), self.subject()
        right = self.dice.pick(tuple(RIGHTS))
        lowered = RIGHTS[right] < self.state.right(vault, subject.member)
        cut = self.cuts([vault] if lowered else [])
        return {"cut": cut, "member": subject.member, "right": right, "vault": vault}

    def _vault_revoke(self, actor: Person) -> dict[str, Any]:
        vault = self.any_vault(actor)
        subject = self.holder(vault) if vault in self.team.vaults else self.subject()
        return {"cut": self.cuts([vault]), "member": subject.member, "vault": vault}

    def _vault_rotate(self, actor: Person) -> dict[str, Any]:
        vault = self.any_vault(actor)
        epoch = self.state.vaults[vault].epoch if vault in self.team.vaults else 0
        epoch += 2 if self.dice.chance(4) else 1
        commit = self.story.new_dek(vault, epoch)
        return {"cut": self.cuts([vault]), "dek_commit": commit, "epoch": epoch, "vault": vault}

    # Vault links and grants.

    def change(self, vault: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        """The body of a change, and what its signer has seen of the team."""
        state = self.team.vaults[vault].state
        behind = self.dice.below(4) if self.dice.chance(25) else 0
        seq = max(self.state.seq - behind, 0)
        seen = {"hash": self.state.head_at(seq), "seq": seq}
        if self.dice.chance(3):
            seen = {"hash": NO_HASH, "seq": seq + self.dice.below(3)}
        entries = []
        for item in sorted(
            {self.dice.pick((*ITEMS, vault)) for _ in range(1 + self.dice.below(3))}
        ):
            last = state.items.get(item)
            revision = (last.revision if last else 0) + (2 if self.dice.chance(4) else 1)
            purged = self.dice.chance(12)
            entries.append([item, revision, None if purged else self.team.draw.take(32)])
        epoch = self.state.epoch_at(vault, seq) + (1 if self.dice.chance(3) else 0)
        return {"entries": entries, "epoch": epoch}, seen

    def grant_fields(self, vault: bytes, to: Person) -> dict[str, Any]:
        """Other fields of a grant than the honest ones: often an older head, seldom a lie."""
        fields: dict[str, Any] = {}
        if self.dice.chance(35):
            seq = self.dice.below(self.state.seq + 1)
            known = self.state.vaults[vault]
            if self.dice.chance(30):
                seq = known.epochs[-1].seq
            elif to.member in known.rights and self.dice.chance(40):
                seq = self.dice.pick(known.rights[to.member]._seqs)  # perhaps before a removal
            fields["head"] = {"hash": self.state.head_at(seq), "seq": seq}
        if self.dice.chance(8):
            lies: tuple[dict[str, Any], ...] = (
                {"head": {"hash": NO_HASH, "seq": self.state.seq}},
                {"head": {"hash": NO_HASH, "seq": self.state.seq + 1}},
                {"team": NO_VAULT},
                {"vault": self.dice.pick([*self.team.vaults])},
                {"vault": NO_VAULT},
                {"from": self.dice.pick(self.story.people).fp},
                {"to": self.dice.pick(self.story.people).fp},
                {"ct": bytes(80)},
                {"ct": seal_dek(self.team.draw, to.box_public, Dek(NO_HASH))},
                {"suite": 2},
            )
            fields.update(self.dice.pick(lies))
        return fields

    def spoiled_grant(self, stored: bytes) -> bytes:
        """Other bytes, another encoding, another field signed again, or another signer."""
        pair, how = cbor.loads(stored), self.dice.below(5)
        signer = self.dice.pick(self.story.people)
        if how == 0:
            at = self.dice.below(len(stored))
            flipped = stored[at] ^ (1 << self.dice.below(8))
            return stored[:at] + bytes([flipped]) + stored[at + 1 :]
        if how == 1:
            return loose(pair, self.dice)
        if how == 2:
            return cbor.dumps({**pair, "sig": sign_grant(pair["grant"], signer.identity)})
        fields = cbor.loads(pair["grant"])
        by_fp = {person.fp: person for person in self.story.people}
        signer = by_fp.get(fields["from"], signer)
        data = loose(fields, self.dice) if how == 3 else cbor.dumps(replaced(fields, self.dice))
        return stored_grant(data, sign_grant(data, signer.identity))
