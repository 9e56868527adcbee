"""Grants to one member: at least one case for each of the recipient's checks of SPEC 7.3."""

from collections.abc import Iterator
from typing import Any

from tests.chains import Person, TeamBuilder, seal_dek
from tests.vectors.primitives import Case
from tests.vectors.vault_cases import HASH, ITEM, Story
from vaults.crypto import cbor, grants, keys


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
    story = Story("bad grants")
    team, vault, owner, bob = story.team, story.vault, story.owner, story.bob
    eve = team.recruit("eve", vaults={vault: "read"})
    team.vault_rotate(bob, vault)
    rotated = team.state.seq
    team.set_profile(eve)
    head: dict[str, Any] = {"hash": team.state.head, "seq": team.state.seq}
    dek, wrong_dek = team.vaults[vault].deks[2], keys.Dek(team.draw.take(32))
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
            team.grant(eve, vault, bob, head=_head(team, 1)),
            "T7.sender",
        ),
        (
            "signed by another",
            cbor.dumps({**good, "sig": grants.sign_grant(good["grant"], eve.identity)}),
            "T7.sig",
        ),
        ("a damaged signature", cbor.dumps({**good, "sig": bytes(64)}), "T7.sig"),
        ("from a reader", team.grant(eve, vault, bob), "T7.authority"),
        ("from the rotator at a later head", team.grant(bob, vault, eve), "T7.authority"),
        (
            "from the rotator of another epoch",
            team.grant(bob, vault, eve, epoch=1, head=_head(team, rotated)),
            "T7.authority",
        ),
        (
            "from the creator before the vault was there",
            team.grant(owner, vault, bob, epoch=1, head=_head(team, 0)),
            "T7.authority",
        ),
        ("to another", team.grant(owner, vault, eve), "T7.to"),
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
    yield from _beyond(story)
    to_stranger = team.grant(owner, vault, stranger)
    yield _grant_case(story, "to nobody of the team", to_stranger, "refused", "T7.to", me=stranger)


def _beyond(story: Story) -> Iterator[Case]:
    """Of what the team has not come to yet: no refusal, it waits."""
    team, vault, owner, bob = story.team, story.vault, story.owner, story.bob
    ahead = {"hash": HASH, "seq": team.state.seq + 1}
    beyond = team.grant(owner, vault, bob, head=ahead)
    yield _grant_case(story, "head beyond my team", beyond, "waiting")
    new_vault = team.grant(owner, vault, bob, head=ahead, vault=ITEM)
    yield _grant_case(story, "of a vault beyond my team", new_vault, "waiting")
    new_epoch = cbor.loads(cbor.loads(_epoch(story, 3))["grant"])
    yield _grant_case(
        story,
        "of an epoch beyond my team",
        _signed_grant(owner, {**new_epoch, "head": ahead}),
        "waiting",
    )


def _epoch(story: Story, epoch: int) -> bytes:
    grant = cbor.loads(cbor.loads(story.team.grant(story.owner, story.vault, story.bob))["grant"])
    return _signed_grant(story.owner, {**grant, "epoch": epoch})


def _head(team: TeamBuilder, seq: int) -> dict[str, Any]:
    return {"hash": team.state.head_at(seq), "seq": seq}


def _rights_of_recipients() -> Iterator[Case]:
    story = Story("recipients", bob=False)
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
