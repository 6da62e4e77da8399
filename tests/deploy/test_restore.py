"""`flix restore`: which backups are refused, and what the databases hold afterwards."""

import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import peewee
import psycopg
import pytest

from deploy.archive import MANIFEST
from deploy.engines import engine_of
from deploy.engines.common import BackupError
from deploy.folders import BACKUPS
from deploy.restore import Options, _confirm
from services.kit.storage.audit.log import AuditLog
from services.kit.storage.database import open_database
from services.quiz.migrations import MIGRATIONS
from tests.clients import Clients
from tests.deploy.copies import (
    Digests,
    back_up,
    database_url,
    digests,
    execute,
    members,
    restore,
    rows,
    run,
    tables,
    with_copy,
    write_sealed,
)
from tests.installation import SERVICES, Installation
from tests.postgresql import Server

SAFETY = "flix-before-restore-*.tar"


def restored_digests(built: Installation) -> Digests:
    """Return all digests without the feed's identity, which every restore changes."""
    return without_feed(digests(built))


def without_feed(found: Digests) -> Digests:
    """Return the digests without those of the table that every restore changes."""
    return {
        name: {table: rows for table, rows in each.items() if table != "change_feed"} for name, each in found.items()
    }


def sqlite_file(built: Installation, service: str) -> Path:
    """Return the service's database file."""
    return Path(database_url(built, service).removeprefix("sqlite:///"))


def scratch_databases(built: Installation) -> list[str]:
    """Return the scratch databases that a restore has left."""
    url = database_url(built, "auth")
    if url.startswith("sqlite"):
        return [each.name for each in sqlite_file(built, "auth").parent.glob(".restore-*")]
    return [name for (name,) in rows(url, "SELECT datname FROM pg_database WHERE datname ~ '_restore_'")]


