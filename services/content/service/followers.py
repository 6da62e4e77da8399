"""The change feed, and what exists: for the services that follow content."""

from collections.abc import Sequence

from services.content import rules
from services.content.entities import ChangeFeed, ChangePage, FeedReader, LessonReference
from services.content.repository.contracts import ContentStore
from services.kit.core.instants import Clock


class Followers:
    """The use cases of the services that follow the change feed."""

    def __init__(self, store: ContentStore, clock: Clock):
        self._store = store
        self._clock = clock

    def feed(self) -> tuple[ChangeFeed, Sequence[FeedReader]]:
        """Return the extent of the change feed, and the position of each reader."""
        return self._store.changes.feed(), self._store.changes.readers()

    def read_changes(
        self, reader: str, feed_id: str | None, after: int, limit: int, *, register: bool = True
    ) -> ChangePage:
        """Return at most `limit` changes after `after`, the position up to which the reader has processed.

        Without `register` nothing is kept for a reader that is not registered yet. Raise FeedPositionLost.
        """
        changes = self._store.changes.read(after, limit)
        # Read the feed after the changes: pruning between the two reads would hide missing changes.
        feed = self._store.changes.feed()
        rules.check_position(feed, feed_id, after)
        if self._store.changes.acknowledge(reader, after, register=register):
            self._prune(feed)
        return ChangePage(feed, changes)

    def missing_lessons(self, references: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Return the references that name no lesson of that event."""
        existing = set(self._store.lessons.existing(references))
        return [reference for reference in references if reference not in existing]

    def present(self, event_ids: Sequence[str], lesson_ids: Sequence[str]) -> tuple[set[str], set[str]]:
        """Return the ids of the events and of the lessons that exist; a lesson may be of any event."""
        events = self._store.events.find(event_ids, ())
        lessons = self._store.lessons.find(lesson_ids, (), ())
        return {event.id for event in events}, {lesson.id for lesson in lessons}

    def _prune(self, feed: ChangeFeed) -> None:
        first_kept = self._store.changes.first_since(self._clock() - rules.CHANGES_KEPT)
        through = rules.prunable_through(feed, self._store.changes.readers(), first_kept)
        if through > feed.pruned_through:
            with self._store.transaction():
                self._store.changes.prune(through)
