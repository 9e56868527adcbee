"""What stops the published attacks on password managers: R1-R23, one lie each in a real browser.

R24, code that can be checked against a release, is a later feature.
"""

import json
import os
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from nacl.public import PrivateKey, PublicKey, SealedBox
from playwright.sync_api import Browser, expect

from tests.e2e.person import SLOW
from tests.evil.grants import Forge, refuses_grant
from tests.evil.leaks import written
from tests.evil.proxy import Answer, Ask, Bend, Sent, problem, replayed, rewritten
from tests.evil.scene import Scene
from tests.evil.sync import Record, Tale, link_hash, other_links, other_rows, other_team
from tests.evil.team import Content, Team
from tests.evil.victim import Victim, settle
from vaults.crypto import cbor
from vaults.crypto.keys import Dek, fingerprint, team_id

Bundle = dict[str, Any]
UNLOCK = ("POST", "unlock/finish")
ITEM = "teams/.*/vaults/.*/items/.*"


# The account: what comes with an unlock.


def with_bundle(change: Callable[[Bundle], None]) -> Bend:
    """The keys that an unlock brings, changed."""

    def bend(values: list[Any]) -> list[Any]:
        change(values[0]["bundle"])
        return values

    return rewritten(bend)


def refuses_unlock(scene: Scene, refusal: str, change: Callable[[Bundle], None]) -> None:
    """The victim unlocks honestly, then is given other keys: nothing opens and nothing leaves."""
    team = scene.team()
    scene.honest(team)
    scene.victim.relock()
    scene.victim.lock()
    with scene.liar.lying(*UNLOCK, with_bundle(change)) as lie:
        scene.victim.unlock()
        scene.victim.expect_refusal(refusal, asked=True)
        assert lie.told == 1
        assert scene.liar.sent[-1].path == UNLOCK[1], "nothing may follow"
        expect(scene.victim.page.get_by_role("button", name="Unlock")).to_be_visible()
        scene.no_leak(team)
    scene.victim.enter()
    scene.recovers(team)


def test_R1_another_key_where_one_is_sealed_to(scene: Scene) -> None:
    """The server lists who waits for a key. A key that the chain does not carry gets nothing."""
    team = scene.team(right="manage")
    dave = team.join(team.newcomer("dave"), {team.vault: "read"}, with_keys=False)
    scene.victim.look()
    scene.waits_for(lambda: dave.fp in scene.sealed_to(team))
    team.report(dave, team.victim, team.vault)

    eve = team.newcomer("eve")
    other = fingerprint(os.urandom(32), bytes(PrivateKey.generate().public_key))

    def to_another(record: Record) -> None:
        for row in record["pending"]:
            if row["to"] == eve.fp:
                row["to"] = other

    before = len(scene.liar.sent)
    with scene.told(other_team(team.team.state.id, to_another)):
        team.join(eve, {team.vault: "read"}, with_keys=False)
        # It may be in a link that is on its way: only what is named twice is refused.
        scene.rounds(2)
        scene.victim.expect_refusal("R1.recipient")
        scene.rounds(2)
        # Holders of the fold may be given the key, again too; nobody else, and no link is made.
        assert scene.sealed_to(team) <= {team.founder.fp, team.victim.fp, dave.fp}
        assert set(written(scene.liar.sent[before:], team.path)) <= {f"{team.path}grants"}
        scene.no_leak(team)
    scene.recovers(team)
    scene.waits_for(lambda: eve.fp in scene.sealed_to(team))


def _own_key(team: Team, vault: bytes) -> bytes:
    """A key of the server's own, sealed to the victim and signed with a key of its own."""
    stranger = team.team.person("stranger")
    builder = team.team.vaults[vault]
    right, builder.deks[1] = builder.deks[1], Dek.generate()
    try:
        return team.team.grant(stranger, vault, team.victim)
    finally:
        builder.deks[1] = right


def _of_another_vault(team: Team, vault: bytes) -> bytes:
    """A good grant, which the victim has for another vault."""
    return team.team.grant(team.founder, team.vault, team.victim)


@pytest.mark.parametrize(
    ("refusal", "forge"),
    [("T7.sender", _own_key), ("T7.place", _of_another_vault)],
    ids=["the server's own key", "another vault's grant"],
)
def test_R2_a_key_from_nobody_who_may_give_it(scene: Scene, refusal: str, forge: Forge) -> None:
    refuses_grant(scene, refusal, forge)