def refusal(built: Installation, file: Path, *arguments: str) -> str:
    """Return the one line with which a restore fails; every database must stay as it is."""
    before = digests(built)
    done = run(built, "restore", file, *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert (digests(built), scratch_databases(built)) == (before, [])
    return done.stderr.rstrip()


def damage(built: Installation) -> None:
    """Change rows in every database."""
    execute(database_url(built, "auth"), "DELETE FROM admins")
    execute(database_url(built, "content"), "UPDATE events SET title = 'damaged'", "DELETE FROM lessons")
    execute(database_url(built, "quiz"), "DELETE FROM quizzes", "DELETE FROM quiz_revisions")


def test_a_restore_brings_the_backup_back_and_can_be_undone(built: Installation, tmp_path: Path) -> None:
    content = database_url(built, "content")
    execute(content, "UPDATE change_feed SET feed_id = 'feed'")
    ((last_sequence,),) = rows(content, "SELECT last_sequence FROM change_feed")
    original, file = restored_digests(built), back_up(built, tmp_path)
    damage(built)
    damaged = restored_digests(built)

    lines = restore(built, file)

    assert restored_digests(built) == original
    ((feed, last, pruned),) = rows(content, "SELECT feed_id, last_sequence, pruned_through FROM change_feed")
    assert (feed != "feed", last, pruned) == (True, last_sequence, 0)
    (safety,) = (built.logs.parent / "data" / "backups").glob(SAFETY)
    good = [f"{name}: the copy is good" for name in SERVICES]
    assert lines[:-1] == [*good, f"the present data is backed up in data/backups/{safety.name}"]
    assert re.fullmatch(rf"restored {file}, begun \S+Z, in \d+\.\d s", lines[-1])
    assert scratch_databases(built) == []

    restore(built, safety)
    assert restored_digests(built) == damaged


@pytest.mark.full
def test_a_restored_audit_log_still_refuses_changes(built: Installation, tmp_path: Path) -> None:
    url, entries = database_url(built, "content"), "SELECT * FROM audit_log ORDER BY id"
    file, before = back_up(built, tmp_path), rows(url, entries)
    with closing(open_database(url)) as database:
        AuditLog(database).append([("event.deleted", "event-1")])

    restore(built, file)

    assert rows(url, entries) == before != []
    for statement in ("DELETE FROM audit_log", "UPDATE audit_log SET action = 'event.changed'"):
        with pytest.raises(peewee.DatabaseError, match="audit_log takes no"):
            execute(url, statement)


@pytest.mark.full
def test_an_empty_installation_can_be_restored(built: Installation, tmp_path: Path) -> None:
    original, file = restored_digests(built), back_up(built, tmp_path)
    for service in SERVICES:
        url = database_url(built, service)
        if engine_of(url).NAME == "sqlite":
            sqlite_file(built, service).unlink()
        else:
            execute(url, *(f"DROP TABLE {table} CASCADE" for table in tables(url)))

    lines = restore(built, file)

    assert restored_digests(built) == original
    assert not any("is backed up in" in line for line in lines)
    for service in SERVICES:
        assert built.command(service, "check", "--alone").stdout == "no findings\n"


@pytest.mark.full
def test_an_older_backup_is_migrated_and_newer_tables_are_dropped(built: Installation, tmp_path: Path) -> None:
    assert built.command("quiz", "migrate", "down", "--yes").returncode == 0
    file = back_up(built, tmp_path)
    assert built.command("quiz", "migrate", "up").returncode == 0
    original = restored_digests(built)
    execute(database_url(built, "quiz"), "CREATE TABLE later (id INTEGER)", "DROP TABLE tombstones")

    lines = restore(built, file)

    newest = max(each.stem for each in MIGRATIONS.directory.glob("0*.py"))
    assert f"quiz: the backup is of an older release; applied {newest} to the copy" in lines
    found = restored_digests(built)
    for each in (found, original):
        # They hold the instant of the migration.
        del each["quiz"]["schema_ledger"], each["quiz"]["migratehistory"]
    assert found == original
    assert built.command("quiz", "check", "--alone").stdout == "no findings\n"


# Each returns a file to restore and the pattern of the refusal.
Spoil = Callable[[Installation, Path], tuple[Path, str]]


def changed_byte(built: Installation, folder: Path) -> tuple[Path, str]:
    """A byte differs."""
    file = back_up(built, folder)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    return file, rf"{file} is not a complete backup of Flix \(its checksum does not match\): .*"


def other_engine(built: Installation, folder: Path) -> tuple[Path, str]:
    """The copy of quiz is of the other engine."""
    content = members(back_up(built, folder))
    manifest = json.loads(content[MANIFEST])
    here = manifest["services"]["quiz"]["engine"]
    other = manifest["services"]["quiz"]["engine"] = "postgresql" if here == "sqlite" else "sqlite"
    file = write_sealed(folder / "other.tar", {**content, MANIFEST: json.dumps(manifest).encode()})
    reason = f"the backup of quiz is of {other} and its database here is of {here}: "
    return file, rf"{reason}restore it into an installation on {other} \(set QUIZ_DATABASE_URL\)"


def unknown_service(built: Installation, folder: Path) -> tuple[Path, str]:
    """The backup has a service that Flix does not have."""
    content = members(back_up(built, folder))
    manifest = json.loads(content[MANIFEST])
    manifest["services"]["forum"] = manifest["services"].pop("quiz")
    file = write_sealed(folder / "other.tar", {**content, MANIFEST: json.dumps(manifest).encode()})
    return file, "the backup contains a database of forum, which this Flix does not have"


def broken_copy(built: Installation, folder: Path) -> tuple[Path, str]:
    """The checksums are right and the copy of quiz is no database."""
    content = members(back_up(built, folder))
    (name,) = (each for each in content if each.startswith("quiz."))
    middle, copy = len(content[name]) // 2, content[name]
    broken = copy[:middle] + os.urandom(8192) + copy[middle + 8192 :]
    file = write_sealed(folder / "broken.tar", with_copy(content, "quiz", broken))
    return file, r"quiz: (the copy is no sound database|pg_restore failed) \(.*; nothing was replaced"


def failed_check(built: Installation, folder: Path) -> tuple[Path, str]:
    """The copy of quiz does not pass its check."""
    execute(database_url(built, "quiz"), "UPDATE schema_ledger SET checksum = 'edited' WHERE name = '001_initial'")
    reason = "quiz: the copy does not pass check --alone: database - migrations: 001_initial was edited after .*"
    return back_up(built, folder), f"{reason}; nothing was replaced"


# One that is refused late, by its own service, is enough for `make test`: tests/deploy/test_archive.py has the others.
LONG = (changed_byte, other_engine, unknown_service, broken_copy)
SPOILS = [failed_check, *(pytest.param(each, marks=pytest.mark.full) for each in LONG)]


@pytest.mark.parametrize("spoil", SPOILS)
def test_an_unfit_backup_is_refused_and_nothing_is_replaced(built: Installation, tmp_path: Path, spoil: Spoil) -> None:
    file, pattern = spoil(built, tmp_path)
    line = refusal(built, file, "--yes")
    assert re.fullmatch(pattern, line), line


@pytest.mark.full
def test_nothing_is_replaced_without_confirmation(built: Installation, tmp_path: Path) -> None:
    managed = "restore replaces every row: in the managed profile it needs --yes"
    unanswered = "nothing was replaced: nobody answered (--yes does not ask)"
    expected = managed if built.environment["DATABASE_PROFILE"] == "managed" else unanswered
    file, before = back_up(built, tmp_path), digests(built)
    done = run(built, "restore", file)
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1]) == (1, "", expected)
    assert digests(built) == before


