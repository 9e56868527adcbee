"""The whole product for a test in another language: `python -m tests.serve`.

Prints one line of JSON, `{"url": ..., "folder": ...}`, once it answers; ends when its input is
closed, so that no server outlives the test that started it.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.product import product


def main() -> None:
    """Serve until the input ends."""
    with tempfile.TemporaryDirectory(prefix="coffret-") as folder:
        # PostgreSQL runs as another user where the test runs as root.
        Path(folder).chmod(0o755)
        # Each client says from which address it comes: what is counted by machine is counted apart.
        with product(Path(folder) / "data", COFFRET_BEHIND_PROXY="1") as running:
            place = {"url": running.url, "folder": str(running.folder)}
            sys.stdout.write(f"{json.dumps(place)}\n")
            sys.stdout.flush()
            sys.stdin.read()


if __name__ == "__main__":
    main()
