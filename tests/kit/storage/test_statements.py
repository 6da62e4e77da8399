"""services.kit.storage.statements on both engines: prepared selects whose columns become fields by name."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import peewee
import pytest

from services.kit.storage.database import InstantField
from services.kit.storage.statements import Insertion, Parameter, Parameters, RowReader, Statement
from tests.parallel import at_once

NOON = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
LATER = NOON + timedelta(milliseconds=1)


class EventRow(peewee.Model):
    id = peewee.IntegerField(primary_key=True)
    slug = peewee.TextField()
    title = peewee.TextField(default="en")
    is_open = peewee.BooleanField(null=True)
    starts_at = InstantField(null=True)

    class Meta:
        table_name = "events"
        legacy_table_names = False


class Event(NamedTuple):
    slug: str
    is_open: bool | None
    starts_at: datetime | None


@dataclass(frozen=True)
class Label:
    """A record whose fields are in another order than the columns of the queries."""

    title: str
    slug: str


NOON_EVENT, LATER_EVENT, SOMEDAY = EVENTS = [
    Event("noon", True, NOON),
    Event("later", False, LATER),
    Event("someday", None, None),
]


@pytest.fixture
def events(database: peewee.Database) -> peewee.Database:
    """Return the database with three events."""
    peewee.SchemaManager(EventRow, database).create_all()
    rows = [{"id": place, **event._asdict()} for place, event in enumerate(EVENTS, 1)]
    EventRow.insert_many(rows).execute(database)
    return database


def statement(database: peewee.Database, *conditions: Any) -> Statement[Event]:
    query = EventRow.select(EventRow.slug, EventRow.is_open, EventRow.starts_at).order_by(EventRow.id)
    return Statement(database, query.where(*conditions) if conditions else query, Event)


# Records


def test_rows_become_records_with_instants_and_booleans(events: peewee.Database) -> None:
    rows = statement(events).all()
    assert rows == EVENTS
    assert [(type(row.is_open), type(row.starts_at)) for row in rows[:2]] == [(bool, datetime)] * 2


def test_columns_in_another_order_than_the_fields_do_not_swap(events: peewee.Database) -> None:
    query = EventRow.select(EventRow.slug, EventRow.title).where(EventRow.id == 1)
    assert Statement(events, query, Label).first() == Label(title="en", slug="noon")


def test_an_alias_names_a_column_and_keeps_its_type(events: peewee.Database) -> None:
    query = EventRow.select(
        EventRow.title.alias("slug"),
        EventRow.is_open,
        peewee.Value("noon").alias("title"),
        EventRow.starts_at.alias("begin"),
    )

    def record(begin: datetime, slug: str, title: str, is_open: bool) -> tuple[Any, ...]:
        return begin, slug, title, is_open

    assert Statement(events, query.where(EventRow.id == 1), record).first() == (NOON, "en", "noon", True)


MISFITS: dict[str, tuple[list[Any], Callable[..., Any], str]] = {
    "a missing column": ([EventRow.slug], Label, "the fields of Label differ: title"),
    "another column": ([EventRow.slug, EventRow.title, EventRow.id], Label, "the fields of Label differ: id"),
    "another name": ([EventRow.slug, EventRow.title.alias("name")], Label, "differ: name, title"),
    "the same column twice": ([EventRow.slug, EventRow.title, EventRow.slug], Label, "differ: slug, slug, title"),
    "an expression without an alias": ([EventRow.slug, peewee.fn.UPPER(EventRow.title)], Label, "give .+ an alias"),
    "two columns for a str": ([EventRow.slug, EventRow.title], str, "one column, not of 2"),
}


@pytest.mark.parametrize(("columns", "record", "reason"), MISFITS.values(), ids=MISFITS.keys())
def test_columns_that_are_not_the_fields_are_refused_at_once(
    columns: list[Any], record: Callable[..., Any], reason: str
) -> None:
    with pytest.raises(TypeError, match=reason):
        RowReader(EventRow.select(*columns), record)


def test_a_tuple_takes_all_columns_and_a_str_the_only_one(events: peewee.Database) -> None:
    query = EventRow.select(EventRow.slug, peewee.fn.UPPER(EventRow.title)).where(EventRow.id == 1)
    assert Statement(events, query, tuple).all() == [("noon", "EN")]
    assert Statement(events, EventRow.select(EventRow.slug).order_by(EventRow.id), str).first() == "noon"


# Values


def test_texts_instants_and_booleans_are_bound_by_name(events: peewee.Database) -> None:
    by_slug = statement(events, EventRow.slug == Parameter("slug"))
    by_state = statement(events, EventRow.is_open == Parameter("is_open"))
    between = statement(events, EventRow.starts_at >= Parameter("since"), EventRow.starts_at < Parameter("until"))
    either = statement(events, (EventRow.slug == Parameter("text")) | (EventRow.title == Parameter("text")))
    literal = statement(
        events, EventRow.slug.in_(["noon", "x"]), EventRow.starts_at == NOON, EventRow.id < Parameter("n")
    )
    assert (by_slug.first(slug="later"), by_slug.first(slug="x")) == (LATER_EVENT, None)
    assert (by_state.all(is_open=True), by_state.all(is_open=False)) == ([NOON_EVENT], [LATER_EVENT])
    assert between.all(until=LATER, since=NOON) == [NOON_EVENT]
    assert (either.all(text="noon"), either.all(text="en")) == ([NOON_EVENT], EVENTS)
    assert literal.all(n=9) == [NOON_EVENT]
    with pytest.raises(KeyError, match="slug"):
        by_slug.all()


def test_a_list_is_bound_as_a_whole_between_other_values(events: peewee.Database) -> None:
    chosen = statement(
        events,
        EventRow.id > Parameter("n"),
        EventRow.starts_at.in_(Parameters("instants")),
        EventRow.title == "en",
        EventRow.slug.in_(Parameters("slugs")),
    )
    assert chosen.all(n=0, instants=[NOON, LATER], slugs=["later", "noon", "x"]) == [NOON_EVENT, LATER_EVENT]
    assert chosen.all(n=1, instants=[NOON, LATER], slugs=["later", "noon"]) == [LATER_EVENT]
    assert chosen.all(n=0, instants=[LATER], slugs=["noon"]) == []


def test_several_rows_are_inserted_in_one_statement_all_or_none(events: peewee.Database) -> None:
    insertion = Insertion(events, EventRow)
    rows = [
        {"title": "en", "starts_at": LATER, "is_open": None, "id": number, "slug": f"slug-{number}"}
        for number in (4, 5)
    ]
    insertion.run_all(rows)
    added = [Event(f"slug-{number}", None, LATER) for number in (4, 5)]
    assert statement(events).all() == [*EVENTS, *added]
    with pytest.raises(peewee.IntegrityError):
        insertion.run_all([{**rows[0], "id": 6}, rows[1]])
    assert statement(events).all() == [*EVENTS, *added]


class CountedCondition(peewee.Node):
    """A condition that is always true and counts how often it is compiled."""

    compiled = 0

    def __sql__(self, context: Any) -> Any:
        self.compiled += 1
        return context.literal("1 = 1")


def test_threads_share_a_statement_that_is_compiled_once(events: peewee.Database) -> None:
    condition = CountedCondition()
    by_slug = statement(events, condition, EventRow.slug == Parameter("slug"))

    def read() -> list[Event | None]:
        try:
            return [by_slug.first(slug=slug) for slug in ("noon", "later") * 20]
        finally:
            events.close()

    assert at_once(*[read] * 4) == [[NOON_EVENT, LATER_EVENT] * 20] * 4
    assert condition.compiled == 1
