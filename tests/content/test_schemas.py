"""services.content.schemas: any document at all is read or refused, and what is read can be stored and answered."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from services.content.schemas.incoming import AccessRequest, EventPatch, LessonPatch, NewEvent, NewLesson, NewMaterials

from services.content import rules
from services.kit.core.instants import format_instant
from services.kit.web.schemas import Patch
from tests.contract.samples import HERO, event_body, file_body, lesson_body
from tests.documents import judged, nearly

GOOD_EVENT = {
    **event_body(slug="An Event!"),
    "description": " text ",
    "shortDescription": "",
    "accessKey": "open sesame",
    "isActive": True,
    "hero": HERO,
    "visualStyle": {"backgroundColor": "#000000", "textColor": "#ffffff", "accentColor": "#e50914"},
    "logoUrl": "https://files.example/logo.png",
}
GOOD_LESSON = {**lesson_body(slug=" A lesson "), "expiresAt": "2999-01-01T00:00:00+05:30", "videoProvider": "vimeo"}
GOOD_FILES = {"files": [file_body(), file_body(sizeBytes=1.0)]}


@given(nearly(GOOD_EVENT))
def test_any_document_is_an_event_or_refused(document: Any) -> None:
    event = judged(NewEvent, document)

    if isinstance(event, NewEvent):
        fields = event.fields()
        assert (fields["title"], fields["slug"]) == (fields["title"].strip(), rules.event_slug(fields["slug"]))
        assert fields["slug"]
        # What was read is read again as the same; a slug may have become shorter than what is asked for.
        assert judged(NewEvent, {**document, "slug": f"- {fields['slug']} -", "title": fields["title"]}) == event


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
        assert changes.changes()


@given(nearly({"eventAccessKey": "open sesame"}))
def test_any_document_asks_for_access_or_is_refused(document: Any) -> None:
    request = judged(AccessRequest, document)

    if isinstance(request, AccessRequest):
        key = request.event_access_key
        assert key is None or (6 <= len(key) <= 64 and key == key.strip())


def test_the_good_documents_are_good() -> None:
    # Or the tests above would never see one that is read.
    for schema, document in ((NewEvent, GOOD_EVENT), (NewLesson, GOOD_LESSON), (NewMaterials, GOOD_FILES)):
        assert judged(schema, document) is not None
