"""Vault chains on a folded team, grants to one member, pins.

A vault case is folded in `rounds`: for each `[team links, vault links]` the team is folded so far, then the vault. The verdict is
that of the last round; an earlier one does not stop unless it is `refused` or `fork`. `valid` counts the vault links that are
applied at the end.
"""

from collections.abc import Iterator
from typing import Any

from accounts.team_chain import fold_team, team_step
from tests.chains import Person, TeamBuilder, seal_dek, signature
from tests.vectors.primitives import Case
from vaults.crypto import cbor, grants, keys
from vaults.vault_chain import Folded, fold_vault, state_digest, vault_start

HASH, OTHER = b"\x0a" * 32, b"\x0b" * 32
ITEM, SECOND = b"\x01" * 16, b"\x02" * 16


class Story:
    """A team with one vault that its founder manages and bob writes; where asked for, ana manages it too."""

    def __init__(self, seed: str, *, ana: bool = False, bob: bool = True) -> None:
        self.team = TeamBuilder(seed)
        self.vault = self.team.vault_create(self.team.founder)
        self.owner = self.team.founder
        self.ana = self.team.recruit("ana", vaults={self.vault: "manage"}) if ana else self.owner
        self.bob = self.team.recruit("bob", vaults={self.vault: "write"}) if bob else self.owner

    def change(
        self, actor: Person, revision: int = 1, item: bytes = ITEM, content: bytes | None = HASH
    ) -> None:
        self.team.change(actor, self.vault, {item: (revision, content)})

    def signed(
        self,
        actor: Person,
        revision: int = 1,
        item: bytes = ITEM,
        content: bytes | None = HASH,
        **fields: Any,
    ) -> bytes:
        return self.team.sign_change(actor, self.vault, {item: (revision, content)}, **fields)

    @property
    def links(self) -> list[bytes]:
        return self.team.vaults[self.vault].links

    def seen(self, seq: int) -> dict[str, Any]:
        return {"hash": self.team.state.head_at(seq), "seq": seq}

    def case(
        self,
        name: str,
        verdict: str,
        refusal: str | None = None,
        *,
        more: tuple[bytes, ...] = (),
        valid: int | None = None,
        rounds: list[list[int]] | None = None,
        team_links: list[bytes] | None = None,
    ) -> Case:
        """The story so far and `more` vault links after it."""
        team, links = team_links or self.team.links, [*self.links, *more]
        case = {
            "name": name,
            "team": [link.hex() for link in team],
            "vault": self.vault.hex(),
            "links": [link.hex() for link in links],
            "rounds": rounds or [[len(team), len(links)]],
            "valid": len(links) - len(more) * (verdict != "valid") if valid is None else valid,
            "verdict": verdict,
            "refusal": refusal,
        }
        good = {
            **case,
            "links": case["links"][: case["valid"]],
            "rounds": [[len(team), case["valid"]]],
        }
        return {
            **case,
            "digest": state_digest(run_vault_case(case if verdict == "fork" else good).state).hex(),
        }


def run_vault_case(case: Case) -> Folded:
    """What Python says."""
    team_links, links = ([bytes.fromhex(link) for link in case[name]] for name in ("team", "links"))
    team, state, folded, done = None, None, None, 0
    for team_count, count in case["rounds"]:
        for signed in team_links[team.seq + 1 if team else 0 : team_count]:
            team = team_step(team, signed)
        assert team
        state = state or vault_start(team, bytes.fromhex(case["vault"]))
        folded = fold_vault(team, state, links[done:count])
        done = state.seq
        if folded.verdict in {"refused", "fork"}:
            break
    assert folded
    return folded


def vault_chain_cases() -> list[Case]:
    return [*_good(), *_place(), *_authority(), *_entries(), *_cuts(), *_rounds()]


