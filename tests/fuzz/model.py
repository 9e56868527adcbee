"""The symbolic model's verdict on links with real keys.

`shared/model/fold.py` beside the checkout folds links made of symbols. A link that is well-formed
is written again with them: bytes become hexadecimal, a hash becomes the model's hash of the same
link, a signature becomes a symbol only if it verifies.
"""

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from tests.fuzz.story import Attempt, Story
from vaults.crypto.errors import Refused
from vaults.crypto.grants import parse_grant
from vaults.crypto.keys import KEY_SIZE
from vaults.crypto.links import (
    ZERO16,
    ZERO32,
    ParsedLink,
    accept_message,
    link_message,
    parse_signed,
    verify_signature,
)
from vaults.vault_chain import cut_verdict

FOLD = Path(__file__).parents[2].parent / "shared" / "model" / "fold.py"

# Rules of SPEC.md that the model does not have: type of link, refusal.
LEFT_OUT = {
    ("add_member", "T10.account"),
    ("add_member", "T10.email"),
    ("invite", "T10.invite_id"),
    ("verify", "T2.nothing"),
    ("set_profile", "T2.nothing"),
}


@cache
def load_model() -> ModuleType:
    """The model.

    Raises:
        FileNotFoundError: the folder `shared` does not lie beside the checkout.
    """
    if not FOLD.exists():
        raise FileNotFoundError(
            f"no symbolic model at {FOLD}: the folder `shared` has to lie beside the checkout"
        )
    spec = importlib.util.spec_from_file_location("coffret_model", FOLD)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def differences(story: Story) -> list[str]:
    """What the model says otherwise than our folds, in words; empty if nothing."""
    symbols, found = Symbols(load_model(), story), []
    for number, attempt in enumerate(story.attempts):
        said = symbols.grant(attempt) if attempt.kind == "grant" else _on_link(symbols, attempt)
        if said is None:
            continue
        ours, theirs = said
        if ours != theirs.split(" ")[0]:
            found.append(f"attempt {number} ({attempt.what}): {attempt.verdict}, model: {theirs}")
            return found
    for vault, builder in story.team.vaults.items():
        ours, theirs = cut_verdict(story.team.state, builder.state), symbols.cut_verdict(vault)
        if ours != theirs:
            found.append(f"cuts of {vault.hex()}: {ours}, model: {theirs}")
    return found


def _on_link(symbols: "Symbols", attempt: Attempt) -> tuple[str, str] | None:
    """Our verdict and the model's; None if the model has no such rule, or no such bytes."""
    link = _well_formed(attempt)
    if link is None or (link.type, attempt.verdict) in LEFT_OUT:
        return None
    if attempt.kind == "team":
        return "valid" if attempt.verdict == "valid" else "refused", symbols.step(link)
    ours = attempt.verdict if attempt.verdict in {"valid", "waiting"} else "refused"
    return ours, symbols.step_vault(link, attempt.target)


def _well_formed(attempt: Attempt) -> ParsedLink | None:
    if attempt.kind == "grant":
        return None
    try:
        return parse_signed(attempt.data, "team" if attempt.kind == "team" else "vault")
    except Refused:
        return None


