"""What no tracked file may hold, and what no route may take."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import PurePath

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from config.embedded import BASE_DIR

# Put together from pieces, or this file would hold what it looks for.
REGISTRIES = [
    "registry." + "npmjs" + ".org",
    "registry." + "yarnpkg" + ".com",
    "pypi" + ".org",
    "python" + "hosted.org",
    "deb." + "debian.org",
]
MACHINE_PATHS = [
    r"/(?:ro" + r"ot|ho" + r"me)/[A-Za-z0-9._-]+/",
    r"/Us" + r"ers/[A-Za-z0-9._-]+/",
    r"(?<![\w.@/-])/wo" + r"rk/",
    r"/opt/wh" + r"eels",
    "fi" + "le:///",
]
FORBIDDEN = re.compile("|".join([*map(re.escape, REGISTRIES), *MACHINE_PATHS]))


def tracked() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=BASE_DIR, capture_output=True, check=True
    )
    for name in listed.stdout.decode().split("\0"):
        path = BASE_DIR / name
        if name and path.is_file():
            yield name, path.read_bytes().decode("utf-8", errors="replace")


def test_no_registry_and_no_machine_path_is_named() -> None:
    found = [
        f"{name}: {match.group()}" for name, text in tracked() for match in FORBIDDEN.finditer(text)
    ]
    assert found == []


def test_the_search_finds_what_it_looks_for() -> None:
    samples = [*REGISTRIES, "/ho" + "me/ana/x", "/Us" + "ers/ana/x", " /wo" + "rk/main"]
    assert [sample for sample in samples if not FORBIDDEN.search(sample)] == []
    assert not FORBIDDEN.search("../wo" + "rker/start.ts")


def test_lock_files_pin_by_hash() -> None:
    texts = dict(tracked())
    requirements = texts["requirements.lock"]
    pins = re.findall(r"^[a-z0-9][^ ]*==[^ ]+", requirements, re.MULTILINE)
    blocks = re.split(r"\n(?=[a-z0-9])", requirements.strip())
    assert len(pins) == len(blocks) > 50
    assert all("--hash=sha256:" in block for block in blocks)
    packages = texts["static/package-lock.json"]
    assert '"resolved"' not in packages
    assert packages.count('"integrity": "sha512-') > 50


def test_only_known_names_lie_at_the_top() -> None:
    top = {name.split("/")[0] for name, _ in tracked()}
    assert top <= {
        ".ci", ".editorconfig", ".github", ".gitignore", ".pre-commit-config.yaml",
        "CHANGELOG.md", "LICENSE", "NOTICE", "README.md", "accounts", "audit", "config", "dev",
        "manage.py", "pyproject.toml", "requirements.lock", "sharing", "static", "templates",
        "tests", "vaults",
    }  # fmt: skip


CLAIMS = ["README.md", ".github/SECURITY.md", "tests/formal/README.md"]
PATH = re.compile(
    r"`((?:\.github|accounts|audit|config|sharing|static|templates|tests|vaults)/[^`*\s]*)`"
)


@pytest.mark.parametrize("page", CLAIMS)
def test_what_a_page_points_to_is_there(page: str) -> None:
    """A claim stands with its proof: the proof has to be in the repository."""
    texts = dict(tracked())
    named = set(PATH.findall(texts[page]))
    made = {"static/dist"}  # by the build
    there = set(texts) | {str(parent) for name in texts for parent in PurePath(name).parents}
    assert len(named) > 2
    assert {path for path in named - made if path.rstrip("/") not in there} == set()


def test_every_line_of_who_can_do_what_names_its_proof() -> None:
    page = dict(tracked())["README.md"]
    table = page.split("### Who can do what")[1].split("\n\n")[0].strip().splitlines()[2:]
    actors = [line.split("|")[1].strip() for line in table]
    assert len(actors) >= 10
    unproved = [line.split("|")[1] for line in table if not PATH.search(line.rsplit("|", 2)[1])]
    assert unproved == []


READ = re.compile(r'\benv[a-z]+\(\s*"([A-Z_]+)"')


def test_every_setting_that_is_read_is_listed() -> None:
    texts = dict(tracked())
    read = {
        name
        for file, text in texts.items()
        if file.startswith("config/") and file.endswith(".py")
        for name in READ.findall(text)
    }
    assert {"COFFRET_PORT", "DATABASE_URL", "COFFRET_KEK_CACHE_SECONDS"} <= read
    listed = set(re.findall(r"`([A-Z_]+)`", texts["README.md"].split("### Settings")[1]))
    assert read - listed == set()


def patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry)
        else:
            yield entry


def fields_of(pattern: URLPattern) -> set[str]:
    """The names that a route's view reads: of its serializers, and of allauth's input classes."""
    view = pattern.callback
    owner = getattr(view, "cls", None) or getattr(view, "view_class", None)
    names: set[str] = set()
    for attribute in ("serializer_class", "input_class", "form_class"):
        given = getattr(owner, attribute, None)
        for shape in given.values() if isinstance(given, dict) else [given]:
            for holder in ("_declared_fields", "base_fields"):
                names |= set(getattr(shape, holder, {}))
    return names


def test_no_route_takes_a_password() -> None:
    found = list(patterns(get_resolver()))
    assert found
    taking = [
        str(entry.pattern)
        for entry in found
        if any("password" in name for name in fields_of(entry)) or "password" in str(entry.pattern)
    ]
    # These two take messages of OPAQUE; test_no_password.py sends them a password in vain.
    taking = [path for path in taking if path not in {"password/start", "password/finish"}]
    assert taking == []


def test_allauths_own_routes_are_not_mounted() -> None:
    modules = {entry.callback.__module__ for entry in patterns(get_resolver())}
    assert [name for name in modules if name.endswith((".account.views", ".mfa.base.views"))] == []


def test_the_search_for_passwords_finds_allauths() -> None:
    from allauth.headless.account.views import ChangePasswordView

    view = ChangePasswordView.as_api_view(client="browser")
    pattern = URLPattern.__new__(URLPattern)
    pattern.callback = view
    assert any("password" in name for name in fields_of(pattern))


def test_the_server_names_only_pages_that_the_client_has() -> None:
    routes = (BASE_DIR / "static/src/state/route.ts").read_text(encoding="utf-8")
    pages = re.findall(r"^    (\w+): \{ page: ", routes, re.MULTILINE)
    named = [
        (name, page)
        for name, text in tracked()
        if name.endswith(".py") and not name.startswith("tests/")
        for page in re.findall(r"PUBLIC_URL\}/([\w-]+)", text)
    ]

    assert {"signup", "device", "join"} <= set(pages)
    assert len(named) >= 3
    assert [each for each in named if each[1] not in pages] == []
