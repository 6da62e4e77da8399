"""services.kit.storage.database on both engines, with real files and a real server."""

import os
import socket
from contextlib import closing
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import peewee
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.database_url import DatabaseUrlError
from services.kit.core.deadlines import set_deadline
from services.kit.core.errors import Unavailable
from services.kit.core.instants import truncated
from services.kit.storage.database import (
    InstantField,
    delete_all_rows,
    is_postgresql,
    lock_rows,
    long_running_connection,
    open_database,
    snapshot,
    transaction,
    wait_until_ready,
)
from tests.parallel import at_once
from tests.pgbouncer import Pooler

NOON = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
INSTANTS = st.datetimes(timezones=st.just(UTC)).map(truncated)


class Event(peewee.Model):
    id = peewee.IntegerField(primary_key=True)
    slug = peewee.TextField(default="")
    starts_at = InstantField(null=True)

    class Meta:
        table_name = "events"
        legacy_table_names = False


class Child(peewee.Model):
    id = peewee.IntegerField(primary_key=True)
    parent = peewee.ForeignKeyField(Event)

    class Meta:
        table_name = "children"
        legacy_table_names = False


@pytest.fixture
def events(database: peewee.Database) -> peewee.Database:
    """Return the database with one event and one child."""
    for table in (Event, Child):
        peewee.SchemaManager(table, database).create_all()
    Event.insert(id=1, starts_at=NOON).execute(database)
    Child.insert(id=1, parent=1).execute(database)
    return database


def value(database: peewee.Database, query: str) -> Any:
    return database.execute_sql(query).fetchone()[0]


def values_in_threads(database: peewee.Database, statements: list[str]) -> list[Any]:
    """Return what the statements give on the connections of four threads."""

    def read() -> list[Any]:
        try:
            return [value(database, each) for each in statements]
        finally:
            database.close()

    return list(at_once(*[read] * 4))


# Profiles


def test_the_pragmas_hold_on_the_connection_of_every_thread(sqlite_url: str) -> None:
    names = ("foreign_keys", "journal_mode", "synchronous", "busy_timeout")
    full = 2
    rows = values_in_threads(open_database(sqlite_url), [f"PRAGMA {name}" for name in names])
    assert rows == [[1, "wal", full, 5000]] * 4


LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


@pytest.fixture(params=["the server", "a pooler"])
def reached_url(request: pytest.FixtureRequest, postgresql_url: str) -> str:
    """The URL of an empty database, at its server and behind a pooler in transaction mode."""
    if request.param == "the server":
        return postgresql_url
    pooler: Pooler = request.getfixturevalue("pooler")
    return pooler.url(postgresql_url)


def test_the_limits_hold_on_the_connection_of_every_thread(reached_url: str) -> None:
    shows = [f"SHOW {name}" for name in (*LIMITS, "application_name")]
    rows = values_in_threads(open_database(reached_url, "flix-content"), shows)
    assert rows == [["10s", "5s", "15s", "flix-content"]] * 4


