"""`flix backup`: the content of its file, and what is left when it cannot be made."""

import os
import re
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy import stack
from deploy.archive import FORMAT, open_archive
from deploy.backup import restore_command
from deploy.engines import engine_of, postgresql
from deploy.engines.common import BackupError
from services.kit.core.instants import now, parse_instant
from tests.deploy.copies import back_up, database_url, digests, environment, run
from tests.installation import SERVICES, Installation
from tests.pgbouncer import Pooler


def test_the_manifest_describes_the_file_which_only_its_owner_may_read(built: Installation, tmp_path: Path) -> None:
    began = now()
    file = back_up(built, tmp_path / "new" / "folder")

    with open_archive(file) as archive:
        manifest = archive.manifest
    assert list(manifest.services) == ["quiz", "content", "auth"]
    assert manifest.format == FORMAT
    assert began <= parse_instant(manifest.begun_at) <= parse_instant(manifest.finished_at) <= now()
    assert {name: copy.rows for name, copy in manifest.services.items()} == {
        name: {table: number for table, (number, _) in found.items()} for name, found in digests(built).items()
    }
    assert {name: (copy.engine, copy.migrations[0]) for name, copy in manifest.services.items()} == dict.fromkeys(
        SERVICES, (engine_of(database_url(built, "auth")).NAME, "001_initial")
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name]


@pytest.mark.full
def test_its_last_line_names_the_file_and_the_command_to_restore_it(built_on_sqlite: Installation) -> None:
    done = run(built_on_sqlite, "backup")

    (file,) = (built_on_sqlite.logs.parent / "data" / "backups").iterdir()
    shown = f"data/backups/{file.name}"
    assert (done.returncode, done.stderr) == (0, "")
    # Three small databases.
    assert re.match(rf"{re.escape(shown)}: [2-9]\d\d\.\d kB in ", done.stdout)
    assert done.stdout.endswith(f" s; to go back to it: ./flix restore {shown}\n")


@pytest.mark.parametrize("name", ["plain", "my backups", "it's $HOME", '"a" & b;c'])
def test_the_printed_command_names_the_file_whatever_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / name / "flix.tar"
    assert restore_command(file).startswith("./flix restore ")
    monkeypatch.setenv("RESTORE_COMMAND", "printf %s ")
    done = subprocess.run(["sh", "-c", restore_command(file)], capture_output=True, text=True, check=True)
    assert done.stdout == str(file)


@pytest.mark.full
def test_a_backup_in_a_folder_with_a_space_is_restored_by_the_printed_command(
    built_on_sqlite: Installation, tmp_path: Path
) -> None:
    done = run(built_on_sqlite, "backup", "--to", tmp_path / "my backups")
    [*_, argument] = shlex.split(done.stdout.partition("to go back to it: ")[2])
    restored = run(built_on_sqlite, "restore", argument, "--yes")
    assert (restored.returncode, restored.stderr) == (0, "")


@pytest.mark.full
def test_make_gives_the_name_of_a_file_on_unchanged() -> None:
    name = '/nowhere/my "old" `file`.sqlite'
    make = ["make", "--silent", "--old-file=.venv/run", "import-baseline", f"FILE={name}"]
    done = subprocess.run(make, cwd=stack.ROOT, capture_output=True, text=True, check=False)
    # What make says of a recipe that fails.
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(name)


