"""services.kit.storage.thread_pool: use cases in threads, each with its own connection."""

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

from services.kit.core.deadlines import set_deadline
from services.kit.core.errors import Conflict, ReadOnly, Unavailable
from services.kit.storage.database import open_database
from services.kit.storage.thread_pool import ThreadPool

TOO_MANY = "Too many requests are waiting; try again shortly"


class Taken(Conflict):
    code = "NOTE_TAKEN"
    message = "There is such a note"


@pytest.fixture
def sqlite(sqlite_url: str) -> peewee.Database:
    return open_database(sqlite_url)


@contextmanager
def pool_of(database: peewee.Database, threads: int = 1, waiting_limit: int = 512) -> Iterator[ThreadPool]:
    """Give a pool whose threads end with the block."""
    pool = ThreadPool(database, threads, waiting_limit)
    try:
        yield pool
    finally:
        pool.close()


def test_no_more_than_the_threads_and_the_waiting_limit_are_accepted(sqlite: peewee.Database) -> None:
    may_end = threading.Event()

    async def request(pool: ThreadPool) -> list[object]:
        accepted = [asyncio.create_task(pool.run(may_end.wait)) for _ in range(2 + 3)]
        await asyncio.sleep(0)
        refused = [await asyncio.gather(pool.run(may_end.wait), return_exceptions=True) for _ in range(2)]
        may_end.set()
        finished = await asyncio.gather(*accepted)
        return [finished, [str(error) for [error] in refused], await pool.run(may_end.wait)]

    with pool_of(sqlite, threads=2, waiting_limit=3) as pool:
        results = asyncio.run(request(pool))

    assert results == [[True] * 5, [TOO_MANY] * 2, True]


def test_as_many_use_cases_run_at_once_as_there_are_threads(sqlite: peewee.Database) -> None:
    running, most = [], []
    # Two leave the barrier together; a third would be running by then.
    meeting = threading.Barrier(2, timeout=120)

    def use_case() -> None:
        running.append(1)
        most.append(len(running))
        meeting.wait()
        running.pop()

    async def request(pool: ThreadPool) -> None:
        await asyncio.gather(*(pool.run(use_case) for _ in range(20)))

    with pool_of(sqlite, threads=2) as pool:
        asyncio.run(request(pool))

    assert max(most) == 2


def test_context_variables_of_a_request_reach_its_thread_only(sqlite: peewee.Database) -> None:
    variable: ContextVar[str] = ContextVar("variable")

    async def request(pool: ThreadPool, name: str) -> str:
        variable.set(name)
        return await pool.run(variable.get)

    async def both(pool: ThreadPool) -> list[str]:
        return list(await asyncio.gather(request(pool, "one"), request(pool, "two")))

    with pool_of(sqlite) as pool:
        assert asyncio.run(both(pool)) == ["one", "two"]


def test_a_use_case_does_not_begin_after_the_deadline_of_its_request(sqlite: peewee.Database) -> None:
    begun: list[str] = []

    async def request(pool: ThreadPool, time_left: str) -> None:
        set_deadline(time_left)
        await pool.run(begun.append, time_left)

    with pool_of(sqlite) as pool:
        asyncio.run(request(pool, "600000"))
        with pytest.raises(Unavailable, match="waits no longer"):
            asyncio.run(request(pool, "0"))
    assert begun == ["600000"]


@pytest.mark.parametrize("failure", [peewee.OperationalError("server closed"), peewee.InterfaceError("closed")])
def test_after_a_database_error_the_thread_opens_another_connection(
    sqlite: peewee.Database, failure: Exception
) -> None:
    def fail() -> None:
        connections.append(sqlite.connection())
        raise failure

    def work() -> object:
        connections.append(sqlite.connection())
        return sqlite.execute_sql("SELECT 1").fetchone()

    connections: list[object] = []
    with pool_of(sqlite) as pool, capture_logs() as lines:
        assert asyncio.run(pool.run(work)) == (1,)
        with pytest.raises(Unavailable) as refused:
            asyncio.run(pool.run(fail))
        assert asyncio.run(pool.run(work)) == (1,)

    before, failed, after = connections
    assert before is failed is not after
    assert (str(refused.value), refused.value.status, refused.value.retry_after) == (
        "The database is not available; try again shortly",
        503,
        1,
    )
    assert lines == [{"event": "database_unavailable", "error": str(failure), "log_level": "error"}]


