"""The KEK cache: how long an opened KEK lives, who waits, and what is left of it afterwards."""

import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from tests.kms.journal import KeptJournal
from vaults.kms.base import Decrypted, KmsUnavailable
from vaults.kms.cache import JITTER, KekCache, KekRef, kek_context
from vaults.kms.local import LocalKms, create_key_file, set_key_disabled

TTL = 300.0
WAIT = 60  # seconds, for a thread that ends at once unless something is wrong
REF = KekRef(UUID(int=1), 0)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Loader:
    """Counts how often it was asked; each answer is another key."""

    def __init__(self):
        self.calls = []
        self.error = None

    def __call__(self):
        if self.error is not None:
            raise self.error
        call_id = uuid4()
        self.calls.append(call_id)
        return Decrypted(bytearray([len(self.calls)] * 32), call_id)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    cache = KekCache(ttl_seconds=TTL, max_entries=3, sweep_seconds=3600, clock=clock)
    yield cache
    if cache._timer is not None:
        cache._timer.cancel()


@pytest.fixture
def load():
    return Loader()


def borrow(cache, load, ref=REF):
    with cache.get(ref, load) as kek:
        return bytes(kek.key.raw), kek.call_id


def test_a_held_kek_is_not_loaded_again_and_names_the_call_that_loaded_it(cache, load):
    first, again = borrow(cache, load), borrow(cache, load)
    assert first == again == (b"\1" * 32, load.calls[0])
    assert len(load.calls) == 1


def test_it_lives_five_minutes_give_or_take_a_fifth(cache, load, clock):
    lives = set()
    for number in range(60):
        ref = KekRef(UUID(int=number + 10), 0)
        borrow(cache, load, ref)
        lives.add(cache._entries[ref.kek_id].expires_at - clock.now)
    assert TTL * (1 - JITTER) <= min(lives) < TTL * 0.9
    assert TTL * 1.1 < max(lives) <= TTL * (1 + JITTER)

    borrow(cache, load)
    clock.now += TTL * (1 - JITTER) - 1
    assert borrow(cache, load)[1] == load.calls[-1]
    count = len(load.calls)
    clock.now += TTL * 2 * JITTER + 2
    borrow(cache, load)
    assert len(load.calls) == count + 1


def test_the_life_is_counted_from_before_the_provider_was_asked(cache, load, clock):
    def slow():
        clock.now += TTL * (1 + JITTER)
        return load()

    borrow(cache, slow)
    borrow(cache, load)
    assert len(load.calls) == 2


def test_an_expired_kek_is_not_served_when_the_provider_is_down(cache, load, clock):
    borrow(cache, load)
    load.error = KmsUnavailable("DisabledException")
    assert borrow(cache, load)[0] == b"\1" * 32
    clock.now += TTL * (1 + JITTER)
    with pytest.raises(KmsUnavailable), cache.get(REF, load):
        pytest.fail("served after its time")
    assert len(cache) == 0


def test_a_failed_load_is_tried_again_by_the_next(cache, load):
    load.error = KmsUnavailable("ThrottlingException")
    with pytest.raises(KmsUnavailable):
        borrow(cache, load)
    load.error = None
    assert borrow(cache, load)[0] == b"\1" * 32


def test_another_flush_number_drops_the_entry_even_if_the_provider_is_down(cache, load):
    borrow(cache, load)
    held = cache._entries[REF.kek_id].key.raw
    load.error = KmsUnavailable("DisabledException")
    with pytest.raises(KmsUnavailable):
        borrow(cache, load, KekRef(REF.kek_id, 1))
    assert held == bytes(32)
    assert len(cache) == 0


def test_a_load_from_before_a_flush_does_not_serve_those_after_it(cache, load):
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert go_on.wait(WAIT)
        return load()

    with ThreadPoolExecutor(1) as pool:
        old = pool.submit(borrow, cache, slow)
        assert begun.wait(WAIT)
        fresh = borrow(cache, load, KekRef(REF.kek_id, 1))
        go_on.set()
        assert old.result()[1] != fresh[1]
    # The late one was kept under the old number, which nobody after the flush asks for.
    assert borrow(cache, load, KekRef(REF.kek_id, 1))[1] != old.result()[1]


def test_the_least_recently_used_goes_when_it_is_full(cache, load):
    refs = [KekRef(UUID(int=n + 1), 0) for n in range(4)]
    for ref in refs[:3]:
        borrow(cache, load, ref)
    second = cache._entries[refs[1].kek_id].key.raw
    borrow(cache, load, refs[0])
    borrow(cache, load, refs[3])

    assert len(cache) == 3
    assert second == bytes(32)
    borrow(cache, load, refs[0])
    assert len(load.calls) == 4
    borrow(cache, load, refs[1])
    assert len(load.calls) == 5


