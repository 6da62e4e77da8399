"""The model's own rules: which states it holds possible."""

import pytest

from tests.faults.model import ABSENT, QUIZ, Model

EVENT, LESSON = ("event",), ("event", "lesson")


@pytest.fixture
def model() -> Model:
    """A model with an event and a lesson."""
    model = Model()
    model.written(EVENT, "event")
    model.written(LESSON, "lesson")
    return model


def test_an_acknowledged_write_must_exist(model: Model) -> None:
    with pytest.raises(AssertionError):
        model.found(LESSON, ABSENT)


def test_a_read_decides_a_write_without_response_only_after_a_kill(model: Model) -> None:
    model.written_without_response(LESSON, "changed")
    model.found(LESSON, "lesson")
    # A paused process may carry it out only now.
    model.found(LESSON, "changed")

    model.nothing_is_in_flight()
    model.found(LESSON, "changed")
    with pytest.raises(AssertionError):
        model.found(LESSON, "lesson")


def test_an_acknowledged_write_replaces_the_state_before(model: Model) -> None:
    model.written(LESSON, "changed")

    assert model.possible(LESSON) == {"changed"}


def test_an_earlier_write_without_response_may_follow_an_acknowledged_one(model: Model) -> None:
    model.written_without_response(LESSON, "earlier")
    model.written(LESSON, "later")

    assert model.possible(LESSON) == {"earlier", "later"}


def test_a_deletion_removes_the_children_and_the_quiz_later(model: Model) -> None:
    model.written((*LESSON, QUIZ), "quiz")
    model.written((*LESSON, "files"), 3)

    model.removed(EVENT)

    assert model.possible(LESSON) == model.possible((*LESSON, "files")) == {ABSENT}
    assert model.possible((*LESSON, QUIZ)) == {"quiz", ABSENT}
    assert not model.can_be_there((*LESSON, QUIZ))
    assert not model.is_anything_in_flight()


def test_a_repeated_creation_has_happened_unless_it_was_removed_since(model: Model) -> None:
    for path in (("kept",), ("removed",)):
        model.written_without_response(path, "new")
    model.removed_without_response(("removed",))

    for path in (("kept",), ("removed",)):
        model.written_once(path, "new")

    assert model.possible(("kept",)) == {"new"}
    assert model.possible(("removed",)) == {"new", ABSENT}