@pytest.mark.parametrize(("part", "refusal"), [("keyring", "R17.keyring"), ("pins", "R17.bundle")])
def test_R3_own_things_sealed_with_the_public_key(scene: Scene, part: str, refusal: str) -> None:
    """The server knows the public key, and makes a keyring and pins that open with it."""
    ring = {"box": os.urandom(32), "identity": os.urandom(32), "suite": 1, "v": 1}
    box = PrivateKey(scene.keys.box).public_key
    sealed = SealedBox(PublicKey(bytes(box))).encrypt(cbor.dumps(ring))

    def change(bundle: Bundle) -> None:
        bundle[part]["blob"] = sealed

    refuses_unlock(scene, refusal, change)


def test_R4_a_flag_that_asks_for_escrow(scene: Scene) -> None:
    """At an unlock it is refused; in a team's record and at a vault's making it decides nothing."""
    refuses_unlock(scene, "R17.bundle", lambda bundle: bundle.update(auto_recover=True))
    team = scene.team()
    flag = {"auto_recover": True, "recovery_key": os.urandom(32)}
    flagged = rewritten(lambda values: [{**values[0], **flag}])
    with (
        scene.told(other_team(team.team.state.id, lambda record: record.update(flag))),
        scene.liar.lying("POST", f"{team.path}links", flagged) as lie,
    ):
        scene.victim.create_vault(f"Escrow {team.number}")
        scene.rounds(2)
        assert lie.told == 1
    sent = [each for each in scene.liar.sent[scene.begun :] if written([each], team.path)]
    assert sent[0].path == f"{team.path}links"
    # Until their own key is reported open, they may be given it again.
    assert {each.path for each in sent[1:]} <= {f"{team.path}grants"}
    grants = [cbor.loads(row["grant"]) for each in sent for row in each.value()["grants"]]
    assert {grant["to"] for grant in grants} == {team.victim.fp}
    scene.no_leak(team)
    scene.recovers(team, catch_up=True)


def test_R5_a_rotation_for_one_more(scene: Scene) -> None:
    """Holders leave, so the next write changes the key: for the holders of the fold and no other.

    The server answers the first attempt by a conflict, and shows a link by which a writer, who does
    not manage the vault, lets somebody in.
    """
    team = scene.team(mallory="write", bob="read")
    mallory, bob = team.people["mallory"], team.people["bob"]
    stranger = team.join(team.newcomer("eve"))
    team.remove(team.founder, bob)
    scene.rounds(1)
    scene.victim.writes(team.vault, f"After Bob {team.number}")
    body = next(each.value() for each in reversed(scene.liar.sent) if "/changes" in each.path)
    team.catch_up()
    recipients = {cbor.loads(row["grant"])["to"] for row in body["rotation"]["grants"]}
    assert recipients == {team.founder.fp, team.victim.fp, mallory.fp}

    team.team.vault_revoke(team.founder, team.vault, mallory)
    team.push(team.founder)
    let_in = {"cut": [], "member": stranger.member, "right": "read", "vault": team.vault}
    forged = team.team.sign(mallory, "vault_grant", let_in)
    scene.victim.begin_note(team.vault, f"Never sent {team.number}")
    conflict = replayed(problem(409, "head_moved"))
    with (
        scene.liar.lying("POST", f"{team.path}vaults/.*/changes", conflict) as refused,
        scene.forged(team, forged),
    ):
        scene.victim.button("Save the item")
        scene.stopped(team, "T2.manage", asked=True)
        assert refused.told == 1, "the second attempt ends before it is sent"
    assert team.rotate(team.founder, team.vault).status_code == 201
    scene.recovers(team)


def test_R6_a_host_for_keys(scene: Scene) -> None:
    """The server names a host that keeps keys, wherever an answer has room for it."""
    team = scene.team()
    host = {"key_host": "http://localhost:9/keys", "key_connector_url": "http://localhost:9/"}
    with scene.told(other_team(team.team.state.id, lambda record: record.update(host))):
        scene.honest(team)
    refuses_unlock(scene, "R17.bundle", lambda bundle: bundle.update(host))
    assert {each for each in scene.victim.asked if not each.startswith(scene.liar.url)} == set()


def blobs_of(team: Team, vault: bytes, item: bytes, query: str = "") -> Record:
    """An item's blobs, as the server has them."""
    place = f"vaults/{UUID(bytes=vault)}/items/{UUID(bytes=item)}{query}"
    found: Record = cbor.loads(team.get(team.founder, place).content)
    return {name: found[name] for name in ("overview", "details", "c_details")}


