"""The use cases of content. One method is one transaction; a learner's read is one statement for each kind of record.

A use case that creates something calls `keep` with its result before the transaction ends, so that the idempotent
response and the records are committed together.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import uuid_utils

from services.content import rules
from services.content.calendar import event_calendar
from services.content.entities import (
    Access,
    AccessPreview,
    Branding,
    Catalog,
    ChangeFeed,
    ChangePage,
    Event,
    EventAccess,
    EventChanges,
    EventFields,
    EventFilter,
    FeedReader,
    Lesson,
    LessonChanges,
    LessonFields,
    LessonFilter,
    LessonReference,
    Material,
    OpenMaterials,
    Playback,
    Snapshot,
    Upload,
)
from services.content.errors import EventAccessDenied, EventChanged, EventNotFound, LessonAccessDenied
from services.content.repository.contracts import (
    ANY_EVENT,
    ANY_LESSON,
    EVENT_ORDERS,
    LESSON_ORDERS,
    MATERIAL_ORDERS,
    ContentStore,
)
from services.content.schedule import schedule_warnings
from services.kit.core.errors import Unavailable
from services.kit.core.instants import Clock, now, to_milliseconds
from services.kit.core.records import values_of
from services.kit.storage.idempotency import Keep, keep_nothing
from services.kit.web.entity_tags import ANY_STATE, IfMatch, entity_tag, require_match
from services.kit.web.freshness import Freshness, Version
from services.kit.web.judgements import Judgement, KeyJudgement, PresentAddress
from services.kit.web.pages import Page, PageRequest, page_of
from services.kit.web.tokens.grants import Grant

PresentedGrant = Grant | Unavailable | None
"""The grant of a request, or the reason why it cannot be verified now; an invalid grant counts as none."""

Tell = Callable[[Judgement, Freshness | None], object]
"""Gets the judgement of a learner's request before the use case returns or raises, and again with the lesson.

