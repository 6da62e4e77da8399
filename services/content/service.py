"""The use cases of content. One method is one transaction; what a learner reads is one statement per record kind.

What creates calls `keep` with its result before the transaction ends, so that both are kept, or neither.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import uuid_utils

from services.content import rules
from services.content.entities import (
    Access,
    Catalog,
    ChangeFeed,
    ChangePage,
    Event,
    EventAccess,
    FeedReader,
    Lesson,
    LessonReference,
    Material,
    OpenMaterials,
    Playback,
    Snapshot,
    Upload,
)
from services.content.errors import EventAccessDenied, EventNotFound, LessonAccessDenied
from services.content.repository.contracts import ContentStore, event_key, lesson_key, material_key
from services.kit.core.errors import Unavailable
from services.kit.core.instants import Clock, now
from services.kit.storage.idempotency import Keep, not_kept
from services.kit.web.entity_tags import ANY_STATE, IfMatch, require_match
from services.kit.web.pages import Page, PageRequest, page_of
from services.kit.web.tokens.grants import Grant

ShownGrant = Grant | Unavailable | None
"""The grant that came with a request, or why it cannot be verified now; one that is none counts as no grant."""


class ContentService:
    """What admins do to events, lessons and materials, and what learners see of them.

    Learners come to a private event with its key or with a grant in its place, which is good for the key that the
    event has then; `secret` is the services', under which grants name keys.
    """

    def __init__(self, store: ContentStore, secret: str, clock: Clock = now):
        self._store = store
        self._secret = secret
        self._clock = clock

    # Events

    def list_events(self, request: PageRequest) -> Page[Event]:
        """Every event, oldest first."""
        return page_of(self._store.events.list(request), request, event_key)

    def list_public_events(self, request: PageRequest) -> Page[Event]:
        """The active public events, oldest first."""
        return page_of(self._store.events.list(request, listed_only=True), request, event_key)

    def get_event(self, event_id: str) -> Event:
        """Raises EventNotFound."""
        return self._store.events.get(event_id)

    def create_event(self, fields: Mapping[str, Any], keep: Keep[Event] = not_kept) -> Event:
        """An event from the fields of schemas.NewEvent; raises EventSlugTaken."""
        created_at = self._clock()
        columns = {key: value for key, value in fields.items() if key != "description"}
        event = Event(
            **{**columns, **rules.descriptions(fields)},
            id=_new_id(),
            branding_provider=None,
            branding_prompt_version=None,
            branding_generated_at=None,
            created_at=created_at,
            updated_at=created_at,
        )
        with self._store.transaction():
            self._store.events.add(event)
            keep(event)
        return event

    def update_event(self, event_id: str, changes: Mapping[str, Any], states: IfMatch = ANY_STATE) -> Event:
        """The event after a partial update; raises EventNotFound, EventSlugTaken, PreconditionFailed."""
        with self._store.transaction():
            event = self._store.events.get(event_id, for_update=True)
            require_match(event, states)
            changed = rules.changed_event(event, changes, self._clock())
            self._store.events.save(changed)
        return changed

    def delete_event(self, event_id: str, states: IfMatch = ANY_STATE) -> None:
        """With its lessons and their materials; raises EventNotFound, PreconditionFailed."""
        with self._store.transaction():
            require_match(self._store.events.get(event_id, for_update=True), states)
            self._store.events.remove(event_id)

    # Lessons

    def list_lessons(self, event_id: str, request: PageRequest) -> Page[Lesson]:
        """The event's lessons by release; raises EventNotFound."""
        self._store.events.get(event_id)
        return page_of(self._store.lessons.list(event_id, request), request, lesson_key)

    def get_lesson(self, event_id: str, lesson_id: str) -> Lesson:
        """Raises EventNotFound, LessonNotFound."""
        self._store.events.get(event_id)
        return self._store.lessons.get(event_id, lesson_id)

    def create_lesson(self, event_id: str, fields: Mapping[str, Any], keep: Keep[Lesson] = not_kept) -> Lesson:
        """A lesson from the fields of schemas.NewLesson; raises EventNotFound, LessonSlugTaken, InvalidWindow."""
        created_at = self._clock()
        lesson = Lesson(**fields, id=_new_id(), event_id=event_id, created_at=created_at, updated_at=created_at)
        with self._store.transaction():
            self._store.events.get(event_id)
            rules.check_window(lesson.release_at, lesson.expires_at)
            self._store.lessons.add(lesson)
            keep(lesson)
        return lesson

    def update_lesson(
        self, event_id: str, lesson_id: str, changes: Mapping[str, Any], states: IfMatch = ANY_STATE
    ) -> Lesson:
        """After a partial update.

        Raises EventNotFound, LessonNotFound, LessonSlugTaken, InvalidWindow, PreconditionFailed.
        """
        with self._store.transaction():
            self._store.events.get(event_id)
            lesson = self._store.lessons.get(event_id, lesson_id, for_update=True)
            require_match(lesson, states)
            changed = rules.changed_lesson(lesson, changes, self._clock())
            self._store.lessons.save(changed)
        return changed

    def delete_lesson(self, event_id: str, lesson_id: str, states: IfMatch = ANY_STATE) -> None:
        """With its materials; raises EventNotFound, LessonNotFound, PreconditionFailed."""
        with self._store.transaction():
            self._store.events.get(event_id)
            require_match(self._store.lessons.get(event_id, lesson_id, for_update=True), states)
            self._store.lessons.remove(event_id, lesson_id)

    def snapshot(self) -> Snapshot:
        """Counts over the whole installation, now."""
        return Snapshot(self._store.events.count(), self._store.lessons.count_by_status(self._clock()))

    # Materials

    def list_materials(self, event_id: str, lesson_id: str, request: PageRequest) -> Page[Material]:
        """In order of upload; raises EventNotFound, LessonNotFound."""
        self.get_lesson(event_id, lesson_id)
        return page_of(self._store.materials.list(lesson_id, request), request, material_key)

    def add_materials(
        self, event_id: str, lesson_id: str, uploads: Sequence[Upload], keep: Keep[Sequence[Material]] = not_kept
    ) -> Sequence[Material]:
        """All of them, behind those that are there; raises EventNotFound, LessonNotFound."""
        with self._store.transaction():
            self._store.events.get(event_id)
            # Holding the lesson makes uploads at the same time take their positions one after the other.
            self._store.lessons.get(event_id, lesson_id, for_update=True)
            start = self._store.materials.last_position(lesson_id) + 1
            created_at = self._clock()
            materials = [
                Material(
                    id=_new_id(),
                    lesson_id=lesson_id,
                    file_name=upload.file_name,
                    mime_type=upload.mime_type,
                    size_bytes=upload.size_bytes,
                    download_url=upload.download_url,
                    position=position,
                    created_at=created_at,
                )
                for position, upload in enumerate(uploads, start)
            ]
            self._store.materials.add_all(materials)
            keep(materials)
        return materials

    def delete_material(self, event_id: str, lesson_id: str, material_id: str) -> None:
        """Raises EventNotFound, LessonNotFound, MaterialNotFound."""
        with self._store.transaction():
            self.get_lesson(event_id, lesson_id)
            self._store.materials.remove(lesson_id, material_id)

    # Learners

    def event_access(self, event_slug: str, access_key: str | None) -> EventAccess:
        """What a grant is to say for who shows the event's key; raises EventAccessDenied, for an unknown event too."""
        event: Event | None = None
        with suppress(EventNotFound):
            event = self._store.events.get_by_slug(event_slug)
        if not rules.opens_for(event, access_key) or event is None:
            raise _closed()
        return EventAccess(event.id, rules.fingerprint(event, self._secret))

    def catalog(self, event_slug: str, access_key: str | None, grant: ShownGrant = None) -> Catalog:
        """The event as a learner may see it; raises EventNotFound, EventAccessDenied, Unavailable."""
        event = self._store.events.get_by_slug(event_slug)
        if not self._lets_in(event, access_key, grant):
            raise _closed()
        return Catalog(event, self._store.lessons.list(event.id), self._clock())

    def check_access(
        self, event_slug: str, lesson_slug: str, access_key: str | None, grant: ShownGrant = None
    ) -> Access:
        """Whether the lesson opens for the key or the grant now; raises EventNotFound, LessonNotFound, Unavailable."""
        server_time = self._clock()
        event = self._store.events.get_by_slug(event_slug)
        if not self._lets_in(event, access_key, grant):
            # Judged before the lesson is looked up, so that a guess learns nothing of which lessons exist.
            return rules.blocked(server_time)
        lesson = self._store.lessons.get_by_slug(event.id, lesson_slug)
        return rules.access_to(lesson, server_time)

    def open_lesson(
        self, event_slug: str, lesson_slug: str, access_key: str | None, grant: ShownGrant = None
    ) -> Lesson:
        """The lesson, when it opens now; raises EventNotFound, LessonNotFound, LessonAccessDenied, Unavailable."""
        access = self.check_access(event_slug, lesson_slug, access_key, grant)
        if access.lesson is None or not access.authorized:
            raise LessonAccessDenied(access.status, rules.ACCESS_MESSAGES[access.status])
        return access.lesson

    def play(self, event_slug: str, lesson_slug: str, access_key: str | None, grant: ShownGrant = None) -> Playback:
        """What a player needs; raises as `open_lesson`."""
        lesson = self.open_lesson(event_slug, lesson_slug, access_key, grant)
        lessons = self._store.lessons.list(lesson.event_id)
        previous, following = rules.neighbours(lessons, lesson)
        return Playback(lesson, previous, following, self._clock())

    def open_materials(
        self, event_slug: str, lesson_slug: str, access_key: str | None, grant: ShownGrant = None
    ) -> OpenMaterials:
        """The lesson's materials, when it opens now; raises as `open_lesson`."""
        lesson = self.open_lesson(event_slug, lesson_slug, access_key, grant)
        return OpenMaterials(lesson, self._store.materials.list(lesson.id))

    # Followers

    def feed(self) -> tuple[ChangeFeed, Sequence[FeedReader]]:
        """How far the change feed goes, and how far each of its readers has come."""
        return self._store.changes.feed(), self._store.changes.readers()

    def read_changes(self, reader: str, feed_id: str | None, after: int, limit: int) -> ChangePage:
        """The changes behind `after`, everything up to which the reader has taken in; raises FeedPositionLost."""
        changes = self._store.changes.read(after, limit)
        # Looked at only now: had the feed been pruned between, changes would be missing unnoticed.
        feed = self._store.changes.feed()
        rules.check_position(feed, feed_id, after)
        if self._store.changes.acknowledge(reader, after):
            self._prune(feed)
        return ChangePage(feed, changes)

    def missing_lessons(self, references: Sequence[LessonReference]) -> Sequence[LessonReference]:
        """Those that name no lesson of that event."""
        there = set(self._store.lessons.existing(references))
        return [reference for reference in references if reference not in there]

    def present(self, event_ids: Sequence[str], lesson_ids: Sequence[str]) -> tuple[set[str], set[str]]:
        """Which of the events are there, and which of the lessons, of whatever event."""
        events = self._store.events.find(event_ids, ())
        lessons = self._store.lessons.find(lesson_ids, (), ())
        return {event.id for event in events}, {lesson.id for lesson in lessons}

    def _lets_in(self, event: Event, access_key: str | None, grant: ShownGrant) -> bool:
        if rules.opens_for(event, access_key):
            return True
        if isinstance(grant, Unavailable):
            # Only who needs the grant has to wait until it can be verified.
            raise grant
        return grant is not None and rules.opens_by_grant(event, grant, self._secret)

    def _prune(self, feed: ChangeFeed) -> None:
        first_kept = self._store.changes.first_since(self._clock() - rules.CHANGES_KEPT)
        through = rules.prunable_through(feed, self._store.changes.readers(), first_kept)
        if through > feed.pruned_through:
            with self._store.transaction():
                self._store.changes.prune(through)


def _closed() -> EventAccessDenied:
    return EventAccessDenied("blocked_private", rules.ACCESS_MESSAGES["blocked_private"])


def _new_id() -> str:
    # UUIDv7 (RFC 9562): in order of creation, so that indexes grow at their end.
    return str(uuid_utils.uuid7())
