"""services.kit.web.idempotency: reading the Idempotency-Key of a request."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.kit.core.errors import RequestError, ValidationFailed
from services.kit.web.idempotency import IdempotencyKey, request_key

ROUTE = "POST /api/notes"
NO_KEY = "must be 1 to 255 printable ASCII characters, as they are or in double quotes"
PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
KEYS = st.text(PRINTABLE, min_size=1, max_size=255)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
PLACES = st.tuples(TEXTS, TEXTS, KEYS.filter(lambda text: '"' not in text))


def key_of(
    header: str = "key-1", document: object = None, route: str = ROUTE, caller: str = "admin-1"
) -> IdempotencyKey:
    """Return the key of a request."""
    key = request_key(header, route, caller, document)
    assert key is not None
    return key


@given(KEYS.filter(lambda text: not text.startswith('"')))
@example("a" * 255)
def test_a_key_is_the_same_with_and_without_quotes(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    assert key_of(f'"{escaped}"') == key_of(text)


@pytest.mark.parametrize(
    "header",
    [
        *("", '""', "a" * 256, f'"{"a" * 256}"', "é", '"é"', "🎬", "\t", "a\tb", "\x7f"),
        *('"', '"a', '"a"b', '"a";b=1', '"a\\b"', '"a", "b"'),
    ],
)
def test_an_invalid_key_is_refused_by_the_name_of_the_header(header: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        key_of(header)
    assert refusal.value.extra == {"details": {"formErrors": [], "fieldErrors": {"Idempotency-Key": [NO_KEY]}}}


@given(st.text() | st.text(PRINTABLE))
@example("\\")
@example('"\\"')
@example('"\\\\"')
def test_any_text_is_a_key_or_is_refused(header: str) -> None:
    try:
        key = key_of(header)
    except ValidationFailed as refusal:
        assert refusal.extra == {"details": {"formErrors": [], "fieldErrors": {"Idempotency-Key": [NO_KEY]}}}
    else:
        assert 1 <= len(header) <= 2 * 255 + 2
        assert header.isascii()
        assert header.isprintable()
        assert (key.route, len(key.id), key) == (ROUTE, 64, key_of(header))


def test_without_the_header_there_is_no_key() -> None:
    assert request_key(None, ROUTE, "admin-1", {}) is None


@given(PLACES, PLACES)
@example(("POST /a", "b", "key"), ("POST /a,b", "", "key"))
@example(("POST /a", "", "b"), ("POST /a", "b", "b"))
@example(("POST /a", "b", "a"), ("POST /a", "b", "b"))
def test_a_key_belongs_to_its_route_and_its_caller(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    ids = [key_of(header, None, route, caller).id for route, caller, header in (one, other)]
    assert (ids[0] == ids[1]) == (one == other)


def shuffled(document: Any) -> Any:
    """Return the document with the members of its objects in reverse order."""
    if isinstance(document, list):
        return [shuffled(each) for each in document]
    if isinstance(document, dict):
        return {name: shuffled(document[name]) for name in reversed(document)}
    return document


@given(DOCUMENTS)
def test_the_order_of_members_does_not_change_the_fingerprint(document: Any) -> None:
    assert key_of(document=shuffled(document)) == key_of(document=document)


@given(DOCUMENTS, DOCUMENTS)
@example({"a": 1}, {"a": "1"})
@example([1, 2], [2, 1])
@example({}, None)
def test_different_bodies_have_different_fingerprints(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (key_of(document=one).fingerprint == key_of(document=other).fingerprint) == same


def test_a_body_that_is_too_deep_to_compare_is_refused() -> None:
    document: Any = []
    for _ in range(300):
        document = [document]
    with pytest.raises(RequestError, match="The body is nested too deeply for an Idempotency-Key"):
        key_of(document=document)
