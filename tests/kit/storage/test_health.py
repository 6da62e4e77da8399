"""services.kit.storage.health over content's migrations, on both engines."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
import pytest
from falcon.testing import Result

from services.content.migrations import MIGRATIONS
from services.content.models import EventRow
from services.kit.core.errors import DiskFull, ReadOnly, Unavailable
from services.kit.storage.database import is_postgresql, open_database
from services.kit.storage.health import health_routes, require_writes
from services.kit.storage.use_cases import UseCases
from services.kit.web.app import create_web_app
from services.kit.web.guards import Gatekeeper
from tests.app_client import Client
from tests.read_only import read_only
from tests.refusals import REQUEST_ID


def get(database: peewee.Database, path: str, require_more: Callable[[], None] = lambda: None) -> Result:
    """Return the response of a service over this database."""
    use_cases = UseCases(database, threads=1)
    routes = health_routes(use_cases, database, MIGRATIONS, require_more)
    app = create_web_app(routes, [Gatekeeper(routes, "content", "no service's secret is needed here")])
    try:
        with Client.of(app) as client:
            return client.exchange("GET", path)
    finally:
        use_cases.close()


def message_of_503(response: Result) -> str:
    """Return the message of a 503 in the contract's envelope."""
    document: dict[str, str] = response.json
    message = document.pop("message")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert document == {"error": "UPSTREAM_UNAVAILABLE", "requestId": REQUEST_ID}
    return message


def test_ready_when_the_schema_is_current(database: peewee.Database) -> None:
    MIGRATIONS.up(database)
    response = get(database, "/health/ready")
    assert (response.status_code, response.json) == (200, {"status": "ok"})


def test_not_ready_with_a_pending_migration(database: peewee.Database) -> None:
    assert "python -m services.content migrate up" in message_of_503(get(database, "/health/ready"))


def test_not_ready_but_live_without_what_the_service_needs(database: peewee.Database) -> None:
    def require_more() -> None:
        raise Unavailable("There is no key")

    MIGRATIONS.up(database)
    assert message_of_503(get(database, "/health/ready", require_more)) == "There is no key"
    assert get(database, "/health/live", require_more).status_code == 200


@pytest.mark.parametrize(
    "url", ["postgresql://flix:canary@127.0.0.1:1/flix", "sqlite:////nowhere/at/all/content.sqlite"]
)
def test_not_ready_but_live_without_a_database(url: str) -> None:
    database = open_database(url)
    assert "canary" not in message_of_503(get(database, "/health/ready"))
    live = get(database, "/health/live")
    assert (live.status_code, live.json) == (200, {"status": "ok"})


@contextmanager
def taking_no_writes(database: peewee.Database) -> Iterator[None]:
    """Let connections that are opened in this block only read."""
    database.close()
    if not is_postgresql(database):
        with read_only(Path(database.database)):
            yield
        return
    alter = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I {}', current_database()); END $$"
    database.execute_sql(alter.format("SET default_transaction_read_only = on"))
    database.close()
    yield
    database.execute_sql("SET default_transaction_read_only = off")
    database.execute_sql(alter.format("RESET default_transaction_read_only"))
    database.close()


def test_a_database_that_takes_no_writes_is_not_ready_and_can_be_read(database: peewee.Database) -> None:
    MIGRATIONS.up(database)

    with taking_no_writes(database):
        assert message_of_503(get(database, "/health/ready")) == ReadOnly.message
        assert get(database, "/health/live").status_code == 200
        use_cases = UseCases(database, threads=1)
        try:
            with pytest.raises(ReadOnly) as refused:
                asyncio.run(use_cases.run(EventRow.delete().execute, database))
            assert asyncio.run(use_cases.run(EventRow.select().count, database)) == 0
        finally:
            use_cases.close()
    assert str(refused.value) == ReadOnly.message

    assert get(database, "/health/ready").status_code == 200


def test_a_session_that_was_opened_read_only_is_not_asked_twice(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    database.execute_sql("SET default_transaction_read_only = on")
    with pytest.raises(ReadOnly):
        require_writes(database)
    require_writes(database)
    database.close()


def test_a_read_only_folder_of_a_sqlite_file_is_not_ready(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    database = open_database(f"sqlite:///{folder}/content.sqlite")
    MIGRATIONS.up(database)
    with read_only(folder), pytest.raises(ReadOnly):
        require_writes(database)


def test_a_full_disk_under_a_sqlite_file_is_not_ready(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = open_database(sqlite_url)
    MIGRATIONS.up(database)
    disk = list(os.statvfs("/"))
    blocks, free, available = 2, 3, 4

    def with_blocks(number: int, room: int) -> None:
        disk[blocks], disk[free], disk[available] = number, room, room
        monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(disk))

    with_blocks(1000, 0)
    with pytest.raises(DiskFull):
        require_writes(database)
    # A file system without a size of its own.
    with_blocks(0, 0)
    require_writes(database)
    with_blocks(1000, 1)
    require_writes(database)