def test_R7_a_blob_in_another_s_place(scene: Scene) -> None:
    """Five swaps: the two parts of an item, another item, vault and team, an older revision."""
    elsewhere = scene.team()
    (far,) = elsewhere.write_items(elsewhere.vault, "Far away")
    team = scene.team()
    second = team.new_vault(f"Second {team.number}")
    (near,) = team.write_items(second, "Near by")
    titles = ["Parts", "Item", "Vault", "Team", "Revision"]
    items = dict(zip(titles, team.write_items(team.vault, *titles), strict=True))
    (other,) = team.write_items(team.vault, "Other", note="another note")
    for title, item in items.items():
        team.rewrite(team.vault, item, f"{title} {team.number}")
    mine = blobs_of(team, team.vault, items["Parts"])
    swaps = {
        "Parts": {"overview": mine["details"], "details": mine["overview"]},
        "Item": blobs_of(team, team.vault, other),
        "Vault": blobs_of(team, second, near),
        "Team": blobs_of(elsewhere, elsewhere.vault, far),
        "Revision": blobs_of(team, team.vault, items["Revision"], "?revision=1"),
    }
    scene.victim.sees(team.vault, "Other")
    scene.victim.open_item("Other")
    expect(scene.victim.page.get_by_text("another note")).to_be_visible(timeout=SLOW)
    for title, swap in swaps.items():
        scene.victim.sees(team.vault, f"{title} {team.number}")
        with scene.liar.lying("GET", ITEM, _items_with(swap)):
            scene.victim.row(f"{title} {team.number}").click()
            scene.victim.expect_refusal("R7.open", asked=True)
    scene.silent(team, len(scene.liar.sent))
    scene.recovers(team)
    for title in titles:
        scene.victim.sees(team.vault, f"{title} {team.number}")
        scene.victim.open_item(f"{title} {team.number}")


def _items_with(swap: Record) -> Bend:
    return rewritten(lambda values: [{**values[0], **swap}])


def test_R8_no_key_seals_twice(scene: Scene) -> None:
    """A server that answers by conflicts gets the same text sealed anew each time, and no more.

    Nothing is refused here: it may ask for it, and learns nothing.
    """
    team = scene.team()
    scene.victim.writes(team.vault, "Sealed once")
    begun = len(scene.liar.sent)
    conflict = replayed(problem(409, "head_moved"))
    with scene.liar.lying("POST", f"{team.path}vaults/.*/changes", conflict, times=2):
        scene.victim.writes(team.vault, "Sealed thrice")
    tries = [each for each in scene.liar.sent[begun:] if each.path.endswith("/changes")]
    seals = [each.value()["blobs"][0][part] for each in tries for part in ("overview", "details")]
    assert len(tries) == 3
    assert len({seal[65:] for seal in seals}) == 6
    # Of the account's own things the pins are sealed anew with every write, under one key.
    pins = [each.value()["blob"] for each in scene.liar.sent if each.path == "account/pins"]
    assert len(pins) > 1
    salts = [seal[1:33] for seal in {*seals, *pins}]
    assert len(set(salts)) == len(salts), "each has a salt, so a key, of its own"
    scene.no_leak(team)
    scene.recovers(team, catch_up=True)


def _traffic(scene: Scene, team: Team, title: str) -> list[tuple[str, str, int]]:
    """What leaves the browser while a vault and an item are opened and an item is written."""
    begun = len(scene.liar.sent)
    scene.victim.sees(team.vault, title)
    scene.victim.open_item(title)
    scene.victim.at(team.vault)
    scene.victim.writes(team.vault, title[::-1], title)
    settle(scene.liar, scene.victim.page)
    # Polls go by the clock, and pins hold how far every chain is.
    by_the_clock = {"sync", "account/pins"}
    opened = [each for each in scene.liar.sent[begun:] if each.path not in by_the_clock]
    identifier = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
    return [(each.method, identifier.sub("id", each.path), len(each.body)) for each in opened]