def _good() -> Iterator[Case]:
    story = Story("good", ana=True)
    yield story.case("no links", "valid")
    story.change(story.bob)
    story.change(story.ana, 2)
    story.team.change(story.owner, story.vault, {SECOND: (1, OTHER), story.vault: (1, HASH)})
    story.change(story.ana, 3, content=None)
    story.change(story.bob, 2, SECOND)
    yield story.case("writes, a name and a purge", "valid")
    story.team.vault_revoke(story.ana, story.vault, story.bob)
    story.team.vault_rotate(story.ana, story.vault)
    story.change(story.ana, 3, SECOND)
    yield story.case("a removal, a rotation, and on", "valid")
    story.team.vault_grant(story.owner, story.vault, story.ana, "write")
    story.change(story.ana, 4, SECOND)
    yield story.case("lowered to write, still writing", "valid")


def _place() -> Iterator[Case]:
    story = Story("place")
    story.change(story.bob)
    team, head = story.team, story.team.state
    twice = story.signed(story.bob, 2)
    parsed = cbor.loads(twice)
    link, entry = parsed["link"], parsed["sigs"][0]
    team.set_profile(story.owner)
    late = story.signed(story.bob, 2)
    beyond = {"hash": b"\1" * 32, "seq": head.seq + 9}
    for name, more, refusal in (
        ("of another vault", story.signed(story.bob, 2, chain=SECOND), "T5.chain"),
        ("a gap", story.signed(story.bob, 2, seq=3), "T1.seq"),
        ("the first link again", story.links[0], "T1.seq"),
        ("another prev", story.signed(story.bob, 2, prev=HASH), "T1.prev"),
        ("no seen", story.signed(story.bob, 2, seen=None), "T1.seen"),
        (
            "seen with another hash",
            story.signed(story.bob, 2, seen={**story.seen(2), "hash": HASH}),
            "T1.seen_hash",
        ),
        (
            "seen before that of the link before",
            story.signed(story.bob, 2, seen=story.seen(1)),
            "T15.seen",
        ),
        ("no signature", cbor.dumps({"link": link, "sigs": []}), "T1.signers"),
        ("signed twice", cbor.dumps({"link": link, "sigs": [entry, entry]}), "T1.signers"),
        (
            "another's signature",
            cbor.dumps({"link": link, "sigs": [signature(story.owner, "change", link)]}),
            "T1.signers",
        ),
        (
            "a damaged signature",
            cbor.dumps({"link": link, "sigs": [{**entry, "sig": bytes(64)}]}),
            "T1.sig",
        ),
        (
            "signed as another type",
            cbor.dumps({"link": link, "sigs": [signature(story.bob, "invite", link)]}),
            "T1.sig",
        ),
        ("a team link's type", story.signed(story.bob, 2, type="set_profile"), "T3.type"),
        ("cut short", twice[:-1], "T1.cbor"),
    ):
        yield story.case(name, "refused", refusal, more=(more,))
    yield story.case(
        "seen beyond the team's head", "waiting", more=(story.signed(story.bob, 2, seen=beyond),)
    )
    yield story.case(
        "the team is one link short", "waiting", more=(late,), team_links=team.links[:-1]
    )
    yield story.case("the team has that link", "valid", more=(late,))
    fresh = Story("before the vault")
    early = fresh.signed(fresh.bob, seen=fresh.seen(0))
    yield fresh.case(
        "the first link has not seen vault_create", "refused", "T15.seen", more=(early,)
    )


def _authority() -> Iterator[Case]:
    story = Story("authority")
    team, vault = story.team, story.vault
    eve, mallory = team.recruit("eve", vaults={vault: "read"}), team.recruit("mallory")
    before_joining = story.signed(mallory, seen=story.seen(team.state.seq - 2))
    wrong_epoch = {"entries": [[ITEM, 1, HASH]], "epoch": 2}
    for name, more, refusal in (
        ("by a stranger", story.signed(team.person("stranger")), "T2.actor"),
        ("seen before the actor joined", before_joining, "T2.actor"),
        ("by a reader", story.signed(eve), "T15.right"),
        ("by one without right", story.signed(mallory), "T15.right"),
        ("of a later epoch", story.signed(story.bob, body=wrong_epoch), "T15.epoch"),
        ("of epoch 0", story.signed(story.bob, body={**wrong_epoch, "epoch": 0}), "T15.epoch"),
    ):
        yield story.case(name, "refused", refusal, more=(more,))
    team.vault_grant(story.owner, vault, eve, "write")
    raised = story.signed(eve, seen=story.seen(team.state.seq - 1))
    yield story.case("the right came after seen", "refused", "T15.right", more=(raised,))
    team.vault_revoke(story.owner, vault, eve)
    yield story.case("due", "refused", "T9.due", more=(story.signed(story.bob),))
    yield story.case("by one who lost the right", "refused", "T15.right", more=(story.signed(eve),))
    team.vault_rotate(story.owner, vault)
    old = story.signed(story.bob, body={"entries": [[ITEM, 1, HASH]], "epoch": 1})
    yield story.case("of a closed epoch", "refused", "T15.epoch", more=(old,))
    team.remove_member(story.owner, story.bob)
    team.vault_rotate(story.owner, vault)
    yield story.case("by one who left", "refused", "T2.actor", more=(story.signed(story.bob),))


