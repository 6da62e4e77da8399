"""The use cases of quiz. One method is one transaction; content is called before it begins.

A use case that creates something calls `keep` with its result before the transaction ends, so that the idempotent
response and the records are committed together.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import uuid_utils

from services.kit.core.instants import Clock, now
from services.kit.storage.idempotency import Keep, keep_nothing
from services.kit.web.entity_tags import ANY_STATE, IfMatch, require_match
from services.kit.web.pages import Page, PageRequest, page_of
from services.quiz import rules
from services.quiz.entities import (
    Answer,
    Attempt,
    AttemptHistory,
    Quiz,
    QuizChanges,
    QuizFields,
    QuizFilter,
    Submission,
)
from services.quiz.errors import EventNotFound, LessonNotFound, QuizNotFound
from services.quiz.repository.contracts import QuizStore, attempt_key, quiz_key

# Raises EventNotFound or LessonNotFound unless the event has the lesson, Unavailable when content does not respond.
RequireLesson = Callable[[str, str], None]


class QuizService:
    """The use cases of admins and of learners."""

    def __init__(self, store: QuizStore, require_lesson: RequireLesson, clock: Clock = now):
        self._store = store
        self._require_lesson = require_lesson
        self._clock = clock

    def list_quizzes(self, which: QuizFilter, request: PageRequest) -> Page[Quiz]:
        """Return the quizzes that match, oldest first."""
        return page_of(self._store.quizzes.list(which, request), request, quiz_key)

    def get_quiz(self, quiz_id: str) -> Quiz:
        """Return the quiz. Raise QuizNotFound."""
        return self._store.quizzes.get(quiz_id)

    def create_quiz(self, fields: QuizFields, keep: Keep[Quiz] = keep_nothing) -> Quiz:
        """Create the quiz of a lesson.

        Raise MissingCorrectOption, EventNotFound, LessonNotFound, LessonHasQuiz, Unavailable.
        """
        questions = rules.identified(fields.questions, _new_id)
        self._require_lesson(fields.event_id, fields.lesson_id)
        created_at = self._clock()
        quiz = Quiz(
            id=_new_id(),
            event_id=fields.event_id,
            lesson_id=fields.lesson_id,
            title=fields.title,
            pass_percentage=fields.pass_percentage,
            revision_id=_new_id(),
            created_at=created_at,
            updated_at=created_at,
            version=1,
            questions=questions,
        )
        with self._store.transaction():
            # After content confirmed the lesson it may have been deleted, and the follower may have read that change.
            self._store.following.require_alive(quiz.event_id, quiz.lesson_id)
            self._store.quizzes.add(quiz)
            keep(quiz)
        return quiz

    def update_quiz(self, quiz_id: str, changes: QuizChanges, states: IfMatch = ANY_STATE) -> Quiz:
        """Replace title and questions. Raise QuizNotFound, MissingCorrectOption, Unavailable, PreconditionFailed."""
        questions = rules.identified(changes.questions, _new_id)
        self._require_lesson_of(self._store.quizzes.get(quiz_id))
        with self._store.transaction():
            quiz = self._store.quizzes.get(quiz_id, for_update=True)
            require_match(quiz, states)
            changed = replace(
                quiz,
                title=changes.title,
                pass_percentage=quiz.pass_percentage if changes.pass_percentage is None else changes.pass_percentage,
                revision_id=_new_id(),
                updated_at=self._clock(),
                version=quiz.version + 1,
                questions=questions,
            )
            self._store.quizzes.save(changed)
        return changed

    def delete_quiz(self, quiz_id: str, states: IfMatch = ANY_STATE) -> None:
        """Delete a quiz; its attempts stay. Raise QuizNotFound, PreconditionFailed."""
        with self._store.transaction():
            require_match(self._store.quizzes.get(quiz_id, for_update=True), states)
            self._store.quizzes.remove(quiz_id)

    def list_attempts(self, quiz_id: str, request: PageRequest) -> AttemptHistory:
        """Return a page of attempts, newest first. Raise QuizNotFound without such a quiz or attempt."""
        page = page_of(self._store.attempts.list(quiz_id, request), request, attempt_key)
        if not page.items:
            self._store.quizzes.get(quiz_id)
        revisions = self._store.attempts.revisions({attempt.revision_id for attempt in page.items})
        return AttemptHistory(page, revisions)

    def get_lesson_quiz(self, lesson_id: str) -> Quiz:
        """Return the lesson's quiz. Raise QuizNotFound."""
        return self._store.quizzes.get_by_lesson(lesson_id)

    def submit(self, lesson_id: str, answers: Sequence[Answer], keep: Keep[Submission] = keep_nothing) -> Submission:
        """Grade the answers and store the attempt. Raise QuizNotFound, InvalidAttempt."""
        with self._store.transaction():
            quiz = self._store.quizzes.get_by_lesson(lesson_id, for_share=True)
            attempt = Attempt(
                id=_new_id(),
                quiz_id=quiz.id,
                revision_id=quiz.revision_id,
                event_id=quiz.event_id,
                lesson_id=quiz.lesson_id,
                grade=rules.grade(quiz, answers),
                submitted_at=self._clock(),
            )
            self._store.attempts.add(attempt)
            submission = Submission(quiz, attempt)
            keep(submission)
        return submission

    def _require_lesson_of(self, quiz: Quiz) -> None:
        try:
            self._require_lesson(quiz.event_id, quiz.lesson_id)
        except (EventNotFound, LessonNotFound):
            # The quiz of a deleted lesson counts as deleted, even if the follower has not removed its rows yet.
            raise QuizNotFound from None


def _new_id() -> str:
    return str(uuid_utils.uuid7())
