"""A row of the old file and the readers of its columns.

SQLite stores any type in any column, and the old API let through what ours refuses. A reader returns the nearest value
that is legal here and records the change; only an id that cannot be kept rejects its row.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from services.kit.core.instants import format_instant, from_milliseconds, parse_instant
from services.kit.core.texts import is_web_address

MAXIMUM_ID_CHARACTERS = 200
MAXIMUM_TEXT_BYTES = 1024 * 1024

_SHOWN_CHARACTERS = 80
_EPOCH = from_milliseconds(0)
# The report must not show them.
_SECRETS = {"access_key"}
# SQLite's CURRENT_TIMESTAMP writes 2026-03-01 12:00:00, which is in UTC.
_DATE_AND_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:([ T])(\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Damaged:
    """What could be read of a text, and why it is not all."""

    text: str
    reason: str


class OldRow:
    """One row, the rules that it breaks, and the changes that make it legal.

    `parts` are the rows that are moved together with this one.
    """

    def __init__(self, table: str, number: int, columns: Mapping[str, object]):
        self.table = table
        self.number = number
        self.violations: list[str] = []
        self.parts: list[OldRow] = []
        self._columns = columns
        self._changed: dict[str, object] = {}

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
        shown = _shortened(self.id)
        return shown if shown.isprintable() else ascii(shown)

    @property
    def is_valid(self) -> bool:
        """Whether neither the row nor a part of it breaks a rule."""
        return not self.violations and all(part.is_valid for part in self.parts)

    def reject(self, rule: str) -> None:
        """Record that the row breaks this rule."""
        self.violations.append(rule)

    def stored(self, column: str) -> object:
        """Return the column as it is in the file."""
        return self._columns[column]

    def change(self, column: str, value: object) -> None:
        """Record the value that the column gets here."""
        self._changed[column] = value

    def changes(self) -> Iterator[str]:
        """Yield the changes, a sentence each."""
        for column, value in self._changed.items():
            before = self._columns[column]
            if column in _SECRETS:
                yield f"{column} lost what cannot be stored"
            elif value != before:
                yield f"{column} {_shown(before)} became {_shown(value)}"

    def identifier(self, column: str = "id") -> str:
        """Read an id of 1 to 200 characters, of this row or of another; reject the row where it is none."""
        violation = _id_violation(self._columns[column])
        if violation:
            self.reject(f"{column} {violation}")
        return "" if violation else str(self._columns[column])

    def text(self, column: str) -> str:
        """Read a text that every engine can store: at most 1 MiB of Unicode, without NUL."""
        value = self._columns[column]
        text = _storable(value)
        if text != value:
            self.change(column, text)
        return text

    def optional_text(self, column: str) -> str | None:
        """Read as `text` does; return None for NULL."""
        return None if self._columns[column] is None else self.text(column)

    def text_or(self, column: str, default: str) -> str:
        """Read as `text` does; return the default for NULL."""
        return default if self._columns[column] is None else self.text(column)

    def choice(self, column: str, choices: Sequence[str], default: str) -> Any:
        """Read one of the texts, or the default."""
        text = self.text(column)
        if text in choices:
            return text
        self.change(column, default)
        return default

    def whole_number(self, column: str) -> int | None:
        """Read a whole number, a fraction rounded up; return None for anything else."""
        value = self._columns[column]
        return math.ceil(value) if isinstance(value, int | float) and math.isfinite(value) else None

    def integer(self, column: str, minimum: int, maximum: int, default: int) -> int:
        """Read the nearest whole number between the bounds, both included."""
        number = self.whole_number(column)
        legal = default if number is None else min(max(number, minimum), maximum)
        if legal != self._columns[column]:
            self.change(column, legal)
        return legal

    def flag(self, column: str) -> bool:
        """Read 1 as true and anything else as false."""
        value = self._columns[column]
        if value not in (0, 1):
            self.change(column, 0)
        return value == 1

    def instant(self, column: str, default: datetime = _EPOCH) -> datetime:
        """Read an instant, cut to milliseconds. One without an offset is in UTC; return the default for no instant."""
        text = _storable(self._columns[column])
        instant = _instant(text) or default
        if _instant(text) is None or not _has_zone(text):
            self.change(column, format_instant(instant))
        return instant

    def optional_instant(self, column: str) -> datetime | None:
        """Read as `instant` does; return None for NULL and for no instant."""
        if self._columns[column] is None:
            return None
        if _instant(_storable(self._columns[column])) is None:
            self.change(column, None)
            return None
        return self.instant(column)

    def web_address(self, column: str) -> str | None:
        """Read an http or https address, its white space percent-encoded; return None for another."""
        if self._columns[column] is None:
            return None
        text = self.text(column)
        if is_web_address(text):
            return text
        encoded = without_white_space(text)
        address = encoded if is_web_address(encoded) else None
        self.change(column, address)
        return address


def without_white_space(address: str) -> str:
    """Return the address as browsers read it, its white space percent-encoded (https://url.spec.whatwg.org/#url-parsing)."""
    return "".join(quote(each) if each.isspace() else each for each in re.sub(r"[\t\r\n]", "", address.strip()))


def _id_violation(value: object) -> str | None:
    match value:
        case None:
            return "is missing"
        case Damaged():
            return f"is {value.reason}"
        case str():
            if "\0" in value:
                return "contains a NUL character"
            is_legal = 0 < len(value) <= MAXIMUM_ID_CHARACTERS
            return None if is_legal else f"is not of 1 to {MAXIMUM_ID_CHARACTERS} characters"
    return "is not text"


def _storable(value: object) -> str:
    match value:
        case None:
            return ""
        case Damaged():
            return _storable(value.text)
        case bytes():
            return _storable(value.decode(errors="replace"))
    return str(value).replace("\0", "")


def _instant(text: str) -> datetime | None:
    found = _DATE_AND_TIME.fullmatch(text.strip())
    if found:
        date, _, time = found.groups()
        text = f"{date}T{time or '00:00'}Z"
    else:
        # ISO 8601 has more forms than RFC 3339: a space for the T, an offset without its colon, any number of digits.
        text = re.sub(r"^(\d{4}-\d\d-\d\d) ", r"\1T", text.strip())
        text = re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text)
        text = re.sub(r"(\.\d{9})\d+", r"\1", text)
    try:
        return parse_instant(text)
    except ValueError:
        return None


def _has_zone(text: str) -> bool:
    found = _DATE_AND_TIME.fullmatch(text.strip())
    # SQLite's own form is in UTC.
    return found is None or found[2] == " "


def _shown(value: object) -> str:
    if isinstance(value, Damaged):
        return f"({value.reason})"
    return "null" if value is None else repr(_shortened(value) if isinstance(value, str) else value)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
