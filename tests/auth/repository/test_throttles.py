"""The contract of the throttles: one suite for the in-memory twin, for SQLite and for PostgreSQL."""

from collections.abc import Callable, Sequence

import pytest

from services.auth.entities import Throttle
from services.auth.repository.contracts import AuthStore
from tests.clock import LATER, MILLISECOND, NOON, SECOND
from tests.stores import undone

THEN = NOON + 10 * SECOND


def by_id(throttles: Sequence[Throttle]) -> list[Throttle]:
    """In an order."""
    return sorted(throttles, key=lambda each: each.id)


def kept(store: AuthStore) -> list[Throttle]:
    """Those of the ids in these tests."""
    return by_id(store.throttles.get("abcdef"))


def test_attempts_are_counted_each_by_itself_within_the_first_one_s_window(store: AuthStore) -> None:
    assert kept(store) == []
    first = store.throttles.count(["b", "a"], NOON, THEN)
    assert by_id(first) == kept(store) == [Throttle("a", 1, THEN), Throttle("b", 1, THEN)]
    second = store.throttles.count(["b", "c"], NOON + SECOND, THEN + SECOND)
    assert by_id(second) == [Throttle("b", 2, THEN), Throttle("c", 1, THEN + SECOND)]
    assert kept(store) == [Throttle("a", 1, THEN), Throttle("b", 2, THEN), Throttle("c", 1, THEN + SECOND)]


def test_a_window_begins_anew_at_the_moment_it_is_over(store: AuthStore) -> None:
    store.throttles.count(["a"], NOON, THEN)
    assert store.throttles.count(["a"], THEN - MILLISECOND, THEN + SECOND) == [Throttle("a", 2, THEN)]
    assert store.throttles.count(["a"], THEN, THEN + SECOND) == [Throttle("a", 1, THEN + SECOND)]
    assert kept(store) == [Throttle("a", 1, THEN + SECOND)]


def test_an_attempt_is_given_back_where_there_is_one(store: AuthStore) -> None:
    store.throttles.count(["a", "b"], NOON, THEN)
    store.throttles.count(["a"], NOON, THEN)
    for throttle_id in ("a", "b", "b", "c"):
        store.throttles.give_back(throttle_id)
    assert kept(store) == [Throttle("a", 1, THEN), Throttle("b", 0, THEN)]


def test_a_window_is_prolonged_with_its_attempts_or_begun_without_any(store: AuthStore) -> None:
    store.throttles.count(["a"], NOON, THEN)
    for throttle_id in ("a", "b"):
        store.throttles.prolong(throttle_id, THEN + SECOND)
    assert kept(store) == [Throttle("a", 1, THEN + SECOND), Throttle("b", 0, THEN + SECOND)]


def test_one_is_forgotten_with_its_attempts(store: AuthStore) -> None:
    store.throttles.count(["a", "b"], NOON, THEN)
    for throttle_id in ("a", "c"):
        store.throttles.forget(throttle_id)
    assert kept(store) == [Throttle("b", 1, THEN)]


def test_those_that_are_over_go_a_few_at_a_time_the_oldest_first(store: AuthStore) -> None:
    for place, throttle_id in enumerate("dcba"):
        store.throttles.count([throttle_id], NOON, THEN + place * SECOND)
    at = THEN + 2 * SECOND
    assert store.throttles.remove_ended(at, 2) == 2
    assert [each.id for each in kept(store)] == ["a", "b"]
    assert [store.throttles.remove_ended(at, 2) for _ in range(2)] == [1, 0]
    assert kept(store) == [Throttle("a", 1, THEN + 3 * SECOND)]


WRITES: dict[str, Callable[[AuthStore], object]] = {
    "count": lambda store: store.throttles.count(["a", "b"], NOON, LATER),
    "give back": lambda store: store.throttles.give_back("a"),
    "prolong": lambda store: store.throttles.prolong("a", LATER),
    "forget": lambda store: store.throttles.forget("a"),
    "remove those that are over": lambda store: store.throttles.remove_ended(THEN, 10),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_an_exception_in_a_transaction_undoes_every_write(
    store: AuthStore, write: Callable[[AuthStore], object]
) -> None:
    store.throttles.count(["a"], NOON, THEN)
    before = kept(store)
    with undone(store):
        write(store)
        assert kept(store) != before
    assert kept(store) == before
