"""A PostgreSQL for the tests: the server of TEST_POSTGRES_URL, or a throw-away cluster of this machine's binaries.

A throw-away server ends with the process that started it, also by SIGKILL. Where the system cannot promise that, the
next run stops it (tests/leftovers.py).
"""

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.leftovers import record_postgresql
from tests.ports import free_port
from tests.waiting import until

_PR_SET_PDEATHSIG = 1
# Loaded before the fork, since loading is not safe between fork and exec.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
# Nothing of a throw-away cluster has to survive a crash.
_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
}


class NoPostgresql(Exception):
    """No server can be run; the text says why."""


@dataclass(frozen=True)
class Server:
    """A server on which `url`, of a superuser, may create and drop databases."""

    url: str

    def create_database(self) -> str:
        """Create an empty database, whose text sorts by code point as in SQLite, and return its URL."""
        name = f"test_{secrets.token_hex(8)}"
        statement = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'"
        self._execute(sql.SQL(statement).format(sql.Identifier(name)))
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def drop_database(self, url: str) -> None:
        """Drop it with all connections to it."""
        name = urlsplit(url).path[1:]
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running_server() -> Iterator[Server]:
    """Run a server while the block lasts; raise NoPostgresql when there is none to run."""
    url = os.environ.get("TEST_POSTGRES_URL")
    if url:
        yield Server(url)
        return
    with _folder() as folder:
        yield from _cluster(_binaries(), folder)


@contextmanager
def durable_server(data: Path, log: Path) -> Iterator[Server]:
    """Run a server that keeps what it has acknowledged; raise NoPostgresql when there is none to run.

    Its rows are in the folder `data` and its write-ahead log in the folder `log`, both empty.
    """
    with _folder() as folder:
        for each in (data, log):
            if os.geteuid() == 0:
                shutil.chown(each, "postgres", "postgres")
        (folder / "data").symlink_to(data)
        yield from _cluster(_binaries(), folder, {"max_connections": "100"}, f"--waldir={log}")


@contextmanager
def standby_of(url: str) -> Iterator[str]:
    """Run a streaming standby of a throw-away server while the block lasts; yield the URL of the same database there.

    Raise NoPostgresql when there is none to run.
    """
    binaries, port = _binaries(), free_port()
    with _folder() as folder:
        data = folder / "data"
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        copy = [binaries / "pg_basebackup", f"--dbname={url}", f"--pgdata={data}", "--write-recovery-conf"]
        with start_unprivileged(folder, *copy, "--checkpoint=fast", "--no-sync") as process:
            _require(process.wait() == 0, folder, "pg_basebackup")
        with _server(binaries, folder, port, _SETTINGS):
            host = f"{urlsplit(url).netloc.rpartition('@')[0]}@127.0.0.1:{port}"
            yield urlsplit(url)._replace(netloc=host).geturl()


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="flix-postgresql-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cluster(binaries: Path, folder: Path, settings: Mapping[str, str] = _SETTINGS, *layout: str) -> Iterator[Server]:
    port, password = free_port(), secrets.token_hex(16)
    data, password_file = folder / "data", folder / "password"
    password_file.write_text(password)
    if os.geteuid() == 0:
        for each in (folder, password_file):
            shutil.chown(each, "postgres", "postgres")
    locale = ["--encoding=UTF8", "--locale=C"]
    access = ["--auth=scram-sha-256", "--username=postgres", f"--pwfile={password_file}"]
    initdb = [binaries / "initdb", f"--pgdata={data}", "--no-sync", *locale, *access, *layout]
    with start_unprivileged(folder, *initdb) as process:
        _require(process.wait() == 0, folder, "initdb")
    with _server(binaries, folder, port, settings):
        yield Server(f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres")


@contextmanager
def _server(binaries: Path, folder: Path, port: int, settings: Mapping[str, str]) -> Iterator[None]:
    data = folder / "data"
    options = [f"-p{port}", f"-k{folder}", "-clisten_addresses=127.0.0.1"]
    options += [f"-c{name}={value}" for name, value in settings.items()]
    with start_unprivileged(folder, binaries / "postgres", "-D", data, *options) as process:
        record_postgresql(process.pid, folder)
        try:
            until(lambda: _is_ready(data) or process.poll() is not None, "a PostgreSQL that is ready")
            _require(process.poll() is None, folder, "postgres")
            yield
        finally:
            process.send_signal(signal.SIGQUIT)


def start_unprivileged(folder: Path, *command: object) -> subprocess.Popen[bytes]:
    """Start a program in the folder, with its output in `log` there; root starts it as the user postgres.

    PostgreSQL and PgBouncer refuse to run as root.
    """
    user = "postgres" if os.geteuid() == 0 else None
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [str(each) for each in command],
            cwd=folder,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A Ctrl-C at the terminal is for the tests, which stop the server themselves.
            start_new_session=True,
            preexec_fn=_end_with_starter,  # noqa: PLW1509 - it calls one function that is loaded already
        )


def _end_with_starter() -> None:
    """Ask Linux to send SIGQUIT when the starter is gone; it runs in the new process, as its own user."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _is_ready(data: Path) -> bool:
    with suppress(FileNotFoundError, IndexError):
        return (data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
    return False


def _require(is_done: bool, folder: Path, command: str) -> None:
    if not is_done:
        raise NoPostgresql(f"{command} failed: {' '.join((folder / 'log').read_text().split())}")


def _binaries() -> Path:
    if os.geteuid() == 0:
        _require_user()
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name), reverse=True)
    config = shutil.which("pg_config")
    if config:
        folder = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout
        places.append(Path(folder.strip()))
    for place in places:
        if (place / "initdb").exists() and (place / "pg_ctl").exists():
            return place
    raise NoPostgresql("there is no initdb here: install PostgreSQL, or set TEST_POSTGRES_URL to a superuser's URL")


def _require_user() -> None:
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise NoPostgresql("as root a cluster needs the user postgres: set TEST_POSTGRES_URL instead") from None
