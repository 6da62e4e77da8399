"""A PostgreSQL for the tests: the server of TEST_POSTGRES_URL, or a throw-away cluster of this machine's binaries."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

# Only what makes a crash safe is switched off: nobody misses this cluster.
_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
}


class NoPostgresql(Exception):
    """Says why there is none."""


@dataclass(frozen=True)
class Server:
    """A server on which `url`, of a superuser, may create and drop databases."""

    url: str

    def create_database(self) -> str:
        """The URL of a new, empty database, whose text sorts by code point as in SQLite."""
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
    """The server, while the block lasts; raises NoPostgresql."""
    url = os.environ.get("TEST_POSTGRES_URL")
    if url:
        yield Server(url)
        return
    folder = Path(tempfile.mkdtemp(prefix="flix-postgresql-"))
    try:
        yield from _cluster(_binaries(), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def durable_server(data: Path, log: Path) -> Iterator[Server]:
    """A throw-away cluster that keeps what it has acknowledged, its rows in the one folder and its write-ahead log in
    the other, both empty; raises NoPostgresql."""
    folder = Path(tempfile.mkdtemp(prefix="flix-postgresql-"))
    try:
        for each in (data, log):
            if os.geteuid() == 0:
                shutil.chown(each, "postgres", "postgres")
        (folder / "data").symlink_to(data)
        yield from _cluster(_binaries(), folder, {"max_connections": "100"}, f"--waldir={log}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cluster(binaries: Path, folder: Path, settings: Mapping[str, str] = _SETTINGS, *layout: str) -> Iterator[Server]:
    port, password = _free_port(), secrets.token_hex(16)
    data, log, password_file = folder / "data", folder / "log", folder / "password"
    password_file.write_text(password)
    if os.geteuid() == 0:
        for each in (folder, password_file):
            shutil.chown(each, "postgres", "postgres")
    locale = ["--encoding=UTF8", "--locale=C"]
    access = ["--auth=scram-sha-256", "--username=postgres", f"--pwfile={password_file}"]
    _run(folder, binaries / "initdb", f"--pgdata={data}", "--no-sync", *locale, *access, *layout)
    options = [f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"]
    options += [f"-c {name}={value}" for name, value in settings.items()]
    _run(folder, binaries / "pg_ctl", "start", "-w", f"-D{data}", f"-l{log}", f"-o{' '.join(options)}")
    try:
        yield Server(f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres")
    finally:
        _run(folder, binaries / "pg_ctl", "stop", "-w", f"-D{data}", "-mimmediate")


def _run(folder: Path, *command: object) -> None:
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    # Into a file, since a pipe would stay open with the server that pg_ctl leaves behind.
    with (folder / "errors").open("w+") as errors:
        done = subprocess.run(
            [str(each) for each in command],
            cwd=folder,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            check=False,
        )
    if done.returncode:
        reason = " ".join((folder / "errors").read_text().split())
        raise NoPostgresql(f"{command[0]} exited with {done.returncode}: {reason}")


def _binaries() -> Path:
    if os.geteuid() == 0:
        _require_user()
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name), reverse=True)
    config = shutil.which("pg_config")
    if config:
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout
        places.append(Path(told.strip()))
    for place in places:
        if (place / "initdb").exists() and (place / "pg_ctl").exists():
            return place
    raise NoPostgresql("there is no initdb here: install PostgreSQL, or set TEST_POSTGRES_URL to a superuser's URL")


def _require_user() -> None:
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise NoPostgresql("as root a cluster needs the user postgres: set TEST_POSTGRES_URL instead") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
