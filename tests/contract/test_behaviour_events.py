"""docs/contract/BEHAVIOUR.md, "Events"."""

import httpx
import pytest

from tests.contract.samples import (
    DEFAULT_STYLE,
    HERO,
    NO_HERO,
    Json,
    catalog_address,
    created,
    event_body,
    new_event,
    parsed,
    public_event,
    unique,
)
from tests.refusals import invalid, refusal

EMPTY_EVENT: Json = {
    "title": "An event",
    "description": "",
    "shortDescription": "",
    "longDescription": "",
    "isActive": False,
    "visibility": "private",
    "accessKey": None,
    "hero": NO_HERO,
    "visualStyle": DEFAULT_STYLE,
    "logoUrl": None,
    "highlightVideoUrl": None,
    "brandingProvider": None,
    "brandingPromptVersion": None,
    "brandingGeneratedAt": None,
}


def event_fields(event: Json) -> Json:
    """The event without what each has of its own."""
    return {key: value for key, value in event.items() if key not in ("id", "createdAt", "updatedAt")}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  {}  ", "{}"),
        ("{} & Friends!", "{}-friends"),
        ("--{}__Ünïcode--", "{}-n-code"),
        ("{}--two", "{}-two"),
        ("{} - two", "{}-two"),
        ("{}/../é", "{}"),
    ],
)
def test_an_event_slug_is_made_of_letters_digits_and_hyphens(admin: httpx.Client, written: str, kept: str) -> None:
    """The slug is trimmed, lower-cased, every run of other characters than a-z, 0-9 and - becomes one -, runs of -
    become one, and leading and trailing - go."""
    own = unique("Event")
    event = new_event(admin, slug=written.format(own))
    assert event["slug"] == kept.format(own.lower())


def test_a_second_event_cannot_have_the_slug(admin: httpx.Client) -> None:
    """It is taken (409 EVENT_SLUG_CONFLICT, on update too) when a stored one of another event equals it"""
    first, second = new_event(admin), new_event(admin)
    conflict = refusal(409, "EVENT_SLUG_CONFLICT", f"Another event already has the slug {first['slug']}")
    assert parsed(admin.post("/api/events", json=event_body(slug=f" {first['slug'].upper()}! "))) == conflict
    assert parsed(admin.put(f"/api/events/{second['id']}", json={"slug": first["slug"]})) == conflict
    assert parsed(admin.get(f"/api/events/{second['id']}")) == (200, {"item": second})


def test_an_event_may_be_given_the_slug_it_has(admin: httpx.Client) -> None:
    """It is taken (409 EVENT_SLUG_CONFLICT, on update too) when a stored one of another event equals it"""
    event = new_event(admin)
    status, body = parsed(admin.put(f"/api/events/{event['id']}", json={"slug": event["slug"]}))
    assert (status, body["item"]) == (200, {**event, "updatedAt": body["item"]["updatedAt"]})


@pytest.mark.parametrize("slug", ["!!!", "---", " é ü ", "東京都"])
def test_a_slug_of_nothing_but_other_characters_is_refused(admin: httpx.Client, slug: str) -> None:
    """A slug that ends up empty is a VALIDATION_ERROR (tightened)."""
    expected = (
        ["must contain a letter from a to z or a digit"]
        if len(slug.strip()) >= 3
        else ["must have at least 3 characters"]
    )
    event = new_event(admin)
    assert parsed(admin.post("/api/events", json=event_body(slug=slug))) == invalid({"slug": expected})
    assert parsed(admin.put(f"/api/events/{event['id']}", json={"slug": slug})) == invalid({"slug": expected})