@pytest.mark.full
def test_a_folder_that_cannot_be_made_is_reported(built_on_sqlite: Installation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(built_on_sqlite, "backup", "--to", tmp_path / "file")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{tmp_path}/file/flix-")
    assert done.stderr.endswith("tar cannot be written (File exists): give another folder\n")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a disk of this size, where the user may."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=False)
    if done.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.full
@pytest.mark.parametrize("size", ["16k", "32k"])
def test_a_full_disk_is_reported_and_nothing_is_left_on_it(built: Installation, tmp_path: Path, size: str) -> None:
    with small_disk(tmp_path / "disk", size) as folder:
        done = run(built, "backup", "--to", folder)

        assert list(folder.iterdir()) == []
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "No space left on device" in done.stderr or "database or disk is full" in done.stderr


@pytest.mark.full
@pytest.mark.parametrize("url", ["sqlite:////nowhere/quiz.sqlite", "postgresql://flix@127.0.0.1:1/quiz"])
def test_a_missing_database_is_named(built_on_sqlite: Installation, tmp_path: Path, url: str) -> None:
    done = run(built_on_sqlite, "backup", "--to", tmp_path / "backups", QUIZ_DATABASE_URL=url)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    if url.startswith("sqlite"):
        assert done.stderr == "quiz has no database yet, or not where QUIZ_DATABASE_URL says\n"
    else:
        assert done.stderr.startswith("quiz: the database does not respond (")
    assert not (tmp_path / "backups").exists()


@pytest.fixture
def installed_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which PostgreSQL's programs are looked for."""
    monkeypatch.setattr(postgresql, "PACKAGED_PROGRAMS", tmp_path / "versions")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return tmp_path / "versions"


def install(programs: Path, version: int) -> Path:
    """Install a pg_dump that reports this version."""
    place = programs / str(version) / "bin"
    place.mkdir(parents=True)
    (place / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}.4 (Debian {version}.4-1)'\n")
    (place / "pg_dump").chmod(0o755)
    return place


class Connection:
    """The part of a connection that the choice of programs needs."""

    class info:  # noqa: N801 as psycopg calls it
        """A server of version 17."""

        server_version = 170004


def test_the_nearest_programs_that_are_not_older_than_the_server_are_used(installed_programs: Path) -> None:
    for version in (15, 18, 19):
        install(installed_programs, version)

    assert postgresql._program("pg_restore", Connection()) == str(installed_programs / "18" / "bin" / "pg_restore")


@pytest.mark.parametrize(("versions", "installed"), [((), "not there"), ((9, 16), "only of version 16")])
def test_without_suitable_programs_the_message_says_what_to_install(
    installed_programs: Path, versions: tuple[int, ...], installed: str
) -> None:
    for version in versions:
        install(installed_programs, version)

    with pytest.raises(BackupError) as refused:
        postgresql._program("pg_dump", Connection())
    assert str(refused.value) == (
        f"PostgreSQL's client programs are {installed}, and the server is of version 17: "
        "install its package postgresql-client-17, or put the folder of its pg_dump on PATH"
    )


def test_a_copy_through_a_pooler_is_refused(postgresql_url: str, pooler: Pooler, tmp_path: Path) -> None:
    with pytest.raises(BackupError) as refused:
        postgresql.dump(pooler.url(postgresql_url), tmp_path / "copy", lambda _bytes, _total: None)
    assert str(refused.value) == (
        f"the database {postgresql_url.rsplit('/', 1)[1]} is behind a pooler, and a copy needs a session of its own: "
        "for this command set the URL to the server's own address"
    )
    assert not (tmp_path / "copy").exists()


def test_no_password_is_on_a_command_line() -> None:
    place, variables = postgresql._without_password("postgresql://flix:s3cr%20t@db:5433/quiz?sslmode=require")

    assert place == "connect_timeout=5 user=flix dbname=quiz host=db port=5433 sslmode=require"
    assert variables["PGPASSWORD"] == "s3cr t"


@pytest.mark.full
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_an_interrupted_backup_leaves_no_file_that_looks_like_one(
    built_on_sqlite: Installation, tmp_path: Path, how: signal.Signals
) -> None:
    folder, begun = tmp_path / "backups", tmp_path / "begun"
    os.mkfifo(begun)
    # Pauses while the second database is copied.
    program = (
        "import sys, signal\n"
        # A background job of a shell, and its children, ignore SIGINT.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from deploy.cli.app import app\n"
        "from deploy.engines import sqlite\n"
        "dump = sqlite.dump\n"
        "def stopping(url, file, progress):\n"
        "    if 'content' in url:\n"
        f"        open({str(begun)!r}, 'w').close()\n"
        "        signal.pause()\n"
        "    return dump(url, file, progress)\n"
        "sqlite.dump = stopping\n"
        "app()\n"
    )
    command = [sys.executable, "-c", program, "backup", "--to", str(folder)]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(built_on_sqlite), stderr=subprocess.PIPE, text=True
    ) as process:
        begun.open().close()
        process.send_signal(how)
        _, errors = process.communicate()

    left = [each.name for each in folder.iterdir()]
    if how is signal.SIGKILL:
        assert [name.startswith(".unfinished-") for name in left] == [True]
    else:
        assert (process.returncode, errors, left) == (1, "stopped\n", [])
