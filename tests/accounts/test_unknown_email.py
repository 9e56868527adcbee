"""An address without an account is told from one with an account by nothing (A5).

Not by bytes, queries, calls to KMS, or time. Time is judged as somebody outside would: the best
threshold on the duration of a try. 0.5 is a coin; with 1,000 tries of each kind the area under the
curve of two equal distributions lies within 0.45 to 0.55 in all but 1 of 10,000 runs. Where it does
not, by chance or for what else the machine does, as many tries more are judged together with them:
a difference stays.
"""

import bisect
import gc
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import opaque_ke_py as opaque
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.valkey import valkey
from audit.models import KmsCall
from tests.opaque_client import (
    Account,
    Answer,
    DjangoApi,
    log_in,
    signup_start,
    signup_upload,
)
from tests.people import PASSWORD, Person

KNOWN, UNKNOWN = "ana@example.com", "eva@example.com"
TRIES = 1000

Attempt = Callable[[str], list[Answer]]


@pytest.fixture
def guess(ana: Person, browser_api: Callable[[], DjangoApi]) -> Attempt:
    """One wrong guess; the client's own work is done beforehand."""
    api = browser_api()
    ke1, ke3 = opaque.client_login_start(b"wrong").get_message(), secrets.token_bytes(64)

    def attempt(email: str) -> list[Answer]:
        start = api("POST", "login/start", {"email": email, "ke1": ke1})
        finish = api("POST", "login/finish", {"handle": start.body["handle"], "ke3": ke3})
        return [start, finish]

    return attempt


@pytest.fixture
def signup(ana: Person, browser_api: Callable[[], DjangoApi]) -> Attempt:
    """One sign-up as far as its code. The upload is made once: its cred is set anew each time."""
    api = browser_api()
    answer, state = signup_start(api, UNKNOWN, PASSWORD)
    upload = signup_upload(Account(UNKNOWN, PASSWORD), answer, state)
    message = opaque.client_registration_start(b"new").get_message()
    auk, kit = upload["wraps"]

    def attempt(email: str) -> list[Answer]:
        start = api("POST", "signup/start", {"email": email, "request": message})
        wraps = [{**auk, "cred": start.body["cred"]}, kit]
        body = {**upload, "handle": start.body["handle"], "wraps": wraps}
        return [start, api("POST", "signup/finish", body)]

    return attempt


@pytest.fixture(params=["guess", "signup"])
def attempt(request: pytest.FixtureRequest) -> Attempt:
    chosen: Attempt = request.getfixturevalue(request.param)
    return chosen


def free() -> None:
    """No try is refused for those before it."""
    keys = valkey().keys("coffret:limit:*")
    if keys:
        valkey().delete(*keys)


def shape(value: Any) -> Any:
    """What can be seen of an answer without knowing what random bytes stand for."""
    if isinstance(value, bytes):
        return len(value)
    return (
        {name: shape(inner) for name, inner in value.items()} if isinstance(value, dict) else value
    )


def test_the_same_bytes_queries_and_calls(attempt: Attempt) -> None:
    attempt(KNOWN)
    seen = []
    for email in (KNOWN, UNKNOWN):
        free()
        calls = KmsCall.objects.count()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answers = attempt(email)
        statements = [query["sql"].split(" WHERE ")[0][:60] for query in queries]
        made = list(
            KmsCall.objects.order_by("started_at")[calls:].values_list("operation", flat=True)
        )
        visible = [(answer.status, shape(without_tokens(answer.body))) for answer in answers]
        seen.append((visible, len(statements), kinds(statements), made))

    assert seen[0] == seen[1]


def without_tokens(body: dict[str, Any]) -> dict[str, Any]:
    return {name: len(value) if name == "csrf" else value for name, value in body.items()}


def kinds(statements: list[str]) -> list[str]:
    """The statements without the numbers and values in them."""
    return [
        " ".join(word for word in s.split() if not any(map(str.isdigit, word))) for s in statements
    ]


def durations(attempt: Attempt, tries: int) -> tuple[list[float], list[float]]:
    """Seconds of interleaved tries, known and unknown; which comes first is drawn."""
    found: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
    for _ in range(tries):
        pair = [KNOWN, UNKNOWN] if secrets.randbelow(2) else [UNKNOWN, KNOWN]
        for email in pair:
            free()
            started = time.perf_counter()
            attempt(email)
            found[email].append(time.perf_counter() - started)
    return found[KNOWN], found[UNKNOWN]


def area(first: list[float], second: list[float]) -> float:
    """The area under the curve of all thresholds: how often a value of `first` is the larger."""
    ordered = sorted(second)
    won = sum(
        (bisect.bisect_left(ordered, value) + bisect.bisect_right(ordered, value)) / 2
        for value in first
    )
    return won / (len(first) * len(second))


def alike(attempt: Attempt) -> bool:
    """Judge a thousand tries of each kind, and if they look different two thousand."""
    known, unknown = durations(attempt, TRIES)
    if not 0.45 < area(known, unknown) < 0.55:
        more_known, more_unknown = durations(attempt, TRIES)
        known, unknown = known + more_known, unknown + more_unknown
    return 0.45 < area(known, unknown) < 0.55


@pytest.fixture
def _quiet() -> Iterator[None]:
    """A collection of garbage is nobody's secret, but it is noise."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_the_judge_sees_a_difference() -> None:
    """0.2 ms in 8, with as much noise: the test below would fail."""
    noise = [number * 265_443 % 400_000 / 1e9 for number in range(2 * TRIES)]
    slow, fast = (
        [0.008 + late + value for value in noise[i::2]] for i, late in ((0, 0.0002), (1, 0.0))
    )
    assert area(slow, fast) > 0.55
    assert area(fast, slow) < 0.45
    assert 0.45 < area(noise[::2], noise[1::2]) < 0.55


@pytest.mark.usefixtures("_quiet")
def test_a_guess_takes_the_same_time(guess: Attempt) -> None:
    assert alike(guess)


@pytest.mark.usefixtures("_quiet")
def test_a_sign_up_takes_the_same_time(signup: Attempt) -> None:
    assert alike(signup)


def test_repeated_answers_are_alike(ana: Person, browser_api: Callable[[], DjangoApi]) -> None:
    """The same KE1 twice: what OPAQUE repeats for an account, it repeats for nobody as well."""
    api = browser_api()
    ke1 = opaque.client_login_start(b"guess").get_message()
    for email in (KNOWN, UNKNOWN):
        first, second = (
            api("POST", "login/start", {"email": email, "ke1": ke1}).body["ke2"] for _ in range(2)
        )
        assert first[:32] == second[:32]  # the evaluated point: seed and credential are the same
        assert first[32:64] != second[32:64]  # the masking nonce
    others = api("POST", "login/start", {"email": "x" + UNKNOWN, "ke1": ke1}).body["ke2"]
    assert others[:32] != first[:32]


def test_nobody_signs_in_as_nobody(browser_api: Callable[[], DjangoApi]) -> None:
    run = log_in(browser_api(), UNKNOWN, PASSWORD)
    assert run.finish is not None
    assert (run.finish.status, run.finish.body["code"]) == (401, "login_failed")