def _entries() -> Iterator[Case]:
    story = Story("entries")
    story.change(story.bob)
    story.change(story.owner, item=SECOND)
    story.change(story.owner, 2, item=SECOND, content=None)
    third = b"\x03" * 16
    for name, more, refusal in (
        ("a new item with revision 2", story.signed(story.bob, 2, third), "T14.revision"),
        ("a new item with revision 0", story.signed(story.bob, 0, third), "T14.revision"),
        ("the same revision again", story.signed(story.bob, 1), "T14.revision"),
        ("a revision left out", story.signed(story.bob, 3), "T14.revision"),
        ("a purged item written", story.signed(story.owner, 3, SECOND), "T14.revision"),
        ("a purged item from the beginning", story.signed(story.owner, 1, SECOND), "T14.revision"),
        ("a purged item purged", story.signed(story.owner, 3, SECOND, None), "T14.revision"),
        ("purged by one who only writes", story.signed(story.bob, 2, content=None), "T14.purge"),
        ("a purge of what is not there", story.signed(story.owner, 1, third, None), "T14.purge"),
    ):
        yield story.case(name, "refused", refusal, more=(more,))
    story.change(story.owner, item=story.vault)
    own = story.signed(story.owner, 2, story.vault, None)
    yield story.case("the vault's own item purged", "refused", "T14.purge", more=(own,))
    second_bad = story.team.sign_change(story.bob, story.vault, {ITEM: (2, HASH), third: (2, HASH)})
    yield story.case(
        "the second entry is bad: nothing is applied", "refused", "T14.revision", more=(second_bad,)
    )


def _cuts() -> Iterator[Case]:
    """Bob signs with an old `seen` around a cut that removes eve."""
    story = Story("cuts")
    team, vault = story.team, story.vault
    eve = team.recruit("eve", vaults={vault: "read"})
    story.change(story.bob)
    old = story.seen(team.state.seq)
    backdated = story.signed(story.bob, 2, seen=old)
    in_place = story.links[0]
    rival = TeamBuilder.sign_change(
        team,
        story.bob,
        vault,
        {SECOND: (1, HASH)},
        seq=1,
        prev=team.state.vaults[vault].cuts[0].hash,
    )
    team.vault_revoke(story.owner, vault, eve)
    yield story.case(
        "behind a cut with an older seen", "refused", "T15.backdated", more=(backdated,)
    )
    after = story.signed(story.bob, 2, seen=story.seen(team.state.seq))
    yield story.case("behind a cut that was seen, but due", "refused", "T9.due", more=(after,))
    other = {
        **story.case("", "valid"),
        "name": "another link at the place of a cut",
        "links": [rival.hex()],
    }
    yield {
        **other,
        "valid": 0,
        "verdict": "refused",
        "refusal": "T15.cut",
        "digest": _start_digest(story),
    }
    missing = {
        **other,
        "name": "the vault is short of its cut",
        "links": [],
        "rounds": [[len(team.links), 0]],
        "valid": 0,
    }
    yield {**missing, "verdict": "waiting", "refusal": None, "digest": _start_digest(story)}
    yield story.case("the vault is at its cut", "valid")
    assert story.links == [in_place]
    team.vault_rotate(story.owner, vault)
    between = story.signed(story.bob, 2, seen=story.seen(team.state.seq - 1))
    yield story.case(
        "seen between two cuts at one place", "refused", "T15.backdated", more=(between,)
    )