def test_an_error_of_the_domain_keeps_the_connection(sqlite: peewee.Database) -> None:
    def refuse() -> None:
        raise Taken

    with pool_of(sqlite) as pool:
        before = asyncio.run(pool.run(sqlite.connection))
        with pytest.raises(Taken):
            asyncio.run(pool.run(refuse))
        assert asyncio.run(pool.run(sqlite.connection)) is before


# Outages of PostgreSQL


@pytest.fixture
def notes(postgresql_url: str) -> peewee.Database:
    """Return a handle on a table with one row."""
    database = open_database(postgresql_url)
    database.execute_sql("CREATE TABLE notes (id int PRIMARY KEY, number int)")
    database.execute_sql("INSERT INTO notes VALUES (1, 1)")
    database.close()
    return database


def on_another_connection(database: peewee.Database, *statements: str) -> None:
    for statement in statements:
        database.execute_sql(statement)
    database.close()


def read_only(setting: str) -> str:
    """Return the statement that makes new sessions read-only, as after a failover, or ends that."""
    return f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I {setting}', current_database()); END $$"


def test_a_read_only_server_is_a_passing_outage(notes: peewee.Database) -> None:
    def write() -> int:
        changed: int = notes.execute_sql("UPDATE notes SET number = number + 1").rowcount
        return changed

    with pool_of(notes) as pool, capture_logs() as lines:
        on_another_connection(notes, read_only("SET default_transaction_read_only = on"))
        with pytest.raises(ReadOnly):
            asyncio.run(pool.run(write))
        back = read_only("RESET default_transaction_read_only")
        on_another_connection(notes, "SET default_transaction_read_only = off", back)
        assert asyncio.run(pool.run(write)) == 1

    assert [line["event"] for line in lines] == ["database_unavailable"]


def test_a_session_that_the_server_has_ended_fails_no_use_case(notes: peewee.Database) -> None:
    def session() -> int:
        [number] = notes.execute_sql("SELECT pg_backend_pid()").fetchone()
        return int(number)

    with pool_of(notes) as pool, capture_logs() as lines:
        before = asyncio.run(pool.run(session))
        on_another_connection(notes, f"SELECT pg_terminate_backend({before}, 10000)")
        assert asyncio.run(pool.run(session)) != before

    assert lines == []


# psycopg would prepare a statement after five executions.
OFTEN = 8


def test_a_migration_makes_no_statement_stale(notes: peewee.Database) -> None:
    def read() -> object:
        return notes.execute_sql("SELECT * FROM notes").fetchall()

    with pool_of(notes) as pool, capture_logs():
        for _ in range(OFTEN):
            asyncio.run(pool.run(read))
        on_another_connection(notes, "ALTER TABLE notes ALTER COLUMN number TYPE bigint")
        assert asyncio.run(pool.run(read)) == [(1, 1)]


def test_a_wrong_statement_is_no_outage_but_ends_its_session(notes: peewee.Database) -> None:
    def wrong() -> object:
        return notes.execute_sql("SELECT nothing FROM notes")

    with pool_of(notes) as pool:
        before = asyncio.run(pool.run(notes.connection))
        with pytest.raises(peewee.ProgrammingError):
            asyncio.run(pool.run(wrong))
        assert asyncio.run(pool.run(notes.connection)) is not before


# Clients that disconnect


class Body:
    """The body of a request."""


def test_a_cancelled_waiting_request_keeps_its_place_but_not_its_body(sqlite: peewee.Database) -> None:
    may_end = threading.Event()
    started: list[Body] = []
    bodies = [Body() for _ in range(3)]
    alive = [weakref.ref(body) for body in bodies]

    async def request(pool: ThreadPool) -> list[object]:
        busy = asyncio.create_task(pool.run(may_end.wait))
        leaving = [asyncio.create_task(pool.run(started.append, body)) for body in bodies]
        await asyncio.sleep(0)
        while leaving:
            leaving[-1].cancel()
            await asyncio.wait([leaving.pop()])
        bodies.clear()
        gc.collect()
        remaining = [body() for body in alive]
        refused = await asyncio.gather(pool.run(may_end.wait, 120), return_exceptions=True)
        may_end.set()
        return [remaining, str(refused[0]), await busy, await pool.run(may_end.wait)]

    with pool_of(sqlite, threads=1, waiting_limit=3) as pool:
        results = asyncio.run(request(pool))

    assert results == [[None] * 3, TOO_MANY, True, True]
    assert started == []
