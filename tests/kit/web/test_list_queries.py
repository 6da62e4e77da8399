"""services.kit.web.list_queries: one declaration reads the parameters of a list and names those there are."""

from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from services.kit.core.errors import ValidationFailed
from services.kit.web.list_queries import Flag, Keys, ListQuery, Parameters, Search, list_request
from services.kit.web.pages import PageRequest, SortKey
from services.kit.web.schemas import Instant, absent
from tests.clock import NOON


class TalkQuery(ListQuery):
    """The query of a list of talks."""

    list_name = "talks"
    keys: ClassVar[Keys] = {"createdAt": (int, str), "title": (str, str)}

    is_open: Flag = absent()
    since: Annotated[Instant, Field(alias="from")] = absent()
    q: Search = absent()
    sort: Literal["createdAt", "-createdAt", "title", "-title"] = "createdAt"


class OpenTalkQuery(TalkQuery):
    """The query of a list with the same parameters."""

    list_name = "openTalks"
    default_limit = 20


KNOWN = "isOpen, from, q, sort, limit, cursor"
KEYS: dict[str, SortKey] = {"createdAt": (1, "a"), "title": ("a", "b")}


def errors(parameters: Parameters, query: type[TalkQuery] = TalkQuery, *parents: str) -> dict[str, list[str]]:
    """Return the errors of the parameters by name."""
    with pytest.raises(ValidationFailed) as error:
        list_request(query, parameters, *parents)
    details: Any = error.value.extra["details"]
    assert details["formErrors"] == []
    found: dict[str, list[str]] = details["fieldErrors"]
    return found


def test_parameters_become_filters_and_a_page() -> None:
    given_ = {
        "isOpen": "false",
        "from": "2026-03-01T13:00:00+01:00",
        "q": " U\u0308ber ",
        "sort": "-title",
        "limit": "7",
    }
    requested = list_request(TalkQuery, given_)
    query = requested.query
    assert (query.is_open, query.since, query.q, query.sort) == (False, NOON, "Über", "-title")
    assert requested.page == PageRequest(7, None, "-title", requested.page.binding)
    none = list_request(TalkQuery, {})
    assert none.query.model_dump() == {"is_open": None, "since": None, "q": None, "sort": "createdAt"}
    assert (none.page.limit, none.page.sort) == (None, "createdAt")
    assert list_request(OpenTalkQuery, {}).page.limit == 20


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"isopen": "true"}, {"isopen": f"is no parameter of this list, which takes {KNOWN}"}),
        ({"": ""}, {"": f"is no parameter of this list, which takes {KNOWN}"}),
        ({"q": ["a", "b"], "limit": ["1", "1"]}, {"q": "must be given once", "limit": "must be given once"}),
        ({"isOpen": ""}, {"isOpen": "must be true or false"}),
        ({"isOpen": "True"}, {"isOpen": "must be true or false"}),
        ({"from": "today"}, {"from": "must be an ISO 8601 instant with a zone, such as 2026-03-01T12:00:00.000Z"}),
        ({"q": ""}, {"q": "must have at least 1 characters"}),
        ({"q": "\u200b"}, {"q": "must have at least 1 characters"}),
        ({"q": "a\nb"}, {"q": "must not contain line breaks"}),
        ({"sort": "slug"}, {"sort": "Input should be 'createdAt', '-createdAt', 'title' or '-title'"}),
        ({"sort": ""}, {"sort": "Input should be 'createdAt', '-createdAt', 'title' or '-title'"}),
        ({"limit": "0"}, {"limit": "must be a whole number from 1 to 100"}),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(parameters: Parameters, expected: dict[str, str]) -> None:
    assert errors(parameters) == {name: [text] for name, text in expected.items()}


def test_a_refusal_names_ten_parameters_at_most() -> None:
    assert len(errors({f"x{number}": "" for number in range(4000)})) == 10


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "isOpen": st.sampled_from(["true", "false"]),
            "q": st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=9),
            "sort": st.sampled_from(["createdAt", "-createdAt", "title", "-title"]),
            "limit": st.sampled_from(["1", "100"]),
        },
    )
)
def test_the_link_leads_to_the_next_page_with_the_same_parameters(parameters: dict[str, str]) -> None:
    first = list_request(TalkQuery, parameters, "parent")
    key = KEYS[first.page.sort.removeprefix("-")]
    cursor = first.page.cursor_after(key)
    link = first.link(cursor)
    assert link is not None
    assert (link[:2], link[-13:], link.isascii()) == ("<?", '>; rel="next"', True)
    following = dict(parse_qsl(link[2:-13]))
    assert following == {**parameters, "cursor": cursor}
    second = list_request(TalkQuery, following, "parent")
    assert (second.query, second.page.after) == (first.query, key)
    assert (first.link(None), first.page.cursor_after(None)) == (None, None)


def test_a_cursor_is_of_one_list_parent_order_and_filter() -> None:
    given_ = {"isOpen": "true", "from": "2026-03-01T12:00:00Z", "q": "a", "sort": "title"}
    requested = list_request(TalkQuery, given_, "parent")
    cursor = str(requested.page.cursor_after(("a", "b")))
    # The same instant, text and list, and another limit.
    same = {**given_, "from": "2026-03-01T13:00+01:00", "q": " a ", "limit": "3", "cursor": cursor}
    assert list_request(TalkQuery, same, "parent").page.after == ("a", "b")
    others = [
        *({**given_, **other} for other in ({"isOpen": "false"}, {"from": "2026-03-01T12:00:01Z"}, {"q": "b"})),
        *({**given_, "sort": sort} for sort in ("-title", "createdAt")),
        *({name: value for name, value in given_.items() if name != without} for without in given_),
    ]
    for query, parameters, parents in (
        *((TalkQuery, each, ("parent",)) for each in others),
        (OpenTalkQuery, given_, ("parent",)),
        (TalkQuery, given_, ("other",)),
        (TalkQuery, given_, ()),
    ):
        text = "must be a nextCursor of this list with the same filters and the same sort"
        assert errors({**parameters, "cursor": cursor}, query, *parents) == {"cursor": [text]}, parameters
