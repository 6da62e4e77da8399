"""The schemas of content: each body is read or refused, and each wrong field is named."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from services.content import rules
from services.content.entities import Upload
from services.content.schemas import events, lessons
from services.content.schemas.events import EventPatch, EventView, NewEvent
from services.content.schemas.learners import AccessRequest, CatalogView, PlaybackView
from services.content.schemas.lessons import LessonPatch, LessonView, NewLesson, NewMaterials
from services.kit.core.errors import ValidationFailed
from services.kit.core.instants import format_instant
from services.kit.core.texts import slug_form
from services.kit.web.schemas import Patch, validated
from tests.content.examples import a_lesson, an_event, event_changes, lesson_changes
from tests.content.resources.answers import NEW_EVENT, NEW_FILE, NEW_LESSON
from tests.contract.samples import HERO, event_body, file_body, lesson_body
from tests.documents import judged, nearly
from tests.matching import Matching

COLORS = {"backgroundColor": "#000000", "textColor": "#ffffff", "accentColor": "#e50914"}
GOOD_EVENT = {
    **event_body(slug="An Event!"),
    "description": " text ",
    "shortDescription": "",
    "accessKey": "open sesame",
    "isActive": True,
    "hero": HERO,
    "visualStyle": COLORS,
    "logoUrl": "https://files.example/logo.png",
}
GOOD_LESSON = {**lesson_body(slug=" A lesson "), "expiresAt": "2999-01-01T00:00:00+05:30", "videoProvider": "vimeo"}
STORED = an_event(
    access_key="let-me-in",
    highlight_video_url="https://flix.app/video",
    text_color="#eeeeee",
    background_color="#010101",
    accent_color="#ff0000",
)
GOOD_FILES = {"files": [file_body(), file_body(sizeBytes=1.0)]}


def errors(schema: type[BaseModel], document: object) -> dict[str, Any]:
    """Return the field errors of a refused document; fail when it is read."""
    with pytest.raises(ValidationFailed) as refusal:
        validated(schema, document)
    details: Any = refusal.value.extra["details"]
    assert (details["formErrors"] == []) == bool(details["fieldErrors"])
    return dict(details["fieldErrors"])


# Any document


@given(nearly(GOOD_EVENT))
def test_any_document_is_an_event_or_refused(document: Any) -> None:
    event = judged(NewEvent, document)

    if isinstance(event, NewEvent):
        fields = event.fields()
        assert (fields.title, fields.slug) == (fields.title.strip(), slug_form(fields.slug))
        assert fields.slug
        # Reading the result again gives the same; a slug may have become shorter than the least length.
        assert judged(NewEvent, {**document, "slug": f"- {fields.slug} -", "title": fields.title}) == event


@given(nearly(GOOD_LESSON))
def test_any_document_is_a_lesson_or_refused(document: Any) -> None:
    lesson = judged(NewLesson, document)

    if isinstance(lesson, NewLesson):
        again = {"releaseAt": format_instant(lesson.release_at), "slug": lesson.slug}
        assert judged(NewLesson, {**document, **again}) == lesson
        assert rules.is_addressable(lesson.slug)


@given(nearly(GOOD_FILES))
def test_any_document_is_materials_or_refused(document: Any) -> None:
    materials = judged(NewMaterials, document)

    if isinstance(materials, NewMaterials):
        assert 1 <= len(materials.uploads()) <= 20
        assert all(1 <= upload.size_bytes <= 25 * 1024 * 1024 for upload in materials.uploads())


@pytest.mark.parametrize(("patch", "good"), [(EventPatch, GOOD_EVENT), (LessonPatch, GOOD_LESSON)])
@given(data=st.data())
def test_any_document_is_a_change_or_refused(patch: Any, good: dict[str, Any], data: st.DataObject) -> None:
    changes = judged(patch, data.draw(nearly(good)))

    if isinstance(changes, Patch):
        assert changes.model_fields_set


@given(nearly({"eventAccessKey": "open sesame"}))
def test_any_document_asks_for_access_or_is_refused(document: Any) -> None:
    request = judged(AccessRequest, document)

    if isinstance(request, AccessRequest):
        key = request.event_access_key
        assert key is None or (6 <= len(key) <= 64 and key == key.strip())


def test_the_good_documents_are_read() -> None:
    # Otherwise the tests above would prove nothing.
    for schema, document in ((NewEvent, GOOD_EVENT), (NewLesson, GOOD_LESSON), (NewMaterials, GOOD_FILES)):
        assert judged(schema, document) is not None


@pytest.mark.parametrize("mime_type", ["application/pdf", "application/zip", "image/png", "image/jpeg", "text/plain"])
@pytest.mark.parametrize("size", [1, 20.0, 25 * 1024 * 1024])
def test_every_documented_type_and_size_of_file_is_taken(mime_type: str, size: float) -> None:
    file = {**NEW_FILE, "mimeType": mime_type, "sizeBytes": size, "id": "material-0", "position": 99}
    [upload] = validated(NewMaterials, {"files": [file]}).uploads()
    assert upload == Upload("notes.txt", mime_type, int(size), "https://files.flix.app/notes.txt")


# Changes


@pytest.mark.parametrize(
    ("document", "changes"),
    [
        ({"title": " Other ", "slug": "launch"}, {"title": "Other"}),
        ({"slug": "An other"}, {"slug": "an-other"}),
        ({"description": "d"}, {"short_description": "d"}),
        ({"shortDescription": "s"}, {"short_description": "s"}),
        ({"description": "d", "shortDescription": ""}, {"short_description": ""}),
        ({"description": "d", "shortDescription": "Short"}, {"short_description": "d"}),
        ({"description": "d", "shortDescription": " Short "}, {"short_description": "d"}),
        ({"description": "Short", "shortDescription": "s"}, {"short_description": "s"}),
        ({"longDescription": "", "isActive": False}, {"long_description": "", "is_active": False}),
        ({"accessKey": None, "logoUrl": None}, {"access_key": None, "logo_url": None}),
        ({"highlightVideoUrl": None, "visibility": "private"}, {"highlight_video_url": None, "visibility": "private"}),
        (
            {"hero": {"title": "a", "subtitle": "b", "ctaText": "c"}},
            {"hero_title": "a", "hero_subtitle": "b", "hero_cta_text": "c"},
        ),
        (
            {"visualStyle": COLORS},
            {"background_color": "#000000", "text_color": "#ffffff", "accent_color": "#e50914"},
        ),
    ],
)
def test_a_patch_of_an_event_sets_the_sent_fields(document: object, changes: dict[str, Any]) -> None:
    assert events.event_changes(document, STORED) == event_changes(**changes)(STORED)


def test_a_patch_of_a_lesson_sets_the_sent_fields() -> None:
    stored = a_lesson()
    assert lessons.lesson_changes({"expiresAt": None}, stored) == lesson_changes(expires_at=None)(stored)
    document = {"slug": " OTHER ", "description": "", "videoProvider": "vimeo", "videoId": "abc"}
    expected = lesson_changes(slug="other", description="", video_provider="vimeo", video_id="abc")(stored)
    assert lessons.lesson_changes(document, stored) == expected


# Wrong fields

WRONG_TEXTS: list[object] = [
    *(None, 5, 1.5, True, [], {}, ["text"]),
    *("te\u0000xt", "te\u0007xt", "te\u007fxt", "te\u0085xt"),
]
WRONG_ADDRESSES: list[object] = [
    *("", "flix.app", "/logo.png", "//flix.app/logo.png", "javascript:alert(1)"),
    *("JavaScript:alert(1)//https://flix.app", "data:text/html,x", "file:///etc/passwd", "ftp://flix.app/x"),
    *("https://", "https:///x", "https://flix app/x", "https://flix.app/a b", "https://flix.app/a\nb"),
    *("https://[::1/x", "https://flix.app:99999/x", 5),
]
WRONG_INSTANTS: list[object] = [
    *("", "soon", "2026-03-01", "2026-03-01T12:00:00", "2026-03-01 12:00:00Z", "20260301T120000Z"),
    *("2026-03-01T12:00:00+0100", "2026-03-01T24:00:00Z", "2026-03-01T12:00:60Z", "2026-02-29T12:00:00Z"),
    *("2026-13-01T12:00:00Z", "2026-03-01T12:00:00+25:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01"),
    *("9999-12-31T23:59:59-00:01", "10000-01-01T00:00:00Z", "+2026-03-01T12:00:00Z", "٢٠٢٦-03-01T12:00:00Z"),
    *(1772366400000, 1.5, True, []),
]
EVENT_MISFITS: Mapping[str, Sequence[object]] = {
    "title": [*WRONG_TEXTS, "", "  ", "ab", " ab "],
    "slug": [*WRONG_TEXTS, "", "ab", " ab ", "---", "!!!", "日本語", "x" * 401],
    "description": [*WRONG_TEXTS, "x" * 501],
    "shortDescription": [*WRONG_TEXTS, "x" * 501],
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
    "slug": [*WRONG_TEXTS, "", "ab", " ab ", "x" * 401, "one/two", "/one", "one\ttwo", "one\ntwo", "one\r\ntwo"],
    "description": [*WRONG_TEXTS, "x" * 401],
    "videoProvider": [None, 5, "", "YouTube", "dailymotion", []],
    "videoId": [*WRONG_TEXTS, "", "ab", " ab ", "x" * 121],
    "releaseAt": [*WRONG_INSTANTS, None],
    "expiresAt": WRONG_INSTANTS,
}
FILE_MISFITS: Mapping[str, Sequence[object]] = {
    "fileName": [*WRONG_TEXTS, "", " ", "x" * 201],
    "mimeType": [None, "", "text/html", "TEXT/PLAIN", "image/svg+xml", "text/plain; charset=utf-8", 5],
    "sizeBytes": [None, 0, -1, 25 * 1024 * 1024 + 1, 10**30, 1.5, 1e300, "7", True, []],
    "downloadUrl": [*WRONG_ADDRESSES, None],
}


@pytest.mark.parametrize(
    ("new", "patch", "good", "misfits"),
    [(NewEvent, EventPatch, NEW_EVENT, EVENT_MISFITS), (NewLesson, LessonPatch, NEW_LESSON, LESSON_MISFITS)],
)
def test_a_wrong_field_is_named(
    new: type[BaseModel], patch: type[BaseModel], good: Mapping[str, Any], misfits: Mapping[str, Sequence[object]]
) -> None:
    for field, values in misfits.items():
        for value in values:
            # In a creation null is as if not sent.
            if value is not None or field in good:
                assert list(errors(new, {**good, field: value})) == [field], (field, value)
            assert list(errors(patch, {field: value})) == [field], (field, value)


@pytest.mark.parametrize(("new", "good"), [(NewEvent, NEW_EVENT), (NewLesson, NEW_LESSON)])
def test_null_in_a_creation_is_as_if_not_sent(new: type[BaseModel], good: Mapping[str, Any]) -> None:
    names = new.model_json_schema(by_alias=True)["properties"]
    assert validated(new, {**dict.fromkeys(names), **good}) == validated(new, good)
    assert errors(new, dict.fromkeys(names)) == {name: ["is required"] for name in good}


@pytest.mark.parametrize("field", FILE_MISFITS)
def test_a_wrong_field_of_a_file_is_named_with_its_place(field: str) -> None:
    for value in FILE_MISFITS[field]:
        files: list[Any] = [NEW_FILE, {**NEW_FILE, field: value}, NEW_FILE]
        assert errors(NewMaterials, {"files": files}) == {"files": [Matching(f"1.{field}: .+")]}, value


@pytest.mark.parametrize(
    ("files", "texts"),
    [
        *((wrong, [".+"]) for wrong in (None, "text", [], [NEW_FILE] * 21)),
        *(([NEW_FILE, file], ["1: must be a JSON object"]) for file in (5, None)),
        ([{}], [f"0.{name}: is required" for name in NEW_FILE]),
    ],
)
def test_files_are_a_list_of_1_to_20_objects(files: object, texts: list[str]) -> None:
    assert errors(NewMaterials, {"files": files}) == {"files": [Matching(text) for text in texts]}


@pytest.mark.parametrize(
    ("schema", "document", "expected"),
    [
        (NewEvent, {}, {"title": ["is required"], "slug": ["is required"]}),
        (NewEvent, {"title": "New", "slug": "***"}, {"slug": ["must contain a letter from a to z or a digit"]}),
        (NewLesson, {}, {"title": ["is required"], "slug": ["is required"], "releaseAt": ["is required"]}),
        (NewLesson, {**NEW_LESSON, "releaseAt": None, "release_at": "2026-03-01T12:00:00Z"}, {"releaseAt": [".+"]}),
        (
            NewLesson,
            {**NEW_LESSON, "slug": "a/bc"},
            {"slug": ["must not contain a slash or a line break: no address could name it"]},
        ),
        (NewMaterials, {}, {"files": ["is required"]}),
        *((patch, {}, {}) for patch in (EventPatch, LessonPatch)),
        *((patch, {"id": "x", "createdAt": None}, {}) for patch in (EventPatch, LessonPatch)),
    ],
)
def test_missing_fields_are_named(schema: type[BaseModel], document: object, expected: dict[str, list[str]]) -> None:
    assert errors(schema, document) == {name: [Matching(text) for text in texts] for name, texts in expected.items()}


@pytest.mark.parametrize(
    ("group", "value", "texts"),
    [
        ("hero", {"title": "a", "subtitle": "b", "ctaText": "c", "extra": 1}, ["extra: is not a known field"]),
        ("hero", {"title": "a", "subtitle": "b", "cta_text": "c"}, ["ctaText: .+", "cta_text: is not a known field"]),
        ("hero", {"title": "", "subtitle": " ", "ctaText": "x" * 41}, ["title: .+", "subtitle: .+", "ctaText: .+"]),
        ("hero", {"title": "x" * 121, "subtitle": "x" * 221, "ctaText": "c"}, ["title: .+", "subtitle: .+"]),
        ("hero", {"title": "a\u0000", "subtitle": "b", "ctaText": "c"}, ["title: must not contain control characters"]),
        ("visualStyle", {**COLORS, "fontColor": "#111111"}, ["fontColor: is not a known field"]),
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
def test_wrong_and_unknown_fields_of_a_group_are_named(group: str, value: object, texts: list[str]) -> None:
    expected = {group: [Matching(text) for text in texts]}
    assert errors(NewEvent, {**NEW_EVENT, group: value}) == expected
    assert errors(EventPatch, {group: value}) == expected


@pytest.mark.parametrize(
    ("field", "longest"),
    [("description", 500), ("shortDescription", 500), ("longDescription", 4000), ("accessKey", 64), ("slug", 400)],
)
def test_the_longest_text_is_counted_after_trimming(field: str, longest: int) -> None:
    text = ("x" if field == "slug" else "é") * longest
    event = validated(NewEvent, {**NEW_EVENT, field: f" {text} "})
    assert event.model_dump(by_alias=True)[field] == text


@pytest.mark.parametrize("key", [None, 5, True, [], {}, "", "12345", "x" * 65, "let\u0000me-in"])
def test_what_cannot_be_a_key_is_refused_and_not_repeated(key: object) -> None:
    texts = errors(AccessRequest, {"eventAccessKey": key})
    assert texts == {"eventAccessKey": [Matching(".+")]}
    assert "x" * 65 not in str(texts)


# The JSON schemas


def test_the_json_schema_of_a_body_states_its_bounds() -> None:
    new = NewLesson.model_json_schema(by_alias=True)
    assert new["required"] == ["title", "slug", "releaseAt"]
    assert all("default" not in new["properties"][name] for name in ("videoId", "expiresAt", "title"))
    assert new["properties"]["videoProvider"]["oneOf"][1]["enum"] == ["youtube", "vimeo", "gemini_stream"]
    patch = LessonPatch.model_json_schema(by_alias=True)
    names = ["title", "slug", "releaseAt", "description", "videoId", "videoProvider", "expiresAt"]
    assert (patch["minProperties"], patch["anyOf"]) == (1, [{"required": [name]} for name in names])
    assert {name: part.get("default") for name, part in patch["properties"].items()} == dict.fromkeys(names)
    key = AccessRequest.model_json_schema(by_alias=True)["properties"]["eventAccessKey"]
    assert (key["minLength"], key["maxLength"], "{4,}" in key["pattern"]) == (6, 64, True)


@pytest.mark.parametrize("view", [EventView, LessonView, CatalogView, PlaybackView])
def test_every_field_of_a_view_is_required(view: Any) -> None:
    schema = TypeAdapter(view).json_schema(mode="serialization")
    for each in (schema, *schema.get("$defs", {}).values()):
        assert each["required"] == list(each["properties"])
