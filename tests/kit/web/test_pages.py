"""services.kit.web.pages: limits and cursors."""

import base64
import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.errors import ValidationFailed
from services.kit.web.pages import KeyOrders, Orders, Page, PageRequest, SortKey, page_of, page_request

# Values that databases can store: no surrogates, no NUL, 64 bits.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = st.integers(-(2**63), 2**63 - 1)
KEYS = st.lists(NUMBERS | TEXTS, min_size=1, max_size=4).map(tuple)
NOT_A_CURSOR = {"cursor": ["must be a nextCursor of this list"]}
OF_ANOTHER_LIST = {"cursor": ["must be a nextCursor of this list with the same filters and the same sort"]}
NOT_A_LIMIT = {"limit": ["must be a whole number from 1 to 100"]}


def encoded(document: object) -> str:
    """Return the document as a cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(document)).decode().rstrip("=")


def field_errors(limit: str | None, cursor: str | None) -> object:
    """Return the errors of the parameters."""
    with pytest.raises(ValidationFailed) as error:
        page_request(limit, cursor, (int, str))
    details: Any = error.value.extra["details"]
    assert details["formErrors"] == []
    return details["fieldErrors"]


@given(KEYS, TEXTS)
def test_a_cursor_is_read_as_its_sort_key_by_the_list_it_is_bound_to(key: SortKey, binding: str) -> None:
    requested = PageRequest(limit=1, sort="key", binding=binding)
    page = page_of(["last", "the next page's"], requested, Orders("key", {"key": lambda _: key}))
    assert page.items == ["last"]
    cursor = requested.cursor_after(page.next_key)
    assert cursor is not None
    assert cursor.replace("-", "").replace("_", "").isalnum()
    types = [type(part) for part in key]
    assert page_request("1", cursor, types, sort="key", binding=binding) == replace(requested, after=key)
    with pytest.raises(ValidationFailed) as error:
        page_request("1", cursor, types, sort="key", binding=f"not {binding}")
    assert error.value.extra == {"details": {"formErrors": [], "fieldErrors": OF_ANOTHER_LIST}}


@given(st.text() | st.binary().map(lambda content: base64.urlsafe_b64encode(content).decode()))
def test_any_text_is_a_cursor_or_refused(cursor: str) -> None:
    try:
        after = page_request(None, cursor, (int, str)).after
    except ValidationFailed as error:
        assert error.extra == {"details": {"formErrors": [], "fieldErrors": NOT_A_CURSOR}}
    else:
        assert after is not None
        assert [type(part) for part in after] == [int, str]


FORGED: list[Any] = [
    *(None, 1, "text", {}, [], [1], [""], [1, "a"], [None, 1, "a"], [[""], 1, "a"]),
    *(["", 1], ["", "1", "a"], ["", 1, 2], ["", True, "a"], ["", 1.0, "a"], ["", None, "a"], ["", 1, "a", "b"]),
    *(["", [1], "a"], ["", 2**63, "a"], ["", -(2**63) - 1, "a"], ["", 1, "a\0"]),
]


@pytest.mark.parametrize(
    "cursor",
    [
        # Not orjson, which writes no number of more than 64 bits.
        *(base64.urlsafe_b64encode(json.dumps(document).encode()).decode() for document in FORGED),
        *("", "!", "é", "a b", "=", "\0", encoded(["", 1, "a"])[:-2], encoded(["", 1, "a"]) + "AAAA"),
    ],
)
def test_a_forged_or_damaged_cursor_is_refused(cursor: str) -> None:
    assert field_errors("10", cursor) == NOT_A_CURSOR


@pytest.mark.parametrize(
    "limit", ["", "0", "101", "1000", "-1", "+1", "1.0", " 1", "1 ", "ten", "１", "²", "1e1", "9" * 5000]
)
def test_a_limit_outside_its_bounds_is_refused(limit: str) -> None:
    assert field_errors(limit, None) == NOT_A_LIMIT


@pytest.mark.parametrize(
    ("limit", "cursor", "default", "expected"),
    [
        (None, None, None, PageRequest(limit=None, after=None)),
        (None, None, 20, PageRequest(limit=20, after=None)),
        (None, encoded(["", 1, "a"]), None, PageRequest(limit=50, after=(1, "a"))),
        (None, encoded(["", 1, "a"]), 20, PageRequest(limit=20, after=(1, "a"))),
        ("1", None, 20, PageRequest(limit=1, after=None)),
        ("100", None, None, PageRequest(limit=100, after=None)),
        ("007", encoded(["", 1, "a"]), None, PageRequest(limit=7, after=(1, "a"))),
    ],
)
def test_absent_parameters_have_defaults(
    limit: str | None, cursor: str | None, default: int | None, expected: PageRequest
) -> None:
    assert page_request(limit, cursor, (int, str), default) == expected


def test_a_page_with_all_items_is_the_last_one() -> None:
    # The key is not needed.
    no_key: KeyOrders[int] = Orders("key", {})

    # One more item is fetched than requested.
    assert (PageRequest().fetch_limit, PageRequest(limit=10).fetch_limit) == (None, 11)
    assert page_of([1, 2], PageRequest(limit=2), no_key) == Page([1, 2], None)
    assert page_of([1, 2], PageRequest(), no_key) == Page([1, 2], None)
    assert page_of([], PageRequest(limit=2), no_key) == Page([], None)