@pytest.mark.parametrize(
    ("profile", "typed", "reason"),
    [("managed", "yes", "it needs --yes"), ("local", "no", "nothing was"), ("local", "", "nothing was")],
)
def test_only_a_typed_yes_on_a_local_installation_stands_for_the_option(
    monkeypatch: pytest.MonkeyPatch, profile: str, typed: str, reason: str
) -> None:
    manifest: Any = SimpleNamespace(services={"quiz": None}, begun_at="2026-03-01T12:00:00.000Z")
    services: Any = {"auth": SimpleNamespace(profile="local"), "quiz": SimpleNamespace(profile=profile)}
    monkeypatch.setattr("builtins.input", lambda: typed)
    with pytest.raises(BackupError, match=reason):
        _confirm(Options(Path("backup.tar"), False, BACKUPS), manifest, services)
    _confirm(Options(Path("backup.tar"), True, BACKUPS), manifest, services)


@pytest.mark.full
def test_a_failure_in_the_middle_names_what_is_replaced(built_on_sqlite: Installation, tmp_path: Path) -> None:
    built, original = built_on_sqlite, digests(built_on_sqlite)
    file = back_up(built, tmp_path)
    damage(built)
    damaged = digests(built)
    # SQLite copies only between files of the same page size once a file has its journal.
    with closing(sqlite3.connect(sqlite_file(built, "quiz"))) as quiz:
        quiz.executescript("PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM; PRAGMA journal_mode = WAL")
        # A file that is open is written to instead of being replaced.
        quiz.execute("SELECT * FROM quizzes").fetchall()

        done = run(built, "restore", file, "--yes")

    (safety,) = (built.logs.parent / "data" / "backups").glob(SAFETY)
    assert (done.returncode, done.stderr) == (
        1,
        f"quiz: {sqlite_file(built, 'quiz')} cannot be written (attempt to write a readonly database); auth and "
        f"content already replaced, to go back: ./flix restore data/backups/{safety.name}; "
        "or correct the cause and restore again\n",
    )
    assert restored_digests(built) == without_feed({**original, "quiz": damaged["quiz"]})


