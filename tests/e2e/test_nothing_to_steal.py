"""What the database, the logs, the pages and a removed member's keys yield after the story.

Names of people and teams and e-mail addresses lie in clear in the tables of users and of openings
(rows that can be deleted), and nowhere else; what is inside a vault lies in clear nowhere. That all
of the server yields nothing once the KMS key is switched off is proved in test_kill_switch.py.
"""

import base64
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e import story as told
from tests.e2e.person import SLOW, Person
from tests.e2e.story import Told
from tests.e2e.thief import OUTER_SEALS, Thief, forms, kit_code
from vaults.crypto.seal import seal_outer

# Users and e-mail addresses; and what opens the commitments in the chains.
USERS = {"accounts_user", "account_emailaddress"}
# An acceptance that waits holds the opening of a name as well; none waits when the story ends.
OPENINGS = {"accounts_opening", "sharing_invite"}
# A whole database or log of the story has more than this; less would prove nothing.
LEAST_BYTES = 100_000


@pytest.fixture(scope="module")
def thief(story: Told) -> Iterator[Thief]:
    found = Thief(story.product)
    yield found
    found.database.close()


def secrets(story: Told) -> dict[str, str]:
    """Return everything that must lie nowhere, by what it is."""
    key = story.private_key.splitlines()
    _link, fragment = story.invitation.split("#")
    return {
        "vault": told.VAULT,
        "titles": told.SSH,
        "title of the set": told.ENV,
        "title after Ben": told.LATER,
        "private key": key[2],
        "passphrase": told.PASSPHRASE,
        "environment": "Tr4verse-Kelp",
        "environment's token": "sk_live_51Hx7kelp",
        "Ben's note": told.BENS_NOTE,
        "Ana's note": told.RENAMED,
        "Ana's secret": told.ANAS_SECRET,
        "Ana's password": story.ana.password,
        "Ben's password": story.ben.password,
        "Ana's kit": story.ana.kit,
        "invitation": fragment[:43],  # the 32 bytes of t
    }


def raw_secrets(story: Told, thief: Thief) -> dict[str, bytes]:
    """Return the keys and tokens that must lie nowhere, as bytes."""
    _link, fragment = story.invitation.split("#")
    found = {"t": base64.urlsafe_b64decode(fragment + "==")[:32]}
    found |= {f"KEK {version} of {team}": kek for (team, version), kek in thief.keks().items()}
    for person in (story.ana, story.ben):
        keyring = thief.keyring(person)
        found |= {
            f"{person.name}'s session": session_of(person),
            f"{person.name}'s kit": kit_code(person),
            f"{person.name}'s AMK": thief.amk(person),
            f"{person.name}'s identity": keyring["identity"],
            f"{person.name}'s box": keyring["box"],
        }
        for (vault, epoch), dek in thief.deks(keyring["box"]).items():
            found[f"{person.name}'s DEK {epoch} of {vault}"] = bytes(dek.raw)
    return found


def session_of(person: Person) -> bytes:
    """Return the cookie by which a person's browser is signed in."""
    cookies = {each.get("name"): each.get("value") for each in person.context.cookies()}
    return str(cookies["__Host-coffret"]).encode()


def everything_of(story: Told, thief: Thief) -> dict[str, bytes]:
    """Return all secrets, by what they are."""
    texts = {name: text.encode() for name, text in secrets(story).items()}
    return texts | raw_secrets(story, thief)


def found_in(haystack: bytes, everything: dict[str, bytes]) -> list[str]:
    """Name the secrets that are in `haystack` in any form; never their values."""
    return [
        name for name, secret in everything.items() if any(f in haystack for f in forms(secret))
    ]


def assert_nowhere(haystack: bytes, where: str, story: Told, thief: Thief) -> None:
    """Fail if any secret is in `haystack` in any form."""
    assert found_in(haystack, everything_of(story, thief)) == [], f"found in {where}"


def files_of(folder: Path) -> bytes:
    """Return all files under a folder, one after the other."""
    found = []
    for path in sorted(folder.rglob("*")):
        # The services are running, and some file may go just now.
        with suppress(FileNotFoundError):
            if path.is_file():
                found.append(path.read_bytes())
    return b"\n".join(found)


def test_the_search_finds_what_is_there(story: Told) -> None:
    """Without this, the other tests here could pass by looking wrongly."""
    needle = told.ANAS_SECRET.encode()
    padded = b"x" + needle + b"y"
    for hidden in (padded, padded.hex().encode(), base64.b64encode(padded)):
        assert any(form in hidden for form in forms(needle)), hidden


def test_no_table_holds_a_secret(story: Told, thief: Thief) -> None:
    tables = thief.tables()
    assert {"vaults_revision", "vaults_grant", "accounts_opening"} <= set(tables)
    dump = b"\n".join(thief.dump(table) for table in tables)
    assert len(dump) > LEAST_BYTES
    assert_nowhere(dump, "the tables", story, thief)


