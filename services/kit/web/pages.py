"""Cursor pages over a total order. A cursor is the sort key of the previous page's last item."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson

from services.kit.core.errors import ValidationFailed

DEFAULT_LIMIT = 50
MAXIMUM_LIMIT = 100
_LIMIT_DIGITS = 3

Item = TypeVar("Item")
View = TypeVar("View")
SortKey = tuple[int | str, ...]


@dataclass(frozen=True)
class PageRequest:
    """A request for at most `limit` items (None: all) after the sort key `after` (None: from the start)."""

    limit: int | None = None
    after: SortKey | None = None

    @property
    def fetch_limit(self) -> int | None:
        """One more than requested, to find out whether there is a next page."""
        return None if self.limit is None else self.limit + 1


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page; `next_key` is the sort key of its last item, None on the last page."""

    items: Sequence[Item]
    next_key: SortKey | None

    @property
    def next_cursor(self) -> str | None:
        """The cursor of the next page, None on the last one."""
        return None if self.next_key is None else _encode(self.next_key)

    def of(self, view: Callable[[Item], View]) -> "Page[View]":
        """Return the page of the views of the items."""
        return Page([view(item) for item in self.items], self.next_key)


def page_request(
    limit: str | None, cursor: str | None, key_types: Sequence[type], default_limit: int | None = None
) -> PageRequest:
    """Read the query parameters `limit` (1 to 100) and `cursor`; raise ValidationFailed.

    With a cursor and no limit the limit is 50; with neither it is `default_limit` (None: the whole list).
    """
    after = None if cursor is None else _decode(cursor, key_types)
    if limit is None:
        return PageRequest(default_limit if after is None else default_limit or DEFAULT_LIMIT, after)
    if not (limit.isascii() and limit.isdigit() and len(limit) <= _LIMIT_DIGITS and 1 <= int(limit) <= MAXIMUM_LIMIT):
        raise ValidationFailed({"limit": [f"must be a whole number from 1 to {MAXIMUM_LIMIT}"]})
    return PageRequest(int(limit), after)


def page_of(items: Sequence[Item], request: PageRequest, key: Callable[[Item], SortKey]) -> Page[Item]:
    """Return the page of the items that were fetched with `request.fetch_limit`."""
    if request.limit is None or len(items) <= request.limit:
        return Page(items, None)
    items = items[: request.limit]
    return Page(items, key(items[-1]))


def _encode(key: SortKey) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def _decode(cursor: str, key_types: Sequence[type]) -> SortKey:
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, list) or [type(part) for part in key] != list(key_types) or not all(map(_storable, key)):
        raise ValidationFailed({"cursor": ["must be a nextCursor of this list"]})
    return tuple(key)


def _storable(part: int | str) -> bool:
    # SQLite has no wider integers, and PostgreSQL no NUL in a text.
    return "\0" not in part if isinstance(part, str) else -(2**63) <= part < 2**63
