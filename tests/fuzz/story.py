"""Stories of a team: who does what, mostly as they may, often not, and what everyone says to it.

A story is played from moves (`tests.fuzz.moves`). It signs links with real keys, lets the Python
folds judge each at once, and keeps what they let in; everything tried is remembered in order.
"""

from typing import NamedTuple

from accounts.team_chain import Member, TeamState, team_step
from tests.chains import START, TICK, Invitation, Person, TeamBuilder
from tests.fuzz.bodies import Bodies
from tests.fuzz.moves import Dice
from tests.fuzz.spoil import spoil
from vaults.crypto.errors import Refused, Waiting
from vaults.crypto.grants import parse_grant
from vaults.crypto.keys import Dek, dek_commit
from vaults.crypto.links import ParsedLink, parse_signed
from vaults.vault_chain import grant_verdict, vault_step

# How often each is tried; the first is what a move of zeros does.
KINDS = (
    *("nothing", "invite", "invite", "invite_revoke"),
    *("add_member", "add_member", "add_member", "add_member", "verify", "verify"),
    *("set_role", "set_role", "remove_member", "remove_member", "set_profile"),
    *("vault_create", "vault_create", "vault_grant", "vault_grant", "vault_grant"),
    *("vault_revoke", "vault_revoke", "vault_rotate", "vault_rotate"),
    *("change", "change", "change", "change", "late", "grant", "grant"),
)
NAMES = ("ana", "ben", "eve", "zoe")


class Attempt(NamedTuple):
    """One thing that was tried: on the team chain, on a vault's chain, or a grant for a member."""

    kind: str  # team, vault, grant
    what: str  # for people
    target: bytes  # the vault, or the member whom a grant is for
    data: bytes  # Signed, or CBOR{grant, sig}
    verdict: str  # valid, waiting, a refusal id, or the DEK that came out in hexadecimal
    keys: bytes = b""  # of who reads a grant: box secret, identity public


class Drawn(NamedTuple):
    """A DEK, and the place that its commitment names."""

    vault: bytes
    epoch: int
    dek: Dek


