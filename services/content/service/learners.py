"""Learners' reads: whether an event and a lesson open now, and what they show.

Each reports its judgement of the request before it answers or refuses: the gateway needs that of a refusal too.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from services.content import rules
from services.content.calendar import event_calendar
from services.content.entities import Access, Catalog, Event, EventAccess, Lesson, OpenMaterials, Playback
from services.content.errors import EventAccessDenied, EventNotFound, LessonAccessDenied
from services.content.repository.contracts import ContentStore
from services.kit.core.errors import Unavailable
from services.kit.core.instants import Clock, to_milliseconds
from services.kit.web.freshness import Freshness, Version
from services.kit.web.judgements import Judgement, KeyJudgement, PresentAddress
from services.kit.web.tokens.grants import Grant

PresentedGrant = Grant | Unavailable | None
"""The grant of a request, or the reason why it cannot be verified now; an invalid grant counts as none."""

Report = Callable[[Judgement, Freshness | None], object]
"""Takes the judgement of a request, and how long the response may be repeated: None where it may not.

A use case calls it before it returns or raises, and again when it knows more: the last call holds.
"""


def report_nothing(_judgement: Judgement, _freshness: Freshness | None) -> None:
    """Do nothing with the judgement."""


class Visitor(NamedTuple):
    """What a learner presents to be let in, and what takes the judgement of it."""

    access_key: str | None = None
    grant: PresentedGrant = None
    report: Report = report_nothing


class _Checked(NamedTuple):
    access: Access
    version: Version
    judgement: Judgement


class Learners:
    """The use cases of learners. A private event opens with its key, or with a grant for its present key."""

    def __init__(self, store: ContentStore, secret: str, clock: Clock, rendering: str):
        self._store = store
        self._secret = secret
        self._clock = clock
        self._rendering = rendering

    def event_access(self, event_slug: str, access_key: str | None, report: Report = report_nothing) -> EventAccess:
        """Return the content of a grant for this key. Raise EventAccessDenied, for an unknown event too."""
        # At once: an unknown event costs as many statements as a known one.
        event = self._find_event(event_slug, at_once=True)
        judgement = self._judgement(event, access_key, None)
        report(judgement, None)
        if not judgement.opened or event is None:
            raise _access_denied()
        return EventAccess(event.id, rules.fingerprint(event, self._secret))

    def version(self) -> Version:
        """Return the state of the records now. Every write changes it in its own transaction."""
        return self._version_at(self._clock())

    def catalog(self, event_slug: str, visitor: Visitor) -> Catalog:
        """Return the event with its lessons. Raise EventNotFound, EventAccessDenied, Unavailable."""
        server_time = self._clock()
        version = self._version_at(server_time)
        event, judgement = self._judged_event(event_slug, visitor, version)
        if not judgement.opened:
            raise _access_denied()
        lessons = self._store.lessons.list(event.id)
        judgement = replace(judgement, present_address=_present_address(event, event_slug))
        visitor.report(judgement, _freshness(version, rules.steady_between(lessons, server_time)))
        return Catalog(event, lessons, server_time)

    def calendar(self, event_slug: str, report: Report = report_nothing) -> str:
        """Return the public event's lessons as an iCalendar. Raise EventNotFound, for a private event too."""
        version = self._version_at(self._clock())
        event, judgement = self._judged_event(event_slug, Visitor(report=report), version)
        if not judgement.opened:
            # Calendar programs send no token.
            raise EventNotFound
        report(replace(judgement, present_address=_present_address(event, event_slug)), Freshness(version))
        return event_calendar(event, self._store.lessons.list(event.id))

    def check_access(self, event_slug: str, lesson_slug: str, visitor: Visitor) -> Access:
        """Decide whether the lesson opens now. Raise EventNotFound, LessonNotFound, Unavailable."""
        return self._checked(event_slug, lesson_slug, visitor).access

    def open_lesson(self, event_slug: str, lesson_slug: str, visitor: Visitor) -> Lesson:
        """Return the lesson. Raise EventNotFound, LessonNotFound, LessonAccessDenied, Unavailable."""
        return self._opened(event_slug, lesson_slug, visitor)[0]

    def play(self, event_slug: str, lesson_slug: str, visitor: Visitor) -> Playback:
        """Return the lesson and its neighbours. Raise as `open_lesson`."""
        lesson, checked = self._opened(event_slug, lesson_slug, visitor)
        lessons = self._store.lessons.list(lesson.event_id)
        previous, following = rules.neighbours(lessons, lesson)
        shown = [each for each in (previous, lesson, following) if each is not None]
        server_time = checked.access.server_time
        visitor.report(checked.judgement, _freshness(checked.version, rules.steady_between(shown, server_time)))
        return Playback(lesson, previous, following, server_time)

    def open_materials(self, event_slug: str, lesson_slug: str, visitor: Visitor) -> OpenMaterials:
        """Return the materials of the lesson. Raise as `open_lesson`."""
        lesson, _checked = self._opened(event_slug, lesson_slug, visitor)
        return OpenMaterials(lesson, self._store.materials.list(lesson.id))

    def _find_event(self, event_slug: str, *, at_once: bool = False) -> Event | None:
        with suppress(EventNotFound):
            return self._store.events.get_by_slug(event_slug, at_once=at_once)
        return None

    def _opened(self, event_slug: str, lesson_slug: str, visitor: Visitor) -> tuple[Lesson, _Checked]:
        checked = self._checked(event_slug, lesson_slug, visitor)
        access, lesson = checked.access, checked.access.lesson
        if lesson is None:
            raise _lesson_access_denied(access)
        visitor.report(
            checked.judgement, _freshness(checked.version, rules.steady_between([lesson], access.server_time))
        )
        if not access.authorized:
            raise _lesson_access_denied(access)
        return lesson, checked

    def _checked(self, event_slug: str, lesson_slug: str, visitor: Visitor) -> _Checked:
        server_time = self._clock()
        # Before any record is read: a later state has another version.
        version = self._version_at(server_time)
        event, judgement = self._judged_event(event_slug, visitor, version)
        if not judgement.opened:
            # Do not look up the lesson: a guess must not reveal which lessons exist.
            return _Checked(Access("blocked_private", None, server_time), version, judgement)
        lesson = self._store.lessons.get_by_slug(event.id, lesson_slug)
        address = _present_address(event, event_slug, lesson, lesson_slug)
        judgement = replace(judgement, lesson_id=lesson.id, present_address=address)
        visitor.report(judgement, _freshness(version, rules.counting_between(lesson, server_time)))
        return _Checked(Access(rules.lesson_status(lesson, server_time), lesson, server_time), version, judgement)

    def _version_at(self, server_time: datetime) -> Version:
        feed = self._store.changes.feed()
        return Version(f"{feed.feed_id} {feed.last_sequence} {self._rendering}", to_milliseconds(server_time))

    def _judged_event(self, event_slug: str, visitor: Visitor, version: Version) -> tuple[Event, Judgement]:
        event = self._find_event(event_slug)
        judgement = self._judgement(event, visitor.access_key, visitor.grant)
        visitor.report(judgement, Freshness(version))
        if not judgement.opened and isinstance(visitor.grant, Unavailable):
            # The key did not open the event, so the learner needs the grant.
            raise visitor.grant
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
