"""The model itself: what it holds possible, and what it does not."""

import pytest

from tests.faults.model import ABSENT, QUIZ, Model

EVENT, LESSON = ("event",), ("event", "lesson")


@pytest.fixture
def model() -> Model:
    """With an event and a lesson."""
    model = Model()
    model.written(EVENT, "event")
    model.written(LESSON, "lesson")
    return model


def test_what_was_acknowledged_must_be_there(model: Model) -> None:
    with pytest.raises(AssertionError):
        model.found(LESSON, ABSENT)


def test_what_nobody_answered_may_be_there_or_not_until_a_read_after_the_end_of_everybody_decides(model: Model) -> None:
    model.perhaps_written(LESSON, "changed")
    model.found(LESSON, "lesson")
    # Whoever had it in hand may go on only now.
    model.found(LESSON, "changed")

    model.nothing_is_under_way()
    model.found(LESSON, "changed")
    with pytest.raises(AssertionError):
        model.found(LESSON, "lesson")


def test_an_acknowledged_write_is_not_undone_by_one_that_came_before_and_was_refused(model: Model) -> None:
    model.written(LESSON, "changed")

    assert model.possible(LESSON) == {"changed"}


def test_an_earlier_write_that_nobody_answered_may_still_come_after_an_acknowledged_one(model: Model) -> None:
    model.perhaps_written(LESSON, "earlier")
    model.written(LESSON, "later")

    assert model.possible(LESSON) == {"earlier", "later"}


def test_a_deletion_takes_the_parts_with_it_and_the_quiz_a_little_later(model: Model) -> None:
    model.written((*LESSON, QUIZ), "quiz")
    model.written((*LESSON, "files"), 3)

    model.removed(EVENT)

    assert model.possible(LESSON) == model.possible((*LESSON, "files")) == {ABSENT}
    assert model.possible((*LESSON, QUIZ)) == {"quiz", ABSENT}
    assert not model.can_be_there((*LESSON, QUIZ))
    assert not model.is_anything_under_way()


def test_a_creation_that_was_sent_until_it_was_answered_has_happened_unless_it_was_removed_since(model: Model) -> None:
    for path in (("kept",), ("removed",)):
        model.perhaps_written(path, "new")
    model.perhaps_removed(("removed",))

    for path in (("kept",), ("removed",)):
        model.written_once(path, "new")

    assert model.possible(("kept",)) == {"new"}
    assert model.possible(("removed",)) == {"new", ABSENT}
