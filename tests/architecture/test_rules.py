"""What neither ruff nor import-linter can say: style rules that hold for a kind of file."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.embedded import BASE_DIR

APPS = ("accounts", "audit", "config", "sharing", "vaults")
KEY = re.compile(r"(^|_)(key|dek|kek|amk|auk|secret|seed|plaintext)$")
DOORS = ("api.py", "views.py", "tasks.py")

Rule = Callable[[ast.AST], bool]


def asks_a_model(node: ast.AST) -> bool:
    """`Model.objects`: rows are reached by selectors and services, which take a proof of access."""
    return isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager"}


def shows_a_key(node: ast.AST) -> bool:
    """A key's bytes inside an f-string: they would end in a log or a message."""
    if not isinstance(node, ast.FormattedValue):
        return False
    names = [getattr(each, "attr", "") or getattr(each, "id", "") for each in ast.walk(node.value)]
    opened = {"bytes", "bytearray", "hex"} & set(names)
    return "raw" in names or bool(opened and any(map(KEY.search, names)))


def may_be_nested(node: ast.AST) -> bool:
    """`atomic()` that joins its caller's transaction: at its end nothing is done yet."""
    if not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "atomic"):
        return False
    given = {each.arg: each.value for each in node.keywords}
    durable = given.get("durable")
    return not (isinstance(durable, ast.Constant) and durable.value is True)


def sources() -> Iterator[Path]:
    for app in APPS:
        yield from (
            p for p in sorted((BASE_DIR / app).rglob("*.py")) if "migrations" not in p.parts
        )


def broken(rule: Rule, paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(BASE_DIR)}:{getattr(node, 'lineno', 0)}"
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if rule(node)
    ]


def test_doors_ask_no_model() -> None:
    doors = [path for path in sources() if path.name in DOORS]
    assert len(doors) > 4
    assert broken(asks_a_model, doors) == []


def test_no_text_shows_a_key() -> None:
    paths = list(sources())
    assert len(paths) > 60
    assert broken(shows_a_key, paths) == []


def test_services_open_transactions_of_their_own() -> None:
    services = [path for path in sources() if "services" in {path.stem, path.parent.name}]
    assert len(services) > 8
    assert broken(may_be_nested, services) == []


@pytest.mark.parametrize(
    ("rule", "caught", "allowed"),
    [
        (asks_a_model, "User.objects.get()", "users_of(access)"),
        (shows_a_key, "f'{bytes(key)}'", "f'{bytes(member_id).hex()}'"),
        (shows_a_key, "f'a {key.raw!r}'", "f'{key}'"),
        (shows_a_key, "f'{self.box_secret.hex()}'", "key.raw"),
        (may_be_nested, "transaction.atomic()", "transaction.atomic(durable=True)"),
        (may_be_nested, "transaction.atomic(durable=False)", "unit_of_work()"),
    ],
)
def test_each_rule_sees_what_it_forbids(rule: Rule, caught: str, allowed: str) -> None:
    assert any(rule(node) for node in ast.walk(ast.parse(caught)))
    assert not any(rule(node) for node in ast.walk(ast.parse(allowed)))
