"""How the contract of a store is tested, whichever service's it is."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from services.kit.web.pages import PageRequest, SortKey, page_of

Item = TypeVar("Item")

# Everything a text may hold that is no control character; half a surrogate pair is no text.
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)

# Each example undoes what it wrote, so that the fixture may outlive it.
over_one_store = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Store(Protocol):
    """What every store can do."""

    def transaction(self) -> AbstractContextManager[object]:
        """All or nothing."""


class Undo(Exception):
    """Ends a transaction without a trace."""


@contextmanager
def undone(store: Store) -> Iterator[None]:
    """A transaction whose writes are gone afterwards."""
    with pytest.raises(Undo), store.transaction():
        yield
        raise Undo


def turned_over(
    fetch: Callable[[PageRequest], Sequence[Item]], key: Callable[[Item], SortKey], limit: int
) -> Sequence[Item]:
    """All items, fetched page by page, each page behind the last item of the one before."""
    items: list[Item] = []
    request = PageRequest(limit)
    while True:
        page = page_of(fetch(request), request, key)
        assert len(page.items) <= limit
        items += page.items
        if page.next_cursor is None:
            return items
        request = PageRequest(limit, key(page.items[-1]))
