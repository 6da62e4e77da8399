"""What is not a valid request: the field that is wrong is named, and nothing is written."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.content.client import Client, access_token
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import (
    EVENT,
    EVENTS,
    LESSON,
    LESSONS,
    MATERIALS,
    MEBIBYTE,
    NEW_EVENT,
    NEW_FILE,
    NEW_LESSON,
    everything,
)
from tests.matching import Matching
from tests.refusals import INVALID_JSON, NOT_JSON, TOO_LARGE, Answer, invalid

WRITES = [
    pytest.param("POST", EVENTS, id="new event"),
    pytest.param("PUT", EVENT, id="event"),
    pytest.param("POST", LESSONS, id="new lesson"),
    pytest.param("PUT", LESSON, id="lesson"),
    pytest.param("POST", MATERIALS, id="new materials"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_body_that_is_not_json_is_a_request_error_and_writes_nothing(
    client: Client, store: InMemoryContentStore, method: str, path: str
) -> None:
    before = everything(store)
    bodies = [b"", b" ", b"{", b"{'title': 'x'}", b'{"title": NaN}', b"\xff\xfe", b'{"title": "\xc3"}', b'{"a":1}{}']
    bodies += [b'{"title": "\\ud800"}', b'{"title": "a\nb"}', b"[" * 100_000]
    json_type = {"Content-Type": "application/json"}
    answers = [client.send(method, path, access_token(), body=body, headers=json_type) for body in bodies]
    assert answers == [INVALID_JSON] * len(bodies)
    assert everything(store) == before


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", "json", ""],
)
def test_a_body_of_another_content_type_is_not_read(
    client: Client, store: InMemoryContentStore, method: str, path: str, content_type: str
) -> None:
    before = everything(store)
    headers = {"Content-Type": content_type}
    body = b'{"title": "New", "slug": "new"}'
    assert client.send(method, path, access_token(), body=body, headers=headers) == NOT_JSON
    assert client.send(method, path, access_token(), body=body) == NOT_JSON
    assert everything(store) == before


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("document", [[], "text", 5, True, [{}]])
def test_a_document_that_is_not_an_object_is_a_validation_error(
    client: Client, method: str, path: str, document: object
) -> None:
    assert client.admin(method, path, document) == invalid({}, ["must be a JSON object"])


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_null_is_not_an_object(client: Client, method: str, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.send(method, path, access_token(), body=b"null", headers=headers)
    assert answer == invalid({}, ["must be a JSON object"])


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_body_over_one_mebibyte_is_too_large(
    client: Client, store: InMemoryContentStore, method: str, path: str
) -> None:
    before = everything(store)
    body = b'{"title": "' + b"x" * MEBIBYTE + b'"}'
    headers = {"Content-Type": "application/json"}
    assert client.send(method, path, access_token(), body=body, headers=headers) == TOO_LARGE
    assert everything(store) == before


def test_a_body_of_exactly_one_mebibyte_is_read(client: Client) -> None:
    document = b'{"title": "Other"}'
    body = document + b" " * (MEBIBYTE - len(document))
    headers = {"Content-Type": "application/json"}
    assert client.send("PUT", EVENT, access_token(), body=body, headers=headers).status == 200
    assert client.send("PUT", EVENT, access_token(), body=body + b" ", headers=headers) == TOO_LARGE


@pytest.mark.parametrize("path", [EVENT, LESSON])
@pytest.mark.parametrize("document", [{}, {"unknown": 1}, {"id": "x", "createdAt": None}])
def test_an_update_must_change_something(client: Client, path: str, document: dict[str, object]) -> None:
    assert client.admin("PUT", path, document) == invalid({}, ["At least one field is required"])


@pytest.mark.parametrize(
    ("path", "document", "missing"),
    [
        (EVENTS, {}, ["title", "slug"]),
        (EVENTS, {"title": "New"}, ["slug"]),
        (LESSONS, {}, ["title", "slug", "releaseAt"]),
        (LESSONS, {"title": "New", "slug": "new", "release_at": "2026-03-01T12:00:00Z"}, ["releaseAt"]),
        (MATERIALS, {}, ["files"]),
    ],
)
def test_every_missing_field_is_named(
    client: Client, store: InMemoryContentStore, path: str, document: dict[str, Any], missing: list[str]
) -> None:
    before = everything(store)
    assert client.admin("POST", path, document) == invalid({field: ["is required"] for field in missing})
    assert everything(store) == before


WRONG_TEXTS: list[object] = [
    None,
    5,
    1.5,
    True,
    [],
    {},
    ["text"],
    "te\u0000xt",
    "te\u0007xt",
    "te\u007fxt",
    "te\u0085xt",
]
WRONG_ADDRESSES: list[object] = [
    "",
    "flix.app",
    "/logo.png",
    "//flix.app/logo.png",
    "javascript:alert(1)",
    "JavaScript:alert(1)//https://flix.app",
    "data:text/html,x",
    "file:///etc/passwd",
    "ftp://flix.app/x",
    "https://",
    "https:///x",
    "https://flix app/x",
    "https://flix.app/a b",
    "https://flix.app/a\nb",
    "https://[::1/x",
    "https://flix.app:99999/x",
    5,
]
WRONG_INSTANTS: list[object] = [
    "",
    "soon",
    "2026-03-01",
    "2026-03-01T12:00:00",
    "2026-03-01 12:00:00Z",
    "20260301T120000Z",
    "2026-03-01T12:00:00+0100",
    "2026-03-01T24:00:00Z",
    "2026-03-01T12:00:60Z",
    "2026-02-29T12:00:00Z",
    "2026-13-01T12:00:00Z",
    "2026-03-01T12:00:00+25:00",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "10000-01-01T00:00:00Z",
    "+2026-03-01T12:00:00Z",
    "٢٠٢٦-03-01T12:00:00Z",
    1772366400000,
    1.5,
    True,
    [],
]
EVENT_MISFITS: Mapping[str, Sequence[object]] = {
    "title": [*WRONG_TEXTS, "", "  ", "ab", " ab "],
    "slug": [*WRONG_TEXTS, "", "ab", " ab ", "---", "!!!", "日本語", "x" * 401],
    "description": [*WRONG_TEXTS, "x" * 501],
    "shortDescription": [*WRONG_TEXTS, "x" * 221],
    "longDescription": [*WRONG_TEXTS, "x" * 4001],
    "isActive": [None, 0, 1, "true", "false", [], {}],
    "visibility": [None, 5, "", "secret", "PUBLIC", "public ", [], {}],
    "accessKey": [5, True, [], {}, "", "12345", "  12345  ", "x" * 65, "123\u0000456"],
    "hero": [None, [], "text", 5, {}, {"title": "a", "subtitle": "b"}],
    "visualStyle": [None, [], "text", 5, {}, {"backgroundColor": "#111111"}],
    "logoUrl": [*WRONG_ADDRESSES, "https://flix.app/" + "x" * 400],
    "highlightVideoUrl": [*WRONG_ADDRESSES, "https://flix.app/" + "x" * 400],
}
LESSON_MISFITS: Mapping[str, Sequence[object]] = {
    "title": [*WRONG_TEXTS, "", "ab", " ab "],
    "slug": [*WRONG_TEXTS, "", "ab", " ab ", "x" * 401],
    "description": [*WRONG_TEXTS, "x" * 401],
    "videoProvider": [None, 5, "", "YouTube", "dailymotion", []],
    "videoId": [*WRONG_TEXTS, "", "ab", " ab ", "x" * 121],
    "releaseAt": [*WRONG_INSTANTS, None],
    "expiresAt": WRONG_INSTANTS,
}
FILE_MISFITS: Mapping[str, Sequence[object]] = {
    "fileName": [*WRONG_TEXTS, "", " ", "x" * 201],
    "mimeType": [None, "", "text/html", "TEXT/PLAIN", "image/svg+xml", "text/plain; charset=utf-8", 5],
    "sizeBytes": [None, 0, -1, 25 * MEBIBYTE + 1, 10**30, 1.5, 1e300, "7", True, []],
    "downloadUrl": [*WRONG_ADDRESSES, None],
}
# These clear the field of an update and are no text in a new record.
NULLABLE = {"accessKey", "logoUrl", "highlightVideoUrl", "expiresAt"}


@pytest.mark.parametrize("field", EVENT_MISFITS)
def test_an_event_s_field_of_the_wrong_kind_or_length_is_named_and_nothing_is_written(
    client: Client, store: InMemoryContentStore, field: str
) -> None:
    before = everything(store)
    for value in [*EVENT_MISFITS[field], *([None] if field in NULLABLE else [])]:
        answer = client.admin("POST", EVENTS, {**NEW_EVENT, field: value})
        assert (answer, list(named(answer))) == (invalid(named(answer)), [field]), value
    for value in EVENT_MISFITS[field]:
        answer = client.admin("PUT", EVENT, {"isActive": False, field: value})
        assert (answer, list(named(answer))) == (invalid(named(answer)), [field]), value
    assert everything(store) == before


@pytest.mark.parametrize("field", LESSON_MISFITS)
def test_a_lesson_s_field_of_the_wrong_kind_or_length_is_named_and_nothing_is_written(
    client: Client, store: InMemoryContentStore, field: str
) -> None:
    before = everything(store)
    for value in [*LESSON_MISFITS[field], *([None] if field in NULLABLE else [])]:
        answer = client.admin("POST", LESSONS, {**NEW_LESSON, field: value})
        assert (answer, list(named(answer))) == (invalid(named(answer)), [field]), value
    for value in LESSON_MISFITS[field]:
        answer = client.admin("PUT", LESSON, {"description": "Other", field: value})
        assert (answer, list(named(answer))) == (invalid(named(answer)), [field]), value
    assert everything(store) == before


def named(answer: Answer) -> dict[str, list[str]]:
    """The fields that a validation error names, with their texts; none for another answer."""
    document = answer.document or {}
    errors: dict[str, list[str]] = document.get("details", {}).get("fieldErrors", {})
    assert all(texts and all(texts) for texts in errors.values())
    return errors


@pytest.mark.parametrize(
    ("field", "longest"),
    [
        ("description", 500),
        ("shortDescription", 220),
        ("longDescription", 4000),
        ("accessKey", 64),
        ("slug", 400),
        ("title", 100_000),
    ],
)
def test_the_longest_text_is_taken_and_counted_in_characters_after_trimming(
    client: Client, field: str, longest: int
) -> None:
    text = ("x" if field == "slug" else "é") * longest
    answer = client.admin("POST", EVENTS, {**NEW_EVENT, field: f" {text} "})
    assert (answer.status, answer.document["item"][field]) == (201, text)


@pytest.mark.parametrize(
    ("group", "value", "texts"),
    [
        ("hero", {"title": "a", "subtitle": "b", "ctaText": "c", "extra": 1}, ["extra: is not a known field"]),
        ("hero", {"title": "a", "subtitle": "b", "cta_text": "c"}, ["ctaText: .+", "cta_text: is not a known field"]),
        ("hero", {"title": "", "subtitle": " ", "ctaText": "x" * 41}, ["title: .+", "subtitle: .+", "ctaText: .+"]),
        (
            "hero",
            {"title": "x" * 121, "subtitle": "x" * 221, "ctaText": None},
            ["title: .+", "subtitle: .+", "ctaText: .+"],
        ),
        ("hero", {"title": "a\u0000", "subtitle": "b", "ctaText": "c"}, ["title: must not contain control characters"]),
        (
            "visualStyle",
            {"backgroundColor": "#111111", "textColor": "#111111", "accentColor": "#111111", "fontColor": "#111111"},
            ["fontColor: is not a known field"],
        ),
        (
            "visualStyle",
            {"backgroundColor": "red", "textColor": "#fff", "accentColor": "#11111g"},
            ["backgroundColor: .+", "textColor: .+", "accentColor: .+"],
        ),
        (
            "visualStyle",
            {"backgroundColor": "#111111\n", "textColor": " #111111", "accentColor": None},
            ["backgroundColor: .+", "textColor: .+", "accentColor: .+"],
        ),
    ],
)
def test_inside_hero_and_visual_style_every_wrong_and_every_unknown_field_is_named(
    client: Client, store: InMemoryContentStore, group: str, value: dict[str, object], texts: list[str]
) -> None:
    before = everything(store)
    expected = invalid({group: [Matching(text) for text in texts]})
    assert client.admin("POST", EVENTS, {**NEW_EVENT, group: value}) == expected
    assert client.admin("PUT", EVENT, {"title": "Other", group: value}) == expected
    assert everything(store) == before


def test_a_slug_that_ends_up_empty_is_told_what_it_lacks(client: Client) -> None:
    assert client.admin("POST", EVENTS, {**NEW_EVENT, "slug": "***"}) == invalid(
        {"slug": ["must contain a letter from a to z or a digit"]}
    )


@pytest.mark.parametrize(
    ("files", "texts"),
    [
        (None, [".+"]),
        ({}, [".+"]),
        ("text", [".+"]),
        ([], [".+"]),
        ([NEW_FILE] * 21, [".+"]),
        ([NEW_FILE, 5], ["1: must be a JSON object"]),
        ([NEW_FILE, None], ["1: must be a JSON object"]),
        ([{}], [f"0.{name}: is required" for name in NEW_FILE]),
    ],
)
def test_a_list_of_files_must_be_one_of_1_to_20_objects(
    client: Client, store: InMemoryContentStore, files: object, texts: list[str]
) -> None:
    before = everything(store)
    answer = client.admin("POST", MATERIALS, {"files": files})
    assert answer == invalid({"files": [Matching(text) for text in texts]})
    assert everything(store) == before


@pytest.mark.parametrize("field", FILE_MISFITS)
def test_when_one_file_is_wrong_its_place_and_field_are_named_and_none_is_stored(
    client: Client, store: InMemoryContentStore, field: str
) -> None:
    before = everything(store)
    expected = invalid({"files": [Matching(f"1.{field}: .+")]})
    for value in FILE_MISFITS[field]:
        files = [NEW_FILE, {**NEW_FILE, field: value}, NEW_FILE]
        assert client.admin("POST", MATERIALS, {"files": files}) == expected, value
    assert everything(store) == before
