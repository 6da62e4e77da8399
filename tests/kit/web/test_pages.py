"""services.kit.web.pages: cursors, limits, and pages in a total order."""

import base64
import json
from typing import Any

import orjson
import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.errors import ValidationFailed
from services.kit.storage.pages import paged
from services.kit.web.pages import Page, PageRequest, SortKey, page_of, page_request

# What databases can keep: no surrogates, no NUL, 64 bits.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = st.integers(-(2**63), 2**63 - 1)
KEYS = st.lists(NUMBERS | TEXTS, min_size=1, max_size=4).map(tuple)
NOT_A_CURSOR = {"cursor": ["must be a nextCursor of this list"]}
NOT_A_LIMIT = {"limit": ["must be a whole number from 1 to 100"]}


def encoded(document: object) -> str:
    """The document as a client would forge a cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(document)).decode().rstrip("=")


def refusal(limit: str | None, cursor: str | None, key_types: tuple[type, ...] = (int, str)) -> object:
    """What is wrong with the parameters."""
    with pytest.raises(ValidationFailed) as refused:
        page_request(limit, cursor, key_types)
    assert refused.value.status == 400
    return refused.value.extra["details"]


@given(KEYS)
def test_a_cursor_leads_back_to_its_sort_key(key: SortKey) -> None:
    page = page_of(["last", "fetched to see"], PageRequest(limit=1), lambda _: key)

    assert page.items == ["last"]
    assert page.next_cursor is not None
    assert page.next_cursor.replace("-", "").replace("_", "").isalnum()
    types = [type(part) for part in key]
    assert page_request("1", page.next_cursor, types) == PageRequest(limit=1, after=key)


@given(st.text())
def test_any_text_is_a_cursor_or_named_as_none(cursor: str) -> None:
    try:
        after = page_request(None, cursor, (int, str)).after
    except ValidationFailed as refused:
        assert refused.extra == {"details": {"formErrors": [], "fieldErrors": NOT_A_CURSOR}}
    else:
        assert after is not None
        assert [type(part) for part in after] == [int, str]


@given(st.binary())
def test_any_bytes_are_a_cursor_or_named_as_none(content: bytes) -> None:
    try:
        page_request(None, base64.urlsafe_b64encode(content).decode(), (int, str))
    except ValidationFailed as refused:
        assert refused.extra == {"details": {"formErrors": [], "fieldErrors": NOT_A_CURSOR}}


@pytest.mark.parametrize(
    "document",
    [
        None,
        1,
        "text",
        {},
        [],
        [1],
        ["1", "a"],
        [1, 2],
        [True, "a"],
        [1.0, "a"],
        [None, "a"],
        [1, "a", "b"],
        [[1], "a"],
        [2**63, "a"],
        [-(2**63) - 1, "a"],
        [1, "a\0"],
    ],
    ids=str,
)
def test_a_forged_cursor_is_refused(document: object) -> None:
    # Not orjson, which writes no number of more than 64 bits.
    text = base64.urlsafe_b64encode(json.dumps(document).encode()).decode()

    assert refusal(None, text) == {"formErrors": [], "fieldErrors": NOT_A_CURSOR}


@pytest.mark.parametrize("cursor", ["", "!", "é", "a b", "=", "\0", encoded([1, "a"])[:-2], encoded([1, "a"]) + "AAAA"])
def test_a_mangled_cursor_is_refused(cursor: str) -> None:
    assert refusal("10", cursor) == {"formErrors": [], "fieldErrors": NOT_A_CURSOR}


@pytest.mark.parametrize(
    "limit", ["", "0", "101", "1000", "-1", "+1", "1.0", " 1", "1 ", "ten", "１", "²", "1e1", "9" * 5000]
)
def test_a_limit_outside_its_bounds_is_refused(limit: str) -> None:
    assert refusal(limit, None) == {"formErrors": [], "fieldErrors": NOT_A_LIMIT}


@pytest.mark.parametrize(
    ("limit", "cursor", "default", "wanted"),
    [
        (None, None, None, PageRequest(limit=None, after=None)),
        (None, None, 20, PageRequest(limit=20, after=None)),
        (None, encoded([1, "a"]), None, PageRequest(limit=50, after=(1, "a"))),
        (None, encoded([1, "a"]), 20, PageRequest(limit=20, after=(1, "a"))),
        ("1", None, 20, PageRequest(limit=1, after=None)),
        ("100", None, None, PageRequest(limit=100, after=None)),
        ("007", encoded([1, "a"]), None, PageRequest(limit=7, after=(1, "a"))),
    ],
)
def test_what_is_not_said_has_a_default(
    limit: str | None, cursor: str | None, default: int | None, wanted: PageRequest
) -> None:
    assert page_request(limit, cursor, (int, str), default) == wanted


def test_a_page_fetches_one_more_than_it_shows() -> None:
    assert (PageRequest().fetch_limit, PageRequest(limit=10).fetch_limit) == (None, 11)


def test_a_page_that_holds_everything_is_the_last_one() -> None:
    def no_key(item: int) -> SortKey:
        raise AssertionError(f"nobody asked for the key of {item}")

    assert page_of([1, 2], PageRequest(limit=2), no_key) == Page([1, 2], None)
    assert page_of([1, 2], PageRequest(), no_key) == Page([1, 2], None)
    assert page_of([], PageRequest(limit=2), no_key) == Page([], None)


class Row(peewee.Model):
    id = peewee.TextField()
    place = peewee.IntegerField()

    class Meta:
        table_name = "rows"
        legacy_table_names = False
        primary_key = peewee.CompositeKey("place", "id")


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_together_are_the_list_in_its_order_once(database: peewee.Database, descending: bool, limit: int) -> None:
    rows = [(2, "b"), (1, "z"), (2, "a"), (-1, "it's"), (2, "c"), (1, "a"), (3, "")]
    with database.connection_context(), database.bind_ctx([Row]):
        database.create_tables([Row])
        Row.insert_many([{"place": place, "id": name} for place, name in rows]).execute()

        seen: list[Any] = []
        cursor, pages = None, 0
        while cursor is not None or not pages:
            request = page_request(str(limit), cursor, (int, str))
            fetched = list(paged(Row.select(), [Row.place, Row.id], request, descending=descending))
            page = page_of(fetched, request, lambda row: (row.place, row.id))
            seen += [(row.place, row.id) for row in page.items]
            cursor, pages = page.next_cursor, pages + 1

    assert seen == sorted(rows, reverse=descending)
    assert pages == -(-len(rows) // limit)
