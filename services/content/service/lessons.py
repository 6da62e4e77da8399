"""The lessons of an event: an admin lists, creates, changes and deletes them."""

from collections.abc import Callable

from services.content import rules
from services.content.entities import Lesson, LessonChanges, LessonFields, LessonFilter
from services.content.repository.contracts import ANY_LESSON, LESSON_ORDERS, ContentStore
from services.kit.core.ids import new_id
from services.kit.core.instants import Clock
from services.kit.core.records import values_of
from services.kit.storage.idempotency import Keep, keep_nothing
from services.kit.web.entity_tags import ANY_STATE, IfMatch, require_match
from services.kit.web.pages import Page, PageRequest, page_of


class Lessons:
    """The use cases of lessons."""

    def __init__(self, store: ContentStore, clock: Clock):
        self._store = store
        self._clock = clock

    def list(self, event_id: str, request: PageRequest, which: LessonFilter = ANY_LESSON) -> Page[Lesson]:
        """Return the lessons of an event that match, or a page of them. Raise EventNotFound."""
        self._store.events.get(event_id)
        return page_of(self._store.lessons.list(event_id, request, which), request, LESSON_ORDERS)

    def get(self, event_id: str, lesson_id: str) -> Lesson:
        """Return the lesson. Raise EventNotFound, LessonNotFound."""
        self._store.events.get(event_id)
        return self._store.lessons.get(event_id, lesson_id)

    def create(self, event_id: str, fields: LessonFields, keep: Keep[Lesson] = keep_nothing) -> Lesson:
        """Create a lesson. Raise EventNotFound, LessonSlugTaken, InvalidWindow."""
        created_at = self._clock()
        lesson = Lesson(
            **values_of(fields), id=new_id(), event_id=event_id, created_at=created_at, updated_at=created_at
        )
        with self._store.transaction():
            self._store.events.get(event_id)
            rules.check_window(lesson.release_at, lesson.expires_at)
            self._store.lessons.add(lesson)
            keep(lesson)
        return lesson

    def update(
        self,
        event_id: str,
        lesson_id: str,
        changes_of: Callable[[Lesson], LessonChanges],
        states: IfMatch = ANY_STATE,
    ) -> Lesson:
        """Change some fields of a lesson; `changes_of` returns the changes to the stored one.

        Raise EventNotFound, LessonNotFound, LessonSlugTaken, InvalidWindow, PreconditionFailed, or as `changes_of`
        does.
        """
        with self._store.transaction():
            self._store.events.get(event_id)
            lesson = self._store.lessons.get(event_id, lesson_id, for_update=True)
            require_match(lesson, states)
            changed = rules.changed_lesson(lesson, changes_of(lesson), self._clock())
            self._store.lessons.save(changed)
        return changed

    def delete(self, event_id: str, lesson_id: str, states: IfMatch = ANY_STATE) -> None:
        """Delete a lesson with its materials. Raise EventNotFound, LessonNotFound, PreconditionFailed."""
        with self._store.transaction():
            self._store.events.get(event_id)
            require_match(self._store.lessons.get(event_id, lesson_id, for_update=True), states)
            self._store.lessons.remove(event_id, lesson_id)
