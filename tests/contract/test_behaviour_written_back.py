"""docs/contract/BEHAVIOUR.md, "Envelope": what a read answers can be written back."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import httpx
import pytest

from services.content.repository.store import PeeweeContentStore
from services.kit.storage.database import open_database
from tests.content.examples import a_lesson, an_event
from tests.contract.people import USERS, a_name, invited
from tests.contract.samples import (
    ACCESS_KEY,
    FUTURE,
    HERO,
    NO_HERO,
    Json,
    attached,
    created,
    event_body,
    file_body,
    lesson_address,
    lesson_body,
    materials_address,
    new_event,
    new_lesson,
    new_quiz,
    parsed,
    private_event,
    unique,
)
from tests.installation import Installation
from tests.refusals import invalid

OLD_LOGO = "data:image/png;base64,iVBORw0KGgo="
TOO_SHORT = "must have at least 3 characters"
TOO_LONG = "must have at most 500 characters"
NO_ADDRESS = "must be an http or https address"


def event_address(event: Json) -> str:
    """Return the event's address for admins."""
    return f"/api/events/{event['id']}"


def read(admin: httpx.Client, address: str) -> Json:
    """Return the item that a read answers."""
    response = admin.get(address)
    assert response.status_code == 200, response.text
    return dict(response.json()["item"])


def put(admin: httpx.Client, address: str, body: Json) -> Json:
    """Put the body, and return the item as it is read then."""
    response = admin.put(address, json=body)
    assert response.status_code == 200, response.text
    assert read(admin, address) == response.json()["item"]
    return dict(response.json()["item"])


def records(admin: httpx.Client) -> Mapping[str, tuple[str, Json]]:
    """Return the address of a new record of each kind, and what somebody changes in it."""
    event = private_event(admin, isActive=True, hero=HERO, logoUrl="https://flix.example/logo.png")
    lesson = new_lesson(admin, event, description="How to begin", expiresAt=FUTURE, videoId="vimeo.com/76979871")
    return {
        "an event without anything": (event_address(new_event(admin)), {"title": "Another title"}),
        "an event with everything": (event_address(event), {"title": "Another title"}),
        "a lesson": (lesson_address(lesson), {"title": "Another title"}),
        "a lesson without an end": (lesson_address(new_lesson(admin, event)), {"expiresAt": FUTURE}),
        "a quiz": (f"/api/quizzes/{new_quiz(admin, lesson)['id']}", {"title": "Another title"}),
        "a person": (f"{USERS}/{invited(admin, 'viewer')['item']['id']}", {"role": "editor"}),
    }


def test_what_was_read_is_put_back_with_a_change(admin: httpx.Client) -> None:
    """What a read answers can be written back (widened): what stands under `item` is taken by PUT"""
    for kind, (address, change) in records(admin).items():
        item = read(admin, address)
        for body in (item, {**item, **change}):
            written = put(admin, address, body)
            assert without_ids(written) == without_ids({**body, "updatedAt": written["updatedAt"]}), kind


def without_ids(record: Json) -> Json:
    """Return the record without the ids of a quiz's questions and options."""
    if "questions" not in record:
        return record
    bare = [
        {**each, "id": "", "options": [{**option, "id": ""} for option in each["options"]]}
        for each in record["questions"]
    ]
    return {**record, "questions": bare}


def test_what_was_read_is_posted_under_another_name(admin: httpx.Client) -> None:
    """and by POST with another slug, lesson or user name"""
    event = private_event(admin, isActive=True, hero=HERO, logoUrl="https://flix.example/logo.png")
    lesson, bare = new_lesson(admin, event, expiresAt=FUTURE), new_lesson(admin, event)
    quiz, person = new_quiz(admin, lesson), invited(admin, "viewer")["item"]
    lessons = f"{event_address(event)}/lessons"
    for collection, item, other in (
        ("/api/events", new_event(admin), {"slug": unique("event")}),
        ("/api/events", event, {"slug": unique("event")}),
        (lessons, lesson, {"slug": unique("lesson")}),
        (lessons, bare, {"slug": unique("lesson")}),
        ("/api/quizzes", quiz, {"lessonId": bare["id"]}),
        (USERS, person, {"username": a_name()}),
    ):
        copy = created(admin.post(collection, json={**item, **other}))
        given = ("id", "createdAt", "updatedAt", "initialPasswordEndsAt")
        own: Json = {name: copy[name] for name in given if name in copy}
        assert copy["id"] != item["id"]
        assert without_ids(copy) == without_ids({**item, **other, **own}), collection


