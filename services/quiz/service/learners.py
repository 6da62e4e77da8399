"""A lesson's quiz for learners: it is shown, and their answers are graded by the version that was shown."""

from collections.abc import Sequence
from datetime import datetime

from services.kit.core.errors import ServiceError
from services.kit.core.ids import new_id
from services.kit.core.instants import Clock, to_milliseconds
from services.kit.storage.idempotency import Keep, keep_nothing
from services.kit.web.freshness import Version
from services.quiz import rules
from services.quiz.entities import Answer, Answers, Attempt, Grade, Quiz, QuizReference, Revision, Submission
from services.quiz.errors import InvalidAttempt, QuizChanged
from services.quiz.repository.contracts import QuizStore


class Learners:
    """The use cases of learners to whom content has opened the lesson."""

    def __init__(self, store: QuizStore, clock: Clock, rendering: str):
        self._store = store
        self._clock = clock
        self._rendering = rendering

    def quiz(self, lesson_id: str) -> Quiz:
        """Return the lesson's quiz. Raise QuizNotFound."""
        return self._store.quizzes.get_by_lesson(lesson_id)

    def version(self, lesson_id: str) -> Version:
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
        """Submit several in the caller's transaction; return the error of one in its place.

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
        # No version has all these ids: grading by the current one names the id that does not fit.
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
