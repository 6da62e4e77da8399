"""services.kit.web.entity_tags: the tags of records, and If-Match."""

from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.kit.core.errors import PreconditionFailed, ValidationFailed
from services.kit.core.instants import truncated
from services.kit.web.entity_tags import ANY_STATE, entity_tag, if_match, require_match

NOT_TAGS = {"If-Match": ['must be * or ETags in quotes, such as "3-19d3f2a81c0"']}
TAG_TEXTS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"'), max_size=20)
BLANKS = st.text(" \t", max_size=3)


class Record(NamedTuple):
    version: int
    updated_at: datetime


records = st.builds(Record, st.integers(1, 2**63 - 1), st.datetimes(timezones=st.just(UTC)).map(truncated))


@given(records)
def test_a_record_matches_its_own_tag_also_when_a_proxy_made_it_weak(record: Record) -> None:
    for header in (entity_tag(record), f"W/{entity_tag(record)}"):
        states = if_match(header)
        assert states == frozenset({entity_tag(record)})
        require_match(record, states)
    require_match(record, ANY_STATE)
    with pytest.raises(PreconditionFailed):
        require_match(record, if_match('W/"1-0x"'))


@given(records, records)
def test_two_states_have_different_tags(one: Record, other: Record) -> None:
    assert (entity_tag(one) == entity_tag(other)) == (one == other)


@given(st.lists(st.tuples(st.sampled_from(["", "W/"]), TAG_TEXTS, BLANKS, BLANKS), min_size=1, max_size=5))
def test_a_list_of_tags_is_read_with_any_spaces(tags: list[tuple[str, str, str, str]]) -> None:
    header = ",".join(f'{before}{weak}"{text}"{after}' for weak, text, before, after in tags)
    assert if_match(header) == frozenset(f'"{text}"' for _, text, _, _ in tags)


@given(st.text())
@example("")
@example(",")
@example('"a" "b"')
@example('"a",')
@example("*, *")
@example('W/"a')
@example('w/"a"')
@example('"' * 10_001)
def test_any_text_is_tags_or_refused_with_the_header_s_name(header: str) -> None:
    try:
        states = if_match(header)
    except ValidationFailed as error:
        assert error.extra == {"details": {"formErrors": [], "fieldErrors": NOT_TAGS}}
        return
    assert (states is None) == (header.strip() == "*")
    if states is not None:
        # The tags are in the header, and reading them again gives the same.
        assert all(tag in header for tag in states)
        assert if_match(", ".join(sorted(states))) == states


def test_without_the_header_or_with_a_star_any_state_matches() -> None:
    assert (if_match(None), if_match(" * ")) == (ANY_STATE, ANY_STATE)