def test_materials_that_were_read_are_attached_again(admin: httpx.Client) -> None:
    """materials as `files`, in lists of at most 20."""
    event = new_event(admin)
    lesson, other = new_lesson(admin, event), new_lesson(admin, event)
    for _ in range(2):
        attached(admin, lesson, *(file_body(fileName=f"{unique('file')}.pdf") for _ in range(15)))
    items = admin.get(materials_address(lesson)).json()["items"]
    too_many = parsed(admin.post(materials_address(other), json={"files": items}))
    assert too_many == invalid({"files": ["must have at most 20 items"]})
    copies = [*attached(admin, other, *items[:20]), *attached(admin, other, *items[20:])]
    own = ("id", "lessonId", "createdAt")
    assert [{**copy, **{name: each[name] for name in own}} for copy, each in zip(copies, items, strict=True)] == items


# Rows that an old installation left


@pytest.fixture(scope="module")
def old_store(stack: Installation) -> Iterator[PeeweeContentStore]:
    """Content's own database, to store what no request can."""
    with closing(open_database(stack.environment["CONTENT_DATABASE_URL"])) as database:
        yield PeeweeContentStore(database)


@pytest.mark.parametrize(
    ("columns", "refused"),
    [
        ({"title": "T"}, {"title": [TOO_SHORT]}),
        ({"logo_url": OLD_LOGO}, {"logoUrl": [NO_ADDRESS]}),
        ({"logo_url": None, "highlight_video_url": "ftp://flix.app/a b"}, {"highlightVideoUrl": [NO_ADDRESS]}),
        ({"hero_subtitle": ""}, {"hero": ["subtitle: must have at least 1 characters"]}),
        ({"visibility": "private", "access_key": "abc"}, {"accessKey": ["must have at least 6 characters"]}),
        ({"short_description": "x" * 501}, {name: [TOO_LONG] for name in ("description", "shortDescription")}),
        ({"short_description": "x" * 500}, {}),
    ],
)  # fmt: skip
def test_an_old_event_is_put_back_and_its_copy_judged(
    admin: httpx.Client, old_store: PeeweeContentStore, columns: dict[str, Any], refused: dict[str, list[str]]
) -> None:
    """what stands under `item` is taken by PUT, whatever row is stored, and by POST with another slug, lesson or user
    name as far as it is legal today (else 400 by field)"""
    event = an_event(**{"id": unique("old"), "slug": f"{unique('old')}---event", **columns})
    old_store.events.add(event)
    address = f"/api/events/{event.id}"
    item = read(admin, address)
    changed = put(admin, address, {**item, "longDescription": "Another text"})
    assert changed == {**item, "longDescription": "Another text", "updatedAt": changed["updatedAt"]}
    copied = parsed(admin.post("/api/events", json={**item, "slug": unique("copy")}))
    assert copied.status == 201 if not refused else copied == invalid(refused)


@pytest.mark.parametrize(
    ("columns", "refused"),
    [
        ({"title": "T", "description": "x" * 401}, ["title", "description"]),
        ({"slug": "Part 1/2"}, []),
        ({"video_id": "https://example.com/video.mp4"}, ["videoId"]),
        ({"expires_at": None}, []),
    ],
)
def test_an_old_lesson_is_put_back_and_its_copy_judged(
    admin: httpx.Client, old_store: PeeweeContentStore, columns: dict[str, Any], refused: list[str]
) -> None:
    """whatever row is stored, and by POST with another slug, lesson or user name as far as it is legal today (else 400
    by field)"""
    event = new_event(admin)
    lesson = a_lesson(**{"id": unique("old"), "event_id": event["id"], **columns})
    old_store.lessons.add(lesson)
    address = f"/api/events/{event['id']}/lessons/{lesson.id}"
    item = read(admin, address)
    changed = put(admin, address, {**item, "releaseAt": "2020-01-01T00:00:00.000Z"})
    assert changed == {**item, "releaseAt": "2020-01-01T00:00:00.000Z", "updatedAt": changed["updatedAt"]}
    copied = admin.post(f"/api/events/{event['id']}/lessons", json={**item, "slug": unique("copy")})
    if refused:
        assert (copied.status_code, list(copied.json()["details"]["fieldErrors"])) == (400, refused)
    else:
        assert copied.status_code == 201, copied.text


def test_only_a_value_that_changes_is_judged(admin: httpx.Client, old_store: PeeweeContentStore) -> None:
    """A field whose value equals the stored one is not judged anew."""
    event = an_event(id=unique("old"), slug=unique("old"), title="T", logo_url=OLD_LOGO, hero_subtitle="")
    old_store.events.add(event)
    address = f"/api/events/{event.id}"
    item = read(admin, address)
    refused = parsed(admin.put(address, json={**item, "title": "U"}))
    assert refused == invalid({"title": [TOO_SHORT]})
    refused = parsed(admin.put(address, json={**item, "hero": {**item["hero"], "title": ""}}))
    assert refused == invalid({"hero": ["title: must have at least 1 characters"]})
    hero = {**item["hero"], "title": "Another"}
    changed = put(admin, address, {**item, "title": "A title", "hero": hero})
    assert changed == {**item, "title": "A title", "hero": hero, "updatedAt": changed["updatedAt"]}


