"""Load on the product, and what its web processes spend on it."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.product import Product

WARM_UP_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Load:
    """What a load came to."""

    operations: int
    seconds: float
    server_cpu_seconds: float

    @property
    def cpu_ms(self) -> float:
        return self.server_cpu_seconds / self.operations * 1000

    @property
    def per_second(self) -> float:
        return self.operations / self.seconds


def server_cpu(product: Product) -> float:
    """Return the user and system seconds of all web processes so far."""
    times = [process.cpu_times() for process in product.web()]
    return sum(each.user + each.system for each in times)


def largest_rss_mb(product: Product) -> float:
    """Return the resident memory of the largest web process, in MB."""
    return max(process.memory_info().rss for process in product.web()) / 1e6


def run(product: Product, operations: Sequence[Callable[[], object]], *, seconds: float) -> Load:
    """Repeat each operation in a thread of its own for the given time, after a warm-up.

    Raises:
        Exception: the first one that an operation raised: no failed answer is ever counted.
    """
    started, stop = threading.Event(), threading.Event()
    counts = [0] * len(operations)

    def work(number: int) -> None:
        operation = operations[number]
        while not stop.is_set():
            operation()
            if started.is_set():
                counts[number] += 1

    with ThreadPoolExecutor(len(operations)) as pool:
        futures = [pool.submit(work, number) for number in range(len(operations))]
        time.sleep(min(WARM_UP_SECONDS, seconds))
        cpu, clock = server_cpu(product), time.monotonic()
        started.set()
        deadline = clock + seconds
        while time.monotonic() < deadline and not any(future.done() for future in futures):
            time.sleep(0.05)
        elapsed, spent, done = time.monotonic() - clock, server_cpu(product) - cpu, sum(counts)
        stop.set()
        for future in futures:
            future.result()
    return Load(done, elapsed, spent)


def in_turn(operations: Sequence[Callable[[], object]]) -> Callable[[], object]:
    """One operation at a time, of one client after another: by itself none may do so much."""
    turns = itertools.cycle(operations)

    def operation() -> object:
        return next(turns)()

    return operation


def both(
    product: Product,
    operations: Sequence[Callable[[], object]],
    *,
    seconds: float,
) -> tuple[float, float]:
    """Return the server's CPU ms for one operation at a time, and operations/s with all."""
    alone = run(product, [in_turn(operations)], seconds=seconds)
    together = run(product, operations, seconds=seconds)
    return alone.cpu_ms, together.per_second
