"""Events: an admin lists, creates, changes, brands and deletes them."""

from collections.abc import Callable
from datetime import datetime

from services.content import rules
from services.content.entities import AccessPreview, Branding, Event, EventChanges, EventFields, EventFilter
from services.content.errors import EventChanged
from services.content.repository.contracts import ANY_EVENT, EVENT_ORDERS, ContentStore
from services.content.schedule import schedule_warnings
from services.kit.core.ids import new_id
from services.kit.core.instants import Clock
from services.kit.core.records import values_of
from services.kit.storage.idempotency import Keep, keep_nothing
from services.kit.web.entity_tags import ANY_STATE, IfMatch, entity_tag, require_match
from services.kit.web.pages import Page, PageRequest, page_of


class Events:
    """The use cases of events. `secret` makes the digests of replaced access keys."""

    def __init__(self, store: ContentStore, secret: str, clock: Clock):
        self._store = store
        self._secret = secret
        self._clock = clock

    def list(self, request: PageRequest, which: EventFilter = ANY_EVENT) -> Page[Event]:
        """Return the events that match, or a page of them."""
        return page_of(self._store.events.list(request, which), request, EVENT_ORDERS)

    def list_public(self, request: PageRequest, q: str | None = None) -> Page[Event]:
        """Return the active public events with `q` in their title or slug, or a page of them."""
        return self.list(request, EventFilter(is_active=True, visibility="public", q=q))

    def get(self, event_id: str) -> Event:
        """Return the event. Raise EventNotFound."""
        return self._store.events.get(event_id)

    def preview_access(self, event_id: str, at: datetime | None = None) -> AccessPreview:
        """Return what a learner would meet at that instant, now without one. Raise EventNotFound."""
        event, lessons = self._store.events.get(event_id), self._store.lessons.list(event_id)
        at = at or self._clock()
        return AccessPreview(event, lessons, schedule_warnings(lessons, at), at)

    def create(self, fields: EventFields, keep: Keep[Event] = keep_nothing) -> Event:
        """Create an event. Raise EventSlugTaken."""
        created_at = self._clock()
        event = Event(
            **values_of(fields),
            id=new_id(),
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

    def update(self, event_id: str, changes_of: Callable[[Event], EventChanges], states: IfMatch = ANY_STATE) -> Event:
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

    def brand(self, read: Event, branding: Branding, keep: Keep[Event] = keep_nothing) -> Event:
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

    def delete(self, event_id: str, states: IfMatch = ANY_STATE) -> None:
        """Delete an event with its lessons and their materials. Raise EventNotFound, PreconditionFailed."""
        with self._store.transaction():
            require_match(self._store.events.get(event_id, for_update=True), states)
            self._store.events.remove(event_id)

    def _remember_replaced_key(self, before: Event, after: Event) -> None:
        key = rules.replaced_key(before, after)
        if key is not None:
            self._store.replaced_keys.prune(after.updated_at - rules.STALE_FOR)
            self._store.replaced_keys.add(rules.key_digest(before.id, key, self._secret), after.updated_at)
