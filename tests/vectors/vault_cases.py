"""Vault chains on a folded team.

A vault case is folded in `rounds`: for each `[team links, vault links]` the team is folded so far,
then the vault. The verdict is that of the last round; an earlier one does not stop unless it is
`refused` or `fork`. `valid` counts the vault links that are applied at the end.
"""

from collections.abc import Iterator
from typing import Any

from accounts.team_chain import fold_team, team_step
from tests.chains import Person, TeamBuilder, signature
from tests.vectors.primitives import Case
from vaults.crypto import cbor
from vaults.vault_chain import Folded, fold_vault, state_digest, vault_start

HASH, OTHER = b"\x0a" * 32, b"\x0b" * 32
ITEM, SECOND = b"\x01" * 16, b"\x02" * 16


class Story:
    """A team with one vault that its founder manages and bob writes, perhaps with ana."""

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
        case: Case = {
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
    """The same links in one pass and one by one; cuts that come after the head was verified."""
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


def vault_verdict(case: Case) -> tuple[str, str | None, int, str]:
    folded = run_vault_case(case)
    return folded.verdict, folded.refusal, folded.state.seq, state_digest(folded.state).hex()
