"""The check of quiz's own rules, also those that only content can judge; the kit checks what the tables promise."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import peewee

from services.kit.errors import ServiceError
from services.kit.integrity import Examination, Finding, Progress, breaches
from services.kit.integrity.findings import NOT_CHECKED, WHOLE_TABLE
from services.quiz import rules
from services.quiz.entities import Attempt, LessonReference, Revision
from services.quiz.migrations import MIGRATIONS
from services.quiz.repository import QuizInspection, QuizReference

QUIZZES = "quizzes"
REVISIONS = "quiz_revisions"
ATTEMPTS = "quiz_attempts"
# What content answers at once.
REFERENCES_ASKED = 500

# Those of the lessons that content does not have; raises a ServiceError when content does not answer.
MissingLessons = Callable[[Sequence[LessonReference]], Sequence[LessonReference]]


def examination(samples: Mapping[str, LessonReference], missing_lessons: MissingLessons) -> Examination:
    """What there is to check of quiz; `samples` says where each sample belongs, by the seed's definitions."""

    def domain(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
        inspection = QuizInspection(database)
        yield from _quiz_findings(inspection, progress)
        yield from _misplaced_samples(inspection, samples)
        yield from _revision_findings(inspection)
        yield from _attempt_findings(inspection, progress)

    def between(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
        yield from _lost_lessons(QuizInspection(database), missing_lessons)

    return Examination(MIGRATIONS, domain, between)


def _quiz_findings(inspection: QuizInspection, progress: Progress) -> Iterator[Finding]:
    progress.begin("quizzes", inspection.count_quizzes())
    for batch in inspection.quizzes():
        for quiz, revision in batch:
            yield from breaches(QUIZZES, quiz.id, rules.quiz_breaches(quiz))
            if revision is not None:
                yield from breaches(QUIZZES, quiz.id, rules.revision_breaches(quiz, revision))
        progress.advance(len(batch))


def _misplaced_samples(inspection: QuizInspection, samples: Mapping[str, LessonReference]) -> Iterator[Finding]:
    for each in inspection.samples(samples):
        there, sample = each.lesson, samples[each.quiz_id]
        if there != sample:
            message = f"the sample of this id is for the lesson {sample.lesson_id} of {sample.event_id}"
            message += f", this row for {there.lesson_id} of {there.event_id}"
            yield Finding(QUIZZES, each.quiz_id, "sample_place", message)


def _lost_lessons(inspection: QuizInspection, missing_lessons: MissingLessons) -> Iterator[Finding]:
    for batch in inspection.references(REFERENCES_ASKED):
        try:
            missing = set(missing_lessons([each.lesson for each in batch]))
        except ServiceError as error:
            yield Finding(QUIZZES, WHOLE_TABLE, NOT_CHECKED, f"whether their lessons exist: content says: {error}")
            return
        for each in batch:
            # Whoever deletes a lesson has its quiz deleted right after.
            if each.lesson in missing and inspection.still_there(each):
                yield _lost_lesson(inspection, each)


def _lost_lesson(inspection: QuizInspection, reference: QuizReference) -> Finding:
    def remove() -> str:
        inspection.remove_quiz_of(reference)
        return "deleted it; its attempts stay"

    message = f"content has no lesson {reference.lesson.lesson_id} of the event {reference.lesson.event_id}"
    return Finding(QUIZZES, reference.quiz_id, "lesson_exists", message, remove)


def _revision_findings(inspection: QuizInspection) -> Iterator[Finding]:
    for unreadable in inspection.revisions_unreadable():
        for revision_id in unreadable:
            yield Finding(REVISIONS, revision_id, "revision_readable", "its questions cannot be read")
    for unused in inspection.revisions_unused():
        for revision_id in unused:
            yield _unused_revision(inspection, revision_id)


def _unused_revision(inspection: QuizInspection, revision_id: str) -> Finding:
    def forget() -> str:
        inspection.forget_revision(revision_id)
        return "deleted it"

    return Finding(REVISIONS, revision_id, "revision_used", "no quiz and no attempt points to it", forget)


def _attempt_findings(inspection: QuizInspection, progress: Progress) -> Iterator[Finding]:
    progress.begin("attempts", inspection.count_attempts())
    for batch in inspection.attempts():
        for attempt_id, attempt, revision in batch:
            yield from _judged_attempt(attempt_id, attempt, revision)
        progress.advance(len(batch))


def _judged_attempt(attempt_id: str, attempt: Attempt | None, revision: Revision | None) -> Iterator[Finding]:
    if attempt is None:
        yield Finding(ATTEMPTS, attempt_id, "attempt_readable", "its answers cannot be read")
    elif revision is not None:
        yield from breaches(ATTEMPTS, attempt_id, rules.attempt_breaches(attempt, revision))
