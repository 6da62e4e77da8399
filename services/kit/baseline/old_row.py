"""A row of the old file, read as what it must be. SQLite keeps anything anywhere, so nothing is taken for granted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from services.kit.core.instants import from_milliseconds, parse_instant

MAXIMUM_ID_CHARACTERS = 200
# What an index of PostgreSQL holds beside an id: an entry has at most 2704 bytes, an id of 200 characters up to 800.
MAXIMUM_INDEXED_BYTES = 1600
MAXIMUM_TEXT_BYTES = 1024 * 1024

_SHOWN_CHARACTERS = 80
_EPOCH = from_milliseconds(0)
# SQLite's CURRENT_TIMESTAMP writes 2026-03-01 12:00:00, which is in UTC.
_DATE_CHARACTERS = len("2026-03-01")
_DATE_AND_TIME_CHARACTERS = len("2026-03-01 12:00:00")


class Unreadable(Enum):
    """Stands for a text that cannot be read."""

    NOT_UTF8 = "is not UTF-8 text"
    TOO_LONG = "is longer than 1 MiB"


class OldRow:
    """One row: each method gives a column as what it must be, or notes the problem and gives a stand-in.

    `parts` are the rows that move with this one or not at all.
    """

    def __init__(self, table: str, number: int, columns: Mapping[str, object]):
        self.table = table
        self.number = number
        self.problems: list[str] = []
        self.parts: list[OldRow] = []
        self._columns = columns

    @property
    def id(self) -> str | None:
        """The id as it is, None where it is no text."""
        value = self._columns["id"]
        return value if isinstance(value, str) else None

    @property
    def name(self) -> str:
        """The id, fit for a line of output; the row's number where the id is no text."""
        if not self.id:
            return f"row {self.number}"
        shown = self.id if len(self.id) <= _SHOWN_CHARACTERS else self.id[:_SHOWN_CHARACTERS] + "..."
        return shown if shown.isprintable() else ascii(shown)

    @property
    def is_sound(self) -> bool:
        """Whether neither the row nor a part of it has a problem."""
        return not self.problems and all(part.is_sound for part in self.parts)

    def refuse(self, rule: str) -> None:
        """The row breaks that rule."""
        self.problems.append(rule)

    def refuse_once(self, rule: str) -> None:
        """As `refuse`, unless it has been said."""
        if rule not in self.problems:
            self.refuse(rule)

    def is_null(self, column: str) -> bool:
        """Whether the column has no value."""
        return self._columns[column] is None

    def text(self, column: str) -> str:
        """A text that PostgreSQL can keep."""
        value = self._columns[column]
        problem = _text_problem(value)
        if problem:
            self.refuse(f"{column} {problem}")
        return "" if problem else str(value)

    def optional_text(self, column: str) -> str | None:
        """As `text`; None for no value."""
        return None if self.is_null(column) else self.text(column)

    def text_or(self, column: str, default: str) -> str:
        """As `text`; the default for no value."""
        return default if self.is_null(column) else self.text(column)

    def indexed_text(self, column: str) -> str:
        """A text that is not empty, and short enough for an index."""
        text = self._checked_text(column)
        if text is not None and not 0 < len(text.encode()) <= MAXIMUM_INDEXED_BYTES:
            self.refuse(f"{column} is not of 1 to {MAXIMUM_INDEXED_BYTES} bytes")
        return text or ""

    def identifier(self, column: str = "id") -> str:
        """An id, of this row or of another."""
        text = self._checked_text(column)
        if text is not None and not 0 < len(text) <= MAXIMUM_ID_CHARACTERS:
            self.refuse(f"{column} is not of 1 to {MAXIMUM_ID_CHARACTERS} characters")
        return text or ""

    def choice(self, column: str, choices: Sequence[str]) -> Any:
        """One of the texts."""
        text = self._checked_text(column)
        if text is not None and text not in choices:
            self.refuse(f"{column} is not one of {', '.join(choices)}")
        return text

    def integer(self, column: str, minimum: int, maximum: int) -> int:
        """A whole number between the bounds, both included."""
        value = self._columns[column]
        if isinstance(value, int) and minimum <= value <= maximum:
            return value
        self.refuse(f"{column} is not a whole number from {minimum} to {maximum}")
        return minimum

    def flag(self, column: str) -> bool:
        """0 or 1."""
        value = self._columns[column]
        if not (isinstance(value, int) and value in (0, 1)):
            self.refuse(f"{column} is not 0 or 1")
        return value == 1

    def instant(self, column: str) -> datetime:
        """An instant of any offset, cut to milliseconds; without a zone in the form of CURRENT_TIMESTAMP only."""
        text = self._checked_text(column)
        try:
            return _EPOCH if text is None else parse_instant(_in_rfc3339(text))
        except ValueError:
            self.refuse(f"{column} is not an instant such as 2026-03-01T12:00:00.000Z")
            return _EPOCH

    def optional_instant(self, column: str) -> datetime | None:
        """As `instant`; None for no value."""
        return None if self.is_null(column) else self.instant(column)

    def web_address(self, column: str) -> str:
        """An http or https address."""
        text = self._checked_text(column)
        if text is not None and not _is_web_address(text):
            self.refuse(f"{column} is not an http or https address")
        return text or ""

    def optional_web_address(self, column: str) -> str | None:
        """As `web_address`; None for no value."""
        return None if self.is_null(column) else self.web_address(column)

    def _checked_text(self, column: str) -> str | None:
        """The text, None if it has been refused."""
        before = len(self.problems)
        text = self.text(column)
        return text if len(self.problems) == before else None


def _text_problem(value: object) -> str | None:
    match value:
        case None:
            return "is missing"
        case Unreadable():
            return value.value
        case str():
            return "contains a NUL character" if "\0" in value else None
    return "is not text"


def _in_rfc3339(text: str) -> str:
    if text[_DATE_CHARACTERS : _DATE_CHARACTERS + 1] != " ":
        return text
    has_zone = any(each in text[_DATE_AND_TIME_CHARACTERS:] for each in "+-Zz")
    return text.replace(" ", "T", 1) + ("" if has_zone else "Z")


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
