"""How the tests share databases and stacks, what they run on, and what they report at the end."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from services.kit.core.actor import set_anonymous_actor
from services.kit.storage import write_turns
from services.kit.storage.database import is_postgresql, open_database
from tests.databases import MigratedDatabases
from tests.leftovers import remove_leftovers
from tests.pgbouncer import Pooler, running_pooler
from tests.postgresql import NoPostgresql, Server, running_server
from tests.waiting import PATIENCE_SECONDS
from tests.without import do_without

# No example of hypothesis fails for being slow: the machine may be loaded.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
# No writer is refused for having waited for the others of its process: the disk may be slow.
write_turns.TURN_SECONDS = PATIENCE_SECONDS

TESTS = Path(__file__).parent

# The longest work begins first, so that no worker goes on alone at the end (with --no-loadscope-reorder).
SLOWEST = ("contract", "deploy", "faults", "journeys", "fuzz")
# Some workers wait for other processes rather than compute.
WORKERS_BESIDES_THE_CORES = 1
# The tests below each of these share one running stack of each engine.
SHARING_A_STACK = {
    "tests/contract/": "contract",
    **{f"tests/journeys/test_{name}.py": "journeys" for name in ("exactly_once", "grants", "launch", "sessions")},
}


class StackScheduling(LoadFileScheduling):  # type: ignore[misc]
    """Give a worker one file at a time, or all tests that share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        shared = [name for place, name in SHARING_A_STACK.items() if nodeid.startswith(place)]
        engine = "PostgreSQL" if "postgresql" in nodeid.partition("[")[2] else "SQLite"
        return f"{shared[0]} on {engine}" if shared else nodeid.split("::", 1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> StackScheduling | None:
    """Distribute the tests so that few stacks are started, with --dist loadfile."""
    return StackScheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers of `-n auto`."""
    return (os.cpu_count() or 1) + WORKERS_BESIDES_THE_CORES


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remove what an interrupted run has left running."""
    if not hasattr(session.config, "workerinput"):
        remove_leftovers()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests folder by folder, the slowest first."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(TESTS).parts[0]
        return SLOWEST.index(folder) if folder in SLOWEST else len(SLOWEST)

    items.sort(key=place)


# The number of tests that the command deselected: counted where they are collected, shown where the run ends.
_deselected = pytest.StashKey[int]()


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the tests that wait for `make test-full`."""
    waiting = [item for item in items if item.get_closest_marker("full")]
    if waiting and waiting[0].config.option.markexpr == "not full":
        stash = waiting[0].config.stash
        stash[_deselected] = stash.get(_deselected, 0) + len(waiting)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the number from a worker to the controller."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["deselected"] = session.config.stash.get(_deselected, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the number from a worker; every worker collects the same tests."""
    node.config.stash[_deselected] = getattr(node, "workeroutput", {}).get("deselected", 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the figures that the tests have noted, and how many tests wait for `make test-full`."""
    reports = [report for each in terminalreporter.stats.values() for report in each]
    for report in reports:
        if getattr(report, "when", None) == "call":
            for name, line in report.user_properties:
                terminalreporter.write_line(f"{name}: {line}")
    waiting = config.stash.get(_deselected, 0)
    if waiting:
        terminalreporter.write_line(f"{waiting} tests wait for make test-full")


@pytest.fixture(autouse=True)
def no_actor() -> None:
    """Forget the actor of the test before."""
    set_anonymous_actor(None)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """The server of TEST_POSTGRES_URL or a throw-away one; without either the test is skipped, or fails in CI."""
    try:
        with running_server() as server:
            yield server
    except NoPostgresql as reason:
        do_without("PostgreSQL", str(reason))


@pytest.fixture(scope="session")
def pooler(postgresql_server: Server) -> Iterator[Pooler]:
    """A PgBouncer in transaction mode before that server; without the program the test is skipped, or fails in CI."""
    with running_pooler(postgresql_server) as running:
        yield running


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'database.sqlite'}"


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> Iterator[str]:
    """The URL of an empty database, dropped afterwards."""
    url = postgresql_server.create_database()
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, on each engine in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[peewee.Database]:
    """The empty database, opened as a service does; afterwards the connections of all threads are closed."""
    handle: Any = open_database(database_url)
    if not is_postgresql(handle):
        # So that the connections of threads that have ended can be closed here.
        handle.connect_params["check_same_thread"] = False
    connect, connections = handle._connect, []

    def connect_and_remember() -> Any:
        connections.append(connect())
        return connections[-1]

    handle._connect = connect_and_remember
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
