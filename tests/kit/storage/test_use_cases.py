"""services.kit.storage.use_cases: use cases in threads, each with a connection that is its own."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import peewee
import pytest
from structlog.testing import capture_logs

from services.kit.core.errors import Conflict, Unavailable
from services.kit.storage.database import open_database
from services.kit.storage.use_cases import UseCases

PATIENCE_SECONDS = 30


class Taken(Conflict):
    code = "NOTE_TAKEN"
    message = "There is such a note"


@pytest.fixture
def sqlite(sqlite_url: str) -> peewee.Database:
    """A handle on a file."""
    return open_database(sqlite_url)


@contextmanager
def pool(database: peewee.Database, threads: int = 1, waiting_limit: int = 512) -> Iterator[UseCases]:
    """Use cases whose threads end with the test."""
    use_cases = UseCases(database, threads, waiting_limit)
    try:
        yield use_cases
    finally:
        use_cases.close()


def test_a_use_case_runs_in_another_thread_with_its_arguments(sqlite: peewee.Database) -> None:
    def use_case(left: int, *, right: int) -> tuple[int, bool]:
        return left + right, threading.current_thread() is threading.main_thread()

    with pool(sqlite) as use_cases:
        assert asyncio.run(use_cases.run(use_case, 1, right=2)) == (3, False)


def test_no_more_than_the_threads_and_the_waiting_limit_are_taken_in(sqlite: peewee.Database) -> None:
    go_on = threading.Event()

    async def asking(use_cases: UseCases) -> list[object]:
        taken_in = [asyncio.create_task(use_cases.run(go_on.wait)) for _ in range(2 + 3)]
        await asyncio.sleep(0)
        refused = [await asyncio.gather(use_cases.run(go_on.wait), return_exceptions=True) for _ in range(2)]
        go_on.set()
        finished = await asyncio.gather(*taken_in)
        return [finished, [str(error) for [error] in refused], await use_cases.run(go_on.wait)]

    with pool(sqlite, threads=2, waiting_limit=3) as use_cases:
        answers = asyncio.run(asking(use_cases))

    too_many = "Too many requests are waiting; try again shortly"
    assert answers == [[True] * 5, [too_many] * 2, True]


def test_no_more_use_cases_run_at_once_than_there_are_threads(sqlite: peewee.Database) -> None:
    running, most = [], []
    # Two at once are let go together; a third would have to be running by then.
    meeting = threading.Barrier(2, timeout=30)

    def use_case() -> None:
        running.append(1)
        most.append(len(running))
        meeting.wait()
        running.pop()

    async def asking(use_cases: UseCases) -> None:
        await asyncio.gather(*(use_cases.run(use_case) for _ in range(20)))

    with pool(sqlite, threads=2) as use_cases:
        asyncio.run(asking(use_cases))

    assert max(most) == 2


def test_what_the_context_says_of_a_request_reaches_its_thread_and_no_other(sqlite: peewee.Database) -> None:
    request: ContextVar[str] = ContextVar("request")

    async def asking(use_cases: UseCases, name: str) -> str:
        request.set(name)
        return await use_cases.run(request.get)

    async def both(use_cases: UseCases) -> list[str]:
        return list(await asyncio.gather(asking(use_cases, "one"), asking(use_cases, "two")))

    with pool(sqlite) as use_cases:
        assert asyncio.run(both(use_cases)) == ["one", "two"]


@pytest.mark.parametrize("failure", [peewee.OperationalError("server closed"), peewee.InterfaceError("closed")])
def test_a_database_error_closes_the_thread_s_connection_and_the_next_use_case_opens_another(
    sqlite: peewee.Database, failure: Exception
) -> None:
    def fail() -> None:
        connections.append(sqlite.connection())
        raise failure

    def work() -> object:
        connections.append(sqlite.connection())
        return sqlite.execute_sql("SELECT 1").fetchone()

    connections: list[object] = []
    with pool(sqlite) as use_cases, capture_logs() as lines:
        assert asyncio.run(use_cases.run(work)) == (1,)
        with pytest.raises(Unavailable) as refused:
            asyncio.run(use_cases.run(fail))
        assert asyncio.run(use_cases.run(work)) == (1,)

    before, failed, after = connections
    assert before is failed is not after
    assert (str(refused.value), refused.value.status, refused.value.retry_after) == (
        "The database is not available; try again shortly",
        503,
        1,
    )
    assert lines == [{"event": "database_unavailable", "error": str(failure), "log_level": "error"}]


def test_a_connection_stays_with_its_thread_for_the_next_use_case(sqlite: peewee.Database) -> None:
    with pool(sqlite) as use_cases:
        first, second = (asyncio.run(use_cases.run(sqlite.connection)) for _ in range(2))

    assert first is second


def test_an_error_of_the_domain_passes_through_and_keeps_the_connection(sqlite: peewee.Database) -> None:
    def refuse() -> None:
        raise Taken

    with pool(sqlite) as use_cases:
        before = asyncio.run(use_cases.run(sqlite.connection))
        with pytest.raises(Taken):
            asyncio.run(use_cases.run(refuse))
        assert asyncio.run(use_cases.run(sqlite.connection)) is before


# PostgreSQL, while it refuses for a reason that passes


@pytest.fixture
def notes(postgresql_url: str) -> peewee.Database:
    """A handle on a table with one row."""
    database = open_database(postgresql_url)
    database.execute_sql("CREATE TABLE notes (id int PRIMARY KEY, number int)")
    database.execute_sql("INSERT INTO notes VALUES (1, 1)")
    database.close()
    return database


def elsewhere(database: peewee.Database, *statements: str) -> None:
    """Execute them on a connection of their own."""
    for statement in statements:
        database.execute_sql(statement)
    database.close()


def read_only(setting: str) -> str:
    """As a failover to a standby makes a database, or the end of one; for sessions that begin then."""
    return f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I {setting}', current_database()); END $$"


def test_a_read_only_server_is_an_outage_and_ends_with_it(notes: peewee.Database) -> None:
    def write() -> int:
        changed: int = notes.execute_sql("UPDATE notes SET number = number + 1").rowcount
        return changed

    with pool(notes) as use_cases, capture_logs() as lines:
        elsewhere(notes, read_only("SET default_transaction_read_only = on"))
        with pytest.raises(Unavailable):
            asyncio.run(use_cases.run(write))
        elsewhere(notes, "SET default_transaction_read_only = off", read_only("RESET default_transaction_read_only"))
        assert asyncio.run(use_cases.run(write)) == 1

    assert [line["event"] for line in lines] == ["database_unavailable"]


# psycopg prepares a statement by itself when it has been executed so often.
OFTEN = 8


def test_a_prepared_statement_that_a_migration_has_made_stale_costs_one_request(notes: peewee.Database) -> None:
    def read() -> object:
        return notes.execute_sql("SELECT * FROM notes").fetchall()

    with pool(notes) as use_cases, capture_logs():
        for _ in range(OFTEN):
            asyncio.run(use_cases.run(read))
        elsewhere(notes, "ALTER TABLE notes ALTER COLUMN number TYPE bigint")
        with pytest.raises(Unavailable):
            asyncio.run(use_cases.run(read))
        assert asyncio.run(use_cases.run(read)) == [(1, 1)]


def test_a_wrong_statement_is_no_outage_and_its_session_is_not_used_again(notes: peewee.Database) -> None:
    def wrong() -> object:
        return notes.execute_sql("SELECT nothing FROM notes")

    with pool(notes) as use_cases:
        before = asyncio.run(use_cases.run(notes.connection))
        with pytest.raises(peewee.ProgrammingError):
            asyncio.run(use_cases.run(wrong))
        assert asyncio.run(use_cases.run(notes.connection)) is not before


# Clients that go


class Body:
    """What a request has brought."""


def test_whoever_goes_while_waiting_keeps_a_place_but_no_body_and_is_not_served(sqlite: peewee.Database) -> None:
    go_on = threading.Event()
    begun: list[Body] = []
    bodies = [Body() for _ in range(3)]
    alive = [weakref.ref(body) for body in bodies]

    async def asking(use_cases: UseCases) -> list[object]:
        busy = asyncio.create_task(use_cases.run(go_on.wait))
        leaving = [asyncio.create_task(use_cases.run(begun.append, body)) for body in bodies]
        await asyncio.sleep(0)
        while leaving:
            leaving[-1].cancel()
            await asyncio.wait([leaving.pop()])
        bodies.clear()
        gc.collect()
        held = [body() for body in alive]
        asked = asyncio.wait_for(use_cases.run(go_on.wait), PATIENCE_SECONDS)
        [refused] = await asyncio.gather(asked, return_exceptions=True)
        go_on.set()
        return [held, str(refused), await busy, await use_cases.run(go_on.wait)]

    with pool(sqlite, threads=1, waiting_limit=3) as use_cases:
        answers = asyncio.run(asking(use_cases))

    too_many = "Too many requests are waiting; try again shortly"
    assert answers == [[None] * 3, too_many, True, True]
    assert begun == []
