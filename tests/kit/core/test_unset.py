"""Documents that repeat what is stored."""

from typing import Any

import pytest

from services.kit.core.unset import UNSET, only_changes

STORED = {"title": "ab", "size": 1, "on": True, "end": None, "hero": {"title": "", "more": "x"}, "items": [{"n": 1}]}


@pytest.mark.parametrize(
    ("document", "changes"),
    [
        (STORED, {**dict.fromkeys(STORED, UNSET), "hero": {"title": UNSET, "more": UNSET}, "items": [{"n": UNSET}]}),
        ({"title": "abc", "unknown": 1}, {"title": "abc", "unknown": 1}),
        # JSON's true is no number, and null no text.
        ({"size": True, "on": 1, "end": ""}, {"size": True, "on": 1, "end": ""}),
        ({"hero": {"title": "a", "more": "x", "new": ""}}, {"hero": {"title": "a", "more": UNSET, "new": ""}}),
        ({"hero": {}, "items": []}, {"hero": {}, "items": []}),
        ({"items": [{"n": 2}, {"n": 1}]}, {"items": [{"n": 2}, {"n": 1}]}),
        ({"items": {"n": 1}, "hero": [1]}, {"items": {"n": 1}, "hero": [1]}),
        ([], []),
        ("ab", "ab"),
    ],
)
def test_a_value_that_equals_the_stored_one_is_unset(document: Any, changes: Any) -> None:
    assert only_changes(document, STORED) == changes
