"""Bytes that look random and are the same in every run: vectors must come out byte for byte."""

import hashlib
import uuid


class Draw:
    """A stream of bytes from a seed."""

    def __init__(self, seed: str) -> None:
        self._stream = hashlib.shake_256(seed.encode())
        self._used = 0
        self._pool = b""

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self._used + size
        if end > len(self._pool):
            self._pool = self._stream.digest(max(2 * end, 4096))
        self._used = end
        return self._pool[end - size : end]

    def uuid7(self, at: int) -> bytes:
        """A UUIDv7 of `at` (Unix milliseconds), 16 bytes."""
        number = (at << 80) | (int.from_bytes(self.take(10), "big"))
        number = number & ~(0xF << 76) | (7 << 76)
        number = number & ~(0b11 << 62) | (0b10 << 62)
        return uuid.UUID(int=number).bytes
