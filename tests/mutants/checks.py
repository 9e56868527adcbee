"""Finds every check in the server's source, and compiles it so that each can be switched off.

A check is a `need(condition, id)` or a `raise`. Which exceptions count is decided once the modules
are loaded (`Check.refuses`), since a name alone does not tell what class it is.
"""

import ast
import builtins
import importlib
import importlib.machinery
import importlib.util
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from django.contrib.sessions.backends.base import CreateError, UpdateError
from rest_framework.exceptions import APIException

from tests.mutants import switch

ROOT = Path(__file__).parents[2]
APPS = ("accounts", "vaults", "sharing")
HOLDS, FIRES = "__check_holds__", "__check_fires__"


@dataclass(frozen=True, slots=True)
class Check:
    number: int
    module: str
    path: str  # from the root of the checkout
    line: int
    function: str
    raised: str | None  # the source of the exception's class; None for a `need`
    argument: str | None  # what it is raised with, if that is one plain text

    def counts(self) -> bool:
        """Whether it refuses something that somebody sent or stored; a fault of ours does not."""
        kind = self.kind()
        return self.raised is None or (kind is not None and issubclass(kind, _verdicts()))

    def kind(self) -> type[BaseException] | None:
        """The class that is raised; None for a `need`, and for an exception handed on."""
        names = vars(builtins) | vars(sys.modules[self.module])
        if self.raised is None or self.raised.split(".")[0] not in names:
            return None
        found = eval(self.raised, names)  # noqa: S307 - a name in our own source
        return found if isinstance(found, type) else None

    def id(self) -> str:
        """The refusal's id where there is one, else the code of the answer, else the class."""
        kind = self.kind()
        if kind is not None and not _takes_id(kind):
            return str(getattr(kind, "code", kind.__name__))
        if self.argument is None and kind is not None:
            return f"{kind.__name__} of a verdict"
        return str(self.argument)

    def place(self) -> str:
        """What names the check as long as its function is not rewritten."""
        return f"{self.path} {self.function} {self.id()}"


def named(checks: Sequence[Check]) -> dict[int, str]:
    """The places of checks by number; the second of a place ends in ` #2`."""
    counts: Counter[str] = Counter()
    names = {}
    for check in checks:
        counts[check.place()] += 1
        count = counts[check.place()]
        names[check.number] = check.place() + (f" #{count}" if count > 1 else "")
    return names


def _verdicts() -> tuple[type[BaseException], ...]:
    """Every class whose raising is a check. They are loaded with switches themselves."""
    errors = importlib.import_module("vaults.crypto.errors")
    return (
        *(errors.Refused, errors.Waiting, errors.DecryptionError),
        importlib.import_module("vaults.crypto.cbor").CborError,
        importlib.import_module("vaults.kms.base").KmsUnavailable,
        importlib.import_module("accounts.errors").DomainError,
        importlib.import_module("sharing.services.cutting").CutRefused,
        *(APIException, CreateError, UpdateError),
        ValueError,
    )


def _takes_id(kind: type[BaseException]) -> bool:
    return kind.__name__ in {"Refused", "LinkRefused"}


class _Switches(ast.NodeTransformer):
    """Puts a switch at every check of one module."""

    def __init__(self, module: str, path: str, checks: list[Check]) -> None:
        self.module = module
        self.path = path
        self.checks = checks
        self.functions: list[str] = []

    def _add(self, node: ast.AST, raised: str | None, argument: str | None) -> ast.Constant:
        function = ".".join(self.functions) or "module"
        line: int = getattr(node, "lineno", 0)
        check = Check(len(self.checks), self.module, self.path, line, function, raised, argument)
        self.checks.append(check)
        return ast.Constant(check.number)

    def _inside(self, node: Any) -> Any:
        self.functions.append(node.name)
        changed = self.generic_visit(node)
        self.functions.pop()
        return changed

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _inside  # noqa: N815

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "need":
            number = self._add(node, None, _text(node.args[1]))
            called = ast.Name(HOLDS, ast.Load())
            node.args[0] = ast.Call(called, [number, node.args[0]], [])
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        # The one inside of `need` stands for all its callers, which are checks of their own.
        if node.exc is None or self.functions[-1:] == ["need"]:
            return node
        call = node.exc if isinstance(node.exc, ast.Call) else None
        argument = _text(call.args[0]) if call and call.args else None
        number = self._add(node, ast.unparse(call.func if call else node.exc), argument)
        return ast.If(ast.Call(ast.Name(FIRES, ast.Load()), [number], []), [node], [])


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def switched(module: str, path: Path, checks: list[Check]) -> CodeType:
    """The module's code with switches; its checks are appended to `checks`."""
    tree = ast.parse(path.read_bytes())
    named = path.relative_to(ROOT).as_posix()
    changed = _Switches(module, named, checks).visit(tree)
    return compile(ast.fix_missing_locations(changed), str(path), "exec")


def all_checks() -> list[Check]:
    """Every check of the apps as they are on disk, loaded or not."""
    checks: list[Check] = []
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                module = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
                switched(module.removesuffix(".__init__"), path, checks)
    return checks


class _Loader(importlib.machinery.SourceFileLoader):
    """Never reads or writes compiled files: those are of the code as it is."""

    checks: list[Check]

    def get_code(self, fullname: str) -> CodeType:
        return switched(fullname, Path(self.path), self.checks)


class Finder(importlib.machinery.PathFinder):
    """Stands in front of Python's own finder, for the modules of the apps."""

    checks: list[Check] = []

    @classmethod
    def find_spec(
        cls,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.split(".", maxsplit=1)[0] not in APPS:
            return None
        spec = super().find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            return None
        loader = _Loader(fullname, spec.loader.path)
        loader.checks = cls.checks
        return importlib.util.spec_from_file_location(
            fullname,
            loader.path,
            loader=loader,
            submodule_search_locations=spec.submodule_search_locations,
        )


def install() -> list[Check]:
    """From now on modules of the apps are loaded with switches. The list grows as they are."""
    if any(name.split(".")[0] in APPS for name in sys.modules):
        raise RuntimeError("a module of the apps is loaded already, without switches")
    vars(builtins)[HOLDS], vars(builtins)[FIRES] = switch.holds, switch.fires
    sys.meta_path.insert(0, Finder)
    return Finder.checks