@pytest.mark.parametrize("folder", ["postgres", "valkey", "log", "mail"])
def test_no_file_holds_a_secret(story: Told, thief: Thief, folder: str) -> None:
    thief.rows("SELECT 1")
    thief.database.rollback()
    files = files_of(story.product.folder / folder)
    assert len(files) > 1_000
    assert_nowhere(files, folder, story, thief)


def test_no_page_holds_a_secret(story: Told, thief: Thief) -> None:
    """S11: as the server sends it to Ana, who is signed in, and as it stands there while locked."""
    page = story.ana.context.new_page()
    answer = page.goto("/api/v1/sessions")
    assert answer is not None
    assert answer.status == 200
    for path, status in (("/", 200), ("/join", 200), ("/api/v1/nowhere", 404), ("/static/x", 404)):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == status
        assert len(answer.body()) > 50
        assert_nowhere(answer.body(), path, story, thief)
    page.goto("/")
    expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=SLOW)
    assert_nowhere(page.content().encode(), "the locked page", story, thief)
    page.close()


def test_names_and_addresses_lie_with_the_users_and_the_openings(story: Told, thief: Thief) -> None:
    names = [story.ana.email, story.ben.email, story.ana.name, story.ben.name, told.TEAM]
    found = {
        table
        for table in thief.tables()
        for name in names
        if any(form in thief.dump(table) for form in forms(name.encode()))
    }
    assert found == USERS | OPENINGS


def test_no_log_names_a_person_or_a_team(story: Told) -> None:
    logs = files_of(story.product.folder / "log") + files_of(story.product.folder / "valkey")
    names = [story.ana.email, story.ben.email, story.ana.name, story.ben.name, told.TEAM]
    assert [name for name in names if name.encode() in logs] == []


def test_bens_keys_and_the_whole_server_open_nothing_written_after_him(
    story: Told, thief: Thief
) -> None:
    """S7: his keyring, every row, and every KEK."""
    opened = thief.open_all(thief.deks(thief.keyring(story.ben)["box"]))
    texts = b"\n".join(each.text for each in opened)
    assert told.PASSPHRASE.encode() in texts  # what he could read, this way reads
    assert told.BENS_NOTE.encode() in texts
    for after in (told.LATER, told.ANAS_SECRET, told.RENAMED):
        assert after.encode() not in texts
    assert {each.epoch for each in opened} == {1}


def test_anas_keys_open_all_of_it(story: Told, thief: Thief) -> None:
    """The same way of opening reads what was written after, with the right keys."""
    opened = thief.open_all(thief.deks(thief.keyring(story.ana)["box"]))
    texts = b"\n".join(each.text for each in opened)
    for text in (told.PASSPHRASE, told.BENS_NOTE, told.LATER, told.ANAS_SECRET, told.RENAMED):
        assert text.encode() in texts
    assert {each.epoch for each in opened} == {1, 2}


def test_the_server_and_kms_together_find_no_secret_under_their_seals(
    story: Told, thief: Thief
) -> None:
    """All rows, opened with all KEKs: what lies there is sealed by the members, or no secret."""
    opened = thief.under_the_seals()
    assert set(opened) == {"grant", "amk", "opaque", "server"}
    everything = everything_of(story, thief)
    found = {kind: found_in(b"\n".join(texts), everything) for kind, texts in opened.items()}
    assert found == {"grant": [], "amk": [], "opaque": [], "server": []}


def test_every_table_under_a_kek_is_among_those_opened(thief: Thief) -> None:
    columns = "SELECT table_name FROM information_schema.columns WHERE column_name = 'kek_version'"
    sealed = {row["table_name"] for row in thief.rows(columns)}
    assert {table for table in sealed if table not in OUTER_SEALS} == {"accounts_pendingsignup"}


def test_the_search_under_the_seals_finds_what_is_there(story: Told, thief: Thief) -> None:
    """One secret put into a row of each kind, as a careless browser or server would store it."""
    everything = everything_of(story, thief)
    box, password = f"{story.ana.name}'s box", "Ana's password"
    amk, kit = f"{story.ben.name}'s AMK", f"{story.ben.name}'s kit"
    for kind, table, column, name in (
        ("grant", "vaults_grant", "blob", box),
        ("amk", "accounts_amkwrap", "blob", kit),
        ("opaque", "accounts_opaquerecord", "blob", password),
        ("server", "accounts_deployment", "opaque_keys", amk),
    ):
        row = next(each for each in thief.rows(OUTER_SEALS) if each["kind"] == kind)
        kek, place = thief.seal_of(kind, row["row"], row["team"], row["version"])
        planted = seal_outer(kek, **place, plaintext=b"x" + everything[name] + b"y")
        change = f"UPDATE {table} SET {column} = %s WHERE {column} = %s"  # noqa: S608  names of here
        thief.database.execute(change, (planted, row["blob"]))
    opened = thief.under_the_seals()
    thief.database.rollback()
    found = {kind: found_in(b"\n".join(texts), everything) for kind, texts in opened.items()}
    # The raw bytes of a kit and its characters are two secrets of different names.
    assert found == {"grant": [box], "amk": [kit], "opaque": [password], "server": [amk]}
