"""services.kit.storage.soundness: a damaged database closes the service and a restored one reopens it."""

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import peewee
import pytest

from services.content import seed
from services.content.config import read_settings
from services.content.migrations import MIGRATIONS
from services.content.repository.store import PeeweeContentStore
from services.kit.core.background import BackgroundFailed
from services.kit.core.errors import Unavailable
from services.kit.storage.database import open_database
from services.kit.storage.database_errors import is_damage
from services.kit.storage.health import health_routes
from services.kit.storage.soundness import APART_FROM_BYTES, SoundnessWatch, check_command, find_damage
from services.kit.storage.thread_pool import DAMAGED, ThreadPool
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import create_web_app
from services.kit.web.guards import Gatekeeper
from services.kit.web.pages import PageRequest
from tests.violations import execute
from tests.waiting import until

PAGE = 4096
SOON = 0.05
NEVER = 3600


class Service:
    """Content's event list and readiness over a watched database."""

    def __init__(self, database: peewee.Database, interval_seconds: float):
        self._runner = asyncio.Runner()
        self._use_cases = UseCases(database, threads=2)
        self._store = PeeweeContentStore(database)
        routes = health_routes(self._use_cases, database, MIGRATIONS)
        self._app: Any = create_web_app(routes, [Gatekeeper(routes, "content", "no service's secret is needed here")])
        self._watch = SoundnessWatch(database, MIGRATIONS, self._use_cases.pool, interval_seconds, SOON)

    @contextmanager
    def running(self) -> Iterator["Service"]:
        """Run the service while the block lasts."""
        self._watch.start()
        try:
            yield self
        finally:
            self._watch.stop()
            self._use_cases.close()
            self._runner.close()

    def ready(self) -> tuple[int, str]:
        """Return the status and the message of /health/ready."""
        response = self._runner.run(self._get("/health/ready"))
        return response.status_code, response.json().get("message", "")

    def event_ids(self) -> Any:
        """Return the ids of all events, or the text of the refusal."""
        try:
            events = self._runner.run(self._use_cases.run(self._store.events.list, PageRequest()))
        except Exception as error:
            return str(error)
        return [event.id for event in events]

    async def _get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://content") as client:
            return await client.get(path)


@pytest.fixture
def seeded(database: peewee.Database) -> peewee.Database:
    """Return a migrated database with the demo's events."""
    MIGRATIONS.up(database)
    seed.seed_database(database, read_settings({}), "demo")
    database.close()
    return database


@pytest.fixture
def file(sqlite_url: str, tmp_path: Path) -> Path:
    """Return a seeded SQLite file without a write-ahead log; a copy is beside it."""
    database = open_database(sqlite_url)
    MIGRATIONS.up(database)
    seed.seed_database(database, read_settings({}), "demo")
    database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    shutil.copy(path, tmp_path / "backup.sqlite")
    return path


