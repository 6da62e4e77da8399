"""services.kit.core.instants: what is read, what is answered, what is stored."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.instants import format_instant, from_milliseconds, now, parse_instant, to_milliseconds, truncated

NOON = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)
ANY_DATETIME = st.datetimes(timezones=st.just(UTC))
INSTANTS = ANY_DATETIME.map(truncated)
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))

FORM = "must be an ISO 8601 instant with a zone, such as 2026-03-01T12:00:00.000Z"
EXISTENCE = "must be an instant that exists, between the years 0001 and 9999"


@given(INSTANTS)
def test_what_is_answered_is_read_as_the_same_instant(instant: datetime) -> None:
    text = format_instant(instant)

    assert parse_instant(text) == instant
    assert (len(text), text[10], text[19], text[-1]) == (24, "T", ".", "Z")


@given(INSTANTS)
def test_what_is_stored_is_read_as_the_same_instant(instant: datetime) -> None:
    assert from_milliseconds(to_milliseconds(instant)) == instant


@given(INSTANTS, INSTANTS)
def test_texts_and_numbers_are_ordered_as_their_instants(one: datetime, other: datetime) -> None:
    assert (
        (format_instant(one) < format_instant(other))
        == (to_milliseconds(one) < to_milliseconds(other))
        == (one < other)
    )


@given(ANY_DATETIME, OFFSETS)
def test_any_offset_is_read_as_utc(instant: datetime, zone: timezone) -> None:
    try:
        text = instant.astimezone(zone).isoformat()
    except OverflowError:
        return

    assert parse_instant(text) == truncated(instant)
    assert parse_instant(text).tzinfo is UTC


@given(ANY_DATETIME)
def test_what_is_finer_than_a_millisecond_is_cut_off(instant: datetime) -> None:
    rest = instant - truncated(instant)

    assert timedelta(0) <= rest < timedelta(milliseconds=1)
    assert truncated(truncated(instant)) == truncated(instant)


@given(st.text())
def test_any_other_text_is_refused_and_nothing_else_happens(text: str) -> None:
    try:
        parse_instant(text)
    except ValueError as error:
        assert str(error) in (FORM, EXISTENCE)


# Texts that are nearly an instant, with every part a little beyond what it may be.
NEARLY = st.from_regex(
    r"\s?[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]"
    r"(:[0-6][0-9]([.,][0-9]{0,10})?)?"
    r"([Zz]|[+-][0-2][0-9]:?[0-6][0-9])?",
    fullmatch=True,
)


@given(NEARLY)
def test_what_is_nearly_an_instant_is_one_or_refused_in_our_words(text: str) -> None:
    try:
        instant = parse_instant(text)
    except ValueError as error:
        assert str(error) in (FORM, EXISTENCE)
        return

    assert instant.tzinfo is UTC
    assert truncated(instant) == instant
    # Reading what was answered gives the same, and so it goes on.
    assert parse_instant(format_instant(instant)) == instant
    # Python's own reader, which knows more forms, and six digits of a second, reads the same.
    assert instant == truncated(datetime.fromisoformat(_six_digits(text)))


def _six_digits(text: str) -> str:
    return re.sub(r"\.(\d{1,6})\d*", lambda match: f".{match[1]:<06}", text.strip().upper())


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ("2026-03-01T12:00:00.123Z", "2026-03-01T12:00:00.123Z"),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z"),
        ("2026-03-01T12:00Z", "2026-03-01T12:00:00.000Z"),
        ("2026-03-01T12:00:00.1Z", "2026-03-01T12:00:00.100Z"),
        ("2026-03-01T12:00:00.12Z", "2026-03-01T12:00:00.120Z"),
        ("2026-03-01T12:00:00.123999999Z", "2026-03-01T12:00:00.123Z"),
        ("2026-03-01t12:00:00z", "2026-03-01T12:00:00.000Z"),
        (" 2026-03-01T12:00:00Z\n", "2026-03-01T12:00:00.000Z"),
        ("2026-03-01T12:00:00+05:30", "2026-03-01T06:30:00.000Z"),
        ("2026-03-01T12:00:00-03:00", "2026-03-01T15:00:00.000Z"),
        ("2026-03-01T00:00:00+14:00", "2026-02-28T10:00:00.000Z"),
        ("2026-03-01T12:00:00-00:00", "2026-03-01T12:00:00.000Z"),
        ("2024-02-29T23:30:00-01:00", "2024-03-01T00:30:00.000Z"),
        ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
    ],
)
def test_an_instant_is_answered_in_utc_with_milliseconds(text: str, answered: str) -> None:
    assert format_instant(parse_instant(text)) == answered


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00:00.Z",
        "2026-03-01T12:00:00.1234567890Z",
        "2026-03-01 12:00:00Z",
        "20260301T120000Z",
        "2026-3-1T12:00:00Z",
        "2026-W09-7T12:00:00Z",
        "2026-03-01T12:00:00+0530",
        "2026-03-01T12:00:00+05",
        "2026-03-01T12:00:00+05:60",
        "2026-03-01T12:00:00UTC",
        "2026-03-01T12Z",
        "+12026-03-01T12:00:00Z",
        "2026-03-01T12:00:00Z0",
        "２０２６-03-01T12:00:00Z",
        "1772366400000",
    ],
)
def test_a_text_of_another_form_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=FORM):
        parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T12:60:00Z",
        "2026-03-01T23:59:60Z",
        "2026-03-01T12:00:00+24:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_an_instant_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=EXISTENCE):
        parse_instant(text)


def test_milliseconds_count_from_the_epoch_in_both_directions() -> None:
    assert to_milliseconds(NOON) == 1_772_366_400_123
    assert to_milliseconds(datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)) == -1
    assert from_milliseconds(0) == datetime(1970, 1, 1, tzinfo=UTC)


def test_the_present_is_in_utc_and_equals_what_is_stored_of_it() -> None:
    present = now()

    assert present.tzinfo is UTC
    assert from_milliseconds(to_milliseconds(present)) == parse_instant(format_instant(present)) == present
