"""Everything that anybody has signed or sealed in some run, once each, with what it folds to.

The same action on the same view gives the same bytes, so a state of the checker is a few numbers:
which things exist, and how far everyone has seen. What a view comes to is folded once.
"""

import copy
import hashlib
from typing import Any, NamedTuple

from accounts.team_chain import TeamState, team_step
from tests.chains import DAY, START, TICK, Invitation, Person, TeamBuilder, seal_dek, signature
from tests.draw import Draw
from vaults import vault_chain
from vaults.crypto import cbor, grants
from vaults.crypto.errors import Refused, Waiting
from vaults.crypto.keys import Dek, dek_commit, invite_key_from
from vaults.crypto.links import Accept, build_accept

ITEM = b"\1" * 16


class Thing(NamedTuple):
    """`parent` is the thing that it follows in its chain, or the invite that it answers."""

    kind: str  # team, vault, accept, grant
    data: Any  # Signed, CBOR{grant, sig}, or the body of an add_member
    parent: int  # -1: none
    by: str  # the person who signed
    about: str  # type of a team link; the person who accepts; whom a grant is for
    dek: bytes = b""  # what a grant seals, what a vault link's items are sealed with
    epoch: int = 0  # of the DEK
    knew: str = (
        ""  # what a vault link's author had seen of Ben: that he was removed, or lost a right
    )


