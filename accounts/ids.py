"""Ids that sort by the time they were made."""

import secrets
import time
from uuid import UUID

RANDOM_BITS = 74


def uuid7() -> UUID:
    """Return a UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then 74 random ones."""
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(RANDOM_BITS)
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76  # version
    value |= (random >> 62) << 64
    value |= 0b10 << 62  # variant
    value |= random & (1 << 62) - 1
    return UUID(int=value)
