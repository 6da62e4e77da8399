"""The use cases of quiz. One method is one transaction; content is called before it begins.

A use case that creates something calls `keep` with its result before the transaction ends, so that the idempotent
response and the records are committed together.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from services.kit.core.errors import ServiceError
from services.kit.core.ids import new_id
from services.kit.core.instants import Clock, now, to_milliseconds
from services.kit.storage.idempotency import Keep, keep_nothing
from services.kit.web.entity_tags import ANY_STATE, IfMatch, require_match
from services.kit.web.freshness import Version
from services.kit.web.pages import Page, PageRequest, page_of
from services.quiz import rules
from services.quiz.entities import (
    Answer,
    Answers,
    Attempt,
    AttemptFilter,
    AttemptHistory,
    Grade,
    Quiz,
    QuizChanges,
    QuizFields,
    QuizFilter,
    QuizReference,
    Revision,
    Submission,
)
from services.quiz.errors import EventNotFound, InvalidAttempt, LessonNotFound, QuizChanged, QuizNotFound
from services.quiz.repository.contracts import ANY_ATTEMPT, ATTEMPT_ORDERS, QUIZ_ORDERS, QuizStore

# Raises EventNotFound or LessonNotFound unless the event has the lesson, Unavailable when content does not respond.
RequireLesson = Callable[[str, str], None]


class QuizService:
    """The use cases of admins and of learners. `rendering` names the release, on which responses depend as well."""

    def __init__(self, store: QuizStore, require_lesson: RequireLesson, clock: Clock = now, rendering: str = ""):
        self._store = store
        self._require_lesson = require_lesson
        self._clock = clock
        self._rendering = rendering

    def list_quizzes(self, which: QuizFilter, request: PageRequest, q: str | None = None) -> Page[Quiz]:
        """Return the quizzes that match, with `q` in their titles, or a page of them."""
        return page_of(self._store.quizzes.list(which, request, q), request, QUIZ_ORDERS)

    def get_quiz(self, quiz_id: str) -> Quiz:
        """Return the quiz. Raise QuizNotFound."""
        return self._store.quizzes.get(quiz_id)

    def create_quiz(self, fields: QuizFields, keep: Keep[Quiz] = keep_nothing) -> Quiz:
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

    def update_quiz(self, quiz_id: str, changes_of: Callable[[Quiz], QuizChanges], states: IfMatch = ANY_STATE) -> Quiz:
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

    def delete_quiz(self, quiz_id: str, states: IfMatch = ANY_STATE) -> None:
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

    def get_lesson_quiz(self, lesson_id: str) -> Quiz:
        """Return the lesson's quiz. Raise QuizNotFound."""
        return self._store.quizzes.get_by_lesson(lesson_id)

    def lesson_quiz_version(self, lesson_id: str) -> Version:
        """Return the state of the lesson's quiz now: whatever a learner sees of it belongs to its revision."""
        revision_id = self._store.quizzes.revision_id(lesson_id)
        return Version(f"{revision_id} {self._rendering}", to_milliseconds(self._clock()))

    def submit(
        self,
        lesson_id: str,
        answers: Sequence[Answer],
        keep: Keep[Submission] = keep_nothing,
        *,
        revision_id: str | None = None,
    ) -> Submission:
        """Grade the answers by what was shown, and store the attempt; `revision_id` names what was shown, if known.

        Raise QuizNotFound, QuizChanged, InvalidAttempt.
        """
        with self._store.transaction():
            quiz = self._store.quizzes.share(lesson_id)
            submission = self._graded(quiz, answers, revision_id, self._clock())
            self._store.attempts.add(submission.attempt)
            keep(submission)
        return submission

    def submit_together(self, submissions: Sequence[Answers]) -> list[Submission | ServiceError | None]:
        """Do so for several, in the caller's transaction; return the error of one in its place.

        None stands for one that has to be submitted alone: another transaction locks its quiz, or there is none.
        """
        quizzes = self._store.quizzes.share_all({each.lesson_id for each in submissions})
        submitted_at = self._clock()
        results = [self._graded_or_error(quizzes.get(each.lesson_id), each, submitted_at) for each in submissions]
        attempts = [each.attempt for each in results if isinstance(each, Submission)]
        if attempts:
            self._store.attempts.add_all(attempts)
        return results

    def _graded_or_error(
        self, quiz: QuizReference | None, submitted: Answers, at: datetime
    ) -> Submission | ServiceError | None:
        if quiz is None:
            return None
        try:
            return self._graded(quiz, submitted.answers, submitted.revision_id, at)
        except ServiceError as error:
            return error

    def _graded(
        self, quiz: QuizReference, answers: Sequence[Answer], revision_id: str | None, submitted_at: datetime
    ) -> Submission:
        """Return the attempt, which is not stored yet. Raise QuizChanged, InvalidAttempt."""
        shown, grade = self._shown(quiz, answers, revision_id, submitted_at)
        attempt = Attempt(
            id=new_id(),
            quiz_id=shown.quiz_id,
            revision_id=shown.id,
            event_id=quiz.event_id,
            lesson_id=quiz.lesson_id,
            grade=grade,
            submitted_at=submitted_at,
        )
        return Submission(shown, attempt)

    def _shown(
        self, quiz: QuizReference, answers: Sequence[Answer], revision_id: str | None, now: datetime
    ) -> tuple[Revision, Grade]:
        """Return the revision that was shown to the learner, and the grade by it.

        Raise InvalidAttempt, and QuizChanged when it no longer grades.
        """
        current = self._store.attempts.revision(quiz.revision_id)
        if revision_id in (None, current.id):
            try:
                return current, rules.grade(current, answers)
            except InvalidAttempt:
                if revision_id is not None or rules.holds(current, answers):
                    raise
        shown = self._replaced(quiz, answers, revision_id, now)
        # No version has all these ids: grading by the current one tells which does not fit.
        return shown or current, rules.grade(shown or current, answers)

    def _replaced(
        self, quiz: QuizReference, answers: Sequence[Answer], revision_id: str | None, now: datetime
    ) -> Revision | None:
        """Return the replaced revision that was shown, None when none has the ids. Raise QuizChanged."""
        replaced = self._store.quizzes.replaced(quiz.lesson_id)
        if revision_id is not None:
            replaced = [each for each in replaced if each.id == revision_id]
        revisions = self._store.attempts.revisions(each.id for each in replaced)
        if revision_id is None:
            replaced = [each for each in replaced if rules.holds(revisions[each.id], answers)]
            if not replaced:
                return None
        if not replaced or not rules.still_grades(replaced[0], now):
            raise QuizChanged
        return revisions[replaced[0].id]

    def _remove_outdated(self, quiz: Quiz) -> None:
        self._store.quizzes.remove_replaced(quiz.lesson_id, rules.graded_since(quiz.updated_at))

    def _require_lesson_of(self, quiz: Quiz) -> None:
        try:
            self._require_lesson(quiz.event_id, quiz.lesson_id)
        except (EventNotFound, LessonNotFound):
            # The quiz of a deleted lesson counts as deleted, even if the follower has not removed its rows yet.
            raise QuizNotFound from None
