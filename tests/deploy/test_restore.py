"""`make restore`: what is refused before anything is replaced, and what is there afterwards."""

import json
import os
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import peewee
import psycopg
import pytest

from deploy.archive import MANIFEST
from deploy.engines import engine_of
from services.kit.storage.audit.log import AuditLog
from services.kit.storage.database import open_database
from tests.deploy.copies import (
    Digests,
    backed_up,
    database_url,
    digests,
    execute,
    members,
    restored,
    rows,
    run,
    sealed,
    tables,
    with_copy,
)
from tests.installation import SERVICES, Installation
from tests.postgresql import Server

SAFETY = "flix-before-restore-*.tar"


def without_feed(found: Digests) -> Digests:
    """What is compared: all but the feed's identity, which every restore changes."""
    return {
        name: {table: rows for table, rows in each.items() if table != "change_feed"} for name, each in found.items()
    }


def sqlite_file(built: Installation, service: str) -> Path:
    """The service's database file."""
    return Path(database_url(built, service).removeprefix("sqlite:///"))


def scratch_places(built: Installation) -> list[str]:
    """What a restore has left behind."""
    url = database_url(built, "auth")
    if url.startswith("sqlite"):
        return [each.name for each in sqlite_file(built, "auth").parent.glob(".restore-*")]
    return [name for (name,) in rows(url, "SELECT datname FROM pg_database WHERE datname ~ '_restore_'")]


def refused(built: Installation, file: Path, *arguments: str, **variables: str) -> str:
    """The one line that a restore ends with, after which every database is as before."""
    before = digests(built)
    done = run(built, "restore", file, *arguments, **variables)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert digests(built) == before
    assert scratch_places(built) == []
    return done.stderr.rstrip()


def ruin(built: Installation) -> None:
    """Spoil something in every database."""
    execute(database_url(built, "auth"), "DELETE FROM admins")
    execute(database_url(built, "content"), "UPDATE events SET title = 'ruined'", "DELETE FROM lessons")
    execute(database_url(built, "quiz"), "DELETE FROM quizzes", "DELETE FROM quiz_revisions")


def test_after_a_restore_everything_is_as_at_the_backup_and_the_way_back_is_kept(
    built: Installation, tmp_path: Path
) -> None:
    execute(database_url(built, "content"), "UPDATE change_feed SET feed_id = 'feed'")
    ((ends_at,),) = rows(database_url(built, "content"), "SELECT last_sequence FROM change_feed")
    whole = digests(built)
    file = backed_up(built, tmp_path)
    ruin(built)
    ruined = digests(built)

    done = restored(built, file)

    assert without_feed(digests(built)) == without_feed(whole)
    ((feed, last, pruned),) = rows(
        database_url(built, "content"), "SELECT feed_id, last_sequence, pruned_through FROM change_feed"
    )
    assert (feed != "feed", last, pruned) == (True, ends_at, 0)
    (safety,) = (built.logs.parent / "data" / "backups").glob(SAFETY)
    said = done.stdout.splitlines()
    assert said[:-1] == [
        *(f"{name}: the copy is good" for name in SERVICES),
        f"what was there before: data/backups/{safety.name}",
    ]
    assert re.fullmatch(rf"restored {file}, begun \S+Z, in \d+\.\d s", said[-1])
    assert scratch_places(built) == []

    restored(built, safety)
    assert without_feed(digests(built)) == without_feed(ruined)


def test_after_a_restore_the_audit_log_is_as_at_the_backup_and_takes_no_change(
    built: Installation, tmp_path: Path
) -> None:
    url, entries = database_url(built, "content"), "SELECT * FROM audit_log ORDER BY id"
    file, before = backed_up(built, tmp_path), rows(database_url(built, "content"), entries)
    with closing(open_database(url)) as database:
        AuditLog(database).append([("event.deleted", "event-1")])

    restored(built, file)

    assert rows(url, entries) == before != []
    for statement in ("DELETE FROM audit_log", "UPDATE audit_log SET action = 'event.changed'"):
        with pytest.raises(peewee.DatabaseError, match="audit_log takes no"):
            execute(url, statement)
    assert rows(url, entries) == before


def test_into_an_empty_installation_everything_comes_as_it_was(built: Installation, tmp_path: Path) -> None:
    whole, file = digests(built), backed_up(built, tmp_path)
    for service in SERVICES:
        url = database_url(built, service)
        if engine_of(url).NAME == "sqlite":
            sqlite_file(built, service).unlink()
        else:
            execute(url, *(f"DROP TABLE {table} CASCADE" for table in tables(url)))

    done = restored(built, file)

    assert without_feed(digests(built)) == without_feed(whole)
    assert "what was there before" not in done.stdout
    for service in SERVICES:
        assert built.command(service, "check", "--alone").stdout == "no findings\n"


