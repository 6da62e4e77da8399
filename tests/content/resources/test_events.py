"""Events and the snapshot over HTTP."""

from typing import Any

import pytest

from tests.clock import MILLISECOND, NOON
from tests.content.client import Client
from tests.content.examples import a_lesson
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import (
    EVENT,
    EVENT_VIEW,
    EVENTS,
    LESSONS,
    MATERIALS,
    NEW_EVENT,
    NO_BODY,
    SECRET_EVENT_VIEW,
    SNAPSHOT,
    everything,
)
from tests.matching import NEW_ID
from tests.refusals import EVENT_NOT_FOUND, Answer, refusal


def test_every_event_is_listed_oldest_first(client: Client) -> None:
    assert client.admin("GET", EVENTS) == (200, {"items": [EVENT_VIEW, SECRET_EVENT_VIEW]})


def test_one_event_is_answered_whole(client: Client) -> None:
    assert client.admin("GET", EVENT) == (200, {"item": EVENT_VIEW})


def test_an_event_is_created_with_the_defaults_of_the_baseline(client: Client) -> None:
    expected = {
        "id": NEW_ID,
        "title": "New",
        "slug": "brand-new",
        "description": "",
        "shortDescription": "",
        "longDescription": "",
        "isActive": False,
        "visibility": "private",
        "accessKey": None,
        "hero": {"title": "", "subtitle": "", "ctaText": ""},
        "visualStyle": {"backgroundColor": "#111111", "textColor": "#f5f5f5", "accentColor": "#e50914"},
        "logoUrl": None,
        "highlightVideoUrl": None,
        "brandingProvider": None,
        "brandingPromptVersion": None,
        "brandingGeneratedAt": None,
        "createdAt": "2026-03-01T12:00:00.000Z",
        "updatedAt": "2026-03-01T12:00:00.000Z",
    }
    created = client.admin("POST", EVENTS, NEW_EVENT)
    assert created == Answer(201, {"item": expected})
    assert client.admin("GET", f"{EVENTS}/{created.document['item']['id']}") == (200, {"item": expected})


def test_an_event_is_created_with_everything_that_was_sent_trimmed(client: Client) -> None:
    sent = {
        "title": "  Everything \n",
        "slug": "  Every Thing! ",
        "description": " d ",
        "shortDescription": " s ",
        "longDescription": " l ",
        "isActive": True,
        "visibility": "public",
        "accessKey": " 123456 ",
        "hero": {"title": " h ", "subtitle": " u ", "ctaText": " c "},
        "visualStyle": {"backgroundColor": "#AbCdEf", "textColor": "#000000", "accentColor": "#FFFFFF"},
        "logoUrl": " https://flix.app/logo.png ",
        "highlightVideoUrl": "http://flix.app:8080/v?a=b#c",
    }
    assert client.admin("POST", EVENTS, sent) == (
        201,
        {
            "item": {
                "id": NEW_ID,
                "title": "Everything",
                "slug": "every-thing",
                "description": "s",
                "shortDescription": "s",
                "longDescription": "l",
                "isActive": True,
                "visibility": "public",
                "accessKey": "123456",
                "hero": {"title": "h", "subtitle": "u", "ctaText": "c"},
                "visualStyle": sent["visualStyle"],
                "logoUrl": "https://flix.app/logo.png",
                "highlightVideoUrl": "http://flix.app:8080/v?a=b#c",
                "brandingProvider": None,
                "brandingPromptVersion": None,
                "brandingGeneratedAt": None,
                "createdAt": "2026-03-01T12:00:00.000Z",
                "updatedAt": "2026-03-01T12:00:00.000Z",
            }
        },
    )


def test_no_column_can_be_set_through_a_field_that_is_not_in_the_contract(client: Client) -> None:
    extras = {
        "id": "event-0",
        "createdAt": "2000-01-01T00:00:00.000Z",
        "created_at": "2000-01-01T00:00:00.000Z",
        "updatedAt": "2000-01-01T00:00:00.000Z",
        "brandingProvider": "me",
        "short_description": "sneaked in",
        "hero_title": "sneaked in",
        "unknown": {"deep": [1, 2]},
        "__proto__": {},
    }
    plain = client.admin("POST", EVENTS, {**NEW_EVENT, "slug": "plain"}).document["item"]
    sneaky = client.admin("POST", EVENTS, {**NEW_EVENT, "slug": "sneaky", **extras}).document["item"]
    assert sneaky == {**plain, "id": NEW_ID, "slug": "sneaky"}
    assert client.admin("PUT", EVENT, {"title": "Other", **extras}) == (
        200,
        {"item": {**EVENT_VIEW, "title": "Other", "updatedAt": "2026-03-01T12:00:00.000Z"}},
    )


