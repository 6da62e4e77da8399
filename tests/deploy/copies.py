"""Backup and restore as an operator runs them, the content of databases, and backups made by hand."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import peewee

from deploy import stack
from deploy.archive import MANIFEST, ArchiveWriter, open_archive
from services.kit.storage.database import open_database
from tests.installation import SERVICES, Installation
from tests.waiting import until

Digests = dict[str, dict[str, tuple[int, str]]]


def run(built: Installation, command: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `flix` with this command in the installation's folder, without a terminal."""
    return run_module(built, "deploy.cli", command, *arguments, **variables)


def run_module(
    built: Installation, module: str, *arguments: object, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the module in the installation's folder, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=built.logs.parent,
        env=environment(built, **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def environment(built: Installation, **variables: str) -> dict[str, str]:
    """Return the environment of the commands."""
    return {**built.environment, "PYTHONPATH": str(stack.ROOT), "DATABASE_WAIT_SECONDS": "0", **variables}


def back_up(built: Installation, folder: Path) -> Path:
    """Make a backup, which must succeed, and return its file."""
    before = set(folder.glob("*"))
    done = run(built, "backup", "--to", folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    (file,) = set(folder.glob("*")) - before
    return file


def restore(built: Installation, file: Path, *arguments: str) -> list[str]:
    """Restore a backup, which must succeed, and return the lines of the command."""
    done = run(built, "restore", file, "--yes", *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def digests(built: Installation) -> Digests:
    """Return the number of rows and a checksum of them for each service and table."""
    return {service: _digests(database_url(built, service)) for service in SERVICES}


def database_url(built: Installation, service: str) -> str:
    """Return the URL of the service's database."""
    return built.environment[f"{service.upper()}_DATABASE_URL"]


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with closing(open_database(url)) as database:
        return list(database.execute_sql(query).fetchall())


def execute(url: str, *statements: str) -> None:
    """Run the statements, even while others write."""
    with closing(open_database(url)) as database:
        for statement in statements:
            until(lambda each=statement: _try(database, each), statement)  # type: ignore[misc]


def _try(database: peewee.Database, statement: str) -> bool:
    """Return whether the statement has run; PostgreSQL aborts one of two that wait for each other."""
    try:
        database.execute_sql(statement)
    except peewee.OperationalError as error:
        if "deadlock detected" not in str(error):
            raise
        return False
    return True


def tables(url: str) -> list[str]:
    """Return the tables of the database."""
    with closing(open_database(url)) as database:
        return sorted(database.get_tables())


def members(file: Path) -> dict[str, bytes]:
    """Return everything in a backup by name, without the seal."""
    with open_archive(file) as archive:
        copies = {copy.file: archive.copy_of(name).read() for name, copy in archive.manifest.services.items()}
        return {**copies, MANIFEST: archive.manifest.model_dump_json().encode()}


def write_sealed(file: Path, content: Mapping[str, bytes]) -> Path:
    """Write a file with these members and a correct seal."""
    with file.open("wb") as target:
        archive = ArchiveWriter(target)
        for name, data in content.items():
            archive.add(name, BytesIO(data), len(data))
        archive.seal()
    return file


def with_copy(content: Mapping[str, bytes], service: str, data: bytes) -> dict[str, bytes]:
    """Return the members with another copy of this service and a manifest that fits it."""
    manifest = json.loads(content[MANIFEST])
    copy = manifest["services"][service]
    copy["sha256"], copy["bytes"] = hashlib.sha256(data).hexdigest(), len(data)
    return {**content, copy["file"]: data, MANIFEST: json.dumps(manifest).encode()}


def _digests(url: str) -> dict[str, tuple[int, str]]:
    with closing(open_database(url)) as database:
        return {name: _digest(database, name) for name in sorted(database.get_tables())}


def _digest(database: peewee.Database, table: str) -> tuple[int, str]:
    found = sorted(map(repr, database.execute_sql(f'SELECT * FROM "{table}"').fetchall()))
    return len(found), hashlib.sha256("\n".join(found).encode()).hexdigest()