class Things:
    """One team with a vault, as far as its founder Ana and her admin Cleo have set it up."""

    def __init__(self, via: str) -> None:
        self.via = via
        team = TeamBuilder("formal")
        self.vault = team.vault_create(team.founder)
        cleo = team.recruit("cleo", role="admin", vaults={self.vault: "manage"})
        self.people = {
            "ana": team.founder,
            "cleo": cleo,
            "ben": team.person("ben"),
            "mal": team.person("mal"),  # the server's own keys: no one invites them
        }
        self.all: list[Thing] = []
        self._numbers: dict[bytes, int] = {}
        self._teams: dict[int, TeamState | None] = {}
        self._vaults: dict[tuple[int, int], str | None] = {}
        self._follows: dict[tuple[int, int], bool] = {}
        self._opened: dict[tuple[int, str, int], bytes | None] = {}
        self._names = {person.box_public: name for name, person in self.people.items()}
        self.first_dek = bytes(team.vaults[self.vault].deks[1].raw)
        self.lie = Draw("the server's own key").take(32)
        self.start = -1
        for signed in team.links:
            self.start = self.keep(Thing("team", signed, self.start, "ana", "start"))

    def keep(self, thing: Thing) -> int:
        """The thing's number."""
        named = cbor.dumps([thing.kind, thing.data, thing.about])
        number = self._numbers.setdefault(hashlib.sha256(named).digest(), len(self.all))
        if number == len(self.all):
            self.all.append(thing)
        return number

    def chain(self, head: int) -> list[int]:
        """The links up to this one, the first first."""
        found = []
        while head >= 0:
            found.append(head)
            head = self.all[head].parent
        return found[::-1]

    # What they fold to.

    def team(self, head: int) -> TeamState | None:
        """The team after this link; None if our fold refuses it."""
        if head not in self._teams:
            link = self.all[head]
            before = copy.deepcopy(self.team(link.parent)) if link.parent >= 0 else None
            try:
                self._teams[head] = team_step(before, link.data)
            except Refused:
                self._teams[head] = None
        return self._teams[head]

    def known(self, head: int) -> TeamState:
        """The team after a link that somebody has let in."""
        state = self.team(head)
        assert state is not None
        return state

    def follows(self, head: int, link: int) -> bool:
        """Whether our fold lets a link of another place in after this head; it never should."""
        if (head, link) not in self._follows:
            try:
                team_step(copy.deepcopy(self.known(head)), self.all[link].data)
            except Refused:
                self._follows[head, link] = False
            else:
                self._follows[head, link] = True
        return self._follows[head, link]

    def vault_verdict(self, head: int, vault_head: int) -> str | None:
        """Our fold's verdict on the vault's chain, on the team as seen at `head`.

        None: not all of its links are let in.
        """
        if (head, vault_head) not in self._vaults:
            team, links = self.known(head), [self.all[n].data for n in self.chain(vault_head)]
            fold = vault_chain.fold_vault(team, vault_chain.vault_start(team, self.vault), links)
            whole = fold.state.seq == len(links)
            self._vaults[head, vault_head] = fold.verdict if whole else None
        return self._vaults[head, vault_head]

    def name_of(self, box: bytes) -> str:
        """Whose box key this is."""
        return self._names[box]

    def opened(self, head: int, reader: str, grant: int) -> bytes | None:
        """The DEK that our rules let this reader take from a grant."""
        if (head, reader, grant) not in self._opened:
            person = self.people[reader]
            try:
                dek = vault_chain.grant_verdict(
                    self.known(head),
                    person.member,
                    grants.parse_grant(self.all[grant].data),
                    box_secret=bytes(person.box),
                )
                self._opened[head, reader, grant] = bytes(dek.raw)
            except (Refused, Waiting):
                self._opened[head, reader, grant] = None
        return self._opened[head, reader, grant]

    # Signing.

    def link(self, by: str, head: int, kind: str, body: dict[str, Any]) -> int:
        """A team link on this view."""
        state, person = self.known(head), self.people[by]
        fields = {"chain": state.id, "prev": state.head, "seq": state.seq + 1, "seen": None}
        data = self._signed(person, kind, {**fields, "body": body})
        return self.keep(Thing("team", data, head, by, kind))

    def change(self, by: str, seen: int, vault_head: int, dek: bytes, **more: Any) -> int:
        """A vault link that writes one item under a DEK, after seeing the team up to `seen`."""
        team, count = self.known(seen), len(self.chain(vault_head))
        created = team.vaults[self.vault].cuts[0].hash
        before = hashlib.sha256(self.all[vault_head].data).digest() if count else created
        content = hashlib.sha256(dek + by.encode()).digest()
        body = {"entries": [[ITEM, count + 1, content]], "epoch": team.vaults[self.vault].epoch}
        place = {"chain": self.vault, "prev": before, "seq": count + 1}
        seen_head = {"hash": team.head, "seq": team.seq}
        data = self._signed(self.people[by], "change", {**place, "seen": seen_head, "body": body})
        return self.keep(Thing("vault", data, vault_head, by, "change", dek, **more))

    def _signed(self, person: Person, kind: str, fields: dict[str, Any]) -> bytes:
        at = START + TICK * fields["seq"]
        data = cbor.dumps({"actor": person.member, "at": at, "type": kind, "v": 1, **fields})
        return cbor.dumps({"link": data, "sigs": [signature(person, kind, data)]})

    def cut(self, head: int, vault_head: int) -> list[dict[str, Any]]:
        count = len(self.chain(vault_head))
        created = self.known(head).vaults[self.vault].cuts[0].hash
        there = hashlib.sha256(self.all[vault_head].data).digest() if count else created
        return [{"hash": there, "seq": count, "vault": self.vault}]

    def invitation(self, state: TeamState) -> tuple[dict[str, Any], Invitation]:
        """Ben's invite; `t` travels by a channel of Ana's, or, `via: mail`, through the server."""
        draw = Draw("ben's invitation")
        t, invite, email = draw.take(32), draw.take(16), draw.take(32)
        key = invite_key_from(t, state.id, invite)
        body = {
            "email": email,
            "expiry": START + DAY,
            "invite": invite,
            "key": bytes(key.verify_key),
            "role": "member",
            "vaults": [{"right": "write", "vault": self.vault}],
            "via": self.via,
        }
        return body, Invitation(t, b"", key, email)

    def acceptance(self, who: str, invite: int, *, knows_token: bool) -> int:
        """An answer to an invite; without its token, the wrong key signs."""
        team, person = self.known(invite), self.people[who]
        _, invitation = self.invitation(team)
        accept = Accept(
            account=person.account,
            box=person.box_public,
            identity=person.identity_public,
            invite=team.head,
            member=person.member,
            profile={**person.profile, "email": invitation.email},
            team=team.id,
        )
        key = invitation.key if knows_token else person.identity
        body = build_accept(accept, identity=person.identity, invite=key)
        return self.keep(Thing("accept", body, invite, who, who))

    def new_dek(self, by: str, head: int) -> tuple[bytes, bytes]:
        """A DEK of the next epoch, and its commitment."""
        state = self.known(head)
        dek = Draw(f"dek {by} {state.head.hex()}").take(32)
        epoch = state.vaults[self.vault].epoch + 1
        return dek, dek_commit(state.id, self.vault, epoch, Dek(dek))

    def grant(self, by: str, head: int, to: str, dek: bytes) -> int:
        """The current epoch's DEK, or what the sender says it is, sealed to somebody."""
        state, sender, recipient = self.known(head), self.people[by], self.people[to]
        draw = Draw(f"grant {by} {to} {state.head.hex()} {dek.hex()}")
        data = cbor.dumps(
            {
                "ct": seal_dek(draw, recipient.box_public, Dek(dek)),
                "epoch": state.vaults[self.vault].epoch,
                "from": sender.fp,
                "head": {"hash": state.head, "seq": state.seq},
                "suite": 1,
                "team": state.id,
                "to": recipient.fp,
                "vault": self.vault,
            }
        )
        stored = grants.stored_grant(data, grants.sign_grant(data, sender.identity))
        epoch = state.vaults[self.vault].epoch
        return self.keep(Thing("grant", stored, -1, by, to, dek, epoch))
