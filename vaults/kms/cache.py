"""The cache of opened KEKs: the only place where they live in plaintext.

An entry lives 5 minutes, give or take a fifth, counted from *before* the provider was asked, so
switching off the master key shuts every vault within 6 minutes. It is never served longer, even
when the provider is down. Raising a team's flush number shuts its entries at once.

Callers get a copy of the key, zeroed when their `with` ends; the cache zeroes its own on expiry,
eviction and flush. A shared object could be zeroed by one thread while another seals with it.
"""

import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock, Timer
from typing import Final
from uuid import UUID

from vaults.crypto.keys import Kek
from vaults.kms.base import Decrypted

JITTER: Final = 0.2  # share of the time to live, either way
MAX_ENTRIES: Final = 4096
SWEEP_SECONDS: Final = 15.0

_APP: Final = "coffret"


def kek_context(*, deployment: UUID, team: UUID | None, kek: UUID) -> Mapping[str, str]:
    """Return the KMS context of a KEK; `team` None means the deployment's own KEK."""
    return {
        "app": _APP,
        "deployment": deployment.hex,
        "team": "-" if team is None else team.hex,
        "kek": kek.hex,
    }


@dataclass(frozen=True, slots=True)
class KekRef:
    """Which KEK, and the flush number that its row shows now."""

    kek_id: UUID
    flush_number: int


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class OpenKek:
    """A KEK for one use, and the KMS call that brought it into this process."""

    key: Kek
    call_id: UUID


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class _Entry:
    key: Kek
    call_id: UUID
    flush_number: int
    expires_at: float  # on the cache's clock, seconds

    def lend(self) -> OpenKek:
        return OpenKek(Kek(self.key.raw), self.call_id)


class KekCache:
    """Opened KEKs by id; thread-safe, bounded, one load at a time for each KEK."""

    def __init__(
        self,
        *,
        ttl_seconds: float,
        max_entries: int = MAX_ENTRIES,
        sweep_seconds: float = SWEEP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl_seconds = ttl_seconds
        self._max_entries = max_entries
        self._sweep_seconds = sweep_seconds
        self._clock = clock
        self._start_empty()
        os.register_at_fork(after_in_child=self._start_empty)

    @contextmanager
    def get(self, ref: KekRef, load: Callable[[], Decrypted]) -> Iterator[OpenKek]:
        """Lend the KEK for the length of a `with`, loading it if it is not held.

        Args:
            ref: an entry with another flush number is dropped and loaded anew.
            load: asks the provider; called without any lock held, once however many wait. Its
                plaintext is zeroed here.

        Raises:
            KmsUnavailable: whatever `load` raises, to everyone who waited for it.
        """
        lent = self._obtain(ref, load)
        with lent.key:
            yield lent

    def drop(self, kek_id: UUID) -> None:
        """Forget one KEK now, in this process."""
        with self._lock:
            self._remove(kek_id)

    def clear(self) -> None:
        """Forget every KEK now, in this process."""
        with self._lock:
            for kek_id in list(self._entries):
                self._remove(kek_id)

    def sweep(self) -> None:
        """Forget what has expired, so that an idle process holds no key."""
        with self._lock:
            now = self._clock()
            for kek_id in [k for k, entry in self._entries.items() if entry.expires_at <= now]:
                self._remove(kek_id)

    def __len__(self) -> int:
        return len(self._entries)

    def _start_empty(self) -> None:
        # After a fork the parent's lock may be held by a thread that does not exist here, its
        # timer does not run here, and its keys are not ours to keep.
        self._lock = RLock()
        for entry in getattr(self, "_entries", {}).values():
            entry.key.zero()
        self._entries: OrderedDict[UUID, _Entry] = OrderedDict()
        self._flights: dict[KekRef, Future[None]] = {}
        self._timer: Timer | None = None

    def _obtain(self, ref: KekRef, load: Callable[[], Decrypted]) -> OpenKek:
        """Copy the entry, after loading it or waiting for whoever is loading it."""
        while True:
            with self._lock:
                held = self._held(ref)
                if held is not None:
                    return held
                flight = self._flights.get(ref)
                if flight is None:
                    mine = self._flights[ref] = Future()
            if flight is None:
                return self._load(ref, load, mine)
            # Then look again: the entry may have been flushed or evicted meanwhile.
            flight.result()

    def _load(self, ref: KekRef, load: Callable[[], Decrypted], flight: Future[None]) -> OpenKek:
        """Ask the provider. The time to live begins before the question, not after the answer."""
        asked_at = self._clock()
        try:
            loaded = load()
            entry = _Entry(
                key=Kek(loaded.plaintext),
                call_id=loaded.call_id,
                flush_number=ref.flush_number,
                expires_at=asked_at + self._ttl_seconds * _jitter(),
            )
        except BaseException as error:
            self._land(ref)
            flight.set_exception(error)
            raise
        loaded.plaintext[:] = bytes(len(loaded.plaintext))
        lent = entry.lend()
        with self._lock:
            self._remove(ref.kek_id)
            self._entries[ref.kek_id] = entry
            while len(self._entries) > self._max_entries:
                self._remove(next(iter(self._entries)))
            self._land(ref)
            self._wind_timer()
        flight.set_result(None)
        return lent

    def _land(self, ref: KekRef) -> None:
        with self._lock:
            self._flights.pop(ref, None)

    def _held(self, ref: KekRef) -> OpenKek | None:
        """Copy a live entry, or drop a dead one."""
        with self._lock:
            entry = self._entries.get(ref.kek_id)
            if entry is None:
                return None
            if entry.flush_number != ref.flush_number or entry.expires_at <= self._clock():
                self._remove(ref.kek_id)
                return None
            self._entries.move_to_end(ref.kek_id)
            return entry.lend()

    def _remove(self, kek_id: UUID) -> None:
        entry = self._entries.pop(kek_id, None)
        if entry is not None:
            entry.key.zero()

    def _wind_timer(self) -> None:
        if self._timer is None and self._entries:
            self._timer = Timer(self._sweep_seconds, self._timed_sweep)
            self._timer.daemon = True
            self._timer.start()

    def _timed_sweep(self) -> None:
        with self._lock:
            self._timer = None
            self.sweep()
            self._wind_timer()


def _jitter() -> float:
    """A factor of 0.8 to 1.2, so that processes started together do not all ask KMS together."""
    return 1 + JITTER * (2 * secrets.randbelow(1_000_001) / 1_000_000 - 1)


_process: list[KekCache] = []


def configure(*, ttl_seconds: float) -> None:
    """Start this process's cache with another time to live; what it held is forgotten."""
    for cache in _process:
        cache.clear()
    _process[:] = [KekCache(ttl_seconds=ttl_seconds)]


def process_cache() -> KekCache:
    """Return the cache of this process.

    Raises:
        RuntimeError: `configure` has not been called.
    """
    if not _process:
        raise RuntimeError("vaults.kms.cache.configure() has not been called")
    return _process[0]
