"""A row of the old file and the readers of its columns. SQLite stores any type in any column, so each is checked."""

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
    """The reason why a text cannot be read, in place of the text."""

    NOT_UTF8 = "is not UTF-8 text"
    TOO_LONG = "is longer than 1 MiB"


class OldRow:
    """One row. Each reader returns a column's value, or records a violation and returns a stand-in.

    `parts` are the rows that are moved together with this one or not at all.
    """

    def __init__(self, table: str, number: int, columns: Mapping[str, object]):
        self.table = table
        self.number = number
        self.violations: list[str] = []
        self.parts: list[OldRow] = []
        self._columns = columns

    @property
    def id(self) -> str | None:
        """The id as stored; None where it is no text."""
        value = self._columns["id"]
        return value if isinstance(value, str) else None

    @property
    def label(self) -> str:
        """The id, printable and shortened; the row's number where the id is no text."""
        if not self.id:
            return f"row {self.number}"
        shown = self.id if len(self.id) <= _SHOWN_CHARACTERS else self.id[:_SHOWN_CHARACTERS] + "..."
        return shown if shown.isprintable() else ascii(shown)

    @property
    def is_valid(self) -> bool:
        """Whether neither the row nor a part of it breaks a rule."""
        return not self.violations and all(part.is_valid for part in self.parts)

    def reject(self, rule: str) -> None:
        """Record that the row breaks this rule."""
        self.violations.append(rule)

    def reject_once(self, rule: str) -> None:
        """Record the rule unless it is recorded already."""
        if rule not in self.violations:
            self.reject(rule)

    def is_null(self, column: str) -> bool:
        """Whether the column has no value."""
        return self._columns[column] is None

    def text(self, column: str) -> str:
        """Read a text that PostgreSQL can store: at most 1 MiB, without NUL."""
        value = self._columns[column]
        violation = _text_violation(value)
        if violation:
            self.reject(f"{column} {violation}")
        return "" if violation else str(value)

    def optional_text(self, column: str) -> str | None:
        """Read as `text` does; return None for NULL."""
        return None if self.is_null(column) else self.text(column)

    def text_or(self, column: str, default: str) -> str:
        """Read as `text` does; return the default for NULL."""
        return default if self.is_null(column) else self.text(column)

    def indexed_text(self, column: str) -> str:
        """Read a text that is not empty and short enough for an index."""
        text = self._checked_text(column)
        if text is not None and not 0 < len(text.encode()) <= MAXIMUM_INDEXED_BYTES:
            self.reject(f"{column} is not of 1 to {MAXIMUM_INDEXED_BYTES} bytes")
        return text or ""

    def identifier(self, column: str = "id") -> str:
        """Read an id of 1 to 200 characters, of this row or of another."""
        text = self._checked_text(column)
        if text is not None and not 0 < len(text) <= MAXIMUM_ID_CHARACTERS:
            self.reject(f"{column} is not of 1 to {MAXIMUM_ID_CHARACTERS} characters")
        return text or ""

    def choice(self, column: str, choices: Sequence[str]) -> Any:
        """Read one of the texts."""
        text = self._checked_text(column)
        if text is not None and text not in choices:
            self.reject(f"{column} is not one of {', '.join(choices)}")
        return text

    def integer(self, column: str, minimum: int, maximum: int) -> int:
        """Read a whole number between the bounds, both included."""
        value = self._columns[column]
        if isinstance(value, int) and minimum <= value <= maximum:
            return value
        self.reject(f"{column} is not a whole number from {minimum} to {maximum}")
        return minimum

    def flag(self, column: str) -> bool:
        """Read 0 or 1."""
        value = self._columns[column]
        if not (isinstance(value, int) and value in (0, 1)):
            self.reject(f"{column} is not 0 or 1")
        return value == 1

    def instant(self, column: str) -> datetime:
        """Read an instant, cut to milliseconds; only the form of CURRENT_TIMESTAMP may lack an offset."""
        text = self._checked_text(column)
        try:
            return _EPOCH if text is None else parse_instant(_in_rfc3339(text))
        except ValueError:
            self.reject(f"{column} is not an instant such as 2026-03-01T12:00:00.000Z")
            return _EPOCH

    def optional_instant(self, column: str) -> datetime | None:
        """Read as `instant` does; return None for NULL."""
        return None if self.is_null(column) else self.instant(column)

    def web_address(self, column: str) -> str:
        """Read an http or https address."""
        text = self._checked_text(column)
        if text is not None and not _is_web_address(text):
            self.reject(f"{column} is not an http or https address")
        return text or ""

    def optional_web_address(self, column: str) -> str | None:
        """Read as `web_address` does; return None for NULL."""
        return None if self.is_null(column) else self.web_address(column)

    def _checked_text(self, column: str) -> str | None:
        """Return the text; None if it was rejected."""
        before = len(self.violations)
        text = self.text(column)
        return text if len(self.violations) == before else None


def _text_violation(value: object) -> str | None:
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
