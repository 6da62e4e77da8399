"""Lists of any length as JSON, rendered by the thread that reads them.

A whole list is read and rendered in pieces. Between them its thread pauses, because whatever Python does in a thread
holds up the event loop: waiting for a busy thread takes the loop up to 5 ms (sys.getswitchinterval) each time.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from services.kit.web.pages import Page, PageRequest

# A piece of quizzes takes about 5 ms.
PIECE_ITEMS = 25
PAUSE_SECONDS = 0.001

ReadPage = Callable[[PageRequest], Page[Any]]
"""Reads a page and returns it with views for items."""


class RenderedList(NamedTuple):
    """The JSON of a list or a page, and the cursor of the next page, None without one."""

    body: bytes
    next_cursor: str | None = None


def render_page(read: ReadPage, requested: PageRequest) -> RenderedList:
    """Return a page that was requested, with its `nextCursor`."""
    page = read(requested)
    cursor = requested.cursor_after(page.next_key)
    return RenderedList(orjson.dumps({"items": page.items, "nextCursor": cursor}), cursor)


def render_short(read: ReadPage, requested: PageRequest) -> RenderedList | None:
    """Return the whole list if it has no more than one piece, else None."""
    page = read(replace(requested, limit=PIECE_ITEMS))
    return RenderedList(orjson.dumps({"items": page.items})) if page.next_key is None else None


def render_long(read: ReadPage, requested: PageRequest, given_up: threading.Event) -> RenderedList:
    """Return the whole list, or some of it when it is given up. The caller keeps a snapshot of the database."""
    # Join once: no other thread runs while Python joins, 10 ms for 25 MB.
    return RenderedList(b"".join([b'{"items":[', *_pieces(read, requested, given_up), b"]}"]))


def _pieces(read: ReadPage, requested: PageRequest, given_up: threading.Event) -> Iterator[bytes]:
    requested = replace(requested, limit=PIECE_ITEMS)
    while True:
        page = read(requested)
        separator = b"," if requested.after is not None else b""
        # The brackets of the array are left out.
        yield separator + orjson.dumps(page.items)[1:-1]
        if page.next_key is None or given_up.is_set():
            return
        requested = replace(requested, after=page.next_key)
        time.sleep(PAUSE_SECONDS)
