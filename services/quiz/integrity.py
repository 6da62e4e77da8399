"""The check of quiz's own rules, also those that only content can judge; the kit checks what the tables promise."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import peewee

from services.kit.core.errors import ServiceError
from services.kit.core.findings import NOT_CHECKED, WHOLE_TABLE, Finding, Progress, Violation, violation_findings
from services.kit.core.instants import Clock, now
from services.kit.maintenance.examination import Examination
from services.quiz import rules
from services.quiz.entities import Attempt, ContentChange, FeedHead, LessonReference, Revision
from services.quiz.errors import FeedPositionLost
from services.quiz.migrations import MIGRATIONS
from services.quiz.repository.inspection import QuizInspection, QuizReference

QUIZZES = "quizzes"
REVISIONS = "quiz_revisions"
ATTEMPTS = "quiz_attempts"
FEED_POSITION = "feed_position"
# What content answers at once.
REFERENCES_ASKED = 500


class Content(Protocol):
    """What is asked of content; raises a ServiceError when it does not answer."""

    def missing(self, lessons: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Those of the lessons that it does not have."""

    def feed(self) -> FeedHead:
        """Which feed it has, and how far that goes."""

    def changes(self, feed_id: str, after: int, limit: int) -> Sequence[ContentChange]:
        """The first changes behind `after`."""


def examination(samples: Mapping[str, LessonReference], content: Content, clock: Clock = now) -> Examination:
    """What there is to check of quiz; `samples` says where each sample belongs, by the seed's definitions."""

    def domain(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
        inspection = QuizInspection(database)
        yield from _quiz_findings(inspection, progress)
        yield from _misplaced_samples(inspection, samples)
        yield from _revision_findings(inspection)
        yield from _attempt_findings(inspection, progress)

    def between(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
        inspection = QuizInspection(database)
        try:
            yield from _lost_lessons(inspection, content)
            yield from violation_findings(FEED_POSITION, WHOLE_TABLE, _lag(inspection, content, clock))
        except ServiceError as error:
            message = f"whether their lessons exist, and are followed: content says: {error}"
            yield Finding(QUIZZES, WHOLE_TABLE, NOT_CHECKED, message)

    return Examination(MIGRATIONS, domain, between)


def _quiz_findings(inspection: QuizInspection, progress: Progress) -> Iterator[Finding]:
    progress.begin("quizzes", inspection.count_quizzes())
    for batch in inspection.quizzes():
        for quiz, revision in batch:
            yield from violation_findings(QUIZZES, quiz.id, rules.quiz_violations(quiz))
            if revision is not None:
                yield from violation_findings(QUIZZES, quiz.id, rules.revision_violations(quiz, revision))
        progress.advance(len(batch))


def _misplaced_samples(inspection: QuizInspection, samples: Mapping[str, LessonReference]) -> Iterator[Finding]:
    for each in inspection.samples(samples):
        there, sample = each.lesson, samples[each.quiz_id]
        if there != sample:
            message = f"the sample of this id is for the lesson {sample.lesson_id} of {sample.event_id}"
            message += f", this row for {there.lesson_id} of {there.event_id}"
            yield Finding(QUIZZES, each.quiz_id, "sample_place", message)


def _lag(inspection: QuizInspection, content: Content, clock: Clock) -> Iterator[Violation]:
    place = inspection.place()
    # Asked for after the place was read, which may have moved on since, content's feed is never behind it.
    head = content.feed()
    after = head.pruned_through
    if place is not None and place.feed_id == head.feed_id and after <= place.sequence <= head.last_sequence:
        after = place.sequence
    try:
        next_changes = content.changes(head.feed_id, after, 1)
    except FeedPositionLost:
        # Pruned, or replaced, between the two questions: whoever does not follow is found the next time.
        return
    yield from rules.place_violations(place, head, next_changes[0].occurred_at if next_changes else None, clock())


def _lost_lessons(inspection: QuizInspection, content: Content) -> Iterator[Finding]:
    for batch in inspection.references(REFERENCES_ASKED):
        missing = set(content.missing([each.lesson for each in batch]))
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
        yield from violation_findings(ATTEMPTS, attempt_id, rules.attempt_violations(attempt, revision))
