"""What can happen next: what honest clients do by themselves, and whatever a server may do.

Honest clients act on their own view only. The server decides who gets what and when: it delivers,
withholds, replays and forks by choosing among all that exists, and adds what it can sign.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from accounts.team_chain import TeamState
from tests.formal.things import Thing, Things

T = TypeVar("T")

CLIENTS = ("ana", "cleo", "ben")
ADMINS = ("ana", "cleo")
NOTHING = -1


class State(NamedTuple):
    """A moment: what exists, and for Ana, Cleo and Ben how far they have seen."""

    pool: int  # bit n: thing n exists
    heads: tuple[int, ...]  # of the team; NOTHING: Ben has not opened his link yet
    vault_heads: tuple[int, ...]  # NOTHING: no change yet
    deks: tuple[frozenset[tuple[int, bytes]], ...]  # epoch, DEK
    colludes: bool = False  # Ben, removed, has given his keys to the server

    def things(self) -> list[int]:
        """The numbers of what exists."""
        return [number for number in range(self.pool.bit_length()) if self.pool >> number & 1]

    def has(self, number: int) -> bool:
        return bool(self.pool >> number & 1)


Step = tuple[str, State]


def first(things: Things) -> State:
    dek = frozenset([(1, things.first_dek)])
    heads = (things.start, things.start, NOTHING)
    vault_heads = (NOTHING, NOTHING, NOTHING)
    return State(0, heads, vault_heads, (dek, dek, frozenset()))


def steps(things: Things, state: State) -> Iterator[Step]:
    """Every state that can follow, with words for a trace."""
    for place, client in enumerate(CLIENTS):
        if client == "ben" and state.colludes:
            continue
        if state.heads[place] != NOTHING:
            yield from _Client(things, state, place).steps()
        yield from _deliveries(things, state, place)
    yield from _lies(things, state)


class _Client:
    """An honest client with a view."""

    def __init__(self, things: Things, state: State, place: int) -> None:
        self.things, self.state, self.place = things, state, place
        self.name = CLIENTS[place]
        self.head, self.vault_head = state.heads[place], state.vault_heads[place]
        self.team = things.known(self.head)
        self.member = things.people[self.name].member

    def steps(self) -> Iterator[Step]:
        if self.name == "ben":
            yield from self._accept()
        if self.name in ADMINS:
            yield from self._admin()
        may_write = self.things.vault_verdict(self.head, self.vault_head) == "valid"
        if may_write and self.team.member(self.member):
            yield from self._holder()

    def _then(self, what: str, number: int, *, dek: tuple[int, bytes] | None = None) -> Step:
        """After something of the client's own: it exists, and its author goes on from it."""
        state, place = self.state, self.place
        kind = self.things.all[number].kind
        heads = _put(state.heads, place, number) if kind == "team" else state.heads
        vault_heads = (
            _put(state.vault_heads, place, number) if kind == "vault" else state.vault_heads
        )
        deks = _put(state.deks, place, state.deks[place] | {dek}) if dek else state.deks
        then = State(state.pool | 1 << number, heads, vault_heads, deks, state.colludes)
        return f"{self.name}: {what}", then

    def _sign(self, kind: str, body: dict[str, object]) -> int | None:
        number = self.things.link(self.name, self.head, kind, body)
        return number if self.things.team(number) else None

    def _accept(self) -> Iterator[Step]:
        invite = next((n for n in self.state.things() if _is(self.things, n, "invite")), None)
        if invite is not None and invite in self.things.chain(self.head):
            number = self.things.acceptance("ben", invite, knows_token=True)
            if not self.state.has(number):
                yield self._then("accepts", number)

    def _admin(self) -> Iterator[Step]:
        if self.name == "ana" and not any(
            _is(self.things, n, "invite") for n in self.state.things()
        ):
            body, _ = self.things.invitation(self.team)
            invite = self._sign("invite", body)
            if invite is not None:
                yield self._then("invites Ben", invite)
        for accept in self._of("accept"):
            added = self._sign("add_member", self.things.all[accept].data)
            if added is not None:
                yield self._then(f"confirms {self.things.all[accept].by}'s acceptance", added)
        yield from self._about_ben()

    def _about_ben(self) -> Iterator[Step]:
        ben = self.things.people["ben"]
        member = self.team.member(ben.member)
        if member is None:
            return
        if member.verified == "none":
            # Words are compared with Ben himself, so what is verified are his keys.
            body: dict[str, object] = {"fp": ben.fp, "how": "words", "member": ben.member}
            verified = self._sign("verify", body)
            if verified is not None:
                yield self._then("verifies Ben", verified)
        held = self.team.held(ben.member)
        cut = self.things.cut(self.head, self.vault_head) if held else []
        removed = self._sign("remove_member", {"cut": cut, "member": ben.member})
        if removed is not None:
            yield self._then("removes Ben", removed)

    def _holder(self) -> Iterator[Step]:
        vault = self.things.vault
        if not self.team.right(vault, self.member):
            return
        if self.team.due_at(vault, self.team.seq):
            yield from self._rotate()
            return
        wrote = any(map(self._wrote, self.state.things()))
        epoch = self.team.vaults[vault].epoch
        for of, dek in self.state.deks[self.place]:
            if of == epoch:
                yield from self._grants(dek)
                if not wrote:
                    change = self.things.change(
                        self.name, self.head, self.vault_head, dek, knew=self._knows()
                    )
                    yield self._then("writes", change)

    def _knows(self) -> str:
        """What I have seen of Ben: `removed` with nothing to lose, `lost` a right, or neither."""
        for link in self.things.chain(self.head):
            if _is(self.things, link, "remove_member"):
                before = holders(self.things, self.things.all[link].parent)
                return "lost" if "ben" in before else "removed"
        return ""

    def _rotate(self) -> Iterator[Step]:
        dek, commit = self.things.new_dek(self.name, self.head)
        vault = self.things.vault
        body: dict[str, object] = {
            "cut": self.things.cut(self.head, self.vault_head),
            "dek_commit": commit,
            "epoch": self.team.vaults[vault].epoch + 1,
            "vault": vault,
        }
        rotated = self._sign("vault_rotate", body)
        if rotated is not None:
            yield self._then("rotates", rotated, dek=(self.team.vaults[vault].epoch + 1, dek))

    def _grants(self, dek: bytes) -> Iterator[Step]:
        """To every holder of my fold who has none yet, at the keys that my fold names."""
        done = {(self.things.all[n].about, self.things.all[n].dek) for n in self._of("grant")}
        for holder in self.team.holders(self.things.vault):
            to = self.things.name_of(self.team.members[holder].box)
            if to != self.name and (to, dek) not in done:
                yield self._then(
                    f"grants to {to}", self.things.grant(self.name, self.head, to, dek)
                )

    def _of(self, kind: str) -> list[int]:
        return [number for number in self.state.things() if self.things.all[number].kind == kind]

    def _wrote(self, number: int) -> bool:
        """One change by each client before and one after it has seen the removal is enough."""
        thing = self.things.all[number]
        return thing.kind == "vault" and thing.by == self.name and thing.knew == self._knows()


