"""The common parts of the tests of every service's store."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Protocol, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from services.kit.web.pages import KeyOrders, PageRequest, page_of

Item = TypeVar("Item")

# Texts without control characters and without half a surrogate pair.
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)

# Every example rolls its writes back, so that one fixture serves all.
over_one_store = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Store(Protocol):
    """The common contract of all stores."""

    def transaction(self) -> AbstractContextManager[object]:
        """Commit all of the block or nothing."""


class Undo(Exception):
    """Rolls a transaction back."""


@contextmanager
def undone(store: Store) -> Iterator[None]:
    """Roll back what the block writes."""
    with pytest.raises(Undo), store.transaction():
        yield
        raise Undo


def turned_over(
    fetch: Callable[[PageRequest], Sequence[Item]], orders: KeyOrders[Item], limit: int, sort: str = ""
) -> Sequence[Item]:
    """Return all items, fetched page by page."""
    items: list[Item] = []
    request = PageRequest(limit, sort=sort)
    while True:
        page = page_of(fetch(request), request, orders)
        assert len(page.items) <= limit
        items += page.items
        if page.next_key is None:
            return items
        request = replace(request, after=page.next_key)


def paged(items: Iterable[Item], orders: KeyOrders[Item], request: PageRequest) -> Sequence[Item]:
    """Return the page as the in-memory twins of the repositories do: with one item more."""
    key, is_reversed = orders.of(request.sort)
    after = request.after
    following = [each for each in items if after is None or (key(each) < after if is_reversed else key(each) > after)]
    return sorted(following, key=key, reverse=is_reversed)[: request.fetch_limit]
