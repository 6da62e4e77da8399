"""The samples of the services fit together, though no service imports another."""

import pytest

from services.auth import seed as auth
from services.content import seed as content
from services.quiz import seed as quiz

SETS = ("minimal", "demo")


def test_every_service_has_the_same_sets() -> None:
    assert content.SETS == quiz.SETS == auth.SETS == SETS


@pytest.mark.parametrize("name", SETS)
def test_every_quiz_belongs_to_a_lesson_of_its_event(name: str) -> None:
    lessons = {(event.id, lesson.id) for event in content.SAMPLES[name] for lesson in event.lessons}
    assert {(sample.event_id, sample.lesson_id) for sample in quiz.SAMPLES[name]} <= lessons


@pytest.mark.parametrize("name", SETS)
def test_no_lesson_has_two_quizzes(name: str) -> None:
    lesson_ids = [sample.lesson_id for sample in quiz.SAMPLES[name]]
    assert len(lesson_ids) == len(set(lesson_ids))


@pytest.mark.parametrize("name", SETS)
def test_no_id_is_given_twice(name: str) -> None:
    events = content.SAMPLES[name]
    lessons = [lesson for event in events for lesson in event.lessons]
    materials = [material for lesson in lessons for material in lesson.materials]
    for kind in (events, lessons, materials, quiz.SAMPLES[name]):
        ids = [each.id for each in kind]
        assert len(ids) == len(set(ids))
