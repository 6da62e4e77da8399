"""services.quiz.service over the in-memory twin, with a stopped clock and a content that says what it is told to."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.kit.core.errors import PreconditionFailed, ServiceError, Unavailable, ValidationFailed
from services.kit.storage.idempotency import Keep
from services.kit.web.entity_tags import entity_tag
from services.kit.web.pages import Page, PageRequest
from services.quiz.entities import (
    Answer,
    Attempt,
    AttemptHistory,
    Grade,
    GradedAnswer,
    Option,
    Question,
    Quiz,
    Revision,
    Submission,
)
from services.quiz.errors import (
    EventNotFound,
    InvalidAttempt,
    LessonHasQuiz,
    LessonNotFound,
    MissingCorrectOption,
    QuizNotFound,
)
from services.quiz.repository.contracts import ALL, QuizFilter, QuizStore, attempt_key, quiz_key
from services.quiz.service import QuizService
from tests.clock import LATER, NOON, SECOND, StoppedClock
from tests.matching import NEW_ID
from tests.quiz.examples import a_quiz, an_attempt, new_question, numbered_quiz, right, some_questions, wrong

ANY = QuizFilter()
# Any id will do where it is read from the answer itself.
NEW: str = NEW_ID


class Lessons:
    """What content would say: every lesson exists until it is told otherwise."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.refusal: type[ServiceError] | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    def require(self, event_id: str, lesson_id: str) -> None:
        """A RequireLesson."""
        self.asked.append((event_id, lesson_id))
        self.meanwhile()
        if self.refusal is not None:
            raise self.refusal


class World:
    """The service and all that it touches."""

    def __init__(self, store: QuizStore) -> None:
        self.store = store
        self.lessons = Lessons()
        self.clock = StoppedClock()
        self.service = QuizService(self.store, self.lessons.require, self.clock)

    def everything(self) -> tuple[list[Quiz], list[Attempt], dict[str, Revision]]:
        """All that is stored of the quizzes there are, and of the first."""
        quizzes = list(self.store.quizzes.list(ANY))
        attempts = list(self.store.attempts.list("quiz-1", ALL))
        return quizzes, attempts, self.store.attempts.revisions(each.revision_id for each in quizzes)


@pytest.fixture
def world(store: QuizStore) -> World:
    """One quiz and one attempt at it, made at noon; the clock has moved on since."""
    world = World(store)
    world.store.quizzes.add(a_quiz())
    world.store.attempts.add(an_attempt())
    world.clock.at = LATER
    return world


# Creating


def test_a_created_quiz_is_answered_as_it_is_stored(world: World) -> None:
    quiz = world.service.create_quiz("event-1", "lesson-2", "The second quiz", 80, [new_question("What is right?")])
    assert quiz == Quiz(
        id=NEW,
        event_id="event-1",
        lesson_id="lesson-2",
        title="The second quiz",
        pass_percentage=80,
        revision_id=NEW,
        created_at=LATER,
        updated_at=LATER,
        version=1,
        questions=(
            Question(NEW, "What is right?", 1, (Option(NEW, "Option 1", True), Option(NEW, "Option 2", False))),
        ),
    )
    assert world.store.quizzes.get(quiz.id) == quiz
    assert world.lessons.asked == [("event-1", "lesson-2")]


@pytest.mark.parametrize(("sent", "kept"), [(None, 70), (0, 0), (100, 100)])
def test_the_default_pass_percentage_is_70_and_0_is_no_absence(world: World, sent: int | None, kept: int) -> None:
    assert world.service.create_quiz("event-1", "lesson-2", "Quiz", sent, [new_question()]).pass_percentage == kept


@pytest.mark.parametrize("refusal", [EventNotFound, LessonNotFound, Unavailable])
def test_a_lesson_that_content_does_not_confirm_gets_no_quiz(world: World, refusal: type[ServiceError]) -> None:
    before = world.everything()
    world.lessons.refusal = refusal
    with pytest.raises(refusal):
        world.service.create_quiz("event-1", "lesson-2", "Quiz", None, [new_question()])
    assert world.everything() == before


def test_a_lesson_has_at_most_one_quiz(world: World) -> None:
    before = world.everything()
    with pytest.raises(LessonHasQuiz):
        world.service.create_quiz("event-1", "lesson-1", "Quiz", None, [new_question()])
    assert world.everything() == before


def test_a_quiz_that_nobody_could_answer_right_is_refused_before_content_is_asked(world: World) -> None:
    before = world.everything()
    with pytest.raises(MissingCorrectOption):
        world.service.create_quiz("event-1", "lesson-2", "Quiz", None, [new_question("None", None, False, False)])
    with pytest.raises(ValidationFailed):
        world.service.create_quiz("event-1", "lesson-2", "Quiz", None, [new_question(order=1), new_question(order=1)])
    assert (world.everything(), world.lessons.asked) == (before, [])


# Updating


