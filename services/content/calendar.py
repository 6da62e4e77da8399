"""The lessons of an event as an iCalendar (RFC 5545), for calendar programs that subscribe to it."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from icalendar import Calendar, vText
from icalendar import Event as Entry

from services.content.entities import Event, Lesson

PRODUCT = "-//Flix//Course launches//EN"
# How often programs should ask again (RFC 7986 section 5.7).
REFRESH = timedelta(hours=1)
# RFC 5545 allows no control characters in a text but tabs and line breaks (section 3.1, TSAFE-CHAR).
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def event_calendar(event: Event, lessons: Sequence[Lesson]) -> str:
    """Return the calendar: an entry for each lesson, from its release to its expiry.

    An entry has the lesson's id as its UID, and a SEQUENCE that rises with each change, so that programs replace it.
    """
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", PRODUCT)
    # RFC 7986 has NAME; many programs know only X-WR-CALNAME.
    for name in ("NAME", "X-WR-CALNAME"):
        calendar.add(name, vText(_text(event.title)))
    calendar.add("REFRESH-INTERVAL", REFRESH, parameters={"VALUE": "DURATION"})
    for lesson in lessons:
        calendar.add_component(_entry(lesson))
    text: str = calendar.to_ical().decode()
    return text


def _entry(lesson: Lesson) -> Entry:
    entry = Entry()
    entry.add("UID", lesson.id)
    entry.add("SEQUENCE", lesson.version - 1)
    # Without METHOD this is when the entry last changed (section 3.8.7.2).
    entry.add("DTSTAMP", lesson.updated_at)
    entry.add("LAST-MODIFIED", lesson.updated_at)
    entry.add("CREATED", lesson.created_at)
    entry.add("DTSTART", lesson.release_at)
    # A calendar knows whole seconds, and an end must be later than the start.
    if lesson.expires_at is not None and _second(lesson.expires_at) > _second(lesson.release_at):
        entry.add("DTEND", lesson.expires_at)
    entry.add("SUMMARY", _text(lesson.title))
    if lesson.description:
        entry.add("DESCRIPTION", _text(lesson.description))
    # A lesson may be open for weeks: it must not show its learners as busy.
    entry.add("TRANSP", "TRANSPARENT")
    return entry


def _second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


def _text(text: str) -> str:
    return _CONTROL.sub("", text)
