"""What becomes of memory: how much a web process keeps, and that none is dumped.

glibc keeps what was freed: an arena for each thread, and a threshold that grows with the largest
block ever freed (mallopt(3), M_MMAP_THRESHOLD), so a process stays as large as its busiest moment.
Left alone, a first sync of 10,000 items cost 80 MB for good. The threads of a process share its
interpreter lock, so they hardly meet at the one arena.

The web server itself brings jemalloc, which kept another 15 MB of the bodies that went through it.
That reads `SERVER_HEAP` from the environment when it is loaded.
"""

import ctypes
import gc
import resource
from typing import Final

# For granian: one arena, and what is freed is given back at once.
SERVER_HEAP: Final = {
    "_RJEM_MALLOC_CONF": "narenas:1,dirty_decay_ms:0,muzzy_decay_ms:0",
}

# The parameters of mallopt(3), from malloc.h.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8

# Bytes. A larger block is mapped, and unmapped when it is freed: a batch of items is 200 kB.
LARGE_BLOCK: Final = 64 * 1024
# Bytes at the heap's end that are kept, so that small requests need not ask for them again.
SPARE: Final = 1024 * 1024


def no_core_dumps() -> None:
    """Have the system write no core file of this process and those it starts: it holds keys.

    For good, since the hard limit goes too. A program that the kernel pipes cores to is told the
    limit; systemd-coredump keeps to it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def bound_heap() -> None:
    """Have freed memory given back to the system. Without glibc nothing is done, nor needed."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_ARENA_MAX, 1)
        libc.mallopt(_MMAP_THRESHOLD, LARGE_BLOCK)
        libc.mallopt(_TRIM_THRESHOLD, SPARE)


def give_back() -> None:
    """After a large request: collect what its parsers left in rings, and trim the heap."""
    gc.collect()
    trim_heap()


def trim_heap() -> None:
    """Give back every page that holds nothing, in the middle of the heap too: milliseconds."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