@pytest.mark.full
def test_an_unreadable_file_is_set_aside_once_its_service_is_stopped(
    built_on_sqlite: Installation, tmp_path: Path
) -> None:
    built, original = built_on_sqlite, restored_digests(built_on_sqlite)
    file, live = back_up(built, tmp_path), sqlite_file(built, "quiz")

    def error() -> str:
        done = run(built, "restore", file, "--yes")
        assert done.returncode == 1
        return done.stderr

    built.start()
    live.write_bytes(b"rubbish" * 4096)
    running = "the database of quiz is gone or unreadable while quiz runs: stop Flix, then restore again\n"
    assert error() == running
    built.stop()
    assert error() == (
        f"the present data cannot be backed up (quiz: {live} cannot be copied (file is not a database)); nothing was "
        "replaced: to give it up, use --without-safety-backup\n"
    )

    restore(built, file, "--without-safety-backup")
    assert restored_digests(built)["quiz"] == original["quiz"]
    assert [each.read_bytes() for each in live.parent.glob("quiz.sqlite.broken-*")] == [b"rubbish" * 4096]


@pytest.mark.full
def test_clients_receive_at_worst_a_503_during_backup_and_restore(built: Installation, tmp_path: Path) -> None:
    built.start()
    statuses: Counter[int] = Counter()
    with built.admin() as admin:
        authorization = admin.headers["Authorization"]
    event = "/api/public/events/flix-mvp-launch-event"
    submit = f"{event}/lessons/kickoff-do-mvp/quiz/submit"

    def read(_: int) -> Iterator[None]:
        with built.client(Authorization=authorization) as client:
            while True:
                yield
                responses = (
                    client.post(f"{event}/catalog"),
                    client.post(submit, json={"answers": []}),
                    client.get("/api/quizzes"),
                )
                statuses.update(response.status_code for response in responses)

    with Clients(2, read):
        file = back_up(built, tmp_path)
        for _ in range(3):
            restore(built, file)

    assert {status for status in statuses if status != 200} <= {503}
    assert statuses[200] > 10 * statuses[503]


@pytest.fixture
def own_role(postgresql_server: Server) -> Iterator[str]:
    """Return a role that owns databases and may create none."""
    role = f"owner_{os.urandom(4).hex()}"
    with psycopg.connect(postgresql_server.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        yield role
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.full
@pytest.mark.parametrize("built", ["postgresql"], indirect=True)
def test_another_role_may_create_the_scratch_databases(
    built: Installation, postgresql_server: Server, own_role: str, tmp_path: Path
) -> None:
    for service in SERVICES:
        url = urlsplit(database_url(built, service))
        owned = [f"DATABASE {url.path[1:]}", *(f"TABLE {table}" for table in tables(url.geturl()))]
        execute(url.geturl(), *(f"ALTER {each} OWNER TO {own_role}" for each in owned))
        own = url._replace(netloc=f"{own_role}:secret@{url.hostname}:{url.port}").geturl()
        built.environment[f"{service.upper()}_DATABASE_URL"] = own
    original, file = restored_digests(built), back_up(built, tmp_path)
    damage(built)

    assert refusal(built, file, "--yes") == (
        f"auth: the role {own_role} may not create the database in which the copy is checked: ALTER ROLE {own_role} "
        "CREATEDB, or set RESTORE_SCRATCH_URL to the URL of a role that may; nothing was replaced"
    )
    built.environment["RESTORE_SCRATCH_URL"] = postgresql_server.url
    try:
        restore(built, file)
        assert (restored_digests(built), scratch_databases(built)) == (original, [])
    finally:
        for service in SERVICES:
            owner = urlsplit(postgresql_server.url)._replace(path=urlsplit(database_url(built, service)).path)
            execute(owner.geturl(), f"REASSIGN OWNED BY {own_role} TO CURRENT_USER")
