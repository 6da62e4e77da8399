"""PostgreSQL: copies through pg_dump and pg_restore, put in place by psql. No password is on a command line."""

import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deploy.engines.common import CHUNK, LEDGER, BackupError, Content, Progress
from services.kit.core.config import Environment
from services.kit.storage.database import CONNECT_TIMEOUT_SECONDS

NAME = "postgresql"
UNIT = "B"
PACKAGED_PROGRAMS = Path("/usr/lib/postgresql")
# Give up before the server's deadlock_timeout of 1 s, after which it would abort a transaction of a service.
_LOCK_MILLISECONDS = 800
_LOCK_ATTEMPTS = 20
_LOCK_REFUSALS = ("55P03", "40P01")
_LONGEST_REASON = 300


def is_empty(url: str) -> bool:
    """Return whether the database has no table."""
    with _connected(url) as connection:
        return not _tables(connection)


def needs_stop(url: str) -> bool:
    """Return False: all connections to the server see the same database."""
    return False


def dump(url: str, file: Path, progress: Progress) -> Content:
    """Write pg_dump's custom format; count the rows in the snapshot that pg_dump copies."""
    with _connected(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.autocommit = False
        snapshot = _value(connection, "SELECT pg_export_snapshot()")
        command = [_program("pg_dump", connection), "--format=custom", f"--snapshot={snapshot}"]
        with file.open("xb") as target:
            for chunk in _output(command, url):
                target.write(chunk)
                progress(len(chunk), None)
        return _content(connection)


@contextmanager
def scratch(url: str, source: IO[bytes], progress: Progress) -> Iterator[str]:
    """Create a database on the same server, owned by the same role; drop it afterwards."""
    maker = _maker(url)
    name = f"{urlsplit(url).path[1:40]}_restore_{secrets.token_hex(4)}"
    scratch_url = urlsplit(url)._replace(path=f"/{name}").geturl()
    _create(name, maker, url)
    try:
        with _connected(scratch_url) as connection:
            program = _program("pg_restore", connection)
        _feed([program, "--exit-on-error", "--no-owner", "--no-privileges"], scratch_url, _chunks(source, progress))
        yield scratch_url
    finally:
        with _connected(maker) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _maker(url: str) -> str:
    """Return the URL of the role that creates databases, by default the service's own."""
    environment = Environment(os.environ)
    maker = environment.option("RESTORE_SCRATCH_URL", url)
    if environment.problems:
        raise BackupError("; ".join(environment.problems))
    return maker


def replace(url: str, scratch_url: str) -> None:
    """Drop every table and create those of the copy in one transaction, as a migration creates them.

    So the tables get the role's default privileges, and no table that is newer than the backup remains.
    """
    for _ in range(_LOCK_ATTEMPTS - 1):
        try:
            _replace(url, scratch_url)
            return
        except BackupError as error:
            if not any(each in str(error) for each in _LOCK_REFUSALS):
                raise
    _replace(url, scratch_url)


def _replace(url: str, scratch_url: str) -> None:
    with _connected(url) as connection:
        dropping = _dropping(connection)
        psql, pg_dump = _program("psql", connection), _program("pg_dump", connection)
    script = _output([pg_dump, "--clean", "--if-exists", "--no-owner", "--no-privileges"], scratch_url)
    # A script that ends before COMMIT changes nothing.
    lines = chain([b"BEGIN;\n", dropping], script, [b"\nCOMMIT;\nANALYZE;\n"])
    _feed([psql, "-X", "-q", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=verbose"], url, lines)


def _dropping(connection: Any) -> bytes:
    """Return statements that lock all tables at once and drop them; give up soon, because a wait blocks all users."""
    if not (names := _tables(connection)):
        return b""
    tables = sql.SQL(", ").join(map(sql.Identifier, names))
    statements = sql.SQL(
        "SET LOCAL lock_timeout = {};\nLOCK TABLE {} IN ACCESS EXCLUSIVE MODE;\n"
        "SET LOCAL lock_timeout = 0;\nDROP TABLE {} CASCADE;\n"
    )
    return statements.format(sql.Literal(_LOCK_MILLISECONDS), tables, tables).as_bytes(connection)


def _create(name: str, maker: str, url: str) -> None:
    with _connected(url) as live:
        owner = live.info.user
        locale = live.execute(
            "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database "
            "WHERE datname = current_database()"
        ).fetchone()
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}")
    with _connected(maker) as connection:
        try:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(owner), *locale or ()))
        except psycopg.errors.InsufficientPrivilege:
            raise BackupError(
                f"the role {connection.info.user} may not create the database in which the copy is checked: "
                f"ALTER ROLE {owner} CREATEDB, or set RESTORE_SCRATCH_URL to the URL of a role that may"
            ) from None


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    """Connect with a commit after each statement and without timeouts, to the server itself."""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:
            if connection.info.backend_pid != _value(connection, "SELECT pg_backend_pid()"):
                # pg_dump and psql would leave their settings, such as an empty search_path, to a service's transaction.
                raise BackupError(
                    f"the database {urlsplit(url).path[1:]} is behind a pooler, and a copy needs a session of its own: "
                    "for this command set the URL to the server's own address"
                )
            connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
            yield connection
    except psycopg.Error as error:
        raise BackupError(f"the database {urlsplit(url).path[1:]} failed ({_one_line(str(error))})") from None


