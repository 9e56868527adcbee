"""The folds against the symbolic model in `shared` beside the checkout: same story, same verdict.

Each step draws a link, often one that must be refused, and writes it twice: with symbols and with
real keys.
"""

import importlib.util
import random  # noqa: TID251  stories for a test, repeatable from their seed
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from accounts.team_chain import team_step
from tests.chains import START, TICK, Invitation, Person, TeamBuilder
from vaults.crypto.errors import Refused, Waiting
from vaults.vault_chain import cut_verdict, vault_step

MODEL = Path(__file__).parents[2].parent / "shared" / "model" / "fold.py"
STORIES = 400
STEPS = 50
BLOCKS = 4
TYPES = (
    *(
        "invite",
        "invite",
        "invite_revoke",
        "add_member",
        "add_member",
        "add_member",
        "verify",
        "verify",
        "set_role",
    ),
    *(
        "remove_member",
        "vault_create",
        "vault_grant",
        "vault_grant",
        "vault_revoke",
        "vault_rotate",
    ),
    *("change", "change", "change"),
)


@pytest.fixture(scope="module")
def model() -> ModuleType:
    if not MODEL.exists():
        pytest.fail(f"no symbolic model at {MODEL}: the folder `shared` lies beside the checkout")
    spec = importlib.util.spec_from_file_location("coffret_model", MODEL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class Twin:
    """One story in both worlds. A pair is always (symbolic, real)."""

    def __init__(self, model: ModuleType, seed: int) -> None:
        self.model, self.random = model, random.Random(seed)  # noqa: S311  no secret, a story
        self.kind = "personal" if seed % 25 == 0 else "team"
        self.team = TeamBuilder(f"model {seed}", kind=self.kind)
        self.people: list[Person] = [self.team.founder]
        self.people += [self.team.person(name) for name in ("ana", "bob", "eve", "zoe")]
        self.invitations: list[tuple[dict[str, Any], Invitation]] = []
        self.changes: dict[bytes, list[Any]] = {}  # symbolic vault links
        self.ids = {person.member: f"m:{person.name}" for person in self.people}
        founder = (self.ids[self.team.founder.member], "id:founder", "box:founder")
        body = model.body(nonce="n", kind=self.kind, founder=founder)
        self.states = [
            model.team_step(
                None, self._symbolic(self.team.founder, "genesis", body, chain=model.NOTHING)
            )
        ]

    # Writing one link twice.

    def _symbolic(self, actor: Person, link_type: str, body: Any, **fields: Any) -> Any:
        model, now = self.model, self.states[-1] if getattr(self, "states", None) else None
        place = (
            {"chain": now.id, "prev": now.head, "seq": now.seq + 1}
            if now
            else {"prev": model.NOTHING, "seq": 0}
        )
        place = {"seen": None, **place, **fields}
        link = model.Link(
            actor=self.ids[actor.member], at=self.at(), body=body, type=link_type, **place
        )
        return model.Signed(link, (model.sig(f"id:{actor.name}", link),))

    def at(self) -> int:
        return START + TICK * (
            len(self.team.links) + sum(len(v.links) for v in self.team.vaults.values())
        )

    def vault_name(self, vault: bytes) -> str:
        return f"v{vault[0]:03}"

    def any_vault(self) -> bytes:
        known = [*self.team.vaults]
        return (
            self.random.choice(known)
            if known and self.random.random() < 0.95
            else bytes([250]) * 16
        )

    def any_person(self) -> Person:
        if self.random.random() < 0.6:
            return self.random.choice(
                [person for person in self.people if self.team.state.member(person.member)]
            )
        return self.random.choice(self.people)

    def cuts(self, vaults: list[bytes]) -> tuple[tuple[Any, ...], list[dict[str, Any]]]:
        """Mostly these vaults at their heads; sometimes one too few, behind, beside or beyond."""
        if vaults and self.random.random() < 0.05:
            vaults = vaults[1:]
        symbolic, real = [], []
        for vault in sorted(vault for vault in vaults if vault in self.team.vaults):
            entry, links = self.team.cut(vault)[0], self.changes[vault]
            heads = [
                self.states[-1].vaults[self.vault_name(vault)].cuts[0][2],
                *map(self.model.H, links),
            ]
            seq, head, mark = entry["seq"], entry["hash"], heads[-1]
            twist = self.random.random()
            if twist < 0.03:
                seq, head, mark = seq + 1, b"\7" * 32, "7" * 12
            elif twist < 0.06:
                head, mark = b"\7" * 32, "7" * 12
            elif twist < 0.09 and seq:
                seq -= 1
            symbolic.append((self.vault_name(vault), seq, mark))
            real.append({"hash": head, "seq": seq, "vault": vault})
        return tuple(symbolic), real

    # The bodies, drawn.

    def bodies(self, link_type: str, actor: Person) -> tuple[Any, dict[str, Any]] | None:
        drawn: tuple[Any, dict[str, Any]] | None = getattr(self, f"_{link_type}")(actor)
        return drawn

    def _invite(self, actor: Person) -> tuple[Any, dict[str, Any]]:
        held = [vault for vault in self.team.state.held(actor.member) if self.random.random() < 0.5]
        vaults = {vault: self.random.choice(("read", "write", "manage")) for vault in held}
        role = self.random.choice(("member", "member", "admin", "owner", "auditor"))
        via = self.random.choice(("link", "link", "mail"))
        body, invitation = self.team.invite_body(role=role, vaults=vaults, via=via)
        pairs = tuple((self.vault_name(entry["vault"]), entry["right"]) for entry in body["vaults"])
        key = f"inv:{len(self.invitations)}:{self.random.random()}"
        symbolic = {
            "invite": key,
            "key": key,
            "role": role,
            "vaults": pairs,
            "via": via,
            "expiry": START + TICK * 60,
        }
        body["expiry"] = START + TICK * 60
        self.offered = (symbolic, invitation)
        return self.model.body(**symbolic), body

    def _invite_revoke(self, _: Person) -> tuple[Any, dict[str, Any]] | None:
        if not self.invitations:
            return None
        symbolic, invitation = self.random.choice(self.invitations)
        return self.model.body(invite=symbolic["hash"]), {"invite": invitation.hash}

    def _add_member(self, _: Person) -> tuple[Any, dict[str, Any]] | None:
        if not self.invitations:
            return None
        symbolic, invitation = self.random.choice(self.invitations[-3:])
        person = self.random.choice(self.people)
        found = self.team.state.members.get(person.member)
        if found and found.left is not None and self.random.random() < 0.9:
            person.member = self.team.draw.take(16)
            self.ids[person.member] = f"m:{person.name}:{self.random.random()}"
        identity, box = f"id:{person.name}", f"box:{person.name}"
        who = {
            "member": self.ids[person.member],
            "account": person.name,
            "identity": identity,
            "box": box,
        }
        said = self.model.body(team=self.states[-1].id, invite=symbolic["hash"], **who)
        good = self.random.random() < 0.95
        key = symbolic["key"] if good else "inv:wrong"
        accept = (self.model.sig(key, said), self.model.sig(identity, said))
        by = (
            invitation
            if good
            else Invitation(invitation.t, invitation.hash, person.identity, invitation.email)
        )
        return self.model.body(
            invite=symbolic["hash"], accept=accept, **who
        ), self.team.accept_body(by, person)

    def _verify(self, _: Person) -> tuple[Any, dict[str, Any]] | None:
        subject, other = self.any_person(), self.random.choice(self.people)
        member = self.team.state.member(subject.member)
        if member and member.verified == "words":
            # The model has no rule against verifying twice; `T2.nothing` is in the vectors.
            return None
        whose = subject if self.random.random() < 0.9 else other
        fp = self.model.fingerprint(f"id:{whose.name}", f"box:{whose.name}")
        real = {"fp": whose.fp, "how": "words", "member": subject.member}
        return self.model.body(member=self.ids[subject.member], fp=fp, how="words"), real

    def _set_role(self, _: Person) -> tuple[Any, dict[str, Any]]:
        subject, role = (
            self.any_person(),
            self.random.choice(("owner", "admin", "member", "auditor")),
        )
        symbolic, cut = self.cuts(self.team.state.held(subject.member) if role == "auditor" else [])
        real = {"cut": cut, "member": subject.member, "role": role}
        return self.model.body(member=self.ids[subject.member], role=role, cut=symbolic), real

    def _remove_member(self, _: Person) -> tuple[Any, dict[str, Any]]:
        subject = self.any_person()
        symbolic, cut = self.cuts(self.team.state.held(subject.member))
        return self.model.body(member=self.ids[subject.member], cut=symbolic), {
            "cut": cut,
            "member": subject.member,
        }

    def _vault_create(self, _: Person) -> tuple[Any, dict[str, Any]]:
        vault = bytes([self.random.randrange(1, 40)]) * 16
        epoch = 1 if self.random.random() < 0.95 else 2
        real = {"dek_commit": vault + vault, "epoch": epoch, "vault": vault}
        return self.model.body(vault=self.vault_name(vault), epoch=epoch, commit="c"), real

    def _vault_grant(self, _: Person) -> tuple[Any, dict[str, Any]]:
        vault, subject, right = (
            self.any_vault(),
            self.any_person(),
            self.random.choice(("read", "write", "manage")),
        )
        level = {"read": 1, "write": 2, "manage": 3}[right]
        lowered = level < self.team.state.right(vault, subject.member)
        symbolic, cut = self.cuts([vault] if lowered else [])
        real = {"cut": cut, "member": subject.member, "right": right, "vault": vault}
        name = self.vault_name(vault)
        return self.model.body(
            vault=name, member=self.ids[subject.member], right=right, cut=symbolic
        ), real

    def _vault_revoke(self, _: Person) -> tuple[Any, dict[str, Any]]:
        vault, subject = self.any_vault(), self.any_person()
        symbolic, cut = self.cuts([vault])
        real = {"cut": cut, "member": subject.member, "vault": vault}
        return self.model.body(
            vault=self.vault_name(vault), member=self.ids[subject.member], cut=symbolic
        ), real

    def _vault_rotate(self, _: Person) -> tuple[Any, dict[str, Any]]:
        vault = self.any_vault()
        epoch = self.team.state.vaults[vault].epoch if vault in self.team.vaults else 0
        epoch += 1 if self.random.random() < 0.95 else 2
        symbolic, cut = self.cuts([vault])
        real = {"cut": cut, "dek_commit": vault + vault, "epoch": epoch, "vault": vault}
        return self.model.body(
            vault=self.vault_name(vault), epoch=epoch, commit="c", cut=symbolic
        ), real

    # One step, judged twice.

    def step(self) -> tuple[str, str, str]:
        """What was tried, the model's verdict, ours."""
        link_type = self.random.choice(TYPES)
        if link_type == "change":
            return self.step_vault()
        actor = self.team.founder if self.random.random() < 0.4 else self.any_person()
        bodies = self.bodies(link_type, actor)
        if bodies is None:
            return "nothing", "", ""
        fields = {"seq": self.team.state.seq + 2} if self.random.random() < 0.02 else {}
        symbolic = self._symbolic(actor, link_type, bodies[0], **fields)
        signed = self.team.sign(actor, link_type, bodies[1], **fields)
        try:
            expected, state = "valid", self.model.team_step(self.states[-1], symbolic)
        except self.model.Refused as reason:
            expected, state = f"refused ({reason})", None
        try:
            found, _ = "valid", team_step(self.team.state, signed)
        except Refused as verdict:
            found = f"refused ({verdict})"
        if expected == found == "valid":
            self.keep(link_type, bodies[1], state, signed)
        return link_type, expected, found

    def keep(self, link_type: str, body: dict[str, Any], state: Any, signed: bytes) -> None:
        self.states.append(state)
        self.team.links.append(signed)
        if link_type == "invite":
            symbolic, invitation = self.offered
            invitation.hash = self.team.state.head
            self.invitations.append(({**symbolic, "hash": state.head}, invitation))
        elif link_type == "vault_create":
            self.team.keep_vault(body["vault"])
            self.changes[body["vault"]] = []

    def step_vault(self) -> tuple[str, str, str]:
        if not self.team.vaults:
            return "nothing", "", ""
        vault, actor = self.random.choice([*self.team.vaults]), self.any_person()
        name, builder = self.vault_name(vault), self.team.vaults[vault]
        before = self.verdicts_of_cuts(vault)
        if "fork" in before:
            return "fork", *before
        seen = self.team.state.seq - (self.random.randrange(4) if self.random.random() < 0.3 else 0)
        seen = max(seen, 0)
        item = self.random.choice((b"\1" * 16, b"\2" * 16, vault))
        last = builder.state.items.get(item)
        revision = (last.revision if last else 0) + (1 if self.random.random() < 0.95 else 2)
        content = None if self.random.random() < 0.15 else b"\5" * 32
        epoch = self.team.state.epoch_at(vault, seen)
        items = self.items_of(vault)
        fields = {
            "chain": name,
            "prev": items.head,
            "seq": items.seq + 1,
            "seen": (seen, self.states[seen].head),
        }
        entries = ((name if item == vault else item.hex(), revision, content and "h"),)
        symbolic = self._symbolic(
            actor, "change", self.model.body(epoch=epoch, entries=entries), **fields
        )
        real_seen = {"hash": self.team.state.head_at(seen), "seq": seen}
        body = {"entries": [[item, revision, content]], "epoch": epoch}
        signed = self.team.sign_change(actor, vault, {}, body=body, seen=real_seen)
        expected, result = self.model.vault_step(self.states, name, items, symbolic)
        try:
            vault_step(self.team.state, builder.state, signed)
            found = "valid"
        except Refused as verdict:
            found = f"refused ({verdict})"
        except Waiting:
            found = "waiting"
        if expected == found == "valid":
            builder.links.append(signed)
            self.changes[vault].append(symbolic)
        return "change", f"{expected} ({result})" if expected == "refused" else expected, found

    def items_of(self, vault: bytes) -> Any:
        name = self.vault_name(vault)
        items = self.model.vault_start(self.states, name)
        for signed in self.changes[vault]:
            _, items = self.model.vault_step(self.states, name, items, signed)
        return items

    def verdicts_of_cuts(self, vault: bytes) -> tuple[str, str]:
        expected = self.model.cut_verdict(self.states, self.vault_name(vault), self.changes[vault])
        return expected, cut_verdict(self.team.state, self.team.vaults[vault].state)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_the_same_verdicts_as_the_model(model: ModuleType, block: int):
    seen: dict[str, set[str]] = {}
    for seed in range(block, STORIES, BLOCKS):
        twin = Twin(model, seed)
        for number in range(STEPS):
            what, expected, found = twin.step()
            assert expected.split(" ")[0] == found.split(" ")[0], (
                seed,
                number,
                what,
                expected,
                found,
            )
            seen.setdefault(what, set()).add(found.split(" ")[0])
        for vault in twin.team.vaults:
            expected, found = twin.verdicts_of_cuts(vault)
            assert expected == found, (seed, vault.hex())

    # The stories are worth their time only if each type is both let in and refused.
    for link_type in TYPES:
        assert {"valid", "refused"} <= seen[link_type], link_type
