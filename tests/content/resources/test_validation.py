"""Bodies that are no valid request: they are refused by name; tests/kit/web proves how a body is read."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.content.client import Client, access_token, service_token
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import (
    EVENT,
    EVENTS,
    LESSON,
    LESSONS,
    MATERIALS,
    MEBIBYTE,
    NEW_FILE,
    NEW_LESSON,
    PUBLIC,
    SOME_TEXT,
    everything,
)
from tests.refusals import INVALID_JSON, NOT_JSON, TOO_LARGE, invalid

JSON = {"Content-Type": "application/json"}
WRITES: list[tuple[str, str, Any, Mapping[str, list[Any]]]] = [
    ("POST", EVENTS, {"title": "New", "isActive": "yes"}, {"slug": ["is required"], "isActive": [SOME_TEXT]}),
    ("PUT", EVENT, {"title": "Other", "visibility": None}, {"visibility": [SOME_TEXT]}),
    ("POST", LESSONS, {**NEW_LESSON, "releaseAt": "soon"}, {"releaseAt": [SOME_TEXT]}),
    ("PUT", LESSON, {"title": "Other", "videoId": "x"}, {"videoId": [SOME_TEXT]}),
    ("POST", MATERIALS, {"files": [NEW_FILE, {**NEW_FILE, "sizeBytes": 0}]}, {"files": [SOME_TEXT]}),
]


@pytest.mark.parametrize(("method", "path", "document", "fields"), WRITES)
def test_a_body_that_is_not_valid_is_refused_and_writes_nothing(
    client: Client, store: InMemoryContentStore, method: str, path: str, document: Any, fields: Mapping[str, list[Any]]
) -> None:
    before = everything(store)
    unreadable = [
        (b'{"title": NaN}', JSON, INVALID_JSON),
        (b"[]", JSON, invalid({}, ["must be a JSON object"])),
        (b'{"title": "New"}', {"Content-Type": "text/plain"}, NOT_JSON),
        (b'{"title": "' + b"x" * MEBIBYTE + b'"}', JSON, TOO_LARGE),
    ]
    for body, headers, expected in unreadable:
        assert client.send(method, path, access_token(), body=body, headers=headers) == expected
    assert client.admin(method, path, document) == invalid(fields)
    assert everything(store) == before


@pytest.mark.parametrize("path", [EVENT, LESSON])
@pytest.mark.parametrize("document", [{}, {"unknown": 1}])
def test_an_update_must_change_something(client: Client, path: str, document: dict[str, object]) -> None:
    assert client.admin("PUT", path, document) == invalid({}, ["At least one field is required"])


PUBLIC_POSTS = ["/launch/access", "/launch/catalog"] + [
    f"/launch/lessons/first/{action}" for action in ("access-check", "admission", "playback", "materials")
]


@pytest.mark.parametrize("path", PUBLIC_POSTS)
def test_the_body_of_a_learner_is_optional(client: Client, path: str) -> None:
    requests: list[dict[str, Any]] = [{}, {"body": b" \r\n", "headers": JSON}, {"json": {"unknown": 1}}]
    answers = [client.send("POST", PUBLIC + path, service_token(), **request) for request in requests]
    assert answers == [answers[0]] * len(requests)
    assert answers[0].status == 200


@pytest.mark.parametrize(
    "path", [path.replace("launch", slug) for path in PUBLIC_POSTS for slug in ("secret", "nowhere")]
)
def test_what_cannot_be_a_key_is_refused_before_the_event_is_read(client: Client, path: str) -> None:
    for key in (None, "12345"):
        answer = client.gateway("POST", PUBLIC + path, {"eventAccessKey": key})
        assert answer == invalid({"eventAccessKey": [SOME_TEXT]})
