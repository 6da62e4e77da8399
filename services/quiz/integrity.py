"""The check of quiz's own rules; the kit checks the constraints of the tables."""

from collections.abc import Iterator, Sequence
from datetime import datetime
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
from services.quiz.repository.inspection import QuizInspection, QuizReference, StoredTitle

QUIZZES = "quizzes"
REVISIONS = "quiz_revisions"
ATTEMPTS = "quiz_attempts"
FEED_POSITION = "feed_position"
# The number of lessons in one request to content.
REFERENCES_AT_ONCE = 500


class Content(Protocol):
    """The requests of the check to content. They raise ServiceError when it does not respond."""

    def missing(self, lessons: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Return the lessons that content does not have."""

    def feed(self) -> FeedHead:
        """Return the feed's id and end."""

    def changes(self, feed_id: str, after: int, limit: int) -> Sequence[ContentChange]:
        """Return the first changes after the sequence `after`."""


def examination(content: Content, clock: Clock = now) -> Examination:
    """Return the examination of quiz's database."""

    def domain(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
        inspection = QuizInspection(database)
        yield from _quiz_findings(inspection, progress)
        yield from _revision_findings(inspection)
        yield from _attempt_findings(inspection, progress)

    def between(database: peewee.Database, progress: Progress) -> Iterator[Finding]:
        inspection = QuizInspection(database)
        yield from _form_findings(inspection)
        try:
            yield from _missing_lessons(inspection, content, clock())
            yield from violation_findings(FEED_POSITION, WHOLE_TABLE, _position_violations(inspection, content, clock))
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


def _position_violations(inspection: QuizInspection, content: Content, clock: Clock) -> Iterator[Violation]:
    position = inspection.position()
    # Read the feed's end after the position, so that it is never before it.
    head = content.feed()
    after = head.pruned_through
    if position is not None and position.feed_id == head.feed_id and after <= position.sequence <= head.last_sequence:
        after = position.sequence
    try:
        next_changes = content.changes(head.feed_id, after, 1)
    except FeedPositionLost:
        # The feed was pruned or replaced between the two requests: the next check finds a follower that lags.
        return
    next_change = next_changes[0].occurred_at if next_changes else None
    yield from rules.position_violations(position, head, next_change, clock())


def _missing_lessons(inspection: QuizInspection, content: Content, checked_at: datetime) -> Iterator[Finding]:
    for batch in inspection.references(REFERENCES_AT_ONCE):
        missing = set(content.missing([each.lesson for each in batch]))
        for each in batch:
            # The follower may have deleted the quiz since, right after its lesson.
            if each.lesson in missing and inspection.exists(each):
                yield _missing_lesson(inspection, each, checked_at)


def _missing_lesson(inspection: QuizInspection, reference: QuizReference, removed_at: datetime) -> Finding:
    def remove() -> str:
        inspection.remove_quiz(reference, removed_at)
        return "deleted it; its attempts stay"

    message = f"content has no lesson {reference.lesson.lesson_id} of the event {reference.lesson.event_id}"
    return Finding(QUIZZES, reference.quiz_id, "lesson_exists", message, remove)


def _form_findings(inspection: QuizInspection) -> Iterator[Finding]:
    for row in inspection.stale_forms():

        def renew(row: StoredTitle = row) -> str:
            inspection.renew_form(row)
            return "stored its normal form"

        message = "no search finds it, and by title it is in another place: the release before wrote it"
        yield Finding(QUIZZES, row.id, "search_form", message, renew)


def _revision_findings(inspection: QuizInspection) -> Iterator[Finding]:
    for unreadable in inspection.unreadable_revisions():
        for revision_id in unreadable:
            yield Finding(REVISIONS, revision_id, "revision_readable", "its questions cannot be read")
    for unused in inspection.unused_revisions():
        for revision_id in unused:
            yield _unused_revision(inspection, revision_id)


def _unused_revision(inspection: QuizInspection, revision_id: str) -> Finding:
    def remove() -> str:
        inspection.remove_revision(revision_id)
        return "deleted it"

    return Finding(REVISIONS, revision_id, "revision_used", "no quiz and no attempt points to it", remove)


def _attempt_findings(inspection: QuizInspection, progress: Progress) -> Iterator[Finding]:
    progress.begin("attempts", inspection.count_attempts())
    for batch in inspection.attempts():
        for attempt_id, attempt, revision in batch:
            yield from _attempt_violations(attempt_id, attempt, revision)
        progress.advance(len(batch))


def _attempt_violations(attempt_id: str, attempt: Attempt | None, revision: Revision | None) -> Iterator[Finding]:
    if attempt is None:
        yield Finding(ATTEMPTS, attempt_id, "attempt_readable", "its answers cannot be read")
    elif revision is not None:
        yield from violation_findings(ATTEMPTS, attempt_id, rules.attempt_violations(attempt, revision))
