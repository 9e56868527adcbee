"""Reading the vectors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def read(name: str) -> Any:
    """The content of one file, without `.json`, its pool put back into the cases."""
    content = json.loads((FOLDER / f"{name}.json").read_text(encoding="ascii"))
    if "pool" not in content:
        return content
    pool = content["pool"]
    return [_with_links(case, pool.__getitem__) for case in content["cases"]]


def pooled(cases: list[dict[str, Any]]) -> dict[str, Any]:
    """The cases with each link replaced by its place in a pool: many cases share a beginning."""
    places: dict[str, int] = {}

    def place(link: str) -> int:
        return places.setdefault(link, len(places))

    rows = [_with_links(case, place) for case in cases]
    return {"pool": list(places), "cases": rows}


def _with_links(case: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """The case with each of its links changed."""
    fields = (field for field in ("team", "links") if field in case)
    return {**case, **{field: [change(link) for link in case[field]] for field in fields}}


def by_name(case: dict[str, Any]) -> str:
    """A pytest id."""
    return str(case.get("name") or case.get("function") or case.get("length"))