def test_the_limits_hold_in_transactions_and_stay_in_no_session(reached_url: str) -> None:
    def limits() -> list[Any]:
        return [value(database, f"SHOW {name}") for name in LIMITS]

    with closing(open_database(reached_url)) as database, psycopg.connect(reached_url, autocommit=True) as other:
        with transaction(database), transaction(database):
            within = limits()
        with snapshot(database):
            reading = limits()
        with long_running_connection(database):
            long = limits()
            with transaction(database):
                long_within = limits()
        after = limits()
        # The only session that is not in use: behind the pooler the one that did all of this.
        left = [other.execute(f"SHOW {name}").fetchone() for name in LIMITS]
        assert database.execute_sql("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
    assert (within, reading, after) == (["10s", "5s", "15s"],) * 3
    assert (long, long_within) == (["0", "5s", "15s"],) * 2
    assert left == [("0",)] * 3


def test_a_statement_that_takes_too_long_is_ended(reached_url: str) -> None:
    with closing(open_database(reached_url)) as database:
        connection = database.connection()
        connection.cursor_factory = partial(connection.cursor_factory, limits={"statement_timeout": 1})
        for sql, values in (("SELECT pg_sleep(60)", ()), ("SELECT pg_sleep(%s)", (60,))):
            with pytest.raises(peewee.OperationalError, match="canceling statement due to statement timeout"):
                database.execute_sql(sql, values)


def test_limits_that_the_url_names_are_its_own(postgresql_url: str) -> None:
    with closing(open_database(f"{postgresql_url}?options=-cstatement_timeout%3D20s")) as database:
        assert [value(database, f"SHOW {name}") for name in LIMITS] == ["20s", "5s", "15s"]
        with long_running_connection(database):
            assert value(database, "SHOW statement_timeout") == "0"


@pytest.mark.parametrize("text", ["it's", 'a \\ and "', "%s %% é 🎬", "", "; DROP TABLE events --"])
def test_values_in_the_text_of_a_statement_stay_values(reached_url: str, text: str) -> None:
    big = -(2**63)
    with closing(open_database(reached_url)) as database:
        rows = database.execute_sql("SELECT %s, %s, %s, %s, '100%%'", (text, big, None, True)).fetchall()
        with pytest.raises(peewee.DataError, match="NUL"):
            database.execute_sql("SELECT %s", (f"{text}\0",))
    assert rows == [(text, big, None, True, "100%")]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux shows these options of a socket")
def test_the_client_gives_up_a_server_that_is_gone(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    with closing(database), socket.socket(fileno=os.dup(database.connection().fileno())) as client:
        names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
        options = [client.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names]
        keeps_alive = client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert (keeps_alive, options) == (1, [5, 2, 3, 10_000])


def test_opening_makes_neither_a_connection_nor_a_file(sqlite_url: str) -> None:
    databases: list[Any] = [open_database(sqlite_url), open_database("postgresql://nobody@127.0.0.1:1/nothing")]
    assert [database.is_closed() for database in databases] == [True, True]
    assert not Path(databases[0].database).exists()


def test_without_create_an_absent_file_stays_absent_whatever_its_name(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a name%20.sqlite"
    created, served = open_database(url), open_database(url, create=False)
    for database in (created, served):
        database.execute_sql("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
        database.close()
    (file,) = tmp_path.iterdir()
    assert file.name == "a name%20.sqlite"
    file.unlink()
    with pytest.raises(peewee.OperationalError, match="unable to open database file"):
        served.execute_sql("SELECT * FROM notes")
    assert not file.exists()


def test_three_slashes_are_a_relative_file_and_four_an_absolute_one() -> None:
    urls = ("sqlite:///data/content.sqlite", "sqlite:////srv/content.sqlite")
    assert [open_database(url).database for url in urls] == ["data/content.sqlite", "/srv/content.sqlite"]
    assert not is_postgresql(open_database(urls[0]))


def test_both_names_of_the_postgresql_scheme_open_the_same(postgresql_url: str) -> None:
    for url in (postgresql_url, postgresql_url.replace("postgresql://", "postgres://", 1)):
        with closing(open_database(url)) as database:
            assert is_postgresql(database)
            assert value(database, "SELECT current_database()") == postgresql_url.rsplit("/", 1)[1]


@pytest.mark.parametrize(
    "url",
    [
        *("", "content.sqlite", "sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:"),
        *("sqlite:///:memory:?cache=shared", "sqlite://data/content.sqlite", "postgresql://", "postgresql://localhost"),
        *("postgresql://localhost/", "postgresql://user:unescaped[bracket@localhost/content"),
        *("mysql://localhost/content", "http://localhost/content"),
    ],
)
def test_a_url_that_names_no_database_is_refused_with_the_right_forms(url: str) -> None:
    with pytest.raises(DatabaseUrlError) as caught:
        open_database(url)
    assert str(caught.value) == "the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


class Waking(peewee.PostgresqlDatabase):
    """A server that refuses some connections before it accepts one."""

    def __init__(self, *refusals: str):
        super().__init__(None)
        self.refusals = list(refusals)

    def connect(self, reuse_if_open: bool = False) -> bool:
        if self.refusals:
            raise peewee.OperationalError(f"connection failed: FATAL:  {self.refusals.pop(0)}")
        return True

    def execute_sql(self, sql: str, params: Any = None) -> None:
        assert sql == "SELECT 1"

    def close(self) -> bool:
        return True


@pytest.mark.parametrize(
    "refusal",
    [
        *("the database system is starting up", "query_wait_timeout", "client_login_timeout (server down)"),
        "server login has been failing, try again later (server_login_retry)",
        "no more connections allowed (max_client_conn)",
    ],
)
def test_a_server_or_a_pooler_that_is_not_ready_is_waited_for(refusal: str) -> None:
    database = Waking(refusal)
    wait_until_ready(database, 120)
    assert database.refusals == []
    with pytest.raises(peewee.OperationalError, match="SASL authentication failed"):
        wait_until_ready(Waking(refusal, "SASL authentication failed"), 120)


# Transactions


def test_threads_that_read_and_then_write_lose_nothing(events: peewee.Database) -> None:
    threads, rounds = 8, 25

    def count_up() -> None:
        try:
            for _ in range(rounds):
                with transaction(events):
                    [event] = lock_rows(Event.select().where(Event.id == 1), events).execute(events)
                    later = event.starts_at + timedelta(milliseconds=1)
                    Event.update(starts_at=later).where(Event.id == 1).execute(events)
        finally:
            events.close()

    assert at_once(*[count_up] * threads) == [None] * threads
    [event] = Event.select().execute(events)
    assert event.starts_at == NOON + timedelta(milliseconds=threads * rounds)


def test_no_transaction_begins_for_a_caller_who_has_given_up(events: peewee.Database) -> None:
    def insert() -> None:
        set_deadline("0")
        with transaction(events):
            Event.insert(id=10).execute(events)

    with pytest.raises(Unavailable):
        copy_context().run(insert)
    assert [event.id for event in Event.select().execute(events)] == [1]


def test_a_failed_transaction_leaves_nothing_and_a_nested_one_what_was_before(events: peewee.Database) -> None:
    def insert(number: int) -> None:
        Event.insert(id=number).execute(events)

    with pytest.raises(KeyError), transaction(events):
        insert(10)
        raise KeyError
    with transaction(events):
        insert(11)
        with pytest.raises(peewee.IntegrityError), transaction(events):
            insert(12)
            insert(11)
        insert(13)
    assert [event.id for event in Event.select().order_by(Event.id).execute(events)] == [1, 11, 13]


def test_a_full_disk_is_named_as_the_cause_and_leaves_nothing(sqlite_url: str) -> None:
    full = open_database(sqlite_url)
    peewee.SchemaManager(Event, full).create_all()
    pages = value(full, "PRAGMA page_count")
    full.execute_sql(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(peewee.OperationalError, match="database or disk is full"), transaction(full):
        for number in range(1, 100):
            Event.insert(id=number, slug=f"{number} {'x' * 10_000}").execute(full)
    # The connection can still be used.
    assert value(full, "SELECT count(*) FROM events") == 0
    full.execute_sql("PRAGMA max_page_count = 1000000")
    with transaction(full):
        Event.insert(id=1).execute(full)
    assert value(full, "SELECT count(*) FROM events") == 1
    full.close()


def test_a_failed_rollback_raises_the_error_before_it(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    with pytest.raises(peewee.OperationalError, match="disk is full"), transaction(database):
        # As SQLite does by itself on a full disk.
        database.execute_sql("ROLLBACK")
        raise peewee.OperationalError("database or disk is full")
    database.close()


def test_deleting_all_rows_deletes_every_row_or_none(events: peewee.Database) -> None:
    def counts() -> list[int]:
        return [table.select().count(events) for table in (Event, Child)]

    with pytest.raises(peewee.IntegrityError):
        delete_all_rows(events, [Child, Event])
    assert counts() == [1, 1]
    # Children go before their parents.
    delete_all_rows(events, [Event, Child])
    assert counts() == [0, 0]


# Instants


@given(st.lists(INSTANTS, max_size=20))
def test_instants_keep_their_order_and_their_milliseconds(instants: list[datetime]) -> None:
    field = InstantField()
    stored = [each for each in map(field.db_value, instants) if each is not None]
    assert list(map(field.python_value, stored)) == instants
    assert list(map(field.python_value, sorted(stored))) == sorted(instants)


def test_instants_from_the_first_to_the_last_are_stored_in_order(events: peewee.Database) -> None:
    instants = [
        datetime.min.replace(tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC, microsecond=999_000),
    ]
    Event.insert_many([{"id": 14 - n, "starts_at": each} for n, each in enumerate(instants)]).execute(events)
    found = Event.select(Event.starts_at).where(Event.id > 1).order_by(Event.starts_at).tuples().execute(events)
    assert [each for (each,) in found] == instants
    assert value(events, "SELECT starts_at FROM events WHERE id = 13") == -1
