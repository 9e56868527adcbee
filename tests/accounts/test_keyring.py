"""The account's blobs: the next counter or none, the same bytes again are fine."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from tests.opaque_client import DjangoApi, log_in, opaque_run
from tests.people import PASSWORD, Person
from vaults.kms.local import MASTER_KEY, set_key_disabled

ONE, TWO, THREE = (bytes([n]) * 100 for n in (1, 2, 3))

kinds = pytest.mark.parametrize("kind", ["pins", "settings"])


def put(api: DjangoApi, kind: str, counter: int, blob: bytes) -> tuple[int, object]:
    answer = api("PUT", f"account/{kind}", {"counter": counter, "blob": blob})
    return answer.status, answer.body


@kinds
def test_a_blob_is_written_under_the_next_counter(ana: Person, kind: str) -> None:
    api = ana.api
    assert api("GET", f"account/{kind}").body == {"counter": 0, "blob": None}
    assert put(api, kind, 1, ONE) == (200, {"counter": 1})
    assert put(api, kind, 2, TWO) == (200, {"counter": 2})
    assert put(api, kind, 2, TWO) == (200, {"counter": 2})  # a lost answer, sent again

    assert api("GET", f"account/{kind}").body == {"counter": 2, "blob": TWO}
    assert api("GET", "account/bundle").body[kind] == {"counter": 2, "blob": TWO}


@kinds
@pytest.mark.parametrize(("counter", "blob"), [(1, ONE), (2, THREE), (4, THREE), (1, TWO)])
def test_any_other_counter_tells_what_is_there(
    ana: Person, kind: str, counter: int, blob: bytes
) -> None:
    for number, content in ((1, ONE), (2, TWO)):
        put(ana.api, kind, number, content)
    status, body = put(ana.api, kind, counter, blob)

    assert status == 409
    assert isinstance(body, dict)
    assert (body["code"], body["counter"]) == ("counter_moved", 2)
    assert ana.api("GET", f"account/{kind}").body == {"counter": 2, "blob": TWO}


@kinds
def test_the_first_counter_is_one(ana: Person, kind: str) -> None:
    assert put(ana.api, kind, 2, ONE)[0] == 409
    assert put(ana.api, kind, 0, ONE)[0] == 400


@kinds
def test_blobs_are_ones_own(ana: Person, person: Callable[[str], Person], kind: str) -> None:
    eve = person("eve@example.com")
    put(ana.api, kind, 1, ONE)

    assert eve.api("GET", f"account/{kind}").body == {"counter": 0, "blob": None}


@pytest.mark.parametrize(("kind", "most"), [("pins", 512 * 1024), ("settings", 64 * 1024)])
def test_blobs_have_a_size(ana: Person, kind: str, most: int) -> None:
    assert put(ana.api, kind, 1, bytes(most))[0] == 200
    assert put(ana.api, kind, 2, bytes(most + 1))[0] == 400


def test_that_the_kit_is_saved_is_remembered(ana: Person) -> None:
    assert ana.api("GET", "account/bundle").body["kit_saved"] is False
    assert ana.api("POST", "account/kit_saved", {}).status == 204
    assert ana.api("GET", "account/bundle").body["kit_saved"] is True


def test_with_the_master_key_off_nobody_signs_in_or_unlocks(
    ana: Person, browser_api: Callable[[], DjangoApi]
) -> None:
    path = Path(settings.KMS_LOCAL_KEY_FILE)
    set_key_disabled(path, MASTER_KEY, disabled=True)
    try:
        call_command("kek_flush")
        answers = [
            log_in(browser_api(), "ana@example.com", PASSWORD).start,
            log_in(browser_api(), "nobody@example.com", PASSWORD).start,
            opaque_run(ana.api, "unlock", PASSWORD).start,
            ana.api("GET", "account/bundle"),
        ]
    finally:
        set_key_disabled(path, MASTER_KEY, disabled=False)

    assert {(a.status, a.body["code"]) for a in answers} == {(503, "kms_unavailable")}
    assert ana.api("GET", "account/bundle").status == 200
