"""Cursor pages over a total order. A cursor is the previous page's last sort key and what list it is of."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson

from services.kit.core.errors import ValidationFailed

DEFAULT_LIMIT = 50
MAXIMUM_LIMIT = 100
_LIMIT_DIGITS = 3
_DESCENDING = "-"

Item = TypeVar("Item")
Part_co = TypeVar("Part_co", covariant=True)
View = TypeVar("View")
SortKey = tuple[int | str, ...]


@dataclass(frozen=True)
class Orders(Generic[Part_co]):
    """The orders of a list by the names that `sort` takes; a `-` before a name, also of the default, reverses it."""

    default: str
    parts: Mapping[str, Part_co]

    def of(self, sort: str) -> tuple[Part_co, bool]:
        """Return the part of this order, or of the default where `sort` is empty, and whether it is reversed."""
        chosen = sort or self.default
        return self.parts[chosen.removeprefix(_DESCENDING)], chosen.startswith(_DESCENDING)


KeyOrders = Orders[Callable[[Item], SortKey]]


@dataclass(frozen=True)
class PageRequest:
    """A request for at most `limit` items (None: all) after the sort key `after` (None: from the start).

    `sort` names the order, or is empty for the list's own. Cursors hold `binding`, and no other list takes them.
    """

    limit: int | None = None
    after: SortKey | None = None
    sort: str = ""
    binding: str = ""

    @property
    def fetch_limit(self) -> int | None:
        """One more than requested, to find out whether there is a next page."""
        return None if self.limit is None else self.limit + 1

    def cursor_after(self, key: SortKey | None) -> str | None:
        """Return the cursor of the page after this key, None without one."""
        return None if key is None else _encode((self.binding, *key))


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page; `next_key` is the sort key of its last item, None on the last page."""

    items: Sequence[Item]
    next_key: SortKey | None

    def of(self, view: Callable[[Item], View]) -> "Page[View]":
        """Return the page of the views of the items."""
        return Page([view(item) for item in self.items], self.next_key)


def page_request(
    limit: str | None,
    cursor: str | None,
    key_types: Sequence[type],
    default_limit: int | None = None,
    *,
    sort: str = "",
    binding: str = "",
) -> PageRequest:
    """Read the query parameters `limit` (1 to 100) and `cursor`; raise ValidationFailed.

    With a cursor and no limit the limit is 50; with neither it is `default_limit` (None: the whole list).
    """
    after = None if cursor is None else _decode(cursor, key_types, binding)
    if limit is None:
        return PageRequest(default_limit if after is None else default_limit or DEFAULT_LIMIT, after, sort, binding)
    if not (limit.isascii() and limit.isdigit() and len(limit) <= _LIMIT_DIGITS and 1 <= int(limit) <= MAXIMUM_LIMIT):
        raise ValidationFailed({"limit": [f"must be a whole number from 1 to {MAXIMUM_LIMIT}"]})
    return PageRequest(int(limit), after, sort, binding)


def page_of(items: Sequence[Item], request: PageRequest, orders: KeyOrders[Item]) -> Page[Item]:
    """Return the page of the items that were fetched with `request.fetch_limit`."""
    if request.limit is None or len(items) <= request.limit:
        return Page(items, None)
    items = items[: request.limit]
    key, _is_reversed = orders.of(request.sort)
    return Page(items, key(items[-1]))


def _encode(parts: SortKey) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def _decode(cursor: str, key_types: Sequence[type], binding: str) -> SortKey:
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        parts = None
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], str):
        raise ValidationFailed({"cursor": ["must be a nextCursor of this list"]})
    if parts[0] != binding:
        raise ValidationFailed(
            {"cursor": ["must be a nextCursor of this list with the same filters and the same sort"]}
        )
    key = parts[1:]
    if [type(part) for part in key] != list(key_types) or not all(map(_storable, key)):
        raise ValidationFailed({"cursor": ["must be a nextCursor of this list"]})
    return tuple(key)


def _storable(part: int | str) -> bool:
    # SQLite has no wider integers, and PostgreSQL no NUL in a text.
    return "\0" not in part if isinstance(part, str) else -(2**63) <= part < 2**63
