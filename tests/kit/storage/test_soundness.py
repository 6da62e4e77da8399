"""services.kit.storage.soundness: a damaged database closes the service, and a restored one opens it again."""

import asyncio
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import peewee
import pytest

from services.content import seed
from services.content.config import read_settings
from services.content.migrations import MIGRATIONS
from services.content.repository.store import PeeweeContentStore
from services.kit.storage.database import is_postgresql, open_database
from services.kit.storage.database_errors import is_damage
from services.kit.storage.health import health_routes
from services.kit.storage.soundness import SoundnessWatch, find_damage
from services.kit.storage.use_cases import DAMAGED, UseCases
from services.kit.web.app import create_web_app
from services.kit.web.guards import Gatekeeper
from services.kit.web.pages import PageRequest
from tests.violations import execute

PAGE = 4096
PATIENCE_SECONDS = 60
SOON = 0.05
NEVER = 3600


class Service:
    """Content's event list and readiness, over a database that is watched."""

    def __init__(self, database: peewee.Database, interval_seconds: float):
        self._runner = asyncio.Runner()
        self._use_cases = UseCases(database, threads=2)
        self._store = PeeweeContentStore(database)
        routes = health_routes(self._use_cases, database, MIGRATIONS)
        self._app: Any = create_web_app(routes, [Gatekeeper(routes, "content", "no service's secret is needed here")])
        self._watch = SoundnessWatch(database, MIGRATIONS, self._use_cases, interval_seconds, SOON)

    @contextmanager
    def running(self) -> Iterator["Service"]:
        """The service while the block lasts."""
        self._watch.start()
        try:
            yield self
        finally:
            self._watch.stop()
            self._use_cases.close()
            self._runner.close()

    def ready(self) -> tuple[int, str]:
        """The status of /health/ready and what it says."""
        answer = self._runner.run(self._get("/health/ready"))
        return answer.status_code, answer.json().get("message", "")

    def lists_events(self) -> Any:
        """The ids of all events, or what refuses to tell."""
        try:
            events = self._runner.run(self._use_cases.run(self._store.events.list, PageRequest()))
        except Exception as error:
            return str(error)
        return [event.id for event in events]

    async def _get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://content") as client:
            return await client.get(path)


def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(SOON)


@pytest.fixture
def seeded(database: peewee.Database) -> peewee.Database:
    """Migrated and with the demo's events."""
    MIGRATIONS.up(database)
    seed.seed_database(database, read_settings({}), "demo")
    database.close()
    return database


@pytest.fixture
def file(sqlite_url: str, tmp_path: Path) -> Path:
    """A seeded SQLite file without a log of changes beside it, and a copy of it."""
    database = open_database(sqlite_url)
    MIGRATIONS.up(database)
    seed.seed_database(database, read_settings({}), "demo")
    database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    shutil.copy(path, tmp_path / "backup.sqlite")
    return path


def root_page(file: Path, name: str) -> int:
    """Where the file keeps the first page of that table or index."""
    database = open_database(f"sqlite:///{file}")
    page: int = database.execute_sql("SELECT rootpage FROM sqlite_master WHERE name = ?", [name]).fetchone()[0]
    database.close()
    return page


def overwrite(file: Path, page: int) -> None:
    """Put noise into that page, as a broken disk would."""
    with file.open("r+b") as opened:
        opened.seek((page - 1) * PAGE)
        opened.write(random.Random(page).randbytes(PAGE))
        opened.flush()
        os.fsync(opened.fileno())


def restore(file: Path) -> None:
    """As an operator does: the copy takes the place of the file."""
    for beside in ("-wal", "-shm"):
        Path(f"{file}{beside}").unlink(missing_ok=True)
    shutil.copy(file.parent / "backup.sqlite", file.parent / "restored.sqlite")
    (file.parent / "restored.sqlite").replace(file)


