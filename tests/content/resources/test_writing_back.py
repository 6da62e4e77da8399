"""What a read answers is written back, whatever row is stored."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import orjson
import peewee
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.content import rules
from services.content.entities import Event, Lesson, VideoProvider
from services.content.repository.store import PeeweeContentStore
from services.content.schemas.events import event_changes, event_view
from services.content.schemas.lessons import lesson_changes, lesson_view
from services.kit.core.instants import truncated
from tests.clock import LATER, MILLISECOND, NOON
from tests.content.client import Client, content_app
from tests.content.examples import a_lesson, a_material, an_event
from tests.content.memory import InMemoryContentStore
from tests.content.resources.answers import EVENT, EVENTS, LESSON, LESSONS, MATERIALS, SOME_TEXT
from tests.contract.samples import HERO, NO_HERO
from tests.matching import NEW_ID, Matching
from tests.refusals import invalid

AT_NOON = "2026-03-01T12:00:00.000Z"

OLD_LOGO = "data:image/png;base64,iVBORw0KGgo="

# Rows that an old installation may hold and that no request creates today, and the fields that a creation refuses.
OLD_EVENTS: Mapping[str, tuple[Mapping[str, Any], set[str]]] = {
    "no logo": ({"logo_url": None, "hero_title": "", "hero_subtitle": "", "hero_cta_text": ""}, set()),
    "a long short description": ({"short_description": "x" * 500}, set()),
    "texts beyond today's bounds": (
        {"title": "T", "short_description": "x" * 501, "long_description": "x" * 4001},
        {"title", "description", "shortDescription", "longDescription"},
    ),
    "a logo in the address": ({"logo_url": OLD_LOGO}, {"logoUrl"}),
    "a relative logo": (
        {"logo_url": "/logo.png", "highlight_video_url": "ftp://flix.app/a b"},
        {"logoUrl", "highlightVideoUrl"},
    ),
    "a hero of a title alone": ({"hero_subtitle": "", "hero_cta_text": ""}, {"hero"}),
    "a colour by its name": ({"text_color": "red"}, {"visualStyle"}),
    "a short key": ({"visibility": "private", "access_key": "abc"}, {"accessKey"}),
    "a key of nothing": ({"visibility": "private", "access_key": ""}, {"accessKey"}),
    "a slug in another form": ({"slug": "Launch---march_"}, set()),
    "untrimmed texts": ({"title": " The\u200b launch\n", "short_description": " Short \r\n"}, set()),
    "branding": (
        {"branding_provider": "gemini", "branding_prompt_version": "v1", "branding_generated_at": NOON},
        set(),
    ),
}
OLD_LESSONS: Mapping[str, tuple[Mapping[str, Any], set[str]]] = {
    "never expires": ({"expires_at": None}, set()),
    "texts beyond today's bounds": ({"title": "", "description": "x" * 401}, {"title", "description"}),
    "a slug with a slash": ({"slug": "Part 1/2"}, set()),
    "an address as its video": ({"video_id": "https://vimeo.com/76979871"}, {"videoProvider"}),
    "a video without an id": ({"video_id": ""}, {"videoId"}),
    "a long id": ({"video_id": "x" * 2001}, {"videoId"}),
    "a window of a millisecond": ({"release_at": NOON, "expires_at": NOON + MILLISECOND}, set()),
}  # fmt: skip
OLD_FILES: Mapping[str, tuple[Mapping[str, Any], str | None]] = {
    "a plain file": ({}, None),
    "a long name": ({"file_name": "x" * 201}, "0.fileName: "),
    "an address with a password": ({"download_url": "https://user:word@flix.app/a.pdf"}, "0.downloadUrl: "),
}


@pytest.fixture
def database_store(content_database: peewee.Database) -> PeeweeContentStore:
    """Return an empty store on each engine in turn."""
    return PeeweeContentStore(content_database)


@pytest.fixture
def database_client(database_store: PeeweeContentStore) -> Iterator[Client]:
    """Return a client of content over that store."""
    with Client.of(content_app(database_store)) as client:
        yield client


def check_written_back(client: Client, collection: str, address: str, refused: set[str]) -> None:
    """Read the record, put all of it back, put it back with another title, and post it with another slug."""
    item = client.admin("GET", address).document["item"]
    assert client.admin("PUT", address, item) == (200, {"item": {**item, "updatedAt": AT_NOON}})
    changed = {**item, "title": "Another title"}
    assert client.admin("PUT", address, changed) == (200, {"item": {**changed, "updatedAt": AT_NOON}})
    assert client.admin("GET", address) == (200, {"item": {**changed, "updatedAt": AT_NOON}})

    response = client.admin("POST", collection, {**item, "slug": "another"})
    if refused:
        assert response == invalid({field: response.document["details"]["fieldErrors"].get(field) for field in refused})
    else:
        copied = {name: value.strip() if isinstance(value, str) else value for name, value in item.items()}
        own = {"id": NEW_ID, "slug": "another", "createdAt": AT_NOON, "updatedAt": AT_NOON}
        unwritten = {name: None for name in item if name.startswith("branding")}
        assert response == (201, {"item": {**copied, **unwritten, **own}})


@pytest.mark.parametrize("columns", OLD_EVENTS)
def test_an_event_is_read_and_put_back(
    database_store: PeeweeContentStore, database_client: Client, columns: str
) -> None:
    old, refused = OLD_EVENTS[columns]
    database_store.events.add(an_event(**old))
    check_written_back(database_client, EVENTS, EVENT, refused)


@pytest.mark.parametrize("columns", OLD_LESSONS)
def test_a_lesson_is_read_and_put_back(
    database_store: PeeweeContentStore, database_client: Client, columns: str
) -> None:
    old, refused = OLD_LESSONS[columns]
    database_store.events.add(an_event())
    database_store.lessons.add(a_lesson(**old))
    check_written_back(database_client, LESSONS, LESSON, refused)


@pytest.mark.parametrize("columns", OLD_FILES)
def test_materials_are_read_and_attached_again(
    database_store: PeeweeContentStore, database_client: Client, columns: str
) -> None:
    old, flaw = OLD_FILES[columns]
    database_store.events.add(an_event())
    database_store.lessons.add(a_lesson())
    database_store.materials.add_all([a_material(**old)])
    items = database_client.admin("GET", MATERIALS).document["items"]
    response = database_client.admin("POST", MATERIALS, {"files": items})
    if flaw is None:
        assert response == (201, {"items": [{**each, "id": NEW_ID, "createdAt": AT_NOON} for each in items]})
    else:
        assert response == invalid({"files": [Matching(f"{flaw}.+")]})


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INSTANTS = st.datetimes(max_value=datetime(9999, 1, 1), timezones=st.just(UTC)).map(truncated)
STORED_EVENTS = st.builds(
    an_event,
    **dict.fromkeys(("title", "slug", "short_description", "long_description"), TEXTS),
    **dict.fromkeys(("hero_title", "hero_subtitle", "hero_cta_text"), TEXTS | st.just("")),
    **dict.fromkeys(("background_color", "text_color", "accent_color"), TEXTS),
    **dict.fromkeys(("access_key", "logo_url", "highlight_video_url", "branding_provider"), st.none() | TEXTS),
    is_active=st.booleans(),
    visibility=st.sampled_from(["public", "private"]),
    branding_generated_at=st.none() | INSTANTS,
)
STORED_LESSONS = st.builds(
    a_lesson,
    **dict.fromkeys(("title", "slug", "description", "video_id"), TEXTS),
    video_provider=st.sampled_from(get_args(VideoProvider)),
    release_at=st.shared(INSTANTS, key="release"),
    expires_at=st.none() | st.shared(INSTANTS, key="release").map(lambda release_at: release_at + MILLISECOND),
)


def sent_again(view: Any) -> Any:
    """Return the view as a client sends it back."""
    return orjson.loads(orjson.dumps(view))


@given(STORED_EVENTS)
def test_any_stored_event_stays_as_it_is_when_it_is_put_back(event: Event) -> None:
    changes = event_changes(sent_again(event_view(event)), event)
    assert rules.changed_event(event, changes, LATER) == replace(event, updated_at=LATER, version=2)


@given(STORED_LESSONS)
def test_any_stored_lesson_stays_as_it_is_when_it_is_put_back(lesson: Lesson) -> None:
    changes = lesson_changes(sent_again(lesson_view(lesson)), lesson)
    assert rules.changed_lesson(lesson, changes, LATER) == replace(lesson, updated_at=LATER, version=2)


TITLE_ALONE = {"title": "Learn", "subtitle": "", "ctaText": ""}
TOO_SHORT = "must have at least 1 characters"


@pytest.mark.parametrize(
    ("stored", "sent", "flaws"),
    [
        (NO_HERO, NO_HERO, None),
        (TITLE_ALONE, TITLE_ALONE, None),
        (TITLE_ALONE, NO_HERO, None),
        (TITLE_ALONE, {**TITLE_ALONE, "title": "Teach"}, None),
        (TITLE_ALONE, {**TITLE_ALONE, "subtitle": "Today"}, None),
        (TITLE_ALONE, {"title": "Teach", "ctaText": ""}, ["subtitle: is required"]),
        (TITLE_ALONE, {**TITLE_ALONE, "more": ""}, ["more: is not a known field"]),
        (HERO, NO_HERO, None),
        (HERO, {**HERO, "title": ""}, [f"title: {TOO_SHORT}"]),
        (HERO, TITLE_ALONE, [f"subtitle: {TOO_SHORT}", f"ctaText: {TOO_SHORT}"]),
        (NO_HERO, TITLE_ALONE, [f"subtitle: {TOO_SHORT}", f"ctaText: {TOO_SHORT}"]),
        (NO_HERO, {**HERO, "title": "x" * 121}, ["title: must have at most 120 characters"]),
    ],
)  # fmt: skip
def test_a_hero_is_judged_by_the_texts_that_differ(
    store: InMemoryContentStore, client: Client, stored: dict[str, str], sent: dict[str, str], flaws: list[str] | None
) -> None:
    texts = {"hero_title": stored["title"], "hero_subtitle": stored["subtitle"], "hero_cta_text": stored["ctaText"]}
    store.events.save(an_event(**texts))
    response = client.admin("PUT", EVENT, {"hero": sent})
    if flaws is None:
        assert (response.status, response.document["item"]["hero"]) == (200, sent)
    else:
        assert response == invalid({"hero": [Matching(re.escape(flaw)) for flaw in flaws]})


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        # Values that change are judged, also beside old ones that do not.
        ({"title": "U", "logoUrl": OLD_LOGO}, {"title": ["must have at least 3 characters"]}),
        ({"title": "T", "logoUrl": "data:,x"}, {"logoUrl": ["must be an http or https address"]}),
        # A number is no boolean, and null clears what the answer may hold as null only.
        ({"isActive": 1}, {"isActive": [SOME_TEXT]}),
        ({"description": None, "hero": None}, {"description": [SOME_TEXT], "hero": [SOME_TEXT]}),
    ],
)  # fmt: skip
def test_what_differs_from_the_stored_value_is_judged(
    store: InMemoryContentStore, client: Client, sent: dict[str, Any], refused: dict[str, list[Any]]
) -> None:
    store.events.save(an_event(title="T", logo_url=OLD_LOGO))
    assert client.admin("PUT", EVENT, sent) == invalid(refused)


def test_a_provider_is_judged_with_the_address_that_comes_with_it(client: Client) -> None:
    item = client.admin("GET", LESSON).document["item"]
    sent = {**item, "videoId": "https://vimeo.com/76979871"}
    refusal = invalid({"videoProvider": ["must be vimeo, as in the address in videoId, or absent"]})
    assert client.admin("PUT", LESSON, sent) == refusal
    del sent["videoProvider"]
    assert client.admin("PUT", LESSON, sent).document["item"]["videoProvider"] == "vimeo"


@pytest.mark.parametrize("path", [f"{EVENTS}/unknown", f"{LESSONS}/unknown"])
def test_a_wrong_body_is_refused_before_the_record_is_looked_up(client: Client, path: str) -> None:
    assert client.admin("PUT", path, {"title": "T"}) == invalid({"title": ["must have at least 3 characters"]})
    assert client.admin("PUT", path, {"title": "A title"}).status == 404


@pytest.mark.parametrize("typed", ["Launch---March", " launch---march\t"])
def test_an_old_slug_that_is_typed_otherwise_stays_as_it_is(
    store: InMemoryContentStore, client: Client, typed: str
) -> None:
    store.events.save(an_event(slug="launch---march"))
    response = client.admin("PUT", EVENT, {"slug": typed, "title": "Another"})
    assert (response.status, response.document["item"]["slug"]) == (200, "launch---march")
