"""A quiz edited while it is taken (docs/contract/BEHAVIOUR.md, "Quizzes"), over each store, and against a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from services.kit.core.errors import ServiceError
from services.quiz.entities import Answer, NewOption, NewQuestion, Quiz, QuizChanges, Submission
from services.quiz.errors import InvalidAttempt, QuizChanged, QuizNotFound
from services.quiz.repository.contracts import ALL, QuizStore
from services.quiz.service.quiz import QuizService
from tests.audit import entries_in
from tests.clock import HOUR, LATER, MILLISECOND, NOON, StoppedClock
from tests.quiz.examples import a_quiz, an_attempt, new_question, numbered_quiz, quiz_changes, quiz_fields, right
from tests.quiz.memory import InMemoryQuizStore

DAY = timedelta(hours=24)


def with_ids(quiz: Quiz) -> tuple[NewQuestion, ...]:
    """The questions as a client sends them back."""
    return tuple(
        NewQuestion(
            question.prompt,
            question.order,
            tuple(NewOption(option.text, option.is_correct, option.id) for option in question.options),
            question.id,
        )
        for question in quiz.questions
    )


def sent_back(quiz: Quiz, **changes: Any) -> Callable[[Quiz], QuizChanges]:
    """The quiz as it was read, with all its ids, but for the changes."""
    fields = {"title": quiz.title, "pass_percentage": quiz.pass_percentage, "questions": with_ids(quiz)}
    return quiz_changes(**{**fields, **changes})


class Lesson:
    """A lesson whose quiz is edited and taken."""

    def __init__(self, store: QuizStore):
        self.store = store
        self.clock = StoppedClock(NOON)
        self.service = QuizService(store, lambda event_id, lesson_id: None, self.clock)
        with store.transaction():
            store.quizzes.add(a_quiz())

    def submit(self, answers: Sequence[Answer], revision: str | None = None) -> Submission:
        return self.service.learners.submit("lesson-1", answers, revision_id=revision)

    def edit(self) -> Quiz:
        """Replace the quiz's question as an admin's client does that sends no ids."""
        return self.service.quizzes.update("quiz-1", quiz_changes(pass_percentage=100))

    def stored(self, *revision_ids: str) -> set[str]:
        """Those of the revisions that are stored."""
        return set(self.store.attempts.revisions(revision_ids))


@pytest.fixture
def lesson(store: QuizStore) -> Lesson:
    """A lesson whose quiz was made at noon."""
    return Lesson(store)


SHOWN = [right(a_quiz().questions[0])]


@pytest.mark.parametrize("revision", ["revision-1", None], ids=["by its revision", "by its ids"])
def test_who_was_shown_a_quiz_before_an_edit_is_graded_by_it(lesson: Lesson, revision: str | None) -> None:
    edited = lesson.edit()
    lesson.clock.at += DAY - MILLISECOND
    submission = lesson.submit(SHOWN, revision)
    assert submission.revision == a_quiz().revision
    assert (submission.attempt.revision_id, submission.attempt.grade) == ("revision-1", an_attempt().grade)
    # Whoever loads the quiz now is graded by the edit.
    assert lesson.submit([right(edited.questions[0])], edited.revision_id).revision == edited.revision
    assert lesson.submit([]).revision == edited.revision


@pytest.mark.parametrize("revision", ["revision-1", None], ids=["by its revision", "by its ids"])
def test_a_version_that_was_replaced_a_day_ago_grades_no_more(lesson: Lesson, revision: str | None) -> None:
    lesson.edit()
    lesson.clock.at += DAY
    with pytest.raises(QuizChanged):
        lesson.submit(SHOWN, revision)


def test_answers_to_a_version_just_taken_back_are_still_graded(lesson: Lesson) -> None:
    # The right option of the first question changes, then the second question goes.
    first, second = with_ids(a_quiz())
    flipped = tuple(replace(option, is_correct=not option.is_correct) for option in first.options)
    corrected = lesson.service.quizzes.update(
        "quiz-1", sent_back(a_quiz(), questions=(replace(first, options=flipped), second))
    )
    lesson.clock.at = LATER
    shortened = lesson.service.quizzes.update("quiz-1", sent_back(corrected, questions=with_ids(corrected)[:1]))
    assert [each.id for each in shortened.questions] == ["question-1"]
    only, both = SHOWN, [*SHOWN, right(a_quiz().questions[1])]
    assert lesson.submit(only).revision.id == shortened.revision_id
    assert lesson.submit(both).revision.id == corrected.revision_id
    assert lesson.submit(both, "revision-1").attempt.grade.score_percentage == 100


def test_a_quiz_deleted_and_made_again_counts_as_replaced(lesson: Lesson) -> None:
    lesson.service.quizzes.delete("quiz-1")
    with pytest.raises(QuizNotFound):
        lesson.submit(SHOWN, "revision-1")
    lesson.clock.at += HOUR
    remade = lesson.service.quizzes.create(quiz_fields("lesson-1"))
    for revision in ("revision-1", None):
        attempt = lesson.submit(SHOWN, revision).attempt
        assert (attempt.quiz_id, attempt.revision_id) == ("quiz-1", "revision-1")
    assert lesson.submit([]).attempt.quiz_id == remade.id
    assert len(lesson.service.quizzes.list_attempts("quiz-1", ALL).page.items) == 2
    lesson.clock.at = NOON + DAY
    for revision in ("revision-1", None):
        with pytest.raises(QuizChanged):
            lesson.submit(SHOWN, revision)


UNKNOWN: dict[str, tuple[list[Answer], str | None, type[ServiceError]]] = {
    "a revision that nobody knows": (SHOWN, "revision-9", QuizChanged),
    "no text of a revision": (SHOWN, "", QuizChanged),
    "a text that PostgreSQL cannot store": (SHOWN, "nul\0nul", QuizChanged),
    "another lesson's revision": ([], "revision-2", QuizChanged),
    "another lesson's replaced revision": ([], "revision-3", QuizChanged),
    "another lesson's ids": ([right(numbered_quiz(2).questions[0])], None, InvalidAttempt),
    "ids of two versions": ([*SHOWN, Answer("question-9", "option-9")], None, InvalidAttempt),
    "ids that are not the revision's": ([Answer("question-9", "option-9")], "revision-1", InvalidAttempt),
    "a question twice": (SHOWN * 2, None, InvalidAttempt),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_no_version_of_the_lesson_holds_is_refused(lesson: Lesson, name: str) -> None:
    answers, revision, error = UNKNOWN[name]
    with lesson.store.transaction():
        lesson.store.quizzes.add(numbered_quiz(2, revision_id="revision-3"))
        lesson.store.quizzes.save(numbered_quiz(2))
    lesson.edit()
    with pytest.raises(error):
        lesson.submit(answers, revision)
    assert lesson.service.quizzes.list_attempts("quiz-1", ALL).page.items == []


def test_a_version_is_kept_while_it_grades_and_with_its_attempts(lesson: Lesson) -> None:
    lesson.submit(SHOWN)
    second = lesson.edit()
    lesson.clock.at += HOUR
    third = lesson.edit()
    ids = ("revision-1", second.revision_id, third.revision_id)
    assert lesson.stored(*ids) == {*ids}
    lesson.clock.at += DAY - MILLISECOND
    fourth = lesson.edit()
    assert lesson.stored(*ids) == {*ids}
    lesson.clock.at += MILLISECOND
    lesson.service.quizzes.delete("quiz-1")
    assert lesson.stored(*ids, fourth.revision_id) == {"revision-1", third.revision_id, fourth.revision_id}
    lesson.clock.at += DAY
    lesson.service.quizzes.create(quiz_fields("lesson-1"))
    assert lesson.stored(*ids, fourth.revision_id) == {"revision-1"}
    with pytest.raises(QuizChanged):
        lesson.submit(SHOWN)


def test_a_quiz_saved_as_it_was_read_stays_the_same_version(lesson: Lesson) -> None:
    lesson.clock.at = LATER
    before = entries_in(lesson.store.audit)
    assert lesson.service.quizzes.update("quiz-1", sent_back(a_quiz())) == a_quiz()
    assert lesson.service.quizzes.update("quiz-1", sent_back(a_quiz(), pass_percentage=None)) == a_quiz()
    assert (lesson.service.quizzes.get("quiz-1"), entries_in(lesson.store.audit)) == (a_quiz(), before)
    renamed = lesson.service.quizzes.update("quiz-1", sent_back(a_quiz(), title="Renamed"))
    expected = a_quiz(title="Renamed", revision_id=renamed.revision_id, updated_at=LATER, version=2)
    assert renamed == lesson.service.quizzes.get("quiz-1") == expected


def test_an_edit_of_an_older_state_keeps_the_ids_still_there(lesson: Lesson) -> None:
    shortened = lesson.service.quizzes.update("quiz-1", sent_back(a_quiz(), questions=with_ids(a_quiz())[1:]))
    late = lesson.service.quizzes.update("quiz-1", sent_back(a_quiz(), title="Late"))
    kept = [question.id in {each.id for each in shortened.questions} for question in late.questions]
    assert kept == [False, True]


@dataclass
class Version:
    """A version in the model: its ids and when it was replaced."""

    revision: str
    questions: frozenset[str]
    replaced_at: datetime | None = None


class Versions(RuleBasedStateMachine):
    """One lesson's quiz through edits, deletions and days, and submits for anything that was ever shown."""

    @initialize()
    def begin(self) -> None:
        self.clock = StoppedClock(NOON)
        self.service = QuizService(InMemoryQuizStore(), lambda event_id, lesson_id: None, self.clock)
        # Every version that there was, the newest last.
        self.versions: list[Version] = []
        self.attempted: set[str] = set()
        self.quiz: Quiz | None = None

    @precondition(lambda self: self.quiz is None)
    @rule(count=st.integers(1, 3))
    def create(self, count: int) -> None:
        self._shown(self.service.quizzes.create(quiz_fields("lesson-1", questions=(new_question(),) * count)))

    @precondition(lambda self: self.quiz is not None)
    @rule(kept=st.sets(st.integers(0, 2)), new=st.integers(0, 2), title=st.sampled_from(["One", "Two"]))
    def save(self, kept: set[int], new: int, title: str) -> None:
        assert self.quiz is not None
        sent = with_ids(self.quiz)
        questions = (*(replace(each, order=None) for place, each in enumerate(sent) if place in kept),)
        if not questions and not new:
            return
        before = self.quiz
        changes = sent_back(before, title=title, questions=questions + (new_question(),) * new)
        after = self.service.quizzes.update(before.id, changes)
        if (after.title, after.questions) == (before.title, before.questions):
            assert after == before
        else:
            self._replaced()
            self._shown(after)

    @precondition(lambda self: self.quiz is not None)
    @rule()
    def delete(self) -> None:
        assert self.quiz is not None
        self.service.quizzes.delete(self.quiz.id)
        self._replaced()
        self.quiz = None

    @rule(hours=st.sampled_from([1, 12, 23, 24]))
    def wait(self, hours: int) -> None:
        self.clock.at += hours * HOUR

    @precondition(lambda self: self.versions)
    @rule(data=st.data(), by_revision=st.booleans())
    def submit(self, data: st.DataObject, by_revision: bool) -> None:
        shown = data.draw(st.sampled_from(self.versions))
        answered = data.draw(st.lists(st.sampled_from(sorted(shown.questions)), unique=True))
        expected = self._expected(shown, set(answered), by_revision)
        # Each question's first option is the right one.
        answers = [Answer(each, self.first_options[each]) for each in answered]
        try:
            submission = self.service.learners.submit(
                "lesson-1", answers, revision_id=shown.revision if by_revision else None
            )
        except ServiceError as error:
            assert type(error) in expected
        else:
            assert submission.revision.id in expected
            assert submission.attempt.grade.correct_answers == len(answered)
            self.attempted.add(submission.revision.id)

    def _expected(self, shown: Version, answered: set[str], by_revision: bool) -> set[object]:
        """The revisions that may grade, or the errors: an outdated version without attempts may be gone or not."""
        if self.quiz is None:
            return {QuizNotFound}
        holding = [shown] if by_revision else [each for each in self.versions if answered <= each.questions]
        grading = [each for each in holding if each.replaced_at is None or self.clock.at - each.replaced_at < DAY]
        if grading:
            return {grading[-1].revision}
        if by_revision or any(each.revision in self.attempted for each in holding):
            return {QuizChanged}
        return {QuizChanged, InvalidAttempt}

    def _shown(self, quiz: Quiz) -> None:
        self.quiz = quiz
        self.versions.append(Version(quiz.revision_id, frozenset(each.id for each in quiz.questions)))
        self.first_options = {
            **getattr(self, "first_options", {}),
            **{each.id: each.options[0].id for each in quiz.questions},
        }

    def _replaced(self) -> None:
        self.versions[-1].replaced_at = self.clock.at


TestVersions = Versions.TestCase