With it comes how long the response may be repeated, None where it may not.
"""


def tell_nobody(_judgement: Judgement, _freshness: Freshness | None) -> None:
    """Keep the judgement to oneself."""


class _Checked(NamedTuple):
    access: Access
    version: Version
    judgement: Judgement


class ContentService:
    """The use cases of admins, of learners and of the services that follow the change feed.

    A private event opens with its key, or with a grant that was given for its present key. `secret` is the secret that
    the services share: fingerprints of keys are made with it. `rendering` names what responses depend on besides the
    rows: the release and its settings.
    """

    def __init__(self, store: ContentStore, secret: str, clock: Clock = now, rendering: str = ""):
        self._store = store
        self._secret = secret
        self._clock = clock
        self._rendering = rendering

    # Events

    def list_events(self, request: PageRequest, which: EventFilter = ANY_EVENT) -> Page[Event]:
        """Return the events that match, or a page of them."""
        return page_of(self._store.events.list(request, which), request, EVENT_ORDERS)

    def list_public_events(self, request: PageRequest, q: str | None = None) -> Page[Event]:
        """Return the active public events with `q` in their title or slug, or a page of them."""
        return self.list_events(request, EventFilter(is_active=True, visibility="public", q=q))

    def get_event(self, event_id: str) -> Event:
        """Return the event. Raise EventNotFound."""
        return self._store.events.get(event_id)

    def preview_access(self, event_id: str, at: datetime | None = None) -> AccessPreview:
        """Return what a learner would meet at that instant, now without one. Raise EventNotFound."""
        event, lessons = self._store.events.get(event_id), self._store.lessons.list(event_id)
        at = at or self._clock()
        return AccessPreview(event, lessons, schedule_warnings(lessons, at), at)

    def create_event(self, fields: EventFields, keep: Keep[Event] = keep_nothing) -> Event:
        """Create an event. Raise EventSlugTaken."""
        created_at = self._clock()
        event = Event(
            **values_of(fields),
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

    def update_event(
        self, event_id: str, changes_of: Callable[[Event], EventChanges], states: IfMatch = ANY_STATE
    ) -> Event:
        """Change some fields of an event; `changes_of` returns the changes to the stored one.

        Raise EventNotFound, EventSlugTaken, PreconditionFailed, or as `changes_of` does.
        """
        with self._store.transaction():
            event = self._store.events.get(event_id, for_update=True)
            require_match(event, states)
            changed = rules.changed_event(event, changes_of(event), self._clock())
            self._store.events.save(changed)
            self._remember_replaced_key(event, changed)
        return changed

    def brand_event(self, read: Event, branding: Branding, keep: Keep[Event] = keep_nothing) -> Event:
        """Write a generated look to an event, unless it has changed since it was read.

        Raise EventNotFound, EventChanged.
        """
        with self._store.transaction():
            event = self._store.events.get(read.id, for_update=True)
            if entity_tag(event) != entity_tag(read):
                raise EventChanged
            branded = rules.branded_event(event, branding, self._clock())
            self._store.events.save(branded)
            keep(branded)
        return branded

    def delete_event(self, event_id: str, states: IfMatch = ANY_STATE) -> None:
        """Delete an event with its lessons and their materials. Raise EventNotFound, PreconditionFailed."""
        with self._store.transaction():
            require_match(self._store.events.get(event_id, for_update=True), states)
            self._store.events.remove(event_id)

    # Lessons

    def list_lessons(self, event_id: str, request: PageRequest, which: LessonFilter = ANY_LESSON) -> Page[Lesson]:
        """Return the lessons of an event that match, or a page of them. Raise EventNotFound."""
        self._store.events.get(event_id)
        return page_of(self._store.lessons.list(event_id, request, which), request, LESSON_ORDERS)

    def get_lesson(self, event_id: str, lesson_id: str) -> Lesson:
        """Return the lesson. Raise EventNotFound, LessonNotFound."""
        self._store.events.get(event_id)
        return self._store.lessons.get(event_id, lesson_id)

    def create_lesson(self, event_id: str, fields: LessonFields, keep: Keep[Lesson] = keep_nothing) -> Lesson:
        """Create a lesson. Raise EventNotFound, LessonSlugTaken, InvalidWindow."""
        created_at = self._clock()
        lesson = Lesson(
            **values_of(fields), id=_new_id(), event_id=event_id, created_at=created_at, updated_at=created_at
        )
        with self._store.transaction():
            self._store.events.get(event_id)
            rules.check_window(lesson.release_at, lesson.expires_at)
            self._store.lessons.add(lesson)
            keep(lesson)
        return lesson

    def update_lesson(
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

    def delete_lesson(self, event_id: str, lesson_id: str, states: IfMatch = ANY_STATE) -> None:
        """Delete a lesson with its materials. Raise EventNotFound, LessonNotFound, PreconditionFailed."""
        with self._store.transaction():
            self._store.events.get(event_id)
            require_match(self._store.lessons.get(event_id, lesson_id, for_update=True), states)
            self._store.lessons.remove(event_id, lesson_id)

    def snapshot(self) -> Snapshot:
        """Return the counts of the whole installation, now."""
        return Snapshot(self._store.events.count(), self._store.lessons.count_by_status(self._clock()))

    # Materials

    def list_materials(self, event_id: str, lesson_id: str, request: PageRequest) -> Page[Material]:
        """Return the materials of a lesson, or a page of them, in order of upload.

        Raise EventNotFound, LessonNotFound.
        """
        self.get_lesson(event_id, lesson_id)
        return page_of(self._store.materials.list(lesson_id, request), request, MATERIAL_ORDERS)

    def add_materials(
        self, event_id: str, lesson_id: str, uploads: Sequence[Upload], keep: Keep[Sequence[Material]] = keep_nothing
    ) -> Sequence[Material]:
        """Attach all files after the present ones. Raise EventNotFound, LessonNotFound."""
        with self._store.transaction():
            self._store.events.get(event_id)
            # Lock the lesson: concurrent uploads take their positions one after the other.
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
        """Detach one file. Raise EventNotFound, LessonNotFound, MaterialNotFound."""
        with self._store.transaction():
            self.get_lesson(event_id, lesson_id)
            self._store.materials.remove(lesson_id, material_id)

    # Learners

    def event_access(self, event_slug: str, access_key: str | None, tell: Tell = tell_nobody) -> EventAccess:
        """Return the content of a grant for this key. Raise EventAccessDenied, for an unknown event too."""
        # At once: an unknown event costs as many statements as a known one.
        event = self._find_event(event_slug, at_once=True)
        judgement = self._judgement(event, access_key, None)
        tell(judgement, None)
        if not judgement.opened or event is None:
            raise _access_denied()
        return EventAccess(event.id, rules.fingerprint(event, self._secret))

    def version(self) -> Version:
        """Return the state of the records now. Every write changes it in its own transaction."""
        return self._version_at(self._clock())

    def catalog(
        self, event_slug: str, access_key: str | None, grant: PresentedGrant = None, tell: Tell = tell_nobody
    ) -> Catalog:
        """Return the event with its lessons. Raise EventNotFound, EventAccessDenied, Unavailable."""
        server_time = self._clock()
        version = self._version_at(server_time)
        event, judgement = self._judged_event(event_slug, access_key, grant, tell, version)
        if not judgement.opened:
            raise _access_denied()
        lessons = self._store.lessons.list(event.id)
        judgement = replace(judgement, present_address=_present_address(event, event_slug))
        tell(judgement, _freshness(version, rules.steady_between(lessons, server_time)))
        return Catalog(event, lessons, server_time)

    def calendar(self, event_slug: str, tell: Tell = tell_nobody) -> str:
        """Return the public event's lessons as an iCalendar. Raise EventNotFound, for a private event too."""
        version = self._version_at(self._clock())
        event, judgement = self._judged_event(event_slug, None, None, tell, version)
        if not judgement.opened:
            # Calendar programs send no token.
            raise EventNotFound
        tell(replace(judgement, present_address=_present_address(event, event_slug)), Freshness(version))
        return event_calendar(event, self._store.lessons.list(event.id))

    def check_access(
        self,
        event_slug: str,
        lesson_slug: str,
        access_key: str | None,
        grant: PresentedGrant = None,
        tell: Tell = tell_nobody,
    ) -> Access:
        """Decide whether the lesson opens now. Raise EventNotFound, LessonNotFound, Unavailable."""
        return self._checked(event_slug, lesson_slug, access_key, grant, tell).access

    def open_lesson(
        self,
        event_slug: str,
        lesson_slug: str,
        access_key: str | None,
        grant: PresentedGrant = None,
        tell: Tell = tell_nobody,
    ) -> Lesson:
        """Return the lesson. Raise EventNotFound, LessonNotFound, LessonAccessDenied, Unavailable."""
        return self._opened(event_slug, lesson_slug, access_key, grant, tell)[0]

    def play(
        self,
        event_slug: str,
        lesson_slug: str,
        access_key: str | None,
        grant: PresentedGrant = None,
        tell: Tell = tell_nobody,
    ) -> Playback:
        """Return the lesson and its neighbours. Raise as `open_lesson`."""
        lesson, checked = self._opened(event_slug, lesson_slug, access_key, grant, tell)
        lessons = self._store.lessons.list(lesson.event_id)
        previous, following = rules.neighbours(lessons, lesson)
        shown = [each for each in (previous, lesson, following) if each is not None]
        server_time = checked.access.server_time
        tell(checked.judgement, _freshness(checked.version, rules.steady_between(shown, server_time)))
        return Playback(lesson, previous, following, server_time)

    def open_materials(
        self,
        event_slug: str,
        lesson_slug: str,
        access_key: str | None,
        grant: PresentedGrant = None,
        tell: Tell = tell_nobody,
    ) -> OpenMaterials:
        """Return the materials of the lesson. Raise as `open_lesson`."""
        lesson, _checked = self._opened(event_slug, lesson_slug, access_key, grant, tell)
        return OpenMaterials(lesson, self._store.materials.list(lesson.id))

    # Followers

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

    def _find_event(self, event_slug: str, *, at_once: bool = False) -> Event | None:
        with suppress(EventNotFound):
            return self._store.events.get_by_slug(event_slug, at_once=at_once)
        return None

    def _opened(
        self, event_slug: str, lesson_slug: str, access_key: str | None, grant: PresentedGrant, tell: Tell
    ) -> tuple[Lesson, _Checked]:
        checked = self._checked(event_slug, lesson_slug, access_key, grant, tell)
        access, lesson = checked.access, checked.access.lesson
        if lesson is None:
            raise _lesson_access_denied(access)
        tell(checked.judgement, _freshness(checked.version, rules.steady_between([lesson], access.server_time)))
        if not access.authorized:
            raise _lesson_access_denied(access)
        return lesson, checked

    def _checked(
        self, event_slug: str, lesson_slug: str, access_key: str | None, grant: PresentedGrant, tell: Tell
    ) -> _Checked:
        server_time = self._clock()
        # Before any record is read: a later state has another version.
        version = self._version_at(server_time)
        event, judgement = self._judged_event(event_slug, access_key, grant, tell, version)
        if not judgement.opened:
            # Do not look up the lesson: a guess must not reveal which lessons exist.
            return _Checked(Access("blocked_private", None, server_time), version, judgement)
        lesson = self._store.lessons.get_by_slug(event.id, lesson_slug)
        address = _present_address(event, event_slug, lesson, lesson_slug)
        judgement = replace(judgement, lesson_id=lesson.id, present_address=address)
        tell(judgement, _freshness(version, rules.counting_between(lesson, server_time)))
        return _Checked(Access(rules.lesson_status(lesson, server_time), lesson, server_time), version, judgement)

    def _version_at(self, server_time: datetime) -> Version:
        feed = self._store.changes.feed()
        return Version(f"{feed.feed_id} {feed.last_sequence} {self._rendering}", to_milliseconds(server_time))

    def _judged_event(
        self, event_slug: str, access_key: str | None, grant: PresentedGrant, tell: Tell, version: Version
    ) -> tuple[Event, Judgement]:
        event = self._find_event(event_slug)
        judgement = self._judgement(event, access_key, grant)
        tell(judgement, Freshness(version))
        if not judgement.opened and isinstance(grant, Unavailable):
            # The key did not open the event, so the learner needs the grant.
            raise grant
        if event is None or (not judgement.opened and rules.is_former_event_slug(event_slug, event)):
            # To outsiders a former slug of a private event is as an unknown one.
            raise EventNotFound
        return event, judgement

    def _judgement(self, event: Event | None, access_key: str | None, grant: PresentedGrant) -> Judgement:
        if event is not None and self._opens_without_key(event, grant):
            return Judgement(event.id, opened=True, is_public=event.visibility == "public")
        opened = rules.opens_for(event, access_key)
        key = None if access_key is None else self._judged_key(event, access_key, opened)
        return Judgement(None if event is None else event.id, opened, key)

    def _opens_without_key(self, event: Event, grant: PresentedGrant) -> bool:
        by_grant = isinstance(grant, Grant) and rules.opens_by_grant(event, grant, self._secret)
        return by_grant or event.visibility == "public"

    def _judged_key(self, event: Event | None, access_key: str, is_right: bool) -> KeyJudgement:
        event_id, present = ("", "") if event is None else (event.id, rules.fingerprint(event, self._secret))
        digest = rules.key_digest(event_id, access_key, self._secret)
        if is_right:
            return KeyJudgement("right", digest, present)
        # Look it up without an event too: the exchange takes as long for an unknown event as for a known one.
        is_stale = self._store.replaced_keys.has(digest, self._clock() - rules.STALE_FOR)
        return KeyJudgement("stale" if is_stale else "wrong", digest, present)

    def _remember_replaced_key(self, before: Event, after: Event) -> None:
        key = rules.replaced_key(before, after)
        if key is not None:
            self._store.replaced_keys.prune(after.updated_at - rules.STALE_FOR)
            self._store.replaced_keys.add(rules.key_digest(before.id, key, self._secret), after.updated_at)

    def _prune(self, feed: ChangeFeed) -> None:
        first_kept = self._store.changes.first_since(self._clock() - rules.CHANGES_KEPT)
        through = rules.prunable_through(feed, self._store.changes.readers(), first_kept)
        if through > feed.pruned_through:
            with self._store.transaction():
                self._store.changes.prune(through)


def _present_address(
    event: Event, event_slug: str, lesson: Lesson | None = None, lesson_slug: str = ""
) -> PresentAddress | None:
    """Return the slugs of what these slugs have found, None unless one of them is a former one."""
    if rules.is_former_event_slug(event_slug, event):
        return PresentAddress(event.slug, None if lesson is None else lesson.slug)
    if lesson is not None and rules.is_former_lesson_slug(lesson_slug, lesson):
        return PresentAddress(event.slug, lesson.slug)
    return None


def _access_denied() -> EventAccessDenied:
    return EventAccessDenied("blocked_private", rules.ACCESS_MESSAGES["blocked_private"])


def _lesson_access_denied(access: Access) -> LessonAccessDenied:
    return LessonAccessDenied(access.status, rules.ACCESS_MESSAGES[access.status])


def _freshness(version: Version, interval: rules.Interval) -> Freshness:
    since, until = (None if each is None else to_milliseconds(each) for each in interval)
    return Freshness(version, since, until)


def _new_id() -> str:
    # UUIDv7 (RFC 9562): in order of creation, so that indexes grow at their end.
    return str(uuid_utils.uuid7())