@pytest.mark.parametrize(
    ("sent", "changed"),
    [
        ({"title": " Other "}, {"title": "Other"}),
        ({"slug": "An other"}, {"slug": "an-other"}),
        ({"slug": "launch"}, {}),
        ({"description": "d"}, {"description": "d", "shortDescription": "d"}),
        ({"shortDescription": "s"}, {"description": "s", "shortDescription": "s"}),
        ({"description": "d", "shortDescription": "s"}, {"description": "s", "shortDescription": "s"}),
        ({"longDescription": ""}, {"longDescription": ""}),
        ({"isActive": False}, {"isActive": False}),
        ({"visibility": "private"}, {"visibility": "private"}),
        ({"accessKey": "654321"}, {"accessKey": "654321"}),
        ({"accessKey": None, "logoUrl": None, "highlightVideoUrl": None}, {"logoUrl": None}),
        (
            {"hero": {"title": "a", "subtitle": "b", "ctaText": "c"}},
            {"hero": {"title": "a", "subtitle": "b", "ctaText": "c"}},
        ),
        (
            {"visualStyle": {"backgroundColor": "#010101", "textColor": "#020202", "accentColor": "#030303"}},
            {"visualStyle": {"backgroundColor": "#010101", "textColor": "#020202", "accentColor": "#030303"}},
        ),
    ],
)
def test_an_update_changes_what_was_sent_and_nothing_else(
    client: Client, sent: dict[str, Any], changed: dict[str, Any]
) -> None:
    expected = {"item": {**EVENT_VIEW, **changed, "updatedAt": "2026-03-01T12:00:00.000Z"}}
    assert client.admin("PUT", EVENT, sent) == (200, expected)
    assert client.admin("GET", EVENT) == (200, expected)


def test_null_clears_the_access_key(client: Client) -> None:
    expected = {"item": {**SECRET_EVENT_VIEW, "accessKey": None, "updatedAt": "2026-03-01T12:00:00.000Z"}}
    assert client.admin("PUT", EVENTS + "/event-2", {"accessKey": None}) == (200, expected)


def test_a_taken_event_slug_is_a_conflict_on_creation_and_on_update(
    client: Client, store: InMemoryContentStore
) -> None:
    before = everything(store)
    conflict = refusal(409, "EVENT_SLUG_CONFLICT", "Another event already has the slug secret")
    assert client.admin("POST", EVENTS, {"title": "Other", "slug": " SECRET! "}) == conflict
    assert client.admin("PUT", EVENT, {"title": "Other", "slug": "secret"}) == conflict
    assert everything(store) == before


def test_a_deleted_event_is_gone_with_its_lessons_and_materials(client: Client) -> None:
    assert client.admin("DELETE", EVENT) == NO_BODY
    assert client.admin("DELETE", EVENT) == EVENT_NOT_FOUND
    assert client.admin("GET", EVENT) == EVENT_NOT_FOUND
    assert client.admin("GET", LESSONS) == EVENT_NOT_FOUND
    assert client.admin("GET", MATERIALS) == EVENT_NOT_FOUND
    assert client.admin("GET", EVENTS) == (200, {"items": [SECRET_EVENT_VIEW]})


def test_the_snapshot_counts_the_whole_installation(client: Client, store: InMemoryContentStore) -> None:
    store.lessons.add(a_lesson(id="upcoming", slug="upcoming", release_at=NOON + MILLISECOND, expires_at=None))
    store.lessons.add(a_lesson(id="expired-1", slug="expired-1", expires_at=NOON))
    store.lessons.add(a_lesson(id="expired-2", slug="expired-2", expires_at=NOON - MILLISECOND))
    assert client.admin("GET", SNAPSHOT) == (
        200,
        {
            "totals": {"events": 2, "lessons": 5},
            "lessonReleaseStatus": {"upcoming": 1, "available": 2, "expired": 2},
        },
    )
