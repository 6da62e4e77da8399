"""Quizzes and the attempts at them, for admins."""

from collections.abc import Callable
from dataclasses import replace

from services.kit.core.ids import new_id
from services.kit.core.instants import Clock
from services.kit.storage.idempotency import Keep, keep_nothing
from services.kit.web.entity_tags import ANY_STATE, IfMatch, require_match
from services.kit.web.pages import Page, PageRequest, page_of
from services.quiz import rules
from services.quiz.entities import AttemptFilter, AttemptHistory, Quiz, QuizChanges, QuizFields, QuizFilter
from services.quiz.errors import EventNotFound, LessonNotFound, QuizNotFound
from services.quiz.repository.contracts import ANY_ATTEMPT, ATTEMPT_ORDERS, QUIZ_ORDERS, QuizStore

# Raises EventNotFound or LessonNotFound unless the event has the lesson, Unavailable when content does not respond.
RequireLesson = Callable[[str, str], None]


class Quizzes:
    """The use cases of admins."""

    def __init__(self, store: QuizStore, require_lesson: RequireLesson, clock: Clock):
        self._store = store
        self._require_lesson = require_lesson
        self._clock = clock

    def list(self, which: QuizFilter, request: PageRequest, q: str | None = None) -> Page[Quiz]:
        """Return the quizzes that match, with `q` in their titles, or a page of them."""
        return page_of(self._store.quizzes.list(which, request, q), request, QUIZ_ORDERS)

    def get(self, quiz_id: str) -> Quiz:
        """Return the quiz. Raise QuizNotFound."""
        return self._store.quizzes.get(quiz_id)

    def create(self, fields: QuizFields, keep: Keep[Quiz] = keep_nothing) -> Quiz:
        """Create the quiz of a lesson.

        Raise MissingCorrectOption, EventNotFound, LessonNotFound, LessonHasQuiz, Unavailable.
        """
        rules.require_gradable(fields.questions)
        self._require_lesson(fields.event_id, fields.lesson_id)
        created_at = self._clock()
        quiz = Quiz(
            id=new_id(),
            event_id=fields.event_id,
            lesson_id=fields.lesson_id,
            title=fields.title,
            pass_percentage=fields.pass_percentage,
            revision_id=new_id(),
            created_at=created_at,
            updated_at=created_at,
            version=1,
            questions=rules.identified(fields.questions, (), new_id),
        )
        with self._store.transaction():
            # After content confirmed the lesson it may have been deleted, and the follower may have read that change.
            self._store.following.require_alive(quiz.event_id, quiz.lesson_id)
            self._store.quizzes.add(quiz)
            self._remove_outdated(quiz)
            keep(quiz)
        return quiz

    def update(self, quiz_id: str, changes_of: Callable[[Quiz], QuizChanges], states: IfMatch = ANY_STATE) -> Quiz:
        """Replace title and questions; `changes_of` returns the changes to the stored quiz.

        What changes nothing makes no version. Raise QuizNotFound, MissingCorrectOption, Unavailable,
        PreconditionFailed, or as `changes_of` does.
        """
        quiz = self._store.quizzes.get(quiz_id)
        rules.require_gradable(changes_of(quiz).questions, quiz.questions)
        self._require_lesson_of(quiz)
        with self._store.transaction():
            quiz = self._store.quizzes.get(quiz_id, for_update=True)
            require_match(quiz, states)
            changes = changes_of(quiz)
            rules.require_gradable(changes.questions, quiz.questions)
            changed = replace(
                quiz,
                title=changes.title,
                pass_percentage=quiz.pass_percentage if changes.pass_percentage is None else changes.pass_percentage,
                questions=rules.identified(changes.questions, quiz.questions, new_id),
            )
            if changed == quiz:
                return quiz
            changed = replace(changed, revision_id=new_id(), updated_at=self._clock(), version=quiz.version + 1)
            self._store.quizzes.save(changed)
            self._remove_outdated(changed)
        return changed

    def delete(self, quiz_id: str, states: IfMatch = ANY_STATE) -> None:
        """Delete a quiz; its attempts stay. Raise QuizNotFound, PreconditionFailed."""
        with self._store.transaction():
            quiz = self._store.quizzes.get(quiz_id, for_update=True)
            require_match(quiz, states)
            deleted_at = self._clock()
            self._store.quizzes.remove(quiz_id, deleted_at)
            self._store.quizzes.remove_replaced(quiz.lesson_id, rules.graded_since(deleted_at))

    def list_attempts(self, quiz_id: str, request: PageRequest, which: AttemptFilter = ANY_ATTEMPT) -> AttemptHistory:
        """Return a page of attempts. Raise QuizNotFound without such a quiz or attempt."""
        page = page_of(self._store.attempts.list(quiz_id, request, which), request, ATTEMPT_ORDERS)
        # Attempts outlive their quiz, also those that do not match.
        if not page.items and not self._store.attempts.list(quiz_id, PageRequest(1)):
            self._store.quizzes.get(quiz_id)
        revisions = self._store.attempts.revisions({attempt.revision_id for attempt in page.items})
        return AttemptHistory(page, revisions)

    def _remove_outdated(self, quiz: Quiz) -> None:
        self._store.quizzes.remove_replaced(quiz.lesson_id, rules.graded_since(quiz.updated_at))

    def _require_lesson_of(self, quiz: Quiz) -> None:
        try:
            self._require_lesson(quiz.event_id, quiz.lesson_id)
        except (EventNotFound, LessonNotFound):
            # The quiz of a deleted lesson counts as deleted, even if the follower has not removed its rows yet.
            raise QuizNotFound from None
