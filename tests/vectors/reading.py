"""Reading the vectors."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def read(name: str) -> Any:
    """The content of one file, without `.json`."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="ascii"))


def by_name(case: dict[str, Any]) -> str:
    """A pytest id."""
    return str(case.get("name") or case.get("function") or case.get("length"))