def _deliveries(things: Things, state: State, place: int) -> Iterator[Step]:
    """What the server may hand to one client next: any of what exists, if the client takes it."""
    client, head, vault_head = CLIENTS[place], state.heads[place], state.vault_heads[place]
    for number in state.things():
        thing = things.all[number]
        if thing.kind == "team" and thing.parent == head and things.team(number):
            then = state._replace(heads=_put(state.heads, place, number))
            yield f"server: {client} gets {thing.by}'s {thing.about}", then
        elif thing.kind == "team" and head == NOTHING and _opens_link(things, number):
            then = state._replace(heads=_put(state.heads, place, number))
            yield f"server: ben opens his link, {thing.about} is the last entry", then
        elif head == NOTHING:
            continue
        elif thing.kind == "vault" and thing.parent == vault_head:
            if things.vault_verdict(head, number) in {"valid", "waiting"}:  # not None, no fork
                then = state._replace(vault_heads=_put(state.vault_heads, place, number))
                yield f"server: {client} gets {thing.by}'s change", then
        elif thing.kind == "grant" and thing.about == client:
            dek = things.opened(head, client, number)
            if dek is not None and (thing.epoch, dek) not in state.deks[place]:
                mine = state.deks[place] | {(thing.epoch, dek)}
                then = state._replace(deks=_put(state.deks, place, mine))
                yield f"server: {client} gets {thing.by}'s grant", then


def _opens_link(things: Things, number: int) -> bool:
    """Ben's client wants a chain that contains the invite whose hash his link carries."""
    return bool(things.team(number)) and any(
        _is(things, link, "invite") for link in things.chain(number)
    )


def _lies(things: Things, state: State) -> Iterator[Step]:
    """What the server adds of its own, and what Ben does for it once he is removed."""
    for number in state.things():
        if _is(things, number, "invite"):
            # A mailed token passes the server; one in a link's fragment does not.
            own = things.acceptance("mal", number, knows_token=things.via == "mail")
            yield from _added(state, "server: answers the invite itself", own)
        elif _is(things, number, "remove_member") and not state.colludes:
            yield "ben: gives his keys to the server", state._replace(colludes=True)
    for place, client in enumerate(CLIENTS):
        head = state.heads[place]
        if head == NOTHING or (client == "ben" and state.colludes):
            continue
        team = things.known(head)
        own = things.grant("mal", head, client, things.lie)
        yield from _added(state, f"server: a grant of its own for {client}", own)
        if state.colludes:
            yield from _by_ben(things, state, place, team)


def _by_ben(things: Things, state: State, place: int, team: TeamState) -> Iterator[Step]:
    """Signed with Ben's keys: for a view in which he is still there, or dated back to one."""
    client, head = CLIENTS[place], state.heads[place]
    grant = things.grant("ben", head, client, things.lie)
    yield from _added(state, f"server: a grant by Ben for {client}", grant)
    held = [link for link in things.chain(head) if "ben" in holders(things, link)]
    if held:
        late = things.change("ben", held[-1], state.vault_heads[place], b"")
        yield from _added(state, f"server: Ben's change, dated back, for {client}", late)
    if team.member(things.people["ben"].member):
        profile = {"email": bytes(32), "name": bytes(32)}
        fork = things.link("ben", head, "set_profile", {"profile": profile})
        if things.team(fork):
            yield from _added(state, f"server: Ben's profile, for {client}", fork)


def holders(things: Things, head: int) -> list[str]:
    """Whose keys a rotation would be sealed to, for someone who sees the team at `head`."""
    team = things.known(head)
    if things.vault not in team.vaults:
        return []
    boxes = [team.members[member].box for member in team.holders(things.vault)]
    return [things.name_of(box) for box in boxes]


def _added(state: State, what: str, number: int) -> Iterator[Step]:
    if not state.has(number):
        yield what, state._replace(pool=state.pool | 1 << number)


def _is(things: Things, number: int, kind: str) -> bool:
    thing: Thing = things.all[number]
    return thing.kind == "team" and thing.about == kind


def _put(values: tuple[T, ...], place: int, value: T) -> tuple[T, ...]:
    return (*values[:place], value, *values[place + 1 :])