def test_R9_requests_do_not_depend_on_what_is_opened(scene: Scene) -> None:
    """Two vaults, of texts that are equal in length and in nothing else: the traffic is the same.

    Nothing is refused here: there is nothing to see.
    """
    titles = ("https://icons.example/a.png?q=1", "correct horse, battery & staple")
    teams = {title: scene.team() for title in titles}
    for title, team in teams.items():
        team.write_items(team.vault, title, note=f"see {title}")
        scene.victim.sees(team.vault, title)
    settle(scene.liar, scene.victim.page)
    seen = [_traffic(scene, team, title) for title, team in teams.items()]
    for team in teams.values():
        scene.no_leak(team)
    assert seen[0] == seen[1]
    assert len(seen[0]) >= 2
    assert {each for each in scene.victim.asked if not each.startswith(scene.liar.url)} == set()


@pytest.mark.parametrize("suite", [0, 2])
def test_R10_another_way_to_derive_keys(scene: Scene, suite: int) -> None:
    refuses_unlock(scene, "R10.kdf", lambda bundle: bundle.update(suite=suite))


# Fields of a row: item, revision, epoch, author, c(details), overview.
@pytest.mark.parametrize(
    ("refusal", "field", "value"),
    [
        ("R7.open", 1, 2),
        ("R7.open", 3, bytes(16)),
        ("R7.hash", 4, bytes(32)),
    ],
    ids=["revision", "author", "commitment"],
)
def test_R11_what_the_server_says_of_an_item(
    scene: Scene, refusal: str, field: int, value: int | bytes
) -> None:
    """Dates, titles and types are inside the blob; what lies beside it decides nothing."""
    team = scene.team()
    scene.honest(team)

    def flip(rows: list[list[Any]]) -> list[list[Any]]:
        for row in rows:
            row[field] = value
        return rows

    title = f"Flipped {team.number}"
    with scene.told(other_rows(team.vault, flip)):
        team.write_items(team.vault, title)
        scene.refuses(team, refusal)
        expect(scene.victim.row(title)).to_have_count(0)
    scene.recovers(team)
    scene.victim.sees(team.vault, title)


def _rolled_back(team: Team, old: list[Any]) -> Any:
    return other_rows(team.vault, lambda rows: [old if row[0] == old[0] else row for row in rows])


LINKS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "duplicated": lambda links: [links[0], *links],
    "reordered": lambda links: links[::-1],
}


@pytest.mark.parametrize(
    ("refusal", "lie"),
    [
        ("R12.items", "dropped"),
        ("R12.items", "rolled back"),
        ("T1.seq", "duplicated"),
        ("T1.seq", "reordered"),
    ],
)
def test_R12_a_vault_is_complete_and_in_order(scene: Scene, refusal: str, lie: str) -> None:
    team = scene.team()
    first = team.sealed(team.founder, team.vault, [Content(team.item(), 1, "First")])
    team.keep(team.founder, team.vault, first)
    item = first.rows[0][0]
    scene.victim.sees(team.vault, "First")
    change = {
        "dropped": other_rows(team.vault, lambda rows: [row for row in rows if row[0] != item]),
        "rolled back": _rolled_back(team, first.rows[0]),
    }.get(lie)
    with scene.told(change or other_links(team.vault, LINKS[lie])):
        team.rewrite(team.vault, item, "Second")
        team.write_items(team.vault, "Third")
        scene.refuses(team, refusal)
        # The last good state: a link that is told twice is good the first time.
        good = "Second" if lie == "duplicated" else "First"
        expect(scene.victim.row(good)).to_be_visible()
    scene.recovers(team)
    scene.victim.sees(team.vault, "Second", "Third")


def test_R13_a_team_that_no_chain_of_mine_carries(scene: Scene) -> None:
    team = scene.team()
    scene.honest(team)
    other = Team(scene.cast.anew(), scene.keys, "Not mine")
    state = other.team.state
    place = {"hash": state.head, "seq": state.seq, "stir": 1, "team": state.id}
    rest: Record = {"grants": [], "olds": [], "waiting": [], "pending": [], "broken": []}

    def inject(tale: Tale) -> None:
        tale.heads["teams"].append(place)
        openings = other.builder.openings
        tale.add(["team", {**place, **rest, "links": other.team.links, "openings": openings}])

    with scene.told(inject):
        scene.refuses(team, "R13.team")
        expect(scene.victim.page.get_by_text("Not mine")).to_have_count(0)
    scene.recovers(team)


def test_R13_a_vault_that_no_chain_of_mine_carries(scene: Scene) -> None:
    team = scene.team()
    scene.honest(team)
    place = {"hash": os.urandom(32), "seq": 1, "team": team.team.state.id, "vault": team.item()}

    def inject(tale: Tale) -> None:
        tale.heads["vaults"].append(place)

    with scene.told(inject):
        # It may be in a link that is on its way: only what is named twice is refused.
        scene.rounds(2)
        scene.refuses(team, "R13.vault")
    scene.recovers(team)