def test_a_sound_database_stays_open(seeded: peewee.Database) -> None:
    assert find_damage(seeded, MIGRATIONS) is None
    assert find_damage(seeded, MIGRATIONS, every_row=True) is None

    with Service(seeded, SOON).running() as service:
        for _ in range(5):
            assert service.ready() == (200, "")
        assert len(service.lists_events()) == 7


@pytest.mark.parametrize("name", ["events", "sqlite_autoindex_events_1", "events_created_at_id", "materials"])
def test_an_overwritten_page_turns_readiness_red_and_a_restored_file_turns_it_green(file: Path, name: str) -> None:
    page = root_page(file, name)
    with Service(open_database(f"sqlite:///{file}"), SOON).running() as service:
        events = service.lists_events()
        assert len(events) == 7

        overwrite(file, page)

        until(lambda: service.ready()[0] == 503)
        assert service.ready() == (503, DAMAGED)
        assert service.lists_events() == DAMAGED

        restore(file)

        until(lambda: service.ready()[0] == 200)
        assert service.lists_events() == events


@pytest.mark.parametrize("left", [PAGE * 3, PAGE, 100, 0])
def test_a_file_that_is_cut_off_turns_readiness_red(file: Path, left: int) -> None:
    with Service(open_database(f"sqlite:///{file}"), SOON).running() as service:
        assert len(service.lists_events()) == 7

        os.truncate(file, left)

        until(lambda: bool(service.lists_events() == DAMAGED))
        assert service.ready() == (503, DAMAGED)


def test_a_file_that_is_gone_turns_readiness_red_and_is_not_made_anew(file: Path) -> None:
    with Service(open_database(f"sqlite:///{file}", create=False), SOON).running() as service:
        assert len(service.lists_events()) == 7

        file.unlink()

        # Until the watch looks again, a connection goes on with the file that has no name any more.
        until(lambda: bool(service.lists_events() == DAMAGED))
        assert service.ready() == (503, DAMAGED)
        assert not file.exists()


def test_the_use_case_that_meets_the_damage_closes_the_service_at_once(file: Path) -> None:
    database = open_database(f"sqlite:///{file}")
    use_cases = UseCases(database, threads=1)
    store = PeeweeContentStore(database)
    overwrite(file, root_page(file, "events"))

    async def ask() -> list[str]:
        said = []
        for _ in range(2):
            try:
                await use_cases.run(store.events.list, PageRequest())
            except Exception as error:
                said.append(str(error))
        return said

    try:
        assert asyncio.run(ask()) == [DAMAGED, DAMAGED]
        assert (use_cases.damaged, use_cases.wake.is_set()) == (True, True)
    finally:
        use_cases.close()


def test_a_dropped_table_turns_readiness_red_and_one_that_is_back_turns_it_green(seeded: peewee.Database) -> None:
    with Service(seeded, NEVER).running() as service:
        assert len(service.lists_events()) == 7

        execute(seeded, "ALTER TABLE events RENAME TO elsewhere")
        seeded.close()

        # The watch sleeps for an hour: it is the use case that notices, and wakes it.
        assert service.lists_events() == DAMAGED
        assert service.ready() == (503, DAMAGED)

        execute(seeded, "ALTER TABLE elsewhere RENAME TO events")
        seeded.close()

        until(lambda: service.ready()[0] == 200)
        assert len(service.lists_events()) == 7


def test_a_dropped_table_that_no_use_case_asks_for_is_noticed_by_the_watch(seeded: peewee.Database) -> None:
    with Service(seeded, SOON).running() as service:
        execute(seeded, "DROP TABLE materials")
        seeded.close()

        until(lambda: service.ready()[0] == 503)
        assert service.lists_events() == DAMAGED


def test_rows_that_break_a_rule_are_no_damage(seeded: peewee.Database) -> None:
    if is_postgresql(seeded):
        pytest.skip("PostgreSQL holds its CHECKs")
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