def test_texts_of_an_event_are_trimmed(admin: httpx.Client) -> None:
    """Texts are trimmed."""
    slug = unique("event")
    event = new_event(
        admin,
        title="  A title\n",
        slug=slug,
        shortDescription=" short ",
        longDescription="\tlong ",
        accessKey=" secret ",
        hero={"title": " a ", "subtitle": " b ", "ctaText": " c "},
        logoUrl=" https://flix.example/logo.png ",
    )
    assert event_fields(event) == {
        **EMPTY_EVENT,
        "title": "A title",
        "slug": slug,
        "description": "short",
        "shortDescription": "short",
        "longDescription": "long",
        "visibility": "public",
        "accessKey": "secret",
        "hero": {"title": "a", "subtitle": "b", "ctaText": "c"},
        "logoUrl": "https://flix.example/logo.png",
    }


@pytest.mark.parametrize(
    ("sent", "short", "long"),
    [
        ({}, "", ""),
        ({"description": "d"}, "d", "d"),
        ({"shortDescription": "s"}, "s", "s"),
        ({"longDescription": "l"}, "", "l"),
        ({"description": "d", "shortDescription": "s"}, "s", "s"),
        ({"description": "d", "longDescription": "l"}, "d", "l"),
        ({"description": "d", "shortDescription": "s", "longDescription": "l"}, "s", "l"),
    ],
)
def test_descriptions_fall_back_to_one_another(admin: httpx.Client, sent: Json, short: str, long: str) -> None:
    """shortDescription falls back to description, then to ""; longDescription falls back to shortDescription,
    then description, then ""."""
    event = new_event(admin, **sent)
    answered = (event["description"], event["shortDescription"], event["longDescription"])
    assert answered == (short, short, long)


@pytest.mark.parametrize(
    ("sent", "short"),
    [
        ({"description": "new"}, "new"),
        ({"shortDescription": "new"}, "new"),
        ({"description": "d", "shortDescription": "new"}, "new"),
        ({"longDescription": "other"}, "old"),
    ],
)
def test_description_is_the_short_description_after_an_update_too(admin: httpx.Client, sent: Json, short: str) -> None:
    """`description` in an answer always equals shortDescription."""
    event = new_event(admin, shortDescription="old", longDescription="long")
    long = sent.get("longDescription", "long")
    status, body = parsed(admin.put(f"/api/events/{event['id']}", json=sent))
    assert status == 200
    assert body["item"] == {
        **event,
        "description": short,
        "shortDescription": short,
        "longDescription": long,
        "updatedAt": body["item"]["updatedAt"],
    }
    assert parsed(admin.get(f"/api/events/{event['id']}")) == (200, body)


def test_an_event_of_title_and_slug_alone_has_defaults(admin: httpx.Client) -> None:
    """Defaults: isActive false, visibility private, accessKey null, hero three empty strings, visualStyle
    #111111 / #f5f5f5 / #e50914."""
    slug = unique("event")
    event = created(admin.post("/api/events", json={"title": "An event", "slug": slug}))
    assert event_fields(event) == {**EMPTY_EVENT, "slug": slug}
    assert event["createdAt"] == event["updatedAt"]


@pytest.mark.parametrize("is_active", [True, False])
def test_an_event_is_found_by_its_slug_even_when_inactive(
    admin: httpx.Client, learner: httpx.Client, is_active: bool
) -> None:
    """An event is addressable by its slug whether or not isActive; isActive says only whether it is listed publicly."""
    event = new_event(admin, isActive=is_active, hero=HERO)
    status, body = parsed(learner.post(catalog_address(event)))
    assert (status, body) == (
        200,
        {
            "event": public_event(event),
            "catalog": {"items": [], "isEmpty": True},
            "serverTime": body["serverTime"],
        },
    )
    listed = [item["id"] for item in learner.get("/api/public/events").json()["items"]]
    assert listed.count(event["id"]) == int(is_active)


def test_events_are_listed_by_creation(admin: httpx.Client) -> None:
    """The event list is ordered by createdAt, oldest first"""
    made = [new_event(admin, title=title) for title in ("Zebra", "Ant", "Mole")]
    status, body = parsed(admin.get("/api/events"))
    items = body["items"]
    assert status == 200
    assert items == sorted(items, key=lambda item: item["createdAt"])
    mine = {event["id"] for event in made}
    assert [item for item in items if item["id"] in mine] == made
