"""services.kit.storage.audit.log over quiz's tables, and its twin: what is appended, and how it is found again."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.actor import set_actor
from services.kit.storage.audit.log import AuditFilter, AuditLog, audit_key
from services.kit.storage.audit.model import AuditRecord
from services.kit.storage.database import is_postgresql, transaction
from services.kit.web.pages import PageRequest
from services.quiz.migrations import MIGRATIONS
from tests.audit import ALL, EVERYTHING, InMemoryAudit, KeptAudit, Rows, entries_in
from tests.clock import HOUR, MILLISECOND, NOON, StoppedClock
from tests.databases import emptied_database
from tests.parallel import at_once
from tests.stores import Undo, over_one_store, turned_over


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest) -> KeptAudit:
    """An empty audit log of each kind in turn."""
    return KeptAudit(None if request.param == "memory" else emptied_database(request, MIGRATIONS))


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest) -> peewee.Database:
    """A migrated database without rows, on each engine in turn."""
    return emptied_database(request, MIGRATIONS)


@pytest.fixture
def own(database: peewee.Database) -> peewee.Database:
    """A migrated database of the test's own, with one entry, on each engine in turn."""
    MIGRATIONS.up(database)
    AuditLog(database, StoppedClock()).append([("quiz.created", "quiz-1")])
    return database


# What is appended


def test_an_entry_says_who_did_what_to_which_id_when_from_where_and_in_which_request(kept: KeptAudit) -> None:
    kept.append(("quiz.created", "quiz-1"), admin="ada")

    (entry,) = kept.trail.list(EVERYTHING, ALL)
    assert entry == AuditRecord(
        id=entry.id,
        occurred_at=NOON,
        actor_id="ada",
        actor_name="ADA",
        actor_role="editor",
        address="192.0.2.7",
        request_id="request-of-ada",
        action="quiz.created",
        subject_id="quiz-1",
    )


def test_what_no_request_has_caused_is_nobody_s(kept: KeptAudit) -> None:
    kept.append(("quiz.created", "quiz-1"))

    (entry,) = kept.trail.list(EVERYTHING, ALL)
    nobodys = (entry.actor_id, entry.actor_name, entry.actor_role, entry.address, entry.request_id)
    assert (nobodys, entry.action, entry.subject_id) == ((None,) * 5, "quiz.created", "quiz-1")


def test_as_many_entries_as_one_likes_are_appended_at_once_in_their_order(kept: KeptAudit) -> None:
    entries = [("quiz.deleted", f"quiz-{number}") for number in range(1201)]
    kept.append(*entries)
    assert entries_in(kept.trail) == entries
    kept.append()
    assert entries_in(kept.trail) == entries


def test_entries_are_of_the_caller_s_transaction(shared: peewee.Database) -> None:
    log = AuditLog(shared)
    with suppress(Undo), transaction(shared):
        log.append([("quiz.created", "quiz-1")])
        raise Undo
    assert entries_in(log) == []


def test_writers_at_the_same_time_all_append(own: peewee.Database) -> None:
    log = AuditLog(own)

    def write(number: int) -> Callable[[], None]:
        def written() -> None:
            for place in range(10):
                with transaction(own):
                    log.append([("quiz.changed", f"quiz-{number}-{place}")])

        return written

    assert list(at_once(*map(write, range(8)))) == [None] * 8
    wanted = {f"quiz-{number}-{place}" for number in range(8) for place in range(10)}
    assert sorted(subject for _, subject in entries_in(log)) == sorted({*wanted, "quiz-1"})


# How it is found again


@pytest.fixture
def four(kept: KeptAudit) -> KeptAudit:
    """Four entries, an hour apart."""
    kept.append(("event.created", "one"), at=0 * HOUR, admin="ada")
    kept.append(("event.changed", "two"), at=1 * HOUR, admin="bob")
    kept.append(("event_x.changed", "three"), at=2 * HOUR, admin="ada")
    kept.append(("eventful.deleted", "four"), at=3 * HOUR)
    return kept