def overwriting(name: str) -> Callable[[Path], None]:
    """Return the damage of a broken disk: the first page of the table or index is noise."""

    def overwrite(file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
            (page,) = connection.execute(query, [name]).fetchone()
        with file.open("r+b") as opened:
            opened.seek((page - 1) * PAGE)
            opened.write(random.Random(page).randbytes(PAGE))
            opened.flush()
            os.fsync(opened.fileno())

    return overwrite


def truncating(length: int) -> Callable[[Path], None]:
    """Return the damage of a copy that broke off."""
    return lambda file: os.truncate(file, length)


def restore(file: Path) -> None:
    """Replace the file with the copy, as an operator does."""
    for suffix in ("-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    shutil.copy(file.parent / "backup.sqlite", file.parent / "restored.sqlite")
    (file.parent / "restored.sqlite").replace(file)


def test_a_sound_database_stays_open(seeded: peewee.Database) -> None:
    assert find_damage(seeded, MIGRATIONS) is None
    assert find_damage(seeded, MIGRATIONS, every_row=True) is None
    with Service(seeded, SOON).running() as service:
        for _ in range(5):
            assert service.ready() == (200, "")
        assert len(service.event_ids()) == 7


PAGES = ("events", "sqlite_autoindex_events_1", "events_created_at_position_id", "materials")
DAMAGE = [*map(overwriting, PAGES), *map(truncating, (PAGE * 3, PAGE, 100, 0)), Path.unlink]


@pytest.mark.parametrize("damage", DAMAGE, ids=[*PAGES, "3 pages", "1 page", "100 bytes", "no byte", "no file"])
def test_damage_of_the_file_closes_the_service_until_a_restore(file: Path, damage: Callable[[Path], None]) -> None:
    with Service(open_database(f"sqlite:///{file}", create=False), SOON).running() as service:
        events = service.event_ids()
        assert len(events) == 7
        damage(file)
        # Until the next inspection the connections may still use what they have read.
        until(lambda: bool(service.event_ids() == DAMAGED), "a closed service")
        assert service.ready() == (503, DAMAGED)
        assert file.exists() is (damage is not Path.unlink)
        restore(file)
        until(lambda: service.ready()[0] == 200, "an open service")
        assert service.event_ids() == events


def _replace(path: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, path.with_name("other"))
        path.rename(path.with_name("gone"))
    else:
        shutil.copy(path, path.with_name("other"))
    path.with_name("other").replace(path)


def _delete(path: Path) -> None:
    if path.is_dir():
        path.rename(path.with_name("gone"))
    else:
        path.unlink()


@pytest.mark.parametrize("remove", [_delete, _replace])
@pytest.mark.parametrize("which", ["file", "log", "folder"])
def test_no_write_is_acknowledged_into_a_file_that_is_gone(
    tmp_path: Path, which: str, remove: Callable[[Path], None]
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    file = folder / "content.sqlite"
    paths = {"file": file, "log": folder / "content.sqlite-wal", "folder": folder}
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    database = open_database(f"sqlite:///{file}", create=False)
    pool = ThreadPool(database, threads=1)
    write = partial(pool.run_in_this_thread, database.execute_sql, "INSERT INTO notes DEFAULT VALUES")
    write()

    remove(paths[which])

    for _ in range(2):
        with pytest.raises(Unavailable, match=DAMAGED):
            write()
    pool.close()


def test_the_log_of_a_file_behind_a_link_is_watched(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(file)
    with Service(open_database(f"sqlite:///{link}", create=False), SOON).running() as service:
        assert len(service.event_ids()) == 7
        Path(f"{file}-wal").unlink()
        assert service.event_ids() == DAMAGED


def test_an_idle_service_that_lost_its_log_closes_every_connection(file: Path) -> None:
    with Service(open_database(f"sqlite:///{file}", create=False), SOON).running() as service:
        assert len(service.event_ids()) == 7
        Path(f"{file}-wal").unlink()
        # No request comes: the watch notices it.
        until(lambda: _is_unused(file), "no connection to the file")
        assert service.event_ids() == DAMAGED


def _is_unused(file: Path) -> bool:
    """Return whether another process can lock the file for itself."""
    script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).executescript(sys.argv[2])"
    statements = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE"
    command = [sys.executable, "-c", script, str(file), statements]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_a_file_that_was_moved_away_and_back_opens_the_service(file: Path) -> None:
    with Service(open_database(f"sqlite:///{file}", create=False), SOON).running() as service:
        events = service.event_ids()
        away = file.rename(file.with_name("away"))
        until(lambda: bool(service.event_ids() == DAMAGED), "a closed service")
        away.rename(file)
        until(lambda: service.ready()[0] == 200, "an open service")
        assert service.event_ids() == events


@pytest.mark.parametrize("remove", [_delete, _replace])
def test_a_service_without_its_log_stays_closed_until_a_restore(file: Path, remove: Callable[[Path], None]) -> None:
    with Service(open_database(f"sqlite:///{file}", create=False), SOON).running() as service:
        events = service.event_ids()
        remove(Path(f"{file}-wal"))
        assert service.event_ids() == DAMAGED
        # Readiness asks the closed use cases, not the database.
        assert [service.ready() for _ in range(10)] == [(503, DAMAGED)] * 10
        restore(file)
        until(lambda: service.ready()[0] == 200, "an open service")
        assert service.event_ids() == events


def test_a_use_case_that_meets_damage_closes_the_service(file: Path) -> None:
    database = open_database(f"sqlite:///{file}")
    pool = ThreadPool(database, threads=1)
    overwriting("events")(file)
    for _ in range(2):
        with pytest.raises(Unavailable, match=DAMAGED):
            pool.run_in_this_thread(PeeweeContentStore(database).events.list, PageRequest())
    assert (pool.damaged, pool.wake.is_set()) == (True, True)
    pool.close()


def test_a_missing_table_closes_the_service_until_it_is_back(seeded: peewee.Database) -> None:
    with Service(seeded, NEVER).running() as service:
        assert len(service.event_ids()) == 7
        execute(seeded, "ALTER TABLE events RENAME TO elsewhere")
        seeded.close()
        # The watch sleeps for an hour: the use case notices the damage and wakes it.
        assert service.event_ids() == DAMAGED
        assert service.ready() == (503, DAMAGED)
        execute(seeded, "ALTER TABLE elsewhere RENAME TO events")
        seeded.close()
        until(lambda: service.ready()[0] == 200, "an open service")
        assert len(service.event_ids()) == 7


def test_the_watch_notices_a_missing_table_by_itself(seeded: peewee.Database) -> None:
    with Service(seeded, SOON).running() as service:
        execute(seeded, "DROP TABLE materials")
        seeded.close()
        until(lambda: service.ready()[0] == 503, "a closed service")
        assert service.event_ids() == DAMAGED


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_rows_that_break_a_rule_are_no_damage(seeded: peewee.Database) -> None:
    execute(seeded, "UPDATE lessons SET expires_at = release_at - 1", "DELETE FROM events")
    assert find_damage(seeded, MIGRATIONS) is None


def test_a_database_before_its_first_migration_is_not_damaged(database: peewee.Database) -> None:
    database.connect()
    database.execute_sql("CREATE TABLE something (id INTEGER)")
    assert find_damage(database, MIGRATIONS) is None


def test_a_server_that_is_away_is_not_damaged() -> None:
    away = open_database("postgresql://flix@127.0.0.1:1/flix?connect_timeout=2")
    with pytest.raises(peewee.OperationalError) as caught:
        find_damage(away, MIGRATIONS)
    assert not is_damage(caught.value)


class Apart:
    """Stands for the process that inspects a large file: its damage, or its failure, and how often it was begun."""

    def __init__(self, result: str | Exception | None):
        self.begun = 0
        self._result = result

    def lines(self) -> Iterator[dict[str, str | None]]:
        self.begun += 1
        if isinstance(self._result, Exception):
            raise self._result
        yield {"damage": self._result}

    def end(self) -> None:
        pass


def inspected(file: Path, apart: Any) -> bool:
    """Inspect the database once and return whether it is damaged."""
    database = open_database(f"sqlite:///{file}", create=False)
    pool = ThreadPool(database, threads=1)
    SoundnessWatch(database, MIGRATIONS, pool, NEVER, apart=apart).inspect()
    pool.close()
    return pool.damaged


def grow(file: Path) -> None:
    """Let the file be a large one, most of which was never written."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE large (content BLOB)")
        connection.execute("INSERT INTO large VALUES (zeroblob(?))", [APART_FROM_BYTES])
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_a_small_file_is_inspected_without_another_process(file: Path) -> None:
    apart = Apart("damaged")
    assert (inspected(file, apart), apart.begun) == (False, 0)


@pytest.mark.parametrize(
    ("result", "expected"),
    [(None, False), ("a page is noise", True), (BackgroundFailed("code 1"), False), (OSError("no process"), False)],
)
def test_a_large_file_is_inspected_by_another_process(
    file: Path, result: str | Exception | None, expected: bool
) -> None:
    grow(file)
    apart = Apart(result)
    assert (inspected(file, apart), apart.begun) == (expected, 1)


def test_where_no_process_inspects_it_damage_is_found_all_the_same(file: Path) -> None:
    grow(file)
    overwriting("materials")(file)
    assert inspected(file, Apart(BackgroundFailed("code 1")))


@pytest.mark.parametrize("is_damaged", [False, True])
def test_the_command_of_a_service_inspects_its_large_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, is_damaged: bool
) -> None:
    grow(file)
    if is_damaged:
        overwriting("materials")(file)
    monkeypatch.setenv("CONTENT_DATABASE_URL", f"sqlite:///{file}")
    pool = ThreadPool(open_database(f"sqlite:///{file}", create=False), threads=1)
    [line] = check_command("content", "damage", pool).lines()
    pool.close()
    assert (line["damage"] is not None) is is_damaged


def test_damage_ends_the_processes_that_have_the_file_open(file: Path) -> None:
    pool = ThreadPool(open_database(f"sqlite:///{file}", create=False), threads=1)
    ended: list[str] = []
    pool.at_damage.append(lambda: ended.append("check"))
    for _ in range(2):
        pool.close_for_damage("a page is noise")
    pool.close()
    assert ended == ["check"]
