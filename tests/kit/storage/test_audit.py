"""services.kit.storage.audit.log over quiz's tables, and its in-memory twin."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.actor import set_actor
from services.kit.storage.audit.log import AUDIT_ORDERS, AuditFilter, AuditLog
from services.kit.storage.audit.model import AuditRecord
from services.kit.storage.database import is_postgresql, transaction
from services.kit.web.pages import PageRequest
from services.quiz.migrations import MIGRATIONS
from tests.audit import ALL, EVERYTHING, InMemoryAudit, KeptAudit, Rows, entries_in
from tests.clock import HOUR, MILLISECOND, NOON, StoppedClock
from tests.databases import emptied_database
from tests.stores import Undo, over_one_store, turned_over


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest) -> KeptAudit:
    """Return an empty audit log, in memory and on each engine."""
    return KeptAudit(None if request.param == "memory" else emptied_database(request, MIGRATIONS))


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest) -> peewee.Database:
    """Return a migrated database without rows."""
    return emptied_database(request, MIGRATIONS)


# Appending


def test_an_entry_has_actor_action_subject_instant_address_and_request(kept: KeptAudit) -> None:
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


def test_an_entry_outside_a_request_has_no_actor(kept: KeptAudit) -> None:
    kept.append(("quiz.created", "quiz-1"))
    (entry,) = kept.trail.list(EVERYTHING, ALL)
    unknown = (entry.actor_id, entry.actor_name, entry.actor_role, entry.address, entry.request_id)
    assert (unknown, entry.action, entry.subject_id) == ((None,) * 5, "quiz.created", "quiz-1")


def test_many_entries_are_appended_in_their_order(kept: KeptAudit) -> None:
    entries = [("quiz.deleted", f"quiz-{number}") for number in range(1201)]
    kept.append(*entries)
    assert entries_in(kept.trail) == entries
    kept.append()
    assert entries_in(kept.trail) == entries


def test_a_rolled_back_transaction_leaves_no_entry(shared: peewee.Database) -> None:
    log = AuditLog(shared)
    with suppress(Undo), transaction(shared):
        log.append([("quiz.created", "quiz-1")])
        raise Undo
    assert entries_in(log) == []


# Listing


FOUND = {
    AuditFilter(): ["four", "three", "two", "one"],
    AuditFilter(actor_id="ada"): ["three", "one"],
    AuditFilter(actor_id="ADA"): [],
    AuditFilter(action="event.changed"): ["two"],
    AuditFilter(action="event.change"): [],
    AuditFilter(action="EVENT.changed"): [],
    AuditFilter(action="event."): ["two", "one"],
    # LIKE would take the _ for any character.
    AuditFilter(action="event_x."): ["three"],
    AuditFilter(action="even_."): [],
    AuditFilter(subject_id="three"): ["three"],
    AuditFilter(subject_id="thre"): [],
    AuditFilter(since=NOON + HOUR): ["four", "three", "two"],
    AuditFilter(since=NOON + HOUR + MILLISECOND): ["four", "three"],
    AuditFilter(until=NOON + HOUR): ["one"],
    AuditFilter(until=NOON + HOUR + MILLISECOND): ["two", "one"],
    AuditFilter(since=NOON + HOUR, until=NOON + 2 * HOUR): ["two"],
    AuditFilter(actor_id="ada", action="event.", subject_id="one", since=NOON): ["one"],
    AuditFilter(actor_id="ada", action="event.", subject_id="two"): [],
}


def test_matching_entries_are_listed_newest_first(kept: KeptAudit) -> None:
    kept.append(("event.created", "one"), at=0 * HOUR, admin="ada")
    kept.append(("event.changed", "two"), at=1 * HOUR, admin="bob")
    kept.append(("event_x.changed", "three"), at=2 * HOUR, admin="ada")
    kept.append(("eventful.deleted", "four"), at=3 * HOUR)
    assert {filters: kept.found(filters) for filters in FOUND} == FOUND


ENTRIES = st.lists(
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
@given(ENTRIES, FILTERS, st.integers(1, 5))
def test_every_filter_and_page_agrees_with_the_twin(
    shared: peewee.Database, entries: Sequence[tuple[str, str, int, str | None]], filters: AuditFilter, limit: int
) -> None:
    kept = KeptAudit(shared)
    with suppress(Undo), transaction(shared):
        for action, subject_id, hours, admin in entries:
            kept.append((action, subject_id), at=hours * HOUR, admin=admin)
        rows = Rows(tuple(kept.trail.list(EVERYTHING, ALL)))
        twin = InMemoryAudit(rows, kept.clock)
        expected = twin.list(filters, ALL)
        assert (len(rows.entries), kept.trail.list(filters, ALL)) == (len(entries), expected)
        assert turned_over(lambda request: kept.trail.list(filters, request), AUDIT_ORDERS, limit) == expected
        assert turned_over(lambda request: twin.list(filters, request), AUDIT_ORDERS, limit) == expected
        raise Undo


INDEXES = {
    AuditFilter(): "audit_log_occurred_at_id",
    AuditFilter(actor_id="ada"): "audit_log_actor_id_occurred_at_id",
    AuditFilter(subject_id="one"): "audit_log_subject_id",
    AuditFilter(since=NOON): "audit_log_occurred_at_id",
}


def test_filters_use_an_index(shared: peewee.Database) -> None:
    queries: list[Any] = []
    shared.query_hooks.append(lambda query: queries.append((query.sql, query.params)))
    try:
        for filters in INDEXES:
            AuditLog(shared).list(filters, PageRequest(50))
    finally:
        shared.query_hooks.pop()
    with suppress(Undo), transaction(shared):
        for admin in range(20):
            set_actor(f"admin-{admin}", "ada", "owner")
            AuditLog(shared, StoppedClock()).append([("quiz.created", f"quiz-{admin}-{n}") for n in range(100)])
        # The plan depends on the statistics of the rows.
        shared.execute_sql("ANALYZE")
        explain = "EXPLAIN" if is_postgresql(shared) else "EXPLAIN QUERY PLAN"
        plans = [str(shared.execute_sql(f"{explain} {query}", values).fetchall()) for query, values in queries]
        raise Undo
    assert [index in plan for index, plan in zip(INDEXES.values(), plans, strict=True)] == [True] * 4