class Symbols:
    """One team in the model, beside the real one."""

    def __init__(self, model: ModuleType, story: Story) -> None:
        self.model = model
        self.states: list[Any] = []  # the model's team, by seq
        self.changes: dict[bytes, list[Any]] = {}  # its vault links
        self.items: dict[bytes, Any] = {}  # and what they fold to
        self._team = story.team.state.id
        self._invite_keys = {
            invite.hash: invite.body["key"] for invite in story.team.state.invites.values()
        }
        self._deks = story.deks
        self._people = {person.fp: person for person in story.people}
        self._hashes = {ZERO32: model.NOTHING}
        links = filter(None, map(_well_formed, story.attempts))
        self._vault_links = {link.hash: link for link in links if link.type == "change"}

    def step(self, link: ParsedLink) -> str:
        """The model's verdict on a team link; a valid one is kept."""
        write: Callable[[ParsedLink], dict[str, Any]] = getattr(self, f"_{link.type}", self._plain)
        signed = self._signed(link, self.model.body(**write(link)), link.seen)
        try:
            state = self.model.team_step(self.states[-1] if self.states else None, signed)
        except self.model.Refused as reason:
            return f"refused ({reason})"
        self.states.append(state)
        self._hashes[link.hash] = state.head
        return "valid"

    def step_vault(self, link: ParsedLink, vault: bytes) -> str:
        """The model's verdict on a vault link; a valid one is kept."""
        if self.cut_verdict(vault) == "fork":
            return "refused (fork)"
        signed = self._change(link)
        verdict, result = self.model.vault_step(self.states, vault.hex(), self.items[vault], signed)
        if verdict == "valid":
            self.items[vault] = result
            self.changes[vault].append(signed)
            self._hashes[link.hash] = result.head
        return f"{verdict} ({result})" if verdict == "refused" else str(verdict)

    def cut_verdict(self, vault: bytes) -> str:
        if vault not in self.items:
            self.items[vault] = self.model.vault_start(self.states, vault.hex())
            self.changes[vault] = []
        return str(self.model.cut_verdict(self.states, vault.hex(), self.changes[vault]))

    def grant(self, attempt: Attempt) -> tuple[str, str] | None:
        """Our verdict on a grant and the model's: the DEK, or `refused`, which waiting is too."""
        try:
            grant = parse_grant(attempt.data)
        except Refused:
            return None
        if grant.team != self._team:  # a grant of the model names none
            return None
        symbolic = self.model.Grant(
            vault=grant.vault.hex(),
            epoch=grant.epoch,
            to=self._fp(grant.to),
            sender=self._fp(grant.sender),
            head=(grant.head.seq, self._hash(grant.head.hash)),
            ct=self._box(grant.ct),
        )
        message = b"coffret/grant/v1\0" + grant.grant
        sig = self._sig(self._identity(grant.sender), message, grant.sig, symbolic)
        mine = bytes(PrivateKey(attempt.keys[:KEY_SIZE]).public_key).hex()
        signed, me = symbolic._replace(sig=sig), attempt.target.hex()
        try:
            theirs = str(self.model.grant_verdict(self.states, me, signed, {mine}))
        except (self.model.Refused, KeyError) as reason:  # it looks up who was never there
            theirs = f"refused ({reason})"
        opened = len(attempt.verdict) == 2 * KEY_SIZE
        return attempt.verdict if opened else "refused", theirs

    # Bytes to symbols.

    def _fp(self, fp: bytes) -> str:
        person = self._people.get(fp)
        if person is None:
            return fp.hex()
        identity, box = person.identity_public.hex(), person.box_public.hex()
        return str(self.model.fingerprint(identity, box))

    def _box(self, ct: bytes) -> tuple[str, str, str]:
        """A sealed box with the name of the key that opens it."""
        for person in self._people.values():
            try:
                dek = SealedBox(person.box).decrypt(ct)
            except CryptoError:
                continue
            return ("box", person.box_public.hex(), dek.hex())
        return ("box", "nobody's", "")

    def _hash(self, real: bytes) -> str:
        """The model's hash of the same link; a cut may name a vault link that is yet to come."""
        if real not in self._hashes and real in self._vault_links:
            self._hashes[real] = self.model.H(self._change(self._vault_links[real]))
        return str(self._hashes.get(real, real.hex()))

    def _id(self, chain: bytes) -> str:
        if chain == ZERO16:
            return str(self.model.NOTHING)
        return str(self.states[0].id) if chain == self._team else chain.hex()

    def _signed(self, link: ParsedLink, body: Any, seen: Any) -> Any:
        symbolic = self.model.Link(
            actor=link.actor.hex(),
            at=link.at,
            body=body,
            chain=self._id(link.chain),
            prev=self._hash(link.prev),
            seen=seen,
            seq=link.seq,
            type=link.type,
        )
        message = link_message(link.type, link.link)
        keys = [(self._identity(entry.fp), entry.sig) for entry in link.sigs]
        return self.model.Signed(
            symbolic, tuple(self._sig(key, message, sig, symbolic) for key, sig in keys)
        )

    def _identity(self, fp: bytes) -> bytes | None:
        person = self._people.get(fp)
        return person.identity_public if person else None

    def _sig(self, key: bytes | None, message: bytes, sig: bytes, what: Any) -> Any:
        if key is None or not verify_signature(key, message, sig):
            return ("sig", "nobody", "")
        return self.model.sig(key.hex(), what)

    def _change(self, link: ParsedLink) -> Any:
        entries = tuple(
            (item.hex(), revision, content and content.hex())
            for item, revision, content in link.body["entries"]
        )
        body = self.model.body(epoch=link.body["epoch"], entries=entries)
        return self._signed(link, body, link.seen and (link.seen.seq, self._hash(link.seen.hash)))

    def _plain(self, link: ParsedLink) -> dict[str, Any]:
        """The body of most types: the model's fields have the same names."""
        fields = {
            name: value.hex() if isinstance(value, bytes) else value
            for name, value in link.body.items()
        }
        if "cut" in fields:
            fields["cut"] = tuple(
                (cut["vault"].hex(), cut["seq"], self._hash(cut["hash"]))
                for cut in link.body["cut"]
            )
        if "dek_commit" in fields:
            fields["commit"] = fields.pop("dek_commit")
            drawn = self._deks.get(link.body["dek_commit"])
            if drawn is not None:
                place = drawn.vault.hex(), drawn.epoch, bytes(drawn.dek.raw).hex()
                fields["commit"] = self.model.dek_commit(*place)
        return fields

    def _genesis(self, link: ParsedLink) -> dict[str, Any]:
        founder = link.body["founder"]
        who = (founder["member"].hex(), founder["identity"].hex(), founder["box"].hex())
        return {"nonce": link.body["nonce"].hex(), "kind": link.body["kind"], "founder": who}

    def _invite(self, link: ParsedLink) -> dict[str, Any]:
        body = link.body
        vaults = tuple((entry["vault"].hex(), entry["right"]) for entry in body["vaults"])
        said = {name: body[name] for name in ("role", "via", "expiry")}
        return {**said, "vaults": vaults, "invite": body["invite"].hex(), "key": body["key"].hex()}

    def _invite_revoke(self, link: ParsedLink) -> dict[str, Any]:
        return {"invite": self._hash(link.body["invite"])}

    def _verify(self, link: ParsedLink) -> dict[str, Any]:
        return {**self._plain(link), "fp": self._fp(link.body["fp"])}

    def _add_member(self, link: ParsedLink) -> dict[str, Any]:
        accept, body = link.accept, link.body
        assert accept
        who = {name: getattr(accept, name).hex() for name in ("member", "account", "identity")}
        who["box"] = accept.box.hex()
        invite = self._hash(accept.invite)
        said = self.model.body(team=self._id(accept.team), invite=invite, **who)
        message, key = accept_message(body["accept"]), self._invite_keys.get(accept.invite)
        by = (
            self._sig(key, message, body["by_invite"], said),
            self._sig(accept.identity, message, body["by_identity"], said),
        )
        return {**who, "invite": invite, "accept": by}