def test_an_update_replaces_title_and_questions_and_keeps_the_rest(world: World) -> None:
    quiz = world.service.update_quiz("quiz-1", "A better quiz", 90, [new_question("And now?", 5)])
    assert quiz == replace(
        a_quiz(),
        title="A better quiz",
        pass_percentage=90,
        revision_id=NEW,
        updated_at=LATER,
        version=2,
        questions=(Question(NEW, "And now?", 5, (Option(NEW, "Option 1", True), Option(NEW, "Option 2", False))),),
    )
    assert world.store.quizzes.get("quiz-1") == quiz
    assert world.lessons.asked == [("event-1", "lesson-1")]


@pytest.mark.parametrize(("sent", "kept"), [(None, 70), (0, 0)])
def test_an_update_without_a_pass_percentage_keeps_the_stored_one(world: World, sent: int | None, kept: int) -> None:
    assert world.service.update_quiz("quiz-1", "Quiz", sent, [new_question()]).pass_percentage == kept


def test_an_update_leaves_what_earlier_attempts_were_asked(world: World) -> None:
    world.service.update_quiz("quiz-1", "A better quiz", 90, [new_question("And now?")])
    history = world.service.list_attempts("quiz-1", ALL)
    asked = Revision("revision-1", "quiz-1", "The first quiz", 70, some_questions(2), NOON)
    assert history == AttemptHistory(Page([an_attempt()], None), {"revision-1": asked})


@pytest.mark.parametrize(
    ("refusal", "raised"),
    [(EventNotFound, QuizNotFound), (LessonNotFound, QuizNotFound), (Unavailable, Unavailable)],
)
def test_a_quiz_whose_lesson_is_gone_is_gone_for_admins_too(
    world: World, refusal: type[ServiceError], raised: type[ServiceError]
) -> None:
    before = world.everything()
    world.lessons.refusal = refusal
    with pytest.raises(raised):
        world.service.update_quiz("quiz-1", "A better quiz", None, [new_question()])
    assert world.everything() == before


def test_an_update_of_a_quiz_that_is_not_there_asks_nobody(world: World) -> None:
    with pytest.raises(QuizNotFound):
        world.service.update_quiz("quiz-9", "A better quiz", None, [new_question()])
    assert world.lessons.asked == []


def test_a_quiz_that_is_deleted_while_content_is_asked_is_not_written_back(world: World) -> None:
    world.lessons.meanwhile = lambda: world.store.quizzes.remove("quiz-1")
    with pytest.raises(QuizNotFound):
        world.service.update_quiz("quiz-1", "A better quiz", None, [new_question()])
    assert world.everything() == ([], [an_attempt()], {})


@pytest.mark.parametrize(
    ("questions", "raised"),
    [
        ([new_question("None", None, False, False)], MissingCorrectOption),
        ([new_question(order=1), new_question(order=1)], ValidationFailed),
    ],
)
def test_an_update_that_breaks_a_rule_changes_nothing(
    world: World, questions: list[object], raised: type[ServiceError]
) -> None:
    before = world.everything()
    with pytest.raises(raised):
        world.service.update_quiz("quiz-1", "A better quiz", None, questions)  # type: ignore[arg-type]
    assert world.everything() == before


# Deleting


def test_a_quiz_is_changed_or_deleted_in_the_named_states_only(world: World) -> None:
    before = frozenset({entity_tag(a_quiz())})
    changed = world.service.update_quiz("quiz-1", "Another", None, [new_question()], before)
    everything = world.everything()
    with pytest.raises(PreconditionFailed):
        world.service.update_quiz("quiz-1", "Stale", None, [new_question()], before)
    with pytest.raises(PreconditionFailed):
        world.service.delete_quiz("quiz-1", before)
    assert world.everything() == everything
    world.service.delete_quiz("quiz-1", before | {entity_tag(changed)})
    with pytest.raises(QuizNotFound):
        world.service.get_quiz("quiz-1")


def test_a_deleted_quiz_is_gone_and_its_attempts_stay(world: World) -> None:
    world.service.delete_quiz("quiz-1")
    for use_case in (world.service.get_quiz, world.service.delete_quiz):
        with pytest.raises(QuizNotFound):
            use_case("quiz-1")
    with pytest.raises(QuizNotFound):
        world.service.get_lesson_quiz("lesson-1")
    asked = Revision("revision-1", "quiz-1", "The first quiz", 70, some_questions(2), NOON)
    assert world.service.list_attempts("quiz-1", ALL) == AttemptHistory(
        Page([an_attempt()], None), {"revision-1": asked}
    )


# Reading


def test_quizzes_are_read_by_id_and_by_lesson(world: World) -> None:
    assert world.service.get_quiz("quiz-1") == world.service.get_lesson_quiz("lesson-1") == a_quiz()
    with pytest.raises(QuizNotFound):
        world.service.get_quiz("lesson-1")
    with pytest.raises(QuizNotFound):
        world.service.get_lesson_quiz("quiz-1")


