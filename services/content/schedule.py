"""What an admin should look at in the schedule of an event: pure functions over its lessons."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from services.content import rules
from services.content.entities import Lesson, ScheduleWarning

_NEVER = datetime.max.replace(tzinfo=UTC)


def schedule_warnings(lessons: Sequence[Lesson], at: datetime) -> list[ScheduleWarning]:
    """Return what looks wrong at this instant, and then what looks wrong in the whole schedule, in order of time.

    `lessons` are in order of release.
    """
    if not lessons:
        return [ScheduleWarning("no_lessons", "The event has no lessons", ())]
    sound = [each for each in lessons if each.expires_at is None or each.expires_at > each.release_at]
    return [*_nothing_open(lessons, at), *_closing_first(lessons), *_gaps_and_overlaps(sound)]


def _nothing_open(lessons: Sequence[Lesson], at: datetime) -> Iterator[ScheduleWarning]:
    statuses = {rules.lesson_status(each, at) for each in lessons}
    if "released" in statuses:
        return
    coming = next((each for each in lessons if each.release_at > at), None)
    if coming is None:
        yield ScheduleWarning("nothing_open", "No lesson is open then, and none opens later", ())
    else:
        message = "No lesson is open then; this one opens next"
        yield ScheduleWarning("nothing_open", message, (coming.id,), at, coming.release_at)


def _closing_first(lessons: Sequence[Lesson]) -> Iterator[ScheduleWarning]:
    for each in lessons:
        if each.expires_at is not None and each.expires_at <= each.release_at:
            message = "The lesson closes before it opens, so it never opens"
            yield ScheduleWarning("closes_before_opening", message, (each.id,), each.expires_at, each.release_at)


def _gaps_and_overlaps(lessons: Sequence[Lesson]) -> Iterator[ScheduleWarning]:
    """Compare each lesson with the one before it that closes last."""
    if not lessons:
        return
    last = lessons[0]
    for lesson in lessons[1:]:
        pair, closing = (last.id, lesson.id), last.expires_at
        if closing is not None and closing < lesson.release_at:
            message = "No lesson is open between these two"
            yield ScheduleWarning("gap", message, pair, closing, lesson.release_at)
        elif closing is not None and closing > lesson.release_at:
            message = "These two are open at the same time"
            until = min(closing, lesson.expires_at or _NEVER)
            yield ScheduleWarning("overlap", message, pair, lesson.release_at, until)
        last = max(last, lesson, key=_closing)


def _closing(lesson: Lesson) -> datetime:
    return lesson.expires_at or _NEVER
