"""services.kit.storage.lists: lists are read and rendered in a thread, long ones in pieces as of one moment."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import peewee
import pytest

from services.kit.storage.database import open_database
from services.kit.storage.lists import PIECE_ITEMS, RenderedList
from services.kit.storage.use_cases import UseCases
from services.kit.web.pages import KeyOrders, Orders, Page, PageRequest, page_of, page_request

BY_NUMBER: KeyOrders[int] = Orders("number", {"number": lambda number: (number,)})
LONG = 2 * PIECE_ITEMS + 1


@pytest.fixture
def notes(database: peewee.Database) -> peewee.Database:
    """A database with a long list of notes, numbered from 1."""
    database.execute_sql("CREATE TABLE notes (number int PRIMARY KEY)")
    add(database, range(1, LONG + 1))
    database.close()
    return database


@pytest.fixture
def use_cases(database: peewee.Database) -> Iterator[UseCases]:
    """Use cases in two threads."""
    with running(UseCases(database, threads=2)) as use_cases:
        yield use_cases


@contextmanager
def running(use_cases: UseCases) -> Iterator[UseCases]:
    """Close the use cases afterwards."""
    try:
        yield use_cases
    finally:
        use_cases.close()


def add(database: peewee.Database, numbers: range) -> None:
    """Add notes with these numbers."""
    rows = ", ".join(f"({number})" for number in numbers)
    database.execute_sql(f"INSERT INTO notes VALUES {rows}")


def reading(
    database: peewee.Database, last: int = LONG, before: Callable[[PageRequest], None] = lambda _requested: None
) -> Callable[[PageRequest], Page[str]]:
    """Read the notes up to the last one; `before` is called before each page."""

    def read(requested: PageRequest) -> Page[str]:
        before(requested)
        after, fetched = requested.after or (0,), requested.fetch_limit
        query = (
            f"SELECT number FROM notes WHERE number > {after[0]} AND number <= {last} ORDER BY number LIMIT {fetched}"
        )
        numbers = [number for (number,) in database.execute_sql(query).fetchall()]
        return page_of(numbers, requested, BY_NUMBER).of(str)

    return read


def texts(first: int, last: int) -> list[str]:
    """The views of these notes."""
    return [str(number) for number in range(first, last + 1)]


@pytest.mark.parametrize("last", [0, 1, PIECE_ITEMS, PIECE_ITEMS + 1, 2 * PIECE_ITEMS, LONG])
def test_a_whole_list_has_every_item_and_no_cursor(notes: peewee.Database, use_cases: UseCases, last: int) -> None:
    body = asyncio.run(use_cases.run_list(reading(notes, last), PageRequest()))
    assert json.loads(body.body) == {"items": texts(1, last)}


def test_a_page_has_a_cursor_until_the_last_one(notes: peewee.Database, use_cases: UseCases) -> None:
    requested = PageRequest(2, binding="notes")
    first, cursor = asyncio.run(use_cases.run_list(reading(notes, 3), requested))
    last, none = asyncio.run(use_cases.run_list(reading(notes, 3), replace(requested, after=(2,))))
    assert json.loads(first) == {"items": ["1", "2"], "nextCursor": cursor}
    assert page_request("2", cursor, (int,), binding="notes") == replace(requested, after=(2,))
    assert (json.loads(last), none) == ({"items": ["3"], "nextCursor": None}, None)


def test_every_piece_of_a_long_list_has_the_order_that_was_requested(
    notes: peewee.Database, use_cases: UseCases
) -> None:
    sorts: list[str] = []
    read = reading(notes, before=lambda requested: sorts.append(requested.sort))
    asyncio.run(use_cases.run_list(read, PageRequest(sort="number")))
    # The first piece is read again, from the snapshot.
    assert sorts == ["number"] * 4


def test_a_long_list_is_as_of_one_moment(notes: peewee.Database, use_cases: UseCases, database_url: str) -> None:
    def write(requested: PageRequest) -> None:
        # The last piece of the list itself: the first page of all was read before it.
        if requested.after == (2 * PIECE_ITEMS,):
            other = open_database(database_url)
            add(other, range(LONG + 1, LONG + 10))
            other.close()

    body = asyncio.run(use_cases.run_list(reading(notes, LONG + 10, write), PageRequest()))
    assert json.loads(body.body) == {"items": texts(1, LONG)}


def test_between_the_pieces_of_a_long_list_other_requests_are_answered(
    notes: peewee.Database, use_cases: UseCases
) -> None:
    answered = threading.Semaphore(0)

    def wait_for_another_answer(requested: PageRequest) -> None:
        assert threading.current_thread() is not threading.main_thread()
        answered.acquire()

    async def request_others(listing: asyncio.Task[RenderedList]) -> None:
        while not listing.done():
            await use_cases.run(answered.release)

    async def both() -> RenderedList:
        listing = asyncio.create_task(use_cases.run_list(reading(notes, LONG, wait_for_another_answer), PageRequest()))
        await request_others(listing)
        return listing.result()

    assert json.loads(asyncio.run(both()).body) == {"items": texts(1, LONG)}


def test_long_lists_take_one_thread_in_all(notes: peewee.Database, use_cases: UseCases) -> None:
    running, most = [], []

    def count(requested: PageRequest) -> None:
        if requested.after is not None:
            running.append(requested)
            most.append(len(running))

    def read(requested: PageRequest) -> Page[Any]:
        page = reading(notes, LONG, count)(requested)
        if requested.after is not None:
            running.pop()
        return page

    async def request() -> list[RenderedList]:
        return await asyncio.gather(*(use_cases.run_list(read, PageRequest()) for _ in range(4)))

    bodies = asyncio.run(request())
    assert [json.loads(body.body) for body in bodies] == [{"items": texts(1, LONG)}] * 4
    assert max(most) == 1


def test_a_long_list_whose_client_is_gone_is_given_up(notes: peewee.Database, use_cases: UseCases) -> None:
    began, gone = threading.Event(), threading.Event()
    pieces = []

    def wait(requested: PageRequest) -> None:
        if requested.after is not None:
            pieces.append(requested.after)
            began.set()
            gone.wait()

    async def leave() -> None:
        listing = asyncio.create_task(use_cases.run_list(reading(notes, LONG, wait), PageRequest()))
        await asyncio.to_thread(began.wait)
        listing.cancel()
        await asyncio.wait([listing])
        gone.set()

    asyncio.run(leave())
    use_cases.close()
    assert pieces == [(PIECE_ITEMS,)]