def _start_digest(story: Story) -> str:
    team, _ = fold_team(story.team.links)
    assert team
    return state_digest(vault_start(team, story.vault)).hex()


def _rounds() -> Iterator[Case]:
    """The same links in one pass and one by one; and cuts that come when the head is already verified."""
    story = Story("rounds")
    team, vault = story.team, story.vault
    rounds = []
    for revision in (1, 2):
        story.change(story.bob, revision)
        rounds.append([len(team.links), len(story.links)])
    start = team.vaults[vault].state.head
    team.vault_revoke(story.owner, vault, story.bob)
    rounds.append([len(team.links), len(story.links)])
    team.vault_rotate(story.owner, vault)
    story.change(story.ana, 3)
    rounds.append([len(team.links), len(story.links)])
    yield story.case("one by one", "valid", rounds=rounds)
    yield story.case("in one pass", "valid")
    yield story.case(
        "the team first, the links later",
        "valid",
        rounds=[[len(team.links), 0], [len(team.links), 1], rounds[-1]],
    )
    yield from _forks(start)


def _forks(head: bytes) -> Iterator[Case]:
    """A cut against a verified head."""
    for name, n, wrong, verdict in (
        ("lower", 1, False, "fork"),
        ("lower, with the right hash there", 1, True, "fork"),
        ("equal with another hash", 2, False, "fork"),
        ("equal", 2, True, "valid"),
        ("higher", 3, False, "waiting"),
    ):
        story = Story(f"fork {name}")
        story.change(story.bob)
        first = story.team.vaults[story.vault].state.head
        story.change(story.bob, 2)
        second = story.team.vaults[story.vault].state.head
        before = len(story.team.links)
        right_hash = first if n == 1 else second
        cut = {"hash": right_hash if wrong else head, "seq": n, "vault": story.vault}
        body = {**story.team.epoch_body(story.vault, 2)[1], "cut": [cut]}
        story.team.append(story.team.sign(story.owner, "vault_rotate", body))
        rounds = [[before, 2], [before + 1, 2]]
        yield story.case(
            f"a new cut against a verified head: {name}",
            verdict,
            "T4.cut" if verdict == "fork" else None,
            rounds=rounds,
            valid=2,
        )


def grant_cases() -> list[Case]:
    """One grant each, to bob unless said otherwise."""
    return [*_good_grants(), *_bad_form(), *_bad_grants(), *_rights_of_recipients()]


def _grant_case(
    story: Story,
    name: str,
    stored: bytes,
    verdict: str,
    refusal: str | None = None,
    *,
    me: Person | None = None,
    dek: keys.Dek | None = None,
) -> Case:
    person = me or story.bob
    return {
        "name": name,
        "team": [link.hex() for link in story.team.links],
        "me": {
            "member": person.member.hex(),
            "identity_pub": person.identity_public.hex(),
            "box_secret": bytes(person.box).hex(),
            "box_pub": person.box_public.hex(),
        },
        "team_id": story.team.state.id.hex(),
        "grant": stored.hex(),
        "verdict": verdict,
        "refusal": refusal,
        "dek": dek.raw.hex() if dek else None,
    }


def _good_grants() -> Iterator[Case]:
    story = Story("grants", ana=True)
    team, vault = story.team, story.vault
    deks = team.vaults[vault].deks
    yield _grant_case(
        story, "from the creator", team.grant(story.owner, vault, story.bob), "valid", dek=deks[1]
    )
    yield _grant_case(
        story, "from a manager", team.grant(story.ana, vault, story.bob), "valid", dek=deks[1]
    )
    yield _grant_case(
        story,
        "to oneself",
        team.grant(story.ana, vault, story.ana),
        "valid",
        me=story.ana,
        dek=deks[1],
    )
    team.vault_rotate(story.bob, vault)
    by_rotator = team.grant(story.bob, vault, story.ana)
    yield _grant_case(
        story, "from a writer at the rotation", by_rotator, "valid", me=story.ana, dek=deks[2]
    )
    older = team.grant(story.owner, vault, story.bob, epoch=1)
    yield _grant_case(story, "of an older epoch", older, "valid", dek=deks[1])
    lowered = team.grant(story.ana, vault, story.bob)
    team.vault_grant(story.owner, vault, story.bob, "read")
    yield _grant_case(story, "made before the right was lowered", lowered, "valid", dek=deks[2])
    team.remove_member(story.ana, story.ana)
    yield _grant_case(story, "from one who has left since", lowered, "valid", dek=deks[2])


