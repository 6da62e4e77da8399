"""Content without HTTP: its own use cases over any store."""

from collections.abc import Sequence

from services.content import entities, errors
from services.content.repository.contracts import ContentStore
from services.content.service.content import ContentService
from services.kit.core.instants import Clock, now
from services.quiz.entities import ContentChange, ContentKey, FeedHead, LessonReference
from services.quiz.errors import EventNotFound, FeedPositionLost, LessonNotFound
from tests.content.examples import SECRET


class ContentInProcess:
    """As services.quiz.content.Content, without waiting; `at_once` bounds the changes of one page."""

    def __init__(self, store: ContentStore, clock: Clock = now, at_once: int = 1000):
        self.service = ContentService(store, SECRET, clock)
        self.at_once = at_once

    def require_lesson(self, event_id: str, lesson_id: str) -> None:
        try:
            self.service.lessons.get(event_id, lesson_id)
        except errors.EventNotFound:
            raise EventNotFound from None
        except errors.LessonNotFound:
            raise LessonNotFound from None

    def feed(self) -> FeedHead:
        feed, _ = self.service.followers.feed()
        return FeedHead(feed.feed_id, feed.last_sequence, feed.pruned_through)

    def changes(self, feed_id: str, after: int, limit: int, wait_seconds: int = 0) -> Sequence[ContentChange]:
        try:
            page = self.service.followers.read_changes("quiz", feed_id, after, min(limit, self.at_once))
        except errors.FeedPositionLost:
            raise FeedPositionLost from None
        return [
            ContentChange(each.sequence, each.kind, each.action, each.event_id, each.lesson_id, each.occurred_at)
            for each in page.changes
        ]

    def missing(self, lessons: Sequence[LessonReference]) -> Sequence[LessonReference]:
        references = [entities.LessonReference(each.event_id, each.lesson_id) for each in lessons]
        missing = self.service.followers.missing_lessons(references)
        return [LessonReference(each.event_id, each.lesson_id) for each in missing]

    def present(self, keys: Sequence[ContentKey]) -> set[ContentKey]:
        events, lessons = self.service.followers.present(
            [each.id for each in keys if each.kind == "event"], [each.id for each in keys if each.kind == "lesson"]
        )
        return {ContentKey("event", each) for each in events} | {ContentKey("lesson", each) for each in lessons}
