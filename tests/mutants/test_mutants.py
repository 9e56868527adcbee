"""The machine behind `./dev mutants`: it forgets no check, and a check that is gone is noticed."""

import ast
import importlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import vaults.crypto
from tests.crypto.test_vectors import CLIENTS_ONLY
from tests.mutants import switch
from tests.mutants.__main__ import main
from tests.mutants.checks import APPS, ROOT, Check, all_checks

SPEC = Path(vaults.crypto.__file__).with_name("SPEC.md")
ID = re.compile(r"[A-Z]\d+\.\w+")
# Where every refusal is made; elsewhere a verdict may be handed on.
FOLDS = ("vaults/crypto/", "accounts/team_chain/", "vaults/vault_chain.py")


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    found = all_checks()
    for check in found:
        importlib.import_module(check.module)
    return [check for check in found if check.counts()]


def test_every_refusal_of_the_specification_is_made_somewhere(checks: list[Check]):
    text = SPEC.read_text(encoding="utf-8")
    sections = dict(re.findall(r"(?ms)^## (\d) [^\n]*\n(.*?)(?=^## |\Z)", text))
    asked = set(re.findall(rf"`({ID.pattern})`", "".join(sections[number] for number in "3457")))

    assert asked - CLIENTS_ONLY - {check.id() for check in checks} == set()


def test_every_refusal_of_the_folds_has_its_own_id(checks: list[Check]):
    kinds = {"Refused", None}
    nameless = [
        check
        for check in checks
        if check.path.startswith(FOLDS) and (check.raised in kinds) and not ID.fullmatch(check.id())
    ]

    assert nameless == []


def test_no_refusal_is_named_but_at_a_check():
    """Else there is a way to refuse that is never switched off. To compare with an id is none."""
    elsewhere = {
        (path.relative_to(ROOT).as_posix(), node.value)
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        for node in _ids_beside_checks(ast.parse(path.read_bytes()))
    }

    assert elsewhere == {
        ("accounts/schema.py", "T2.role"),  # an example in the description
        ("vaults/crypto/errors.py", "R16.open"),  # what every `DecryptionError` says
    }


def _ids_beside_checks(tree: ast.Module) -> Iterator[ast.Constant]:
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            call = above[node]
            raised = isinstance(call, ast.Call) and isinstance(above[call], ast.Raise)
            needed = isinstance(call, ast.Call) and ast.unparse(call.func) == "need"
            told = raised or needed or isinstance(call, ast.Compare)
            if ID.fullmatch(node.value) and not told:
                yield node


def test_a_check_that_is_off_lets_pass_and_is_noted():
    switch.fired.clear()
    assert switch.holds(1, True)
    assert not switch.holds(1, False)
    assert switch.fires(2)
    switch.off = frozenset({1})
    try:
        assert switch.holds(1, False)
        assert not switch.fires(1)
        assert switch.fires(2)
    finally:
        switch.off = frozenset()
    assert switch.fired == {1, 2}


def test_one_check_of_each_half_is_switched_off_and_caught(capsys: pytest.CaptureFixture[str]):
    pattern = r"/(fold\.py _check_signature|team\.ts checkSignature) T1\.sig$"
    status = main(pattern, ["tests/crypto", "tests/accounts/test_team_chain.py"])
    lines = [line[10:] for line in capsys.readouterr().out.splitlines()]
    half = Counter(line.split()[0] for line in lines if "→ caught by" in line)

    assert lines[-1] == "2 of 2 caught", lines
    assert half == {"server": 1, "client": 1}
    assert status == 0