def _bad_form() -> Iterator[Case]:
    story = Story("grant form", bob=False)
    team, vault = story.team, story.vault
    stored = team.grant(story.owner, vault, story.bob)
    pair = cbor.loads(stored)
    grant = cbor.loads(pair["grant"])
    for name, wrong in {
        "no bytes": b"",
        "more than 1,024 bytes": cbor.dumps({**pair, "grant": bytes(1000)}),
        "a byte more": stored + b"\0",
        "is an array": cbor.dumps([pair["grant"], pair["sig"]]),
        "without sig": cbor.dumps({"grant": pair["grant"]}),
        "a field beside grant and sig": cbor.dumps({**pair, "x": 1}),
        "sig of 63 bytes": cbor.dumps({**pair, "sig": pair["sig"][1:]}),
        "sig is null": cbor.dumps({**pair, "sig": None}),
        "grant is a map": cbor.dumps({**pair, "grant": grant}),
        "grant is not CBOR": cbor.dumps({**pair, "grant": b"\xff"}),
        "grant has a byte more": cbor.dumps({**pair, "grant": pair["grant"] + b"\0"}),
        "grant is an array": cbor.dumps({**pair, "grant": cbor.dumps([grant])}),
    }.items():
        yield _grant_case(story, name, wrong, "refused", "T7.parse")
    for field, value in grant.items():
        without = {key: kept for key, kept in grant.items() if key != field}
        yield _grant_case(
            story, f"without {field}", _signed_grant(story.owner, without), "refused", "T7.parse"
        )
        yield _grant_case(
            story,
            f"{field} is null",
            _signed_grant(story.owner, {**grant, field: None}),
            "refused",
            "T7.parse",
        )
        if isinstance(value, bytes):
            short = _signed_grant(story.owner, {**grant, field: value[1:]})
            yield _grant_case(story, f"{field} is a byte short", short, "refused", "T7.parse")
    head = grant["head"]
    for name, wrong_head in {
        "without seq": {"hash": head["hash"]},
        "with a short hash": {**head, "hash": HASH[1:]},
        "with hash null": {**head, "hash": None},
        "with seq null": {**head, "seq": None},
        "with a field more": {**head, "x": 1},
    }.items():
        yield _grant_case(
            story,
            f"head {name}",
            _signed_grant(story.owner, {**grant, "head": wrong_head}),
            "refused",
            "T7.parse",
        )
    yield _grant_case(
        story, "a field more", _signed_grant(story.owner, {**grant, "x": 1}), "refused", "T7.parse"
    )
    yield _grant_case(
        story, "suite 2", _signed_grant(story.owner, {**grant, "suite": 2}), "refused", "R15.suite"
    )


def _signed_grant(actor: Person, fields: Any) -> bytes:
    grant = cbor.dumps(fields)
    return grants.stored_grant(grant, grants.sign_grant(grant, actor.identity))


