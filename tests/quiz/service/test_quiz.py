"""The use cases of quiz, on the in-memory twin; tests/quiz/test_resources.py proves what they return."""

from collections.abc import Callable
from typing import Any

import pytest

from services.kit.core.errors import PreconditionFailed, ServiceError, Unavailable, ValidationFailed
from services.kit.storage.idempotency import Keep
from services.kit.web.entity_tags import entity_tag
from services.kit.web.pages import Page, PageRequest
from services.quiz.entities import (
    AttemptHistory,
    Option,
    QuizFilter,
    Revision,
)
from services.quiz.errors import (
    EventNotFound,
    LessonNotFound,
    MissingCorrectOption,
    QuizNotFound,
)
from services.quiz.repository.contracts import ALL, attempt_key
from services.quiz.service.quiz import QuizService
from tests.audit import entries_in
from tests.clock import LATER, NOON, StoppedClock
from tests.matching import NEW_ID
from tests.quiz.examples import (
    a_quiz,
    an_attempt,
    new_question,
    numbered_quiz,
    quiz_changes,
    quiz_fields,
    right,
    some_questions,
)
from tests.quiz.memory import InMemoryQuizStore

NEW: str = NEW_ID
NEW_OPTIONS = (Option(NEW, "Option 1", True), Option(NEW, "Option 2", False))
ASKED = {"revision-1": Revision("revision-1", "quiz-1", "The first quiz", 70, some_questions(2), NOON)}
NOBODY_KNOWS = (new_question("None", None, False, False),)
SAME_ORDER = (new_question(order=1), new_question(order=1))
STALE = frozenset({'"0-0"'})


class World:
    """The service over a quiz and an attempt made at noon; the clock has moved on since."""

    def __init__(self) -> None:
        self.store = InMemoryQuizStore()
        self.store.quizzes.add(a_quiz())
        self.store.attempts.add(an_attempt())
        self.clock = StoppedClock(LATER)
        self.service = QuizService(self.store, self.require_lesson, self.clock)
        self.required: list[tuple[str, str]] = []
        self.refusal: type[ServiceError] | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    def require_lesson(self, event_id: str, lesson_id: str) -> None:
        """Content: it has every lesson until it refuses."""
        self.required.append((event_id, lesson_id))
        self.meanwhile()
        if self.refusal is not None:
            raise self.refusal


@pytest.fixture
def world() -> World:
    return World()


# Refused use cases; tests/quiz/test_resources.py refuses what is unknown or taken, and test_rules.py wrong answers


def test_the_ids_of_a_quiz_and_of_its_lesson_are_two(world: World) -> None:
    for read, of_the_other in ((world.service.quizzes.get, "lesson-1"), (world.service.learners.quiz, "quiz-1")):
        with pytest.raises(QuizNotFound):
            read(of_the_other)


@pytest.mark.parametrize(("questions", "error"), [(NOBODY_KNOWS, MissingCorrectOption), (SAME_ORDER, ValidationFailed)])
def test_questions_that_break_a_rule_are_refused_before_content_is_asked(
    world: World, questions: Any, error: type[ServiceError]
) -> None:
    before = world.store.everything()
    with pytest.raises(error):
        world.service.quizzes.create(quiz_fields(questions=questions))
    with pytest.raises(error):
        world.service.quizzes.update("quiz-1", quiz_changes(questions=questions))
    assert (world.store.everything(), world.required) == (before, [])


@pytest.mark.parametrize(
    ("refusal", "of_an_update"),
    [(EventNotFound, QuizNotFound), (LessonNotFound, QuizNotFound), (Unavailable, Unavailable)],
)
def test_without_a_lesson_no_quiz_is_created_or_updated(
    world: World, refusal: type[ServiceError], of_an_update: type[ServiceError]
) -> None:
    before = world.store.everything()
    world.refusal = refusal
    with pytest.raises(refusal):
        world.service.quizzes.create(quiz_fields())
    with pytest.raises(of_an_update):
        world.service.quizzes.update("quiz-1", quiz_changes())
    assert world.required == [("event-1", "lesson-2"), ("event-1", "lesson-1")]
    assert world.store.everything() == before


# Updating


