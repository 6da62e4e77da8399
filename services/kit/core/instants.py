"""Instants: aware datetimes in UTC with millisecond precision, and their wire and storage forms.

On the wire an instant is RFC 3339 text with exactly three fractional digits and ``Z``; in a database it is
the number of milliseconds since 1970-01-01T00:00:00Z, which SQLite and PostgreSQL sort in the same order.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
ElapsedClock = Callable[[], timedelta]
"""A clock for intervals: the time since an arbitrary moment, which never steps back."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# The range of datetime: the years 0001 to 9999.
FIRST_MILLISECOND = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
LAST_MILLISECOND = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?([Zz]|[+-]\d\d:[0-5]\d)", re.ASCII)


def now() -> datetime:
    """Return the current instant, truncated so that it equals its wire and storage forms."""
    return truncated(datetime.now(UTC))


def elapsed() -> timedelta:
    """Return the time since an arbitrary moment. The clock of the machine may step; this never does."""
    return timedelta(seconds=time.monotonic())


def truncated(instant: datetime) -> datetime:
    """Return the instant without fractions of a millisecond."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def parse_instant(text: str) -> datetime:
    """Parse an RFC 3339 instant of any offset; fractions of a millisecond are dropped.

    Raise ValueError, with a message for a field error, if the form is wrong, the zone is missing, the date does not
    exist, or the instant is outside the years 0001 to 9999 in UTC.
    """
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be an ISO 8601 instant with a zone, such as 2026-03-01T12:00:00.000Z")
    date, minutes, seconds, fraction, zone = match.groups()
    zone = "+00:00" if zone in "Zz" else zone
    milliseconds = (fraction or "0")[:3].ljust(3, "0")
    try:
        local = datetime.fromisoformat(f"{date}T{minutes}:{seconds or '00'}.{milliseconds}{zone}")
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be an instant that exists, between the years 0001 and 9999") from None


def format_instant(instant: datetime) -> str:
    """Return the wire form, such as 2026-03-01T12:00:00.000Z; the instant must be in UTC."""
    return instant.isoformat(timespec="milliseconds")[:-6] + "Z"


def to_milliseconds(instant: datetime) -> int:
    """Return the milliseconds since the epoch, negative before 1970."""
    return (instant - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """Return the instant that many milliseconds after the epoch."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
