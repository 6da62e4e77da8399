"""Strategies for JSON documents: of any shape, and nearly valid ones."""

from typing import Any

import orjson
from hypothesis import strategies as st
from pydantic import BaseModel

from services.kit.core.errors import ValidationFailed
from services.kit.web.schemas import validated

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
ANYTHING: Any = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=15
)


def nearly(good: dict[str, Any]) -> Any:
    """Return documents like the good one, with some members, also nested ones, replaced or left out."""
    return st.one_of(ANYTHING, _changed(good))


def _changed(node: Any) -> Any:
    if isinstance(node, dict):
        members = {name: _changed(value) for name, value in node.items()}
        return st.just(node) | st.fixed_dictionaries({}, optional=members) | ANYTHING
    if isinstance(node, list):
        return st.just(node) | st.lists(st.one_of(*map(_changed, node)), max_size=4) | ANYTHING
    return st.just(node) | LEAVES


def judged(schema: type[BaseModel], document: Any) -> BaseModel | None:
    """Validate the document; return None if the error is well formed, and raise any other error."""
    try:
        return validated(schema, document)
    except ValidationFailed as error:
        envelope = orjson.loads(orjson.dumps(error.envelope("request-1")))
        details = envelope["details"]
        assert details["formErrors"] or details["fieldErrors"]
        assert all(texts and all(texts) for texts in details["fieldErrors"].values())
        return None
