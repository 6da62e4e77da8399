"""services.kit.core.instants: parsing, the wire form and the storage form."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.instants import format_instant, from_milliseconds, now, parse_instant, to_milliseconds, truncated

ANY_DATETIME = st.datetimes(timezones=st.just(UTC))
INSTANTS = ANY_DATETIME.map(truncated)
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))

FORM = "must be an ISO 8601 instant with a zone, such as 2026-03-01T12:00:00.000Z"
EXISTENCE = "must be an instant that exists, between the years 0001 and 9999"


@given(INSTANTS)
def test_the_wire_form_and_the_storage_form_are_read_as_the_same_instant(instant: datetime) -> None:
    text = format_instant(instant)
    assert parse_instant(text) == from_milliseconds(to_milliseconds(instant)) == instant
    assert (len(text), text[10], text[19], text[-1]) == (24, "T", ".", "Z")


@given(INSTANTS, INSTANTS)
def test_both_forms_sort_like_their_instants(one: datetime, other: datetime) -> None:
    by_text = format_instant(one) < format_instant(other)
    assert by_text == (to_milliseconds(one) < to_milliseconds(other)) == (one < other)


@given(ANY_DATETIME, OFFSETS)
def test_any_offset_is_read_as_utc(instant: datetime, zone: timezone) -> None:
    try:
        text = instant.astimezone(zone).isoformat()
    except OverflowError:
        return
    assert parse_instant(text) == truncated(instant)
    assert parse_instant(text).tzinfo is UTC


@given(ANY_DATETIME)
def test_truncating_drops_less_than_a_millisecond(instant: datetime) -> None:
    assert timedelta(0) <= instant - truncated(instant) < timedelta(milliseconds=1)
    assert truncated(truncated(instant)) == truncated(instant)


# Texts that are nearly an instant, with every part a little beyond its range.
NEARLY = st.from_regex(
    r"\s?[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]"
    r"(:[0-6][0-9]([.,][0-9]{0,10})?)?"
    r"([Zz]|[+-][0-2][0-9]:?[0-6][0-9])?",
    fullmatch=True,
)


@given(NEARLY | st.text())
def test_any_text_is_an_instant_or_refused_with_our_message(text: str) -> None:
    try:
        instant = parse_instant(text)
    except ValueError as error:
        assert str(error) in (FORM, EXISTENCE)
        return
    assert instant.tzinfo is UTC
    assert truncated(instant) == instant
    assert parse_instant(format_instant(instant)) == instant
    # Python's own parser accepts more forms, and six digits of a second, and reads the same.
    six_digits = re.sub(r"\.(\d{1,6})\d*", lambda match: f".{match[1]:<06}", text.strip().upper())
    assert instant == truncated(datetime.fromisoformat(six_digits))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00Z", "2026-03-01T12:00:00.000Z"),
        (" 2026-03-01t12:00:00.123999999z\n", "2026-03-01T12:00:00.123Z"),
        ("2024-02-29T23:30:00.1-01:00", "2024-03-01T00:30:00.100Z"),
        ("0001-01-01T00:00:00-00:00", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_milliseconds(text: str, expected: str) -> None:
    assert format_instant(parse_instant(text)) == expected


OTHER_FORMS = (
    *("", "tomorrow", "2026-03-01", "2026-03-01T12:00:00", "2026-03-01T12:00:00.Z", "1772366400000"),
    *("2026-03-01T12:00:00.1234567890Z", "2026-03-01 12:00:00Z", "20260301T120000Z", "2026-3-1T12:00:00Z"),
    *("2026-W09-7T12:00:00Z", "2026-03-01T12:00:00+0530", "2026-03-01T12:00:00+05", "2026-03-01T12:00:00+05:60"),
    *("2026-03-01T12:00:00UTC", "2026-03-01T12Z", "+12026-03-01T12:00:00Z", "2026-03-01T12:00:00Z0"),
    "２０２６-03-01T12:00:00Z",
)
NOT_EXISTING = (
    *("2026-02-29T12:00:00Z", "1900-02-29T12:00:00Z", "2026-13-01T12:00:00Z", "2026-00-01T12:00:00Z"),
    *("2026-04-31T12:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T12:60:00Z", "2026-03-01T23:59:60Z"),
    *("2026-03-01T12:00:00+24:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"),
)


@pytest.mark.parametrize(
    ("text", "message"), [*((text, FORM) for text in OTHER_FORMS), *((text, EXISTENCE) for text in NOT_EXISTING)]
)
def test_another_form_or_an_instant_that_does_not_exist_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_instant(text)


def test_milliseconds_count_from_the_epoch_in_both_directions() -> None:
    assert to_milliseconds(datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)) == 1_772_366_400_123
    assert to_milliseconds(datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)) == -1
    assert from_milliseconds(0) == datetime(1970, 1, 1, tzinfo=UTC)


def test_the_current_instant_equals_its_stored_and_wire_forms() -> None:
    present = now()
    assert present.tzinfo is UTC
    assert from_milliseconds(to_milliseconds(present)) == parse_instant(format_instant(present)) == present
