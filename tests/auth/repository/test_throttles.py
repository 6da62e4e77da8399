"""The contract of ThrottleRepository: one suite for the in-memory twin, for SQLite and for PostgreSQL."""

from collections.abc import Sequence

from services.auth.entities import Throttle
from services.auth.repository.contracts import AuthStore
from tests.clock import MILLISECOND, NOON, SECOND

END = NOON + 10 * SECOND


def by_id(throttles: Sequence[Throttle]) -> list[Throttle]:
    return sorted(throttles, key=lambda each: each.id)


def stored(store: AuthStore) -> list[Throttle]:
    return by_id(store.throttles.find("abcdef"))


def test_attempts_count_by_id_within_the_first_window(store: AuthStore) -> None:
    assert stored(store) == []
    first = store.throttles.count(["b", "a"], NOON, END)
    assert by_id(first) == stored(store) == [Throttle("a", 1, END), Throttle("b", 1, END)]
    second = store.throttles.count(["b", "c"], NOON + SECOND, END + SECOND)
    assert by_id(second) == [Throttle("b", 2, END), Throttle("c", 1, END + SECOND)]
    assert stored(store) == [Throttle("a", 1, END), Throttle("b", 2, END), Throttle("c", 1, END + SECOND)]


def test_another_window_begins_when_the_first_one_ends(store: AuthStore) -> None:
    store.throttles.count(["a"], NOON, END)
    assert store.throttles.count(["a"], END - MILLISECOND, END + SECOND) == [Throttle("a", 2, END)]
    assert store.throttles.count(["a"], END, END + SECOND) == [Throttle("a", 1, END + SECOND)]
    assert stored(store) == [Throttle("a", 1, END + SECOND)]


def test_attempts_are_decremented_to_zero_at_most(store: AuthStore) -> None:
    store.throttles.count(["a", "b"], NOON, END)
    store.throttles.count(["a"], NOON, END)
    for throttle_id in ("a", "b", "b", "c"):
        store.throttles.decrement(throttle_id)
    assert stored(store) == [Throttle("a", 1, END), Throttle("b", 0, END)]


def test_a_window_is_extended_with_its_attempts_or_added_without(store: AuthStore) -> None:
    store.throttles.count(["a"], NOON, END)
    for throttle_id in ("a", "b"):
        store.throttles.extend(throttle_id, END + SECOND)
    assert stored(store) == [Throttle("a", 1, END + SECOND), Throttle("b", 0, END + SECOND)]


def test_a_row_is_removed_with_its_attempts(store: AuthStore) -> None:
    store.throttles.count(["a", "b"], NOON, END)
    for throttle_id in ("a", "c"):
        store.throttles.remove(throttle_id)
    assert stored(store) == [Throttle("b", 1, END)]


def test_ended_windows_are_removed_oldest_first_up_to_a_limit(store: AuthStore) -> None:
    for place, throttle_id in enumerate("dcba"):
        store.throttles.count([throttle_id], NOON, END + place * SECOND)
    at = END + 2 * SECOND
    assert store.throttles.remove_ended(at, 2) == 2
    assert [each.id for each in stored(store)] == ["a", "b"]
    assert [store.throttles.remove_ended(at, 2) for _ in range(2)] == [1, 0]
    assert stored(store) == [Throttle("a", 1, END + 3 * SECOND)]
