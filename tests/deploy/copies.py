"""Backups in tests: the two commands as an operator runs them, what databases hold, and backups of one's own making."""

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

Done = subprocess.CompletedProcess[str]
Digests = dict[str, dict[str, tuple[int, str]]]


def run(built: Installation, command: str, *arguments: object, **variables: str) -> Done:
    """`python -m deploy.<command>` in the installation's folder, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", f"deploy.{command}", *map(str, arguments)],
        cwd=built.logs.parent,
        env=environment(built, **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def environment(built: Installation, **variables: str) -> dict[str, str]:
    """What the commands find in their environment there."""
    return {**built.environment, "PYTHONPATH": str(stack.ROOT), "DATABASE_WAIT_SECONDS": "0", **variables}


def backed_up(built: Installation, folder: Path) -> Path:
    """The file of a backup, which must succeed."""
    before = set(folder.glob("*"))
    done = run(built, "backup", "--to", folder)
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = set(folder.glob("*")) - before
    return file


def restored(built: Installation, file: Path, *arguments: str) -> Done:
    """What a restore has said, which must succeed."""
    done = run(built, "restore", file, "--yes", *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done


def digests(built: Installation) -> Digests:
    """For each service and table the number of rows and a checksum of them in order."""
    return {service: _digests(database_url(built, service)) for service in SERVICES}


def database_url(built: Installation, service: str) -> str:
    """The URL of the service's database."""
    return built.environment[f"{service.upper()}_DATABASE_URL"]


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """What the database answers."""
    with closing(open_database(url)) as database:
        return list(database.execute_sql(query).fetchall())


def execute(url: str, *statements: str) -> None:
    """Run the statements, whatever they break and whoever writes meanwhile."""
    with closing(open_database(url)) as database:
        for statement in statements:
            until(lambda each=statement: _has_run(database, each), statement)  # type: ignore[misc]


def _has_run(database: peewee.Database, statement: str) -> bool:
    """Whether it has; of two who wait for one another PostgreSQL sends one away, to try again."""
    try:
        database.execute_sql(statement)
    except peewee.OperationalError as error:
        if "deadlock detected" not in str(error):
            raise
        return False
    return True


def tables(url: str) -> list[str]:
    """The tables of the database."""
    with closing(open_database(url)) as database:
        return sorted(database.get_tables())


def members(file: Path) -> dict[str, bytes]:
    """Everything in a backup by name, the seal apart."""
    with open_archive(file) as archive:
        copies = {copy.file: archive.copy_of(name).read() for name, copy in archive.manifest.services.items()}
        return {**copies, MANIFEST: archive.manifest.model_dump_json().encode()}


def sealed(file: Path, content: Mapping[str, bytes]) -> Path:
    """A file with these members and a right seal."""
    with file.open("wb") as target:
        archive = ArchiveWriter(target)
        for name, data in content.items():
            archive.add(name, BytesIO(data), len(data))
        archive.seal()
    return file


def with_copy(content: Mapping[str, bytes], service: str, data: bytes) -> dict[str, bytes]:
    """The members with another copy of that service, which the manifest vouches for."""
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
