"""services.kit.storage.database on both engines, with real files and a real server."""

import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any, NamedTuple

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.database_url import DatabaseUrlError
from services.kit.storage.database import (
    InstantField,
    delete_all_rows,
    is_postgresql,
    lock_rows,
    open_database,
    transaction,
)
from services.kit.storage.database_errors import is_foreign_key_violation, violates_constraint
from services.kit.storage.statements import Parameter, Statement

NOON = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
LATER = NOON + timedelta(milliseconds=1)
# Milliseconds, as everything that is stored; the years 1 to 9999.
INSTANTS = st.datetimes(timezones=st.just(UTC)).map(
    lambda each: each.replace(microsecond=each.microsecond // 1000 * 1000)
)


class Event(peewee.Model):
    id = peewee.IntegerField(primary_key=True)
    slug = peewee.TextField()
    locale = peewee.TextField(default="en")
    is_open = peewee.BooleanField(null=True)
    starts_at = InstantField(null=True)

    class Meta:
        table_name = "events"
        legacy_table_names = False
        indexes = ((("slug",), True), (("slug", "locale"), True))
        constraints = (peewee.Check("id > 0", "events_id"), peewee.Check("id < 100", "events_id_limit"))


class Pair(peewee.Model):
    left = peewee.TextField()
    right = peewee.TextField()

    class Meta:
        table_name = "pairs"
        legacy_table_names = False
        indexes = ((("left",), False), (("left", "right"), True))
        primary_key = False


class Parent(peewee.Model):
    id = peewee.IntegerField(primary_key=True)

    class Meta:
        table_name = "parents"
        legacy_table_names = False


class Child(peewee.Model):
    id = peewee.IntegerField(primary_key=True)
    parent = peewee.ForeignKeyField(Parent)

    class Meta:
        table_name = "children"
        legacy_table_names = False


class Seen(NamedTuple):
    slug: str
    is_open: bool | None
    starts_at: datetime | None


@pytest.fixture
def events(database: peewee.Database) -> peewee.Database:
    """The database with two events."""
    for table in (Event, Pair):
        peewee.SchemaManager(table, database).create_all()
    Event.insert_many(
        [
            {"id": 1, "slug": "noon", "is_open": True, "starts_at": NOON},
            {"id": 2, "slug": "later", "is_open": False, "starts_at": LATER},
            {"id": 3, "slug": "someday", "is_open": None, "starts_at": None},
        ]
    ).execute(database)
    return database


def value(database: peewee.Database, query: str) -> Any:
    return database.execute_sql(query).fetchone()[0]


def in_threads(count: int, work: Callable[[], Any]) -> list[Any]:
    """The answers of as many threads that begin together."""
    barrier = Barrier(count, timeout=30)

    def begin(_: int) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


# Profiles


def test_the_pragmas_hold_on_the_connection_of_every_thread(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    database.execute_sql("SELECT 1")

    def pragmas() -> tuple[Any, ...]:
        names = ("foreign_keys", "journal_mode", "synchronous", "busy_timeout")
        try:
            return tuple(value(database, f"PRAGMA {name}") for name in names)
        finally:
            database.close()

    full = 2
    assert [pragmas(), *in_threads(4, pragmas)] == [(1, "wal", full, 5000)] * 5


def test_the_limits_hold_on_the_connection_of_every_thread(postgresql_url: str) -> None:
    database = open_database(postgresql_url, "flix-content")

    def limits() -> tuple[Any, ...]:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
        try:
            return tuple(value(database, f"SHOW {name}") for name in names)
        finally:
            database.close()

    assert in_threads(4, limits) == [("10s", "5s", "15s", "flix-content")] * 4


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux alone tells this of a socket")
def test_a_server_whose_host_is_gone_is_given_up_within_seconds_and_gives_us_up(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    with closing(database), socket.socket(fileno=os.dup(database.connection().fileno())) as ours:
        names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
        options = {name: ours.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names}
        theirs = [value(database, f"SHOW tcp_keepalives_{name}") for name in ("idle", "interval", "count")]
        keeps_alive = ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    assert keeps_alive == 1
    assert options == {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 10_000}
    assert theirs == ["30", "10", "3"]


def test_opening_makes_neither_a_connection_nor_a_file(sqlite_url: str) -> None:
    databases = [open_database(sqlite_url), open_database("postgresql://nobody@127.0.0.1:1/nothing")]
    assert [database.is_closed() for database in databases] == [True, True]
    assert not any(map(_file_exists, databases[:1]))


def test_who_serves_does_not_make_anew_the_file_that_is_gone(sqlite_url: str) -> None:
    made, served = open_database(sqlite_url), open_database(sqlite_url, create=False)
    for database in (made, served):
        database.execute_sql("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
        database.close()
    file = Path(made.database)
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()
    with pytest.raises(peewee.OperationalError, match="unable to open database file"):
        served.execute_sql("SELECT * FROM notes")
    assert not file.exists()


def test_a_served_file_may_have_any_name(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a name%20.sqlite"
    for database in (open_database(url), open_database(url, create=False)):
        database.execute_sql("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
        database.close()
    assert [file.name for file in tmp_path.iterdir()] == ["a name%20.sqlite"]


def _file_exists(database: Any) -> bool:
    return Path(database.database).exists()


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///data/content.sqlite", "data/content.sqlite"),
        ("sqlite:////srv/content.sqlite", "/srv/content.sqlite"),
    ],
)
def test_three_slashes_are_a_relative_file_and_four_an_absolute_one(url: str, file: str) -> None:
    database = open_database(url)
    assert (database.database, is_postgresql(database)) == (file, False)


def test_both_names_of_the_postgresql_scheme_open_the_same(postgresql_url: str) -> None:
    short = postgresql_url.replace("postgresql://", "postgres://", 1)
    for url in (postgresql_url, short):
        database = open_database(url)
        assert value(database, "SELECT current_database()") == postgresql_url.rsplit("/", 1)[1]
        assert is_postgresql(database)
        database.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "content.sqlite",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///:memory:?cache=shared",
        "sqlite://data/content.sqlite",
        "postgresql://",
        "postgresql://localhost",
        "postgresql://localhost/",
        "postgresql://user:unescaped[bracket@localhost/content",
        "mysql://localhost/content",
        "http://localhost/content",
    ],
)
def test_a_url_that_names_no_database_is_refused_with_the_forms_that_do(url: str) -> None:
    with pytest.raises(DatabaseUrlError) as caught:
        open_database(url)
    assert str(caught.value) == "the database URL must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


# Transactions


def test_threads_that_read_and_then_write_lose_nothing_and_are_never_locked_out(events: peewee.Database) -> None:
    threads, rounds = 8, 25

    def count_up() -> None:
        try:
            for _ in range(rounds):
                with transaction(events):
                    query = lock_rows(Event.select().where(Event.id == 3), events)
                    [event] = query.execute(events)
                    now = event.starts_at or NOON
                    Event.update(starts_at=now + timedelta(milliseconds=1)).where(Event.id == 3).execute(events)
        finally:
            events.close()

    assert in_threads(threads, count_up) == [None] * threads
    [event] = Event.select().where(Event.id == 3).execute(events)
    assert event.starts_at == NOON + timedelta(milliseconds=threads * rounds)


def test_a_failed_transaction_leaves_nothing_and_a_nested_one_only_what_was_before_it(
    events: peewee.Database,
) -> None:
    def insert(number: int) -> None:
        Event.insert(id=number, slug=f"slug-{number}").execute(events)

    with pytest.raises(KeyError), transaction(events):
        insert(10)
        raise KeyError
    with transaction(events):
        insert(11)
        with pytest.raises(peewee.IntegrityError), transaction(events):
            insert(12)
            insert(11)
        insert(13)
    found = [event.id for event in Event.select().where(Event.id >= 10).order_by(Event.id).execute(events)]
    assert found == [11, 13]


def test_a_full_disk_is_told_as_such_and_leaves_nothing(sqlite_url: str) -> None:
    full = open_database(sqlite_url)
    peewee.SchemaManager(Event, full).create_all()
    pages = value(full, "PRAGMA page_count")
    full.execute_sql(f"PRAGMA max_page_count = {pages + 1}")

    with pytest.raises(peewee.OperationalError) as told, transaction(full):
        for number in range(1, 100):
            Event.insert(id=number, slug=f"{number} {'x' * 10_000}").execute(full)
    assert "database or disk is full" in str(told.value)

    # The connection goes on to be good.
    assert value(full, "SELECT count(*) FROM events") == 0
    full.execute_sql("PRAGMA max_page_count = 1000000")
    with transaction(full):
        Event.insert(id=1, slug="there is room again").execute(full)
    assert value(full, "SELECT count(*) FROM events") == 1
    full.close()


def test_a_rollback_of_nothing_is_told_by_what_went_before(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    with pytest.raises(peewee.OperationalError, match="disk is full"), transaction(database):
        # As SQLite does by itself when there is no room.
        database.execute_sql("ROLLBACK")
        raise peewee.OperationalError("database or disk is full")
    database.close()


def test_every_row_is_deleted_children_before_their_parents(database: peewee.Database) -> None:
    for table in (Parent, Child):
        peewee.SchemaManager(table, database).create_all()
    Parent.insert(id=1).execute(database)
    Child.insert(id=1, parent=1).execute(database)

    delete_all_rows(database, [Parent, Child])

    assert [table.select().count(database) for table in (Parent, Child)] == [0, 0]


def test_a_deletion_of_every_row_that_fails_deletes_none(database: peewee.Database) -> None:
    for table in (Parent, Child):
        peewee.SchemaManager(table, database).create_all()
    Parent.insert(id=1).execute(database)
    Child.insert(id=1, parent=1).execute(database)

    with pytest.raises(peewee.IntegrityError):
        delete_all_rows(database, [Child, Parent])

    assert [table.select().count(database) for table in (Parent, Child)] == [1, 1]


def test_a_foreign_key_holds_on_both_engines(database: peewee.Database) -> None:
    database.execute_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
    database.execute_sql("CREATE TABLE child (parent INTEGER REFERENCES parent (id))")
    with pytest.raises(peewee.IntegrityError):
        database.execute_sql("INSERT INTO child (parent) VALUES (1)")


# Statements

ALL = [Seen("noon", True, NOON), Seen("later", False, LATER), Seen("someday", None, None)]


def seen(database: peewee.Database, *conditions: Any) -> Statement[Seen]:
    query = Event.select(Event.slug, Event.is_open, Event.starts_at).order_by(Event.id)
    return Statement(database, query.where(*conditions) if conditions else query, Seen)


def test_a_statement_gives_records_with_instants_and_booleans(events: peewee.Database) -> None:
    rows = seen(events).all()
    assert rows == ALL
    assert [(type(row.is_open), type(row.starts_at)) for row in rows[:2]] == [(bool, datetime)] * 2


def test_a_statement_binds_texts_instants_and_booleans(events: peewee.Database) -> None:
    by_slug = seen(events, Event.slug == Parameter("slug"))
    since = seen(events, Event.starts_at >= Parameter("since"))
    by_state = seen(events, Event.is_open == Parameter("is_open"))
    between = seen(events, Event.starts_at >= Parameter("since"), Event.starts_at < Parameter("until"))
    assert by_slug.first(slug="later") == ALL[1]
    assert by_slug.first(slug="slug") is None
    assert (since.all(since=NOON), since.all(since=LATER)) == (ALL[:2], ALL[1:2])
    assert (by_state.all(is_open=True), by_state.all(is_open=False)) == (ALL[:1], ALL[1:2])
    assert between.all(until=LATER, since=NOON) == ALL[:1]


def test_a_statement_keeps_the_values_that_are_written_into_its_query(events: peewee.Database) -> None:
    found = seen(events, Event.slug.in_(["noon", "slug"]), Event.starts_at == NOON, Event.id < Parameter("slug"))
    assert found.all(slug=9) == ALL[:1]


def test_a_statement_uses_a_parameter_in_two_places(events: peewee.Database) -> None:
    either = seen(events, (Event.slug == Parameter("text")) | (Event.locale == Parameter("text")))
    assert (either.all(text="noon"), either.all(text="en")) == (ALL[:1], ALL)


def test_a_statement_reads_instants_and_booleans_under_another_name(events: peewee.Database) -> None:
    query = Event.select(Event.slug, Event.is_open.alias("open"), Event.starts_at.alias("begin")).order_by(Event.id)
    assert Statement(events, query, Seen).all() == ALL


def test_a_statement_without_one_of_its_values_is_a_key_error(events: peewee.Database) -> None:
    with pytest.raises(KeyError, match="slug"):
        seen(events, Event.slug == Parameter("slug")).all()


class Counted(peewee.Node):
    """A condition that is always true and counts how often it is compiled."""

    compiled = 0

    def __sql__(self, context: Any) -> Any:
        self.compiled += 1
        return context.literal("1 = 1")


def test_a_statement_is_compiled_once_however_often_it_runs(events: peewee.Database) -> None:
    condition = Counted()
    statement = seen(events, condition, Event.slug == Parameter("slug"))
    answers = [statement.first(slug=slug) for slug in ("noon", "later", "nothing", "noon")]
    assert (answers, condition.compiled) == ([ALL[0], ALL[1], None, ALL[0]], 1)


def test_threads_share_a_statement(events: peewee.Database) -> None:
    statement = seen(events, Event.slug == Parameter("slug"))

    def read() -> list[Seen | None]:
        try:
            return [statement.first(slug=slug) for slug in ("noon", "later") * 20]
        finally:
            events.close()

    assert in_threads(4, read) == [ALL[:2] * 20] * 4


# Instants


@given(st.lists(INSTANTS, max_size=20))
def test_instants_keep_their_order_and_their_milliseconds(instants: list[datetime]) -> None:
    field = InstantField()
    stored = [field.db_value(each) for each in instants]
    assert [field.python_value(each) for each in stored] == instants
    assert [field.python_value(each) for each in sorted(each for each in stored if each is not None)] == sorted(
        instants
    )


def test_instants_from_the_first_to_the_last_are_stored_alike_and_ordered(events: peewee.Database) -> None:
    instants = [
        datetime.min.replace(tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC, microsecond=999_000),
    ]
    Event.delete().execute(events)
    rows = [{"id": 4 - n, "slug": f"slug-{n}", "starts_at": each} for n, each in enumerate(instants)]
    Event.insert_many(rows).execute(events)
    found = Event.select(Event.starts_at).order_by(Event.starts_at).tuples().execute(events)
    assert [each for (each,) in found] == instants
    assert value(events, "SELECT starts_at FROM events WHERE slug = 'slug-1'") == -1


# Violations


def violation(database: peewee.Database, query: Any) -> peewee.IntegrityError:
    with pytest.raises(peewee.IntegrityError) as caught, transaction(database):
        query.execute(database)
    return caught.value


SLUG = ("events_slug", ["events.slug"])
SLUG_LOCALE = ("events_slug_locale", ["events.slug", "events.locale"])
LEFT = ("pairs_left", ["pairs.left"])
LEFT_RIGHT = ("pairs_left_right", ["pairs.left", "pairs.right"])
ID: tuple[str, Sequence[str]] = ("events_id", [])
ID_LIMIT: tuple[str, Sequence[str]] = ("events_id_limit", [])
KNOWN = (SLUG, SLUG_LOCALE, LEFT, LEFT_RIGHT, ID, ID_LIMIT)


@pytest.mark.parametrize(
    ("query", "constraint"),
    [
        (Event.insert(id=9, slug="noon", locale="de"), SLUG),
        (Event.insert(id=0, slug="new"), ID),
        (Event.insert(id=100, slug="new"), ID_LIMIT),
        (Event.insert(id=0, slug="events_slug"), ID),
        (Pair.insert_many([{"left": "a", "right": "pairs_left"}] * 2), LEFT_RIGHT),
    ],
    ids=["unique", "check", "check whose name begins as another's", "a name in a value", "unique together"],
)
def test_a_violation_is_of_exactly_one_constraint(
    events: peewee.Database, query: Any, constraint: tuple[str, Sequence[str]]
) -> None:
    error = violation(events, query)
    assert [each for each in KNOWN if violates_constraint(error, *each)] == [constraint]


def test_a_missing_value_is_a_violation_of_no_constraint(events: peewee.Database) -> None:
    error = violation(events, Event.insert(id=9, slug=None))
    assert [each for each in KNOWN if violates_constraint(error, *each)] == []


def test_what_refers_to_nothing_is_a_foreign_key_violation_and_nothing_else_is(events: peewee.Database) -> None:
    for table in (Parent, Child):
        peewee.SchemaManager(table, events).create_all()
    queries = [
        Child.insert(id=1, parent=1),
        Event.insert(id=9, slug="noon", locale="FOREIGN KEY constraint failed"),
        Event.insert(id=0, slug="FOREIGN KEY constraint failed"),
        Event.insert(id=9, slug=None),
    ]
    assert [is_foreign_key_violation(violation(events, query)) for query in queries] == [True, False, False, False]