def test_what_came_after_the_backup_is_gone_and_an_older_backup_is_migrated(
    built: Installation, tmp_path: Path
) -> None:
    url = database_url(built, "quiz")
    assert built.command("quiz", "migrate", "down", "--yes").returncode == 0
    file = backed_up(built, tmp_path)
    assert built.command("quiz", "migrate", "up").returncode == 0
    whole = digests(built)
    execute(url, "CREATE TABLE later (id INTEGER)", "DROP TABLE tombstones")

    done = restored(built, file)

    assert "quiz: the backup is of an older release; applied 004_audit_log_indexes to the copy\n" in done.stdout
    found = digests(built)
    # The ledger knows when it was applied.
    for each in (found, whole):
        del each["quiz"]["schema_ledger"], each["quiz"]["migratehistory"]
    assert without_feed(found) == without_feed(whole)
    assert built.command("quiz", "check", "--alone").stdout == "no findings\n"


def test_a_backup_with_a_changed_byte_is_refused(built: Installation, tmp_path: Path) -> None:
    file = backed_up(built, tmp_path)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)

    assert refused(built, file, "--yes") == (
        f"{file} is not a whole backup of Flix (its checksum is another than when it was made): take another one"
    )


def test_a_backup_of_another_engine_is_refused(built: Installation, tmp_path: Path) -> None:
    content = members(backed_up(built, tmp_path))
    manifest = json.loads(content[MANIFEST])
    here = manifest["services"]["quiz"]["engine"]
    there = manifest["services"]["quiz"]["engine"] = "postgresql" if here == "sqlite" else "sqlite"
    file = sealed(tmp_path / "other.tar", {**content, MANIFEST: json.dumps(manifest).encode()})

    assert refused(built, file, "--yes") == (
        f"the backup of quiz is of {there} and its database here is of {here}: "
        f"restore it into an installation on {there} (set QUIZ_DATABASE_URL)"
    )


def test_a_backup_of_a_service_that_is_not_known_is_refused(built_on_sqlite: Installation, tmp_path: Path) -> None:
    content = members(backed_up(built_on_sqlite, tmp_path))
    manifest = json.loads(content[MANIFEST])
    manifest["services"]["forum"] = manifest["services"].pop("quiz")
    file = sealed(tmp_path / "other.tar", {**content, MANIFEST: json.dumps(manifest).encode()})

    assert refused(built_on_sqlite, file, "--yes") == (
        "the backup holds a database of forum, which this Flix does not have"
    )


@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_a_broken_database_with_a_right_checksum_is_refused(built: Installation, tmp_path: Path, damage: str) -> None:
    content = members(backed_up(built, tmp_path))
    (name,) = (each for each in content if each.startswith("quiz."))
    middle, whole = len(content[name]) // 2, content[name]
    broken = whole[:middle] if damage == "cut" else whole[:middle] + os.urandom(8192) + whole[middle + 8192 :]
    file = sealed(tmp_path / "broken.tar", with_copy(content, "quiz", broken))

    said = refused(built, file, "--yes")

    assert said.startswith(("quiz: the copy is no sound database (", "quiz: pg_restore failed ("))
    assert said.endswith("; nothing was replaced")


def test_a_database_that_does_not_pass_its_check_is_refused(built: Installation, tmp_path: Path) -> None:
    url = database_url(built, "quiz")
    execute(url, "UPDATE schema_ledger SET checksum = 'edited' WHERE name = '001_initial'")
    file = backed_up(built, tmp_path)

    assert refused(built, file, "--yes") == (
        "quiz: the copy does not pass check --alone: database - migrations: 001_initial was edited after it was "
        "applied: restore it, put the change into a new one, then run python -m services.quiz migrate status; "
        "nothing was replaced"
    )


def test_without_a_yes_nothing_is_replaced(built: Installation, tmp_path: Path) -> None:
    file = backed_up(built, tmp_path)

    managed = "restore replaces every row: in the managed profile it needs --yes (make restore YES=1)"
    expected = managed if built.environment["DATABASE_PROFILE"] == "managed" else "nothing was replaced"
    assert refused(built, file) == expected


def test_when_one_cannot_be_replaced_it_says_which_are_and_how_to_go_back(
    built_on_sqlite: Installation, tmp_path: Path
) -> None:
    built, whole = built_on_sqlite, digests(built_on_sqlite)
    file = backed_up(built, tmp_path)
    ruin(built)
    ruined = digests(built)
    # SQLite copies between pages of one size only, once a file has its journal.
    with closing(sqlite3.connect(sqlite_file(built, "quiz"))) as quiz:
        quiz.executescript("PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM; PRAGMA journal_mode = WAL")

    done = run(built, "restore", file, "--yes")

    (safety,) = (built.logs.parent / "data" / "backups").glob(SAFETY)
    assert (done.returncode, done.stderr) == (
        1,
        f"quiz: {sqlite_file(built, 'quiz')} cannot be written (attempt to write a readonly database); auth and "
        f"content already replaced, to go back: make restore FILE=data/backups/{safety.name}; "
        "or put it right and restore again\n",
    )
    found = digests(built)
    assert without_feed(found) == without_feed({**whole, "quiz": ruined["quiz"]})