@pytest.mark.parametrize(
    ("which", "subjects"),
    [
        (AuditFilter(), ["four", "three", "two", "one"]),
        (AuditFilter(actor_id="ada"), ["three", "one"]),
        (AuditFilter(actor_id="ADA"), []),
        (AuditFilter(action="event.changed"), ["two"]),
        (AuditFilter(action="event.change"), []),
        (AuditFilter(action="EVENT.changed"), []),
        (AuditFilter(action="event."), ["two", "one"]),
        # For LIKE the _ would stand for the dot, too.
        (AuditFilter(action="event_x."), ["three"]),
        (AuditFilter(action="even_."), []),
        (AuditFilter(subject_id="three"), ["three"]),
        (AuditFilter(subject_id="thre"), []),
        (AuditFilter(since=NOON + HOUR), ["four", "three", "two"]),
        (AuditFilter(since=NOON + HOUR + MILLISECOND), ["four", "three"]),
        (AuditFilter(until=NOON + HOUR), ["one"]),
        (AuditFilter(until=NOON + HOUR + MILLISECOND), ["two", "one"]),
        (AuditFilter(since=NOON + HOUR, until=NOON + 2 * HOUR), ["two"]),
        (AuditFilter(actor_id="ada", action="event.", subject_id="one", since=NOON), ["one"]),
        (AuditFilter(actor_id="ada", action="event.", subject_id="two"), []),
    ],
)
def test_those_that_match_are_found_newest_first(four: KeptAudit, which: AuditFilter, subjects: list[str]) -> None:
    assert four.found(which) == subjects


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["a.x", "a.y", "b.x", "a_b.x"]),
        st.sampled_from(["s-1", "s-2", "s-3"]),
        st.integers(0, 3),
        st.sampled_from([None, "ada", "bob"]),
    ),
    max_size=12,
)
INSTANTS = st.none() | st.integers(-1, 4).map(lambda number: NOON + number * HOUR)
FILTERS = st.builds(
    AuditFilter,
    st.sampled_from([None, "ada", "bob", "cleo"]),
    st.sampled_from([None, "a.", "a.x", "b.", "a_b.", "c."]),
    st.sampled_from([None, "s-1", "s-2"]),
    INSTANTS,
    INSTANTS,
)


@over_one_store
@given(DEEDS, FILTERS, st.integers(1, 5))
def test_every_filter_and_every_page_finds_what_the_twin_finds(
    shared: peewee.Database, entries: Sequence[tuple[str, str, int, str | None]], which: AuditFilter, limit: int
) -> None:
    kept = KeptAudit(shared)
    with suppress(Undo), transaction(shared):
        for action, subject_id, hours, admin in entries:
            kept.append((action, subject_id), at=hours * HOUR, admin=admin)
        rows = Rows(tuple(kept.trail.list(EVERYTHING, ALL)))
        twin = InMemoryAudit(rows, kept.clock)

        expected = twin.list(which, ALL)
        assert (len(rows.entries), kept.trail.list(which, ALL)) == (len(entries), expected)
        assert turned_over(lambda request: kept.trail.list(which, request), audit_key, limit) == expected
        assert turned_over(lambda request: twin.list(which, request), audit_key, limit) == expected
        raise Undo


@pytest.mark.parametrize(
    ("which", "index"),
    [
        (AuditFilter(), "audit_log_occurred_at_id"),
        (AuditFilter(actor_id="ada"), "audit_log_actor_id_occurred_at_id"),
        (AuditFilter(subject_id="one"), "audit_log_subject_id"),
        (AuditFilter(since=NOON), "audit_log_occurred_at_id"),
    ],
)
def test_no_question_about_a_person_a_thing_or_a_time_reads_the_whole_log(
    shared: peewee.Database, which: AuditFilter, index: str
) -> None:
    sent: list[Any] = []
    shared.query_hooks.append(lambda query: sent.append((query.sql, query.params)))
    try:
        AuditLog(shared).list(which, PageRequest(50))
    finally:
        shared.query_hooks.pop()
    ((sql, values),) = sent
    with suppress(Undo), transaction(shared):
        for admin in range(20):
            set_actor(f"admin-{admin}", "ada", "owner")
            AuditLog(shared, StoppedClock()).append([("quiz.created", f"quiz-{admin}-{n}") for n in range(100)])
        # What it chooses is a matter of what it knows of the rows.
        shared.execute_sql("ANALYZE")
        explain = "EXPLAIN" if is_postgresql(shared) else "EXPLAIN QUERY PLAN"
        plan = str(shared.execute_sql(f"{explain} {sql}", values).fetchall())
        raise Undo
    assert index in plan