def test_an_update_of_an_unknown_quiz_does_not_ask_content(world: World) -> None:
    with pytest.raises(QuizNotFound):
        world.service.quizzes.update("quiz-9", quiz_changes())
    assert world.required == []


def test_a_quiz_deleted_while_content_is_asked_is_not_written_back(world: World) -> None:
    world.meanwhile = lambda: world.store.quizzes.remove("quiz-1", LATER)
    with pytest.raises(QuizNotFound):
        world.service.quizzes.update("quiz-1", quiz_changes())
    assert world.store.quizzes.list(QuizFilter()) == []
    assert world.store.attempts.list("quiz-1", ALL) == [an_attempt()]


# Deleting


def test_a_quiz_is_changed_or_deleted_in_the_named_states_only(world: World) -> None:
    before = frozenset({entity_tag(a_quiz())})
    changed = world.service.quizzes.update("quiz-1", quiz_changes(), before)
    with pytest.raises(PreconditionFailed):
        world.service.quizzes.update("quiz-1", quiz_changes(title="Stale"), before)
    with pytest.raises(PreconditionFailed):
        world.service.quizzes.delete("quiz-1", before)
    assert (world.service.quizzes.get("quiz-1"), changed.version) == (changed, 2)
    world.service.quizzes.delete("quiz-1", before | {entity_tag(changed)})
    with pytest.raises(QuizNotFound):
        world.service.quizzes.get("quiz-1")


# Reading


def test_attempts_are_listed_newest_first_with_what_each_was_asked(world: World) -> None:
    edited = world.service.quizzes.update("quiz-1", quiz_changes())
    newer = world.service.learners.submit("lesson-1", []).attempt
    asked_now = Revision(edited.revision_id, "quiz-1", "Changed", 70, edited.questions, LATER)
    first = world.service.quizzes.list_attempts("quiz-1", PageRequest(1))
    assert (first.page.items, first.revisions) == ([newer], {edited.revision_id: asked_now})
    second = world.service.quizzes.list_attempts("quiz-1", PageRequest(1, attempt_key(newer)))
    assert second == AttemptHistory(Page([an_attempt()], None), ASKED)


def test_a_quiz_without_attempts_has_an_empty_history(world: World) -> None:
    world.store.quizzes.add(numbered_quiz(2))
    assert world.service.quizzes.list_attempts("quiz-2", ALL) == AttemptHistory(Page([], None), {})


# Submitting


def test_every_submission_is_an_attempt_of_its_own(world: World) -> None:
    answers = [right(question) for question in a_quiz().questions]
    first, second = (world.service.learners.submit("lesson-1", answers).attempt for _ in range(2))
    assert first.id != second.id
    # A learner's submission must not wait for content.
    assert world.required == []
    assert {each.id for each in world.store.attempts.list("quiz-1", ALL)} == {"attempt-1", first.id, second.id}


# One transaction


CREATIONS: dict[str, Callable[[QuizService, Keep[Any]], object]] = {
    "quiz": lambda service, keep: service.quizzes.create(quiz_fields(), keep),
    "attempt": lambda service, keep: service.learners.submit("lesson-1", [], keep),
}


@pytest.mark.parametrize("create", CREATIONS.values(), ids=CREATIONS.keys())
def test_a_result_that_cannot_be_kept_undoes_its_creation(
    world: World, create: Callable[[QuizService, Keep[Any]], object]
) -> None:
    before = world.store.everything()

    def refuse(_result: object) -> None:
        assert world.store.everything() != before
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        create(world.service, refuse)
    assert world.store.everything() == before
    kept: list[object] = []
    assert [create(world.service, kept.append)] == kept
    assert world.store.everything() != before


# The audit log


def test_each_change_of_a_quiz_is_an_audit_entry(world: World) -> None:
    created = world.service.quizzes.create(quiz_fields())
    world.service.quizzes.update(created.id, quiz_changes())
    world.service.quizzes.delete(created.id)
    # Learners and readers leave no entry.
    world.service.learners.submit("lesson-1", [])
    world.service.learners.quiz("lesson-1")
    world.service.quizzes.list_attempts("quiz-1", PageRequest(50))
    actions = [(f"quiz.{action}", created.id) for action in ("created", "changed", "deleted")]
    assert entries_in(world.store.audit) == [("quiz.created", "quiz-1"), *actions]
