"""How often one may guess: counted before KMS, given back for a right password, never for good."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import opaque_ke_py as opaque
import pytest

from accounts.device import COOKIE
from accounts.errors import RateLimited
from accounts.limits import Bucket, count_try, give_back
from accounts.valkey import valkey
from audit.models import KmsCall
from tests.opaque_client import DjangoApi, log_in
from tests.people import PASSWORD, Person

Browser = Callable[[], DjangoApi]
EMAIL = "ana@example.com"
SECOND = 1_000_000  # µs


pytestmark = pytest.mark.usefixtures("limits_clock")


def ke1(api: DjangoApi, email: str = EMAIL) -> Any:
    started = opaque.client_login_start(b"wrong")
    return api("POST", "login/start", {"email": email, "ke1": started.get_message()})


def age(seconds: int) -> None:
    """Let time pass for all buckets."""
    for key in valkey().keys("coffret:limit:*"):
        if valkey().type(key) == b"hash":
            valkey().hincrby(key, "us", -seconds * SECOND)


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_every_ke1_counts_and_the_sixth_is_not_answered(
    ana: Person, browser_api: Browser, email: str
) -> None:
    before = KmsCall.objects.count()
    answers = [ke1(browser_api(), email) for _ in range(6)]

    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert answers[-1].body["code"] == "too_many"
    assert answers[-1].body["retry_after"] == 1
    assert KmsCall.objects.count() == before + 5


def test_the_wait_doubles_and_is_capped() -> None:
    bucket = Bucket("test", secrets.token_hex(4), 2)
    for _ in range(2):
        count_try([bucket])
    waits = []
    for _ in range(12):
        with pytest.raises(RateLimited) as refused:
            count_try([bucket])
        waits.append(refused.value.extra["retry_after"])
        valkey().hincrby(bucket.key, "us", -900 * SECOND)
        count_try([bucket])

    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-3:] == [512, 900, 900]


@pytest.mark.parametrize("begin", [0, SECOND // 2, SECOND - 1])
def test_a_wait_is_as_long_as_it_says_wherever_in_a_second_it_begins(
    limits_clock: Callable[[int], None], begin: int
) -> None:
    bucket = Bucket("test", secrets.token_hex(4), 1)
    limits_clock(begin)
    count_try([bucket])
    for late, told in ((1, 1), (SECOND - 1, 1), (SECOND, None), (SECOND + 1, 2)):
        limits_clock(begin + late)
        if told is None:
            count_try([bucket])
            continue
        with pytest.raises(RateLimited) as refused:
            count_try([bucket])
        assert refused.value.extra["retry_after"] == told


def test_after_the_wait_one_more_is_answered(ana: Person, browser_api: Browser) -> None:
    for _ in range(5):
        ke1(browser_api())
    assert ke1(browser_api()).status == 429
    age(1)
    assert ke1(browser_api()).status == 200
    assert ke1(browser_api()).body["retry_after"] == 2


def test_a_right_password_gives_back_its_own_try_only(ana: Person, browser_api: Browser) -> None:
    for _ in range(3):
        ke1(browser_api())
    for _ in range(6):
        run = log_in(browser_api(), EMAIL, PASSWORD)
        assert run.finish is not None
        assert run.finish.status == 200
    assert [ke1(browser_api()).status for _ in range(3)] == [200, 200, 429]


def test_what_kms_did_not_answer_is_no_guess(
    ana: Person, browser_api: Browser, settings: Any
) -> None:
    from vaults.kms.local import LOGIN_KEY, set_key_disabled

    set_key_disabled(settings.KMS_LOCAL_KEY_FILE, LOGIN_KEY, disabled=True)
    try:
        answers = [ke1(browser_api()) for _ in range(8)]
    finally:
        set_key_disabled(settings.KMS_LOCAL_KEY_FILE, LOGIN_KEY, disabled=False)

    assert {(answer.status, answer.body["code"]) for answer in answers} == {
        (503, "kms_unavailable")
    }
    assert ke1(browser_api()).status == 200


def test_strangers_do_not_lock_out_a_known_device(ana: Person, browser_api: Browser) -> None:
    for _ in range(6):
        ke1(browser_api())
    assert ke1(browser_api()).status == 429
    ana.api("DELETE", "session")

    run = log_in(ana.api, EMAIL, PASSWORD)
    assert run.finish is not None
    assert run.finish.status == 200


def test_a_known_device_has_five_tries_too(ana: Person, browser_api: Browser) -> None:
    assert [ke1(ana.api).status for _ in range(6)] == [200] * 5 + [429]
    # And uses up nobody else's.
    assert ke1(browser_api()).status == 200


def test_a_device_is_known_for_its_own_account_only(
    ana: Person, person: Callable[[str], Person]
) -> None:
    eve = person("eve@example.com")
    assert [ke1(eve.api, EMAIL).status for _ in range(6)] == [200] * 5 + [429]
    assert ke1(ana.api).status == 200


def test_a_made_up_cookie_is_no_device(ana: Person, browser_api: Browser) -> None:
    mine = ana.api.client.cookies[COOKIE].value
    for value in (mine[:-1] + ("A" if mine[-1] != "A" else "B"), "x", ""):
        api = browser_api()
        api.client.cookies[COOKIE] = value
        ke1(api)
    assert [ke1(browser_api()).status for _ in range(3)] == [200, 200, 429]


def test_one_machine_has_its_own_count(browser_api: Browser) -> None:
    address = "203.0.113.7"
    answers = [ke1(DjangoApi(address), f"{uuid4()}@example.com").status for _ in range(31)]

    assert answers == [200] * 30 + [429]
    assert ke1(DjangoApi("203.0.113.8"), "x@example.com").status == 200


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("203.0.113.{}", "203.0.112.1"),
        ("2001:db8:7:{:x}00::1", "2001:db8:8:1::1"),
    ],
)
def test_one_network_has_its_own_count(deployment: Any, inside: str, outside: str) -> None:
    """150 tries from as many machines of a /24 or a /48, each at another account."""
    api = DjangoApi()

    def guess_from(address: str) -> int:
        api.client.defaults["REMOTE_ADDR"] = address
        status: int = ke1(api, f"{uuid4()}@example.com").status
        return status

    assert {guess_from(inside.format(machine)) for machine in range(1, 151)} == {200}
    assert guess_from(inside.format(151)) == 429
    assert guess_from(outside) == 200


def test_the_cookie_is_safe(ana: Person) -> None:
    cookie = ana.api.client.cookies[COOKIE]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (
        True,
        True,
        "Strict",
        "/",
    )
    assert not cookie["domain"]


def test_a_mailed_link_gives_a_new_browser_its_own_tries(
    ana: Person, browser_api: Browser, mailoutbox: list[Any]
) -> None:
    for _ in range(6):
        ke1(browser_api())
    api = browser_api()
    assert ke1(api).status == 429
    assert api("POST", "login/link", {"email": EMAIL}).status == 202
    assert mailoutbox[0].to == [EMAIL]
    token = mailoutbox[0].body.split("/device#")[1].split()[0]

    assert api("POST", "login/device", {"token": token}).status == 204
    run = log_in(api, EMAIL, PASSWORD)
    assert run.finish is not None
    assert run.finish.status == 200
    again = browser_api()("POST", "login/device", {"token": token})
    assert (again.status, again.body["code"]) == (410, "gone")


def test_asking_for_a_link_tells_nothing(
    ana: Person, browser_api: Browser, mailoutbox: list[Any]
) -> None:
    answers = [browser_api()("POST", "login/link", {"email": EMAIL}) for _ in range(5)]
    nobody = browser_api()("POST", "login/link", {"email": "nobody@example.com"})

    assert {(answer.status, str(answer.body)) for answer in [*answers, nobody]} == {(202, "{}")}
    assert len(mailoutbox) == 3
    assert {mail.to[0] for mail in mailoutbox} == {EMAIL}


@pytest.mark.parametrize("token", ["x", "a:b:c"])
def test_a_made_up_link_is_gone(browser_api: Browser, token: str) -> None:
    assert browser_api()("POST", "login/device", {"token": token}).status == 410


def test_counting_is_exact_under_threads() -> None:
    bucket = Bucket("test", secrets.token_hex(4), 50)

    def attempt(_number: int) -> bool:
        try:
            count_try([bucket])
        except RateLimited:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(200))) == 50


def test_a_try_counts_in_all_buckets_or_in_none() -> None:
    narrow, wide = (Bucket("test", secrets.token_hex(4), free) for free in (1, 100))
    counted = count_try([narrow, wide])
    for _ in range(3):
        with pytest.raises(RateLimited):
            count_try([narrow, wide])
    assert valkey().hget(wide.key, "n") == b"1"
    for _ in range(2):
        give_back(counted)
    assert valkey().hget(wide.key, "n") == b"0"
