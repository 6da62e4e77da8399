"""services.content.schedule: what looks wrong in the schedule of an event."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.content import rules
from services.content.entities import Lesson
from services.content.schedule import schedule_warnings
from tests.clock import HOUR, NOON
from tests.content.examples import a_lesson


def lesson(name: str, opens: int, closes: int | None) -> Lesson:
    """A lesson that opens and closes at these hours after noon."""
    return a_lesson(
        id=name, slug=name, release_at=NOON + opens * HOUR, expires_at=None if closes is None else NOON + closes * HOUR
    )


def named(lessons: Sequence[Lesson], at: datetime) -> list[tuple[str, tuple[str, ...], int | None, int | None]]:
    """Return code, lessons and hours of each warning."""

    def hours(instant: datetime | None) -> int | None:
        return None if instant is None else (instant - NOON) // HOUR

    return [
        (each.code, each.lesson_ids, hours(each.since), hours(each.until)) for each in schedule_warnings(lessons, at)
    ]


@pytest.mark.parametrize(
    ("lessons", "warnings"),
    [
        ([], [("no_lessons", (), None, None)]),
        ([lesson("a", 0, None)], []),
        ([lesson("a", 0, 2), lesson("b", 2, 4)], []),
        ([lesson("a", 0, None), lesson("b", 2, None)], []),
        ([lesson("a", 1, 2)], [("nothing_open", ("a",), 0, 1)]),
        ([lesson("a", -2, -1)], [("nothing_open", (), None, None)]),
        ([lesson("a", 0, 1), lesson("b", 3, None)], [("gap", ("a", "b"), 1, 3)]),
        (
            [lesson("a", 0, 3), lesson("b", 1, 2), lesson("c", 2, 4)],
            [("overlap", ("a", "b"), 1, 2), ("overlap", ("a", "c"), 2, 3)],
        ),
        ([lesson("a", 0, 9), lesson("b", 1, 1)], [("closes_before_opening", ("b",), 1, 1)]),
    ],
)
def test_each_kind_of_warning_names_its_lessons_and_its_time(
    lessons: list[Lesson], warnings: list[tuple[str, tuple[str, ...], int | None, int | None]]
) -> None:
    assert named(lessons, NOON) == warnings


WINDOWS = st.lists(st.tuples(st.integers(-9, 9), st.none() | st.integers(1, 9)), min_size=1, max_size=6)


@given(windows=WINDOWS, hour=st.integers(-20, 30))
def test_nothing_is_open_in_a_gap_and_two_lessons_in_an_overlap(
    windows: list[tuple[int, int | None]], hour: int
) -> None:
    lessons = [
        lesson(str(number), opens, None if hours is None else opens + hours)
        for number, (opens, hours) in enumerate(sorted(windows, key=lambda window: window[0]))
    ]
    at = NOON + hour * HOUR
    open_ones = {each.id for each in lessons if rules.lesson_status(each, at) == "released"}
    warnings = schedule_warnings(lessons, at)
    covering = [each for each in warnings if each.since is not None and each.until and each.since <= at < each.until]
    assert ("nothing_open" in {each.code for each in warnings}) == (not open_ones)
    assert not (open_ones and "gap" in {each.code for each in covering})
    assert all(open_ones.issuperset(each.lesson_ids) for each in covering if each.code == "overlap")
    first, last = lessons[0].release_at, lessons[-1].release_at
    # Between the first and the last opening each hour without a lesson is in a gap.
    assert open_ones or not first <= at < last or "gap" in {each.code for each in covering}