# Single fields


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"description": "new"}, "new"),
        ({"shortDescription": "new"}, "new"),
        ({"description": "new", "shortDescription": "old"}, "new"),
        ({"description": "new", "shortDescription": " old "}, "new"),
        ({"description": "old", "shortDescription": "new"}, "new"),
        ({"description": "first", "shortDescription": "second"}, "second"),
        ({"description": "new", "shortDescription": ""}, ""),
        ({"description": "x" * 500, "shortDescription": "old"}, "x" * 500),
    ],
)
def test_the_description_that_differs_wins(admin: httpx.Client, sent: Json, stored: str) -> None:
    """Of description and shortDescription in an update the one that differs from the stored value wins; if both differ,
    shortDescription."""
    event = new_event(admin, shortDescription="old", longDescription="long")
    changed = put(admin, event_address(event), {**event, **sent})
    assert (changed["description"], changed["shortDescription"], changed["longDescription"]) == (stored, stored, "long")
    alone = new_event(admin, shortDescription="old")
    assert put(admin, event_address(alone), sent)["shortDescription"] == stored


def test_null_in_a_creation_is_as_if_not_sent(admin: httpx.Client) -> None:
    """On creation null is as if not sent"""
    body, bare = event_body(), new_event(admin)
    event = created(admin.post("/api/events", json={**dict.fromkeys(bare), **body}))
    own = {name: event[name] for name in ("id", "slug", "createdAt", "updatedAt")}
    assert event == {**bare, **own}
    names = ("description", "videoProvider", "videoId", "expiresAt")
    lesson = created(admin.post(f"{event_address(event)}/lessons", json={**dict.fromkeys(names), **lesson_body()}))
    assert [lesson[name] for name in names] == ["", "youtube", lesson["slug"], None]
    without_a_title = parsed(admin.post("/api/events", json=event_body(title=None)))
    assert without_a_title == invalid({"title": ["is required"]})


def test_null_in_an_update_clears_what_may_be_null(admin: httpx.Client) -> None:
    """on update it clears, where the answer may hold null."""
    addresses = dict.fromkeys(("logoUrl", "highlightVideoUrl"), "https://flix.example/x")
    event = new_event(admin, accessKey=ACCESS_KEY, **addresses)
    nothing: Json = dict.fromkeys(("accessKey", "logoUrl", "highlightVideoUrl"))
    changed = put(admin, event_address(event), nothing)
    assert changed == {**event, **nothing, "updatedAt": changed["updatedAt"]}
    lesson = new_lesson(admin, event, expiresAt=FUTURE)
    assert put(admin, lesson_address(lesson), {**lesson, "expiresAt": None})["expiresAt"] is None
    for name in ("title", "shortDescription", "isActive", "visibility", "hero", "visualStyle"):
        response = admin.put(event_address(event), json={**event, name: None})
        assert (response.status_code, list(response.json()["details"]["fieldErrors"])) == (400, [name])


def test_a_hero_of_three_empty_strings_is_none(admin: httpx.Client) -> None:
    """A hero of three empty strings means none."""
    assert new_event(admin, hero=NO_HERO)["hero"] == NO_HERO
    event = new_event(admin, hero=HERO)
    assert put(admin, event_address(event), {**event, "hero": NO_HERO})["hero"] == NO_HERO
    refused = invalid({"hero": ["ctaText: must have at least 1 characters"]})
    half = {**HERO, "ctaText": ""}
    assert parsed(admin.post("/api/events", json=event_body(hero=half))) == refused


def test_fields_that_only_answers_have_are_ignored(admin: httpx.Client) -> None:
    """Fields that only answers have are ignored, as unknown fields are."""
    event = new_event(admin)
    answered: Json = {
        "id": "mine",
        "createdAt": FUTURE,
        "updatedAt": None,
        "brandingProvider": "me",
        "brandingPromptVersion": 7,
        "brandingGeneratedAt": [],
    }
    changed = put(admin, event_address(event), {**event, **answered, "title": "Another title"})
    assert changed == {**event, "title": "Another title", "updatedAt": changed["updatedAt"]}
    lesson = new_lesson(admin, event)
    answered = {"id": 1, "eventId": "another", "createdAt": FUTURE, "updatedAt": "", "status": "locked"}
    changed = put(admin, lesson_address(lesson), {**lesson, **answered})
    assert changed == {**lesson, "updatedAt": changed["updatedAt"]}
    assert parsed(
        admin.put(event_address(event), json={"id": event["id"], "createdAt": event["createdAt"]})
    ) == invalid(form=["At least one field is required"])