def _bad_grants() -> Iterator[Case]:
    story = Story("bad grants", ana=True)
    team, vault, owner, bob, ana = story.team, story.vault, story.owner, story.bob, story.ana
    eve = team.recruit("eve", vaults={vault: "read"})
    team.vault_rotate(bob, vault)
    rotated = team.state.seq
    team.set_profile(eve)
    head = {"hash": team.state.head, "seq": team.state.seq}
    dek, wrong_dek = team.vaults[vault].deks[2], keys.Dek(team.draw.bytes(32))
    good = cbor.loads(team.grant(owner, vault, bob))
    stranger = team.person("stranger")
    sealed_to_other = seal_dek(team.draw, stranger.box_public, dek)
    for name, stored, refusal in (
        ("another team", team.grant(owner, vault, bob, team=HASH[:16]), "T5.chain"),
        ("no such vault", team.grant(owner, vault, bob, vault=ITEM), "T7.place"),
        ("epoch 0", _epoch(story, 0), "T7.place"),
        ("an epoch that is not yet", _epoch(story, 3), "T7.place"),
        (
            "another hash at head",
            team.grant(owner, vault, bob, head={**head, "hash": HASH}),
            "T7.head",
        ),
        ("from a stranger", team.grant(stranger, vault, bob), "T7.sender"),
        (
            "from one not yet there at head",
            team.grant(eve, vault, bob, head=_head(team, 3)),
            "T7.sender",
        ),
        (
            "signed by another",
            cbor.dumps({**good, "sig": grants.sign_grant(good["grant"], ana.identity)}),
            "T7.sig",
        ),
        ("a damaged signature", cbor.dumps({**good, "sig": bytes(64)}), "T7.sig"),
        ("from a reader", team.grant(eve, vault, bob), "T7.authority"),
        ("from the rotator at a later head", team.grant(bob, vault, ana), "T7.authority"),
        (
            "from the rotator of another epoch",
            team.grant(bob, vault, ana, epoch=1, head=_head(team, rotated)),
            "T7.authority",
        ),
        (
            "from the creator before the vault was there",
            team.grant(owner, vault, bob, epoch=1, head=_head(team, 0)),
            "T7.authority",
        ),
        ("to another", team.grant(owner, vault, ana), "T7.to"),
        ("box damaged", team.grant(owner, vault, bob, ct=bytes(80)), "T7.open"),
        ("box for another key", team.grant(owner, vault, bob, ct=sealed_to_other), "T7.open"),
        (
            "another DEK",
            team.grant(owner, vault, bob, ct=seal_dek(team.draw, bob.box_public, wrong_dek)),
            "T8.commit",
        ),
        (
            "the DEK of another epoch",
            team.grant(
                owner,
                vault,
                bob,
                ct=seal_dek(team.draw, bob.box_public, team.vaults[vault].deks[1]),
            ),
            "T8.commit",
        ),
    ):
        yield _grant_case(story, name, stored, "refused", refusal)
    beyond = team.grant(owner, vault, bob, head={"hash": HASH, "seq": head["seq"] + 1})
    yield _grant_case(story, "head beyond my team", beyond, "waiting")


def _epoch(story: Story, epoch: int) -> bytes:
    grant = cbor.loads(cbor.loads(story.team.grant(story.owner, story.vault, story.bob))["grant"])
    return _signed_grant(story.owner, {**grant, "epoch": epoch})


def _head(team: TeamBuilder, seq: int) -> dict[str, Any]:
    return {"hash": team.state.head_at(seq), "seq": seq}


def _rights_of_recipients() -> Iterator[Case]:
    story = Story("recipients")
    team, vault = story.team, story.vault
    eve = team.recruit("eve")
    early = team.grant(story.owner, vault, eve)
    yield _grant_case(story, "no right", early, "refused", "T7.right", me=eve)
    team.vault_grant(story.owner, vault, eve, "read")
    yield _grant_case(story, "made before the right", early, "refused", "T7.right", me=eve)
    held = team.grant(story.owner, vault, eve)
    team.vault_revoke(story.owner, vault, eve)
    yield _grant_case(story, "the right is gone", held, "refused", "T7.right", me=eve)
    team.vault_grant(story.owner, vault, eve, "read")
    yield _grant_case(
        story, "made before a break of the right", held, "refused", "T7.since", me=eve
    )
    team.vault_grant(story.owner, vault, eve, "write")
    again = team.grant(story.owner, vault, eve, head=_head(team, team.state.seq - 1))
    yield _grant_case(
        story, "raising is no break", again, "valid", me=eve, dek=team.vaults[vault].deks[1]
    )


def vault_verdict(case: Case) -> tuple[str, str | None, int, str]:
    folded = run_vault_case(case)
    return folded.verdict, folded.refusal, folded.state.seq, state_digest(folded.state).hex()