def _content(connection: Any) -> Content:
    tables = _tables(connection)
    names = f"SELECT name FROM {LEDGER} ORDER BY name"  # noqa: S608
    migrations = connection.execute(names).fetchall() if LEDGER in tables else []
    count = sql.SQL("SELECT count(*) FROM {}")
    rows = {each: _value(connection, count.format(sql.Identifier(each))) for each in tables}
    return Content([row[0] for row in migrations], rows)


def _tables(connection: Any) -> list[str]:
    named = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
    return [row[0] for row in connection.execute(named).fetchall()]


def _value(connection: Any, query: Any) -> Any:
    return connection.execute(query).fetchone()[0]


def _program(name: str, connection: Any) -> str:
    """Return the program whose version is the server's, or the next newer one that is installed."""
    server = connection.info.server_version // 10000
    found = {version: place for place in _places() if (version := _version(place / "pg_dump"))}
    if suitable := [version for version in found if version >= server]:
        return str(found[min(suitable)] / name)
    installed = f"only of version {max(found)}" if found else "not there"
    raise BackupError(
        f"PostgreSQL's client programs are {installed}, and the server is of version {server}: "
        f"install its package postgresql-client-{server}, or put the folder of its pg_dump on PATH"
    )


def _places() -> list[Path]:
    on_path = shutil.which("pg_dump")
    # Of one version the last is used: Debian's programs on PATH are slow scripts around those of the packages.
    return [*([Path(on_path).parent] if on_path else []), *PACKAGED_PROGRAMS.glob("*/bin")]


@cache
def _version(program: Path) -> int | None:
    try:
        output = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"(\d+)", output)
    return int(found[1]) if found else None


def _chunks(source: IO[bytes], progress: Progress) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk
        progress(len(chunk), None)


def _output(command: list[str], url: str) -> Iterator[bytes]:
    """Run the program on the database at `url` and yield its output; raise BackupError at the end when it failed."""
    with _running(command, url, stdout=subprocess.PIPE) as (process, errors):
        while chunk := process.stdout.read(CHUNK):
            yield chunk
        _require_success(command, process, errors)


def _feed(command: list[str], url: str, chunks: Iterable[bytes]) -> None:
    """Run the program with the chunks as its input; an error while they are produced ends it."""
    with _running(command, url, stdin=subprocess.PIPE) as (process, errors):
        # A program that fails closes its input and writes the reason to its errors.
        with suppress(BrokenPipeError):
            for chunk in chunks:
                process.stdin.write(chunk)
        with suppress(BrokenPipeError):
            process.stdin.close()
        _require_success(command, process, errors)


@contextmanager
def _running(
    command: list[str], url: str, stdin: int | None = None, stdout: int | None = None
) -> Iterator[tuple[Any, IO[bytes]]]:
    place, environment = _without_password(url)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 PostgreSQL's own programs
            [*command, f"--dbname={place}"], env=environment, stdin=stdin, stdout=stdout, stderr=errors
        )
        try:
            yield process, errors
        finally:
            # After success it has ended already; the server rolls back a script that is cut off.
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):
                    if stream is not None:
                        stream.close()


def _without_password(url: str) -> tuple[str, Mapping[str, str]]:
    parts: dict[str, Any] = conninfo_to_dict(url)
    password = parts.pop("password", None)
    own = {} if password is None else {"PGPASSWORD": str(password)}
    return make_conninfo(**{"connect_timeout": CONNECT_TIMEOUT_SECONDS, **parts}), {**os.environ, **own}


def _require_success(command: list[str], process: Any, errors: IO[bytes]) -> None:
    if process.wait():
        errors.seek(0)
        raise BackupError(f"{Path(command[0]).name} failed ({_one_line(errors.read().decode(errors='replace'))})")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_REASON]