class Story:
    """A team as it grows under the moves of one case."""

    def __init__(self, moves: list[bytes]) -> None:
        start = Dice(moves[0])
        self.kind = "personal" if start.below(40) == 39 else "team"
        self.team = TeamBuilder(f"story {start.byte()} {start.byte()}", kind=self.kind)
        self.people = [self.team.founder, *map(self.team.person, NAMES)]
        self._by_identity = {person.identity_public: person for person in self.people}
        self.invitations: list[Invitation] = []
        self.offers: dict[bytes, Invitation] = {}  # by the invite's key
        self.deks: dict[bytes, Drawn] = {}  # by commitment
        self.drawer: list[tuple[Person, bytes, bytes]] = []  # changes signed and held back
        self.attempts: list[Attempt] = []
        self._found(start)
        self.delivery = moves[1]
        for move in moves[2:]:
            self._play(Dice(move))

    def _found(self, dice: Dice) -> None:
        """The genesis, sometimes after one that is wrong."""
        founder, genesis = self.team.founder, self.team.links[0]
        what = "founder: genesis"
        if dice.chance(12):
            wrong = spoil(dice, genesis, founder, self.people)
            try:
                team_step(None, wrong)
            except Refused as refused:
                self.attempts.append(Attempt("team", what, b"", wrong, refused.refusal))
        self.attempts.append(Attempt("team", what, b"", genesis, "valid"))

    # What the bodies ask.

    def member(self, person: Person) -> Member | None:
        return self.team.state.member(person.member)

    def at(self) -> int:
        """The time of the next link, as `TeamBuilder` counts it."""
        counted = len(self.team.links) + sum(len(v.links) for v in self.team.vaults.values())
        return START + TICK * counted

    # One move.

    def _play(self, dice: Dice) -> None:
        kind = dice.pick(KINDS)
        if kind == "nothing":
            return
        bodies = Bodies(self, dice)
        kind = bodies.instead_of(kind)
        if kind == "grant":
            self._grant(bodies, dice)
        elif kind in {"change", "late"}:
            self._change(bodies, dice, kind)
        else:
            actor = bodies.actor(kind)
            body = bodies.body(kind, actor)
            signed = self.team.sign(actor, kind, body, **bodies.place())
            self._try_team(actor, kind, self._spoiled(dice, signed, actor))

    def _spoiled(self, dice: Dice, signed: bytes, actor: Person) -> bytes:
        if dice.chance(2):
            return dice.pick(self.attempts).data  # again, or in another chain
        return spoil(dice, signed, actor, self.people) if dice.chance(15) else signed

    def _try_team(self, actor: Person, kind: str, signed: bytes) -> None:
        verdict = "valid"
        try:
            link = parse_signed(signed, "team")
            team_step(self.team.state, link)
        except Refused as refused:
            verdict = refused.refusal
        else:
            self.team.links.append(signed)
            self._keep(link)
        self.attempts.append(Attempt("team", f"{actor.name}: {kind}", b"", signed, verdict))

    def _keep(self, link: ParsedLink) -> None:
        """Remember what a valid link brought: its keys are needed for later ones."""
        body = link.body
        if link.type == "invite" and body["key"] in self.offers:
            invitation = self.offers[body["key"]]
            invitation.hash, invitation.email = link.hash, body["email"]
            self.invitations.append(invitation)
        elif link.accept:
            self._by_identity[link.accept.identity].member = link.accept.member
        elif link.type in {"vault_create", "vault_rotate"}:
            vault = body["vault"]
            if link.type == "vault_create":
                self.team.keep_vault(vault)
            if body["dek_commit"] in self.deks:
                self.team.vaults[vault].deks[body["epoch"]] = self.deks[body["dek_commit"]].dek

    def new_dek(self, vault: bytes, epoch: int) -> bytes:
        """The commitment of a fresh DEK."""
        dek = Dek(self.team.draw.take(32))
        commit = dek_commit(self.team.state.id, vault, epoch, dek)
        self.deks[commit] = Drawn(vault, epoch, dek)
        return commit

    def _change(self, bodies: Bodies, dice: Dice, kind: str) -> None:
        if kind == "late" and self.drawer:
            actor, vault, signed = self.drawer.pop(dice.below(len(self.drawer)))
            self._try_vault(actor, vault, signed)
            return
        vault = dice.pick([*self.team.vaults])
        actor = bodies.actor("change", vault)
        body, seen = bodies.change(vault)
        fields = bodies.place_in(vault)
        signed = self.team.sign_change(actor, vault, {}, body=body, seen=seen, **fields)
        signed = self._spoiled(dice, signed, actor)
        if dice.chance(12):
            self.drawer.append((actor, vault, signed))
        else:
            self._try_vault(actor, vault, signed)

    def _try_vault(self, actor: Person, vault: bytes, signed: bytes) -> None:
        builder, verdict = self.team.vaults[vault], "valid"
        try:
            vault_step(self.team.state, builder.state, signed)
        except Refused as refused:
            verdict = refused.refusal
        except Waiting:
            verdict = "waiting"
        else:
            builder.links.append(signed)
        self.attempts.append(Attempt("vault", f"{actor.name}: change", vault, signed, verdict))

    def _grant(self, bodies: Bodies, dice: Dice) -> None:
        """A grant, judged by its recipient."""
        vault = dice.pick([*self.team.vaults])
        deks = self.team.vaults[vault].deks
        actor, to = bodies.actor("grant", vault), bodies.holder(vault)
        if not deks:
            return
        fields = bodies.grant_fields(vault, to)
        epoch = max(deks) if dice.chance(70) else dice.pick(sorted(deks))
        stored = self.team.grant(actor, vault, to, epoch=epoch, **fields)
        if dice.chance(12):
            stored = bodies.spoiled_grant(stored)
        me = to if dice.chance(92) else dice.pick(self.people)
        self.attempts.append(
            Attempt(
                "grant",
                f"{actor.name}: grant to {to.name}, read by {me.name}",
                me.member,
                stored,
                judge_grant(self.team.state, me, stored),
                bytes(me.box) + me.identity_public,
            )
        )


def judge_grant(team: TeamState, me: Person, stored: bytes) -> str:
    """The DEK in hexadecimal, a refusal id, or waiting."""
    try:
        dek = grant_verdict(team, me.member, parse_grant(stored), box_secret=bytes(me.box))
        return bytes(dek.raw).hex()
    except Refused as refused:
        return refused.refusal
    except Waiting:
        return "waiting"