def test_a_file_that_is_no_database_any_more_is_set_aside_once_its_service_is_stopped(
    built_on_sqlite: Installation, tmp_path: Path
) -> None:
    built, whole = built_on_sqlite, digests(built_on_sqlite)
    file = backed_up(built, tmp_path)
    live = sqlite_file(built, "quiz")
    built.start()
    live.write_bytes(b"rubbish" * 4096)

    running = run(built, "restore", file, "--yes")
    assert (running.returncode, running.stderr) == (
        1,
        "the database of quiz is gone or unreadable while quiz runs: stop Flix, then restore again\n",
    )
    built.stop()

    unsafe = run(built, "restore", file, "--yes")
    assert (unsafe.returncode, unsafe.stderr) == (
        1,
        f"what is there now cannot be backed up (quiz: {live} cannot be copied (file is not a database)); nothing was "
        "replaced: to give it up, use --without-safety-backup (make restore SAFETY=no)\n",
    )

    restored(built, file, "--without-safety-backup")
    assert without_feed(digests(built))["quiz"] == without_feed(whole)["quiz"]
    assert [each.read_bytes() for each in live.parent.glob("quiz.sqlite.broken-*")] == [b"rubbish" * 4096]


@contextmanager
def reading(built: Installation) -> Iterator[Counter[int]]:
    """Learners and an admin who read all the time; how they were answered."""
    answers: Counter[int] = Counter()
    stopped = threading.Event()
    with built.admin() as admin:
        signed_in = admin.headers["Authorization"]
    lesson = "/api/public/events/flix-mvp-launch-event/lessons/kickoff-do-mvp"

    def read() -> None:
        with built.client(Authorization=signed_in) as client:
            while not stopped.is_set():
                answers[client.post("/api/public/events/flix-mvp-launch-event/catalog").status_code] += 1
                answers[client.post(f"{lesson}/quiz").status_code] += 1
                answers[client.post(f"{lesson}/quiz/submit", json={"answers": []}).status_code] += 1
                answers[client.get("/api/quizzes").status_code] += 1

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def test_who_is_served_while_everything_is_backed_up_and_replaced_hears_of_nothing_worse_than_a_wait(
    built: Installation, tmp_path: Path
) -> None:
    built.start()
    with reading(built) as answers:
        file = backed_up(built, tmp_path)
        for _ in range(3):
            restored(built, file)

    assert {status for status in answers if status != 200} <= {503}
    assert answers[200] > 10 * answers[503]


@pytest.fixture
def own_role(postgresql_server: Server) -> Iterator[str]:
    """A role that owns databases and may make none: its name and password."""
    role = f"owner_{os.urandom(4).hex()}"
    with psycopg.connect(postgresql_server.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        yield role
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_role_that_may_make_no_database_has_one_made_for_it(
    built: Installation, postgresql_server: Server, own_role: str, tmp_path: Path
) -> None:
    if engine_of(database_url(built, "auth")).NAME == "sqlite":
        pytest.skip("SQLite has no roles")
    maker = postgresql_server.url
    for service in SERVICES:
        url = urlsplit(database_url(built, service))
        name = url.path[1:]
        execute(url.geturl(), f"ALTER DATABASE {name} OWNER TO {own_role}")
        for table in tables(url.geturl()):
            execute(url.geturl(), f"ALTER TABLE {table} OWNER TO {own_role}")
        own = url._replace(netloc=f"{own_role}:secret@{url.hostname}:{url.port}").geturl()
        built.environment[f"{service.upper()}_DATABASE_URL"] = own
    file, whole = backed_up(built, tmp_path), digests(built)
    ruin(built)

    assert refused(built, file, "--yes") == (
        f"auth: the role {own_role} may not make the database in which the copy is checked: ALTER ROLE {own_role} "
        "CREATEDB, or set RESTORE_SCRATCH_URL to the URL of a role that may; nothing was replaced"
    )
    done = run(built, "restore", file, "--yes", RESTORE_SCRATCH_URL=maker)

    try:
        assert (done.returncode, done.stderr) == (0, "")
        assert without_feed(digests(built)) == without_feed(whole)
        assert scratch_places(built) == []
    finally:
        for service in SERVICES:
            execute(
                urlsplit(maker)._replace(path=urlsplit(database_url(built, service)).path).geturl(),
                f"REASSIGN OWNED BY {own_role} TO CURRENT_USER",
            )
