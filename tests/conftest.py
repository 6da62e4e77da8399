"""The databases that tests run on, each on SQLite and on PostgreSQL, and the figures that notes quote."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest

from services.kit.core.actor import set_anonymous_actor
from services.kit.storage.database import is_postgresql, open_database
from tests.databases import MigratedDatabases
from tests.postgresql import NoPostgresql, Server, running_server
from tests.without import do_without

TESTS = Path(__file__).parent


# What takes minutes begins first, so that no worker goes on alone at the end; --no-loadscope-reorder keeps the order.
SLOWEST = ("deploy", "faults", "journeys", "fuzz", "contract")
# Some wait for other processes rather than compute.
WORKERS_BESIDES_THE_CORES = 1


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`."""
    return (os.cpu_count() or 1) + WORKERS_BESIDES_THE_CORES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folder by folder, the slowest first."""

    def turn(item: pytest.Item) -> int:
        folder = item.path.relative_to(TESTS).parts[0]
        return SLOWEST.index(folder) if folder in SLOWEST else len(SLOWEST)

    items.sort(key=turn)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The figures that tests have noted, whichever worker has counted them."""
    reports = [report for each in terminalreporter.stats.values() for report in each]
    for report in reports:
        if getattr(report, "when", None) == "call":
            for name, line in report.user_properties:
                terminalreporter.write_line(f"{name}: {line}")


@pytest.fixture(autouse=True)
def nobody_acts() -> None:
    """What is called without a request in between is done by nobody, whoever acted in the test before."""
    set_anonymous_actor(None)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """The server of TEST_POSTGRES_URL or a throw-away one; where neither can be had, the tests that need it skip."""
    try:
        with running_server() as server:
            yield server
    except NoPostgresql as reason:
        do_without("PostgreSQL", str(reason))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'database.sqlite'}"


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> Iterator[str]:
    """An empty database of its own, dropped afterwards."""
    url = postgresql_server.create_database()
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database, on each engine in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[peewee.Database]:
    """The empty database, opened as a service does; afterwards the connections of all threads are closed."""
    handle: Any = open_database(database_url)
    if not is_postgresql(handle):
        # So that the connections of threads that are gone can be closed from here.
        handle.connect_params["check_same_thread"] = False
    connect, connections = handle._connect, []

    def remembered() -> Any:
        connections.append(connect())
        return connections[-1]

    handle._connect = remembered
    yield handle
    for connection in connections:
        connection.close()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MigratedDatabases]:
    """Migrated SQLite files for the whole session."""
    folder = tmp_path_factory.mktemp("migrated")
    databases = MigratedDatabases(lambda service: f"sqlite:///{folder / service}.sqlite")
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql_server: Server) -> Iterator[MigratedDatabases]:
    """Migrated PostgreSQL databases for the whole session."""
    urls: list[str] = []

    def new_url(service: str) -> str:
        urls.append(postgresql_server.create_database())
        return urls[-1]

    databases = MigratedDatabases(new_url)
    yield databases
    databases.close()
    for url in urls:
        postgresql_server.drop_database(url)
