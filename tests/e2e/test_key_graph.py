"""R21: each key opens what was sealed for it, and nothing that lies there for anybody else.

Every key that a person has is tried on every row that the server could hand them: their kit,
their AMK and their box key, under the ids of either account.
"""

from collections.abc import Callable, Iterator
from itertools import product as pairs
from typing import Any
from uuid import UUID

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from tests.e2e.story import Told
from tests.e2e.thief import Thief, kit_code, open_wrap
from vaults.crypto.errors import DecryptionError, Refused
from vaults.crypto.grants import open_grant
from vaults.crypto.keys import Amk, derive_kit_key, fingerprint
from vaults.crypto.seal import KEYRING, PINS, SETTINGS, open_sealed

WRAPS = ("auk", "kit")
BLOBS = {"keyring": KEYRING, "pins": PINS, "settings": SETTINGS}


@pytest.fixture(scope="module")
def thief(story: Told) -> Iterator[Thief]:
    found = Thief(story.product)
    yield found
    found.database.close()


def opens(key: Any, opening: Callable[..., object], *place: Any) -> bool:
    """Say whether a key fits."""
    try:
        opening(key, *place)
    except (DecryptionError, Refused):
        return False
    return True


def test_a_kit_opens_one_wrap(story: Told, thief: Thief) -> None:
    """R21: of one account; of the two wraps there, that for the kit and not for the password."""
    accounts = {thief.account(person): person for person in (story.ana, story.ben)}
    wraps = thief.wraps()
    assert {(row["account_id"], row["wrap"]) for row in wraps} >= set(pairs(accounts, WRAPS))
    for mine, person in accounts.items():
        key = derive_kit_key(code=kit_code(person), account=mine.bytes)
        opened = [
            (row["account_id"], row["wrap"], account)
            for row, account in pairs(wraps, accounts)
            if opens(key, open_wrap, account, row)
        ]
        assert opened == [(mine, "kit", mine)]


def open_blob(amk: Amk, account: UUID, row: dict[str, Any]) -> None:
    """Open a blob as if it were this account's."""
    place = {"account": account.bytes, "counter": row["counter"]}
    open_sealed(amk, BLOBS[row["kind"]], place, bytes(row["blob"]))


def test_an_amk_opens_the_blobs_of_one_account(story: Told, thief: Thief) -> None:
    accounts = {thief.account(person): person for person in (story.ana, story.ben)}
    rows = thief.rows("SELECT * FROM accounts_accountblob")
    for mine, person in accounts.items():
        amk = Amk(thief.amk(person))
        opened = {
            (row["account_id"], row["kind"], account)
            for row, account in pairs(rows, accounts)
            if opens(amk, open_blob, account, row)
        }
        assert opened == {(mine, kind, mine) for kind in BLOBS}


def test_a_box_key_opens_the_grants_to_one_person(story: Told, thief: Thief) -> None:
    grants = [grant for _row, grant in thief.grants()]
    fps = {}
    for person in (story.ana, story.ben):
        ring = thief.keyring(person)
        public = [
            bytes(SigningKey(ring["identity"]).verify_key),
            bytes(PrivateKey(ring["box"]).public_key),
        ]
        fps[person.name] = fingerprint(*public)
        opened = [grant.to for grant in grants if opens(grant, open_grant, ring["box"])]
        assert opened == [fps[person.name]] * len(opened)
        assert opened != []
    assert len(set(fps.values())) == len(fps)
    # A key that is nobody's opens none.
    assert not any(opens(grant, open_grant, bytes(range(32))) for grant in grants)