def test_R14_an_older_format_is_offered(scene: Scene) -> None:
    """Every answer says that this server is old and wants the old format; a link is of it."""
    team = scene.team()
    scene.honest(team)
    profile = {"profile": {"email": os.urandom(32), "name": os.urandom(32)}}
    old = team.team.sign(team.founder, "set_profile", profile, v=0)
    flags = (("X-Coffret-Format", "0"), ("Server", "Coffret/0.1"))

    def of_old(sent: Sent, ask: Ask) -> Answer:
        return ask().adding(*flags)

    with scene.liar.lying(".*", ".*", of_old), scene.forged(team, old):
        scene.refuses(team, "T3.version")
    scene.recovers(team)


def test_R15_another_suite(scene: Scene) -> None:
    """A grant of a suite that nobody knows, by somebody who may give it."""

    def forge(team: Team, vault: bytes) -> bytes:
        return team.team.grant(team.founder, vault, team.victim, suite=2)

    refuses_grant(scene, "R15.suite", forge)


def test_R16_a_bit_is_flipped(scene: Scene) -> None:
    """What was refused is not asked for again."""
    team = scene.team()
    (good, bad) = (f"Good {team.number}", f"Bad {team.number}")
    team.write_items(team.vault, good, bad, note="to the bit")
    scene.victim.sees(team.vault, good, bad)
    scene.victim.open_item(good)
    expect(scene.victim.page.get_by_text("to the bit")).to_be_visible(timeout=SLOW)

    def flip(values: list[Any]) -> list[Any]:
        details = bytearray(values[0]["details"])
        details[-1] ^= 1
        return [{**values[0], "details": bytes(details)}]

    with scene.liar.lying("GET", ITEM, rewritten(flip)) as lie:
        scene.victim.row(bad).click()
        scene.stopped(team, "R7.open", asked=True)
        assert lie.told == 1
    scene.recovers(team)
    scene.victim.sees(team.vault, bad)
    scene.victim.open_item(bad)
    expect(scene.victim.page.get_by_text("to the bit")).to_be_visible(timeout=SLOW)


def _short_wrap(bundle: Bundle) -> None:
    bundle["wrap"]["blob"] = bundle["wrap"]["blob"][:-1]


@pytest.mark.parametrize(
    ("refusal", "change"),
    [
        ("R17.keyring", lambda bundle: bundle.update(keyring=None)),
        ("R17.bundle", lambda bundle: bundle.pop("pins")),
        ("R17.bundle", _short_wrap),
    ],
    ids=["null", "absent", "short"],
)
def test_R17_key_material_is_missing(
    scene: Scene, refusal: str, change: Callable[[Bundle], None]
) -> None:
    refuses_unlock(scene, refusal, change)


def test_R18_a_key_of_another_length(scene: Scene) -> None:
    """The manager themself seals 31 bytes as a vault's key."""

    def forge(team: Team, vault: bytes) -> bytes:
        short = SealedBox(PublicKey(team.victim.box_public)).encrypt(os.urandom(31))
        return team.team.grant(team.founder, vault, team.victim, ct=short)

    refuses_grant(scene, "T7.parse", forge)


MARKUP = "<img src=x onerror=alert(1)> Enter your password at evil.example"


def test_R19_no_text_of_the_server_in_a_security_notice(scene: Scene) -> None:
    """A team's name is shown as quoted data, and the words of an error are not shown at all."""
    team = scene.team(name=MARKUP)
    scene.honest(team)

    def other_history(tale: Tale) -> None:
        head = tale.team_head(team.team.state.id)
        if head is not None:
            head["hash"] = bytes(32)
            head["notice"] = "Call the hotline"

    page = scene.victim.page
    with scene.told(other_history):
        scene.victim.look()
        scene.victim.open_refusal()
        expect(page.get_by_text(f"“{MARKUP}”").first).to_be_visible()
        assert page.locator("img").count() == 0
        scene.stopped(team, "T4.fork")
        expect(page.get_by_text("Call the hotline")).to_have_count(0)
    scene.recovers(team)
    words = {"code": "not_found", "title": "Call the hotline", "detail": MARKUP, "status": 404}
    denial = Answer(
        404, (("Content-Type", "application/problem+json"),), json.dumps(words).encode()
    )
    with scene.liar.lying("GET", ITEM, replayed(denial)):
        scene.victim.row(f"Mooring {team.number}").click()
        expect(page.get_by_text("you have no access to it").first).to_be_visible(timeout=SLOW)
        expect(page.get_by_text("Call the hotline")).to_have_count(0)