@pytest.mark.parametrize("forget", ["drop", "clear", "sweep"])
def test_what_is_forgotten_is_zeroed(cache, load, clock, forget):
    borrow(cache, load)
    held = cache._entries[REF.kek_id].key.raw
    assert any(held)
    clock.now += TTL * (1 + JITTER)
    {"drop": lambda: cache.drop(REF.kek_id), "clear": cache.clear, "sweep": cache.sweep}[forget]()
    assert held == bytes(32)
    assert len(cache) == 0


def test_a_sweep_leaves_what_lives(cache, load):
    borrow(cache, load)
    cache.sweep()
    assert len(cache) == 1


def test_the_borrowed_key_is_a_copy_that_ends_with_its_with_block(cache, load):
    with cache.get(REF, load) as kek:
        cache.clear()
        assert kek.key.raw == b"\1" * 32
        raw = kek.key.raw
    assert raw == bytes(32)

    with suppress(RuntimeError), cache.get(REF, load) as kek:
        raw = kek.key.raw
        raise RuntimeError
    assert raw == bytes(32)


def test_what_the_provider_returned_is_zeroed(cache):
    loaded = Decrypted(bytearray(b"k" * 32), uuid4())
    borrow(cache, lambda: loaded)
    assert loaded.plaintext == bytes(32)


def test_many_who_miss_at_once_make_one_call(cache, load):
    everyone = threading.Barrier(8)

    def slow():
        time.sleep(0.1)
        return load()

    def one(_number):
        everyone.wait(WAIT)
        return borrow(cache, slow)

    with ThreadPoolExecutor(8) as pool:
        borrowed = set(pool.map(one, range(8)))
    assert borrowed == {(b"\1" * 32, load.calls[0])}
    assert len(load.calls) == 1


def test_a_plaintext_of_another_length_is_refused_and_blocks_nobody(cache, load):
    with pytest.raises(ValueError, match="32 bytes"):
        borrow(cache, lambda: Decrypted(bytearray(31), uuid4()))
    assert borrow(cache, load)[0] == b"\1" * 32


def test_everyone_who_waited_gets_the_failure_of_the_one_call(cache, monkeypatch):
    others, calls = threading.Semaphore(0), []

    class Flight(Future):
        """Says when somebody begins to wait for it."""

        def result(self, timeout=None):
            others.release()
            return super().result(timeout)

    def fail():
        calls.append(1)
        for _ in range(7):
            assert others.acquire(timeout=WAIT)
        raise KmsUnavailable("ThrottlingException")

    def one(_number):
        with pytest.raises(KmsUnavailable):
            borrow(cache, fail)

    monkeypatch.setattr("vaults.kms.cache.Future", Flight)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert len(calls) == 1


def test_two_keks_are_loaded_side_by_side(cache, load):
    both = threading.Barrier(2)

    def together():
        both.wait(WAIT)
        return load()

    with ThreadPoolExecutor(2) as pool:
        refs = [KekRef(UUID(int=n + 1), 0) for n in range(2)]
        list(pool.map(lambda ref: borrow(cache, together, ref), refs))
    assert len(load.calls) == 2


def test_an_idle_process_forgets_by_itself(load, clock):
    cache = KekCache(ttl_seconds=TTL, sweep_seconds=0.05, clock=clock)
    borrow(cache, load)
    held = cache._entries[REF.kek_id].key.raw
    clock.now += TTL * (1 + JITTER)
    deadline = time.monotonic() + WAIT
    while len(cache) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(cache) == 0
    assert held == bytes(32)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_holds_no_key_of_its_parent(cache, load):
    borrow(cache, load)
    child = os.fork()
    if child == 0:
        os._exit(len(cache))
    assert os.waitpid(child, 0)[1] == 0
    assert len(cache) == 1


def test_switching_off_the_master_key_shuts_the_kek_within_its_life(cache, clock, tmp_path):
    path = tmp_path / "keys.json"
    create_key_file(path)
    kms = LocalKms(path, KeptJournal())
    context = kek_context(deployment=uuid4(), team=uuid4(), kek=REF.kek_id)
    blob = kms.generate_data_key(key_id="master", context=context).blob

    def load():
        return kms.decrypt(key_id="master", blob=blob, context=context)

    before = borrow(cache, load)
    set_key_disabled(path, "master", disabled=True)
    assert borrow(cache, load) == before
    clock.now += TTL * (1 + JITTER)
    with pytest.raises(KmsUnavailable):
        borrow(cache, load)
    set_key_disabled(path, "master", disabled=False)
    assert borrow(cache, load)[0] == before[0]


def test_a_context_names_the_deployment_by_a_dash():
    deployment, kek = UUID(int=1), UUID(int=2)
    assert kek_context(deployment=deployment, team=None, kek=kek) == {
        "app": "coffret",
        "deployment": deployment.hex,
        "team": "-",
        "kek": kek.hex,
    }
