"""The calendar of an event, read by a parser that did not write it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import vobject
from hypothesis import given
from hypothesis import strategies as st

from services.content.calendar import event_calendar
from tests.clock import NOON, SECOND
from tests.content.examples import a_lesson, an_event

# Line breaks are one kind of line break in a calendar, and other control characters are not allowed.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))


def entries(text: str) -> list[dict[str, Any]]:
    """Return the parsed entries, by the names of their properties."""
    calendar = vobject.readOne(text)
    return [
        {name: lines[0].value for name, lines in entry.contents.items()}
        for entry in calendar.contents.get("vevent", [])
    ]


def test_an_entry_shows_a_lesson_from_its_release_to_its_expiry() -> None:
    lesson = a_lesson(version=3, updated_at=NOON)
    assert entries(event_calendar(an_event(), [lesson])) == [
        {
            "uid": lesson.id,
            "sequence": "2",
            "dtstamp": NOON,
            "last-modified": NOON,
            "created": lesson.created_at,
            "dtstart": lesson.release_at,
            "dtend": lesson.expires_at,
            "summary": "The first lesson",
            "description": "How to begin",
            "transp": "TRANSPARENT",
        }
    ]


def test_the_calendar_has_the_title_of_the_event_and_says_when_to_ask_again() -> None:
    assert event_calendar(an_event(title="Bread; in a week, with \\ and ß"), []).split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Flix//Course launches//EN",
        "NAME:Bread\\; in a week\\, with \\\\ and ß",
        "X-WR-CALNAME:Bread\\; in a week\\, with \\\\ and ß",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "END:VCALENDAR",
        "",
    ]


def test_a_lesson_that_ends_within_a_second_or_never_has_no_end() -> None:
    brief = a_lesson(release_at=NOON, expires_at=NOON + SECOND / 2)
    endless = a_lesson(expires_at=None, description="")
    assert [sorted(each) for each in entries(event_calendar(an_event(), [brief, endless]))] == [
        ["created", "description", "dtstamp", "dtstart", "last-modified", "sequence", "summary", "transp", "uid"],
        ["created", "dtstamp", "dtstart", "last-modified", "sequence", "summary", "transp", "uid"],
    ]


@given(title=TEXTS, description=TEXTS, release_at=INSTANTS, length=st.timedeltas(timedelta(0), timedelta(days=1)))
def test_every_text_and_time_is_read_back(
    title: str, description: str, release_at: datetime, length: timedelta
) -> None:
    lesson = a_lesson(title=title, description=description, release_at=release_at, expires_at=release_at + length)
    text = event_calendar(an_event(title=title), [lesson])
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    [entry] = entries(text)
    assert entry["summary"] == as_read(title)
    assert entry.get("description", "") == as_read(description)
    assert entry["dtstart"] == release_at.replace(microsecond=0)
    assert entry.get("dtend", entry["dtstart"]) == (release_at + length).replace(microsecond=0)


def as_read(text: str) -> str:
    """Return the text as a calendar can hold it."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", re.sub(r"\r\n?", "\n", text))