def test_R20_nothing_begins_that_the_person_did_not_begin(scene: Scene) -> None:
    """A team invited the victim, who did not accept: the server shows it as theirs."""
    team = scene.team()
    scene.honest(team)
    other = Team(scene.cast.anew(), scene.keys, "Come in")
    other.asked(other.victim_person())
    state = other.team.state
    place = {"hash": state.head, "seq": state.seq, "stir": 1, "team": state.id}
    rest: Record = {"grants": [], "olds": [], "waiting": [], "pending": [], "broken": []}

    def inject(tale: Tale) -> None:
        tale.heads["teams"].append(place)
        flags = {"migrate": True, "recover": "now", "join": True}
        tale.add(["team", {**place, **rest, **flags, "links": other.team.links, "openings": []}])

    begun = len(scene.liar.sent)
    with scene.told(inject):
        scene.refuses(team, "R13.team")
    assert [each.path for each in scene.liar.sent[begun:] if "invites" in each.path] == []
    assert written(scene.liar.sent[begun:], other.path) == []
    scene.recovers(team)


def test_R21_another_person_s_keys(scene: Scene) -> None:
    """The server hands the victim all that lies there for somebody else."""
    theirs = scene.cast.accounts[1].session.client("GET", "account/bundle").body

    def change(bundle: Bundle) -> None:
        bundle.update({name: theirs[name] for name in bundle})

    refuses_unlock(scene, "A4.bundle", change)


@pytest.mark.parametrize("refusal", ["T4.older", "T4.fork"])
def test_R22_a_new_browser_knows_what_the_account_has_seen(
    scene: Scene, browser: Browser, refusal: str
) -> None:
    """The pins come back with the keys; the chain that is shown falls short of them, or forks."""
    team = scene.team()
    team.invite(team.founder)
    scene.honest(team)
    scene.victim.relock()  # and the pins are on the server
    with scene.new_browser(browser) as there:
        there.enter()
        there.sees(team.vault, f"Honest {team.number}")

    told = team.team.links[:-1]
    if refusal == "T4.fork":
        builder = team.team
        forged, _ = builder.invite_body()
        place = {"prev": link_hash(told[-1]), "seq": builder.state.seq}
        told = [*told, builder.sign(builder.founder, "invite", forged, **place)]
    head = {"seq": len(told) - 1, "hash": link_hash(told[-1])}

    def change(tale: Tale) -> None:
        for row in (tale.team_head(team.team.state.id), tale.team(team.team.state.id)):
            if row is not None:
                row.update(head)
        record = tale.team(team.team.state.id)
        if record is not None:
            record["links"] = told

    with scene.told(change), scene.new_browser(browser) as there:
        there.enter()
        there.expect_refusal(refusal)
        scene.no_leak(team)
    scene.recovers(team)


def test_R23_the_team_that_i_founded_is_replaced(scene: Scene) -> None:
    """Right after the founding, the server shows another founding entry for it."""
    victim: Victim = scene.victim
    team = scene.team()
    since = len(scene.liar.sent)
    victim.go("/teams/new")
    victim.create_team("First founded")

    def founded() -> list[Sent]:
        """What the page sent to found it, once something else has followed."""
        return [each for each in scene.liar.sent[since:-1] if each.path == "teams"]

    scene.waits_for(lambda: bool(founded()))
    begun = len(scene.liar.sent)
    other = Team(scene.cast.anew(), scene.keys, "Another")

    def replace_genesis(tale: Tale) -> None:
        mine = [row for row in tale.heads["teams"] if row["seq"] == 0 and row["team"] == founding]
        for row in mine:
            row["hash"] = link_hash(other.team.links[0])

    genesis = cbor.loads(founded()[-1].value()["link"])["link"]
    founding = team_id(genesis).bytes
    with scene.told(replace_genesis):
        victim.look()
        victim.expect_refusal("T4.fork")
        scene.rounds(2)
    assert written(scene.liar.sent[begun:], f"teams/{UUID(bytes=founding)}/") == []
    scene.recovers(team)
