"""The client's folds in a process of their own, asked over a pipe."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from vaults.crypto import cbor

STATIC = Path(__file__).parents[2] / "static"
LENGTH_SIZE = 4  # bytes


class Judge:
    """`judge.mjs`, started once and asked often."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "tests/fuzz/judge.mjs"],
            cwd=STATIC,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def ask(self, request: bytes) -> list[bytes]:
        """The lines for one story.

        Raises:
            RuntimeError: the process ended; what it said is on its standard error.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        try:
            stdin.write(len(request).to_bytes(LENGTH_SIZE, "big") + request)
            stdin.flush()
        except BrokenPipeError:
            raise RuntimeError("the client's folds ended: see above") from None
        size = int.from_bytes(stdout.read(LENGTH_SIZE), "big")
        answer = stdout.read(size)
        if not size or len(answer) < size:
            raise RuntimeError("the client's folds ended: see above")
        lines: list[bytes] = cbor.loads(answer)
        return lines