def test_quizzes_are_listed_page_by_page(world: World) -> None:
    world.store.quizzes.add(numbered_quiz(2))
    world.store.quizzes.add(numbered_quiz(3, event_id="event-2"))
    everything = world.service.list_quizzes(None, None, ALL)
    assert everything == Page([a_quiz(), numbered_quiz(2), numbered_quiz(3, event_id="event-2")], None)
    first = world.service.list_quizzes("event-1", None, PageRequest(1))
    assert (first.items, first.next_cursor is None) == ([a_quiz()], False)
    second = world.service.list_quizzes("event-1", None, PageRequest(1, quiz_key(a_quiz())))
    assert second == Page([numbered_quiz(2)], None)
    assert world.service.list_quizzes("event-2", "lesson-1", ALL) == Page([], None)


def test_attempts_are_listed_newest_first_with_what_each_was_asked(world: World) -> None:
    edited = world.service.update_quiz("quiz-1", "A better quiz", None, [new_question()])
    newer = world.service.submit("lesson-1", []).attempt
    asked_before = Revision("revision-1", "quiz-1", "The first quiz", 70, some_questions(2), NOON)
    asked_now = Revision(edited.revision_id, "quiz-1", "A better quiz", 70, edited.questions, LATER)
    first = world.service.list_attempts("quiz-1", PageRequest(1))
    assert (first.page.items, first.revisions) == ([newer], {edited.revision_id: asked_now})
    second = world.service.list_attempts("quiz-1", PageRequest(1, attempt_key(newer)))
    assert second == AttemptHistory(Page([an_attempt()], None), {"revision-1": asked_before})


def test_a_quiz_that_nobody_has_tried_has_an_empty_history_and_an_unknown_one_none(world: World) -> None:
    world.store.quizzes.add(numbered_quiz(2))
    assert world.service.list_attempts("quiz-2", ALL) == AttemptHistory(Page([], None), {})
    with pytest.raises(QuizNotFound):
        world.service.list_attempts("quiz-9", ALL)


# Submitting


def test_a_submission_is_graded_and_kept(world: World) -> None:
    quiz = a_quiz()
    submission = world.service.submit("lesson-1", [wrong(quiz.questions[1]), right(quiz.questions[0])])
    attempt = Attempt(
        id=NEW,
        quiz_id="quiz-1",
        revision_id="revision-1",
        event_id="event-1",
        lesson_id="lesson-1",
        grade=Grade(
            answers=(
                GradedAnswer("question-1", "option-1-1", "option-1-1", True),
                GradedAnswer("question-2", "option-2-2", "option-2-1", False),
            ),
            answered_questions=2,
            correct_answers=1,
            score_percentage=50,
            pass_percentage=70,
        ),
        submitted_at=LATER,
    )
    assert submission == Submission(quiz, attempt)
    assert world.store.attempts.list("quiz-1", ALL) == [attempt, an_attempt()]
    # A learner's answers must not wait for content.
    assert world.lessons.asked == []


def test_every_submission_is_an_attempt_of_its_own(world: World) -> None:
    answers = [right(question) for question in a_quiz().questions]
    first, second = (world.service.submit("lesson-1", answers).attempt for _ in range(2))
    assert first.id != second.id
    assert {each.id for each in world.store.attempts.list("quiz-1", ALL)} == {"attempt-1", first.id, second.id}


def test_a_submission_counts_against_the_quiz_of_its_moment(world: World) -> None:
    before = world.service.submit("lesson-1", [right(a_quiz().questions[0])]).attempt
    world.clock.at = LATER + SECOND
    edited = world.service.update_quiz("quiz-1", "A better quiz", 100, [new_question()])
    with pytest.raises(InvalidAttempt):
        world.service.submit("lesson-1", [right(a_quiz().questions[0])])
    after = world.service.submit("lesson-1", [right(edited.questions[0])]).attempt
    assert (after.revision_id, after.grade.score_percentage, after.grade.passed) == (edited.revision_id, 100, True)
    assert world.store.attempts.list("quiz-1", ALL) == [after, before, an_attempt()]


@pytest.mark.parametrize(
    "answers",
    [
        [right(a_quiz().questions[0])] * 2,
        [Answer("question-1", "option-2-1")],
        [Answer("question-9", "option-1-1")],
    ],
)
def test_an_invalid_attempt_is_not_kept(world: World, answers: list[Answer]) -> None:
    before = world.everything()
    with pytest.raises(InvalidAttempt):
        world.service.submit("lesson-1", answers)
    assert world.everything() == before


def test_a_lesson_without_a_quiz_takes_no_submission(world: World) -> None:
    with pytest.raises(QuizNotFound):
        world.service.submit("lesson-2", [])


# What is kept beside what is done


CREATIONS: list[Callable[[QuizService, Keep[Any]], object]] = [
    lambda service, keep: service.create_quiz("event-1", "lesson-2", "Quiz", None, [new_question()], keep),
    lambda service, keep: service.submit("lesson-1", [], keep),
]


@pytest.mark.parametrize("create", CREATIONS, ids=["quiz", "attempt"])
def test_what_creates_gives_its_result_to_be_kept_while_it_can_still_be_undone(
    world: World, create: Callable[[QuizService, Keep[Any]], object]
) -> None:
    before = world.everything()

    def refuse(_result: object) -> None:
        assert world.everything() != before
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        create(world.service, refuse)
    assert world.everything() == before
    kept: list[object] = []
    assert [create(world.service, kept.append)] == kept
    assert world.everything() != before
