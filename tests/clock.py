"""The time in the tests."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)
LATER = NOON + timedelta(minutes=1)


class StoppedClock:
    """A clock that only the test moves."""

    def __init__(self, at: datetime = NOON):
        self.at = at
        self._stepped = timedelta()

    def __call__(self) -> datetime:
        return self.at

    def elapsed(self) -> timedelta:
        """Return the time that has passed, whatever somebody set the clock to."""
        return self.at - self._stepped - NOON

    def step(self, distance: timedelta) -> None:
        """Set the clock ahead or back, without any time passing."""
        self.at += distance
        self._stepped += distance
